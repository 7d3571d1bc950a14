//! One compilation and one change, for an instrument that counts instructions.

use std::hint::black_box;

use nanami_model::Intent;
use nanami_plan::{Desired, Selection, compile};

use crate::workload::{Kind, regrouped, workload};

/// Makes the workload, compiles it once and derives one change once.
pub(crate) fn run(kind: Kind, peers: usize, groups: usize) {
    let intent = workload(kind, peers, groups);
    let next = regrouped(&intent, 0, groups / 2);
    let desired = compile_once(&intent);
    println!("{} are told", change_once(&desired, &next));
}

#[inline(never)]
fn compile_once(intent: &Intent) -> Desired {
    compile(black_box(intent), &Selection::default())
}

#[inline(never)]
fn change_once(desired: &Desired, next: &Intent) -> usize {
    desired.what_if(black_box(next)).recipients().len()
}

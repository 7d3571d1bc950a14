//! One compilation and one change, for an instrument that counts instructions.

use std::hint::black_box;

use nanami_model::{Flow, Intent, Observed, Timestamp};
use nanami_plan::{Desired, Explanation, Selection, compile};

use crate::measure::refused;
use crate::workload::{Kind, regrouped, workload};

/// Makes the workload, compiles it once, derives one change once, and explains once why something is refused.
pub(crate) fn run(kind: Kind, peers: usize, groups: usize) {
    let intent = workload(kind, peers, groups);
    let next = regrouped(&intent, 0, groups / 2);
    let desired = compile_once(&intent);
    println!("{} are told", change_once(&desired, &next));
    if let Some(flow) = refused(&desired).next() {
        println!("{} fixes", refuse_once(&desired, &flow));
    }
}

#[inline(never)]
fn refuse_once(desired: &Desired, flow: &Flow) -> usize {
    match desired.beside(Observed::none(), Timestamp::from_millis(0)).explain(black_box(flow)) {
        Explanation::Denied(denied) => denied.fixes().len(),
        Explanation::Allowed(_) => 0,
    }
}

#[inline(never)]
fn compile_once(intent: &Intent) -> Desired {
    compile(black_box(intent), &Selection::default())
}

#[inline(never)]
fn change_once(desired: &Desired, next: &Intent) -> usize {
    desired.what_if(black_box(next)).recipients().len()
}

//! One of each thing that takes long, for an instrument that counts instructions.

use std::hint::black_box;

use nanami_model::{Flow, Intent, Observed, Timestamp};
use nanami_plan::{Base, Desired, Explanation, Selection, compile, plan};

use crate::measure::{edits, refused, regrouped_peers};
use crate::workload::{Kind, regrouped, workload};

/// Makes the workload, compiles it once, derives one change once, explains once why something is refused, and plans once what a
/// hundredth of the peers change; then derives each of the changes that P5 is measured with.
pub(crate) fn run(kind: Kind, peers: usize, groups: usize) {
    let intent = workload(kind, peers, groups);
    let next = regrouped(&intent, 0, groups / 2);
    let desired = compile_once(&intent);
    println!("{} are told", change_once(&desired, &next));
    if let Some(flow) = refused(&desired).next() {
        println!("{} fixes", refuse_once(&desired, &flow));
    }
    if let Some(next) = regrouped_peers(&intent, kind, peers, groups) {
        let after = desired.what_if(&next).desired().clone();
        println!("{} have steps", plan_once(&Base::settled(&desired), &after));
    }
    let told: usize = edits(&intent, kind, peers, groups).iter().map(|next| change_each(&desired, next)).sum();
    println!("{told} are told of all changes");
}

#[inline(never)]
fn plan_once(base: &Base, after: &Desired) -> usize {
    plan(black_box(base), after, Observed::none(), Timestamp::from_millis(0)).peers().len()
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

#[inline(never)]
fn change_each(desired: &Desired, next: &Intent) -> usize {
    desired.what_if(black_box(next)).recipients().len()
}

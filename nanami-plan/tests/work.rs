//! What it takes to plan a change follows from the change, not from the workspace. Memory is the meter: whatever is looked at pair by
//! pair, or made for everybody, is allocated.
#![allow(clippy::unwrap_used, dead_code, reason = "tests")]

#[path = "../examples/scale/counting.rs"]
mod counting;
#[path = "../examples/scale/workload.rs"]
mod workload;

use nanami_model::{Observed, Timestamp};
use nanami_plan::{Base, Selection, compile, plan};
use workload::{Kind, many_regrouped};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// The bytes that planning the same number of changes takes, in groups of twenty peers.
fn bytes(kind: Kind, peers: usize) -> usize {
    let intent = workload::workload(kind, peers, peers / 20);
    let before = compile(&intent, &Selection::default());
    let after = before.what_if(&many_regrouped(&intent, 40, peers, peers / 20)).desired().clone();
    let base = Base::settled(&before);
    let start = counting::total();
    let plan = plan(&base, &after, Observed::none(), Timestamp::from_millis(0));
    let bytes = counting::total() - start;
    assert!(plan.peers().len() > 40);
    bytes
}

// One test, for the counter counts what every thread of this binary allocates.
#[test]
fn planning_a_change_takes_what_the_change_takes() {
    for kind in [Kind::W1, Kind::W2] {
        let (small, large) = (bytes(kind, 1600), bytes(kind, 6400));
        assert!(large * 2 < small * 3, "{kind:?}: {small} bytes became {large} in a workspace of four times the size");
    }
}

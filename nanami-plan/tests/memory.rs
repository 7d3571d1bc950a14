//! Walking a node in memory that was used before allocates nothing (PLANNING.md P1).
#![allow(clippy::unwrap_used, dead_code, reason = "tests")]

#[path = "../examples/scale/counting.rs"]
mod counting;
#[path = "../examples/scale/workload.rs"]
mod workload;

use nanami_plan::{Expansion, Selection, compile};
use workload::{Kind, peer_id};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

// One test, for the counter counts what every thread of this binary allocates.
#[test]
fn walking_a_node_again_allocates_nothing() {
    for (kind, groups) in [(Kind::W1, 5), (Kind::W4, 5), (Kind::W2, 5), (Kind::W3, 1), (Kind::W5, 1), (Kind::W6, 1)] {
        let desired = compile(&workload::workload(kind, 200, groups), &Selection::default());
        let mut expansion = Expansion::default();
        // In W1 the deny between the first two groups speaks of it; it bears no gateway.
        let node = desired.node(peer_id(50)).unwrap();
        let mut entries = [0usize; 2];
        node.expand(&mut expansion, |_| entries[0] += 1);
        let before = counting::allocations();
        node.expand(&mut expansion, |_| entries[1] += 1);
        assert_eq!(counting::allocations() - before, 0, "{kind:?}");
        assert!(entries[0] > 1 && entries[0] == entries[1], "{kind:?}: {entries:?}");
    }
}

//! What compiling, one change, its recipients, its effect and one node's expansion cost, on W1 and W4 of PLANNING.md section 7.
//!
//! `cargo bench -p nanami-plan --bench engine`; `examples/scale` prints the same as one JSON object for any size.
#![allow(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]

#[path = "../examples/scale/workload.rs"]
mod workload;

use std::sync::OnceLock;

use divan::{AllocProfiler, Bencher, black_box};
use nanami_model::{Intent, Observed, Timestamp};
use nanami_plan::{Base, Desired, Expansion, Selection, compile, plan};
use workload::{Kind, many_regrouped, peer_id, regrouped, workload};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const CASES: [(Kind, usize, usize); 4] =
    [(Kind::W1, 10_000, 200), (Kind::W1, 100_000, 1000), (Kind::W4, 10_000, 200), (Kind::W4, 100_000, 1000)];

fn main() {
    divan::main();
}

/// The state of a case and the intent after one peer went to another group, made once.
fn case(case: &(Kind, usize, usize)) -> &'static (Desired, Intent) {
    static MADE: [OnceLock<(Desired, Intent)>; 4] = [const { OnceLock::new() }; 4];
    let at = CASES.iter().position(|known| known == case).unwrap();
    MADE[at].get_or_init(|| {
        let intent = workload(case.0, case.1, case.2);
        let next = regrouped(&intent, 0, case.2 / 2);
        (compile(&intent, &Selection::default()), next)
    })
}

#[divan::bench(args = CASES)]
fn compiled(bencher: Bencher<'_, '_>, at: (Kind, usize, usize)) {
    let (desired, _) = case(&at);
    bencher.bench(|| compile(black_box(desired.intent()), &Selection::default()));
}

#[divan::bench(args = CASES)]
fn one_change_and_whom_it_concerns(bencher: Bencher<'_, '_>, at: (Kind, usize, usize)) {
    let (desired, next) = case(&at);
    bencher.bench(|| desired.what_if(black_box(next)).recipients().len());
}

#[divan::bench(args = CASES)]
fn one_change_and_its_effect(bencher: Bencher<'_, '_>, at: (Kind, usize, usize)) {
    let (desired, next) = case(&at);
    bencher.bench(|| desired.what_if(black_box(next)).effect().gained().count());
}

/// One peer in a hundred goes to another group.
#[divan::bench(args = CASES)]
fn the_plan_of_a_change_of_a_hundredth(bencher: Bencher<'_, '_>, at: (Kind, usize, usize)) {
    let (desired, _) = case(&at);
    let next = many_regrouped(desired.intent(), at.1 / 100, at.1, at.2);
    let (base, after) = (Base::settled(desired), desired.what_if(&next).desired().clone());
    bencher.bench(|| plan(black_box(&base), &after, Observed::none(), Timestamp::from_millis(0)).peers().len());
}

#[divan::bench(args = CASES)]
fn one_node_entry_by_entry(bencher: Bencher<'_, '_>, at: (Kind, usize, usize)) {
    let (desired, _) = case(&at);
    let mut expansion = Expansion::default();
    bencher.bench_local(|| {
        let mut entries = 0u64;
        desired.node(peer_id(0)).unwrap().expand(&mut expansion, |_| entries += 1);
        entries
    });
}

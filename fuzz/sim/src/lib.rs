//! Nanami's tunnel engine in a simulated world: one seed, the same bytes.
//!
//! A few hosts, each with an engine on a machine of its own ([`clock`]), send each other packets over a network that loses,
//! repeats, overtakes, corrupts and cuts; some are behind NATs. Hosts crash, sleep, roam and set their clocks; control changes
//! what they are told, late, twice and out of order; somebody records and repeats. Throughout, `oracle` holds every datagram and
//! packet against what was sent and allowed, and `memory` what an engine holds against what it may; whenever faults stop,
//! everybody has to reach everybody again (`healing`). Everything follows from the seed:
//!
//! ```console
//! $ cargo run --release -p nanami-sim -- 17
//! $ cargo run --release -p nanami-sim -- 0..20000
//! ```
//!
//! A program of its own, never published, that nothing depends on: it stands in for symbols of libc.
#![cfg(target_os = "linux")]

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub mod clock;
#[path = "../../../nanami-tunnel/tests/common/counting.rs"]
mod counting;
mod healing;
mod host;
mod ledger;
pub mod memory;
mod nat;
pub mod node;
mod oracle;
mod packet;
mod places;
mod random;
mod report;
mod setup;
mod storm;
mod telling;
mod traffic;
mod wire;
mod world;

pub use report::{Rare, Report};

/// The world of one seed, for so long.
///
/// # Panics
/// If anything does not hold in it.
pub fn run(seed: u64, length: Duration) -> Report {
    world::World::new(seed).live(length.as_micros() as u64)
}

/// The worlds of many seeds, on all cores. What went wrong in each comes with the command that repeats it.
///
/// # Errors
/// A line for each seed whose world broke, by seed.
pub fn run_all(seeds: std::ops::Range<u64>, length: Duration) -> Result<Vec<Report>, Vec<String>> {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut outcomes = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return outcomes;
            }
            outcomes.push((seed, panic::catch_unwind(AssertUnwindSafe(|| run(seed, length)))));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("what panics is caught")).collect()
    });
    outcomes.sort_by_key(|(seed, _)| *seed);
    let (mut reports, mut broken) = (Vec::new(), Vec::new());
    for (seed, outcome) in outcomes {
        match outcome {
            Ok(report) => reports.push(report),
            Err(panic) => broken.push(format!("seed {seed}: {}; repeat it with: {COMMAND} {seed}", said(&*panic))),
        }
    }
    if broken.is_empty() { Ok(reports) } else { Err(broken) }
}

fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panics without words")
}

/// How long a world lives: TESTING.md.
pub const HOUR: Duration = Duration::from_secs(3600);

/// What runs one seed.
const COMMAND: &str = "cargo run --release -p nanami-sim --";

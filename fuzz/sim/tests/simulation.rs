//! Many worlds, each from its seed: what has to hold in all of them, and that they are not idle.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::Command;
use std::time::Duration;

use nanami_sim::{HOUR, Rare, run, run_all};

/// How many worlds live, each for a simulated hour: TESTING.md.
const SEEDS: std::ops::Range<u64> = 0..200;

#[test]
fn an_hour_of_each_of_200_worlds_breaks_nothing_and_meets_everything_that_is_rare() {
    let reports = run_all(SEEDS, HOUR).unwrap_or_else(|broken| panic!("{}", broken.join("\n")));
    let mut all = Rare::default();
    reports.iter().for_each(|report| all.merge(&report.rare));
    for (what, times) in all.expected().chain(all.measured()) {
        println!("{times:>10} {what}");
    }
    let never: Vec<_> = all.expected().filter(|(_, times)| *times == 0).map(|(what, _)| what).collect();
    assert!(never.is_empty(), "in {} worlds there were no {never:?}", reports.len());
}

#[test]
fn the_same_seed_gives_the_same_bytes_in_one_process_and_in_another() {
    let length = Duration::from_secs(1200);
    for seed in 0..4 {
        assert_eq!(run(seed, length), run(seed, length), "seed {seed}");
    }
    assert_ne!(run(0, length).digest, run(1, length).digest);
    let seed = 5;
    let other = Command::new(env!("CARGO_BIN_EXE_nanami-sim")).arg(seed.to_string()).output().unwrap();
    let said = String::from_utf8(other.stdout).unwrap();
    assert_eq!(said.lines().next(), Some(&*format!("{seed} {}", run(seed, HOUR).digest)), "{said}");
}

#[test]
fn a_world_that_breaks_says_which_command_repeats_it() {
    // An hour is too short for what a world foresees at its end.
    let broken = run_all(7..8, Duration::from_secs(1)).unwrap_err();
    assert!(
        broken[0].starts_with("seed 7: ") && broken[0].ends_with("cargo run --release -p nanami-sim -- 7"),
        "{broken:?}"
    );
}

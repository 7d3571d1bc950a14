//! Runs worlds by their seeds: `nanami-sim SEED` or `nanami-sim FIRST..END`.

use std::process::ExitCode;

use nanami_sim::{HOUR, Rare, run_all};

fn main() -> ExitCode {
    let Some(seeds) = std::env::args().nth(1).as_deref().and_then(seeds) else {
        eprintln!("nanami-sim: give a seed, or seeds as FIRST..END");
        return ExitCode::from(2);
    };
    let single = seeds.end - seeds.start == 1;
    let reports = match run_all(seeds, HOUR) {
        Ok(reports) => reports,
        Err(broken) => {
            broken.iter().for_each(|line| println!("{line}"));
            return ExitCode::FAILURE;
        }
    };
    let mut all = Rare::default();
    for report in &reports {
        println!("{} {}", report.seed, report.digest);
        all.merge(&report.rare);
    }
    for (what, times) in all.expected().chain(all.measured()).filter(|(_, times)| !single || *times > 0) {
        println!("{times:>10} {what}");
    }
    ExitCode::SUCCESS
}

fn seeds(text: &str) -> Option<std::ops::Range<u64>> {
    match text.split_once("..") {
        Some((first, end)) => Some(first.parse().ok()?..end.parse().ok()?),
        None => text.parse().ok().map(|seed: u64| seed..seed + 1),
    }
}

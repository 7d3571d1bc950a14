//! How fast the planner is, and how much memory it takes, on workloads of any size: one JSON object per run.
//!
//! `cargo run --release -p nanami-plan --example scale -- --workload w1 --peers 10000 --groups 200 --json`
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a measurement reads the clock and its arguments, and prints"
)]

mod counting;
mod measure;
mod workload;

use workload::Kind;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

const USAGE: &str = "scale [--workload w1..w6] [--peers N] [--groups G] [--json]";

struct Arguments {
    kind: Kind,
    peers: usize,
    groups: usize,
    json: bool,
}

fn main() -> Result<(), String> {
    let arguments = arguments()?;
    let report = measure::run(arguments.kind, arguments.peers, arguments.groups);
    match arguments.json {
        true => println!("{report}"),
        false => report.as_object().into_iter().flatten().for_each(|(name, value)| println!("{name:<16} {value}")),
    }
    Ok(())
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments { kind: Kind::W1, peers: 10_000, groups: 200, json: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value; {USAGE}"));
        let number = |text: String| text.parse::<usize>().ok().filter(|n| *n > 0).ok_or(format!("{text} is no number"));
        match word.as_str() {
            "--workload" => found.kind = value()?.parse()?,
            "--peers" => found.peers = number(value()?)?,
            "--groups" => found.groups = number(value()?)?,
            "--json" => found.json = true,
            _ => return Err(format!("{word} is not understood; {USAGE}")),
        }
    }
    Ok(found)
}

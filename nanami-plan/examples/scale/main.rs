//! How fast the planner is, and how much memory it takes, on workloads of any size: one JSON object per run.
//!
//! `cargo run --release -p nanami-plan --example scale -- --workload w1 --peers 10000 --groups 200 --json`
//!
//! Times depend on what else the machine does; instructions do not. With `--count` a run makes the workload, compiles it once
//! and derives one change once, and more, each in a function of its own that callgrind can be told to look at alone:
//!
//! ```text
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='scale::count::compile_once' \
//!     target/release/examples/scale --workload w1 --peers 10000 --groups 200 --count
//! ```
//!
//! with `scale::count::change_once` for the change, `scale::count::refuse_once` for why something is refused, and
//! `scale::count::plan_once` for the plan of P14. `--dump-before='scale::count::change_each'` and a file to write to give a count for
//! each change of P5.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a measurement reads the clock and its arguments, and prints"
)]

mod count;
mod counting;
mod measure;
mod workload;

use workload::Kind;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

const USAGE: &str = "scale [--workload w1..w6] [--peers N] [--groups G] [--json] [--count] [--help]";

const HELP: &str = "
Measures the planner on one workload, single thread, and prints one JSON object.

  --workload W  w1: everybody reaches everybody, groups their next, one deny, 20 routes (NetBird's benchmark account)
                w2: G groups, within each everybody reaches everybody   w3: everybody reaches everybody
                w4: w1 without the policy for everybody, and each peer in four more groups drawn at random
                w5: seven admins see all, others their own second device  w6: 20 gateways, 200 routes, two ranks
  --peers N     how many peers (10000)
  --groups G    how many groups, where the workload has groups (200)
  --json        one object on one line; else a line for each value
  --count       no measurement: each thing once, for callgrind

  p1   us    one node, entry by entry (median of 31), with what it allocates the second time
  p2   s     all nodes; null above 20,000 peers, where there are as many entries as pairs
  p3   ms    compile (median of 9); for w4 it is p4
  p5   us    one peer in another group: the next state and who is told (99th of 100; median beside it)
  p7   bytes what one recipient of a join is sent     p8  bytes of a whole map for each visible peer
  p9   bytes the digests that say that nothing changed
  p10  bytes memory of the compiled state for each peer, beside the intent
  p11  us    which policy lets a pair meet; why_not: all that refuses a flow, and the smallest fixes (median of 9)
  p12  ms    p5's change with its effect in counts
  p13  ms    every gateway dies, one after the other (w6)
  p14  ms    the plan of a change of every hundredth peer
  null       the workload has no such thing
";

struct Arguments {
    kind: Kind,
    peers: usize,
    groups: usize,
    json: bool,
    count: bool,
    help: bool,
}

fn main() -> Result<(), String> {
    let arguments = arguments()?;
    if arguments.help {
        println!("{USAGE}\n{HELP}");
        return Ok(());
    }
    if arguments.count {
        count::run(arguments.kind, arguments.peers, arguments.groups);
        return Ok(());
    }
    let report = measure::run(arguments.kind, arguments.peers, arguments.groups);
    match arguments.json {
        true => println!("{report}"),
        false => report.as_object().into_iter().flatten().for_each(|(name, value)| println!("{name:<16} {value}")),
    }
    Ok(())
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments { kind: Kind::W1, peers: 10_000, groups: 200, json: false, count: false, help: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value; {USAGE}"));
        let number = |text: String| text.parse::<usize>().ok().filter(|n| *n > 0).ok_or(format!("{text} is no number"));
        match word.as_str() {
            "--workload" => found.kind = value()?.parse()?,
            "--peers" => found.peers = number(value()?)?,
            "--groups" => found.groups = number(value()?)?,
            "--json" => found.json = true,
            "--count" => found.count = true,
            "--help" => found.help = true,
            _ => return Err(format!("{word} is not understood; {USAGE}")),
        }
    }
    Ok(found)
}

//! The whole product once, on real parts: acme comes up on WireGuard tunnels, and every claim is tried.
//!
//! ```text
//! cargo run --release --example quickstart                # shows everything, then keeps the network running
//! cargo run --release --example quickstart -- --exit      # ends after the checks; 0 when every step held
//! ```
//!
//! No root, loopback only. A control plane runs as a child process on SQLite, eight nodes run in this process with sockets of
//! their own inside, datagrams go over UDP on 127.0.0.1. Each step is a file under `steps`, and is tried, not told:
//! `--break STEP` breaks that step on purpose, so that you can see it fail.

mod child;
mod console;
mod fleet;
mod heartbeat;
mod steps;
mod transfer;
mod world;

use std::process::ExitCode;

use console::Console;
use world::World;

/// What the command line asks for.
#[derive(Debug, Default, Clone)]
struct Options {
    exit: bool,
    json: bool,
    broken: Option<&'static str>,
}

const USAGE: &str = "\
Brings up the acme workspace on real WireGuard tunnels, and tries every claim.

Usage: cargo run --release --example quickstart -- [--exit] [--json] [--break STEP]

  --exit         end after the checks: 0 when every step held, 1 with the step that did not
  --json         print one JSON object and nothing else on standard output
  --break STEP   break that step on purpose, to see it fail
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|word| word == child::WORD) {
        return child::serve(&arguments[1..]);
    }
    let options = match parse(&arguments) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{USAGE}\nSteps: {}\n", steps::NAMES.join(", "));
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("quickstart: {mistake}\n\n{USAGE}\nSteps: {}", steps::NAMES.join(", "));
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("quickstart: starting threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(run(options))
}

fn parse(arguments: &[String]) -> Result<Option<Options>, String> {
    let mut options = Options::default();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--exit" => options.exit = true,
            "--json" => options.json = true,
            "--break" => {
                let name = words.next().ok_or("--break needs the name of a step")?;
                let known = steps::NAMES.iter().find(|known| *known == name);
                options.broken = Some(known.ok_or_else(|| format!("there is no step {name:?}"))?);
            }
            "--help" | "-h" => return Ok(None),
            other => return Err(format!("there is no option {other:?}")),
        }
    }
    Ok(Some(options))
}

async fn run(options: Options) -> ExitCode {
    let console = Console::new(options.json);
    let mut world = match World::new(console.clone(), options.broken) {
        Ok(world) => world,
        Err(error) => {
            eprintln!("quickstart: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    console.say("Nanami quickstart: acme comes up on real WireGuard tunnels. Loopback only, no root.");
    let mut failed = None;
    for name in steps::NAMES {
        let result = console.step(name, steps::run(name, &mut world)).await;
        if let Err(error) = result {
            failed = Some(error);
            break;
        }
    }
    console.finish(failed.as_ref());
    if failed.is_none() && !options.exit {
        console.say("The network keeps running. Ctrl-C ends it.");
        let _interrupted = tokio::signal::ctrl_c().await;
    }
    world.end().await;
    if failed.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

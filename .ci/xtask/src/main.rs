//! The repository's own commands: `cargo xtask test`, `cargo xtask purity`, `cargo xtask guarantees`.
//!
//! The same commands run on a developer's machine and in CI. What cannot run somewhere is counted as skipped, with the
//! reason; where `CI=true` is set a skip is a failure, so that nothing goes quietly untested.

mod alone;
mod guarantees;
mod libtest;
mod purity;
mod python;
mod quickstart;
mod shell;
mod suites;
mod tally;
mod tools;

use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask COMMAND

  test [SUITE]   every test, or one suite: workspace, alone, interop, soak, python, quickstart
  purity         model and plan read no clock, socket, file or randomness; crates know only whom they may
  guarantees     every test that docs/GUARANTEES.md names exists
  help           this text

`test` ends with one line, `N passed, N failed, N skipped`, and with exit code 1 on any failure.
CI=true makes a skip a failure.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["test"] => suites::run(None),
        ["test", name] => suites::run(Some(name)),
        ["purity"] => purity::run(),
        ["guarantees"] => guarantees::run(),
        ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(true)
        }
        _ => {
            eprintln!("{HELP}");
            Ok(false)
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

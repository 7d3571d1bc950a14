//! The suites of `cargo xtask test`, in the order in which they run.
//!
//! A suite names the programs it needs. A test that needs more than cargo belongs to a test target with `test = false`
//! in its manifest, so that a plain `cargo test` leaves it out, and to a suite here that runs it with `--test NAME`.

use anyhow::{Result, bail};

use crate::tally::Tally;
use crate::tools::{self, Tool};
use crate::{alone, guarantees, libtest, quickstart, shell};

struct Suite {
    name: &'static str,
    tools: &'static [Tool],
    run: fn(&mut Tally) -> Result<()>,
}

const SUITES: &[Suite] = &[
    Suite { name: "workspace", tools: &[CC], run: workspace },
    Suite { name: "alone", tools: alone::TOOLS, run: alone::run },
    Suite { name: "quickstart", tools: &[CC], run: quickstart::run },
];

/// SQLite and the cryptography are partly C.
const CC: Tool = Tool { program: "cc", package: "build-essential" };

/// Runs all suites, or the one of this name; `true` means that the run was good.
pub(crate) fn run(only: Option<&str>) -> Result<bool> {
    let chosen: Vec<&Suite> = SUITES.iter().filter(|suite| only.is_none_or(|name| name == suite.name)).collect();
    if chosen.is_empty() {
        let names = SUITES.iter().map(|suite| suite.name).collect::<Vec<_>>().join(", ");
        bail!("no suite {:?}; there are {names}", only.unwrap_or_default());
    }
    let mut tally = Tally::default();
    for suite in chosen {
        shell::part(suite.name, || perform(suite, &mut tally));
    }
    for remark in tally.remarks() {
        println!("{remark}");
    }
    let strict = std::env::var_os("CI").is_some_and(|value| value == "true");
    println!("{tally}");
    Ok(tally.is_good(strict))
}

fn perform(suite: &Suite, tally: &mut Tally) {
    if let Err(why) = tools::ensure(suite.tools) {
        tally.skip(format!("{}: {why}", suite.name));
        return;
    }
    let before = tally.failures();
    if let Err(error) = (suite.run)(tally) {
        tally.fail(format!("{}: {error:#}", suite.name));
    }
    if tally.failures() > before {
        tally.remark(format!("         repeat it with: cargo xtask test {}", suite.name));
    }
}

/// Every test of every crate, doc tests and the replay of the fuzz corpora among them; then whether every test that
/// docs/GUARANTEES.md names was really one of those that passed.
fn workspace(tally: &mut Tally) -> Result<()> {
    let test = || {
        let mut command = shell::cargo();
        command.args(["test", "--release", "--workspace", "--no-fail-fast"]);
        command
    };
    libtest::run(test, tally)?;
    guarantees::verify(tally)
}

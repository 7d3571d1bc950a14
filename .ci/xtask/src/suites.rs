//! The suites of `cargo xtask test`, in the order in which they run.
//!
//! A suite names the programs it needs. A test that needs more than cargo, or minutes, is `#[ignore = "why"]` in a test
//! target of its own, so that a plain `cargo test` leaves it out, and a suite here runs it. An ignored test that no suite
//! has run is a skipped one.

use anyhow::{Result, bail};

use crate::tally::Tally;
use crate::tools::{self, Tool};
use crate::{alone, guarantees, libtest, python, quickstart, shell};

struct Suite {
    name: &'static str,
    tools: &'static [Tool],
    runs: Runs,
    run: fn(&mut Tally) -> Result<()>,
}

/// Where a suite runs when nobody asks for it by name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    Everywhere,
    /// It needs root's rights over the network.
    AsRoot,
    /// It takes longer than somebody at a keyboard waits.
    InCi,
}

const SUITES: &[Suite] = &[
    Suite { name: "workspace", tools: &[CC], runs: Runs::Everywhere, run: workspace },
    Suite { name: "alone", tools: alone::TOOLS, runs: Runs::Everywhere, run: alone::run },
    Suite { name: "interop", tools: INTEROP, runs: Runs::AsRoot, run: interop },
    Suite { name: "browser", tools: BROWSER, runs: Runs::Everywhere, run: |tally| ignored("browser", tally) },
    Suite { name: "soak", tools: &[CC], runs: Runs::InCi, run: |tally| ignored("soak", tally) },
    Suite { name: "python", tools: python::TOOLS, runs: Runs::Everywhere, run: python::run },
    Suite { name: "quickstart", tools: &[CC], runs: Runs::Everywhere, run: quickstart::run },
];

/// SQLite and the cryptography are partly C.
const CC: Tool = Tool { program: "cc", package: "build-essential" };

/// What shows the board's page.
const BROWSER: &[Tool] = &[CC, Tool { program: "chromium", package: "chromium" }];

/// Another implementation of WireGuard, and what drives it.
const INTEROP: &[Tool] = &[
    CC,
    Tool { program: "wireguard-go", package: "wireguard-go" },
    Tool { program: "wg", package: "wireguard-tools" },
    Tool { program: "wg-quick", package: "wireguard-tools" },
    Tool { program: "ip", package: "iproute2" },
    Tool { program: "nft", package: "nftables" },
    Tool { program: "sysctl", package: "procps" },
    Tool { program: "ping", package: "iputils-ping" },
    Tool { program: "nft", package: "nftables" },
    Tool { program: "unshare", package: "util-linux" },
];

/// Runs all suites, or the one of this name; `true` means that the run was good.
pub(crate) fn run(only: Option<&str>) -> Result<bool> {
    let chosen: Vec<&Suite> = SUITES.iter().filter(|suite| only.is_none_or(|name| name == suite.name)).collect();
    if chosen.is_empty() {
        let names = SUITES.iter().map(|suite| suite.name).collect::<Vec<_>>().join(", ");
        bail!("no suite {:?}; there are {names}", only.unwrap_or_default());
    }
    let strict = std::env::var_os("CI").is_some_and(|value| value == "true");
    let mut tally = Tally::default();
    for suite in chosen {
        if suite.runs != Runs::InCi || strict || only.is_some() {
            shell::part(suite.name, || perform(suite, &mut tally));
        }
    }
    if only.is_none() {
        guarantees::verify(&mut tally)?;
    }
    tally.finish();
    for remark in tally.remarks() {
        println!("{remark}");
    }
    println!("{tally}");
    Ok(tally.is_good(strict))
}

fn perform(suite: &Suite, tally: &mut Tally) {
    let ready = tools::ensure(suite.tools).and_then(|()| match suite.runs {
        Runs::AsRoot if !tools::is_root() => Err("only root may".to_owned()),
        _ => Ok(()),
    });
    if let Err(why) = ready {
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

/// Every test of every crate, doc tests and the replay of the fuzz corpora among them.
fn workspace(tally: &mut Tally) -> Result<()> {
    let test = || {
        let mut command = shell::cargo();
        command.args(["test", "--release", "--workspace", "--no-fail-fast"]);
        command
    };
    libtest::run(test, &[], tally)
}

/// One of its tests runs an example, which a test target alone does not build.
fn interop(tally: &mut Tally) -> Result<()> {
    let mut build = shell::cargo();
    build.args(["test", "--release", "--workspace", "--no-run"]);
    let spelled = shell::spelled(&build);
    if build.status()?.success() {
        return ignored("interop", tally);
    }
    tally.fail(format!("{spelled}: it does not build"));
    Ok(())
}

/// The ignored tests of a test target. Chosen from the whole workspace, so that nothing is built a second time with
/// other features.
fn ignored(target: &'static str, tally: &mut Tally) -> Result<()> {
    let test = || {
        let mut command = shell::cargo();
        command.args(["test", "--release", "--workspace", "--no-fail-fast", "--test", target]);
        command
    };
    libtest::run(test, &["--ignored"], tally)
}

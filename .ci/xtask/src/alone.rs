//! Runs the tests of the crates that promise to need nothing: without privileges, without a network, each alone.
//!
//! Alone means `cargo test -p CRATE`: only the features that the crate itself asks for are on. Unoptimised, because that builds in
//! half of the time and has every debug assertion; the workspace suite has the optimised ones. The cage is a network
//! namespace with nothing but loopback and a process without a single capability; both are checked from inside before
//! anything is believed.

use std::process::Command;

use anyhow::{Context, Result};

use crate::tally::Tally;
use crate::tools::{self, Tool};
use crate::{libtest, shell};

const CRATES: [&str; 3] = ["nanami-model", "nanami-plan", "nanami-control"];

pub(crate) const TOOLS: &[Tool] = &[
    Tool { program: "unshare", package: "util-linux" },
    Tool { program: "setpriv", package: "util-linux" },
    Tool { program: "ip", package: "iproute2" },
];

/// Loopback up, then every privilege away: the shell's arguments are the command.
const INSIDE: &str = "ip link set lo up && \
    exec setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all --no-new-privs -- \"$@\"";

/// What the cage's inside says about itself.
const PROBE: &str = "grep CapEff /proc/self/status; cat /proc/net/dev";

pub(crate) fn run(tally: &mut Tally) -> Result<()> {
    let inside = shell::capture(caged("sh").args(["-c", PROBE])).and_then(|text| check(&text));
    if let Err(error) = inside {
        // The same tests ran in the workspace suite; what is left unproven is that they need no more than this.
        tally.skip(format!("alone: this machine does not let us take network and privileges away: {error:#}"));
        return Ok(());
    }
    let cargo = shell::cargo();
    for name in CRATES {
        println!("-- {name}, alone, without network and privileges");
        let test = || {
            let mut command = caged(&cargo.get_program().to_string_lossy());
            command.args(["test", "--package", name, "--no-fail-fast"]).env("CARGO_NET_OFFLINE", "true");
            command
        };
        libtest::run(test, &[], tally)?;
    }
    Ok(())
}

/// The command inside the cage, its arguments still to come.
fn caged(program: &str) -> Command {
    let mut command = shell::program("unshare");
    if !tools::is_root() {
        // A user namespace of our own gives the right to make a network namespace.
        command.arg("--map-root-user");
    }
    command.arg("--net").args(["--", "sh", "-c", INSIDE, "cage", program]);
    command
}

fn check(text: &str) -> Result<()> {
    let capabilities = text.lines().find_map(|line| line.strip_prefix("CapEff:")).context("no CapEff in its status")?;
    anyhow::ensure!(capabilities.trim().chars().all(|digit| digit == '0'), "capabilities are left:{capabilities}");
    let links: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
    let others: Vec<&&str> = links.iter().filter(|name| !["CapEff", "lo"].contains(*name)).collect();
    anyhow::ensure!(links.contains(&"lo"), "there is no loopback in it");
    anyhow::ensure!(others.is_empty(), "there are links beside loopback in it: {others:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "CapEff:\t0000000000000000\nInter-|   Receive\n face |bytes\n    lo: 0 0\n";

    #[test]
    fn a_cage_with_loopback_and_no_capability_is_one() {
        check(GOOD).unwrap();
    }

    #[test]
    fn a_capability_or_a_link_too_many_is_no_cage() {
        assert!(check(&GOOD.replace("0000000000000000", "0000000000003000")).is_err());
        assert!(check(&GOOD.replace("    lo: 0 0\n", "    lo: 0 0\n  eth0: 9 9\n")).is_err());
        assert!(check(&GOOD.replace("    lo: 0 0\n", "")).is_err());
        assert!(check("").is_err());
    }
}

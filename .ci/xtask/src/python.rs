//! Installs the Python package as a user would, into a virtual environment below the target folder, and runs its tests.
//!
//! The package is built in the folder and profile of the other suites. Its own tests run mypy and stubtest; each test of pytest
//! counts as one.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::shell;
use crate::tally::Tally;
use crate::tools::Tool;

pub(crate) const TOOLS: &[Tool] =
    &[Tool { program: "cc", package: "build-essential" }, Tool { program: "python3", package: "python3" }];

/// Chosen: longer than any test of the package takes; mypy on a cold cache takes the longest.
const PATIENCE: Duration = Duration::from_secs(600);

/// How pytest says of one test what became of it.
const OUTCOMES: [&str; 6] = [" PASSED", " FAILED", " ERROR", " SKIPPED", " XFAIL", " XPASS"];

pub(crate) fn run(tally: &mut Tally) -> Result<()> {
    let target = target();
    let venv = target.join("python");
    environment(&venv)?;
    let python = venv.join("bin/python");
    let mut install = shell::program(&python);
    install.args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "./bindings/python[test]"]);
    install.env("CARGO_TARGET_DIR", &target).env("MATURIN_PEP517_ARGS", "--profile release");
    succeed(&mut install)?;
    count(shell::program(&python).args(["-m", "pytest", "--verbose", "--color=no", "bindings/python"]), tally)
}

fn target() -> PathBuf {
    let root = shell::root();
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// Makes the virtual environment, unless it is there; Debian keeps what that takes in a package of its own.
fn environment(venv: &std::path::Path) -> Result<()> {
    if venv.join("bin/pip").exists() {
        return Ok(());
    }
    let make = || succeed(shell::program("python3").args(["-m", "venv", "--clear"]).arg(venv));
    make().or_else(|error| {
        crate::tools::install_package("python3-venv").map_err(|why| error.context(why))?;
        make()
    })
}

fn succeed(command: &mut Command) -> Result<()> {
    let spelled = shell::spelled(command);
    println!("{spelled}");
    let status = command.status().with_context(|| format!("starting {spelled}"))?;
    ensure!(status.success(), "{spelled}: {status}");
    Ok(())
}

fn count(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let spelled = shell::spelled(command);
    let (mut seen, before) = (0u64, tally.failures());
    let status = shell::stream(command, PATIENCE, |line| {
        println!("{line}");
        let Some((test, outcome)) = parse(line) else { return };
        seen += 1;
        match outcome {
            "PASSED" => {
                tally.pass();
                tally.saw(test.split('[').next().unwrap_or(test));
            }
            "SKIPPED" | "XFAIL" => tally.skip(format!("{test}: pytest says {outcome}")),
            _ => tally.fail(test.to_owned()),
        }
    })?;
    ensure!(seen > 0, "{spelled}: it ran no test");
    if !status.success() && tally.failures() == before {
        tally.fail(format!("{spelled}: {status}, and not by a failed test alone"));
    }
    Ok(())
}

/// A test and what became of it: `tests/test_a.py::test_b[c] PASSED   [ 3%]`.
fn parse(line: &str) -> Option<(&str, &str)> {
    let said = line.rsplit_once('[').filter(|(_, rest)| rest.ends_with("%]")).map(|(said, _)| said.trim_end())?;
    let outcome =
        OUTCOMES.into_iter().find(|outcome| said.ends_with(outcome) || said.contains(&format!("{outcome} (")))?;
    let (test, _) = said.rsplit_once(outcome)?;
    test.contains("::").then(|| (test, outcome.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_pytest_names_a_test_and_its_outcome() {
        assert_eq!(parse("bindings/a.py::test_b PASSED            [  3%]"), Some(("bindings/a.py::test_b", "PASSED")));
        assert_eq!(parse("a.py::test_b[x y] FAILED [100%]"), Some(("a.py::test_b[x y]", "FAILED")));
        assert_eq!(parse("a.py::test_b SKIPPED (no tool) [ 50%]"), Some(("a.py::test_b", "SKIPPED")));
        for other in ["FAILED a.py::test_b - assert 1 == 2", "collected 3 items", "3 passed in 0.1s", ""] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn failures_skips_and_a_bad_end_are_counted() {
        let mut tally = Tally::default();
        let script = "echo 'a.py::test_a PASSED [ 33%]'; echo 'a.py::test_b ERROR [ 66%]'; echo 'a.py::test_c XFAIL [100%]'; exit 1";
        count(shell::program("sh").args(["-c", script]), &mut tally).unwrap();
        assert_eq!(tally.to_string(), "1 passed, 1 failed, 1 skipped");
        assert!(tally.accounts_for("test_a"));
        let mut tally = Tally::default();
        count(shell::program("sh").args(["-c", "echo 'a.py::test_a PASSED [ 33%]'; exit 2"]), &mut tally).unwrap();
        assert_eq!(tally.to_string(), "1 passed, 1 failed, 0 skipped");
        assert!(count(shell::program("sh").args(["-c", "exit 0"]), &mut tally).is_err());
    }
}

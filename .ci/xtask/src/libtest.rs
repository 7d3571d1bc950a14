//! Reads what Rust's test harness prints: one line per test, one line of totals per binary.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::shell;
use crate::tally::Tally;

/// chosen: longer than any test of ours takes; the longest, of rekeys in real time, takes five minutes. The harness remarks once on a test that runs for a minute and is then silent.
const PATIENCE: Duration = Duration::from_secs(420);

/// A line of the harness that counts.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    /// The test of this name passed.
    Passed(&'a str),
    /// The test of this name did not run, and why.
    Ignored(&'a str, &'a str),
    /// The totals of one binary.
    Totals { passed: u64, failed: u64 },
}

/// Runs a `cargo test` command with these arguments for the harness, shows its output as it comes and counts its tests.
///
/// It builds first, which may take minutes in silence, and so knows afterwards that silence is a test that hangs.
pub(crate) fn run(command: impl Fn() -> Command, harness: &[&str], tally: &mut Tally) -> Result<()> {
    let spelled = shell::spelled(&command());
    let built = command().arg("--no-run").status().with_context(|| format!("starting {spelled}"))?;
    if !built.success() {
        tally.fail(format!("{spelled}: it does not build"));
        return Ok(());
    }
    let mut command = command();
    if !harness.is_empty() {
        command.arg("--").args(harness);
    }
    count(&mut command, tally)
}

fn count(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let before = tally.failures();
    let spelled = shell::spelled(command);
    let status = shell::stream(command, PATIENCE, |line| {
        println!("{line}");
        match parse(line) {
            Some(Line::Passed(name)) => tally.saw(name),
            Some(Line::Ignored(name, why)) => tally.ignored(name, why),
            Some(Line::Totals { passed, failed }) => tally.add(passed, failed),
            None => {}
        }
    })?;
    match tally.failures() - before {
        // A binary that dies half-way prints no totals.
        0 if !status.success() => tally.fail(format!("{spelled}: {status}, without a failed test: a test binary died")),
        0 => {}
        failed => tally.remark(format!("FAILED   {spelled}: {failed} tests")),
    }
    Ok(())
}

fn parse(line: &str) -> Option<Line<'_>> {
    if let Some(totals) = line.strip_prefix("test result: ") {
        let (_, counts) = totals.split_once(". ")?;
        return Some(Line::Totals { passed: number(counts, "passed")?, failed: number(counts, "failed")? });
    }
    let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    match verdict.split_once(", ").unwrap_or((verdict, "it is ignored, without a reason")) {
        ("ok", _) => Some(Line::Passed(name)),
        ("ignored", why) => Some(Line::Ignored(name, why)),
        _ => None,
    }
}

/// The number before a word: 3 for `passed` in `3 passed; 0 failed`.
fn number(counts: &str, word: &str) -> Option<u64> {
    let entry = counts.split(';').map(str::trim).find_map(|entry| entry.strip_suffix(word))?;
    entry.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_whether_good_or_bad() {
        let good = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s";
        assert_eq!(parse(good), Some(Line::Totals { passed: 12, failed: 0 }));
        let bad = "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(parse(bad), Some(Line::Totals { passed: 1, failed: 2 }));
    }

    #[test]
    fn a_test_that_passed_or_was_ignored_is_known_by_name() {
        assert_eq!(parse("test cidr::tests::it_holds ... ok"), Some(Line::Passed("cidr::tests::it_holds")));
        assert_eq!(parse("test tests::it_panics - should panic ... ok"), Some(Line::Passed("tests::it_panics")));
        assert_eq!(parse("test a::b ... ignored, needs root, wg"), Some(Line::Ignored("a::b", "needs root, wg")));
        let silent = Line::Ignored("a::b", "it is ignored, without a reason");
        assert_eq!(parse("test a::b ... ignored"), Some(silent));
    }

    #[test]
    fn other_lines_count_for_nothing() {
        for line in
            ["", "running 3 tests", "test a::b ... FAILED", "test a::b has been running", "test result: ok", "passed"]
        {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_program_that_fails_without_totals_is_one_failure() {
        let mut tally = Tally::default();
        count(&mut shell::program("false"), &mut tally).unwrap();
        assert_eq!(tally.to_string(), "0 passed, 1 failed, 0 skipped");
    }
}

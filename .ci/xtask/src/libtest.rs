//! Reads what Rust's test harness prints: one line per test, one line of totals per binary.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::shell;
use crate::tally::Tally;

/// Longer than any test of ours takes. The harness remarks once on a test that runs for a minute and is then silent.
const PATIENCE: Duration = Duration::from_secs(240);

/// A line of the harness that counts.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    /// One test passed; its name without the module path.
    Passed(&'a str),
    /// The totals of one binary.
    Totals { passed: u64, failed: u64, ignored: u64 },
}

/// Runs a `cargo test` command, shows its output as it comes and counts its tests; an ignored test is a skipped one.
///
/// It builds first, which may take minutes in silence, and so knows afterwards that silence is a test that hangs.
pub(crate) fn run(command: impl Fn() -> Command, tally: &mut Tally) -> Result<()> {
    let spelled = shell::spelled(&command());
    let built = command().arg("--no-run").status().with_context(|| format!("starting {spelled}"))?;
    if !built.success() {
        tally.fail(format!("{spelled}: it does not build"));
        return Ok(());
    }
    count(&mut command(), tally)
}

fn count(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let before = tally.failures();
    let spelled = shell::spelled(command);
    let status = shell::stream(command, PATIENCE, |line| {
        println!("{line}");
        match parse(line) {
            Some(Line::Passed(name)) => tally.saw(name),
            Some(Line::Totals { passed, failed, ignored }) => tally.add(passed, failed, ignored),
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
        return Some(Line::Totals {
            passed: number(counts, "passed")?,
            failed: number(counts, "failed")?,
            ignored: number(counts, "ignored")?,
        });
    }
    let name = line.strip_prefix("test ")?.strip_suffix(" ... ok")?;
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    Some(Line::Passed(name.rsplit("::").next()?))
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
        assert_eq!(parse(good), Some(Line::Totals { passed: 12, failed: 0, ignored: 1 }));
        let bad = "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(parse(bad), Some(Line::Totals { passed: 1, failed: 2, ignored: 0 }));
    }

    #[test]
    fn a_passed_test_is_known_by_its_last_word() {
        assert_eq!(
            parse("test cidr::tests::host_bits_are_refused ... ok"),
            Some(Line::Passed("host_bits_are_refused"))
        );
        assert_eq!(parse("test tests::it_panics - should panic ... ok"), Some(Line::Passed("it_panics")));
    }

    #[test]
    fn other_lines_count_for_nothing() {
        for line in
            ["", "running 3 tests", "test a::b ... FAILED", "test a::b ... ignored", "test result: ok", "passed"]
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

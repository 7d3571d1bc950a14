//! Reads what Rust's test harness prints: one line per test, one line of totals per binary.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::shell;
use crate::tally::Tally;

/// chosen: longer than any test of ours takes; the longest, of rekeys in real time, takes five minutes. The harness remarks once on a test that runs for a minute and is then silent.
const PATIENCE: Duration = Duration::from_secs(600);
/// Lines that a failed test said which are repeated at the end. Chosen: a panic with its place, and what an assertion shows.
const REPEATED: usize = 8;

/// A line of the harness that counts.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    /// The test of this name passed.
    Passed(&'a str),
    /// The test of this name did not run, and why.
    Ignored(&'a str, &'a str),
    /// The test of this name failed.
    Failed(&'a str),
    /// The test of this name has been running for a long time.
    Runs(&'a str),
    /// What the failed test of this name said comes next.
    Says(&'a str),
    /// A binary begins.
    Begins,
    /// The totals of one binary, which ends.
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
    // A test may start its own binary again, in a namespace perhaps; the totals inside are part of those outside.
    let mut depth = 0u32;
    let mut failures = Failures::default();
    let mut running = BTreeSet::new();
    let outcome = shell::stream(command, PATIENCE, |line| {
        println!("{line}");
        let parsed = parse(line);
        failures.take(line, parsed.as_ref());
        match parsed {
            Some(Line::Passed(name)) => {
                running.remove(name);
                tally.saw(name);
            }
            Some(Line::Failed(name)) => drop(running.remove(name)),
            Some(Line::Runs(name)) => drop(running.insert(name.to_owned())),
            Some(Line::Says(_)) | None => {}
            Some(Line::Ignored(name, why)) => tally.ignored(name, why),
            Some(Line::Begins) => depth += 1,
            Some(Line::Totals { passed, failed }) => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    tally.add(passed, failed);
                }
            }
        }
    });
    // The end of the output is all that some readers keep, so what failed is said there, with its reason.
    failures.into_remarks().for_each(|remark| tally.remark(remark));
    let status = outcome.with_context(|| match running.is_empty() {
        true => "no test has been running for long".to_owned(),
        false => format!("still running: {}", Vec::from_iter(running).join(", ")),
    })?;
    let failed = tally.failures() - before;
    if failed > 0 {
        tally.remark(format!("FAILED   {spelled}: {failed} tests"));
    }
    // A binary that dies half-way prints no totals, and swallows those that come after it.
    if depth > 0 || (failed == 0 && !status.success()) {
        tally.fail(format!("{spelled}: {status}, and not by a failed test alone: a test binary died"));
    }
    Ok(())
}

/// The failed tests, and what each said last.
#[derive(Default)]
struct Failures {
    said: BTreeMap<String, Vec<String>>,
    speaks: Option<String>,
}

impl Failures {
    fn take(&mut self, line: &str, parsed: Option<&Line<'_>>) {
        match parsed {
            Some(Line::Failed(name)) => drop(self.said.entry((*name).to_owned()).or_default()),
            Some(Line::Says(name)) => self.speaks = Some((*name).to_owned()),
            Some(_) => self.speaks = None,
            None if line == "failures:" => self.speaks = None,
            None => {
                let words = self.speaks.as_ref().and_then(|name| self.said.get_mut(name));
                if let Some(words) = words.filter(|_| !line.trim().is_empty()) {
                    words.push(line.to_owned());
                }
            }
        }
    }

    /// A line for each, with what it said at the moment at which it panicked.
    fn into_remarks(self) -> impl Iterator<Item = String> {
        self.said.into_iter().map(|(name, words)| {
            let from = words.iter().position(|line| line.contains("panicked at")).unwrap_or_default();
            let words = words[from..].iter().filter(|line| !line.starts_with("note: run with"));
            let words = words.take(REPEATED).map(|line| format!("\n             {line}"));
            format!("FAILED   {name}{}", words.collect::<String>())
        })
    }
}

fn parse(line: &str) -> Option<Line<'_>> {
    if let Some(totals) = line.strip_prefix("test result: ") {
        let (_, counts) = totals.split_once(". ")?;
        return Some(Line::Totals { passed: number(counts, "passed")?, failed: number(counts, "failed")? });
    }
    if let Some(count) = line.strip_prefix("running ").and_then(|rest| rest.split_once(" test")) {
        return count.0.parse::<u64>().ok().map(|_| Line::Begins);
    }
    if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
        return Some(Line::Says(name));
    }
    let rest = line.strip_prefix("test ")?;
    if let Some((name, _)) = rest.split_once(" has been running for over ") {
        return Some(Line::Runs(name));
    }
    let (name, verdict) = rest.split_once(" ... ")?;
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    match verdict.split_once(", ").unwrap_or((verdict, "it is ignored, without a reason")) {
        ("ok", _) => Some(Line::Passed(name)),
        ("FAILED", _) => Some(Line::Failed(name)),
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
    fn a_binary_inside_a_test_is_not_counted_twice() {
        let script = "echo running 2 tests; echo running 1 test; echo 'test result: ok. 1 passed; 0 failed; 0 ignored'; \
            echo 'test result: ok. 2 passed; 0 failed; 0 ignored'; echo running 1 test; \
            echo 'test result: ok. 1 passed; 0 failed; 0 ignored'";
        let mut tally = Tally::default();
        count(shell::program("sh").args(["-c", script]), &mut tally).unwrap();
        assert_eq!(tally.to_string(), "3 passed, 0 failed, 0 skipped");
    }

    #[test]
    fn a_failed_test_is_repeated_with_its_reason() {
        let script = "echo running 2 tests; echo test a::b ... ok; echo test a::c ... FAILED; echo; echo failures:; \
            echo; echo '---- a::c stdout ----'; echo seed 7; echo \"thread 'a::c' panicked at src/a.rs:1:2:\"; \
            echo \"left is not right\"; echo 'note: run with `RUST_BACKTRACE=1`'; echo; echo failures:; \
            echo '    a::c'; echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored'; exit 101";
        let mut tally = Tally::default();
        count(shell::program("sh").args(["-c", script]), &mut tally).unwrap();
        assert_eq!(tally.to_string(), "1 passed, 1 failed, 0 skipped");
        let told =
            "FAILED   a::c\n             thread 'a::c' panicked at src/a.rs:1:2:\n             left is not right";
        assert_eq!(tally.remarks()[0], told);
    }

    #[test]
    fn a_test_that_runs_for_long_is_known_by_name() {
        assert_eq!(parse("test a::b has been running for over 60 seconds"), Some(Line::Runs("a::b")));
    }

    #[test]
    fn other_lines_count_for_nothing() {
        for line in ["", "running late", "test a::b has been running", "test result: ok", "passed", "---- stdout ----"]
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

//! What was counted: the one line that a test run ends with.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Tests that passed, failed and were skipped, and the names of those that passed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    names: BTreeSet<String>,
    ignored: BTreeMap<String, String>,
    remarks: Vec<String>,
}

impl Tally {
    /// Counts the totals of one test binary; its ignored tests are named one by one.
    pub(crate) fn add(&mut self, passed: u64, failed: u64) {
        self.passed += passed;
        self.failed += failed;
    }

    /// Remembers that the test of this name passed; its binary's totals count it.
    pub(crate) fn saw(&mut self, name: &str) {
        self.ignored.remove(name);
        self.names.insert(name.rsplit("::").next().unwrap_or(name).to_owned());
    }

    /// Remembers that a test is not part of a plain run. Unless another suite runs it, it is skipped in the end.
    pub(crate) fn ignored(&mut self, name: &str, why: &str) {
        self.ignored.insert(name.to_owned(), why.to_owned());
    }

    /// Counts the ignored tests that no suite has run.
    pub(crate) fn finish(&mut self) {
        for (name, why) in std::mem::take(&mut self.ignored) {
            self.skip(format!("{name}: {why}"));
        }
    }

    /// Counts one check that held.
    pub(crate) fn pass(&mut self) {
        self.passed += 1;
    }

    /// Counts one check that did not hold, to be repeated at the end.
    pub(crate) fn fail(&mut self, why: impl Into<String>) {
        self.failed += 1;
        self.remark(format!("FAILED   {}", why.into()));
    }

    /// Counts one check that could not run here, to be repeated at the end.
    pub(crate) fn skip(&mut self, why: impl Into<String>) {
        self.skipped += 1;
        self.remark(format!("SKIPPED  {}", why.into()));
    }

    /// Repeats a line before the last one.
    pub(crate) fn remark(&mut self, line: String) {
        println!("{line}");
        self.remarks.push(line);
    }

    /// What to read before the last line.
    pub(crate) fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// The number of failures so far.
    pub(crate) fn failures(&self) -> u64 {
        self.failed
    }

    /// Whether a test of this name, without its module path, passed or will count as skipped.
    pub(crate) fn accounts_for(&self, name: &str) -> bool {
        let is_ignored = |ignored: &String| ignored.rsplit("::").next() == Some(name);
        self.names.contains(name) || self.ignored.keys().any(is_ignored)
    }

    /// Whether the run as a whole is good. `strict` is CI's rule: a skip is a failure. Nothing run is never good.
    pub(crate) fn is_good(&self, strict: bool) -> bool {
        self.failed == 0 && self.passed > 0 && !(strict && self.skipped > 0)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_reads_as_promised() {
        let mut tally = Tally::default();
        tally.add(3, 0);
        tally.skip("no tools");
        tally.fail("one");
        assert_eq!(tally.to_string(), "3 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn a_skip_fails_only_where_it_must_not_happen() {
        let mut tally = Tally::default();
        tally.pass();
        tally.skip("no tools");
        assert!(tally.is_good(false));
        assert!(!tally.is_good(true));
    }

    #[test]
    fn an_ignored_test_is_skipped_unless_a_suite_runs_it() {
        let mut tally = Tally::default();
        tally.ignored("a::runs_later", "needs root");
        tally.ignored("a::never_runs", "takes an hour");
        tally.add(1, 0);
        tally.saw("a::runs_later");
        tally.finish();
        assert_eq!(tally.to_string(), "1 passed, 0 failed, 1 skipped");
        assert_eq!(tally.remarks(), ["SKIPPED  a::never_runs: takes an hour"]);
    }

    #[test]
    fn a_run_of_nothing_is_not_good() {
        assert!(!Tally::default().is_good(false));
    }
}

//! What was counted: the one line that a test run ends with.

use std::collections::BTreeSet;
use std::fmt;

/// Tests that passed, failed and were skipped, and the names of those that passed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    names: BTreeSet<String>,
    remarks: Vec<String>,
}

impl Tally {
    /// Counts the totals of one test binary.
    pub(crate) fn add(&mut self, passed: u64, failed: u64, skipped: u64) {
        self.passed += passed;
        self.failed += failed;
        self.skipped += skipped;
    }

    /// Remembers that the test of this name passed; its binary's totals count it.
    pub(crate) fn saw(&mut self, name: &str) {
        self.names.insert(name.to_owned());
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

    /// Whether a test of this name, without its module path, passed.
    pub(crate) fn has_seen(&self, name: &str) -> bool {
        self.names.contains(name)
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
        tally.add(3, 0, 1);
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
    fn a_run_of_nothing_is_not_good() {
        assert!(!Tally::default().is_good(false));
    }
}

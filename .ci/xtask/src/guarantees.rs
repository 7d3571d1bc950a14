//! Keeps docs/GUARANTEES.md honest: every promise there names what proves it, and the proof exists.
//!
//! A row of the table is `| promise | proofs |`. A proof stands in backquotes: `path/to/file.rs::test_name` (or `.py`), a step of
//! the quickstart as `quickstart:step`, or a command of ours as `xtask:command`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::quickstart::STEPS;
use crate::shell;
use crate::tally::Tally;

/// What stands behind one promise.
#[derive(Debug, PartialEq, Eq)]
enum Proof<'a> {
    Test { file: &'a str, name: &'a str },
    Step(&'a str),
    Command(&'a str),
}

/// Prints every proof that is missing; `true` when none is.
pub(crate) fn run() -> Result<bool> {
    let text = page()?;
    let rows = rows(&text);
    let problems: Vec<String> = rows.iter().flat_map(|row| problems(row)).collect();
    for problem in &problems {
        println!("docs/GUARANTEES.md: {problem}");
    }
    println!("docs/GUARANTEES.md: {} promises, {} problems", rows.len(), problems.len());
    Ok(problems.is_empty() && !rows.is_empty())
}

/// After a run of all tests: a test that proves a promise has to be one of those that passed; a skipped one counts as that.
pub(crate) fn verify(tally: &mut Tally) -> Result<()> {
    let text = page()?;
    for row in rows(&text) {
        for problem in problems(&row) {
            tally.fail(format!("docs/GUARANTEES.md: {problem}"));
        }
        for proof in row.proofs.iter().filter_map(|proof| parse(proof)) {
            if let Proof::Test { file, name } = proof
                && !tally.accounts_for(name)
            {
                tally.fail(format!("docs/GUARANTEES.md: {file}::{name} did not run, or did not pass"));
            }
        }
    }
    Ok(())
}

fn page() -> Result<String> {
    let path = shell::root().join("docs/GUARANTEES.md");
    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

/// One promise of the table and the texts in backquotes beside it.
#[derive(Debug)]
struct Row<'a> {
    promise: &'a str,
    proofs: Vec<&'a str>,
}

fn rows(page: &str) -> Vec<Row<'_>> {
    page.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<Row<'_>> {
    let (promise, proofs) = line.strip_prefix('|')?.strip_suffix('|')?.rsplit_once('|')?;
    let promise = promise.trim();
    let is_head = promise == "Promise" || promise.chars().all(|c| c == '-');
    (!is_head).then(|| Row { promise, proofs: proofs.split('`').skip(1).step_by(2).collect() })
}

fn problems(row: &Row<'_>) -> Vec<String> {
    if row.proofs.is_empty() {
        return vec![format!("nothing proves \"{}\"", row.promise)];
    }
    row.proofs.iter().filter_map(|proof| problem(proof)).collect()
}

fn problem(proof: &str) -> Option<String> {
    match parse(proof) {
        None => Some(format!("`{proof}` is no proof: path::test, quickstart:step or xtask:command")),
        Some(Proof::Step(step)) => (!STEPS.contains(&step)).then(|| format!("the quickstart has no step {step}")),
        Some(Proof::Command(command)) => {
            (!["purity", "guarantees"].contains(&command)).then(|| format!("xtask has no command {command}"))
        }
        Some(Proof::Test { file, name }) => match fs::read_to_string(shell::root().join(Path::new(file))) {
            Err(error) => Some(format!("{file}: {error}")),
            Ok(source) if file.ends_with(".py") => {
                (!is_python_test(&source, name)).then(|| format!("{file} has no test {name}"))
            }
            Ok(source) => (!has_test(&source, name) && !is_made_by_a_macro(&source, name))
                .then(|| format!("{file} has no test {name}")),
        },
    }
}

fn parse(proof: &str) -> Option<Proof<'_>> {
    if let Some(step) = proof.strip_prefix("quickstart:") {
        return Some(Proof::Step(step));
    }
    if let Some(command) = proof.strip_prefix("xtask:") {
        return Some(Proof::Command(command));
    }
    let (file, name) = proof.split_once("::")?;
    (file.ends_with(".rs") || file.ends_with(".py")).then_some(Proof::Test { file, name })
}

/// Whether the source defines a function of this name right below a test attribute, other attributes aside.
fn has_test(source: &str, name: &str) -> bool {
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            continue;
        }
        let Some(rest) = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ") else {
            // Comments may stand between an attribute and its function.
            is_test &= line.starts_with("//");
            continue;
        };
        if is_test && rest.strip_prefix(name).is_some_and(|after| after.starts_with('(')) {
            return true;
        }
        is_test = false;
    }
    false
}

/// Whether the source defines a function of this name that pytest runs.
fn is_python_test(source: &str, name: &str) -> bool {
    let defined = source.lines().filter_map(|line| line.strip_prefix("def "));
    name.starts_with("test_") && defined.filter_map(|rest| rest.strip_prefix(name)).any(|rest| rest.starts_with('('))
}

/// Whether a macro of the source makes tests and is given this name first on a line. That it made this test is seen when
/// the test runs.
fn is_made_by_a_macro(source: &str, name: &str) -> bool {
    let makes_tests = source.contains("macro_rules!") && source.contains("#[test]") && source.contains("fn $");
    let names = |line: &str| line.trim().strip_prefix(name).is_some_and(|after| after.starts_with([':', ',']));
    makes_tests && source.lines().any(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
        #[test]\n\
        // why\n\
        #[should_panic]\n\
        fn it_holds() {}\n\
        fn helper() {}\n\
        #[tokio::test(flavor = \"current_thread\")]\n\
        async fn it_waits() {}\n";

    #[test]
    fn only_a_function_below_a_test_attribute_is_a_test() {
        assert!(has_test(SOURCE, "it_holds"));
        assert!(has_test(SOURCE, "it_waits"));
        assert!(!has_test(SOURCE, "helper"));
        assert!(!has_test(SOURCE, "it_hold"));
        assert!(!has_test("// #[test]\nfn it_holds() {}", "it_holds"));
    }

    #[test]
    fn a_test_of_python_is_a_function_that_pytest_runs() {
        let source = "def test_it_holds(acme: int) -> None:\n    pass\ndef helper() -> None:\n    pass\n";
        assert!(is_python_test(source, "test_it_holds"));
        assert!(!is_python_test(source, "test_it_hold"));
        assert!(!is_python_test(source, "helper"));
    }

    #[test]
    fn a_test_may_come_from_a_macro_of_its_file() {
        let source =
            "macro_rules! t { ($($n:ident: $s:literal),*) => { $(#[test] fn $n() {})* } }\nt! {\n    it_holds: 1,\n}";
        assert!(is_made_by_a_macro(source, "it_holds"));
        assert!(!is_made_by_a_macro(source, "it_hold"));
        assert!(!is_made_by_a_macro("struct S {\n    it_holds: u8,\n}", "it_holds"));
    }

    #[test]
    fn the_table_is_read_row_by_row() {
        let page = "text\n\n| Promise | Proof |\n|---|---|\n| a `b` holds | `a.rs::b`, `quickstart:plan` |\n| c | |\n";
        let rows = rows(page);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].promise, "a `b` holds");
        assert_eq!(rows[0].proofs, ["a.rs::b", "quickstart:plan"]);
        assert_eq!(problems(&rows[1]), ["nothing proves \"c\""]);
    }

    #[test]
    fn a_proof_that_does_not_exist_is_a_problem() {
        for missing in [
            "quickstart:dance",
            "xtask:dance",
            "a sentence",
            "no/such/file.rs::test",
            ".ci/xtask/src/guarantees.rs::no_such_test",
        ] {
            assert!(problem(missing).is_some(), "{missing}");
        }
        let own = ".ci/xtask/src/guarantees.rs::a_proof_that_does_not_exist_is_a_problem";
        assert_eq!(problem(own), None);
        assert_eq!(problem("quickstart:traffic"), None);
    }

    #[test]
    fn a_proof_that_did_not_pass_fails_the_run() {
        let mut tally = Tally::default();
        verify(&mut tally).unwrap();
        assert!(tally.failures() > 0, "nothing ran, so nothing is proven");
    }
}

//! The quickstart's checks can fail: each step, broken on purpose, is the one that fails.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

/// The example's binary: cargo builds it beside this test.
fn quickstart(arguments: &[&str]) -> Output {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples/quickstart");
    Command::new(&path).args(arguments).output().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn steps(output: &Output) -> Vec<(String, bool)> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let object: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}\n{errors}"));
    let steps = object["steps"].as_array().unwrap();
    steps.iter().map(|step| (step["name"].as_str().unwrap().to_owned(), step["ok"].as_bool().unwrap())).collect()
}

const STEPS: [&str; 10] =
    ["document", "plan", "apply", "join", "traffic", "refused", "failover", "change", "restart", "board"];

/// Runs the quickstart with `step` broken, and sees that it fails, that those before it hold, and that none comes after.
fn breaks(step: &str) {
    let output = quickstart(&["--exit", "--json", "--break", step]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let at = STEPS.iter().position(|name| *name == step).unwrap();
    let expected: Vec<_> = STEPS[..=at].iter().map(|name| ((*name).to_owned(), *name != step)).collect();
    assert_eq!(steps(&output), expected, "{errors}");
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains(&format!("step {step} failed")), "{errors}");
}

macro_rules! broken {
    ($($test:ident: $step:literal),* $(,)?) => { $(
        #[test]
        fn $test() {
            breaks($step);
        }
    )* };
}

broken! {
    a_dangling_name_breaks_the_document: "document",
    a_failed_assertion_breaks_the_plan: "plan",
    an_approver_without_the_right_breaks_apply: "apply",
    a_wrong_control_key_breaks_join: "join",
    a_flipped_byte_breaks_traffic: "traffic",
    a_filter_that_lets_all_pass_breaks_refused: "refused",
    a_dead_standby_breaks_failover: "failover",
    a_policy_that_goes_breaks_change: "change",
    an_empty_store_breaks_restart: "restart",
    a_place_that_cannot_be_written_breaks_board: "board",
}

#[test]
fn a_mistake_on_the_command_line_names_itself_and_the_steps() {
    let output = quickstart(&["--brake", "join"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("there is no option \"--brake\"") && errors.contains("failover"), "{errors}");
    assert_eq!(output.status.code(), Some(1));
    let output = quickstart(&["--break", "nothing"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("there is no step \"nothing\""));
    assert!(String::from_utf8(quickstart(&["--help"]).stdout).unwrap().contains("--exit"));
}

//! Runs the README's first command and asserts every step by name.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::shell;
use crate::tally::Tally;

/// The steps, in the order in which the quickstart takes them.
pub(crate) const STEPS: [&str; 10] =
    ["document", "plan", "apply", "join", "traffic", "refused", "failover", "change", "restart", "board"];

/// The promise is 60 s after the build; a machine under load gets ten times that before we call it stuck.
const LIMIT: Duration = Duration::from_secs(600);

const EXAMPLE: [&str; 3] = ["--release", "--example", "quickstart"];

pub(crate) fn run(tally: &mut Tally) -> Result<()> {
    let status = shell::cargo().arg("build").args(EXAMPLE).status().context("building the quickstart")?;
    if !status.success() {
        bail!("the quickstart does not build");
    }
    let mut command = shell::cargo();
    command.args(["run", "--quiet"]).args(EXAMPLE).args(["--", "--exit", "--json"]);
    let start = Instant::now();
    let mut output = String::new();
    // It says nothing before its one object, so that the patience for a word is the patience for the whole.
    let good_exit = shell::stream(&mut command, LIMIT, |line| {
        output.push_str(line);
        output.push('\n');
    })?;
    println!("{output}");
    println!("quickstart: {:.1} s", start.elapsed().as_secs_f64());
    let report = serde_json::from_str(&output).context("its standard output is not one JSON object")?;
    let verdicts = judge(&report);
    let all_ok = verdicts.iter().all(Result::is_ok);
    for verdict in verdicts {
        match verdict {
            Ok(()) => tally.pass(),
            Err(why) => tally.fail(format!("quickstart: {why}")),
        }
    }
    let good_exit = good_exit.success();
    if good_exit != all_ok {
        tally.fail(format!("quickstart: the exit code says {good_exit}, the steps say {all_ok}"));
    }
    Ok(())
}

/// One verdict per step of `STEPS`, and one more failure for each step that nobody expects.
fn judge(report: &Value) -> Vec<Result<(), String>> {
    let Some(steps) = report["steps"].as_array() else {
        return vec![Err("the report has no list \"steps\"".to_owned())];
    };
    let named = |name: &str| steps.iter().filter(|step| step["name"] == name).collect::<Vec<_>>();
    let mut verdicts: Vec<_> = STEPS
        .iter()
        .map(|name| match named(name)[..] {
            [] => Err(format!("step {name} is missing")),
            [step] if step["ok"] == true => Ok(()),
            [step] => Err(format!("step {name}: {step}")),
            _ => Err(format!("step {name} is there more than once")),
        })
        .collect();
    verdicts.extend(
        steps
            .iter()
            .filter(|step| !STEPS.iter().any(|name| step["name"] == *name))
            .map(|step| Err(format!("a step that nobody expects: {step}"))),
    );
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(names: &[&str]) -> Value {
        let steps: Vec<_> =
            names.iter().map(|name| serde_json::json!({"name": name, "ok": true, "figures": {}})).collect();
        serde_json::json!({ "steps": steps })
    }

    fn failures(report: &Value) -> Vec<String> {
        judge(report).into_iter().filter_map(Result::err).collect()
    }

    #[test]
    fn a_whole_report_is_one_pass_per_step() {
        let verdicts = judge(&report(&STEPS));
        assert_eq!(verdicts.len(), STEPS.len());
        assert!(verdicts.iter().all(Result::is_ok));
    }

    #[test]
    fn a_step_that_is_missing_fails_by_name() {
        assert_eq!(failures(&report(&STEPS[..9])), ["step board is missing"]);
    }

    #[test]
    fn a_step_that_is_not_ok_fails_by_name() {
        for not_ok in [serde_json::json!(false), serde_json::json!("true"), serde_json::json!(1), Value::Null] {
            let mut report = report(&STEPS);
            report["steps"][4]["ok"] = not_ok;
            let failures = failures(&report);
            assert_eq!(failures.len(), 1);
            assert!(failures[0].starts_with("step traffic: "), "{failures:?}");
        }
    }

    #[test]
    fn a_step_twice_or_unknown_fails() {
        let mut names = STEPS.to_vec();
        names.extend(["plan", "dance"]);
        assert_eq!(failures(&report(&names)).len(), 2);
    }

    #[test]
    fn a_report_without_steps_fails() {
        assert_eq!(failures(&serde_json::json!({})).len(), 1);
        assert_eq!(failures(&serde_json::json!([])).len(), 1);
    }
}

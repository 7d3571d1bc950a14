//! What is generated from the types of the command: shell completions, the manual page, the schema of answers.

use clap::CommandFactory as _;
use clap_complete::Shell;
use nanami::plan::{Bisected, Comparison, Explanation, Impact, Judgement, Overview, Plan, Reach, Sweep};
use schemars::{JsonSchema, schema_for};

use crate::answer::Answer;
use crate::args::Command;
use crate::failure::Failure;
use crate::verbs::reach::Twice;

/// What `--json` prints.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "it stands for its schema")]
enum Said {
    Plan(Box<Plan>),
    Comparison(Comparison),
    Explanation(Explanation),
    Reach(Reach),
    ReachTwice(Twice),
    Impact(Impact),
    Sweep(Sweep),
    Assertions(Judgement),
    Status(Overview),
    Bisected(Bisected),
}

/// The JSON Schema (draft 2020-12) of what `--json` prints. A field that is in it keeps its name and its meaning.
pub(crate) fn answers() -> String {
    let mut text = serde_json::to_string_pretty(schema_for!(Said).as_value()).unwrap_or_default();
    text.push('\n');
    text
}

pub(crate) fn completions(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Command::command(), "nanami", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The page of the command, followed by a section for each verb.
pub(crate) fn page() -> Result<Answer, Failure> {
    let mut command = Command::command();
    command.build();
    let mut text = Vec::new();
    let rendered = clap_mangen::Man::new(command.clone()).render(&mut text).and_then(|()| {
        command.get_subcommands().filter(|verb| verb.get_name() != "help").try_for_each(|verb| {
            let man = clap_mangen::Man::new(verb.clone());
            man.render_name_section(&mut text)?;
            man.render_synopsis_section(&mut text)?;
            man.render_options_section(&mut text)
        })
    });
    rendered.map_err(|error| Failure::new(format!("could not write the manual page: {error}")))?;
    Ok(Answer::text(String::from_utf8_lossy(&text)))
}

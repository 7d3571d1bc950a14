//! The `nanami` command: explains a network from its document alone.
//!
//! **Invariant**: it reads the files that it is given and writes those it is told to; it opens no socket and needs no right. An
//! answer goes to standard output, everything else to standard error.
#![forbid(unsafe_code)]

mod answer;
mod args;
mod document;
mod failure;
mod source;
mod verbs;
mod waiting;

use std::process::ExitCode;

use clap::Parser as _;

use answer::Answer;
use args::{Command, Verb};
use failure::Failure;

fn main() -> ExitCode {
    let command = match Command::try_parse() {
        Ok(command) => command,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    let printed = run(command).and_then(|answer| {
        answer.print().map_err(|error| Failure::new(format!("could not write to standard output: {error}")))
    });
    match printed {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(Command { verb, form }: Command) -> Result<Answer, Failure> {
    match verb {
        Verb::Plan { file, against, .. } => verbs::plan::run(&file, against.as_deref(), &form),
        Verb::Explain { flow, fix, output, at, workspace } => {
            let file = at.as_deref().unwrap_or(&workspace.file);
            verbs::explain::run(file, &flow, fix.map(usize::from), output.as_deref(), &form)
        }
        Verb::Reach { who, plan, workspace } => verbs::reach::run(&workspace.file, &who, plan.as_deref(), &form),
        Verb::WhatIf { edits, remove, output, workspace } => {
            verbs::what_if::run(&workspace.file, &edits, &remove, output.as_deref(), &form)
        }
        Verb::Impact { gateways, regions, hosts, without_control, sweep, workspace } => {
            let dead = verbs::impact::Dead { gateways, regions, hosts, control: without_control, each: sweep };
            verbs::impact::run(&workspace.file, &dead, &form)
        }
        Verb::Board { output, by, open, plan, workspace } => {
            verbs::board::run(&workspace.file, &output, by, &open, plan.as_deref())
        }
        Verb::Status { workspace } => verbs::status::run(&workspace.file, &form),
        Verb::Check { against, workspace } => verbs::check::run(&workspace.file, against.as_deref(), &form),
        Verb::Diff { old, new } => verbs::diff::run(&old, &new, &form),
        Verb::Bisect { flow, files } => verbs::bisect::run(&flow, &files, &form),
        Verb::Import { from: args::Format::WgQuick, dir, name, owner, output } => {
            verbs::import::run(&dir, &name, &owner, output.as_deref())
        }
        Verb::Export { peer, endpoint, workspace } => verbs::export::run(&workspace.file, &peer, endpoint.as_deref()),
        Verb::Schema { answers: false } => Ok(Answer::text(nanami::model::document_schema())),
        Verb::Schema { answers: true } => Ok(Answer::text(verbs::manual::answers())),
        Verb::Completions { shell } => Ok(Answer::text(verbs::manual::completions(shell))),
        Verb::Man => verbs::manual::page(),
    }
}

//! `bisect`: which change of a row of documents broke a flow, or opened it.

use std::fmt;
use std::path::PathBuf;

use nanami::model::{ChangeSet, Intent, Observed, Timestamp};
use nanami::plan::{Comparison, Desired, Explanation};
use schemars::JsonSchema;
use serde::Serialize;

use crate::answer::{Answer, Exit};
use crate::args::{self, Form};
use crate::failure::Failure;
use crate::source::{Document, name_of};
use crate::verbs::explain;
use crate::waiting::Waiting;

pub(crate) fn run(flow: &args::Flow, files: &[PathBuf], form: &Form) -> Result<Answer, Failure> {
    let _waiting = Waiting::for_long(format!("asking {} documents", files.len()));
    let mut row: Vec<(String, Desired, Verdict)> = Vec::new();
    for file in files {
        let read = Document::read(file)?;
        // One workspace through time: what two documents name is the same object.
        let intent = match row.last() {
            None => read.intent,
            Some((_, last, _)) => {
                let refused = |refused| Failure::new(format!("{} cannot follow: {refused}", name_of(file)));
                crate::source::revised(last.intent(), &read.intent).map_err(refused)?
            }
        };
        let desired = super::desired(&intent);
        let verdict = verdict(&desired, flow);
        row.push((name_of(file), desired, verdict));
    }
    if row.iter().all(|(.., verdict)| *verdict == Verdict::Unknown)
        && let Some((_, desired, _)) = row.last()
    {
        explain::asked(desired.intent(), flow)?; // no document has both ends: says which, and the near ones
    }
    let turn = (1..row.len()).rev().find(|n| row[*n].2.allowed() != row[*n - 1].2.allowed());
    let found = turn.map(|n| {
        let culprit = culprit(&row[n - 1].1, &row[n].1, flow, row[n].2);
        Turn { before: row[n - 1].0.clone(), after: row[n].0.clone(), culprit }
    });
    let last = row.last().map_or(Verdict::Unknown, |(.., verdict)| *verdict);
    let flow = format!("{} -> {}  {}", flow.from, flow.to, flow.service);
    let documents = row.into_iter().map(|(file, _, verdict)| Asked { file, verdict }).collect();
    Answer::of(&Bisected { kind: "bisected", flow, last, turn: found, documents }, form, Exit::yes_if(last.allowed()))
}

/// What one document says of the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Allowed,
    Denied,
    /// One of its ends is not there.
    Unknown,
}

impl Verdict {
    fn allowed(self) -> bool {
        self == Self::Allowed
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Unknown => "denied, an end is not there",
        })
    }
}

fn verdict(desired: &Desired, flow: &args::Flow) -> Verdict {
    let Ok(asked) = desired.intent().flow(&flow.from, &flow.to, flow.service) else { return Verdict::Unknown };
    match desired.beside(Observed::none(), Timestamp::from_millis(0)).explain(&asked) {
        Explanation::Allowed(_) => Verdict::Allowed,
        Explanation::Denied(_) => Verdict::Denied,
    }
}

/// The fewest changes between two states that turn the verdict by themselves: ever smaller parts are left out while that still
/// turns it (delta debugging).
fn culprit(before: &Desired, after: &Desired, flow: &args::Flow, turned: Verdict) -> Comparison {
    let all = before.intent().changes_to(after.intent());
    let turns = |kept: &[nanami::model::Change]| {
        let set: ChangeSet = ChangeSet::default().with_changes(kept.iter().cloned()).danger_allow_mass_removal();
        let next = before.intent().apply(before.intent().owner(), &set).ok()?;
        let state = before.what_if(&next).desired().clone();
        (verdict(&state, flow).allowed() == turned.allowed()).then_some(next)
    };
    let mut kept: Vec<_> = all.iter().cloned().collect();
    let mut least: Option<Intent> = None;
    let mut part = kept.len().div_ceil(2);
    while part > 0 {
        let mut at = 0;
        while at < kept.len() {
            let mut fewer = kept.clone();
            fewer.drain(at..(at + part).min(fewer.len()));
            match turns(&fewer) {
                Some(next) => (kept, least) = (fewer, Some(next)),
                None => at += part,
            }
        }
        part /= 2;
    }
    before.what_if(least.as_ref().unwrap_or(after.intent())).comparison()
}

/// The whole answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Bisected {
    kind: &'static str,
    flow: String,
    last: Verdict,
    turn: Option<Turn>,
    documents: Vec<Asked>,
}

/// Where the verdict turned last.
#[derive(Serialize, JsonSchema)]
struct Turn {
    before: String,
    after: String,
    culprit: Comparison,
}

#[derive(Serialize, JsonSchema)]
struct Asked {
    file: String,
    verdict: Verdict,
}

impl fmt::Display for Bisected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, flow) = (if self.last.allowed() { "OPENED" } else { "BROKEN" }, &self.flow);
        match &self.turn {
            None => {
                let word = if self.last.allowed() { "ALLOWED" } else { "DENIED" };
                writeln!(f, "{word:<9} {flow}   in all {} documents", self.documents.len())?;
            }
            Some(Turn { before, after, culprit }) => {
                writeln!(f, "{word:<9} {flow}   between {before} and {after}")?;
                for (n, line) in culprit.edits().iter().enumerate() {
                    writeln!(f, "{:<9} {line}", if n == 0 { "Because" } else { "" })?;
                }
            }
        }
        let width = self.documents.iter().map(|asked| asked.file.chars().count()).max().unwrap_or(0);
        let turns = (1..self.documents.len()).filter(|n| self.documents[*n].verdict != self.documents[n - 1].verdict);
        let telling: Vec<usize> = turns.flat_map(|n| [n - 1, n]).collect();
        let all = f.alternate() || self.documents.len() <= ROWS;
        for (n, asked) in self.documents.iter().enumerate() {
            if all || telling.contains(&n) {
                write!(f, "\n  {:<width$}   {}", asked.file, asked.verdict)?;
            }
        }
        Ok(())
    }
}

/// Documents that are listed one by one (OUTPUT.md, rule 2); of more, only those where the verdict turns.
const ROWS: usize = 18;

//! The steps of a stage as rows: who, what, why.
//!
//! **Invariant**: a row speaks of steps with one reason; what it does not spell out it counts.

use std::collections::{BTreeMap, BTreeSet};

use super::count;
use crate::step::{Action, Reason, Step};

/// One row of a stage.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) who: String,
    pub(crate) what: String,
    pub(crate) why: String,
}

/// Rows that name everything: one for each thing that is done for one reason, whoever does it.
pub(crate) fn each<'a>(steps: impl Iterator<Item = &'a Step>) -> Vec<Row> {
    let mut rows: BTreeMap<(String, Kind, String), Vec<&str>> = BTreeMap::new();
    for step in steps {
        for (action, sentence) in step.actions.iter().zip(&step.sentences) {
            let key = (why(&step.reason), Kind::of(action), sentence.clone());
            rows.entry(key).or_default().push(step.name.as_str());
        }
    }
    let row = |((why, _, what), who): ((String, Kind, String), Vec<&str>)| Row { who: some(&who), what, why };
    rows.into_iter().map(row).collect()
}

/// Rows that gather what is done alike for one reason: its tunnels, its routes, what it lets through.
pub(crate) fn gathered<'a>(steps: impl Iterator<Item = &'a Step>) -> Vec<Row> {
    let mut rows: BTreeMap<(String, Kind), Gathered<'a>> = BTreeMap::new();
    for step in steps {
        for (action, sentence) in step.actions.iter().zip(&step.sentences) {
            let row = rows.entry((why(&step.reason), Kind::of(action))).or_default();
            if row.who.last() != Some(&step.name.as_str()) {
                row.who.push(step.name.as_str());
            }
            row.what.insert(sentence.as_str());
        }
    }
    let row = |((why, kind), row): ((String, Kind), Gathered<'_>)| Row {
        who: some(&row.who),
        what: kind.gather(&row.what),
        why,
    };
    rows.into_iter().map(row).collect()
}

#[derive(Default)]
struct Gathered<'a> {
    who: Vec<&'a str>,
    what: BTreeSet<&'a str>,
}

/// What is alike, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Itself,
    Tunnel,
    DropTunnel,
    Route,
    Accept,
    Forward,
}

impl Kind {
    fn of(action: &Action) -> Self {
        match action {
            Action::Start | Action::Renumber | Action::Ranges => Self::Itself,
            Action::Connect { .. } | Action::Rekey { .. } => Self::Tunnel,
            Action::Disconnect { .. } => Self::DropTunnel,
            Action::Route { .. } | Action::Move { .. } | Action::Unroute { .. } => Self::Route,
            Action::StandBy { .. } | Action::StandDown { .. } => Self::Route,
            Action::Accept { .. } | Action::Refuse { .. } => Self::Accept,
            Action::Forward { .. } | Action::StopForwarding { .. } | Action::Attribute { .. } => Self::Forward,
        }
    }

    /// One thing in words; several tunnels by the end that they share; else how many.
    fn gather(self, sentences: &BTreeSet<&str>) -> String {
        let mut all = sentences.iter();
        if let (Some(only), None) = (all.next(), all.next()) {
            return (*only).to_owned();
        }
        match self {
            Self::Tunnel => hub(sentences, "tunnel ").unwrap_or_else(|| count(sentences.len(), "tunnel")),
            Self::DropTunnel => {
                hub(sentences, "drop tunnel ").unwrap_or_else(|| format!("drop {}", count(sentences.len(), "tunnel")))
            }
            Self::Route => count(sentences.len(), "route"),
            Self::Accept | Self::Forward => count(sentences.len(), "flow"),
            Self::Itself => count(sentences.len(), "change"),
        }
    }
}

/// `tunnels ci-runner - eu-west, us-east`, if there are few, and one end is the same.
fn hub(sentences: &BTreeSet<&str>, head: &str) -> Option<String> {
    let ends = |text: &&str| {
        let (a, b) = text.strip_prefix(head)?.split_once(" - ")?;
        Some([a.to_owned(), b.to_owned()])
    };
    let pairs: Vec<[String; 2]> = sentences.iter().map(ends).collect::<Option<_>>()?;
    let shared = pairs.first()?.iter().find(|end| pairs.iter().all(|pair| pair.contains(end)))?;
    let others: Vec<_> = pairs.iter().flatten().filter(|end| *end != shared).cloned().collect();
    (others.len() <= 3).then(|| format!("{}s {shared} - {}", head.trim_end(), others.join(", ")))
}

/// A policy by its name alone, for most reasons are policies.
fn why(reason: &Reason) -> String {
    let text = reason.to_string();
    text.strip_prefix("policy ").map(str::to_owned).unwrap_or(text)
}

/// The names, or how many there are.
fn some(names: &[&str]) -> String {
    if names.len() > 2 { count(names.len(), "peer") } else { names.join(", ") }
}

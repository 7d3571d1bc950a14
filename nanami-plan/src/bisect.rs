//! Bisection: which change of a row of documents broke a flow, or opened it.
//!
//! **Invariant**: what is called the culprit turns the verdict by itself, and without any part of it that was tried the verdict
//! stays. Documents are one workspace through time: what two of them name is the same object.

use nanami_model::{Change, ChangeSet, Intent, Observed, Refused, Service, Timestamp, UnknownName};

use crate::comparison::Comparison;
use crate::desired::{Desired, compile};
use crate::explain::Explanation;
use crate::selection::Selection;

/// A flow as people name it: from a peer, to a peer, a route or an address, by a service.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// The peer that begins.
    pub from: &'a str,
    /// A peer, a route or an address.
    pub to: &'a str,
    /// The service.
    pub service: Service,
}

/// What a row of documents says of one flow, and which change turned the verdict last. `Display` is the text for people, `{:#}` the
/// unabridged one.
#[derive(Debug, Clone)]
pub struct Bisected {
    pub(crate) flow: String,
    pub(crate) turn: Option<Turn>,
    pub(crate) documents: Vec<(String, Verdict)>,
}

/// Between which two documents the verdict turned, and by what.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) before: String,
    pub(crate) after: String,
    pub(crate) culprit: Comparison,
}

/// What one document says of the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It passes.
    Allowed,
    /// Something stops it.
    Denied,
    /// One of its ends is not there.
    Unknown,
}

/// Why a row of documents cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BisectError {
    /// A document is no next revision of the one before it.
    #[error("{document} cannot follow: {refused}")]
    CannotFollow {
        /// What the document is called.
        document: String,
        /// The rules that stand against it.
        refused: Refused,
    },
    /// No document has both ends.
    #[error(transparent)]
    UnknownName(#[from] UnknownName),
}

/// Asks documents, the oldest first, each with what it is called: where the verdict about a flow turned last, and the fewest changes
/// that turn it by themselves.
///
/// ```
/// use nanami_model::{Intent, Service};
/// use nanami_plan::{Named, Verdict, bisect};
///
/// let text = include_str!("../../examples/acme.toml");
/// let without: String = text.lines().filter(|line| !line.starts_with("ci-to-vpc")).map(|line| format!("{line}\n")).collect();
/// let documents = [("monday.toml", text), ("tuesday.toml", &without)];
/// let documents = documents.map(|(name, text)| Ok((name.to_owned(), Intent::from_toml(text)?)));
/// let documents = documents.into_iter().collect::<Result<Vec<_>, nanami_model::DocumentErrors>>()?;
/// let flow = Named { from: "ci-runner", to: "vpc", service: Service::tcp(443) };
/// let found = bisect(flow, documents)?;
/// assert_eq!(found.last(), Verdict::Denied);
/// assert!(found.to_string().contains("Because   - policy ci-to-vpc"), "{found}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`BisectError`] if a document cannot follow the one before it, or if no document has both ends of the flow.
pub fn bisect(flow: Named<'_>, documents: impl IntoIterator<Item = (String, Intent)>) -> Result<Bisected, BisectError> {
    let mut row: Vec<(String, Desired, Verdict)> = Vec::new();
    for (document, read) in documents {
        let intent = match row.last() {
            None => read,
            Some((_, last, _)) => match last.intent().revised(&read) {
                Ok(intent) => intent,
                Err(refused) => return Err(BisectError::CannotFollow { document, refused }),
            },
        };
        let desired = compile(&intent, &Selection::default());
        let verdict = verdict(&desired, flow);
        row.push((document, desired, verdict));
    }
    if row.iter().all(|(.., verdict)| *verdict == Verdict::Unknown)
        && let Some((_, desired, _)) = row.last()
    {
        desired.intent().flow(flow.from, flow.to, flow.service)?;
    }
    let turn = (1..row.len()).rev().find(|n| row[*n].2.allowed() != row[*n - 1].2.allowed());
    let turn = turn.map(|n| {
        let culprit = culprit(&row[n - 1].1, &row[n].1, flow, row[n].2);
        Turn { before: row[n - 1].0.clone(), after: row[n].0.clone(), culprit }
    });
    let flow = format!("{} -> {}  {}", flow.from, flow.to, flow.service);
    let documents = row.into_iter().map(|(document, _, verdict)| (document, verdict)).collect();
    Ok(Bisected { flow, turn, documents })
}

impl Bisected {
    /// What the newest document says; unknown if there is none.
    pub fn last(&self) -> Verdict {
        self.documents.last().map_or(Verdict::Unknown, |(_, verdict)| *verdict)
    }

    /// What each document says, the oldest first.
    pub fn documents(&self) -> &[(String, Verdict)] {
        &self.documents
    }

    /// The fewest changes that turned the verdict last; `None` if all documents agree.
    pub fn culprit(&self) -> Option<&Comparison> {
        self.turn.as_ref().map(|turn| &turn.culprit)
    }
}

impl Verdict {
    /// Whether the flow passes.
    pub fn allowed(self) -> bool {
        self == Self::Allowed
    }
}

fn verdict(desired: &Desired, flow: Named<'_>) -> Verdict {
    let Ok(asked) = desired.intent().flow(flow.from, flow.to, flow.service) else { return Verdict::Unknown };
    match desired.beside(Observed::none(), Timestamp::from_millis(0)).explain(&asked) {
        Explanation::Allowed(_) => Verdict::Allowed,
        Explanation::Denied(_) => Verdict::Denied,
    }
}

/// The fewest changes between two states that turn the verdict by themselves: ever smaller parts are left out while that still
/// turns it (delta debugging).
fn culprit(before: &Desired, after: &Desired, flow: Named<'_>, turned: Verdict) -> Comparison {
    let all = before.intent().changes_to(after.intent());
    let turns = |kept: &[Change]| {
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

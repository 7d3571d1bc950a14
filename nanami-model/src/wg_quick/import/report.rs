//! What an import found, what it guessed, and what it left behind.

use std::collections::BTreeMap;
use std::fmt;

use crate::change::ChangeSet;
use crate::intent::Intent;
use crate::name::Name;

/// A proposed workspace, with everything that was guessed and everything that was dropped. `Display` is the report for people.
#[derive(Debug, Clone)]
pub struct Imported {
    pub(super) intent: Intent,
    pub(super) changes: ChangeSet,
    pub(super) files: usize,
    pub(super) guesses: Vec<Guess>,
    pub(super) dropped: Vec<Dropped>,
}

/// Something that no file says, but that files let one suppose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// What was supposed.
    pub what: String,
    /// Why.
    pub why: String,
    /// How sure that is.
    pub certainty: Certainty,
    /// What it was seen in; `None` if in no single place.
    pub source: Option<Source>,
}

/// How sure a guess is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Something had to be chosen.
    Doubtful,
    /// It is the usual reading.
    Likely,
    /// The files allow hardly another reading.
    Certain,
}

/// Something that a file says and the workspace does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// What.
    pub what: String,
    /// Why, and what takes its place.
    pub why: String,
    /// Where it stands.
    pub source: Source,
}

/// A place in one of the files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The file, by the name that it was given under.
    pub file: Name,
    /// The line, from 1.
    pub line: usize,
}

impl Imported {
    /// The proposed workspace, at revision 1.
    pub fn intent(&self) -> &Intent {
        &self.intent
    }

    /// The changes that make it from an empty workspace of the same name and owner.
    pub fn changes(&self) -> &ChangeSet {
        &self.changes
    }

    /// What was guessed, the most doubtful first.
    pub fn guesses(&self) -> &[Guess] {
        &self.guesses
    }

    /// What was left behind, in the order of the files.
    pub fn dropped(&self) -> &[Dropped] {
        &self.dropped
    }
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Doubtful => "doubtful",
            Self::Likely => "likely",
            Self::Certain => "certain",
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let intent = &self.intent;
        let counts = [
            count(intent.peers().len(), "peer", "peers"),
            count(intent.networks().len(), "network", "networks"),
            count(intent.gateways().len(), "gateway", "gateways"),
            count(intent.routes().len(), "route", "routes"),
            count(intent.policies().len(), "policy", "policies"),
        ];
        writeln!(f, "Imported {} as {}: {}", count(self.files, "file", "files"), intent.name(), counts.join(", "))?;
        writeln!(f, "Private keys stay where they are: only their public halves are in the workspace.")?;
        if !self.guesses.is_empty() {
            writeln!(f, "\nGuessed")?;
        }
        for guess in &self.guesses {
            let source = guess.source.as_ref().map_or(String::new(), |source| format!("  ({source})"));
            writeln!(f, "  {:9} {}{source}\n            {}", guess.certainty, guess.what, guess.why)?;
        }
        if !self.dropped.is_empty() {
            writeln!(f, "\nDropped")?;
        }
        for ((what, why), sources) in self.alike() {
            let shown = sources.iter().take(LISTED).map(|source| source.to_string()).collect::<Vec<_>>().join(", ");
            let more = match sources.len().saturating_sub(LISTED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            writeln!(f, "  {what}  ({shown}{more})\n            {why}")?;
        }
        Ok(())
    }
}

impl Imported {
    /// What was dropped for the same reason, with all its places, in the order of the first of them.
    fn alike(&self) -> Vec<((&str, &str), Vec<&Source>)> {
        let (mut places, mut all) = (BTreeMap::new(), Vec::<(_, Vec<_>)>::new());
        for Dropped { what, why, source } in &self.dropped {
            let key = (what.as_str(), why.as_str());
            let place = *places.entry(key).or_insert(all.len());
            if place == all.len() {
                all.push((key, Vec::new()));
            }
            all[place].1.push(source);
        }
        all
    }
}

fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// chosen: places of one kind that a line of the report has room for.
const LISTED: usize = 4;

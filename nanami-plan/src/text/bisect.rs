//! Bisections as people read them: the verdict, the change that turned it, the documents.

use std::fmt;

use crate::bisect::{Bisected, Turn, Verdict};

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Unknown => "denied, an end is not there",
        })
    }
}

impl fmt::Display for Bisected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (allowed, flow) = (self.last().allowed(), &self.flow);
        match &self.turn {
            None => {
                let word = if allowed { "ALLOWED" } else { "DENIED" };
                writeln!(f, "{word:<9} {flow}   in all {} documents", self.documents.len())?;
            }
            Some(Turn { before, after, culprit }) => {
                let word = if allowed { "OPENED" } else { "BROKEN" };
                writeln!(f, "{word:<9} {flow}   between {before} and {after}")?;
                for (n, line) in culprit.edits().iter().enumerate() {
                    writeln!(f, "{:<9} {line}", if n == 0 { "Because" } else { "" })?;
                }
            }
        }
        let width = self.documents.iter().map(|(document, _)| document.chars().count()).max().unwrap_or(0);
        let turns = (1..self.documents.len()).filter(|n| self.documents[*n].1 != self.documents[n - 1].1);
        let telling: Vec<usize> = turns.flat_map(|n| [n - 1, n]).collect();
        let all = f.alternate() || self.documents.len() <= ROWS;
        for (n, (document, verdict)) in self.documents.iter().enumerate() {
            if all || telling.contains(&n) {
                write!(f, "\n  {document:<width$}   {verdict}")?;
            }
        }
        Ok(())
    }
}

/// Documents that are listed one by one (OUTPUT.md, rule 2); of more, only those where the verdict turns.
const ROWS: usize = 18;

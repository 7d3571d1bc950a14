//! Where in a document something stands.

use std::fmt;

/// A place in a document: line and column for an editor, the path for a reader.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    line: usize,
    column: usize,
    path: String,
}

impl Place {
    pub(super) fn new(line: usize, column: usize, path: String) -> Self {
        Self { line, column, path }
    }

    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column, from 1, in characters.
    pub fn column(&self) -> usize {
        self.column
    }

    /// The way from the root, such as `policies.ci-deploys.to` or `networks.prod.pools[1]`. Empty where the text could not be
    /// read so far.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Where the lines of a text begin.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let after_newline = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after_newline).collect() }
    }

    /// Line and column of a byte, both from 1. A byte behind the end or inside a character counts as the one before it.
    pub(super) fn position(&self, at: usize) -> (usize, usize) {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts[line - 1];
        (line, self.text[start..at].chars().count() + 1)
    }
}

/// A part of the document as messages quote it: escaped, and never longer than a name could be.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// chosen: a name has at most 63 characters, a range at most 43.
const QUOTED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let lines = Lines::of("aé\nb");
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 99].map(|at| lines.position(at)),
            [(1, 1), (1, 2), (1, 2), (1, 3), (2, 1), (2, 2), (2, 2)]
        );
        assert_eq!(Lines::of("").position(0), (1, 1));
    }

    #[test]
    fn quotes_are_escaped_and_short() {
        assert_eq!(quoted("a\u{1b}\"b"), r#""a\u{1b}\"b""#);
        assert_eq!(quoted(&"é".repeat(500)).chars().count(), 64 + 3);
    }
}

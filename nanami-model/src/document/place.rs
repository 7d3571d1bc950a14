//! Where in a document something stands.

use std::cell::OnceCell;
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

/// Finds lines and columns in a text. Nothing is kept of a text in which nobody looks for a place; of any other, a mark for
/// every few kilobytes, so that a document of one long line costs as little as one of many short ones.
pub(super) struct Lines<'t> {
    text: &'t str,
    marks: OnceCell<Vec<Mark>>,
}

/// Line and column, both from 1, of the first character that begins in a stride of the text.
#[derive(Clone, Copy)]
struct Mark {
    at: usize,
    line: usize,
    column: usize,
}

impl<'t> Lines<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self { text, marks: OnceCell::new() }
    }

    /// Line and column of a byte, both from 1. A byte behind the end or inside a character counts as the one before it.
    pub(super) fn position(&self, at: usize) -> (usize, usize) {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let marks = self.marks.get_or_init(|| marks(self.text));
        let behind = marks.partition_point(|mark| mark.at <= at);
        let mark = marks[behind.max(1) - 1];
        let mark = advance(mark, &self.text[mark.at..at]);
        (mark.line, mark.column)
    }
}

fn marks(text: &str) -> Vec<Mark> {
    let mut mark = Mark { at: 0, line: 1, column: 1 };
    let mut marks = vec![mark];
    while text.len() - mark.at > STRIDE {
        let mut next = mark.at + STRIDE;
        while !text.is_char_boundary(next) {
            next -= 1;
        }
        mark = advance(mark, &text[mark.at..next]);
        marks.push(mark);
    }
    marks
}

/// The mark behind this part of the text.
fn advance(mark: Mark, part: &str) -> Mark {
    let at = mark.at + part.len();
    match part.rfind('\n') {
        None => Mark { at, line: mark.line, column: mark.column + part.chars().count() },
        Some(last) => {
            let newlines = part.bytes().filter(|byte| *byte == b'\n').count();
            Mark { at, line: mark.line + newlines, column: part[last + 1..].chars().count() + 1 }
        }
    }
}

/// chosen: a hundredth of the text for the marks, microseconds for a place.
const STRIDE: usize = 4096;

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
    fn long_texts_are_counted_like_short_ones() {
        let text = format!("{}\n{}", "é".repeat(3 * STRIDE), "ab\n".repeat(3 * STRIDE));
        let lines = Lines::of(&text);
        let (mut line, mut column) = (1, 1);
        for (at, character) in text.char_indices() {
            if at % 97 == 0 {
                assert_eq!(lines.position(at), (line, column), "{at}");
            }
            (line, column) = if character == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        assert_eq!(lines.position(text.len()), (line, column));
    }

    #[test]
    fn quotes_are_escaped_and_short() {
        assert_eq!(quoted("a\u{1b}\"b"), r#""a\u{1b}\"b""#);
        assert_eq!(quoted(&"é".repeat(500)).chars().count(), 64 + 3);
    }
}

//! Rows of aligned columns.

use super::COLUMNS;

/// Rows whose columns align. The last column of a row may be as wide as the page allows; what does not fit ends in `…`.
#[derive(Debug, Default)]
pub(crate) struct Table {
    indent: usize,
    right: Vec<usize>,
    rows: Vec<Vec<String>>,
}

/// Spaces between columns.
const GAP: usize = 3;
/// How much of a last cell always has room, at least.
const LAST: usize = 30;

impl Table {
    /// A table whose lines begin with so many spaces.
    pub(crate) fn new(indent: usize) -> Self {
        Self { indent, right: Vec::new(), rows: Vec::new() }
    }

    /// Sets the columns whose cells stand at the right: numbers.
    pub(crate) fn right(self, columns: impl IntoIterator<Item = usize>) -> Self {
        Self { right: columns.into_iter().collect(), ..self }
    }

    pub(crate) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        let widths = self.widths();
        let line = |row: &Vec<String>| {
            let mut text = " ".repeat(self.indent);
            for (n, cell) in row.iter().enumerate() {
                // A cell that nothing follows takes what is left of the line.
                let last = row[n + 1..].iter().all(String::is_empty);
                let room = if last { COLUMNS.saturating_sub(text.chars().count()) } else { widths[n] };
                let cell = clip(cell, room);
                let rest = widths.get(n).map_or(0, |width| width.saturating_sub(cell.chars().count()));
                let (before, after) = if self.right.contains(&n) { (rest, GAP) } else { (0, rest + GAP) };
                text.push_str(&" ".repeat(before));
                text.push_str(&cell);
                if last {
                    break;
                }
                text.push_str(&" ".repeat(after));
            }
            text.trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }

    /// The width of each column, which the last cell of a row does not widen. The widest gives way until each row has room
    /// for its last cell, or for a readable part of it.
    fn widths(&self) -> Vec<usize> {
        let length = |cell: &String| cell.chars().count();
        let ends: Vec<usize> =
            self.rows.iter().map(|row| row.iter().rposition(|c| !c.is_empty()).unwrap_or(0)).collect();
        let rows = || self.rows.iter().zip(&ends);
        let columns = ends.iter().copied().max().map_or(0, |last| last + 1);
        let width = |n: usize| rows().filter(|(_, end)| n < **end).map(|(row, _)| length(&row[n])).max().unwrap_or(0);
        let mut widths: Vec<_> = (0..columns).map(width).collect();
        for (row, end) in rows() {
            let needed = self.indent + GAP * end + row.get(*end).map_or(0, length).min(LAST);
            while needed + widths[..*end].iter().sum::<usize>() > COLUMNS {
                let Some(widest) = widths[..*end].iter_mut().max().filter(|w| **w > 1) else { break };
                *widest -= 1;
            }
        }
        widths
    }
}

/// The text in so many characters at most.
pub(crate) fn clip(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    kept.trim_end().to_owned() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_no_line_is_wider_than_the_page() {
        let mut table = Table::new(2);
        table.row(["a", "bb", "c"]);
        table.row(["aaa", "", "cc"]);
        table.row(["x".repeat(90), "y".repeat(40), "z".repeat(10)]);
        table.row(["a", &"last".repeat(30)]);
        let lines = table.lines();
        assert!(lines.iter().all(|line| line.chars().count() <= COLUMNS), "{lines:#?}");
        let column = |line: &str, text: &str| line[..line.find(text).unwrap()].chars().count();
        assert_eq!(column(&lines[0], "bb"), column(&lines[2], "yyy"));
        assert_eq!(column(&lines[0], "bb"), column(&lines[3], "last"));
        assert_eq!(column(&lines[0], "c"), column(&lines[1], "cc"));
    }
}

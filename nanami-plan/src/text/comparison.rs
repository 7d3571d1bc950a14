//! Comparisons as people read them: the verdict in counts, the objects, the reachability.

use std::fmt;

use super::plan::edit_lines;
use super::{Limit, count};
use crate::comparison::Comparison;

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return write!(f, "{}: nothing differs", self.workspace);
        }
        let effect = &self.effect;
        let sums = [
            (effect.gained().count(), "gained"),
            (effect.lost().count(), "lost"),
            (effect.rerouted().count(), "rerouted"),
        ];
        let sums: Vec<_> =
            sums.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", count(*n, "flow"))).collect();
        let sums = if sums.is_empty() { "who reaches what stays".to_owned() } else { sums.join(", ") };
        let changes = count(self.edits.len(), "change");
        let all = f.alternate();
        let mut lines = vec![format!("{}: {changes}, {sums}", self.workspace), String::new()];
        lines.extend(edit_lines(&self.edits, if all { Limit::NONE } else { Limit::rows(ROWS) }));
        lines.push(String::new());
        lines.extend(super::effect::lines(effect, if all { Limit::NONE } else { Limit::rows(3) }, &|_| None, None));
        f.write_str(&lines.join("\n"))
    }
}

/// Objects one by one; of more, so many of each kind.
const ROWS: usize = 7;

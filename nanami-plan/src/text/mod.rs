//! The texts that people read, in one form: verdict, cause, evidence, what to do next.
//!
//! **Invariant**: at most 100 columns, and 24 lines unless asked for everything (`{:#}`); what is left out is counted. Columns
//! align. The same value gives the same text.

mod bisect;
mod comparison;
mod effect;
mod explain;
mod fix;
mod impact;
mod judgement;
mod markdown;
pub(crate) mod plan;
mod reach;
mod rollout;
mod status;
mod table;

pub(crate) use effect::describe as why_disturbed;
pub use markdown::markdown;
pub(crate) use table::Table;

/// The widest line of a text.
pub(crate) const COLUMNS: usize = 100;

/// How many rows a list may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(usize);

impl Limit {
    pub(crate) const NONE: Self = Self(usize::MAX);

    /// At most this many rows, one of which is the count of what is left out.
    pub(crate) fn rows(rows: usize) -> Self {
        Self(rows.max(1))
    }

    /// The limit, at most `rows`.
    pub(crate) fn most(self, rows: usize) -> usize {
        self.0.min(rows)
    }

    /// How many items of a list are shown, and how many are only counted.
    pub(crate) fn split(self, items: usize) -> (usize, usize) {
        if items <= self.0 { (items, 0) } else { (self.0 - 1, items - self.0 + 1) }
    }
}

/// `none` instead of 0.
pub(crate) fn none_or(n: usize) -> String {
    if n == 0 { "none".to_owned() } else { n.to_string() }
}

/// `1 peer`, `2 peers`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    match (n, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        // A vowel before it keeps the y: gateways, keys.
        (_, Some(stem)) if !stem.ends_with(['a', 'e', 'o']) => format!("{n} {stem}ies"),
        _ => format!("{n} {noun}s"),
    }
}

/// A span of time in its largest unit: `38 s`, `6 min`, `21 days`.
pub(crate) fn duration(span: std::time::Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 if span.subsec_millis() > 0 => format!("{} ms", span.subsec_millis()),
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// How much something is used, in words.
pub(crate) fn used(used: crate::usage::Used) -> String {
    let open = used.open.map(|open| format!("{open} open {}, ", if open == 1 { "flow" } else { "flows" }));
    let last = used.last.map_or_else(|| "no use seen".to_owned(), |age| format!("last used {} ago", duration(age)));
    open.unwrap_or_default() + &last
}

/// A text after a head, in as many lines as it takes; the further ones begin below the text.
pub(crate) fn wrap(head: &str, text: &str) -> Vec<String> {
    let indent = " ".repeat(head.chars().count());
    let (mut lines, mut line) = (Vec::new(), head.to_owned());
    let mut empty = true;
    for word in text.split(' ') {
        let room = COLUMNS.saturating_sub(line.chars().count() + usize::from(!empty));
        if !empty && word.chars().count() > room {
            lines.push(line);
            (line, empty) = (indent.clone(), true);
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(&table::clip(word, COLUMNS - indent.len()));
        empty = false;
    }
    lines.push(line);
    lines
}

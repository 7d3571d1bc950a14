//! Names that are most like a mistyped one.
//!
//! **Invariant**: the work is bounded by the number of candidates, whatever text is looked up.

/// Names that are most like `text`, by edit distance: at most three, none that differs in more than a third of it.
pub(crate) fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    if text.len() > LONGEST {
        return Vec::new();
    }
    let limit = text.len().div_ceil(3).max(1);
    let close = |name: &&str| name.len().abs_diff(text.len()) <= limit;
    let scored = names.take(CANDIDATES).filter(close).map(|name| (distance(text, name), name));
    let mut scored: Vec<_> = scored.filter(|(d, _)| *d <= limit).collect();
    scored.sort_unstable();
    scored.dedup();
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Levenshtein's distance in bytes; two rows of the table are enough.
fn distance(a: &str, b: &str) -> usize {
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    let mut row = vec![0; b.len() + 1];
    for (i, x) in a.bytes().enumerate() {
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = previous[j] + usize::from(x != y);
            row[j + 1] = change.min(previous[j + 1] + 1).min(row[j] + 1);
        }
        std::mem::swap(&mut previous, &mut row);
    }
    previous[b.len()]
}

/// chosen: longer than any name, so that a text that is none costs nothing.
const LONGEST: usize = 80;
/// chosen: a suggestion is worth a few milliseconds, not more.
const CANDIDATES: usize = 10_000;

//! Texts compared with files, byte for byte. `NANAMI_BLESS=1` writes the files; the diff is what a reviewer reads.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "test helpers, which read and write files")]

use std::path::PathBuf;

pub(crate) fn golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.txt"));
    let text = format!("{text}\n");
    if std::env::var_os("NANAMI_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, known, "{} differs; NANAMI_BLESS=1 writes it anew", path.display());
}

/// What every abridged text keeps: 100 columns, 24 lines, no space at the end of a line.
pub(crate) fn assert_page(text: &str) {
    assert!(text.lines().count() <= 24, "{} lines\n{text}", text.lines().count());
    assert_columns(text);
}

pub(crate) fn assert_columns(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "too wide: {line}");
        assert_eq!(line, line.trim_end());
    }
}

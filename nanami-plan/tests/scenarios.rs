//! Cases as scripts: a document, edits, what peers report, questions, and the text of every answer, which a reviewer reads as a diff.
//!
//! A file of `tests/scenarios/` is a transcript. A line that begins with `$ ` asks something, and what follows it up to the next
//! empty line is the answer; `NANAMI_BLESS=1` writes the answers anew. `common/script.rs` lists what can be said.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test, which reads and writes files"
)]

mod common;
#[path = "common/edit.rs"]
mod edit;
#[path = "common/script.rs"]
mod script;

use std::path::{Path, PathBuf};

use script::Script;

#[test]
fn every_scenario_answers_as_written() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 10, "the scenarios are there");
    let differing: Vec<_> = files.iter().filter_map(|path| replay(path)).collect();
    assert!(differing.is_empty(), "{}\n\nNANAMI_BLESS=1 writes them anew", differing.join("\n\n"));
}

/// Plays one file; the first line that differs, if one does.
fn replay(path: &Path) -> Option<String> {
    let known = std::fs::read_to_string(path).unwrap();
    let played = Script::play(&known);
    if std::env::var_os("NANAMI_BLESS").is_some() {
        std::fs::write(path, &played).unwrap();
    }
    let known = std::fs::read_to_string(path).unwrap();
    let differs = known.lines().chain(["(end)"]).zip(played.lines().chain(["(end)"])).find(|(a, b)| a != b);
    differs.map(|(was, is)| format!("{}:\n- {was}\n+ {is}", path.display()))
}

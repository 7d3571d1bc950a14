//! Golden files: what an earlier release wrote still reads, and means the same (SEC-22, DESIGN "Messages").
//!
//! `v1` holds what the first release wrote. A later release adds a directory for each form that changed, and never touches
//! one that is there: `cargo test -p nanami-model --test wire -- --ignored` writes those of the current version.
#![expect(clippy::unwrap_used, reason = "tests panic")]

use std::fs;
use std::path::PathBuf;

mod values;

use values::{Sample, samples};

/// The version of each form that this release writes.
const CURRENT: &str = "v1";

fn file(version: &str, name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(version).join(name)
}

#[test]
fn every_released_form_reads_as_the_same_value() {
    let mut files = 0;
    for version in ["v1"] {
        for Sample { name, read, .. } in samples() {
            let path = file(version, name);
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            read(&bytes).unwrap_or_else(|what| panic!("{}: {what}", path.display()));
            files += 1;
        }
    }
    assert!(files >= 12, "{files} golden files");
}

#[test]
fn this_release_writes_its_own_form_byte_for_byte() {
    for Sample { name, write, .. } in samples().into_iter().filter(|sample| sample.fixed) {
        let path = file(CURRENT, name);
        let wanted = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(write() == wanted, "{}: the form changed; a changed form is a new version", path.display());
    }
}

/// Not a test: writes the golden files of the current version, for a form that is new.
#[test]
#[ignore = "writes files"]
fn write_golden_files() {
    for Sample { name, write, .. } in samples() {
        let path = file(CURRENT, name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if !path.exists() {
            fs::write(&path, write()).unwrap();
        }
    }
}

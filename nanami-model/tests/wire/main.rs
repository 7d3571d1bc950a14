//! Golden files: what an earlier release wrote still reads, and means the same (SEC-22, DESIGN "Messages").
//!
//! `v1` holds what the first release wrote. A later release adds a directory for each form that changed, and never touches
//! one that is there: `NANAMI_BLESS=1 cargo test -p nanami-model --test wire` writes those of the current version.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that reads its files")]

use std::fs;
use std::path::PathBuf;

mod values;

use values::{Sample, samples};

/// Every version that there ever was. A form that did not change in a version has no file in it.
const VERSIONS: [&str; 2] = ["v1", "v2"];

fn file(version: &str, name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(version).join(name)
}

/// The newest file of a form.
fn newest(name: &str) -> PathBuf {
    let newest = VERSIONS.iter().rev().map(|version| file(version, name)).find(|path| path.exists());
    newest.unwrap_or_else(|| panic!("{name} has no golden file"))
}

#[test]
fn every_released_form_reads_as_the_same_value() {
    let mut files = 0;
    for Sample { name, read, .. } in samples() {
        for path in VERSIONS.iter().map(|version| file(version, name)).filter(|path| path.exists()) {
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            read(&bytes).unwrap_or_else(|what| panic!("{}: {what}", path.display()));
            files += 1;
        }
    }
    let there = VERSIONS.iter().map(|version| fs::read_dir(file(version, "")).unwrap().count()).sum::<usize>();
    assert_eq!(files, there, "a golden file that no sample reads");
}

#[test]
fn this_release_writes_its_own_form_byte_for_byte() {
    if std::env::var_os("NANAMI_BLESS").is_some() {
        write_golden_files();
    }
    for Sample { name, write, .. } in samples().into_iter().filter(|sample| sample.fixed) {
        let path = newest(name);
        let wanted = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(write() == wanted, "{}: the form changed; a changed form is a new version", path.display());
    }
}

/// Writes the golden files of the last version for every form that it changed.
fn write_golden_files() {
    let [.., before, version] = VERSIONS;
    fs::create_dir_all(file(version, "")).unwrap();
    for Sample { name, write, .. } in samples().into_iter().filter(|sample| sample.fixed) {
        let bytes = write();
        if fs::read(file(before, name)).ok().as_ref() != Some(&bytes) {
            fs::write(file(version, name), bytes).unwrap();
        }
    }
}

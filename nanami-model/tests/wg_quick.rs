//! Imports of whole folders of `wg-quick` files: hub and spokes, full mesh, two sites, an exit. The folders are made by
//! `wg_quick/make.py`, with keys that are nobody's; `report.txt` and `workspace.toml` in each are
//! what comes of it.
//! `BLESS=1 cargo test -p nanami-model --test wg_quick` writes those again.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test, with its folders")]

use std::fs;
use std::path::{Path, PathBuf};

use nanami_model::wg_quick::{Imported, WgQuick, import, read_files};
use nanami_model::{Intent, PeerId, User, name};

const FOLDERS: [&str; 4] = ["exit", "hub", "mesh", "sites"];

#[test]
fn each_folder_becomes_the_workspace_and_the_report_that_stand_beside_it() {
    for folder in FOLDERS {
        let imported = imported(folder);
        golden(folder, "report.txt", &imported.to_string());
    }
}

#[test]
fn what_is_proposed_is_the_workspace_that_its_changes_make() {
    for folder in FOLDERS {
        let imported = imported(folder);
        let empty = Intent::new(name!("office"), User::new(name!("me")));
        let again = empty.apply(empty.owner(), imported.changes()).unwrap();
        assert!(again.changes_to(imported.intent()).is_empty(), "{folder}");
    }
}

#[test]
fn what_is_proposed_reads_back_from_its_document() {
    for folder in ["hub", "mesh"] {
        let imported = imported(folder);
        let path = place(folder).join("workspace.toml");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, imported.intent().to_toml()).unwrap();
        }
        let read = Intent::from_toml(&fs::read_to_string(&path).unwrap()).unwrap();
        assert!(read.changes_to(imported.intent()).is_empty(), "{}", path.display());
        assert!(imported.intent().changes_to(&read).is_empty(), "{}", path.display());
    }
}

#[test]
fn keys_and_addresses_are_kept_and_no_secret_is_in_what_is_proposed() {
    for folder in FOLDERS {
        let imported = imported(folder);
        let files = files(folder);
        let everything = format!("{imported} {imported:?} {}", imported.intent().to_toml());
        for (path, text) in &files {
            for line in text.lines().filter(|line| line.starts_with("PrivateKey") || line.starts_with("PresharedKey")) {
                let (_, secret) = line.split_once(" = ").unwrap();
                assert!(!everything.contains(secret), "{path} gives its secret away");
            }
            for line in text.lines().filter(|line| line.starts_with("PostUp")) {
                assert!(!everything.contains(line.split_once(" = ").unwrap().1), "{path} gives a command away");
            }
        }
        let texts = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        for (name, config) in read_files(texts).unwrap() {
            let interface = config.interface();
            let Ok(id) = imported.intent().id::<PeerId>(name.as_str()) else { panic!("{folder}: no peer {name}") };
            let peer = imported.intent().get(id).unwrap();
            if let Some(key) = interface.private_key() {
                assert_eq!(peer.key(), Some(key.public()), "{folder}: {name}");
            }
            let kept = interface.addresses().iter().filter(|own| peer.addresses().contains(&own.address())).count();
            let said = |what: &str| {
                imported.dropped().iter().any(|d| d.what.starts_with(what) && d.what.ends_with(name.as_str()))
            };
            assert!(
                kept == interface.addresses().len() || said("address "),
                "{folder}: {name} lost an address in silence"
            );
        }
    }
}

#[test]
fn the_order_of_files_changes_no_connection() {
    let connections = |imported: &Imported| {
        let intent = imported.intent();
        let mut all = Vec::new();
        for (_, policy) in intent.policies() {
            let name = |id: PeerId| intent.name_of(id).unwrap().to_string();
            let [from, to] = [policy.from(), policy.to()].map(|side| {
                let mut names: Vec<_> = intent.members(side).into_iter().map(name).collect();
                names.sort();
                names
            });
            let to = if to.is_empty() {
                vec![intent.label(nanami_model::ObjectId::from(policy.to())).to_string()]
            } else {
                to
            };
            for (a, b) in from.iter().flat_map(|a| to.iter().map(move |b| (a.clone(), b.clone()))) {
                all.extend([(a.clone(), b.clone(), policy.via().len()), (b, a, policy.via().len())]);
            }
        }
        all.retain(|(a, b, _)| a != b);
        all.sort();
        all.dedup();
        all
    };
    for folder in ["hub", "mesh", "sites"] {
        let mut files = files(folder);
        let forward = connections(&imported_from(&files));
        files.reverse();
        assert_eq!(connections(&imported_from(&files)), forward, "{folder}");
    }
}

fn imported(folder: &str) -> Imported {
    imported_from(&files(folder))
}

fn imported_from(files: &[(String, String)]) -> Imported {
    let read: Vec<(_, WgQuick)> = read_files(files.iter().map(|(path, text)| (path.as_str(), text.as_str()))).unwrap();
    import(name!("office"), User::new(name!("me")), &read).unwrap()
}

fn files(folder: &str) -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(place(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "conf"));
    paths.sort();
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

fn golden(folder: &str, file: &str, text: &str) {
    let path = place(folder).join(file);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(&path).unwrap_or_default(), "{}", path.display());
}

fn place(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wg_quick").join(folder)
}

//! Proves mechanically that the pure crates are pure and that dependencies point one way.
//!
//! What is proven: below a pure crate there is no crate that could bring a runtime, a socket, a clock or the operating
//! system's randomness; its own code is free of `unsafe`; its clippy.toml forbids the standard library's way to the
//! same things, and no file of it lifts that. Clippy itself, with warnings as errors, does the rest.

mod banned;
mod cores;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::shell;

/// Crates whose every function is a function of its arguments.
const PURE: [&str; 2] = ["nanami-model", "nanami-plan"];

/// Who never meets whom, not even through others: DESIGN's rooms.
const STRANGERS: [(&str, &[&str]); 4] = [
    ("nanami-model", &["nanami-plan", "nanami-tunnel", "nanami-control", "nanami"]),
    ("nanami-plan", &["nanami-tunnel", "nanami-control", "nanami"]),
    ("nanami-tunnel", &["nanami-plan", "nanami-control", "nanami"]),
    ("nanami-control", &["nanami-tunnel", "nanami", "boringtun", "smoltcp"]),
];

/// What a phone that links the peer's half of control must not carry.
const SERVERS_ONLY: [&str; 4] = ["nanami-plan", "axum", "sqlx", "sqlx-core"];

/// Runs all checks; the first thing that does not hold is the error.
pub(crate) fn run() -> Result<bool> {
    for name in PURE {
        for features in [&["--no-default-features"][..], &[], &["--all-features"]] {
            let packages = tree(name, features)?;
            no_banned(name, &packages)?;
            println!("{name} {}: {} crates below it, none of them banned", features.join(" "), packages.len() - 1);
        }
        forbids_unsafe(name)?;
        clippy_knows(name)?;
        nobody_lifts_a_ban(name)?;
        println!("{name}: no unsafe, and clippy holds {} bans", banned::CALLS.len());
    }
    never_meet(
        "nanami-control",
        &SERVERS_ONLY,
        &tree("nanami-control", &["--no-default-features", "--features", "agent"])?,
    )?;
    println!("nanami-control with its agent alone: does not know {}", SERVERS_ONLY.join(", "));
    same_clippy()?;
    cores::check()?;
    for (name, strangers) in STRANGERS {
        never_meet(name, strangers, &tree(name, &["--all-features"])?)?;
        println!("{name}: does not know {}", strangers.join(", "));
    }
    Ok(true)
}

/// A crate of a dependency tree and the features it is built with.
#[derive(Debug, PartialEq, Eq)]
struct Package {
    name: String,
    features: Vec<String>,
}

/// Everything that the crate's library links, itself first, on the platform that CI runs on.
///
/// Other platforms differ only in bindings (`libc`, `windows-sys`) that detect CPU features there.
fn tree(name: &str, features: &[&str]) -> Result<Vec<Package>> {
    let mut command = shell::cargo();
    command.args(["tree", "--package", name, "--edges", "normal", "--prefix", "none", "--format", "{p}|{f}"]);
    command.args(["--target", "x86_64-unknown-linux-gnu"]).args(features);
    let text = shell::capture(&mut command)?;
    let packages = parse_tree(&text);
    ensure!(packages.first().is_some_and(|first| first.name == name), "{name}: cargo tree shows another crate first");
    Ok(packages)
}

fn parse_tree(text: &str) -> Vec<Package> {
    let parse = |line: &str| {
        let (package, features) = line.split_once('|')?;
        // Procedural macros run in the compiler and link nothing.
        let name = package.split_whitespace().next().filter(|_| !package.contains("(proc-macro)"))?.to_owned();
        let features = features.trim_end_matches("(*)").trim();
        let features = features.split(',').filter(|feature| !feature.is_empty()).map(str::to_owned).collect();
        Some(Package { name, features })
    };
    let mut packages: Vec<Package> = Vec::new();
    for package in text.lines().filter_map(parse) {
        // A crate that many depend on is listed below each of them.
        if !packages.contains(&package) {
            packages.push(package);
        }
    }
    packages
}

fn no_banned(name: &str, packages: &[Package]) -> Result<()> {
    for package in packages {
        if let Some((_, why)) = banned::CRATES.iter().find(|(banned, _)| *banned == package.name) {
            bail!("{name} links {}: {why}; see: cargo tree -p {name} -e normal -i {}", package.name, package.name);
        }
        let is_on = |feature: &str| package.features.iter().any(|on| on == feature);
        let found = banned::FEATURES.iter().find(|(banned, feature, _)| *banned == package.name && is_on(feature));
        if let Some((_, feature, why)) = found {
            bail!("{name} links {} with its feature {feature}: {why}", package.name);
        }
    }
    Ok(())
}

fn never_meet(name: &str, strangers: &[&str], packages: &[Package]) -> Result<()> {
    match packages.iter().find(|package| strangers.contains(&package.name.as_str())) {
        Some(met) => bail!("{name} must not know {}; see: cargo tree -p {name} -e normal -i {}", met.name, met.name),
        None => Ok(()),
    }
}

fn forbids_unsafe(name: &str) -> Result<()> {
    let path = shell::root().join(name).join("src/lib.rs");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    ensure!(
        text.lines().any(|line| line == "#![forbid(unsafe_code)]"),
        "{name}/src/lib.rs does not forbid unsafe code"
    );
    Ok(())
}

fn clippy_knows(name: &str) -> Result<()> {
    let path = shell::root().join(name).join("clippy.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    match missing_ban(&text) {
        Some((call, why)) => bail!("{name}/clippy.toml does not ban {call} ({why})"),
        None => Ok(()),
    }
}

/// The pure crates' lists are one list: what joins one of them joins the other.
fn same_clippy() -> Result<()> {
    let [one, other] = PURE.map(|name| fs::read_to_string(shell::root().join(name).join("clippy.toml")));
    ensure!(
        one? == other?,
        "{}/clippy.toml and {}/clippy.toml differ: copy the longer one over the other",
        PURE[0],
        PURE[1]
    );
    Ok(())
}

fn missing_ban(clippy: &str) -> Option<&'static (&'static str, &'static str)> {
    let holds = |call: &str| {
        let entry = format!("path = \"{call}\"");
        clippy.lines().any(|line| !line.trim_start().starts_with('#') && line.contains(&entry))
    };
    banned::CALLS.iter().find(|(call, _)| !holds(call))
}

/// A test may read its own fixtures; nothing else of a pure crate may lift a ban.
fn nobody_lifts_a_ban(name: &str) -> Result<()> {
    for path in sources(&shell::root().join(name).join("src"))? {
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        if !is_test(&path) && text.contains("clippy::disallowed_") {
            bail!("{} lifts a ban of its clippy.toml: only a file of tests may", path.display());
        }
    }
    Ok(())
}

/// Whether a file holds tests only: `tests.rs`, or anything below a folder `tests`.
fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|file| file == "tests.rs") || path.components().any(|part| part.as_os_str() == "tests")
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;

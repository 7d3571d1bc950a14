//! The page that teaches operators to read answers: each command on it is run, and says what stands there.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nanami::model::sample;

/// The page, with the answers that the command gives now.
fn rewritten(page: &str, folder: &Path) -> (String, usize) {
    let (mut text, mut commands) = (String::new(), 0);
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        writeln!(text, "{line}").unwrap();
        let Some(code) = line.strip_prefix("```console ") else { continue };
        let prompt = lines.next().unwrap();
        let answer = answer(prompt.strip_prefix("$ ").unwrap(), code.parse().unwrap(), folder);
        writeln!(text, "{prompt}\n{answer}\n```").unwrap();
        commands += 1;
        lines.by_ref().take_while(|line| *line != "```").for_each(drop);
    }
    (text, commands)
}

/// What a command line of the page says, by the shell that people type it into.
fn answer(line: &str, code: i32, folder: &Path) -> String {
    let bin = PathBuf::from(env!("CARGO_BIN_EXE_nanami"));
    let mut path = bin.parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let run =
        Command::new("sh").args(["-c", line]).current_dir(folder).env("PATH", path).env_remove("NANAMI_FILE").output();
    let output = run.unwrap();
    assert_eq!(output.status.code(), Some(code), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
    let said = if code == 1 { output.stderr } else { output.stdout };
    String::from_utf8(said).unwrap().trim_end().to_owned()
}

#[test]
fn every_command_on_the_page_says_what_stands_there() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reading-a-plan.md");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("nanami.toml"), sample::ACME).unwrap();
    fs::write(folder.path().join("acme.recording"), common::recording()).unwrap();
    let page = fs::read_to_string(&file).unwrap();
    let (now, commands) = rewritten(&page, folder.path());
    assert!(commands >= 15, "{commands} commands were found");
    if std::env::var_os("NANAMI_BLESS").is_some() {
        fs::write(&file, &now).unwrap();
    }
    let stands = fs::read_to_string(&file).unwrap();
    let other = now.lines().zip(stands.lines()).find(|(now, stands)| now != stands);
    assert!(now == stands, "the command says another thing (NANAMI_BLESS=1 writes it): {other:?}");
}

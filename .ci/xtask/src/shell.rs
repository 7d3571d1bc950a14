//! Running other programs from the repository's root, and saying what runs.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// The repository's root, where every command runs.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).expect("the crate lies two folders below the root").to_path_buf()
}

/// A program that will run in the root.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// The cargo that runs us, with plain output.
pub(crate) fn cargo() -> Command {
    program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The command as a person would type it.
pub(crate) fn spelled(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs a command to its end, handing on each line of its standard output as it comes.
pub(crate) fn stream(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
    let spelled = spelled(command);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("starting {spelled}"))?;
    let output = child.stdout.take().expect("standard output was piped just above");
    for line in BufReader::new(output).split(b'\n') {
        let line = line.with_context(|| format!("reading the output of {spelled}"))?;
        on_line(String::from_utf8_lossy(&line).trim_end_matches('\r'));
    }
    child.wait().with_context(|| format!("waiting for {spelled}"))
}

/// Runs a command to its end and returns its standard output; any other exit code than 0 is an error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let spelled = spelled(command);
    let output = command.output().with_context(|| format!("starting {spelled}"))?;
    if !output.status.success() {
        bail!("{spelled}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{spelled}: output that is not UTF-8"))
}

/// Runs one part of the work between two headlines; the second says how long it took.
pub(crate) fn part<T>(name: &str, work: impl FnOnce() -> T) -> T {
    println!("-- {name}");
    let start = Instant::now();
    let outcome = work();
    println!("-- {name}: {} s\n", start.elapsed().as_secs());
    outcome
}

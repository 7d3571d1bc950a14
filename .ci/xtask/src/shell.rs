//! Running other programs from the repository's root, and saying what runs.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

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
///
/// # Errors
/// It does not start, or it says nothing for as long as `patience`; then it and all that it started are ended.
pub(crate) fn stream(command: &mut Command, patience: Duration, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
    let spelled = spelled(command);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("starting {spelled}"))?;
    let output = child.stdout.take().expect("standard output was piped just above");
    let (sender, lines) = mpsc::channel();
    // The thread ends with the pipe; nobody waits for it, because a process that we failed to end may keep it open.
    thread::spawn(move || BufReader::new(output).split(b'\n').try_for_each(|line| sender.send(line)));
    loop {
        match lines.recv_timeout(patience) {
            Ok(line) => {
                let line = line.with_context(|| format!("reading the output of {spelled}"))?;
                on_line(String::from_utf8_lossy(&line).trim_end_matches('\r'));
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                end(child.id());
                child.wait()?;
                bail!("{spelled}: no word from it for {} s, so it was ended", patience.as_secs());
            }
        }
    }
    child.wait().with_context(|| format!("waiting for {spelled}"))
}

/// Kills a process and all its descendants, the youngest first.
fn end(process: u32) {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    for thread in threads {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        children.split_whitespace().filter_map(|child| child.parse().ok()).for_each(end);
    }
    // A process that has ended by itself meanwhile is as good.
    let _ = Command::new("kill").args(["-KILL", &process.to_string()]).stderr(Stdio::null()).status();
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

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn lines_come_one_by_one_and_the_exit_code_after_them() {
        let mut lines = Vec::new();
        let mut command = program("sh");
        command.args(["-c", "echo one; echo two; exit 3"]);
        let status = stream(&mut command, LONG, |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(status.code(), Some(3));
    }

    #[test]
    fn a_silent_command_is_ended_with_all_that_it_started() {
        // The machine may be too slow to start two shells in the first patience.
        let inner = (0..8).find_map(|doublings| {
            let (patience, mut inner) = (Duration::from_secs(1 << doublings), None);
            let mut command = program("sh");
            command.args(["-c", "sh -c 'echo $$; sleep 1000; true'; true"]);
            let error = stream(&mut command, patience, |line| inner = line.parse::<u32>().ok()).unwrap_err();
            assert!(error.to_string().contains("no word from it for"), "{error}");
            inner
        });
        // A process that was killed still has to end.
        let stat = format!("/proc/{}/stat", inner.unwrap());
        let started = Instant::now();
        loop {
            let status = fs::read_to_string(&stat).unwrap_or_default();
            if status.is_empty() || status.contains(") Z ") {
                return;
            }
            assert!(started.elapsed() < LONG, "still there: {status}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

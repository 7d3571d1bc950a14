//! Going on in the background: a second process does the work, and the first one waits until it can tell how that began.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::failure::Failure;

/// Says to the second process that it is one.
const DETACHED: &str = "NANAMI_WG_DETACHED";
/// What the second process says when its interface can be used.
const READY: &str = "ready";

/// Starts the second process. Errors are on standard error already.
pub(crate) fn start(name: &str) -> Result<(), Failure> {
    let program = std::env::current_exe().map_err(Failure::at("finding this program"))?;
    let mut child = Command::new(program)
        .args(["-f", "--", name])
        .env(DETACHED, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(Failure::at("starting it in the background"))?;
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        // Nothing comes when it ends before it is ready.
        let _ = BufReader::new(output).read_line(&mut line);
    }
    if line.trim_end() == READY {
        return Ok(());
    }
    let status = child.wait().map_err(Failure::at("waiting for it"))?;
    Err(Failure::Detached(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// In the second process: leaves the terminal's session, so that closing it ends nothing.
pub(crate) fn leave_session() {
    if is_detached() {
        // Refused to whoever leads a session already, and has thus left.
        let _ = rustix::process::setsid();
        let _ = std::env::set_current_dir("/");
    }
}

/// In the second process: says that it is ready, and lets go of the terminal.
pub(crate) fn say_ready() -> std::io::Result<()> {
    if !is_detached() {
        return Ok(());
    }
    let mut output = std::io::stdout();
    writeln!(output, "{READY}")?;
    output.flush()?;
    let nowhere = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&nowhere)?;
    // What was asked to be told still is.
    if std::env::var_os("LOG_LEVEL").is_none() {
        rustix::stdio::dup2_stderr(&nowhere)?;
    }
    Ok(())
}

fn is_detached() -> bool {
    std::env::var_os(DETACHED).is_some()
}

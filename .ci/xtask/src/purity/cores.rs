//! The sans-IO cores inside crates that also have shells: clippy bans calls by crate, so these are read as text.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::shell;

/// Files and folders, all of the pure crates among them, that take time, randomness and bytes as arguments.
const CORES: [&str; 7] = [
    "nanami-tunnel/src/engine",
    "nanami-control/src/channel",
    "nanami-control/src/service",
    "nanami-control/src/agent/core.rs",
    "nanami-control/src/agent/state.rs",
    "nanami-model/src",
    "nanami-plan/src",
];

/// What stands for a clock, a socket, a file, the environment, a runtime or the operating system's randomness.
const WORDS: [&str; 13] = [
    "Instant::now",
    "SystemTime",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "getrandom",
    "rand::",
    "tokio::",
    "RandomState",
];

/// Reads every core; the first word that does not belong there is the error.
pub(super) fn check() -> Result<()> {
    for core in CORES {
        let path = shell::root().join(core);
        let files = if path.is_dir() { super::sources(&path)? } else { vec![path] };
        ensure!(!files.is_empty(), "{core} has no sources");
        for file in files.iter().filter(|file| !super::is_test(file)) {
            let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
            if let Some((line, word)) = impure(&text) {
                anyhow::bail!("{}:{line}: {word} in a core that takes what it needs as arguments", shown(file));
            }
        }
    }
    println!("cores read no clock, socket, file or randomness: {}", CORES.join(", "));
    Ok(())
}

/// The first line, and the word in it, that does not belong into a core. Comments, and the tests at the end of a file,
/// may say and use what they like.
fn impure(text: &str) -> Option<(usize, &'static str)> {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with('{'));
    let code = lines.iter().zip(1..).take(tests.unwrap_or(lines.len()));
    let mut code = code.filter(|(line, _)| !line.trim_start().starts_with("//"));
    code.find_map(|(line, number)| Some((number, *WORDS.iter().find(|word| says(line, word))?)))
}

/// Whether a line holds a word that does not begin in the middle of another one.
fn says(line: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(inside))
}

fn shown(file: &Path) -> String {
    file.strip_prefix(shell::root()).unwrap_or(file).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_code_is_found_with_its_line() {
        assert_eq!(impure("fn f() {\n    let now = Instant::now();\n}\n"), Some((2, "Instant::now")));
        assert_eq!(impure("use tokio::net;\n"), Some((1, "tokio::")));
        assert_eq!(impure("let x = rand::random();\n"), Some((1, "rand::")));
        assert_eq!(impure("use super::strand::Strand;\n"), None);
    }

    #[test]
    fn comments_and_tests_may_say_it() {
        assert_eq!(impure("//! let now = Instant::now();\nfn f(now: Instant) {}\n"), None);
        assert_eq!(impure("fn f() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n"), None);
        assert_eq!(impure("#[cfg(test)]\nmod tests;\nuse std::fs;\n"), Some((3, "std::fs")));
    }
}

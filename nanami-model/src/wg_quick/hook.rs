//! Hooks: the commands that `wg-quick` runs as root.
//!
//! **Invariant**: a command is never kept, run, printed or exported. What stays is that there was one, where, and what it seems
//! to be for.

use std::fmt;

use super::section::Line;

/// That a file has a command for `wg-quick` to run, without the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hook {
    moment: Moment,
    purpose: Purpose,
    line: Line,
}

/// When `wg-quick` would run a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Before the interface comes up.
    PreUp,
    /// After it came up.
    PostUp,
    /// Before it goes down.
    PreDown,
    /// After it went down.
    PostDown,
}

/// What a command seems to be for, by the words in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// It lets the host forward packets.
    Forwarding,
    /// It puts the host's own address into packets that it forwards.
    Masquerade,
    /// Nothing that an import knows.
    Other,
}

impl Hook {
    pub(super) fn new(moment: Moment, command: &str, line: usize) -> Self {
        Self { moment, purpose: Purpose::of(command), line: Line(line) }
    }

    /// When it would run.
    pub fn moment(&self) -> Moment {
        self.moment
    }

    /// What it seems to be for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The line that it stands in, from 1.
    pub fn line(&self) -> usize {
        self.line.0
    }
}

impl Purpose {
    fn of(command: &str) -> Self {
        let command = command.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| command.contains(word));
        if says(&["masquerade", "snat"]) {
            Self::Masquerade
        } else if says(&["ip_forward", "forwarding", "forward"]) {
            Self::Forwarding
        } else {
            Self::Other
        }
    }
}

impl Moment {
    /// The key as `wg-quick` writes it.
    pub fn key(self) -> &'static str {
        match self {
            Self::PreUp => "PreUp",
            Self::PostUp => "PostUp",
            Self::PreDown => "PreDown",
            Self::PostDown => "PostDown",
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.key())
    }
}

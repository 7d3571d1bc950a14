//! What is wrong with a `wg-quick` file: every mistake at once, each with line, column, code and remedy.
//!
//! **Invariant**: no message quotes what may be a key, of either kind: people paste the wrong one.

use std::fmt;

use crate::key::PublicKey;

/// Everything that is wrong with one file, in its order; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WgQuickErrors {
    errors: Vec<WgQuickError>,
    left_out: usize,
}

impl WgQuickErrors {
    pub(super) fn new(mut errors: Vec<WgQuickError>, left_out: usize) -> Self {
        errors.sort_by_key(|error| (error.line, error.column));
        Self { errors, left_out }
    }

    /// The errors, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, WgQuickError> {
        self.errors.iter()
    }

    /// How many more were found: a file with very many mistakes has only the first ones listed.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The same text with a file name in front of each place, as editors and terminals understand it.
    pub fn with_file<'a>(&'a self, name: &'a str) -> impl fmt::Display + 'a {
        Listing { errors: self, file: Some(name) }
    }
}

crate::coded! { list WgQuickErrors: |errors| errors.errors.iter() }

impl<'a> IntoIterator for &'a WgQuickErrors {
    type Item = &'a WgQuickError;
    type IntoIter = std::slice::Iter<'a, WgQuickError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for WgQuickErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Listing { errors: self, file: None }.fmt(f)
    }
}

impl std::error::Error for WgQuickErrors {}

struct Listing<'a> {
    errors: &'a WgQuickErrors,
    file: Option<&'a str>,
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            let (file, colon) = self.file.map_or(("", ""), |file| (file, ":"));
            let WgQuickError { line, column, problem } = error;
            let (code, remedy) = (error.code(), error.remedy());
            write!(f, "{newline}{file}{colon}{line}:{column}: {problem} [{code}]\n  help: {remedy}")?;
        }
        match self.errors.left_out {
            0 => Ok(()),
            n => write!(f, "\n{n} more are not listed"),
        }
    }
}

/// One mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WgQuickError {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) problem: WgQuickProblem,
}

impl WgQuickError {
    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column, from 1, in characters.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong.
    pub fn problem(&self) -> &WgQuickProblem {
        &self.problem
    }
}

crate::coded! { WgQuickError: Caller;
    Self { problem, .. } => (of problem);
}

impl fmt::Display for WgQuickError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for WgQuickError {}

/// What can be wrong at one place of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WgQuickProblem {
    /// The file is longer than any that is read.
    #[error("the file has {found} bytes, more than the {limit} that are read")]
    TooLarge {
        /// How many bytes it has.
        found: usize,
        /// How many are read at most.
        limit: usize,
    },
    /// The file has more peers than are read.
    #[error("the file has more than {limit} peers")]
    TooMany {
        /// How many are read at most.
        limit: usize,
    },
    /// A character that no configuration holds.
    #[error("the character {character:?} has no place in a configuration")]
    Character {
        /// The character.
        character: char,
    },
    /// A line that is neither a section nor `KEY = VALUE`.
    #[error("a line reads [Interface], [Peer] or KEY = VALUE")]
    Syntax,
    /// A section of another name.
    #[error("there is no section of this name")]
    UnknownSection,
    /// A key before the first section.
    #[error("a key stands before the first section")]
    OutsideSection,
    /// A key that this section does not have.
    #[error("{section} has no key{}", key.as_ref().map_or(" like this".to_owned(), |key| format!(" {key:?}")))]
    UnknownKey {
        /// The section.
        section: &'static str,
        /// The key, if it looks like one.
        key: Option<String>,
        /// The key that is most like it, or the section where it belongs.
        nearest: Option<String>,
    },
    /// Something stands there twice.
    #[error("{what} stands twice, first in line {first}")]
    Duplicate {
        /// What stands there again.
        what: String,
        /// The line in which it stands first.
        first: usize,
    },
    /// Something is not there that has to be.
    #[error("{section} needs {key}")]
    Missing {
        /// What it is missing in.
        section: &'static str,
        /// What is missing.
        key: &'static str,
    },
    /// A value breaks the rules of its type.
    #[error("{key}: {reason}")]
    Value {
        /// The key whose value it is.
        key: &'static str,
        /// Which rule it breaks.
        reason: String,
        /// The stable code of the type's own error.
        code: &'static str,
    },
    /// A peer has the key pair of the interface.
    #[error("this peer is the interface itself")]
    OwnKey {
        /// The key of both.
        key: PublicKey,
    },
}

crate::coded! { WgQuickProblem: Caller, also "wg_quick.number" "wg_quick.boolean";
    Self::TooLarge { .. } => ("wg_quick.too_large", "split the configuration");
    Self::TooMany { .. } => ("wg_quick.too_many", "split the configuration");
    Self::Character { .. } => ("wg_quick.character", "remove it");
    Self::Syntax => ("wg_quick.syntax", "write it so, or put a # in front");
    Self::UnknownSection => ("wg_quick.unknown_section", "write [Interface] or [Peer]");
    Self::OutsideSection => ("wg_quick.outside_section", "write [Interface] or [Peer] above it");
    Self::UnknownKey { nearest, .. } => ("wg_quick.unknown_key", match nearest {
        Some(nearest) => format!("did you mean {nearest}? if not, remove it"),
        None => "remove it; neither wg nor wg-quick knows it".to_owned(),
    });
    Self::Duplicate { .. } => ("wg_quick.duplicate", "remove one; WireGuard would use one of them and say nothing");
    Self::Missing { key, .. } => ("wg_quick.missing", match *key {
        "[Interface]" => "write [Interface] above what the device is".to_owned(),
        key => format!("write {key} = {}", example(key)),
    });
    Self::Value { key, code, .. } => (as code, format!("write {}", example(key)));
    Self::OwnKey { .. } => ("wg_quick.own_key", "remove it; a device is no peer of itself");
}

/// How the value of a key looks when it is right.
fn example(key: &str) -> &'static str {
    match key {
        "PrivateKey" => "what `wg genkey` prints",
        "PresharedKey" => "what `wg genpsk` prints",
        "PublicKey" => "what `wg pubkey` prints",
        "Address" => "an address with its network's length, such as 10.42.0.7/24, several with commas",
        "AllowedIPs" => "ranges such as 10.42.0.7/32, several with commas",
        "Endpoint" => "HOST:PORT, such as vpn.example.org:51820 or [2001:db8::1]:51820",
        "DNS" => "addresses of resolvers and names of search domains, with commas",
        "ListenPort" => "a number from 0 to 65535",
        "MTU" => "a number from 576 to 65535",
        "Table" => "auto, off, or the number of a table",
        "FwMark" => "off, or a number such as 51820 or 0xca6c",
        "SaveConfig" => "true or false",
        "PersistentKeepalive" => "off, or a number of seconds from 0 to 65535",
        _ => "the command, or remove the line",
    }
}

//! The words of JSON: blanks, texts, numbers, and what is neither.
//!
//! **Invariant**: every function ends behind what it read, and reads at least one byte unless it says otherwise.

use super::Reader;
use crate::document::tree::{Content, Fault, Span, Tree, What};

impl Reader<'_> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Skips blanks, and comments, which JSON has not.
    pub(super) fn blank(&mut self) {
        let bytes = self.text.as_bytes();
        loop {
            while matches!(bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
                self.at += 1;
            }
            let rest = &bytes[self.at..];
            let end = match rest {
                [b'/', b'/', ..] | [b'#', ..] => find(rest, b"\n").unwrap_or(rest.len()),
                [b'/', b'*', ..] => find(rest, b"*/").map_or(rest.len(), |end| end + 2),
                _ => return,
            };
            self.syntax(self.at, "JSON has no comments".to_owned());
            self.at += end;
        }
    }

    /// A run of letters, digits and `_`, `-`, `$`; empty if none stands here.
    pub(super) fn word(&mut self) -> &str {
        let start = self.at;
        let is_part =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$') || !byte.is_ascii();
        self.at += self.text.as_bytes()[start..].iter().take_while(|byte| is_part(byte)).count();
        &self.text[start..self.at]
    }

    /// Skips what cannot be read, up to a comma or a closing bracket that is not in brackets of its own.
    pub(super) fn skip(&mut self) {
        let bytes = self.text.as_bytes();
        let mut depth = 0usize;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.at += string_length(&bytes[self.at..]);
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => return,
                b'}' | b']' => depth -= 1,
                b',' if depth == 0 => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Reads a text in double quotes: a part of the document, or a copy where it holds escapes.
    pub(super) fn string(&mut self) -> Span {
        let start = self.at + 1;
        let end = start + plain(&self.text.as_bytes()[start..]);
        self.at = end;
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Tree::span(start, end);
        }
        let copy = self.tree.copying().len();
        self.tree.copying().push_str(&self.text[start..end]);
        loop {
            let begin = self.at;
            self.at += plain(&self.text.as_bytes()[begin..]);
            self.tree.copying().push_str(&self.text[begin..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    break;
                }
                Some(b'\\') => self.escape(start - 1),
                Some(b'\n' | b'\r') | None => {
                    self.syntax(start - 1, "this text has no closing quote in its line".to_owned());
                    break;
                }
                Some(control) => {
                    self.inside(start - 1, self.at, format!("a control character is written as \\u{control:04x}"));
                    self.at += 1;
                }
            }
        }
        self.tree.copied_since(copy)
    }

    /// Reads one escape of the text that begins at `text_at`.
    fn escape(&mut self, text_at: usize) {
        let at = self.at;
        let escaped = self.text.as_bytes().get(at + 1).copied();
        self.at += 2;
        let character = match escaped {
            Some(quote @ (b'"' | b'\\' | b'/')) => char::from(quote),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(text_at),
            _ => {
                self.at = at + 1;
                let message = "a backslash stands before one of \" \\ / b f n r t u, or is doubled".to_owned();
                return self.inside(text_at, at, message);
            }
        };
        self.tree.copying().push(character);
    }

    /// Reads what stands behind `\u`: one UTF-16 unit, or two that are one character (RFC 8259 section 7).
    fn unicode(&mut self, text_at: usize) {
        let at = self.at - 2;
        let Some(first) = self.unit() else {
            return self.inside(text_at, at, "behind \\u stand four digits of 0-9 and a-f".to_owned());
        };
        let character = match first {
            0xD800..=0xDBFF if self.text[self.at..].starts_with("\\u") => {
                self.at += 2;
                self.unit().and_then(|second| char::decode_utf16([first, second]).next()?.ok())
            }
            _ => char::from_u32(u32::from(first)),
        };
        match character {
            Some(character) => self.tree.copying().push(character),
            None => self.inside(text_at, at, "half of a surrogate pair is no character".to_owned()),
        }
    }

    fn unit(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..self.at + 4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
        self.at += 4;
        u16::from_str_radix(digits, 16).ok()
    }

    /// Reads a number. The grammar is RFC 8259 section 6.
    pub(super) fn number(&mut self) -> Content {
        let start = self.at;
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_');
        self.at += self.text.as_bytes()[start..].iter().take_while(|byte| is_part(byte)).count();
        match misspelt(&self.text[start..self.at]) {
            None => Content::Number(Tree::span(start, self.at)),
            Some(why) => {
                self.syntax(start, why.to_owned());
                Content::Null
            }
        }
    }

    /// Reports a mistake inside a text, which is spoiled by it.
    fn inside(&mut self, text_at: usize, at: usize, message: String) {
        self.fault(Fault { at, value_at: text_at, what: What::Syntax(message) });
    }
}

/// What is wrong with a number.
fn misspelt(text: &str) -> Option<&'static str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    if text.starts_with('+') {
        Some("a number has no plus sign")
    } else if is_digits(whole) && whole.len() > 1 && whole.starts_with('0') {
        Some("a number does not begin with 0")
    } else if !is_digits(whole) || fraction.is_some_and(|f| !is_digits(f)) || exponent.is_some_and(|e| !is_digits(e)) {
        Some("this is no number; a text stands in double quotes")
    } else {
        None
    }
}

/// How many bytes stand here before a quote, a backslash or a control character.
fn plain(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(bytes.len())
}

/// The length of a text with its quotes, up to the end of its line if it is not closed.
fn string_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    loop {
        at += plain(bytes.get(at..).unwrap_or_default());
        match bytes.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(b'\n' | b'\r') | None => return at.min(bytes.len()),
            Some(_) => at += 1,
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

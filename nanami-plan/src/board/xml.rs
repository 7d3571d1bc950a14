//! Text inside XML and HTML.
//!
//! **Invariant**: whatever a name, a reason or an explanation holds, it stays text. Control characters that XML 1.0 has no way
//! to write become the replacement character.

use std::fmt;

/// A text, escaped for an element's content or for an attribute in double quotes.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.to_string().chars() {
            match character {
                '&' => f.write_str("&amp;"),
                '<' => f.write_str("&lt;"),
                '>' => f.write_str("&gt;"),
                '"' => f.write_str("&quot;"),
                '\'' => f.write_str("&#39;"),
                '\n' | '\t' => fmt::Write::write_char(f, character),
                control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => {
                    f.write_str("\u{fffd}")
                }
                other => fmt::Write::write_char(f, other),
            }?;
        }
        Ok(())
    }
}

/// The beginning of a text, with an ellipsis where it was cut.
pub(super) fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some(_) => text.chars().take(characters.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_element() {
        let hostile = "</text><script>alert('x')</script>\"&\u{1b}\u{0}\r";
        let escaped = Escaped(hostile).to_string();
        assert!(!escaped.contains(['<', '>', '"', '\'', '\u{1b}', '\u{0}', '\r']), "{escaped}");
        assert_eq!(Escaped("a & b").to_string(), "a &amp; b");
    }

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        assert_eq!(shortened("api-gateway", 11), "api-gateway");
        assert_eq!(shortened("api-gateways", 11), "api-gatewa…");
    }
}

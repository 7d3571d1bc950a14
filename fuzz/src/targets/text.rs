//! What holds for every type that a person writes as a text.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use super::Outcome;

/// A text that is read prints as itself: it is refused, never normalised (SEC-20).
pub(super) fn prints_as_read<T: FromStr + Display>(data: &[u8]) -> Outcome {
    let Some(value) = read::<T>(data) else { return Outcome::Refused };
    assert_eq!(value.to_string().as_bytes(), data, "it reads as something that prints otherwise");
    Outcome::Taken
}

/// A text that is read prints as a text that reads as the same value, and prints the same again.
pub(super) fn reads_as_printed<T: FromStr + Display + Debug + PartialEq>(data: &[u8]) -> Outcome {
    let Some(value) = read::<T>(data) else { return Outcome::Refused };
    let printed = value.to_string();
    let Some(again) = read::<T>(printed.as_bytes()) else { panic!("{printed:?} was printed and is refused") };
    assert_eq!(again, value, "{printed:?} reads as another value");
    assert_eq!(again.to_string(), printed);
    Outcome::Taken
}

/// The value of the text; `None` for bytes that are no text, or not this kind of text.
pub(super) fn read<T: FromStr>(data: &[u8]) -> Option<T> {
    std::str::from_utf8(data).ok()?.parse().ok()
}

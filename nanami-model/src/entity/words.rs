//! Enums that are written as one word, so that each has one list, one printer and one parser.

use std::fmt;

/// A word is none of those that may stand there.
///
/// ```
/// use nanami_model::Lifecycle;
///
/// let error = "gone".parse::<Lifecycle>().unwrap_err();
/// assert_eq!(error.to_string(), "a lifecycle is active, suspended or retired");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord {
    what: &'static str,
    words: &'static [&'static str],
}

impl UnknownWord {
    pub(crate) const fn new(what: &'static str, words: &'static [&'static str]) -> Self {
        Self { what, words }
    }

    /// What the word should have said, such as `lifecycle`.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// The words that may stand there.
    pub fn words(&self) -> &'static [&'static str] {
        self.words
    }
}

crate::coded! { UnknownWord: Caller;
    Self { words, .. } => ("value.word.unknown", format!("write {}", words.join(" or ")));
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let article = if self.what.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        match self.words {
            [rest @ .., last] if !rest.is_empty() => {
                write!(f, "{article} {} is {} or {last}", self.what, rest.join(", "))
            }
            words => write!(f, "{article} {} is {}", self.what, words.concat()),
        }
    }
}

impl std::error::Error for UnknownWord {}

/// Whether a stored field can be left out, because reading it back gives the same.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A type that is written as one of a few words.
pub(crate) trait Word: Copy + 'static {
    /// What the word says, in messages.
    const WHAT: &'static str;
    /// The words, in the order of the variants.
    const WORDS: &'static [&'static str];
}

/// Gives an enum its words: `ALL`, `as_str`, `Display`, `FromStr` and serde by the word.
macro_rules! words {
    ($type:ident, $what:literal: $($variant:ident = $word:literal),+ $(,)?) => {
        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that documents, messages and texts write.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl $crate::entity::words::Word for $type {
            const WHAT: &'static str = $what;
            const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::entity::words::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                use $crate::entity::words::{UnknownWord, Word};
                let unknown = UnknownWord::new(Self::WHAT, Self::WORDS);
                Self::ALL.iter().copied().find(|known| known.as_str() == text).ok_or(unknown)
            }
        }

        $crate::text::text_serde!($type);
    };
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::Word;
    use crate::entity::{
        Activity, Direction, Duty, Lifecycle, Lifetime, OnAllDown, Os, PeerStatus, ReturnPath, RouteMode, Standing,
        TrafficMode, Verdict,
    };

    fn round_trips<
        T: Word + std::fmt::Display + std::str::FromStr<Err: std::fmt::Debug> + PartialEq + std::fmt::Debug,
    >(
        all: &[T],
    ) {
        assert_eq!(all.len(), T::WORDS.len());
        for (one, word) in all.iter().zip(T::WORDS) {
            assert_eq!(one.to_string(), *word);
            assert_eq!(word.parse::<T>().unwrap(), *one);
            assert!(word.to_uppercase().parse::<T>().is_err() && format!("{word} ").parse::<T>().is_err());
        }
    }

    #[test]
    fn every_word_reads_back_and_no_other_does() {
        round_trips(Activity::ALL);
        round_trips(Direction::ALL);
        round_trips(Duty::ALL);
        round_trips(Lifecycle::ALL);
        round_trips(Lifetime::ALL);
        round_trips(OnAllDown::ALL);
        round_trips(Os::ALL);
        round_trips(PeerStatus::ALL);
        round_trips(ReturnPath::ALL);
        round_trips(RouteMode::ALL);
        round_trips(Standing::ALL);
        round_trips(TrafficMode::ALL);
        round_trips(Verdict::ALL);
    }
}

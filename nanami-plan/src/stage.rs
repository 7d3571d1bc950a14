//! The stages of a rollout, in the order in which one peer takes them.

use std::fmt;

/// One of the five things that a change does to a peer, in this order (PLANNING.md section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Stops letting through what is lost.
    Tighten,
    /// Sets up what is new without sending anything there that has a way already.
    Prepare,
    /// Sends what has a way already another way.
    Move,
    /// Takes down what nothing uses any more.
    Retire,
    /// Lets through what is gained.
    Open,
}

impl Stage {
    /// The stages in order.
    pub const ALL: [Stage; 5] = [Self::Tighten, Self::Prepare, Self::Move, Self::Retire, Self::Open];

    /// What the stage does, in words.
    pub fn promise(self) -> &'static str {
        match self {
            Self::Tighten => "what is lost is let through no longer",
            Self::Prepare => "what is new is set up, and carries nothing yet that has another way",
            Self::Move => "what has a way takes its new one",
            Self::Retire => "what nothing uses any more is taken down",
            Self::Open => "what is gained is let through",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tighten => "tighten",
            Self::Prepare => "prepare",
            Self::Move => "move",
            Self::Retire => "retire",
            Self::Open => "open",
        })
    }
}

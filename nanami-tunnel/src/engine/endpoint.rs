//! Where a neighbor is reached: where it was last heard from, else where hints say it may be.
//!
//! **Invariant**: an address from which something authentic came wins over every hint, and only such a message changes
//! it (SEC-44). After unanswered initiations the hints are tried in turn with it.

use std::net::SocketAddr;

/// The addresses of one neighbor.
#[derive(Debug, Default)]
pub(crate) struct Endpoint {
    heard_from: Option<SocketAddr>,
    hints: Vec<SocketAddr>,
    /// Initiations since something authentic came.
    attempts: usize,
}

impl Endpoint {
    /// Replaces the hints. Returns whether they changed.
    pub(crate) fn hint(&mut self, hints: &[SocketAddr]) -> bool {
        let hints = &hints[..hints.len().min(MAX_HINTS)];
        let changed = self.hints != hints;
        if changed {
            self.hints = hints.to_vec();
        }
        changed
    }

    /// Something authentic came from here. Returns whether that is a new address.
    pub(crate) fn heard_from(&mut self, address: SocketAddr) -> bool {
        self.attempts = 0;
        self.heard_from.replace(address) != Some(address)
    }

    /// Where data goes.
    pub(crate) fn for_data(&self) -> Option<SocketAddr> {
        self.heard_from.or(self.hints.first().copied())
    }

    /// Where the next initiation goes.
    pub(crate) fn for_initiation(&mut self) -> Option<SocketAddr> {
        let attempt = self.attempts;
        self.attempts += 1;
        let Some(heard_from) = self.heard_from else {
            return self.hints.get(attempt % self.hints.len().max(1)).copied();
        };
        match attempt.checked_sub(PATIENCE) {
            None => Some(heard_from),
            Some(further) => match further % (self.hints.len() + 1) {
                0 => Some(heard_from),
                hint => Some(self.hints[hint - 1]),
            },
        }
    }

    /// Initiations since something authentic came.
    pub(crate) fn attempts(&self) -> usize {
        self.attempts
    }

    pub(crate) fn is_known(&self) -> bool {
        self.heard_from.is_some() || !self.hints.is_empty()
    }
}

/// Hints that are kept for one neighbor. Chosen: more than a host has useful addresses.
const MAX_HINTS: usize = 8;
/// Initiations to the address that worked before hints are tried too. Chosen: one may be lost.
const PATIENCE: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_wins_and_hints_come_in_turn_after_silence() {
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let mut endpoint = Endpoint::default();
        assert!(!endpoint.is_known());
        endpoint.hint(&[at(1), at(2)]);
        assert_eq!([endpoint.for_initiation(), endpoint.for_initiation()], [Some(at(1)), Some(at(2))]);
        assert!(endpoint.heard_from(at(9)));
        endpoint.hint(&[at(3)]);
        assert_eq!(endpoint.for_data(), Some(at(9)));
        let tries: Vec<_> = (0..4).filter_map(|_| endpoint.for_initiation()).collect();
        assert_eq!(tries, [at(9), at(9), at(9), at(3)]);
    }
}

//! Where a neighbor is reached: where it was last heard from, else where hints say it may be.
//!
//! What is heard has two ends: answers leave from the address of this host that the neighbor wrote to, because the way
//! back, or a firewall on it, may know no other.
//!
//! **Invariant**: an address from which something authentic came wins over every hint, and only such a message changes
//! it (SEC-44). After unanswered initiations the hints are tried in turn with it.

use std::net::{IpAddr, SocketAddr};

use super::outer::Outer;

/// The addresses of one neighbor.
#[derive(Debug, Default)]
pub(crate) struct Endpoint {
    heard_from: Option<Heard>,
    /// What is heard does not move it.
    is_pinned: bool,
    hints: Box<[SocketAddr]>,
    /// Initiations since something authentic came.
    attempts: u32,
}

/// Both ends of what was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heard {
    remote: SocketAddr,
    local: Option<IpAddr>,
}

impl Heard {
    fn outer(self) -> Outer {
        Outer::new(self.remote).with_local(self.local)
    }
}

impl Endpoint {
    /// Replaces the hints. Returns whether they changed.
    pub(crate) fn hint(&mut self, hints: &[SocketAddr]) -> bool {
        let hints = &hints[..hints.len().min(MAX_HINTS)];
        let changed = *self.hints != *hints;
        if changed {
            self.hints = hints.into();
        }
        changed
    }

    /// Something authentic came from here. Returns whether that is a new address of the neighbor.
    pub(crate) fn heard_from(&mut self, outer: Outer) -> bool {
        self.attempts = 0;
        if self.is_pinned && self.heard_from.is_some_and(|pinned| pinned.remote != outer.remote()) {
            return false;
        }
        let heard = Heard { remote: outer.remote(), local: outer.local() };
        self.heard_from.replace(heard).map(|before| before.remote) != Some(heard.remote)
    }

    /// Somebody who may decide says where the neighbor is from now on.
    pub(crate) fn set(&mut self, remote: SocketAddr) {
        self.heard_from = Some(Heard { remote, local: None });
    }

    /// As [`Endpoint::set`], and there it stays, whatever is heard from elsewhere; `None` follows it again.
    pub(crate) fn pin(&mut self, remote: Option<SocketAddr>) {
        self.is_pinned = remote.is_some();
        remote.into_iter().for_each(|remote| self.set(remote));
    }

    /// This host may have other addresses now: the operating system picks again.
    pub(crate) fn forget_local(&mut self) {
        if let Some(heard) = &mut self.heard_from {
            heard.local = None;
        }
    }

    /// Where data goes.
    pub(crate) fn for_data(&self) -> Option<Outer> {
        self.heard_from.map(Heard::outer).or_else(|| self.hints.first().copied().map(Outer::new))
    }

    /// Where the next initiation goes.
    pub(crate) fn for_initiation(&mut self) -> Option<Outer> {
        let attempt = self.attempts as usize;
        self.attempts = self.attempts.saturating_add(1);
        let Some(heard) = self.heard_from else {
            return self.hints.get(attempt % self.hints.len().max(1)).copied().map(Outer::new);
        };
        match attempt.checked_sub(PATIENCE).filter(|_| !self.is_pinned) {
            None => Some(heard.outer()),
            Some(further) => match further % (self.hints.len() + 1) {
                0 => Some(heard.outer()),
                hint => Some(Outer::new(self.hints[hint - 1])),
            },
        }
    }

    /// Initiations since something authentic came.
    pub(crate) fn attempts(&self) -> u32 {
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
        let outer = |port: u16| Outer::new(at(port));
        let mut endpoint = Endpoint::default();
        assert!(!endpoint.is_known());
        endpoint.hint(&[at(1), at(2)]);
        assert_eq!([endpoint.for_initiation(), endpoint.for_initiation()], [Some(outer(1)), Some(outer(2))]);
        assert!(endpoint.heard_from(outer(9)));
        endpoint.hint(&[at(3)]);
        assert_eq!(endpoint.for_data(), Some(outer(9)));
        let tries: Vec<_> = (0..4).filter_map(|_| endpoint.for_initiation()).collect();
        assert_eq!(tries, [outer(9), outer(9), outer(9), outer(3)]);
    }

    #[test]
    fn answers_leave_from_the_address_that_was_written_to() {
        let (remote, local) = (SocketAddr::from(([127, 0, 0, 1], 9)), IpAddr::from([127, 0, 0, 5]));
        let mut endpoint = Endpoint::default();
        assert!(endpoint.heard_from(Outer::new(remote).with_local(Some(local))));
        assert_eq!(endpoint.for_data().and_then(|outer| outer.local()), Some(local));
        assert!(!endpoint.heard_from(Outer::new(remote)), "another address of ours is no new address of theirs");
        endpoint.forget_local();
        assert_eq!(endpoint.for_data(), Some(Outer::new(remote)));
    }
}

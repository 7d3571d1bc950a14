//! Sessions: authenticated attachments of peers to control, which end.
//!
//! **Invariant**: a session bears the name of its peer, so that a peer has one; it is over when its time is, when it was idle
//! for too long, when somebody ends it, or when its peer goes, which takes it along. Its token is elsewhere: what is stored
//! here lets nobody in.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::words::is_default;
use crate::id::{PeerId, SessionId};
use crate::name::Name;
use crate::object::{Entity, ObjectId, follow};
use crate::time::Timestamp;

/// A peer's authenticated, expiring attachment to control.
///
/// ```
/// use std::time::Duration;
/// use nanami_model::{PeerId, Session, SessionEnd, Timestamp, name};
///
/// let at = Timestamp::from_millis;
/// let session = Session::new(name!("laptop"), PeerId::from_bytes([1; 10]), at(0), at(60_000));
/// let session = session.with_idle_limit(Duration::from_secs(10));
/// assert_eq!(session.ended(at(9_999), at(0)), None);
/// assert_eq!(session.ended(at(10_000), at(0)), Some(SessionEnd::Idle));
/// assert_eq!(session.ended(at(60_000), at(59_000)), Some(SessionEnd::Expired));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    name: Name,
    peer: PeerId,
    started: Timestamp,
    ends: Timestamp,
    #[serde(default, skip_serializing_if = "is_default")]
    idle_limit: Option<Duration>,
    #[serde(default, skip_serializing_if = "is_default")]
    revoked: bool,
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SessionEnd {
    /// Somebody ended it.
    Revoked,
    /// Its time is over.
    Expired,
    /// It was idle for too long.
    Idle,
}

impl Session {
    /// The session of a peer, under the peer's name, from one instant up to, and not at, another.
    pub fn new(name: Name, peer: PeerId, started: Timestamp, ends: Timestamp) -> Self {
        Self { name, peer, started, ends, idle_limit: None, revoked: false }
    }

    /// Sets for how long it may be idle; by default for as long as it lasts.
    pub fn with_idle_limit(self, limit: Duration) -> Self {
        Self { idle_limit: Some(limit), ..self }
    }

    /// Sets when it ends, whatever happens in it.
    pub fn with_end(self, ends: Timestamp) -> Self {
        Self { ends, ..self }
    }

    /// The session, ended by somebody.
    pub fn revoked(self) -> Self {
        Self { revoked: true, ..self }
    }

    /// Whose session it is.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// When it began.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// When it ends, whatever happens in it.
    pub fn ends(&self) -> Timestamp {
        self.ends
    }

    /// For how long it may be idle; `None` means for as long as it lasts.
    pub fn idle_limit(&self) -> Option<Duration> {
        self.idle_limit
    }

    /// Whether somebody ended it.
    pub fn is_revoked(&self) -> bool {
        self.revoked
    }

    /// Why it is over at `now`, given when its peer was last heard of; `None` while it is not. A clock that goes back ends
    /// nothing.
    pub fn ended(&self, now: Timestamp, last_heard: Timestamp) -> Option<SessionEnd> {
        let idle = now.since(last_heard.max(self.started));
        if self.revoked {
            Some(SessionEnd::Revoked)
        } else if now >= self.ends {
            Some(SessionEnd::Expired)
        } else {
            self.idle_limit.is_some_and(|limit| idle >= limit).then_some(SessionEnd::Idle)
        }
    }
}

impl Entity for Session {
    type Id = SessionId;

    fn name(&self) -> &Name {
        &self.name
    }

    /// The peer is not kept from being removed: it takes its session along.
    fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        follow(&mut self.peer, "", with);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name;

    #[test]
    fn revocation_comes_before_the_end_and_the_end_before_idleness() {
        let at = Timestamp::from_millis;
        let session = Session::new(name!("a"), PeerId::from_bytes([1; 10]), at(1000), at(5000));
        assert_eq!(session.ended(at(4999), at(0)), None);
        assert_eq!(session.ended(at(0), at(0)), None);
        let short = session.with_idle_limit(Duration::from_secs(1));
        assert_eq!(short.ended(at(1999), at(0)), None, "the start counts as heard");
        assert_eq!(short.ended(at(4500), at(3501)), None);
        assert_eq!(short.ended(at(4500), at(3500)), Some(SessionEnd::Idle));
        assert_eq!(short.ended(at(5000), at(1000)), Some(SessionEnd::Expired));
        assert_eq!(short.revoked().ended(at(5000), at(1000)), Some(SessionEnd::Revoked));
    }
}

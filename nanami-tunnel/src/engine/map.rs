//! What happens when a map is applied, as values: its outcome, and why it is refused.

use nanami_model::{Digest, Epoch, Facet, Generation, NetworkMap};

/// A map that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    pub(crate) generation: Generation,
    pub(crate) changed: usize,
    unenforced: Vec<Facet>,
}

impl Applied {
    /// By an engine, which enforces all of it.
    pub(crate) fn whole(generation: Generation, changed: usize) -> Self {
        Self { generation, changed, unenforced: Vec::new() }
    }

    /// By another WireGuard, which leaves these to others.
    #[cfg_attr(
        not(all(feature = "uapi", feature = "tokio")),
        expect(dead_code, reason = "only a client drives others")
    )]
    pub(crate) fn driven(generation: Generation, changed: usize, unenforced: Vec<Facet>) -> Self {
        Self { generation, changed, unenforced }
    }

    /// What of the map is not enforced by what it was applied to. For our own engine that is nothing.
    pub fn unenforced(&self) -> &[Facet] {
        &self.unenforced
    }

    /// Which map the engine enforces now.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// How many neighbors came, went or changed.
    pub fn changed(&self) -> usize {
        self.changed
    }
}

/// Why a map is not applied. But for [`MapError::Host`], what was enforced before still is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// The map is older than the one that is held.
    #[error(
        "the offered map {offered_epoch}.{offered} is older than {held_epoch}.{held}, which is held; ask for the newest one"
    )]
    Older {
        /// The epoch of the map that is held.
        held_epoch: Epoch,
        /// Its generation.
        held: Generation,
        /// The epoch of the map that was offered.
        offered_epoch: Epoch,
        /// Its generation.
        offered: Generation,
    },
    /// A different map has the same generation: two histories.
    #[error("two different maps are generation {at}; only an operator can say which history is true")]
    Forked {
        /// The generation that both have.
        at: Generation,
    },
    /// The map is a difference to another one, which this engine does not apply.
    #[error("the map is a difference to generation {base}; offer a complete one")]
    Partial {
        /// The generation that it differs from.
        base: Generation,
    },
    /// The tunnel enforces the map, but the host around it is not as the map says; it is as it was before.
    #[error("the host does not follow the map: {why}")]
    Host {
        /// What stands in the way, and what to do.
        why: String,
    },
    /// The tunnel has been stopped.
    #[error("the tunnel has been stopped; start another one")]
    Stopped,
}

impl MapError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Older { .. } => "map.older",
            Self::Forked { .. } => "map.forked",
            Self::Partial { .. } => "map.partial",
            Self::Host { .. } => "host.map",
            Self::Stopped => "tunnel.stopped",
        }
    }
}

/// Where the map that is enforced stands in the order of maps (SEC-30).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    epoch: Epoch,
    generation: Generation,
    digests: [Digest; 6],
}

impl Held {
    /// Compares an offered map with the one that is held. `None` if it is the same.
    pub(crate) fn replaced_by(held: Option<Self>, map: &NetworkMap) -> Result<Option<Self>, MapError> {
        if let Some(base) = map.base() {
            return Err(MapError::Partial { base });
        }
        let offered = Self { epoch: map.epoch(), generation: map.generation(), digests: map.digests() };
        let Some(held) = held else { return Ok(Some(offered)) };
        match (offered.epoch, offered.generation).cmp(&(held.epoch, held.generation)) {
            std::cmp::Ordering::Greater => Ok(Some(offered)),
            std::cmp::Ordering::Equal if offered == held => Ok(None),
            std::cmp::Ordering::Equal => Err(MapError::Forked { at: held.generation }),
            std::cmp::Ordering::Less => Err(MapError::Older {
                held_epoch: held.epoch,
                held: held.generation,
                offered_epoch: offered.epoch,
                offered: offered.generation,
            }),
        }
    }
}

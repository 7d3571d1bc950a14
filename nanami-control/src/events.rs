//! What happens in a live workspace, for whoever listens.

use nanami_model::{Generation, PeerId};
use tokio::sync::broadcast::{self, error::RecvError};

/// Something that happened. Level-triggered users look at a snapshot after each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlEvent {
    /// A key pair became a peer.
    Joined {
        /// The peer.
        peer: PeerId,
    },
    /// A peer runs another map than before.
    Applied {
        /// The peer.
        peer: PeerId,
        /// The generation that it reported.
        generation: Generation,
    },
    /// What runs at a peer is not the map that it should run at its generation: somebody altered it, and this is news.
    Drifted {
        /// The peer.
        peer: PeerId,
    },
    /// The listener was too slow; so many events are lost to it.
    Lagged {
        /// How many.
        missed: u64,
    },
}

/// Events, one after the other.
#[derive(Debug)]
pub struct EventStream(pub(crate) broadcast::Receiver<ControlEvent>);

impl EventStream {
    /// The next event; `None` when the control plane has stopped.
    ///
    /// # Cancel safety
    /// May be dropped and called again; no event is lost.
    pub async fn next(&mut self) -> Option<ControlEvent> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(missed)) => Some(ControlEvent::Lagged { missed }),
            Err(RecvError::Closed) => None,
        }
    }
}

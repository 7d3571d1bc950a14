//! Base: where a plan starts from.

use nanami_model::{Intent, PeerId};

use crate::desired::Desired;
use crate::share::Share;

/// The state that the peers are in before a change.
#[derive(Debug, Clone)]
pub struct Base {
    pub(crate) desired: Option<Desired>,
}

impl Base {
    /// Nobody was ever told anything: the empty workspace at revision 0.
    pub fn nothing() -> Self {
        Self { desired: None }
    }

    /// Every peer enforces this state.
    pub fn settled(on: &Desired) -> Self {
        Self { desired: Some(on.clone()) }
    }

    pub(crate) fn intent(&self) -> Option<&Intent> {
        self.desired.as_ref().map(Desired::intent)
    }

    pub(crate) fn share(&self, peer: PeerId) -> Share {
        self.desired.as_ref().map(|desired| desired.share(peer)).unwrap_or_default()
    }
}

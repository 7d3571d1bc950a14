//! Who enforces what concerns a peer: its own agent, or the gateway that it stands behind.

use serde::{Deserialize, Serialize};

use crate::id::GatewayId;
use crate::object::{ObjectId, follow};

/// What runs on a peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// An agent, which applies the peer's map.
    #[default]
    Managed,
    /// A plain WireGuard device. It has one tunnel, to this gateway, which enforces everything for it.
    Limited {
        /// The gateway that it stands behind.
        gateway: GatewayId,
    },
}

impl Mode {
    /// The gateway that a limited peer stands behind; `None` for a managed one.
    pub const fn gateway(self) -> Option<GatewayId> {
        match self {
            Self::Managed => None,
            Self::Limited { gateway } => Some(gateway),
        }
    }

    pub(crate) fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        if let Self::Limited { gateway } = self {
            follow(gateway, "gateway", with);
        }
    }
}

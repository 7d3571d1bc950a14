//! What single peers ask of their paths, beside what routes and policies say: pinned gateways, and the one tunnel of a plain device.
//!
//! **Invariant**: of four layers of preference the most specific one that speaks wins; a plain device goes by its gateway alone,
//! whatever anybody prefers.

use std::collections::BTreeMap;

use nanami_model::{GatewayId, Intent, Layer, Mode, PeerId, RoutingMode, RoutingPreference, Setting};

use crate::names::Names;

/// What the peers that ask for anything ask for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Demands {
    /// By which gateway alone a plain device reaches anything, and is reached.
    pub(crate) limited: BTreeMap<PeerId, GatewayId>,
    /// By which gateway a peer is reached.
    pub(crate) ingress: BTreeMap<PeerId, GatewayId>,
    /// By which gateway a peer reaches what is behind routes.
    pub(crate) egress: BTreeMap<PeerId, GatewayId>,
}

impl Demands {
    pub(crate) fn of(intent: &Intent) -> Self {
        let speaks = |preference: RoutingPreference| preference.routing().is_some();
        // Most workspaces say nothing, and then nobody is asked one by one.
        let all = speaks(intent.preference())
            || intent.networks().any(|(_, network)| speaks(network.preference()))
            || intent.users().any(|(_, user)| speaks(user.preference()));
        let mut demands = Self::default();
        let everybody = || intent.occupied::<PeerId>().map(|(slot, ..)| slot);
        let asked: Box<dyn Iterator<Item = _>> =
            if all { Box::new(everybody()) } else { Box::new(intent.particular().iter()) };
        for (id, peer) in asked.filter_map(|slot| intent.in_slot(slot)) {
            if let Mode::Limited { gateway } = peer.mode() {
                demands.limited.insert(id, gateway);
            } else if (all || speaks(peer.preference()))
                && let RoutingMode::Manual { ingress, egress } = intent.preference_of(id).routing().value()
            {
                demands.ingress.extend(ingress.map(|gateway| (id, gateway)));
                demands.egress.extend(egress.map(|gateway| (id, gateway)));
            }
        }
        demands
    }
}

/// Who says a setting, in words.
pub(crate) fn says<T: Copy>(setting: &Setting<T>, names: &Names) -> String {
    match setting.layer() {
        Layer::Peer(id) => format!("peer {} says so", names.of(id)),
        Layer::User(id) => format!("user {} says so", names.of(id)),
        Layer::Network(id) => format!("network {} says so", names.of(id)),
        Layer::Workspace => "the workspace says so".to_owned(),
        Layer::Default => "nobody says otherwise".to_owned(),
    }
}

//! Gateways that a preference pins do the duty that they are pinned for, are not disabled, and serve one network together: one
//! of the peer's, or the network's own, where the preference is a peer's or a network's.
//!
//! Draining is no fault: whoever empties a gateway need not ask everybody who pinned it first.

use super::contradiction;
use crate::entity::{Activity, Duty, RoutingMode, RoutingPreference};
use crate::id::{GatewayId, NetworkId};
use crate::intent::Tables;
use crate::intent::gateways::serves;
use crate::object::Label;
use crate::refused::Violation;

/// Checks what `subject` prefers; `networks` are those that it is about, `None` means any.
pub(super) fn check(
    tables: &Tables,
    subject: &Label,
    preference: RoutingPreference,
    networks: Option<&[NetworkId]>,
    found: &mut Vec<Violation>,
) {
    let Some(RoutingMode::Manual { ingress, egress }) = preference.routing() else { return };
    let wanted = [("ingress", Duty::Ingress, ingress), ("egress", Duty::Egress, egress)];
    let pinned: Vec<(&'static str, Duty, GatewayId)> =
        wanted.into_iter().filter_map(|(field, duty, id)| Some((field, duty, id?))).collect();
    for (field, duty, id) in &pinned {
        able(tables, subject, field, (*duty, *id), found);
    }
    let Some((field, _, first)) = pinned.first() else { return };
    let together: Vec<GatewayId> = pinned.iter().map(|(_, _, id)| *id).collect();
    let any = tables.gateways.get(first).and_then(|gateway| tables.peers.get(&gateway.peer()));
    let networks = networks.unwrap_or(any.map(|peer| peer.networks()).unwrap_or_default());
    let all_serve = |network: &NetworkId| {
        together.iter().filter_map(|id| tables.gateways.get(id)).all(|gateway| serves(tables, gateway, *network))
    };
    if !networks.iter().any(all_serve) {
        let names: Vec<_> = together.iter().map(|id| Label::new(*id, tables).to_string()).collect();
        let why = format!("{} serve no network of it together", names.join(" and "));
        found.push(contradiction(subject.clone(), field, why, "pin gateways that serve one network"));
    }
}

/// Whether a gateway may be given this duty by name.
pub(super) fn able(
    tables: &Tables,
    subject: &Label,
    field: &'static str,
    (duty, id): (Duty, GatewayId),
    found: &mut Vec<Violation>,
) {
    let Some(gateway) = tables.gateways.get(&id) else { return };
    let label = Label::new(id, tables);
    if !gateway.duties().contains(duty) {
        let why = format!("{label} has no duty {duty}");
        found.push(contradiction(subject.clone(), field, why, "give it that duty, or name another gateway"));
    }
    if gateway.activity() == Activity::Disabled {
        let why = format!("{label} is disabled");
        found.push(contradiction(subject.clone(), field, why, "enable it, or name another gateway"));
    }
}

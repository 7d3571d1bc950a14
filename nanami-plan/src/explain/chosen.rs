//! Why the first gateway of a way is the first.

use nanami_model::{Activity, Destination, Flow, GatewayId, Mode, OnAllDown, RouteMode, RoutingMode, TrafficMode};

use crate::demand::says;
use crate::desired::Desired;
use crate::names::Names;
use crate::paths::Way;

/// Why the first of two gateways is on the way, in words; `None` unless there are two.
pub(super) fn why_near(desired: &Desired, flow: &Flow, way: &Way) -> Option<String> {
    way.near()?;
    limited(desired, flow, &Names::new(desired.intent(), None))
}

/// Why the gateway in use is in use, in words; nothing for what goes directly. Of two gateways this is about the last, which
/// the first chooses as its own peer would.
pub(super) fn why(desired: &Desired, flow: &Flow, way: &Way) -> String {
    let Some(first) = way.gateways().first().copied() else { return String::new() };
    let names = Names::new(desired.intent(), None);
    if let Some(suppressed) = on_link(desired, flow, &names) {
        return suppressed;
    }
    let near = way.near().and_then(|near| desired.intent().get(near));
    let sent = Flow { from: near.map_or(flow.from, |near| near.peer()), ..*flow };
    let reason = limited(desired, &sent, &names).or_else(|| pinned(desired, &sent, first, &names));
    let reason = reason.unwrap_or_else(|| ranked(desired, &sent, first, &names));
    match traffic(desired, flow, &names) {
        Some(traffic) => format!("{reason}; {traffic}"),
        None => reason,
    }
}

/// Of a client that is inside of the route itself: its host does not send there into the tunnel, until it leaves.
pub(super) fn on_link(desired: &Desired, flow: &Flow, names: &Names) -> Option<String> {
    let Destination::Route(route) = flow.to else { return None };
    let prefixes = desired.intent().get(route)?.prefixes();
    let own = |prefix: &&nanami_model::Cidr| desired.selection().is_on_link(flow.from, prefix);
    let own: Vec<_> = prefixes.iter().filter(own).map(ToString::to_string).collect();
    let name = names.of(flow.from);
    (!own.is_empty()).then(|| format!("suppressed: on-link ({name} is attached to {} itself)", own.join(", ")))
}

fn limited(desired: &Desired, flow: &Flow, names: &Names) -> Option<String> {
    let far = if let Destination::Peer(to) = flow.to { Some(to) } else { None };
    let plain = |peer| matches!(desired.intent().get(peer).map(nanami_model::Peer::mode), Some(Mode::Limited { .. }));
    let device = [Some(flow.from), far].into_iter().flatten().find(|peer| plain(*peer))?;
    Some(format!("the one tunnel of {}, and enforces everything for it", names.of(device)))
}

fn pinned(desired: &Desired, flow: &Flow, first: GatewayId, names: &Names) -> Option<String> {
    let (peer, out) = match flow.to {
        Destination::Peer(to) => (to, false),
        _ => (flow.from, true),
    };
    let routing = desired.intent().preference_of(peer).routing();
    let RoutingMode::Manual { ingress, egress } = routing.value() else { return None };
    let wanted = if out { egress } else { ingress };
    let word = if out { "egress" } else { "ingress" };
    (wanted == Some(first)).then(|| format!("pinned {word} of {}, {}", names.of(peer), says(&routing, names)))
}

/// By the mode of the route, or the order of a `via`.
fn ranked(desired: &Desired, flow: &Flow, first: GatewayId, names: &Names) -> String {
    let intent = desired.intent();
    if intent.get(first).is_some_and(|gateway| gateway.activity() == Activity::Draining) {
        return "draining, and no other one is left".to_owned();
    }
    let dead: Vec<GatewayId> = desired.selection().dead().collect();
    let Destination::Route(route) = flow.to else {
        return if dead.is_empty() { FIRST.to_owned() } else { format!("{FIRST}, and is not dead") };
    };
    let listed = intent.gateways_of(route);
    if !listed.contains(&first) {
        let falls_back = intent.get(route).is_some_and(|route| route.on_all_down() == OnAllDown::FallBack);
        return if falls_back {
            "carries the next wider route, to which this one falls back".to_owned()
        } else {
            FIRST.to_owned()
        };
    }
    let before: Vec<_> = listed.iter().take_while(|id| **id != first).filter(|id| dead.contains(id)).copied().collect();
    match intent.get(route).map(nanami_model::Route::mode) {
        Some(RouteMode::Pinned) => "the route is pinned to it".to_owned(),
        Some(RouteMode::Balanced) if desired.selection().is_of(route) => {
            "its share of the clients, who are spread over all that serve".to_owned()
        }
        Some(RouteMode::Nearest) if desired.selection().is_of(route) => {
            "the nearest one, as far as round trips are known".to_owned()
        }
        _ if !before.is_empty() => {
            let verb = if before.len() == 1 { "is" } else { "are" };
            format!("the first of the list that lives: {} {verb} dead", names.list(&before))
        }
        _ => FIRST.to_owned(),
    }
}

/// Of an exit: whether everything else goes there too, if somebody says.
fn traffic(desired: &Desired, flow: &Flow, names: &Names) -> Option<String> {
    let Destination::Route(route) = flow.to else { return None };
    desired.intent().get(route).filter(|route| route.is_exit())?;
    let traffic = desired.intent().preference_of(flow.from).traffic();
    let what = match (traffic.value(), traffic.layer()) {
        (_, nanami_model::Layer::Default) => return None,
        (TrafficMode::FullTunnel, _) => "everything goes by it",
        (TrafficMode::VpnOnly, _) => "only what is sent there on purpose goes by it",
    };
    Some(format!("{what}, {}", says(&traffic, names)))
}

const FIRST: &str = "the first of the list that is not draining";

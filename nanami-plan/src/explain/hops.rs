//! The hops of a flow that passes, with what each reports.

use std::net::IpAddr;
use std::time::Duration;

use nanami_model::{Cidr, Destination, Flow, GatewayId, Generation, PeerId, Protocol};

use crate::access::union;
use crate::names::Names;
use crate::paths::Way;
use crate::text::duration;
use crate::view::View;

/// One peer on the way of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hop {
    /// The peer; `None` for what is behind a gateway.
    pub peer: Option<PeerId>,
    /// Its name.
    pub name: String,
    /// The address or the range that the flow has there.
    pub address: String,
    /// The generation that it should run, if somebody said.
    pub desired: Option<Generation>,
    /// The generation that it last said it runs.
    pub applied: Option<Generation>,
    /// How long ago the hop before it and this one shook hands, if that is known.
    pub handshake: Option<Duration>,
    /// The round trip between the two, if it is known.
    pub rtt: Option<Duration>,
    /// What it does for the flow.
    pub does: String,
}

pub(super) fn of(view: &View<'_>, flow: &Flow, literal: Destination, way: &Way) -> Vec<Hop> {
    let desired = view.desired();
    let intent = desired.intent();
    let names = Names::new(intent, None);
    let services =
        union(&desired.access().grants(flow.from, flow.to)).and_then(|all| all.intersection(&flow.service.into()));
    let services = services.map(|services| services.to_string()).unwrap_or_default();
    let v4 = family(view, flow, literal);
    let address = |peer: PeerId| {
        let own = intent.get(peer).map(|p| p.addresses().to_vec()).unwrap_or_default();
        own.iter().find(|a| a.is_ipv4() == v4).or(own.first()).map(IpAddr::to_string).unwrap_or_default()
    };
    let hop = |before: Option<PeerId>, peer: PeerId, does: String| {
        let link = before.and_then(|before| view.link(before, peer));
        let sighting = view.observed().last(peer);
        Hop {
            peer: Some(peer),
            name: names.of(peer),
            address: address(peer),
            desired: view.generation(peer),
            applied: sighting.map(|sighting| sighting.report.generation),
            handshake: link.as_ref().and_then(|link| link.handshake_age),
            rtt: link.and_then(|link| link.rtt),
            does,
        }
    };
    let bearer = |id: GatewayId| intent.get(id).map(|gateway| gateway.peer());
    let carrier = carrying(view, flow, way).and_then(bearer);
    let near = way.near().and_then(bearer);
    let sends = near.or(carrier);
    let sends = sends.map_or_else(|| "sends directly".to_owned(), |peer| format!("sends by {}", names.of(peer)));
    let sends = match super::chosen::on_link(desired, flow, &names) {
        Some(_) => "sends on its own link".to_owned(),
        None => sends,
    };
    let mut hops = vec![hop(None, flow.from, sends)];
    let mut before = flow.from;
    for gateway in [near, carrier].into_iter().flatten() {
        hops.push(hop(Some(before), gateway, format!("forwards {services} in plaintext")));
        before = gateway;
    }
    match flow.to {
        Destination::Peer(to) => {
            hops.push(hop(Some(before), to, format!("accepts {services}")));
        }
        to => {
            let prefix = |p: &&Cidr| p.is_ipv4() == v4;
            let range = match (literal, to) {
                (Destination::Address(at), _) => at.to_string(),
                (_, Destination::Route(id)) => {
                    let prefixes = intent.get(id).map(|route| route.prefixes().to_vec()).unwrap_or_default();
                    prefixes.iter().find(prefix).map(ToString::to_string).unwrap_or_default()
                }
                _ => String::new(),
            };
            let (name, does) = (names.destination(to), "is behind the gateway".to_owned());
            let (desired, applied, handshake, rtt) = (None, None, None, None);
            hops.push(Hop { peer: None, name, address: range, desired, applied, handshake, rtt, does });
        }
    }
    hops
}

/// The gateway that carries the flow now, the last one of two: the first rank, or the standby that whoever sends there says has
/// taken over.
pub(super) fn carrying(view: &View<'_>, flow: &Flow, way: &Way) -> Option<GatewayId> {
    let intent = view.desired().intent();
    let key = |id: &GatewayId| intent.get(intent.get(*id)?.peer())?.key();
    let leads = |prefix: &Cidr| match flow.to {
        Destination::Peer(to) => intent.get(to).is_some_and(|p| p.addresses().iter().any(|a| prefix.contains(*a))),
        Destination::Route(to) => {
            intent.get(to).is_some_and(|route| route.prefixes().contains(prefix))
                || view.desired().territory(to).contains(prefix)
        }
        Destination::Address(at) => prefix.contains(at),
    };
    let taken = view
        .believed(sender(view, flow.from, way))
        .map(|sighting| sighting.report.taken_over.as_slice())
        .unwrap_or_default();
    let by: Vec<_> = taken.iter().filter(|taken| leads(&taken.prefix)).map(|taken| taken.by).collect();
    let standby = way.standbys().iter().find(|id| key(id).is_some_and(|key| by.contains(&key)));
    standby.or_else(|| way.gateways().first()).copied()
}

/// Whether the flow is told by its IPv4 addresses: where both ends have one.
fn family(view: &View<'_>, flow: &Flow, literal: Destination) -> bool {
    if let Destination::Address(at) = literal {
        return at.is_ipv4();
    }
    let intent = view.desired().intent();
    let has_v4 = |peer: PeerId| intent.get(peer).is_some_and(|p| p.addresses().iter().any(IpAddr::is_ipv4));
    has_v4(flow.from)
        && match flow.to {
            Destination::Peer(to) => has_v4(to),
            Destination::Route(to) => intent.get(to).is_some_and(|route| route.prefixes().iter().any(|p| p.is_ipv4())),
            Destination::Address(at) => at.is_ipv4(),
        }
}

/// Who sends to the last gateway: whoever begins, or the gateway before it.
fn sender(view: &View<'_>, from: PeerId, way: &Way) -> PeerId {
    way.near().and_then(|near| view.desired().intent().get(near)).map_or(from, |near| near.peer())
}

/// What is known of each standby, as whoever sends there sees it.
pub(super) fn standbys(view: &View<'_>, from: PeerId, way: &Way) -> Vec<String> {
    let intent = view.desired().intent();
    let names = Names::new(intent, None);
    let from = sender(view, from, way);
    let told = |id: &GatewayId| {
        let peer = intent.get(*id)?.peer();
        let state = match view.link(from, peer) {
            Some(link) if view.is_live(from, peer) => {
                let rtt = link.rtt.map(|rtt| format!(", {}", duration(rtt))).unwrap_or_default();
                format!("ready{rtt}")
            }
            Some(_) => "not ready: its tunnel is down".to_owned(),
            None if view.observed().last(from).is_none() => "planned".to_owned(),
            None => "unknown".to_owned(),
        };
        Some(format!("{}: {state}", names.of(*id)))
    };
    way.standbys().iter().filter_map(told).collect()
}

/// Whether replies of a service are told apart by connections.
pub(crate) fn replies(protocol: Option<Protocol>) -> &'static str {
    match protocol {
        Some(Protocol::Udp | Protocol::Icmp) => "same path, answers to what was sent only",
        _ => "same path, established connections only",
    }
}

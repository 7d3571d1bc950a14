//! The reference: naive, and meant to be obviously right. It shares no code with the planner.

#![allow(dead_code, clippy::unwrap_used, reason = "test helpers; each binary uses a part")]

use std::net::IpAddr;

use nanami_model::{
    Activity, Destination, Direction, Duty, GatewayId, GroupId, Intent, Lifecycle, PeerId, Policy, Protocol,
    ReturnPath, Selector, Verdict,
};

/// What an address is, in this workspace.
pub(crate) fn destination(intent: &Intent, at: IpAddr) -> Option<Destination> {
    if let Some((peer, _)) = intent.peers().find(|(_, p)| p.addresses().contains(&at)) {
        return Some(Destination::Peer(peer));
    }
    if intent.networks().any(|(_, network)| network.pools().iter().any(|pool| pool.contains(at))) {
        return None;
    }
    let mut best = None;
    for (id, route) in intent.routes() {
        for prefix in route.prefixes().iter().filter(|p| p.contains(at)) {
            if best.is_none_or(|(length, _)| prefix.length() > length) {
                best = Some((prefix.length(), id));
            }
        }
    }
    best.map(|(_, id)| Destination::Route(id))
}

/// Whether a packet may pass: some allow names it, no deny does, the two are different and share the packet's family.
pub(crate) fn allows(intent: &Intent, from: PeerId, source: IpAddr, to: IpAddr, protocol: Protocol, port: u16) -> bool {
    let Some(destination) = destination(intent, to) else { return false };
    let takes_part = |peer: PeerId| intent.get(peer).is_some_and(|peer| peer.status().is_effective());
    if !takes_part(from) || !is_in_use(intent, source) || !is_in_use(intent, to) {
        return false;
    }
    match destination {
        Destination::Peer(to) if !takes_part(to) => return false,
        Destination::Route(route) => {
            let network = intent.get(route).unwrap().network();
            if intent.get(network).unwrap().lifecycle() != Lifecycle::Active {
                return false;
            }
        }
        _ => {}
    }
    if source.is_ipv4() != to.is_ipv4() || destination == Destination::Peer(from) {
        return false;
    }
    if let Destination::Route(route) = destination {
        let gateways = intent.gateways_of(route);
        if gateways.iter().any(|g| intent.get(*g).unwrap().peer() == from) {
            return false;
        }
    }
    let says = |verdict: Verdict| {
        intent.policies().any(|(_, policy)| {
            policy.verdict() == verdict
                && policy.services().covers(protocol, port)
                && policy.conditions().iter().all(|condition| condition.holds(intent.get(from).unwrap().facts()))
                && (names(intent, policy, from, destination) || mirrored(intent, policy, from, destination))
        })
    };
    says(Verdict::Allow) && !says(Verdict::Deny)
}

/// Whether a gateway puts its own address in the place of the sender's, towards an address behind it: if that is the return path of
/// the most specific route there that it stands before.
pub(crate) fn masquerades(intent: &Intent, gateway: PeerId, to: IpAddr) -> bool {
    let stands_before = |id| intent.gateways_of(id).iter().any(|id| intent.get(*id).unwrap().peer() == gateway);
    let around = intent.routes().filter(|(id, _)| stands_before(*id)).filter_map(|(_, route)| {
        let length =
            route.prefixes().iter().filter(|prefix| prefix.contains(to)).map(|prefix| prefix.length()).max()?;
        Some((length, route.return_path()))
    });
    around.max_by_key(|(length, _)| *length).is_some_and(|(_, back)| back == ReturnPath::Snat)
}

/// The peers whom a flow between two plain devices passes that stand behind different gateways, if these let them in.
pub(crate) fn chain(intent: &Intent, from: PeerId, to: PeerId) -> Option<[PeerId; 2]> {
    let gateway = |peer: PeerId| intent.get(peer)?.mode().gateway();
    let (near, far) = (gateway(from)?, gateway(to)?);
    let bearer = |id: GatewayId| {
        let gateway = intent.get(id)?;
        let lets_in = gateway.activity() != Activity::Disabled && gateway.duties().contains(Duty::Ingress);
        let there = intent.get(gateway.peer())?.status().is_effective();
        (lets_in && there).then_some(gateway.peer())
    };
    (near != far).then_some([bearer(near)?, bearer(far)?])
}

/// Whether a policy that speaks of two peers, either way, asks for a gateway on the way.
pub(crate) fn asks_for_via(intent: &Intent, a: PeerId, b: PeerId) -> bool {
    let speaks = |policy: &Policy, from: PeerId, to: PeerId| {
        let to = Destination::Peer(to);
        names(intent, policy, from, to) || mirrored(intent, policy, from, to)
    };
    intent.policies().any(|(_, policy)| !policy.via().is_empty() && (speaks(policy, a, b) || speaks(policy, b, a)))
}

/// Whether the network that an address belongs to is in use; one of no network is somewhere behind a route.
fn is_in_use(intent: &Intent, at: IpAddr) -> bool {
    let mut of = intent.networks().filter(|(_, network)| network.pools().iter().any(|pool| pool.contains(at)));
    of.all(|(_, network)| network.lifecycle() == Lifecycle::Active)
}

fn names(intent: &Intent, policy: &Policy, from: PeerId, to: Destination) -> bool {
    is_in(intent, from, policy.from())
        && match (policy.to(), to) {
            (Selector::Route(a), Destination::Route(b)) => a == b,
            (selector, Destination::Peer(to)) => is_in(intent, to, selector),
            _ => false,
        }
}

fn mirrored(intent: &Intent, policy: &Policy, from: PeerId, to: Destination) -> bool {
    let Destination::Peer(to) = to else { return false };
    policy.direction() == Direction::BothWays && is_in(intent, from, policy.to()) && is_in(intent, to, policy.from())
}

fn is_in(intent: &Intent, peer: PeerId, selector: Selector) -> bool {
    let entity = intent.get(peer).unwrap();
    match selector {
        Selector::Peer(id) => id == peer,
        Selector::Network(id) => entity.networks().contains(&id),
        Selector::Group(id) => {
            let owner = entity.owner().and_then(|owner| intent.get(owner));
            let mut own = entity.groups().iter().chain(owner.into_iter().flat_map(|owner| owner.groups()));
            own.any(|own| contains(intent, id, *own))
        }
        Selector::Route(_) => false,
    }
}

fn contains(intent: &Intent, outer: GroupId, inner: GroupId) -> bool {
    outer == inner || intent.get(outer).unwrap().groups().iter().any(|nested| contains(intent, *nested, inner))
}

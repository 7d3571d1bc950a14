//! Edits in the plan's own line form, for scripts.
//!
//! `+ policy NAME FROM -> TO SERVICE [deny] [via A, B]`, `+ route NAME PREFIX behind A, B`, `+ peer NAME in NETWORK [at ADDRESS]
//! [with the key of PEER]`, `+ group NAME`, `- KIND NAME`, and
//! `~ KIND NAME WORDS`: a gateway may become `active`, `draining`, `disabled`, `host H`, `capacity N`, `duties D, D`; a route
//! `primary` …, `hold`, `fall_back`, `drop`, `redundancy N`, `behind A, B`; a peer `active`, `suspended`, `expired`,
//! `limited G`, `plain`, `rekeyed`, `at ADDRESS`, `prefers PREFERENCE`; a group `contains G`; a network `prefers PREFERENCE`: `full_tunnel`, `vpn_only`, `egress G`, `ingress G`.
#![allow(clippy::unwrap_used, reason = "test helpers")]

use nanami_model::{
    Activity, Draft, Duties, Duty, GatewayId, Group, GroupId, Intent, Mode, Name, NetworkId, Peer, PeerId, Policy,
    PolicyId, Route, RouteId, RoutingMode, RoutingPreference, Selector, Service, Services, Standing, TrafficMode,
};

pub(crate) fn apply(intent: &Intent, line: &str, draft: &mut Draft) {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["+", "policy", name, from, "->", to, rest @ ..] => add_policy(intent, draft, name, from, to, rest),
        ["+", "route", name, prefix, "behind", rest @ ..] => {
            let network = intent.networks().next().unwrap().0;
            let of_route = intent.routes().next().map_or(network, |(_, route)| route.network());
            let route = Route::new(name.parse().unwrap(), of_route, prefix.parse().unwrap(), gateways(intent, rest));
            draft.add(route);
        }
        ["+", "group", name] => _ = draft.add(Group::new(name.parse().unwrap())),
        ["+", "peer", name, "in", network, rest @ ..] => _ = draft.add(new_peer(intent, name, network, rest)),
        ["~", "group", name, "contains", inner] => {
            let inner: GroupId = intent.id(inner).unwrap();
            draft.update(intent.id::<GroupId>(name).unwrap(), |group| group.with_groups([inner]));
        }
        ["-", "policy", name] => draft.remove(intent.id::<PolicyId>(name).unwrap()),
        ["-", "route", name] => draft.remove(intent.id::<RouteId>(name).unwrap()),
        ["-", "gateway", name] => draft.remove(intent.id::<GatewayId>(name).unwrap()),
        ["-", "peer", name] => draft.remove(intent.id::<PeerId>(name).unwrap()),
        ["~", "gateway", name, words @ ..] => update_gateway(intent, draft, name, words),
        ["~", "route", name, words @ ..] => update_route(intent, draft, name, words),
        ["~", "peer", name, words @ ..] => update_peer(intent, draft, name, words),
        ["~", "network", name, "prefers", words @ ..] => {
            let preference = preference(intent, words);
            draft.update(intent.id::<NetworkId>(name).unwrap(), |network| network.with_preference(preference));
        }
        _ => panic!("not an edit: {line}"),
    }
}

fn new_peer(intent: &Intent, name: &str, network: &str, words: &[&str]) -> Peer {
    let network: NetworkId = intent.id(network).unwrap();
    let peer = Peer::new(name.parse().unwrap()).with_networks([network]);
    match words {
        ["at", address] => peer.with_addresses([address.parse().unwrap()]),
        ["with", "the", "key", "of", other] => {
            let other = intent.get(intent.id::<PeerId>(other).unwrap()).unwrap();
            peer.with_key(other.key().unwrap())
        }
        _ => peer,
    }
}

/// `full_tunnel` or `vpn_only`, `egress G`, `ingress G`.
fn preference(intent: &Intent, words: &[&str]) -> RoutingPreference {
    let after = |word: &str| words.iter().position(|known| *known == word).map(|at| intent.id(words[at + 1]).unwrap());
    let (ingress, egress) = (after("ingress"), after("egress"));
    let mut preference = RoutingPreference::none();
    if ingress.is_some() || egress.is_some() {
        preference = preference.with_routing(RoutingMode::Manual { ingress, egress });
    }
    for (word, traffic) in [("full_tunnel", TrafficMode::FullTunnel), ("vpn_only", TrafficMode::VpnOnly)] {
        if words.contains(&word) {
            preference = preference.with_traffic(traffic);
        }
    }
    preference
}

fn gateways(intent: &Intent, words: &[&str]) -> Vec<GatewayId> {
    words.iter().map(|word| intent.id(word.trim_end_matches(',')).unwrap()).collect()
}

/// What a side of a policy names: a peer, a group, a network or a route.
fn side(intent: &Intent, name: &str) -> Selector {
    let peer = intent.id::<PeerId>(name).map(Selector::from);
    let group = || intent.id::<GroupId>(name).map(Selector::from);
    let network = || intent.id::<NetworkId>(name).map(Selector::from);
    let route = || intent.id::<RouteId>(name).map(Selector::from);
    peer.or_else(|_| group()).or_else(|_| network()).or_else(|_| route()).unwrap()
}

fn add_policy(intent: &Intent, draft: &mut Draft, name: &str, from: &str, to: &str, rest: &[&str]) {
    let via = rest.iter().position(|word| *word == "via");
    let (services, via) = rest.split_at(via.unwrap_or(rest.len()));
    let deny = services.first() == Some(&"deny");
    let services =
        services.iter().skip(usize::from(deny)).map(|word| word.trim_end_matches(',').parse::<Service>().unwrap());
    let services = Services::new(services).unwrap();
    let (name, from, to): (Name, _, _) = (name.parse().unwrap(), side(intent, from), side(intent, to));
    let policy = if deny { Policy::deny(name, from, to, services) } else { Policy::allow(name, from, to, services) };
    draft.add(policy.with_via(gateways(intent, via.get(1..).unwrap_or_default())));
}

fn update_gateway(intent: &Intent, draft: &mut Draft, name: &str, words: &[&str]) {
    let id: GatewayId = intent.id(name).unwrap();
    draft.update(id, |gateway| match words {
        ["active"] => gateway.with_activity(Activity::Active),
        ["draining"] => gateway.draining(),
        ["disabled"] => gateway.disabled(),
        ["region", region] => gateway.with_region(intent.id(region).unwrap()),
        ["host", host] => gateway.with_host(host.parse().unwrap()),
        ["capacity", n] => gateway.with_capacity(n.parse().unwrap()),
        ["duties", duties @ ..] => {
            let duties = duties.iter().map(|word| word.trim_end_matches(',').parse::<Duty>().unwrap());
            gateway.with_duties(Duties::new(duties).unwrap())
        }
        _ => panic!("a gateway does not become {words:?}"),
    });
}

fn update_route(intent: &Intent, draft: &mut Draft, name: &str, words: &[&str]) {
    let id: RouteId = intent.id(name).unwrap();
    draft.update(id, |route| match words {
        ["redundancy", n] => route.with_redundancy(n.parse().unwrap()),
        ["behind", rest @ ..] => route.with_gateways(gateways(intent, rest)),
        [word] => match (word.parse(), word.parse()) {
            (Ok(mode), _) => route.with_mode(mode),
            (_, Ok(behaviour)) => route.with_on_all_down(behaviour),
            _ => panic!("a route does not become {word}"),
        },
        _ => panic!("a route does not become {words:?}"),
    });
}

fn update_peer(intent: &Intent, draft: &mut Draft, name: &str, words: &[&str]) {
    let id: PeerId = intent.id(name).unwrap();
    draft.update(id, |peer| match words {
        ["active"] => peer.with_standing(Standing::Active),
        ["suspended"] => peer.with_standing(Standing::Suspended),
        ["expired"] => peer.with_standing(Standing::Expired),
        ["limited", gateway] => peer.with_mode(Mode::Limited { gateway: intent.id(gateway).unwrap() }),
        ["plain"] => peer.with_mode(Mode::Managed),
        ["rekeyed"] => peer.with_key(crate::common::key(4711)),
        ["at", address] => peer.with_addresses([address.parse().unwrap()]),
        ["prefers", words @ ..] => peer.with_preference(preference(intent, words)),
        _ => panic!("a peer does not become {words:?}"),
    });
}

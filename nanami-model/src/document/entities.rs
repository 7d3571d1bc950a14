//! Entries of users, groups, networks, regions, gateways, peers, routes and join keys.

use std::num::NonZeroU32;

use super::error::Problem;
use super::instant::Instant;
use super::sections::{Entry, Made, Reader, flag, number, value, values};
use super::tree::{Node, Value};
use super::value::{Address, ModeWord, UsesWord};
use super::walk::Part;
use crate::cidr::Cidr;
use crate::entity::{
    Duties, Duty, Facts, Gateway, GatewaySelector, Group, Identity, JoinKey, Lifetime, Mode, Network, Peer, Region,
    ReturnPath, Role, Route, Serves, User, Uses,
};
use crate::id::{GatewayId, GroupId, JoinKeyId, NetworkId, PeerId, RegionId, RouteId, UserId};
use crate::name::Name;
use crate::object::Id as _;

impl<'t> Reader<'t> {
    pub(super) fn user(&mut self, Entry { name, node }: Entry<'t>) -> Made {
        let mut user = User::new(name).with_groups(self.refs(node, "groups"));
        if let Some(role) = value(node, "role") {
            user = user.with_role(role);
        }
        for entry in node.get("roles").into_iter().flat_map(Node::children) {
            let group: Option<GroupId> = self.names.resolve_text(&mut self.walker, entry, Part::Key, entry.key());
            let role: Option<Role> = entry.text().and_then(|role| role.parse().ok());
            if let (Some(group), Some(role)) = (group, role) {
                user = user.with_group_role(group, role);
            }
        }
        let identity = |entry: Node<'t>| {
            let part = |field| entry.get(field)?.text();
            Identity::new(part("issuer")?, part("subject")?).ok()
        };
        user =
            user.with_identities(node.get("identities").iter().flat_map(|list| list.elements()).filter_map(identity));
        if let Some(preference) = self.preference::<UserId>(node) {
            user = user.with_preference(preference);
        }
        self.renamed::<UserId>(node);
        [self.object(node, user), None]
    }

    pub(super) fn group(&mut self, Entry { name, node }: Entry<'t>) -> Made {
        let group = Group::new(name).with_groups(self.refs(node, "groups"));
        self.renamed::<GroupId>(node);
        [self.object(node, group), None]
    }

    pub(super) fn network(&mut self, Entry { name, node }: Entry<'t>) -> Made {
        // Without an owner it still has pools that others must not overlap; an id that is nobody's stands in for the group's.
        let owner = self.reference(node, "owner").unwrap_or(GroupId::from_bytes([0; 10]));
        let mut network = Network::new(name, owner, values(node, "pools"));
        if let Some(lifecycle) = value(node, "lifecycle") {
            network = network.with_lifecycle(lifecycle);
        }
        if let Some(suffix) = value(node, "dns_suffix") {
            network = network.with_dns_suffix(suffix);
        }
        if let Some(preference) = self.preference::<NetworkId>(node) {
            network = network.with_preference(preference);
        }
        self.renamed::<NetworkId>(node);
        [self.object(node, network), None]
    }

    pub(super) fn region(&mut self, Entry { name, node }: Entry<'t>) -> Made {
        self.renamed::<RegionId>(node);
        [self.object(node, Region::new(name)), None]
    }

    pub(super) fn gateway(&mut self, Entry { name, node }: Entry<'t>) -> Made {
        let region: Option<RegionId> = self.reference(node, "region");
        let (peer, own) = match node.get("peer") {
            Some(peer) => (self.names.resolve(&mut self.walker, peer), None),
            None => {
                let peer = self.attachment(node, name.clone());
                self.renamed::<PeerId>(node);
                let id = self.names.bearer::<PeerId>(node.key()).and_then(|bearer| PeerId::of(bearer.id));
                (id, self.object(node, peer))
            }
        };
        self.renamed::<GatewayId>(node);
        let serves: Vec<NetworkId> = self.refs(node, "serves");
        let (Some(peer), Some(region)) = (peer, region) else { return [own, None] };
        let mut gateway = Gateway::new(name, peer, region);
        if let Ok(duties) = Duties::new(values::<Duty>(node, "duties")) {
            gateway = gateway.with_duties(duties);
        }
        if let Some(clients) = number(node, "capacity").and_then(NonZeroU32::new) {
            gateway = gateway.with_capacity(clients);
        }
        if let Some(activity) = value(node, "activity") {
            gateway = gateway.with_activity(activity);
        }
        if !serves.is_empty() {
            gateway = gateway.with_serves(Serves::Only(serves));
        }
        if let Some(host) = value(node, "host") {
            gateway = gateway.with_host(host);
        }
        [own, self.object(node, gateway)]
    }

    pub(super) fn peer(&mut self, Entry { name, node }: Entry<'t>) -> Made {
        let mut peer = self.attachment(node, name);
        let (mode, gateway) = (value(node, "mode"), node.get("gateway"));
        match (mode, gateway) {
            (Some(ModeWord::Limited), Some(gateway)) => {
                if let Some(gateway) = self.names.resolve(&mut self.walker, gateway) {
                    peer = peer.with_mode(Mode::Limited { gateway });
                }
            }
            (Some(ModeWord::Limited), None) => {
                let (parent, field, example) = ("a limited peer", "gateway", "gateway = \"GATEWAY\"");
                self.walker.report(node, Part::Key, Problem::Missing { parent, field, example });
            }
            (_, Some(gateway)) => {
                let (why, remedy) = ("only a limited peer has a gateway of its own", "write mode = \"limited\" too");
                self.walker.report(gateway, Part::Key, Problem::Contradiction { why, remedy });
            }
            (_, None) => {}
        }
        self.renamed::<PeerId>(node);
        [self.object(node, peer), None]
    }

    /// The fields that peers and gateways share.
    fn attachment(&mut self, node: Node<'t>, name: Name) -> Peer {
        let mut peer =
            Peer::new(name).with_groups(self.refs(node, "groups")).with_networks(self.refs(node, "networks"));
        if let Some(key) = value(node, "key") {
            peer = peer.with_key(key);
        }
        let addresses: Vec<Address> = values(node, "addresses");
        peer = peer.with_addresses(addresses.into_iter().map(|Address(address)| address));
        if let Some(owner) = self.reference::<UserId>(node, "owner") {
            peer = peer.with_owner(owner);
        }
        if let Some(standing) = value(node, "standing") {
            peer = peer.with_standing(standing);
        }
        if flag(node, "ephemeral") {
            peer = peer.with_lifetime(Lifetime::Ephemeral);
        }
        if let Some(known) = node.get("facts") {
            peer = peer.with_facts(facts(known));
        }
        match self.preference::<PeerId>(node) {
            Some(preference) => peer.with_preference(preference),
            None => peer,
        }
    }

    pub(super) fn route(&mut self, Entry { name, node }: Entry<'t>) -> Made {
        let network = self.reference(node, "network");
        let gateways = node.get("gateways").and_then(|gateways| self.gateways(gateways));
        self.renamed::<RouteId>(node);
        let return_path = self.return_path(node);
        let Some(network) = network else { return [None, None] };
        // Without gateways that can be read there are rules that still count, such as those of prefixes.
        let gateways = gateways.unwrap_or(GatewaySelector::Only(Vec::new()));
        let mut route = match value::<Cidr>(node, "prefix") {
            _ if flag(node, "exit") => Route::exit(name, network, Vec::new()),
            Some(prefix) => Route::new(name, network, prefix, Vec::new()),
            None => return [None, None],
        };
        route = route.with_gateways(gateways).with_return_path(return_path);
        if let Some(mode) = value(node, "mode") {
            route = route.with_mode(mode);
        }
        if let Some(ranks) = number(node, "redundancy") {
            route = route.with_redundancy(ranks);
        }
        if let Some(on_all_down) = value(node, "on_all_down") {
            route = route.with_on_all_down(on_all_down);
        }
        [self.object(node, route), None]
    }

    fn gateways(&mut self, node: Node<'t>) -> Option<GatewaySelector> {
        match node.value() {
            Value::List => Some(GatewaySelector::Only(self.resolve_all(node))),
            Value::Table => Some(GatewaySelector::InRegion(self.refs(node, "in_region"))),
            Value::Text("all") => Some(GatewaySelector::All),
            _ => None,
        }
    }

    fn return_path(&mut self, node: Node<'t>) -> ReturnPath {
        match (flag(node, "snat"), node.get("return_path")) {
            (true, Some(declared)) => {
                let why = "with snat answers come back by themselves";
                self.walker.report(
                    declared,
                    Part::Key,
                    Problem::Contradiction { why, remedy: "leave out return_path, or snat" },
                );
                ReturnPath::Snat
            }
            (true, None) => ReturnPath::Snat,
            (false, Some(_)) => ReturnPath::Declared,
            (false, None) => ReturnPath::Unstated,
        }
    }

    pub(super) fn join_key(&mut self, Entry { name, node }: Entry<'t>) -> Made {
        let mut key = JoinKey::one_off(name)
            .with_uses(uses(node))
            .with_groups(self.refs(node, "groups"))
            .with_networks(self.refs(node, "networks"));
        if let Some(peer) = self.reference(node, "peer") {
            key = key.for_peer(peer);
        }
        if let Some(Instant(at)) = value(node, "expires") {
            key = key.with_expiry(at);
        }
        if flag(node, "ephemeral") {
            key = key.with_lifetime(Lifetime::Ephemeral);
        }
        if let Some(admission) = value(node, "admission") {
            key = key.with_admission(admission);
        }
        if flag(node, "revoked") {
            key = key.revoked();
        }
        self.renamed::<JoinKeyId>(node);
        [self.object(node, key), None]
    }
}

fn facts(node: Node<'_>) -> Facts {
    let mut facts = Facts::unknown();
    if let Some(os) = value(node, "os") {
        facts = facts.with_os(os);
    }
    if let Some(version) = value(node, "os_version") {
        facts = facts.with_os_version(version);
    }
    if let Some(version) = value(node, "agent_version") {
        facts = facts.with_agent_version(version);
    }
    facts
}

fn uses(node: Node<'_>) -> Uses {
    match (number(node, "uses").and_then(NonZeroU32::new), value(node, "uses")) {
        (Some(uses), _) => Uses::Limited(uses),
        (None, Some(UsesWord::Reusable)) => Uses::Reusable,
        (None, _) => Uses::OneOff,
    }
}

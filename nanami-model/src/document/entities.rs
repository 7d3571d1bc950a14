//! Entries of users, groups, networks, regions, gateways, peers and routes.

use super::error::Problem;
use super::sections::{Entry, Reader};
use super::tree::Node;
use super::value::{Address, Declared};
use super::walk::{Fields, Part};
use crate::cidr::Cidr;
use crate::entity::{Gateway, Group, Network, Peer, Region, ReturnPath, Role, Route, User};
use crate::id::{PeerId, RegionId};
use crate::name::Name;

impl<'t> Reader<'t> {
    pub(super) fn user(&mut self, Entry { name, node }: Entry<'t>) {
        let Some(mut fields) = self.walker.fields(node, "a user") else { return };
        let mut user = User::new(name);
        if let Some(role) = fields.get("role").and_then(|node| self.walker.parse(node)) {
            user = user.with_role(role);
        }
        let roles = fields.get("roles").and_then(|node| self.walker.fields(node, "roles"));
        for entry in roles.iter().flat_map(|roles| roles.node().children()) {
            let group = self.names.resolve_text(&mut self.walker, entry, Part::Key, entry.key());
            let role: Option<Role> = self.walker.parse(entry);
            if let (Some(group), Some(role)) = (group, role) {
                user = user.with_group_role(group, role);
            }
        }
        fields.finish(&mut self.walker, &["email", "expires", "identity"]);
        self.put(node, user);
    }

    pub(super) fn group(&mut self, Entry { name, node }: Entry<'t>) {
        let Some(mut fields) = self.walker.fields(node, "a group") else { return };
        let nested = fields.get("groups");
        let nested = self.refs(nested);
        fields.finish(&mut self.walker, &["delegates"]);
        self.put(node, Group::new(name).with_groups(nested));
    }

    pub(super) fn network(&mut self, Entry { name, node }: Entry<'t>) {
        let Some(mut fields) = self.walker.fields(node, "a network") else { return };
        let owner = fields.need(&mut self.walker, "owner", "owner = \"GROUP\"");
        let owner = owner.and_then(|node| self.names.resolve(&mut self.walker, node));
        let pools = fields.need(&mut self.walker, "pools", "pools = [\"10.42.0.0/16\", \"fd42::/48\"]");
        let pools: Vec<Cidr> = pools.map_or_else(Vec::new, |node| self.pools(node));
        fields.finish(&mut self.walker, &["dns", "lifecycle", "translate"]);
        // Without an owner it still has pools that others must not overlap; the name stands in for the group's.
        let owner = owner.unwrap_or_else(|| self.names.id(&name));
        self.put(node, Network::new(name, owner, pools));
    }

    fn pools(&mut self, node: Node<'t>) -> Vec<Cidr> {
        if node.children().count() > MOST_POOLS {
            self.walker.report(node, Part::Value, Problem::TooMany { limit: MOST_POOLS });
            return Vec::new();
        }
        self.walker.parse_list(node)
    }

    pub(super) fn region(&mut self, Entry { name, node }: Entry<'t>) {
        let Some(fields) = self.walker.fields(node, "a region") else { return };
        fields.finish(&mut self.walker, &[]);
        self.put(node, Region::new(name));
    }

    pub(super) fn gateway(&mut self, Entry { name, node }: Entry<'t>) {
        let Some(mut fields) = self.walker.fields(node, "a gateway") else { return };
        let region = fields.need(&mut self.walker, "region", "region = \"us-east\"");
        let region: Option<RegionId> = region.and_then(|node| self.names.resolve(&mut self.walker, node));
        let peer: Option<PeerId> = match fields.get("peer") {
            Some(peer) => self.names.resolve(&mut self.walker, peer),
            None => {
                let peer = self.attachment(&mut fields, name.clone());
                let id = self.names.id(&name);
                self.put(node, peer);
                Some(id)
            }
        };
        let draining = fields.get("draining").and_then(|node| self.walker.flag(node)).unwrap_or(false);
        fields.finish(&mut self.walker, &["capacity", "mode", "expires", "serves", "weight"]);
        if let (Some(peer), Some(region)) = (peer, region) {
            let gateway = Gateway::new(name, peer, region);
            self.put(node, if draining { gateway.draining() } else { gateway });
        }
    }

    pub(super) fn peer(&mut self, Entry { name, node }: Entry<'t>) {
        let Some(mut fields) = self.walker.fields(node, "a peer") else { return };
        let peer = self.attachment(&mut fields, name);
        fields.finish(&mut self.walker, &["mode", "user", "expires", "dns", "tags"]);
        self.put(node, peer);
    }

    /// The fields that peers and gateways share.
    fn attachment(&mut self, fields: &mut Fields<'t>, name: Name) -> Peer {
        let (groups, networks) = (fields.get("groups"), fields.get("networks"));
        let mut peer = Peer::new(name).with_groups(self.refs(groups)).with_networks(self.refs(networks));
        if let Some(key) = fields.get("key").and_then(|node| self.walker.parse(node)) {
            peer = peer.with_key(key);
        }
        if let Some(addresses) = fields.get("addresses") {
            let addresses = self.walker.parse_list::<Address>(addresses);
            peer = peer.with_addresses(addresses.into_iter().map(|Address(address)| address));
        }
        peer
    }

    pub(super) fn route(&mut self, Entry { name, node }: Entry<'t>) {
        let Some(mut fields) = self.walker.fields(node, "a route") else { return };
        let network = fields.need(&mut self.walker, "network", "network = \"NETWORK\"");
        let network = network.and_then(|node| self.names.resolve(&mut self.walker, node));
        let gateways = fields.need(&mut self.walker, "gateways", "gateways = [\"GATEWAY\"]");
        let gateways = self.filled_refs(gateways);
        let (prefix, exit) = (fields.get("prefix"), fields.get("exit"));
        let destination = self.destination(&fields, prefix, exit);
        let redundancy = fields.get("redundancy").and_then(|node| self.walker.count(node)).unwrap_or(1);
        let declared = fields.get("return_path").and_then(|node| self.walker.parse::<Declared>(node)).is_some();
        if let Some(snat) = fields.get("snat")
            && self.walker.flag(snat) == Some(true)
        {
            self.walker.report(snat, Part::Value, Problem::Unsupported { what: "snat = true".to_owned() });
        }
        fields.finish(&mut self.walker, &["lifecycle", "metric", "dns"]);
        let (Some(network), Some(destination)) = (network, destination) else { return };
        let route = match destination {
            Behind::Everything => Route::exit(name, network, gateways),
            Behind::Prefix(prefix) => Route::new(name, network, prefix, gateways),
        };
        let return_path = if declared { ReturnPath::Declared } else { ReturnPath::Unstated };
        self.put(node, route.with_redundancy(redundancy).with_return_path(return_path));
    }

    fn destination(&mut self, fields: &Fields<'t>, prefix: Option<Node<'t>>, exit: Option<Node<'t>>) -> Option<Behind> {
        let is_exit = exit.and_then(|node| self.walker.flag(node));
        match (prefix, is_exit) {
            (Some(prefix), None | Some(false)) => self.walker.parse(prefix).map(Behind::Prefix),
            (Some(prefix), Some(true)) => {
                let why = "an exit leads everywhere, so that it has no prefix";
                let remedy = "leave out prefix, or exit";
                self.walker.report(prefix, Part::Key, Problem::Contradiction { why, remedy });
                Some(Behind::Everything)
            }
            (None, Some(true)) => Some(Behind::Everything),
            (None, _) => {
                if exit.is_none() || is_exit.is_some() {
                    let (parent, field) = ("a route", "prefix, or exit = true");
                    let problem = Problem::Missing { parent, field, example: "prefix = \"10.60.0.0/16\"" };
                    self.walker.report(fields.node(), Part::Key, problem);
                }
                None
            }
        }
    }
}

/// chosen: each peer gets an address of each pool, so that pools times peers must stay in proportion to the document.
const MOST_POOLS: usize = 16;

/// What is behind a route.
enum Behind {
    Prefix(Cidr),
    Everything,
}

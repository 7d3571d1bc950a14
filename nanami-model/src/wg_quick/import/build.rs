//! What was found, as the changes of a workspace.

use std::collections::{BTreeMap, BTreeSet};

use super::Notes;
use super::cover::{Cover, cover};
use super::devices::Devices;
use super::links::{Behind, Links};
use super::pools::Group as Pools;
use super::report::Certainty;
use crate::change::Draft;
use crate::cidr::Cidr;
use crate::entity::{Gateway, Group, Network, Peer, Policy, Region, ReturnPath, Route, Selector};
use crate::id::{GatewayId, GroupId, NetworkId, PeerId, RegionId};
use crate::name::Name;
use crate::service::Service;
use crate::wg_quick::Purpose;
use crate::wg_quick::folder::{nearest_name, unique};

pub(super) struct Builder<'a, 'f> {
    draft: &'a mut Draft,
    devices: &'a Devices<'f>,
    notes: &'a mut Notes,
    owner: GroupId,
    networks: Vec<Inside>,
    peers: Vec<PeerId>,
    gateways: BTreeMap<usize, GatewayId>,
    region: Option<RegionId>,
    /// Groups by their members, so that the same people are one group.
    groups: BTreeMap<BTreeSet<usize>, GroupId>,
    names: BTreeMap<&'static str, BTreeSet<Name>>,
}

/// A network, the devices in it, and for how many more it has addresses.
struct Inside {
    network: NetworkId,
    devices: BTreeSet<usize>,
    room: u64,
}

/// How many addresses a pool gives: all but the first, and in IPv4 but the last.
fn room(pool: &Cidr) -> u64 {
    let bits = Cidr::host(pool.address()).length() - pool.length();
    (1u64 << bits.min(32)).saturating_sub(if pool.is_ipv4() { 2 } else { 1 })
}

impl<'a, 'f> Builder<'a, 'f> {
    pub(super) fn new(draft: &'a mut Draft, devices: &'a Devices<'f>, notes: &'a mut Notes) -> Self {
        let imported = crate::name!("imported");
        let owner = draft.add(Group::new(imported.clone()));
        let names = BTreeMap::from([("group", BTreeSet::from([imported]))]);
        let groups = BTreeMap::from([((0..devices.all.len()).collect(), owner)]);
        let (networks, peers, gateways) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { draft, devices, notes, owner, networks, peers, gateways, region: None, groups, names }
    }

    pub(super) fn build(mut self, pools: Vec<Pools>, links: &Links) {
        self.networks(pools);
        self.peers();
        self.direct(links);
        for (middle, pairs) in &links.through {
            self.through(*middle, cover(pairs));
        }
        self.routes(links);
    }

    fn name(&mut self, kind: &'static str, text: &str) -> Name {
        let name = nearest_name(text).unwrap_or_else(|| crate::name!("imported"));
        unique(&name, self.names.entry(kind).or_default())
    }

    fn networks(&mut self, pools: Vec<Pools>) {
        let several = pools.len() > 1;
        for (i, Pools { pools, devices }) in pools.into_iter().enumerate() {
            let text = if several { format!("overlay-{}", i + 1) } else { "overlay".to_owned() };
            let name = self.name("network", &text);
            let listed = pools.iter().map(Cidr::to_string).collect::<Vec<_>>().join(", ");
            let what = format!("network {name} with {listed}, owned by group imported");
            let why = "devices have addresses in it; somebody has to own it";
            self.notes.suppose(what, why, Certainty::Doubtful);
            let room = pools.iter().map(room).min().unwrap_or_default().saturating_sub(devices.len() as u64);
            let id = self.draft.add(Network::new(name, self.owner, pools));
            self.networks.push(Inside { network: id, devices, room });
        }
    }

    /// A device without an address goes into the first network that has room, which gives it one.
    fn peers(&mut self) {
        for (at, device) in self.devices.all.iter().enumerate() {
            if device.addresses.is_empty() {
                let free = self.networks.iter_mut().find(|network| network.room > 0);
                let what = match free {
                    Some(network) => {
                        network.room -= 1;
                        network.devices.insert(at);
                        format!("{} gets a new address", device.name)
                    }
                    None => format!("{} is in no network", device.name),
                };
                self.notes.suppose(what, "no file says which address it has", Certainty::Doubtful);
            }
            let inside = self.networks.iter().filter(|network| network.devices.contains(&at));
            let networks: Vec<_> = inside.map(|network| network.network).collect();
            let addresses = device.addresses.iter().map(|own| own.address());
            let peer = Peer::new(device.name.clone()).with_groups([self.owner]).with_networks(networks);
            let peer = peer.with_addresses(addresses);
            self.peers.push(self.draft.add(match device.key {
                Some(key) => peer.with_key(key),
                None => peer,
            }));
        }
    }

    fn group(&mut self, members: &BTreeSet<usize>, text: &str) -> GroupId {
        if let Some(id) = self.groups.get(members) {
            return *id;
        }
        let name = self.name("group", text);
        let id = self.draft.add(Group::new(name));
        for at in members {
            self.draft.update(self.peers[*at], |peer| {
                let groups: Vec<_> = peer.groups().iter().copied().chain([id]).collect();
                peer.with_groups(groups)
            });
        }
        self.groups.insert(members.clone(), id);
        id
    }

    /// The gateway that a device is, from now on.
    fn gateway(&mut self, at: usize) -> GatewayId {
        if let Some(id) = self.gateways.get(&at) {
            return *id;
        }
        let device = &self.devices.all[at];
        let region = *self.region.get_or_insert_with(|| {
            let what = "region imported, in which all gateways stand";
            self.notes.suppose(what, "no file says where a device stands", Certainty::Doubtful);
            self.draft.add(Region::new(crate::name!("imported")))
        });
        let hooks = device.config.map(|config| config.interface().hooks()).unwrap_or_default();
        let forwards = hooks.iter().any(|hook| hook.purpose() != Purpose::Other);
        let (why, certainty) = match (forwards, device.config.is_some()) {
            (true, _) => (
                "AllowedIPs send others' packets through it, and its file has commands for forwarding",
                Certainty::Certain,
            ),
            (false, true) => {
                ("AllowedIPs send others' packets through it; its file says nothing of forwarding", Certainty::Likely)
            }
            (false, false) => ("AllowedIPs send others' packets through it; it has no file", Certainty::Likely),
        };
        self.notes.guess(format!("peer {} is a gateway", device.name), why, certainty, device.source.clone());
        let id = self.draft.add(Gateway::new(device.name.clone(), self.peers[at], region));
        self.gateways.insert(at, id);
        id
    }

    fn direct(&mut self, links: &Links) {
        for cover in cover(&links.direct) {
            self.policy(cover, None);
        }
    }

    fn through(&mut self, middle: usize, covers: Vec<Cover>) {
        for cover in covers {
            self.policy(cover, Some(middle));
        }
    }

    /// WireGuard knows no direction and no service.
    fn policy(&mut self, cover: Cover, middle: Option<usize>) {
        let name_of = |at: usize| self.devices.all[at].name.as_str();
        let behind = middle.map_or(String::new(), |at| format!("-through-{}", name_of(at)));
        let (from, to, text): (Selector, Selector, String) = match cover {
            Cover::Everybody(members) => {
                let text = middle.map_or("mesh".to_owned(), |at| format!("{}-peers", name_of(at)));
                let group = self.group(&members, &text);
                (group.into(), group.into(), if behind.is_empty() { text } else { behind[1..].to_owned() })
            }
            Cover::Star { center, others } => {
                let (text, center_name) = (format!("{}-peers", name_of(center)), name_of(center).to_owned());
                let group = self.group(&others, &text);
                (group.into(), self.peers[center].into(), format!("{center_name}-with-peers{behind}"))
            }
            Cover::Pair(a, b) => {
                (self.peers[a].into(), self.peers[b].into(), format!("{}-with-{}{behind}", name_of(a), name_of(b)))
            }
        };
        let name = self.name("policy", &text);
        let policy: Policy = Policy::allow(name.clone(), from, to, Service::ANY).both_ways();
        let what = format!("policy {name}: every service, both ways");
        self.notes.suppose(
            what,
            "AllowedIPs say which addresses pass, not which services and who begins",
            Certainty::Certain,
        );
        let policy = match middle {
            Some(at) => policy.with_via([self.gateway(at)]),
            None => policy,
        };
        self.draft.add(policy);
    }

    fn routes(&mut self, links: &Links) {
        let (all_v4, all_v6) = (links.behind.get(&Cidr::ALL_V4), links.behind.get(&Cidr::ALL_V6));
        let alike = |a: &Behind, b: &Behind| a.gateways == b.gateways && a.clients == b.clients;
        let exit = matches!((all_v4, all_v6), (Some(a), Some(b)) if alike(a, b));
        for (range, behind) in &links.behind {
            if exit && *range == Cidr::ALL_V6 {
                continue;
            }
            let text = match (range.length(), range.is_ipv4()) {
                (0, _) if exit => "exit".to_owned(),
                (0, true) => "exit-v4".to_owned(),
                (0, false) => "exit-v6".to_owned(),
                _ => format!("behind-{range}"),
            };
            self.route(range, behind, &text, exit && range.length() == 0);
        }
    }

    fn route(&mut self, range: &Cidr, behind: &Behind, text: &str, exit: bool) {
        let first = behind.gateways[0];
        let Some(Inside { network, devices, .. }) = self.networks.iter().find(|n| n.devices.contains(&first)) else {
            let what = format!("{range} behind {}", self.devices.all[first].name);
            return self.notes.drop(what, "this gateway is in no network", behind.source.clone());
        };
        let (network, inside) = (*network, |at: &usize| devices.contains(at));
        let (fit, elsewhere): (Vec<_>, Vec<_>) = behind.gateways.iter().copied().partition(inside);
        for at in elsewhere {
            let why = "a route is in one network, and this gateway is not in it";
            self.notes.drop(format!("{range} behind {}", self.devices.all[at].name), why, behind.source.clone());
        }
        let gateways: Vec<_> = fit.iter().map(|at| self.gateway(*at)).collect();
        let name = self.name("route", text);
        let route = match exit {
            true => Route::exit(name.clone(), network, gateways),
            false => Route::new(name.clone(), network, *range, gateways),
        };
        let also = if exit { ", ::/0" } else { "" };
        let masked = fit.iter().any(|at| {
            let hooks = self.devices.all[*at].config.map(|config| config.interface().hooks()).unwrap_or_default();
            hooks.iter().any(|hook| hook.purpose() == Purpose::Masquerade)
        });
        let places = fit.iter().map(|at| self.devices.all[*at].name.to_string()).collect::<Vec<_>>().join(", ");
        let (why, route) = match masked {
            true => (
                "AllowedIPs name it; a command there puts its own address into what it forwards",
                route.with_return_path(ReturnPath::Snat),
            ),
            false => ("AllowedIPs name it; no file says how answers come back", route),
        };
        self.notes.guess(
            format!("route {name} to {range}{also} behind {places}"),
            why,
            Certainty::Likely,
            behind.source.clone(),
        );
        let route = self.draft.add(route);
        if range.length() > 0 {
            let why = "a route is a destination; what stands behind it begins nothing";
            self.notes.drop(format!("flows that begin in {range}"), why, behind.source.clone());
        }
        // A gateway is no client of what stands behind itself.
        let clients: BTreeSet<_> = behind.clients.iter().copied().filter(|at| !fit.contains(at)).collect();
        let policy = self.name("policy", &format!("to-{name}"));
        let policy = match clients.first() {
            None => return,
            Some(only) if clients.len() == 1 => Policy::allow(policy, self.peers[*only], route, Service::ANY),
            Some(_) => {
                let group = self.group(&clients, &format!("{name}-users"));
                Policy::allow(policy, group, route, Service::ANY)
            }
        };
        self.draft.add(policy);
    }
}

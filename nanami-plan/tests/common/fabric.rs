//! The maps of a workspace, walked packet by packet; shares no code with the planner.
#![allow(clippy::unwrap_used, reason = "test helpers")]

use std::collections::BTreeMap;
use std::net::IpAddr;

use nanami_model::{NetworkMap, PeerId, Protocol, PublicKey};

/// The maps of those who have joined, walked as an engine walks them.
pub(crate) struct Fabric {
    maps: BTreeMap<PeerId, (PublicKey, NetworkMap)>,
}

impl Fabric {
    pub(crate) fn new(desired: &nanami_plan::Desired) -> Self {
        let maps = desired.intent().peers().filter_map(|(id, p)| Some((id, (p.key()?, desired.map_for(id)?))));
        Self { maps: maps.collect() }
    }

    /// Whether a packet that `from` puts into its tunnel to `first` arrives; `None` is the tunnel that its own map says.
    pub(crate) fn passes(&self, from: PeerId, first: Option<PeerId>, packet: (IpAddr, IpAddr, Protocol, u16)) -> bool {
        let (source, to, protocol, port) = packet;
        if source.is_ipv4() != to.is_ipv4() {
            return false; // no such packet exists
        }
        let mut at = from;
        let mut next = first.or_else(|| self.egress(from, to));
        for _ in 0..4 {
            let Some(hop) = next else { return false };
            let Some((_, map)) = self.maps.get(&hop) else { return false };
            if !self.takes(map, at, source) {
                return false;
            }
            let covers = |from: &nanami_model::Cidr, services: &nanami_model::Services| {
                from.contains(source) && services.covers(protocol, port)
            };
            if map.addresses().contains(&to) {
                return map.filter().rules().iter().any(|rule| covers(&rule.from, &rule.services));
            }
            let Some(rule) =
                map.forward().iter().find(|rule| rule.to.contains(to) && covers(&rule.from, &rule.services))
            else {
                return false;
            };
            if !rule.to.is_host() || self.egress(hop, to).is_none() {
                return true;
            }
            (at, next) = (hop, self.egress(hop, to));
        }
        panic!("a packet goes round in a circle")
    }

    fn egress(&self, at: PeerId, to: IpAddr) -> Option<PeerId> {
        let (_, map) = self.maps.get(&at)?;
        let mut best: Option<(u8, PublicKey)> = None;
        for neighbor in map.neighbors() {
            for prefix in neighbor.allowed_ips().iter().filter(|p| p.contains(to)) {
                if best.is_none_or(|(length, _)| prefix.length() > length) {
                    best = Some((prefix.length(), neighbor.key()));
                }
            }
        }
        let key = best?.1;
        self.maps.iter().find(|(_, (own, _))| *own == key).map(|(id, _)| *id)
    }

    fn takes(&self, map: &NetworkMap, from: PeerId, source: IpAddr) -> bool {
        let Some(neighbor) = self.maps.get(&from).and_then(|(key, _)| map.neighbor(key)) else { return false };
        let standby = neighbor.standby().iter().map(|s| s.prefix);
        let mut all = neighbor.allowed_ips().iter().chain(neighbor.accepted()).copied().chain(standby);
        all.any(|prefix| prefix.contains(source))
    }
}

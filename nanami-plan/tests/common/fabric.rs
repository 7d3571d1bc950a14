//! The maps of a workspace, walked packet by packet; shares no code with the planner.
#![allow(dead_code, clippy::unwrap_used, reason = "test helpers; each binary uses a part")]

use std::collections::BTreeMap;
use std::net::IpAddr;

use nanami_model::{Cidr, NetworkMap, PeerId, Protocol, PublicKey};

/// What becomes of a packet.
enum Walk {
    /// By these hops, the last one being where it leaves the tunnels.
    Arrives(Vec<PeerId>),
    Stops,
    GoesRound,
}

/// The maps of those who have joined, walked as an engine walks them.
pub(crate) struct Fabric {
    maps: BTreeMap<PeerId, (PublicKey, NetworkMap)>,
}

impl Fabric {
    pub(crate) fn new(desired: &nanami_plan::Desired) -> Self {
        let maps = desired.intent().peers().filter_map(|(id, p)| Some((id, (p.key()?, desired.map_for(id)?))));
        Self { maps: maps.collect() }
    }

    /// The maps of a moment at which some have taken over their new map, and the others have not.
    pub(crate) fn between(before: &Self, after: &Self, has_new: impl Fn(PeerId) -> bool) -> Self {
        let all = before.maps.keys().chain(after.maps.keys());
        let of = |id: &PeerId| if has_new(*id) { &after.maps } else { &before.maps };
        Self { maps: all.filter_map(|id| Some((*id, of(id).get(id)?.clone()))).collect() }
    }

    /// The maps.
    pub(crate) fn maps(&self) -> impl Iterator<Item = (PeerId, &NetworkMap)> {
        self.maps.iter().map(|(id, (_, map))| (*id, map))
    }

    /// Whether the rules of one hop let a packet in, or pass.
    pub(crate) fn lets(&self, hop: PeerId, source: IpAddr, to: IpAddr, protocol: Protocol, port: u16) -> bool {
        let (_, map) = &self.maps[&hop];
        let mut accepts = map.filter().rules().iter();
        let mut forwards = map.forward().iter();
        match map.addresses().contains(&to) {
            true => accepts.any(|rule| rule.from.contains(source) && rule.services.covers(protocol, port)),
            false => forwards
                .any(|rule| rule.from.contains(source) && rule.to.contains(to) && rule.services.covers(protocol, port)),
        }
    }

    /// Whether a packet that `from` puts into its tunnel to `first` arrives; `None` is the tunnel that its own map says.
    pub(crate) fn passes(&self, from: PeerId, first: Option<PeerId>, packet: (IpAddr, IpAddr, Protocol, u16)) -> bool {
        self.hops(from, first, packet).is_some()
    }

    /// The hops of a packet that arrives, the last one being where it leaves the tunnels.
    pub(crate) fn hops(
        &self,
        from: PeerId,
        first: Option<PeerId>,
        packet: (IpAddr, IpAddr, Protocol, u16),
    ) -> Option<Vec<PeerId>> {
        match self.walk(from, first, packet) {
            Walk::Arrives(hops) => Some(hops),
            Walk::Stops => None,
            Walk::GoesRound => panic!("a packet goes round in a circle"),
        }
    }

    /// Whether a packet comes to a hop a second time.
    pub(crate) fn goes_round(&self, from: PeerId, packet: (IpAddr, IpAddr, Protocol, u16)) -> bool {
        matches!(self.walk(from, None, packet), Walk::GoesRound)
    }

    fn walk(&self, from: PeerId, first: Option<PeerId>, packet: (IpAddr, IpAddr, Protocol, u16)) -> Walk {
        let (mut hops, mut round) = (Vec::new(), false);
        let arrives = self.arrives(from, first, packet, &mut hops, &mut round).is_some();
        match (round, arrives) {
            (true, _) => Walk::GoesRound,
            (false, true) => Walk::Arrives(hops),
            (false, false) => Walk::Stops,
        }
    }

    fn arrives(
        &self,
        from: PeerId,
        first: Option<PeerId>,
        packet: (IpAddr, IpAddr, Protocol, u16),
        hops: &mut Vec<PeerId>,
        round: &mut bool,
    ) -> Option<()> {
        let (source, to, protocol, port) = packet;
        if source.is_ipv4() != to.is_ipv4() {
            return None; // no such packet exists
        }
        let mut at = from;
        let mut next = first.or_else(|| self.egress(from, to));
        loop {
            let hop = next?;
            let (_, map) = self.maps.get(&hop)?;
            if !self.takes(map, at, source) {
                return None;
            }
            if hops.contains(&hop) {
                *round = true;
                return None;
            }
            hops.push(hop);
            let covers = |from: &Cidr, services: &nanami_model::Services| {
                from.contains(source) && services.covers(protocol, port)
            };
            if map.addresses().contains(&to) {
                let mut rules = map.filter().rules().iter();
                return rules.any(|rule| covers(&rule.from, &rule.services)).then_some(());
            }
            let rule = map.forward().iter().find(|rule| rule.to.contains(to) && covers(&rule.from, &rule.services))?;
            // A tunnel takes it on that leads to just what the rule speaks of.
            let onward = self.longest(hop, to).filter(|(prefix, _)| rule.to.covers(prefix));
            let Some((_, onward)) = onward else { return Some(()) };
            (at, next) = (hop, Some(onward));
        }
    }

    /// Where a hop may hand a packet for this address on to, whoever sends it: a tunnel that leads to what a rule speaks of.
    pub(crate) fn hands_on(&self, hop: PeerId, to: IpAddr) -> Option<PeerId> {
        let (_, map) = self.maps.get(&hop)?;
        let (prefix, next) = self.longest(hop, to)?;
        let forwarded = map.forward().iter().any(|rule| rule.to.contains(to) && rule.to.covers(&prefix));
        (forwarded && !map.addresses().contains(&to)).then_some(next)
    }

    pub(crate) fn egress(&self, at: PeerId, to: IpAddr) -> Option<PeerId> {
        Some(self.longest(at, to)?.1)
    }

    fn longest(&self, at: PeerId, to: IpAddr) -> Option<(Cidr, PeerId)> {
        let (_, map) = self.maps.get(&at)?;
        let mut best: Option<(Cidr, PublicKey)> = None;
        for neighbor in map.neighbors() {
            for prefix in neighbor.allowed_ips().iter().filter(|p| p.contains(to)) {
                if best.is_none_or(|(longest, _)| prefix.length() > longest.length()) {
                    best = Some((*prefix, neighbor.key()));
                }
            }
        }
        let (prefix, key) = best?;
        self.maps.iter().find(|(_, (own, _))| *own == key).map(|(id, _)| (prefix, *id))
    }

    fn takes(&self, map: &NetworkMap, from: PeerId, source: IpAddr) -> bool {
        let Some(neighbor) = self.maps.get(&from).and_then(|(key, _)| map.neighbor(key)) else { return false };
        let standby = neighbor.standby().iter().map(|s| s.prefix);
        let mut all = neighbor.allowed_ips().iter().chain(neighbor.accepted()).copied().chain(standby);
        all.any(|prefix| prefix.contains(source))
    }
}

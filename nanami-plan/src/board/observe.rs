//! From what peers reported to the links of a board: which tunnels live, and which way packets go now.
//!
//! **Invariant**: a report that is older than its lease says nothing. A link is as good as the least of the peers on its way;
//! it is live where every tunnel on the way in use has had a handshake that WireGuard still honours.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nanami_model::{Cidr, Destination, GatewayId, LinkReport, Observed, PeerId, PublicKey, Timestamp};

use super::end::End;
use super::{Board, Link, State};

impl Board {
    /// Sets what the reports say of every link: its state from the peers on its way, whose postures come first, and whether
    /// it is live, and by which of its gateways.
    pub fn beside(mut self, observed: &Observed, now: Timestamp) -> Self {
        let links: Vec<_> = self.links.values().map(|link| self.observe(link, observed, now)).collect();
        self.links.extend(links.into_iter().map(|link| ((link.from, link.to), link)));
        if self.crowd.is_some() {
            self.tunnels = self.living(observed, now);
        }
        self.at(now)
    }

    /// Between which ends there are tunnels with a handshake that WireGuard still honours, as either end of each says.
    fn living(&self, observed: &Observed, now: Timestamp) -> BTreeSet<(End, End)> {
        let keys: BTreeMap<PublicKey, PeerId> =
            self.objects.peers().filter_map(|(id, peer)| Some((peer.key()?, id))).collect();
        let mut living = BTreeSet::new();
        for (at, sighting) in observed.iter().filter(|(id, _)| observed.believed(*id, now).is_some()) {
            let late = now.since(sighting.received);
            let honoured =
                |link: &&LinkReport| link.handshake_age.is_some_and(|age| age.saturating_add(late) < HONOURED);
            let others = sighting.report.links.iter().filter(honoured).filter_map(|link| keys.get(&link.key));
            for (a, b) in others.map(|other| (self.end_of(at), self.end_of(*other))) {
                living.extend([(a, b), (b, a)]);
            }
        }
        living
    }

    fn observe(&self, link: &Link, observed: &Observed, now: Timestamp) -> Link {
        let carrier = self.carrier(link, observed, now);
        let stops = self.stops(link, carrier);
        let state = if link.fresh { State::Planned } else { worst(stops.iter().map(|stop| self.state(*stop))) };
        let hops: Option<Vec<_>> = stops.windows(2).map(|hop| self.tunnel((hop[0], hop[1]), observed, now)).collect();
        let link = link.clone().with_state(state);
        match hops.and_then(|hops| evidence(&hops)) {
            Some(evidence) => Link { live: Some((carrier, evidence)), ..link },
            None => Link { live: None, ..link },
        }
    }

    /// The rank of the gateway that carries the link: a standby where its sender says that one has taken over.
    fn carrier(&self, link: &Link, observed: &Observed, now: Timestamp) -> usize {
        let near = link.near.and_then(|id| self.objects.get(id)).map(|gateway| gateway.peer());
        let Some(sighting) = observed.believed(near.unwrap_or(link.from), now) else { return 0 };
        let key = |gateway: &GatewayId| self.objects.get(self.objects.get(*gateway)?.peer())?.key();
        let ranks: Vec<Option<PublicKey>> = link.via.iter().map(key).collect();
        let taken = sighting.report.taken_over.iter().filter(|taken| self.leads_to(&taken.prefix, link.to));
        let rank = |by: PublicKey| ranks.iter().position(|key| *key == Some(by));
        taken.filter_map(|taken| rank(taken.by)).max().unwrap_or(0)
    }

    fn leads_to(&self, prefix: &Cidr, to: Destination) -> bool {
        match to {
            Destination::Peer(id) => {
                self.objects.get(id).is_some_and(|p| p.addresses().iter().any(|a| prefix.contains(*a)))
            }
            Destination::Route(id) => {
                self.objects.get(id).is_some_and(|r| r.prefixes().iter().any(|p| p.overlaps(prefix)))
            }
            Destination::Address(address) => prefix.contains(address),
        }
    }

    /// The peers on the way. What is behind a route is no peer.
    fn stops(&self, link: &Link, carrier: usize) -> Vec<PeerId> {
        let gateways = [link.near.as_ref(), link.via.get(carrier)].into_iter().flatten();
        let gateways = gateways.filter_map(|id| self.objects.get(*id)).map(|gateway| gateway.peer());
        let end = match link.to {
            Destination::Peer(id) => Some(id),
            Destination::Route(_) | Destination::Address(_) => None,
        };
        let mut stops = vec![link.from];
        stops.extend(gateways.chain(end));
        stops.dedup();
        stops
    }

    /// How long ago the handshake of a tunnel was and how long a round trip takes, as either end says; `None` if it is dead.
    fn tunnel(&self, (a, b): (PeerId, PeerId), observed: &Observed, now: Timestamp) -> Option<Tunnel> {
        let seen = [(a, b), (b, a)].into_iter().filter_map(|(from, to)| {
            let sighting = observed.believed(from, now)?;
            let key = self.objects.get(to)?.key()?;
            let link = sighting.report.links.iter().find(|link| link.key == key)?;
            let age = link.handshake_age?.saturating_add(now.since(sighting.received));
            (age < HONOURED).then_some(Tunnel { age, rtt: link.rtt })
        });
        seen.min_by_key(|tunnel| (tunnel.rtt.is_none(), tunnel.age))
    }
}

struct Tunnel {
    age: Duration,
    rtt: Option<Duration>,
}

/// The oldest handshake on the way and the sum of the round trips; `None` where there is no tunnel on it.
fn evidence(hops: &[Tunnel]) -> Option<String> {
    let age = hops.iter().map(|hop| hop.age).max()?;
    let rtt: Option<Duration> = hops.iter().map(|hop| hop.rtt).sum();
    let rtt = rtt.map_or(String::new(), |rtt| format!(", {:.1} ms", rtt.as_secs_f64() * 1000.0));
    Some(format!("handshake {} s ago{rtt}", age.as_secs()))
}

/// The state that most wants to be looked at.
pub(super) fn worst(states: impl Iterator<Item = State> + Clone) -> State {
    let order = [State::Altered, State::Foreign, State::Unknown, State::Behind, State::Planned, State::Matching];
    order.into_iter().find(|state| states.clone().any(|other| other == *state)).unwrap_or(State::Planned)
}

/// After this long without a new handshake WireGuard takes no packet any more (whitepaper section 6.1, Reject-After-Time).
const HONOURED: Duration = Duration::from_secs(180);

#[cfg(test)]
mod tests;

//! Which map each peer should run, under which generation, and where its neighbors may be.
//!
//! **Invariants: a generation rises exactly when the bytes of a map change, and one (epoch, generation) never stands for two
//! maps.** Level-triggered: whoever asks gets the whole current map; a message that was lost changes nothing. Endpoints are
//! hints beside the map, outside generation and digest.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use nanami_model::{Digest, Epoch, Generation, Name, NetworkMap, PeerId, PublicKey, message::Hint};
use nanami_plan::WhatIf;

use super::audit::Touched;

/// What every peer should run; immutable, cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Distribution {
    pub(super) epoch: Epoch,
    pub(super) maps: BTreeMap<PeerId, Arc<NetworkMap>>,
    pub(super) members: Arc<BTreeMap<PublicKey, Member>>,
    pub(super) endpoints: BTreeMap<PublicKey, Arc<[SocketAddr]>>,
}

/// A key that belongs to the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Whose it is.
    pub peer: PeerId,
    /// The peer's name.
    pub name: Name,
}

impl Distribution {
    /// Whose key this is.
    #[must_use]
    pub fn member(&self, key: &PublicKey) -> Option<&Member> {
        self.members.get(key)
    }

    /// The map that this peer should run; `None` while it is pending, and when it is gone.
    #[must_use]
    pub fn map(&self, peer: PeerId) -> Option<&Arc<NetworkMap>> {
        self.maps.get(&peer)
    }

    /// The generation that this peer should run.
    #[must_use]
    pub fn generation(&self, peer: PeerId) -> Option<Generation> {
        self.map(peer).map(|map| map.generation())
    }

    /// Every peer that has a map, with its generation.
    pub fn generations(&self) -> impl Iterator<Item = (PeerId, Generation)> + '_ {
        self.maps.iter().map(|(peer, map)| (*peer, map.generation()))
    }

    /// The epoch of every map.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Where the neighbors in this map may be, as far as they have said.
    #[must_use]
    pub fn hints(&self, map: &NetworkMap) -> Vec<Hint> {
        let hint = |key: PublicKey| {
            let endpoints = self.endpoints.get(&key)?;
            Some(Hint { key, endpoints: endpoints.to_vec() })
        };
        map.neighbors().iter().filter_map(|neighbor| hint(neighbor.key())).collect()
    }

    /// What another state makes news: the maps of those whom it gives others than they have here, and `None` for those whom it gives
    /// none. Of a map that is there, what stays is not hashed again.
    pub(super) fn news_of(&self, what_if: &WhatIf) -> News {
        let desired = what_if.desired();
        let here = |peer: &PeerId| self.map(*peer).is_some();
        let others = desired.intent().peers().map(|(peer, _)| peer).filter(|peer| !here(peer));
        let made = |peer| match (desired.map_for(peer), self.map(peer)) {
            (Some(map), Some(held)) => Some(map.hashed_from(held)),
            (map, _) => map,
        };
        what_if.recipients().chain(others).map(|peer| (peer, made(peer))).collect()
    }

    /// Takes in where a peer says that it listens; whether that is news.
    pub(super) fn place(&mut self, key: PublicKey, endpoints: &[SocketAddr]) -> bool {
        let endpoints = &endpoints[..endpoints.len().min(Hint::MAX_ENDPOINTS)];
        if self.endpoints.get(&key).is_some_and(|known| **known == *endpoints) {
            return false;
        }
        self.endpoints.insert(key, endpoints.into());
        true
    }
}

/// Generation and content of the map that a peer should run, as the log has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) generation: Generation,
    pub(super) digest: Digest,
}

/// Maps that may be other ones than before; `None` where there is none any more.
pub(super) type News = BTreeMap<PeerId, Option<NetworkMap>>;

/// The peers whose map is another than in `places`, each with its next generation.
pub(super) fn touched<'a>(
    places: &BTreeMap<PeerId, Place>,
    maps: impl IntoIterator<Item = (PeerId, &'a NetworkMap)>,
) -> Vec<Touched> {
    let step = |(peer, map): (PeerId, &NetworkMap)| {
        let digest = map.content();
        let before = places.get(&peer);
        let changed = before.is_none_or(|place| place.digest != digest);
        let generation = before.map_or(Generation::ZERO, |place| place.generation).next();
        changed.then_some(Touched { peer, generation, digest })
    };
    maps.into_iter().filter_map(step).collect()
}

/// What to send to a peer that holds one map and should run another: nothing, the difference, or the whole map where it is
/// the shorter of the two.
#[must_use]
pub fn news(held: Option<&NetworkMap>, current: &NetworkMap) -> Option<NetworkMap> {
    let Some(held) = held else { return Some(current.clone()) };
    if (held.epoch(), held.generation()) == (current.epoch(), current.generation()) {
        return None;
    }
    let delta = held.delta_to(current);
    let short = delta.encode().len();
    let whole = short > SHORT && short >= current.encode().len();
    Some(if whole { current.clone() } else { delta })
}

/// Chosen: a difference that fits a few packets is not worth the work of looking whether the whole map were shorter.
const SHORT: usize = 4096;

#[cfg(test)]
mod tests {
    use nanami_model::{Neighbor, PrivateKey};

    use super::*;

    fn map(address: &str) -> NetworkMap {
        NetworkMap::new([address.parse().unwrap()])
    }

    fn all(maps: &BTreeMap<PeerId, NetworkMap>) -> impl Iterator<Item = (PeerId, &NetworkMap)> {
        maps.iter().map(|(peer, map)| (*peer, map))
    }

    fn fold(places: &mut BTreeMap<PeerId, Place>, touched: &[Touched]) {
        places.extend(touched.iter().map(|t| (t.peer, Place { generation: t.generation, digest: t.digest })));
    }

    #[test]
    fn a_generation_rises_exactly_when_its_map_changes() {
        let [a, b] = [1, 2].map(|byte| PeerId::from_bytes([byte; 10]));
        let mut places = BTreeMap::new();
        let mut maps = BTreeMap::from([(a, map("10.0.0.1")), (b, map("10.0.0.2"))]);
        let first = touched(&places, all(&maps));
        assert_eq!(first.iter().map(|t| t.generation.value()).collect::<Vec<_>>(), [1, 1]);
        fold(&mut places, &first);
        assert_eq!(touched(&places, all(&maps)), []);
        maps.insert(b, map("10.0.0.3").with_generation(Epoch::new(4), Generation::new(99)));
        let second = touched(&places, all(&maps));
        assert_eq!(second.iter().map(|t| (t.peer, t.generation.value())).collect::<Vec<_>>(), [(b, 2)]);
        fold(&mut places, &second);
        // Back to what it was is a change too: generations are never used again.
        maps.insert(b, map("10.0.0.2"));
        assert_eq!(touched(&places, all(&maps))[0].generation.value(), 3);
    }

    #[test]
    fn what_is_held_decides_what_is_sent() {
        let at = |map: NetworkMap, generation| map.with_generation(Epoch::new(1), Generation::new(generation));
        let neighbor = |byte: u8| {
            let address = format!("10.0.0.{byte}/32").parse().unwrap();
            Neighbor::new(PrivateKey::from_bytes([byte; 32]).public(), [address])
        };
        let old = at(map("10.0.0.1").with_neighbors((1..40).map(neighbor)), 1);
        let new = at(old.clone().with_neighbor(neighbor(40)), 2);
        let delta = news(Some(&old), &new).unwrap();
        assert_eq!((delta.base(), old.patched(&delta)), (Some(Generation::new(1)), Ok(new.clone())));
        assert!(delta.encode().len() < 128, "{}", delta.encode().len());
        assert_eq!(news(None, &new), Some(new.clone()));
        assert_eq!(news(Some(&new), &new), None);
        // Everybody has gone: who 120 are gone is more to say than who is left.
        let full = at(map("10.0.0.1").with_neighbors((1..160).map(neighbor)), 3);
        let empty = at(map("10.0.0.1"), 4);
        assert_eq!(news(Some(&full), &empty), Some(empty));
    }

    #[test]
    fn hints_name_neighbors_only_and_are_bounded() {
        let [near, far] = [1, 2].map(|byte| PrivateKey::from_bytes([byte; 32]).public());
        let mut distribution = Distribution::default();
        let many = (1..100).map(|port| SocketAddr::from(([10, 0, 0, 1], port))).collect::<Vec<_>>();
        assert!(distribution.place(near, &many) && distribution.place(far, &many));
        assert!(!distribution.place(near, &many), "the same again is no news");
        let hints = distribution.hints(&map("10.0.0.1").with_neighbor(Neighbor::new(near, [])));
        assert_eq!(hints, [Hint { key: near, endpoints: many[..Hint::MAX_ENDPOINTS].to_vec() }]);
    }
}

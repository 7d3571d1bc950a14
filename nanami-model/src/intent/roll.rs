//! What planners ask of every peer, by slot: whether it takes part, whether it has joined, its key.
//!
//! **Invariant**: says exactly what the peers say, for each occupied slot; a vacant slot is in no set and has no key. It costs a
//! peer about 34 bytes, and saves whoever walks over many of them a look at each object.

use super::index::Touched;
use super::{Intent, Table, Tables};
use crate::entity::{Mode, Peer, RoutingPreference};
use crate::id::PeerId;
use crate::key::PublicKey;
use crate::persistent::Pages;
use crate::slot::{Slot, SlotSet};

#[derive(Debug, Clone, Default)]
pub(crate) struct Roll {
    joined: SlotSet,
    resting: SlotSet,
    particular: SlotSet,
    keys: Pages<Option<PublicKey>>,
}

impl Roll {
    /// What all these peers say.
    pub(super) fn of(peers: &Table<PeerId, Peer>) -> Self {
        let mut roll = Self::default();
        peers.occupied().for_each(|(slot, _, peer)| roll.set(slot, Some(peer)));
        roll
    }

    /// Says anew what these changes make of peers.
    pub(super) fn update(&mut self, before: &Tables, after: &Table<PeerId, Peer>, touched: &[Touched]) {
        let peers = || touched.iter().filter_map(|change| PeerId::try_from(change.id).ok());
        // First those who leave, for their slots may be others' now.
        for slot in peers().filter_map(|id| before.peers.slot(&id)) {
            if after.at(slot).is_none() {
                self.set(slot, None);
            }
        }
        for slot in peers().filter_map(|id| after.slot(&id)) {
            self.set(slot, after.at(slot).map(|(_, peer)| peer));
        }
    }

    fn set(&mut self, slot: u32, peer: Option<&Peer>) {
        let effective = peer.is_some_and(|peer| peer.status().is_effective());
        let key = peer.and_then(Peer::key);
        let asks = |peer: &Peer| peer.mode() != Mode::Managed || peer.preference() != RoutingPreference::none();
        for (set, is_in) in [
            (&mut self.joined, effective && key.is_some()),
            (&mut self.resting, peer.is_some() && !effective),
            (&mut self.particular, peer.is_some_and(asks)),
        ] {
            _ = if is_in { set.insert(Slot::new(slot)) } else { set.remove(Slot::new(slot)) };
        }
        while self.keys.len() <= slot as usize {
            self.keys.push(None);
        }
        // Compared first: writing copies a page that an older revision holds too.
        if self.keys.get(slot as usize) != Some(&key) {
            *self.keys.get_mut(slot as usize).expect("it was made") = key;
        }
    }
}

impl Intent {
    /// The peers that take part and have a key: those that are in others' maps.
    pub fn joined(&self) -> &SlotSet {
        &self.tables.roll.joined
    }

    /// The peers that take no part: suspended and expired ones.
    pub fn resting(&self) -> &SlotSet {
        &self.tables.roll.resting
    }

    /// The peers that are not just like others: plain devices, and those that have a preference of their own.
    pub fn particular(&self) -> &SlotSet {
        &self.tables.roll.particular
    }

    /// The keys of the peers in 32 slots, from slot `32 * block` on; fewer at the end. A pending peer and a vacant slot have
    /// none.
    pub fn keys(&self, block: usize) -> &[Option<PublicKey>] {
        self.tables.roll.keys.page(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gateway, Group, Network, PrivateKey, Region, RoutingMode, Standing, User, name};

    /// What the peers say themselves.
    fn said(intent: &Intent, holds: impl Fn(&Peer) -> bool) -> Vec<usize> {
        let all = intent.occupied::<PeerId>().filter(|(.., peer)| holds(peer));
        all.map(|(slot, ..)| slot.index()).collect()
    }

    fn says_what_peers_say(intent: &Intent) {
        let slots = |set: &SlotSet| set.iter().map(Slot::index).collect::<Vec<_>>();
        assert_eq!(slots(intent.joined()), said(intent, |p| p.status().is_effective() && p.key().is_some()));
        assert_eq!(slots(intent.resting()), said(intent, |p| !p.status().is_effective()));
        let particular = |p: &Peer| p.mode() != Mode::Managed || p.preference() != RoutingPreference::none();
        assert_eq!(slots(intent.particular()), said(intent, particular));
        let key = |slot: usize| intent.keys(slot / 32).get(slot % 32).copied().flatten();
        for slot in 0..intent.slot_bound::<PeerId>() + 40 {
            let peer = intent.in_slot(Slot::<PeerId>::new(slot as u32));
            assert_eq!(key(slot), peer.and_then(|(_, peer)| peer.key()), "slot {slot}");
        }
    }

    #[test]
    fn the_roll_says_what_the_peers_say_after_every_change() {
        let empty = Intent::new(name!("acme"), User::new(name!("netops")));
        let key = |n| PrivateKey::from_bytes([n; 32]).public();
        let mut draft = empty.draft();
        let group = draft.add(Group::new(name!("all")));
        let network = draft.add(Network::new(name!("prod"), group, ["10.1.0.0/16".parse().unwrap()]));
        let region = draft.add(Region::new(name!("eu")));
        let peers: Vec<_> = (0..50u8)
            .map(|n| Peer::new(format!("p-{n}").parse().unwrap()).with_networks([network]))
            .zip(0..)
            .map(|(peer, n)| draft.add(if n % 3 == 0 { peer } else { peer.with_key(key(n + 1)) }))
            .collect();
        let gateway = draft.add(Gateway::new(name!("gw"), peers[1], region));
        let mut intent = empty.apply(empty.owner(), &draft.into_changes()).unwrap();
        says_what_peers_say(&intent);
        let manual = RoutingMode::Manual { ingress: None, egress: Some(gateway) };
        for step in 0..6 {
            let mut draft = intent.draft();
            match step {
                0 => draft.update(peers[2], |peer| peer.with_standing(Standing::Suspended)),
                1 => draft.update(peers[3], |peer| peer.with_key(key(200))),
                2 => {
                    draft.update(peers[4], |peer| peer.with_preference(RoutingPreference::none().with_routing(manual)));
                }
                // One goes and another one comes: the second may take the first one's slot.
                3 => {
                    draft.remove(peers[5]);
                    draft.add(Peer::new(name!("newcomer")).with_networks([network]));
                }
                4 => draft.update(peers[7], |peer| peer.with_mode(Mode::Limited { gateway })),
                _ => draft.update(peers[2], |peer| peer.with_standing(Standing::Active)),
            }
            intent = intent.apply(intent.owner(), &draft.into_changes()).unwrap();
            says_what_peers_say(&intent);
        }
    }
}

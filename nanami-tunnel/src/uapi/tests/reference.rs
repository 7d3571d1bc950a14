//! Requests against a small model of the kernel's rules, which does one thing after the other on plain lists.

use std::net::SocketAddr;

use nanami_model::{Cidr, Generation, PresharedKey};
use proptest::prelude::*;

use super::*;

/// An interface as lists: slow, and plain to see through.
#[derive(Debug, Clone, Default)]
struct Reference {
    key: Option<PrivateKey>,
    peers: Vec<Peer>,
}

#[derive(Debug, Clone, PartialEq)]
struct Peer {
    key: PublicKey,
    psk: Option<PresharedKey>,
    keepalive: u16,
    ranges: Vec<Cidr>,
    /// Where the last request said that it is.
    endpoint: Option<SocketAddr>,
    /// Counts every life, so that one who starts anew is another one.
    life: usize,
}

impl Reference {
    fn apply(&mut self, changes: &Changes, lives: &mut usize) {
        self.peers.iter_mut().for_each(|peer| peer.endpoint = None);
        if changes.replace_peers {
            self.peers.clear();
        }
        if let Some(key) = &changes.private_key {
            self.key = key.clone();
        }
        let own = self.key.as_ref().map(PrivateKey::public);
        self.peers.retain(|peer| Some(peer.key) != own);
        for change in &changes.peers {
            let is_there = self.peers.iter().any(|peer| peer.key == change.key);
            match (is_there, change.remove) {
                (_, true) => self.peers.retain(|peer| peer.key != change.key),
                (false, _) if change.update_only || Some(change.key) == own => {}
                _ => self.change(change, lives),
            }
        }
    }

    fn change(&mut self, change: &PeerChange, lives: &mut usize) {
        if self.peers.iter().all(|peer| peer.key != change.key) {
            *lives += 1;
            let new =
                Peer { key: change.key, psk: None, keepalive: 0, ranges: Vec::new(), endpoint: None, life: *lives };
            self.peers.push(new);
        }
        let position = self.peers.iter().position(|peer| peer.key == change.key).unwrap();
        let peer = &mut self.peers[position];
        peer.psk = change.preshared_key.clone().unwrap_or(peer.psk.clone());
        peer.endpoint = change.endpoint.or(peer.endpoint);
        peer.keepalive = change.keepalive.unwrap_or(peer.keepalive);
        if change.replace_allowed_ips {
            peer.ranges.clear();
        }
        for range in &change.allowed_ips {
            match range {
                AllowedIpChange::Add(range) => {
                    self.peers.iter_mut().for_each(|peer| peer.ranges.retain(|other| other != range));
                    self.peers[position].ranges.push(*range);
                }
                AllowedIpChange::Remove(range) => self.peers[position].ranges.retain(|other| other != range),
            }
        }
        self.peers.iter_mut().for_each(|peer| peer.ranges.sort());
    }

    fn of(&self, key: PublicKey) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.key == key)
    }
}

fn range() -> impl Strategy<Value = AllowedIpChange> {
    let ranges = vec!["10.0.0.0/8", "10.0.0.0/9", "10.0.0.1/32", "::/0", "fd42::/64"];
    let range = prop::sample::select(ranges).prop_map(|text| text.parse().unwrap());
    (range, prop::bool::weighted(0.8)).prop_map(|(range, adds)| match adds {
        true => AllowedIpChange::Add(range),
        false => AllowedIpChange::Remove(range),
    })
}

fn peer_change() -> impl Strategy<Value = PeerChange> {
    let psk = prop::option::of(prop::option::of((1u8..3).prop_map(|n| PresharedKey::from_bytes([n; 32]).unwrap())));
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.2), prop::bool::weighted(0.3));
    let endpoint = prop::option::of((1u16..4).prop_map(|port| SocketAddr::from(([192, 0, 2, 1], port))));
    let ranges = prop::collection::vec(range(), 0..4);
    let all = (1u8..6, psk, flags, endpoint, prop::option::of(0u16..3), ranges);
    all.prop_map(|(n, preshared_key, (remove, update_only, replace_allowed_ips), endpoint, keepalive, allowed_ips)| {
        let key = key(n);
        PeerChange { key, remove, update_only, preshared_key, endpoint, keepalive, replace_allowed_ips, allowed_ips }
    })
}

fn changes() -> impl Strategy<Value = Changes> {
    let private_key = prop::option::weighted(0.3, prop::option::of((1u8..6).prop_map(private)));
    let peers = prop::collection::vec(peer_change(), 0..6);
    (private_key, prop::bool::weighted(0.2), peers).prop_map(|(private_key, replace_peers, peers)| Changes {
        private_key,
        replace_peers,
        peers,
        ..Changes::default()
    })
}

proptest! {
    #[test]
    fn any_requests_do_what_the_rules_of_the_kernel_say(requests in prop::collection::vec(changes(), 1..8)) {
        let (mut config, mut reference, mut lives) = (Config::default(), Reference::default(), 0);
        for request in requests {
            let before = reference.clone();
            reference.apply(&request, &mut lives);
            let applied = config.apply(request);
            is_the_same(&config, &reference);
            says_what_changed(&applied, &before, &reference);
        }
    }

    #[test]
    fn what_is_answered_reads_as_what_was_told(requests in prop::collection::vec(changes(), 1..4)) {
        let device = InMemory::default();
        requests.into_iter().for_each(|request| device.change(request).unwrap());
        // As a request again: what an answer says is what a `set` on a new interface takes, but for what is counted.
        let told = String::from_utf8(answers(&device, b"get=1\n\n")).unwrap();
        let counted = ["last_handshake_time", "tx_bytes", "rx_bytes", "errno"];
        let lines = told.lines().filter(|line| !counted.iter().any(|key| line.starts_with(key)));
        let request: String = std::iter::once("set=1").chain(lines).map(|line| format!("{line}\n")).collect();
        let other = InMemory::default();
        prop_assert_eq!(answers(&other, request.as_bytes()), b"errno=0\n\n");
        prop_assert_eq!(&*other.config.lock().unwrap(), &*device.config.lock().unwrap());
    }
}

fn is_the_same(config: &Config, reference: &Reference) {
    assert_eq!(config.private_key(), reference.key.as_ref());
    assert_eq!(config.peers(None).count(), reference.peers.len());
    let map = config.to_map(Generation::default());
    assert_eq!(map.neighbors().len(), reference.peers.len());
    for peer in &reference.peers {
        let told = config.peer(&peer.key).expect("the model has it");
        assert_eq!((&told.preshared_key, told.keepalive), (&peer.psk, peer.keepalive));
        assert!(config.allowed_ips(&peer.key).eq(peer.ranges.iter().copied()));
        let neighbor = map.neighbor(&peer.key).expect("the model has it");
        assert_eq!(neighbor.allowed_ips(), peer.ranges);
        assert_eq!(neighbor.keepalive().map_or(0, |every| every.as_secs()), u64::from(peer.keepalive));
        assert_eq!(config.neighbor(&peer.key).as_ref(), Some(neighbor));
    }
}

fn says_what_changed(applied: &Applied, before: &Reference, after: &Reference) {
    let mut expected = Applied { private_key: before.key != after.key, ..Applied::default() };
    let mut keys: Vec<PublicKey> = (1..6).map(key).collect();
    keys.sort();
    for key in keys {
        let endpoint = after.of(key).and_then(|peer| peer.endpoint);
        expected.endpoints.extend(endpoint.map(|endpoint| (key, endpoint)));
        match (before.of(key), after.of(key)) {
            (Some(was), Some(is)) if was.life == is.life => {
                expected.allowed_ips.extend((was.ranges != is.ranges).then_some(key));
                expected.keepalive.extend((was.keepalive != is.keepalive).then_some(key));
                expected.preshared_key.extend((was.psk != is.psk).then_some(key));
            }
            (was, is) => {
                expected.went.extend(was.map(|_| key));
                expected.came.extend(is.map(|_| key));
            }
        }
    }
    assert_eq!(applied, &expected);
    let changed = [&expected.went, &expected.came, &expected.allowed_ips, &expected.keepalive];
    assert_eq!(applied.changes_map(), changed.iter().any(|keys| !keys.is_empty()));
}

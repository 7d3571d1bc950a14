//! What must be said to a WireGuard so that it enforces a map.
//!
//! Prefixes that get another owner are said first, so that they move; those that are nobody's any more move to a peer that
//! does not exist otherwise, which then goes with them. That takes them away one by one: the protocol's own word for it would
//! take away all prefixes of a peer for a moment, under traffic.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use nanami_model::{Cidr, NetworkMap, PrivateKey, PublicKey};

use crate::uapi::value::{write_key, write_line};
use crate::uapi::{InterfaceState, PeerState};

/// One request, and how many peers it brings, changes and takes.
pub(super) struct Difference {
    /// `None` if everything is as the map says.
    pub(super) request: Option<zeroize::Zeroizing<Vec<u8>>>,
    pub(super) changed: usize,
}

/// From what is to what the map says.
pub(super) fn between(
    interface: &InterfaceState,
    peers: &[PeerState],
    map: &NetworkMap,
    key: &PrivateKey,
) -> Difference {
    let mut request = zeroize::Zeroizing::new(b"set=1\n".to_vec());
    let empty = request.len();
    let is: BTreeMap<PublicKey, &PeerState> = peers.iter().map(|peer| (peer.key, peer)).collect();
    if interface.private_key.as_ref() != Some(key) {
        said(write_key(&mut *request, "private_key", key.expose()));
    }
    let mut touched = BTreeSet::new();
    for neighbor in map.neighbors() {
        if neighbor_differs(&mut request, is.get(&neighbor.key()).copied(), neighbor) {
            touched.insert(neighbor.key());
        }
    }
    let owned: BTreeSet<Cidr> = map.neighbors().iter().flat_map(|n| n.allowed_ips().iter().copied()).collect();
    let mut nobodys: Vec<&Cidr> = Vec::new();
    for (stayed, neighbor) in peers.iter().filter_map(|peer| Some((peer, map.neighbor(&peer.key)?))) {
        let lost: Vec<_> = stayed.allowed_ips.iter().filter(|range| !neighbor.allowed_ips().contains(range)).collect();
        if !lost.is_empty() {
            touched.insert(stayed.key);
        }
        nobodys.extend(lost.into_iter().filter(|range| !owned.contains(range)));
    }
    if !nobodys.is_empty() {
        let nobody = nobody(key);
        peer(&mut request, &nobody);
        nobodys.iter().for_each(|range| said(write_line(&mut *request, "allowed_ip", range)));
        remove(&mut request, &nobody);
    }
    for gone in peers.iter().filter(|peer| map.neighbor(&peer.key).is_none()) {
        remove(&mut request, &gone.key);
        touched.insert(gone.key);
    }
    let differs = request.len() > empty;
    request.push(b'\n');
    Difference { request: differs.then_some(request), changed: touched.len() }
}

/// Says what a neighbor lacks. `false` if it lacks nothing.
fn neighbor_differs(request: &mut Vec<u8>, is: Option<&PeerState>, neighbor: &nanami_model::Neighbor) -> bool {
    let has: BTreeSet<Cidr> = is.map(|peer| peer.allowed_ips.iter().copied().collect()).unwrap_or_default();
    let gained: Vec<_> = neighbor.allowed_ips().iter().filter(|range| !has.contains(range)).collect();
    let seconds = neighbor.keepalive().map_or(0, |every| u16::try_from(every.as_secs().max(1)).unwrap_or(u16::MAX));
    let keepalive = is.map_or(0, |peer| peer.keepalive) != seconds;
    if is.is_some() && gained.is_empty() && !keepalive {
        return false;
    }
    peer(request, &neighbor.key());
    if keepalive {
        said(write_line(request, "persistent_keepalive_interval", seconds));
    }
    gained.iter().for_each(|range| said(write_line(request, "allowed_ip", range)));
    true
}

/// Begins to speak about a peer.
pub(super) fn peer(request: &mut Vec<u8>, key: &PublicKey) {
    said(write_key(request, "public_key", key.as_bytes()));
}

fn remove(request: &mut Vec<u8>, key: &PublicKey) {
    peer(request, key);
    said(request.write_all(b"remove=true\n"));
}

/// A key that nobody has and that nobody who does not know ours can guess.
fn nobody(key: &PrivateKey) -> PublicKey {
    let derived = blake3::derive_key("nanami 2026-11 the peer that takes prefixes away", key.expose());
    PrivateKey::from_bytes(derived).public()
}

fn said(written: std::io::Result<()>) {
    written.expect("memory takes everything");
}

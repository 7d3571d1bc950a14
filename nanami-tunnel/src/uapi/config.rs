//! The plain WireGuard configuration of one interface, and how requests change it: by the rules of the kernel's interface.
//!
//! **Invariants**: an allowed IP belongs to one peer; nobody with the interface's own key is its peer; both tables of ranges
//! hold the same pairs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nanami_model::{Cidr, Epoch, Generation, Neighbor, NetworkMap, PresharedKey, PrivateKey, PublicKey};

use super::applied::{Applied, Touched};
use super::request::{AllowedIpChange, Changes, PeerChange};

/// What an interface was told by `wg`, or by whatever else speaks to its control socket.
///
/// ```
/// use nanami_model::{Generation, PrivateKey};
/// use nanami_tunnel::uapi::{AllowedIpChange, Changes, Config, PeerChange};
///
/// let [alice, bob] = [1, 2].map(|n| PrivateKey::from_bytes([n; 32]).public());
/// let mut config = Config::default();
/// let mut changes = Changes::default();
/// for key in [alice, bob] {
///     let mut peer = PeerChange::new(key);
///     peer.allowed_ips.push(AllowedIpChange::Add("10.0.0.0/8".parse()?));
///     changes.peers.push(peer);
/// }
/// assert_eq!(config.apply(changes).came.len(), 2);
/// assert_eq!(config.allowed_ips(&alice).count(), 0, "the last one that claims a range has it");
/// assert_eq!(config.to_map(Generation::default()).neighbors().len(), 2);
/// # Ok::<(), nanami_model::ParseCidrError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    private_key: Option<PrivateKey>,
    /// That of the private key.
    public_key: Option<PublicKey>,
    listen_port: u16,
    fwmark: u32,
    peers: BTreeMap<PublicKey, PeerConfig>,
    owners: BTreeMap<Cidr, PublicKey>,
    /// The same pairs the other way round.
    owned: BTreeSet<(PublicKey, Cidr)>,
}

/// What an interface was told about one peer, but for its allowed IPs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PeerConfig {
    /// The key that both mix into their handshakes, if there is one.
    pub preshared_key: Option<PresharedKey>,
    /// Seconds between keepalives; 0 is none.
    pub keepalive: u16,
}

impl Config {
    /// Applies a request. It cannot fail: what could be wrong with it was found when it was read.
    pub fn apply(&mut self, changes: Changes) -> Applied {
        let (mut applied, mut touched) = (Applied::default(), Touched::default());
        if let Some(mark) = changes.fwmark {
            applied.fwmark = std::mem::replace(&mut self.fwmark, mark) != mark;
        }
        if let Some(port) = changes.listen_port {
            applied.listen_port = std::mem::replace(&mut self.listen_port, port) != port;
        }
        if changes.replace_peers {
            let keys: Vec<_> = self.peers.keys().copied().collect();
            keys.into_iter().for_each(|key| self.remove(key, &mut touched));
        }
        if let Some(key) = changes.private_key
            && key != self.private_key
        {
            applied.private_key = true;
            self.public_key = key.as_ref().map(PrivateKey::public);
            self.private_key = key;
            self.public_key.into_iter().for_each(|key| self.remove(key, &mut touched));
        }
        for peer in changes.peers {
            self.apply_peer(peer, &mut touched);
        }
        touched.compare(self, &mut applied);
        applied
    }

    fn apply_peer(&mut self, change: PeerChange, touched: &mut Touched) {
        let key = change.key;
        if change.remove {
            return self.remove(key, touched);
        }
        // The same request can so be sent to every member of a group.
        let is_ours = self.public_key == Some(key);
        if is_ours || change.update_only && !self.peers.contains_key(&key) {
            return;
        }
        touched.changes(self, key);
        let peer = self.peers.entry(key).or_default();
        if let Some(preshared) = change.preshared_key {
            peer.preshared_key = preshared;
        }
        if let Some(seconds) = change.keepalive {
            peer.keepalive = seconds;
        }
        if let Some(endpoint) = change.endpoint {
            touched.moves(self, key, endpoint);
        }
        if change.replace_allowed_ips {
            self.disown(key);
        }
        for range in change.allowed_ips {
            match range {
                AllowedIpChange::Add(range) => self.own(key, range, touched),
                AllowedIpChange::Remove(range) if self.owned.remove(&(key, range)) => {
                    self.owners.remove(&range);
                }
                AllowedIpChange::Remove(_) => {}
            }
        }
    }

    fn remove(&mut self, key: PublicKey, touched: &mut Touched) {
        if self.peers.contains_key(&key) {
            touched.removes(self, key);
            self.peers.remove(&key);
            self.disown(key);
        }
    }

    fn own(&mut self, key: PublicKey, range: Cidr, touched: &mut Touched) {
        match self.owners.get(&range) {
            Some(owner) if *owner == key => return,
            Some(&owner) => {
                touched.changes(self, owner);
                self.owned.remove(&(owner, range));
            }
            None => {}
        }
        self.owners.insert(range, key);
        self.owned.insert((key, range));
    }

    fn disown(&mut self, key: PublicKey) {
        let ranges: Vec<_> = self.allowed_ips(&key).collect();
        for range in ranges {
            self.owned.remove(&(key, range));
            self.owners.remove(&range);
        }
    }

    /// The interface's private key, if it was given one.
    pub fn private_key(&self) -> Option<&PrivateKey> {
        self.private_key.as_ref()
    }

    /// The port that it was told to listen on; 0 lets the operating system choose.
    pub fn listen_port(&self) -> u16 {
        self.listen_port
    }

    /// The mark on packets that are sent outside; 0 is none.
    pub fn fwmark(&self) -> u32 {
        self.fwmark
    }

    /// What it was told about this peer.
    pub fn peer(&self, key: &PublicKey) -> Option<&PeerConfig> {
        self.peers.get(key)
    }

    /// The peers by key, from the one that follows `after`; `None` means from the first one.
    pub fn peers(&self, after: Option<&PublicKey>) -> impl Iterator<Item = (PublicKey, &PeerConfig)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.peers.range::<PublicKey, _>((from, Unbounded)).map(|(key, peer)| (*key, peer))
    }

    /// The ranges that a peer owns, sorted.
    pub fn allowed_ips(&self, key: &PublicKey) -> impl Iterator<Item = Cidr> {
        let key = *key;
        // No range sorts before this one.
        let owned = self.owned.range((key, Cidr::ALL_V4)..);
        owned.take_while(move |(owner, _)| *owner == key).map(|(_, range)| *range)
    }

    /// A peer as a map shows it.
    pub fn neighbor(&self, key: &PublicKey) -> Option<Neighbor> {
        self.peer(key).map(|peer| neighbor(*key, peer, self.allowed_ips(key)))
    }

    /// The peers as a map: each owns its allowed IPs, which is what is sent to it and what is taken from it. The map has no
    /// addresses, filter and routes, which plain WireGuard leaves to its host.
    pub fn to_map(&self, generation: Generation) -> NetworkMap {
        let mut owned = self.owned.iter().peekable();
        let neighbors = self.peers.iter().map(|(key, peer)| {
            let ranges = std::iter::from_fn(|| owned.next_if(|(owner, _)| owner == key).map(|(_, range)| *range));
            neighbor(*key, peer, ranges)
        });
        NetworkMap::default().with_neighbors(neighbors).with_generation(Epoch::default(), generation)
    }
}

fn neighbor(key: PublicKey, peer: &PeerConfig, ranges: impl Iterator<Item = Cidr>) -> Neighbor {
    let neighbor = Neighbor::new(key, ranges);
    match peer.keepalive {
        0 => neighbor,
        seconds => neighbor.with_keepalive(Duration::from_secs(seconds.into())),
    }
}

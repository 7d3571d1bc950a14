//! Digests of a map, one per facet, so that both ends can tell in 32 bytes whether they hold the same.
//!
//! **Invariants**: equal facets have equal digests, whatever the order in which entries were added; one entry more or less
//! changes a digest by one addition, so that whoever knows what changed needs nothing else. A facet is what a peer
//! applies by itself; generation and epoch are in none. A digest compares two ends that mean well: it is a sum, and no
//! signature.

use std::fmt;
use std::net::IpAddr;
use std::sync::{LazyLock, OnceLock};

use super::{AcceptRule, ForwardRule, Neighbor, NetworkMap, entry};
use crate::cidr::Cidr;
use crate::tlv::Writer;

/// What one facet of a map comes to: the sum of its entries' keyed BLAKE3 hashes, modulo 2^256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a facet without entries.
    pub const EMPTY: Self = Self([0; 32]);

    /// The digest with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest of the same facet with one entry more.
    ///
    /// ```
    /// use nanami_model::{Digest, MapEntry};
    ///
    /// let route = MapEntry::Route("10.60.0.0/16".parse()?).digest();
    /// assert_eq!(Digest::EMPTY.with(route).without(route), Digest::EMPTY);
    /// # Ok::<(), nanami_model::ParseCidrError>(())
    /// ```
    #[must_use]
    pub fn with(self, entry: Digest) -> Self {
        let mut carry = false;
        self.limbs(entry, |a, b| {
            let (sum, over) = a.overflowing_add(b);
            let (sum, more) = sum.overflowing_add(carry.into());
            carry = over || more;
            sum
        })
    }

    /// The digest of the same facet without one of its entries.
    #[must_use]
    pub fn without(self, entry: Digest) -> Self {
        let mut borrow = false;
        self.limbs(entry, |a, b| {
            let (rest, under) = a.overflowing_sub(b);
            let (rest, more) = rest.overflowing_sub(borrow.into());
            borrow = under || more;
            rest
        })
    }

    /// Goes through both numbers, least significant part first.
    fn limbs(self, other: Digest, mut each: impl FnMut(u64, u64) -> u64) -> Self {
        let mut bytes = [0; 32];
        for (at, out) in bytes.chunks_exact_mut(8).enumerate() {
            let limb = |digest: &Digest| {
                let part = digest.0[8 * at..8 * at + 8].try_into().expect("a digest has four parts of eight bytes");
                u64::from_le_bytes(part)
            };
            out.copy_from_slice(&each(limb(&self), limb(&other)).to_le_bytes());
        }
        Self(bytes)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:02x}{:02x}{:02x}{:02x}…)", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

/// A part of a map that is applied by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Facet {
    /// The peer's own addresses.
    Interface,
    /// Who the neighbors are.
    Neighbors,
    /// Which prefixes go to whom, and are taken from whom.
    Cryptokey,
    /// What may reach the peer itself.
    Filter,
    /// What the peer forwards, and how answers to it come back.
    Forward,
    /// What the host routes into the tunnel.
    Routes,
}

impl Facet {
    /// Every facet, in the order of [`NetworkMap::digests`].
    pub const ALL: [Facet; 6] =
        [Facet::Interface, Facet::Neighbors, Facet::Cryptokey, Facet::Filter, Facet::Forward, Facet::Routes];
}

impl fmt::Display for Facet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Interface => "addresses",
            Self::Neighbors => "neighbors",
            Self::Cryptokey => "cryptokey routes",
            Self::Filter => "inbound filter",
            Self::Forward => "forward filter",
            Self::Routes => "host routes",
        })
    }
}

/// One entry of one facet: what is added, removed or replaced as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapEntry<'a> {
    /// An address of the peer, in [`Facet::Interface`].
    Address(IpAddr),
    /// Who a neighbor is, in [`Facet::Neighbors`].
    Identity(&'a Neighbor),
    /// What goes to a neighbor and is taken from it, in [`Facet::Cryptokey`].
    Cryptokey(&'a Neighbor),
    /// What may reach the peer, in [`Facet::Filter`].
    Accept(&'a AcceptRule),
    /// What the peer forwards, in [`Facet::Forward`].
    Forward(&'a ForwardRule),
    /// What sees the gateway's own address as the source of what is forwarded to it, in [`Facet::Forward`].
    Masquerade(Cidr),
    /// What the host routes into the tunnel, in [`Facet::Routes`].
    Route(Cidr),
}

impl MapEntry<'_> {
    /// The facet that it is an entry of.
    pub fn facet(&self) -> Facet {
        match self {
            Self::Address(_) => Facet::Interface,
            Self::Identity(_) => Facet::Neighbors,
            Self::Cryptokey(_) => Facet::Cryptokey,
            Self::Accept(_) => Facet::Filter,
            Self::Forward(_) | Self::Masquerade(_) => Facet::Forward,
            Self::Route(_) => Facet::Routes,
        }
    }

    /// What it adds to its facet's digest.
    pub fn digest(&self) -> Digest {
        let mut writer = Writer::default();
        entry::write(self, &mut writer);
        Digest(*blake3::keyed_hash(&KEYS[self.facet() as usize], &writer.into_bytes()).as_bytes())
    }
}

/// One key per facet, so that the same bytes in two facets are two entries.
static KEYS: LazyLock<[[u8; 32]; 6]> =
    LazyLock::new(|| Facet::ALL.map(|facet| blake3::derive_key("nanami 2026 network map entry v2", &[facet as u8])));

impl NetworkMap {
    /// The digest of each facet, in the order of [`Facet::ALL`]. Hashed once; a map that was
    /// [patched](NetworkMap::patched) hashes only what changed.
    pub fn digests(&self) -> [Digest; 6] {
        *self.digests.0.get_or_init(|| {
            let sum = |facet| self.entries(facet).fold(Digest::EMPTY, |sum, entry| sum.with(entry.digest()));
            Facet::ALL.map(sum)
        })
    }

    /// The digest of one facet.
    pub fn digest(&self, facet: Facet) -> Digest {
        self.digests()[facet as usize]
    }

    /// A digest of all facets together: everything in a map but its place in the order of maps.
    pub fn content(&self) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key("nanami 2026 network map content v2");
        self.digests().iter().for_each(|digest| {
            hasher.update(&digest.0);
        });
        Digest(*hasher.finalize().as_bytes())
    }

    /// The entries of one facet.
    pub fn entries(&self, facet: Facet) -> Box<dyn Iterator<Item = MapEntry<'_>> + '_> {
        match facet {
            Facet::Interface => Box::new(self.addresses.iter().copied().map(MapEntry::Address)),
            Facet::Neighbors => Box::new(self.neighbors.iter().map(MapEntry::Identity)),
            Facet::Cryptokey => Box::new(self.neighbors.iter().map(MapEntry::Cryptokey)),
            Facet::Filter => Box::new(self.filter.rules.iter().map(MapEntry::Accept)),
            Facet::Forward => {
                let masquerade = self.masquerade.iter().copied().map(MapEntry::Masquerade);
                Box::new(self.forward.iter().map(MapEntry::Forward).chain(masquerade))
            }
            Facet::Routes => Box::new(self.routes.iter().copied().map(MapEntry::Route)),
        }
    }
}

/// Digests that were hashed already. They follow from the map, and so make no difference between two maps.
#[derive(Clone, Default)]
pub(super) struct Known(pub(super) OnceLock<[Digest; 6]>);

impl Known {
    pub(super) fn from(digests: [Digest; 6]) -> Self {
        Self(OnceLock::from(digests))
    }
}

impl PartialEq for Known {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Known {}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() { "known" } else { "not hashed yet" })
    }
}

//! Digests of a map, one per facet, so that both ends can tell in 32 bytes whether they hold the same.
//!
//! **Invariant**: equal facets have equal digests, whatever the order in which entries were added. A facet is what a peer
//! applies by itself; generation and epoch are in none.

use std::fmt;

use super::NetworkMap;
use crate::tlv::Writer;

/// A BLAKE3 hash of one facet of a map.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
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
    /// What the peer forwards.
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

impl NetworkMap {
    /// The digest of each facet, in the order of [`Facet::ALL`].
    pub fn digests(&self) -> [Digest; 6] {
        Facet::ALL.map(|facet| self.digest(facet))
    }

    /// The digest of one facet.
    pub fn digest(&self, facet: Facet) -> Digest {
        let mut writer = Writer::default();
        self.write_facet(facet, &mut writer);
        let mut hasher = blake3::Hasher::new_derive_key("nanami 2026 network map facet v1");
        hasher.update(&[facet as u8]);
        hasher.update(&writer.into_bytes());
        Digest(*hasher.finalize().as_bytes())
    }
}

//! The two kinds of sections of a `wg-quick` file, as values.

use std::num::{NonZeroU16, NonZeroU32};

use super::address::InterfaceAddress;
use super::hook::Hook;
use crate::allowed_ips::AllowedIps;
use crate::endpoint::{Endpoint, Host};
use crate::key::{PrivateKey, PublicKey};
use crate::mtu::Mtu;
use crate::preshared_key::PresharedKey;

/// What `[Interface]` says. Everything is optional: a file without a private key waits for one that is made on the device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InterfaceSection {
    pub(super) private_key: Option<PrivateKey>,
    pub(super) addresses: Vec<InterfaceAddress>,
    pub(super) listen_port: Option<NonZeroU16>,
    pub(super) dns: Vec<Host>,
    pub(super) mtu: Option<Mtu>,
    pub(super) table: Table,
    pub(super) firewall_mark: Option<NonZeroU32>,
    pub(super) save_config: bool,
    pub(super) hooks: Vec<Hook>,
    pub(super) line: Line,
}

/// What one `[Peer]` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSection {
    pub(super) public_key: PublicKey,
    pub(super) preshared_key: Option<PresharedKey>,
    pub(super) allowed_ips: AllowedIps,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) keepalive: Option<NonZeroU16>,
    pub(super) line: Line,
}

/// Which routing table `wg-quick` fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Table {
    /// The main one, and one of its own for default routes.
    #[default]
    Auto,
    /// None.
    Off,
    /// The one of this number.
    Number(NonZeroU32),
}

/// Where something stands, from 1; 0 if it was not read from a file. It is no part of what is said, and so all are equal.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Line(pub(super) usize);

impl PartialEq for Line {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Line {}

impl InterfaceSection {
    /// The device's private key.
    pub fn private_key(&self) -> Option<&PrivateKey> {
        self.private_key.as_ref()
    }

    /// Its own addresses, in the order of the file.
    pub fn addresses(&self) -> &[InterfaceAddress] {
        &self.addresses
    }

    /// The UDP port that it listens on; `None` means any.
    pub fn listen_port(&self) -> Option<NonZeroU16> {
        self.listen_port
    }

    /// Resolvers (addresses) and search domains (names), in the order of the file.
    pub fn dns(&self) -> &[Host] {
        &self.dns
    }

    /// The longest packet; `None` means that `wg-quick` finds it out.
    pub fn mtu(&self) -> Option<Mtu> {
        self.mtu
    }

    /// Which routing table `wg-quick` fills.
    pub fn table(&self) -> Table {
        self.table
    }

    /// The mark on outgoing datagrams.
    pub fn firewall_mark(&self) -> Option<NonZeroU32> {
        self.firewall_mark
    }

    /// Whether `wg-quick` overwrites the file when the interface goes down.
    pub fn save_config(&self) -> bool {
        self.save_config
    }

    /// The commands that the file had, without their texts.
    pub fn hooks(&self) -> &[Hook] {
        &self.hooks
    }

    /// The line of its headline, from 1; 0 if it was not read from a file.
    pub fn line(&self) -> usize {
        self.line.0
    }
}

impl PeerSection {
    /// A peer of which nothing is known but its key and what is sent to it.
    pub fn new(public_key: PublicKey, allowed_ips: AllowedIps) -> Self {
        Self { public_key, preshared_key: None, allowed_ips, endpoint: None, keepalive: None, line: Line(0) }
    }

    /// Who it is on the wire.
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// The secret that both ends share beside their key pairs.
    pub fn preshared_key(&self) -> Option<&PresharedKey> {
        self.preshared_key.as_ref()
    }

    /// What is sent to it, and taken from it.
    pub fn allowed_ips(&self) -> &AllowedIps {
        &self.allowed_ips
    }

    /// Where it is reached; `None` if it begins.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref()
    }

    /// After how many silent seconds a keepalive is sent; `None` means never.
    pub fn keepalive_seconds(&self) -> Option<NonZeroU16> {
        self.keepalive
    }

    /// The line of its headline, from 1; 0 if it was not read from a file.
    pub fn line(&self) -> usize {
        self.line.0
    }
}

//! Limited-mode files: what a plain WireGuard device behind a gateway needs, without its private key.
//!
//! **Invariants**: a file is made of typed values only and holds no secret and no command; `wg-quick strip` reads it as what was
//! meant. The private key is made on the device, which nobody else ever sees. Equal contents have equal texts and marks.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use super::section::{InterfaceSection, PeerSection};
use super::{InterfaceAddress, WgQuick};
use crate::allowed_ips::AllowedIps;
use crate::endpoint::{Endpoint, Host};
use crate::key::{PrivateKey, PublicKey};
use crate::mtu::Mtu;
use crate::name::Name;
use crate::network_map::Digest;
use crate::secret::Exposed;

/// The file of one limited-mode device. `Display` is its text, in which the private key is still to be filled in on the device.
///
/// ```
/// use nanami_model::{PrivateKey, name, wg_quick::Export, wg_quick::WgQuick};
///
/// let gateway = PrivateKey::from_bytes([1; 32]).public();
/// let file = Export::new(name!("phone"), ["10.42.0.9".parse().unwrap()], name!("us-east"), gateway, "10.60.0.0/16".parse()?)
///     .with_endpoint("us-east.example.org:51820".parse()?);
/// assert!(file.to_string().contains("\n# PrivateKey = "));
///
/// let key = PrivateKey::from_bytes([2; 32]); // made on the device
/// let finished: WgQuick = file.expose_with(&key).parse()?;
/// assert!(file.is_current(&finished) && !file.clone().with_mtu("1380".parse()?).is_current(&finished));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    peer: Name,
    gateway: Name,
    config: WgQuick,
}

impl Export {
    /// The file of the device `peer` with these overlay addresses, whose one tunnel goes to a gateway with this key. All that it
    /// exchanges packets with is in `allowed_ips`: what it may reach, and what may reach it.
    pub fn new(
        peer: Name,
        addresses: impl IntoIterator<Item = IpAddr>,
        gateway: Name,
        gateway_key: PublicKey,
        allowed_ips: AllowedIps,
    ) -> Self {
        let addresses = addresses.into_iter().map(InterfaceAddress::host).collect();
        let interface = InterfaceSection { addresses, ..InterfaceSection::default() };
        Self { peer, gateway, config: WgQuick { interface, peers: vec![PeerSection::new(gateway_key, allowed_ips)] } }
    }

    /// Says where the gateway is reached. Without it the device cannot begin.
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.tunnel().endpoint = Some(endpoint);
        self
    }

    /// Sets how often an idle tunnel says that it is there; whole seconds, 1 to 65,535.
    pub fn with_keepalive(mut self, every: Duration) -> Self {
        let seconds = u16::try_from(every.as_secs()).unwrap_or(u16::MAX);
        self.tunnel().keepalive = Some(NonZeroU16::new(seconds).unwrap_or(NonZeroU16::MIN));
        self
    }

    /// Sets resolvers (addresses) and search domains (names) for the device.
    pub fn with_dns(mut self, dns: impl IntoIterator<Item = Host>) -> Self {
        self.config.interface.dns = dns.into_iter().collect();
        self
    }

    /// Sets the longest packet. Without it `wg-quick` finds it out.
    pub fn with_mtu(mut self, mtu: Mtu) -> Self {
        self.config.interface.mtu = Some(mtu);
        self
    }

    /// The device.
    pub fn peer(&self) -> &Name {
        &self.peer
    }

    /// What the file says, without a private key.
    pub fn config(&self) -> &WgQuick {
        &self.config
    }

    /// A mark of what the file says: another one means that a file made earlier is stale.
    pub fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key("nanami 2026 limited-mode file v1");
        hasher.update(self.config.expose().as_bytes());
        Digest::from_bytes(*hasher.finalize().as_bytes())
    }

    /// Whether a device's file says the same, private key, listening port and commands of its own aside.
    pub fn is_current(&self, file: &WgQuick) -> bool {
        let own = &file.interface;
        let added = InterfaceSection {
            private_key: own.private_key.clone(),
            listen_port: own.listen_port,
            hooks: own.hooks.clone(),
            ..self.config.interface.clone()
        };
        *own == added && file.peers == self.config.peers
    }

    /// The whole file with the private key, for the device itself, where the key was made.
    pub fn expose_with(&self, key: &PrivateKey) -> Exposed {
        let mut config = self.config.clone();
        config.interface.private_key = Some(key.clone());
        config.expose()
    }

    fn tunnel(&mut self) -> &mut PeerSection {
        &mut self.config.peers[0]
    }
}

impl fmt::Display for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, gateway, config } = self;
        let mark: String = self.digest().as_bytes()[..MARK].iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(f, "# {peer}, a plain WireGuard device behind {gateway}. Mark {mark}.")?;
        writeln!(f, "# Make its private key on the device (wg genkey), write it below, and tell nobody.")?;
        let text = config.expose();
        let (headline, rest) = text.split_once('\n').unwrap_or((&text, ""));
        write!(f, "{headline}\n# PrivateKey = what wg genkey prints\n{rest}")?;
        match config.peers[0].endpoint {
            Some(_) => Ok(()),
            None => writeln!(f, "# Endpoint = where {gateway} is reached, HOST:PORT"),
        }
    }
}

/// chosen: bytes of the digest that stand in the file; enough for people to compare.
const MARK: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name;
    use proptest::prelude::*;

    fn key(n: u8) -> PrivateKey {
        PrivateKey::from_bytes([n; 32])
    }

    fn export(allowed: &str) -> Export {
        let addresses = ["10.42.0.9", "fd42::9"].map(|address| address.parse().unwrap());
        Export::new(name!("phone"), addresses, name!("us-east"), key(1).public(), allowed.parse().unwrap())
    }

    #[test]
    fn the_file_is_the_one_that_people_get() {
        let file = export("10.42.0.5/32, 10.60.0.0/16, fd42::5/128")
            .with_endpoint("us-east.example.org:51820".parse().unwrap())
            .with_keepalive(Duration::from_secs(25))
            .with_dns([Host::Address("10.42.0.1".parse().unwrap()), Host::Name("acme.internal".parse().unwrap())])
            .with_mtu(Mtu::new(1380).unwrap());
        assert_eq!(file.to_string(), include_str!("export/phone.conf"));
        assert_eq!(export("10.42.0.5/32").to_string(), include_str!("export/bare.conf"));
    }

    #[test]
    fn every_change_of_what_it_says_makes_another_mark_and_makes_older_files_stale() {
        let file = export("10.42.0.5/32");
        let device: WgQuick = file.expose_with(&key(2)).parse().unwrap();
        let others = [
            export("10.42.0.6/32"),
            file.clone().with_mtu(Mtu::new(1380).unwrap()),
            file.clone().with_keepalive(Duration::from_secs(25)),
            file.clone().with_endpoint("a.example:1".parse().unwrap()),
            file.clone().with_dns([Host::Address("10.42.0.1".parse().unwrap())]),
        ];
        assert!(file.is_current(&device));
        for other in others {
            assert!(other.digest() != file.digest() && !other.is_current(&device));
        }
        let own = file.expose_with(&key(2)).replacen("Address", "PostUp = true\nListenPort = 5\nAddress", 1);
        assert!(file.is_current(&own.parse().unwrap()));
    }

    #[test]
    fn no_private_key_is_in_the_text() {
        let file = export("10.42.0.5/32");
        assert_eq!(file.config().interface().private_key(), None);
        assert!(!file.to_string().lines().any(|line| line.starts_with("PrivateKey")));
    }

    proptest! {
        #[test]
        fn sec_22_every_export_reads_as_what_it_was_made_of(
            bits: u128, v4: bool, ranges in prop::collection::vec((any::<u32>(), 0u8..=32), 0..6), seconds in 0u64..70_000,
            port in 1u16.., mtu in 576u16..,
        ) {
            let address: IpAddr = if v4 { (bits as u32).to_be_bytes().into() } else { bits.to_be_bytes().into() };
            prop_assume!(!matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()));
            let range = |(bits, length): (u32, u8)| InterfaceAddress::new(bits.to_be_bytes().into(), length).unwrap().network();
            let allowed: AllowedIps = ranges.into_iter().map(range).collect();
            let gateway = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=".parse().unwrap();
            let file = Export::new(name!("phone"), [address], name!("us-east"), gateway, allowed)
                .with_endpoint(Endpoint::new(address, port.try_into().unwrap()))
                .with_keepalive(Duration::from_secs(seconds))
                .with_mtu(Mtu::new(mtu).unwrap());
            let read: WgQuick = file.to_string().parse().unwrap();
            prop_assert_eq!(&read, file.config());
            prop_assert!(file.is_current(&read));
        }
    }
}

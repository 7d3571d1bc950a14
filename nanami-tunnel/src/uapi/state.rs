//! What the answer to `get=1` says, as values and as lines.
//!
//! **Invariant**: a line is written when there is something to say: no key, port, mark or endpoint means no line.

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use nanami_model::{Cidr, PresharedKey, PrivateKey, PublicKey, Timestamp};

use super::errno::Errno;
use super::value::{write_key, write_line};

/// An interface, without its peers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InterfaceState {
    /// Its private key, if it has one.
    pub private_key: Option<PrivateKey>,
    /// Where it listens; 0 while it does not.
    pub listen_port: u16,
    /// The mark on packets that it sends outside; 0 is none.
    pub fwmark: u32,
}

/// One peer of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerState {
    /// Who it is.
    pub key: PublicKey,
    /// The key that both mix into their handshakes, if there is one.
    pub preshared_key: Option<PresharedKey>,
    /// Where it was heard last, or is expected.
    pub endpoint: Option<SocketAddr>,
    /// When the last handshake completed.
    pub last_handshake: Option<SystemTime>,
    /// Bytes of datagrams from it.
    pub rx_bytes: u64,
    /// Bytes of datagrams to it.
    pub tx_bytes: u64,
    /// Seconds between keepalives; 0 is none.
    pub keepalive: u16,
    /// The ranges that it owns.
    pub allowed_ips: Vec<Cidr>,
}

impl InterfaceState {
    /// Writes the lines of the interface, which stand before those of the peers.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        if let Some(key) = &self.private_key {
            write_key(to, "private_key", key.expose())?;
        }
        if self.listen_port != 0 {
            write_line(to, "listen_port", self.listen_port)?;
        }
        if self.fwmark != 0 {
            write_line(to, "fwmark", self.fwmark)?;
        }
        Ok(())
    }
}

impl PeerState {
    /// A peer of which nothing was heard.
    pub fn new(key: PublicKey) -> Self {
        Self {
            key,
            preshared_key: None,
            endpoint: None,
            last_handshake: None,
            rx_bytes: 0,
            tx_bytes: 0,
            keepalive: 0,
            allowed_ips: Vec::new(),
        }
    }

    /// Writes the lines of the peer.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        write_key(to, "public_key", self.key.as_bytes())?;
        write_key(to, "preshared_key", self.preshared_key.as_ref().map_or(&[0; 32], PresharedKey::expose))?;
        write_line(to, "protocol_version", 1)?;
        if let Some(endpoint) = self.endpoint {
            write_line(to, "endpoint", endpoint)?;
        }
        // A clock that stands before 1970 knows no time since then.
        let since = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let handshake = self.last_handshake.map_or(Duration::ZERO, since);
        write_line(to, "last_handshake_time_sec", handshake.as_secs())?;
        write_line(to, "last_handshake_time_nsec", handshake.subsec_nanos())?;
        write_line(to, "tx_bytes", self.tx_bytes)?;
        write_line(to, "rx_bytes", self.rx_bytes)?;
        write_line(to, "persistent_keepalive_interval", self.keepalive)?;
        self.allowed_ips.iter().try_for_each(|range| write_line(to, "allowed_ip", range))
    }
}

impl fmt::Display for PeerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key)?;
        match self.endpoint {
            Some(endpoint) => write!(f, " at {endpoint}")?,
            None => f.write_str(" at an unknown endpoint")?,
        }
        let since = self.last_handshake.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        match since.and_then(|since| u64::try_from(since.as_millis()).ok()) {
            Some(millis) => write!(f, ", last handshake {}", Timestamp::from_millis(millis))?,
            None => f.write_str(", no handshake yet")?,
        }
        write!(f, ", {} bytes received, {} sent", self.rx_bytes, self.tx_bytes)
    }
}

/// Writes how a request went, which ends its answer.
pub(super) fn write_end(to: &mut dyn Write, outcome: Result<(), Errno>) -> io::Result<()> {
    let number = outcome.map_or_else(|errno| -i64::from(errno.number()), |()| 0);
    write!(to, "errno={number}\n\n")
}

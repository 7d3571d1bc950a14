//! The client's end: the same maps drive another WireGuard, through its control socket.
//!
//! **Invariants**: an applied map is one request, which says only what differs; a prefix moves from peer to peer and is never
//! without an owner in between, and what stays keeps its keypairs; an answer takes memory only as it arrives.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use nanami_model::{Facet, NetworkMap, PrivateKey, PublicKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use super::errno::Errno;
use super::path::{DIRECTORY, socket_path_in};
use super::state::PeerState;
use crate::engine::Applied;

mod answer;
mod difference;

/// Another WireGuard: wireguard-go, boringtun, or `nanami-wg`.
///
/// ```no_run
/// # async fn example(map: nanami_model::NetworkMap, key: nanami_model::PrivateKey) -> Result<(), Box<dyn std::error::Error>> {
/// use nanami_tunnel::uapi::Client;
///
/// let wg = Client::connect("wg0").await?;
/// let applied = wg.apply(&map, &key).await?;
/// for facet in applied.unenforced() {
///     eprintln!("wg0 does not enforce {facet}");
/// }
/// for link in wg.links().await? {
///     println!("{link}");
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    interface: String,
    path: PathBuf,
}

/// Why another WireGuard could not be driven. What it enforced before it still does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UapiError {
    /// Nobody serves an interface of this name.
    #[error(
        "nobody serves the interface {interface}; start a WireGuard implementation for it, such as `nanami-wg {interface}`"
    )]
    NotServed {
        /// The interface.
        interface: String,
    },
    /// This program may not speak to it.
    #[error("speaking to the interface {interface} is not permitted; run as the user who serves it, or as root")]
    NotPermitted {
        /// The interface.
        interface: String,
    },
    /// It refuses the request.
    #[error("{interface} refuses")]
    Refused {
        /// The interface.
        interface: String,
        /// Why.
        #[source]
        errno: Errno,
    },
    /// Its answer is none, or ends in the middle.
    #[error("{interface} gives no answer that can be read")]
    Malformed {
        /// The interface.
        interface: String,
    },
    /// The socket fails.
    #[error("speaking to the interface {interface}")]
    Unavailable {
        /// The interface.
        interface: String,
        /// How.
        #[source]
        source: io::Error,
    },
}

impl UapiError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotServed { .. } => "uapi.not_served",
            Self::NotPermitted { .. } => "host.not_permitted",
            Self::Refused { .. } => "uapi.refused",
            Self::Malformed { .. } => "uapi.malformed",
            Self::Unavailable { .. } => "host.unavailable",
        }
    }
}

impl Client {
    /// The WireGuard that serves this interface, in `/var/run/wireguard`.
    ///
    /// # Errors
    /// [`UapiError`]: nobody serves it, or this program may not ask.
    ///
    /// # Cancel safety
    /// Dropped before it completes, nothing has happened.
    pub async fn connect(interface: &str) -> Result<Self, UapiError> {
        Self::connect_in(DIRECTORY.as_ref(), interface).await
    }

    /// As [`Client::connect`], in another directory.
    ///
    /// # Errors
    /// As [`Client::connect`].
    ///
    /// # Cancel safety
    /// Dropped before it completes, nothing has happened.
    pub async fn connect_in(directory: &Path, interface: &str) -> Result<Self, UapiError> {
        let interface = interface.to_owned();
        let Some(path) = socket_path_in(directory, &interface) else { return Err(UapiError::NotServed { interface }) };
        let client = Self { interface, path };
        client.open().await?;
        Ok(client)
    }

    /// Makes it enforce the map, as far as a WireGuard with one owner for each prefix can: its peers, their prefixes and
    /// keepalives. Endpoints and preshared keys are in no map and stay as they are. [`Applied::unenforced`] says what it
    /// does not enforce.
    ///
    /// # Errors
    /// [`UapiError`]; nothing has changed then, unless the connection broke while it answered.
    ///
    /// # Cancel safety
    /// Dropped before it completes, the map may be enforced or not; applied again, it is.
    pub async fn apply(&self, map: &NetworkMap, key: &PrivateKey) -> Result<Applied, UapiError> {
        let (interface, peers) =
            answer::read(&self.ask(b"get=1\n\n").await?).map_err(|problem| self.problem(problem))?;
        let difference = difference::between(&interface, &peers, map, key);
        if let Some(request) = &difference.request {
            self.change(request).await?;
        }
        Ok(Applied::driven(map.generation(), difference.changed, unenforced(map)))
    }

    /// Says where a peer is, if it is one.
    ///
    /// # Errors
    /// [`UapiError`].
    ///
    /// # Cancel safety
    /// Dropped before it completes, it may be known or not.
    pub async fn set_endpoint(&self, key: PublicKey, at: SocketAddr) -> Result<(), UapiError> {
        let mut request = b"set=1\n".to_vec();
        difference::peer(&mut request, &key);
        request.extend_from_slice(format!("update_only=true\nendpoint={at}\n\n").as_bytes());
        self.change(&request).await
    }

    /// Its peers, with what it says about each.
    ///
    /// # Errors
    /// [`UapiError`].
    ///
    /// # Cancel safety
    /// May be dropped: nothing changes.
    pub async fn links(&self) -> Result<Vec<PeerState>, UapiError> {
        let (_, peers) = answer::read(&self.ask(b"get=1\n\n").await?).map_err(|problem| self.problem(problem))?;
        Ok(peers)
    }

    async fn change(&self, request: &[u8]) -> Result<(), UapiError> {
        let answer = self.ask(request).await?;
        answer::read(&answer).map(|_| ()).map_err(|problem| self.problem(problem))
    }

    async fn open(&self) -> Result<UnixStream, UapiError> {
        UnixStream::connect(&self.path).await.map_err(|source| {
            let interface = self.interface.clone();
            match source.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => UapiError::NotServed { interface },
                ErrorKind::PermissionDenied => UapiError::NotPermitted { interface },
                _ => UapiError::Unavailable { interface, source },
            }
        })
    }

    /// Sends a request and reads to the empty line that ends its answer.
    async fn ask(&self, request: &[u8]) -> Result<Zeroizing<Vec<u8>>, UapiError> {
        let mut stream = self.open().await?;
        let unavailable = |source| UapiError::Unavailable { interface: self.interface.clone(), source };
        stream.write_all(request).await.map_err(unavailable)?;
        let mut answer = Zeroizing::new(Vec::new());
        let mut piece = Zeroizing::new([0; 16 * 1024]);
        while !answer.ends_with(b"\n\n") {
            let length = stream.read(&mut piece[..]).await.map_err(unavailable)?;
            if length == 0 || answer.len() > MAX_ANSWER {
                return Err(self.problem(answer::Problem::Malformed));
            }
            answer.extend_from_slice(&piece[..length]);
        }
        Ok(answer)
    }

    fn problem(&self, problem: answer::Problem) -> UapiError {
        let interface = self.interface.clone();
        match problem {
            answer::Problem::Refused(errno) => UapiError::Refused { interface, errno },
            answer::Problem::Malformed => UapiError::Malformed { interface },
        }
    }
}

/// What a WireGuard that knows one owner for each prefix, and no filter, leaves undone.
fn unenforced(map: &NetworkMap) -> Vec<Facet> {
    let shares = map.neighbors().iter().any(|n| !n.standby().is_empty() || !n.accepted().is_empty());
    let facets = [
        (Facet::Interface, !map.addresses().is_empty()),
        (Facet::Cryptokey, shares),
        // Without a rule a map accepts nothing, and it accepts everything.
        (Facet::Filter, true),
        (Facet::Forward, !map.forward().is_empty()),
        (Facet::Routes, !map.routes().is_empty()),
    ];
    facets.into_iter().filter(|(_, is_left)| *is_left).map(|(facet, _)| facet).collect()
}

/// Bytes of an answer. Chosen: 100,000 peers with ten prefixes each are a fifth of it.
const MAX_ANSWER: usize = 256 * 1024 * 1024;

#[cfg(test)]
mod tests;

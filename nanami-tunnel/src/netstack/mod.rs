//! TCP and UDP sockets inside the process: no root, no network interface, nothing that the rest of the machine sees.
//!
//! **Invariant**: a connection that the far end's filter refuses fails at once as [`DialError::Denied`], never by time-out;
//! so does an established one that a change of policy ends. Every buffer is bounded.
//!
//! TCP itself is smoltcp's. One task per stack moves packets; streams and listeners share the stack behind a lock that is
//! held for no longer than one poll.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nanami_model::{Cidr, NetworkMap};
use smoltcp::wire::IpCidr;
use tokio::sync::Notify;

mod datagrams;
mod denial;
mod device;
mod listener;
mod run;
mod stack;
mod stream;
mod track;

pub use datagrams::UdpSocket;
pub use listener::TcpListener;
pub use stream::{StreamStats, TcpStream};

pub(crate) use device::Medium;
pub(crate) use run::on_pipe;

use crate::engine::MapError;
use crate::interface::{Inside, Interface};
use stack::Stack;

/// Sockets on a tunnel. Clones share the stack.
///
/// Made with the [`Interface`] that a [`Tunnel`](crate::Tunnel) takes; it has the tunnel's addresses as soon as that has a
/// map.
#[derive(Clone)]
pub struct Netstack {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    stack: Mutex<Stack>,
    /// Rung when a socket has something to send, or room to receive.
    bell: Notify,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Stack> {
        // A panic while the lock was held is a bug elsewhere; the stack itself is never left half changed by ours.
        self.stack.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }
}

impl Inside for Shared {
    fn configure(&self, map: &NetworkMap, mtu: u16) -> Result<(), MapError> {
        self.lock().configure(map.addresses(), mtu);
        self.ring();
        Ok(())
    }

    fn rerouted(&self, prefix: Cidr) {
        self.lock().rerouted(|remote| prefix.contains(remote));
        self.ring();
    }
}

/// Why a connection did not come about, or a port could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// A filter on the way refuses the connection, and said so.
    #[error("refused by policy")]
    Denied,
    /// No neighbor carries packets to this address.
    #[error("no tunnel leads to this address")]
    NoRoute,
    /// Nobody answered in time.
    #[error("nobody answered within {} s", stack::DIAL_LIMIT.as_secs())]
    TimedOut,
    /// The far end is reached, but nothing listens there.
    #[error("nothing listens there")]
    Reset,
    /// Something listens on the port already, or every port is in use.
    #[error("the port is in use")]
    AddressInUse,
    /// There are no sockets inside: packets enter and leave at an interface of the host.
    #[error("this tunnel is an interface of the host: connect and listen with the host's own sockets")]
    AtHost,
    /// The tunnel has ended.
    #[error("the tunnel has stopped")]
    Stopped,
}

impl DialError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied => "dial.denied",
            Self::NoRoute => "dial.no_route",
            Self::TimedOut => "dial.timed_out",
            Self::Reset => "dial.reset",
            Self::AddressInUse => "dial.address_in_use",
            Self::AtHost => "dial.at_host",
            Self::Stopped => "tunnel.stopped",
        }
    }
}

impl Netstack {
    /// A stack and the interface to start a tunnel with.
    pub fn new() -> (Self, Interface) {
        let (host, pipe) = crate::interface::pipe();
        let (netstack, run) = on_pipe(Medium::Ip, host);
        let inside = netstack.inside();
        (netstack, Interface::queued(pipe, Some(Box::pin(run)), inside))
    }

    /// Stands on a segment instead of a tunnel.
    pub(crate) fn set_segment(&self, address: IpCidr, router: Ipv4Addr) {
        self.shared.lock().set_segment(address, router);
    }

    /// What a tunnel tells the stack at once.
    pub(crate) fn inside(&self) -> Arc<dyn Inside> {
        self.shared.clone()
    }

    pub(crate) fn of(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Connects to a TCP port.
    ///
    /// # Errors
    /// [`DialError`]: refused by a filter, no route, no answer, nothing there, or the tunnel has stopped.
    ///
    /// # Cancel safety
    /// Dropping the future gives the connection up.
    pub async fn dial(&self, to: impl Into<SocketAddr>) -> Result<TcpStream, DialError> {
        stream::dial(&self.shared, to.into()).await
    }

    /// Listens on a TCP port, on every address of the tunnel.
    ///
    /// # Errors
    /// [`DialError::AddressInUse`] if somebody does already; [`DialError::Stopped`].
    pub fn listen(&self, port: u16) -> Result<TcpListener, DialError> {
        listener::listen(&self.shared, port)
    }

    /// A UDP socket on this port of every address of the tunnel; 0 for any port that is free.
    ///
    /// # Errors
    /// [`DialError::AddressInUse`] if somebody has the port already; [`DialError::Stopped`].
    pub fn bind_udp(&self, port: u16) -> Result<UdpSocket, DialError> {
        datagrams::bind(&self.shared, port, None)
    }

    /// A UDP socket on a free port that speaks to one other end, and hears what is said about it. Nothing is sent by this.
    ///
    /// # Errors
    /// [`DialError::NoRoute`] if the tunnel has no address of its family; [`DialError::Stopped`].
    pub fn connect_udp(&self, to: impl Into<SocketAddr>) -> Result<UdpSocket, DialError> {
        datagrams::bind(&self.shared, 0, Some(to.into()))
    }
}

impl std::fmt::Debug for Netstack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Netstack(…)")
    }
}

#[cfg(test)]
mod tests;

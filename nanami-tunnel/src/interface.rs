//! Where a tunnel's inner packets enter and leave.
//!
//! **Invariant**: both directions are bounded. A host that sends faster than the tunnel seals waits; what the tunnel
//! opens faster than the host takes is dropped and counted by the driver, as a network card does.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use nanami_model::{Cidr, NetworkMap};
use tokio::sync::{mpsc, watch};

use crate::engine::MapError;

/// One end of a pair: what a [`Tunnel`](crate::Tunnel) needs to exchange inner packets with whatever stands at the other end.
pub struct Interface {
    pub(crate) crossing: Crossing,
    /// What is told at once, not through a queue.
    pub(crate) inside: Arc<dyn Inside>,
    /// The mark of the tunnel's datagrams; 0 for none.
    pub(crate) mark: u32,
}

/// What must run at the other end of queues.
pub(crate) type OtherEnd = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Interface {
    /// Packets cross by queues.
    pub(crate) fn queued(pipe: Pipe, run: Option<OtherEnd>, inside: Arc<dyn Inside>) -> Self {
        Self { crossing: Crossing::Queues(pipe, run), inside, mark: 0 }
    }

    #[cfg(test)]
    pub(crate) fn into_queues(self) -> (Pipe, Option<OtherEnd>) {
        match self.crossing {
            Crossing::Queues(pipe, run) => (pipe, run),
            #[cfg(all(feature = "os", target_os = "linux"))]
            Crossing::Tun(..) => unreachable!("only a host's interface has none"),
        }
    }
}

/// How packets get to the other end and back.
pub(crate) enum Crossing {
    /// By queues, with what must run for the other end to work; the tunnel spawns it on its runtime and ends it with itself.
    Queues(Pipe, Option<OtherEnd>),
    /// By the kernel, for which threads of the tunnel's wait, and with what wakes the one that keeps time.
    #[cfg(all(feature = "os", target_os = "linux"))]
    Tun(Arc<crate::device::Tun>, Arc<crate::device::Wake>),
}

/// The other end, as far as it must not lag behind.
pub(crate) trait Inside: Send + Sync {
    /// The tunnel enforces this map from now on, and carries packets of at most `mtu` bytes.
    fn configure(&self, map: &NetworkMap, mtu: u16) -> Result<(), MapError>;
    /// Another neighbor carries this prefix from now on: what was in flight is lost.
    fn rerouted(&self, prefix: Cidr);
    /// The network under this host changed.
    fn network_changed(&self) {}
    /// The tunnel has ended in order.
    fn ended(&self) {}
}

/// Nobody stands there who must be told.
pub(crate) struct Silent;

impl Inside for Silent {
    fn configure(&self, _: &NetworkMap, _: u16) -> Result<(), MapError> {
        Ok(())
    }

    fn rerouted(&self, _: Cidr) {}
}

/// The tunnel's end: whole IP packets.
pub(crate) struct Pipe {
    pub(crate) to_host: mpsc::Sender<Vec<u8>>,
    pub(crate) from_host: mpsc::Receiver<Vec<u8>>,
    pub(crate) addresses: watch::Sender<Vec<IpAddr>>,
}

/// The other end.
pub(crate) struct HostPipe {
    pub(crate) receive: mpsc::Receiver<Vec<u8>>,
    pub(crate) send: mpsc::Sender<Vec<u8>>,
    #[cfg_attr(not(feature = "netstack"), expect(dead_code, reason = "only a netstack asks"))]
    pub(crate) addresses: watch::Receiver<Vec<IpAddr>>,
}

/// Packets that wait in one direction at most: 1024 of 1420 bytes are 1.4 MiB (chosen: two windows of a netstack socket).
pub(crate) const CAPACITY: usize = 1024;

pub(crate) fn pipe() -> (HostPipe, Pipe) {
    let (to_host, receive) = mpsc::channel(CAPACITY);
    let (send, from_host) = mpsc::channel(CAPACITY);
    let (addresses, known) = watch::channel(Vec::new());
    (HostPipe { receive, send, addresses: known }, Pipe { to_host, from_host, addresses })
}

impl std::fmt::Debug for Interface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Interface(…)")
    }
}

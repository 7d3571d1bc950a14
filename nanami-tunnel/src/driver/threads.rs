//! A tunnel on threads: what those of [`device`](crate::device) leave to it.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Core;
use crate::device::{Lanes, Owner, Sockets, Threads, Tun, Wake};
use crate::engine::{Event, Inbound, Outbound};

/// Starts them.
pub(super) fn start(
    core: Arc<Core>,
    socket: UdpSocket,
    (tun, keeper): (Arc<Tun>, Arc<Wake>),
    (outbound, inbound): (Outbound, Inbound),
) -> io::Result<Threads> {
    let sockets = Sockets::one(socket, tun.offloads())?;
    let lanes = Arc::new(Lanes::new(tun, core.control.clone(), inbound, keeper)?);
    lanes.switch(Some(sockets));
    Threads::start(lanes, outbound, Keeping(core))
}

/// The tunnel, as its keeper knows it.
struct Keeping(Arc<Core>);

impl Owner for Keeping {
    fn event(&mut self, event: Event) {
        self.0.tell(event);
    }

    fn woken(&mut self, lanes: &Lanes) {
        let Self(core) = self;
        if core.network_changed.swap(false, Ordering::Acquire) {
            core.rebind(Instant::now(), |socket| {
                lanes.switch(Some(Sockets::one(socket, lanes.offloads())?));
                Ok(())
            });
        }
    }
}

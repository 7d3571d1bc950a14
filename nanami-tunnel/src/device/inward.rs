//! The thread from the network to the interface.
//!
//! **Invariant**: one at a time receives, opens and delivers, so that packets leave in the order in which they arrived, whether
//! it is this thread or the keeper that catches up.

use std::os::fd::AsFd;
use std::time::Instant;

use tracing::debug;

use super::lanes::Lanes;
use super::udp::Sockets;
use super::wait::readable;
use crate::engine::{Datagrams, Inbound, Packets, lock};

/// The packet half that opens, and its buffers.
pub(super) struct Inward {
    inbound: Inbound,
    arrived: Datagrams,
    packets: Packets,
    answers: Datagrams,
}

impl Inward {
    pub(super) fn new(inbound: Inbound) -> Self {
        Self { inbound, arrived: Datagrams::new(), packets: Packets::new(), answers: Datagrams::new() }
    }

    /// Opens what has arrived, as much as one call for each family brings.
    fn round(&mut self, lanes: &Lanes, sockets: &Sockets) {
        if !sockets.receive(&mut self.arrived) {
            return;
        }
        self.inbound.open(Instant::now(), &self.arrived, &mut self.packets, &mut self.answers);
        self.arrived.clear();
        deliver(lanes, &mut self.packets);
        sockets.send(&mut self.answers);
        if self.inbound.wants_control() {
            lanes.keeper.ring();
        }
    }
}

/// Opens what arrives, until the threads stop.
pub(super) fn run(lanes: &Lanes) {
    loop {
        let sockets = lanes.sockets.load_full();
        match wait(lanes, sockets.as_deref()) {
            Ok(Ready::Datagrams) => {}
            Ok(Ready::Sockets) => {
                lanes.switched.answer();
                continue;
            }
            Ok(Ready::Nothing) => continue,
            Ok(Ready::Stop) => return,
            Err(error) => return debug!(%error, "waiting for datagrams"),
        }
        let Some(sockets) = sockets else { continue };
        lock(&lanes.inward).round(lanes, &sockets);
    }
}

/// Opens what has arrived, one round of it: a flood has no end, and time goes on.
pub(super) fn catch_up(lanes: &Lanes) {
    if let Some(sockets) = lanes.sockets.load_full() {
        lock(&lanes.inward).round(lanes, &sockets);
    }
}

enum Ready {
    Datagrams,
    Sockets,
    Stop,
    Nothing,
}

fn wait(lanes: &Lanes, sockets: Option<&Sockets>) -> std::io::Result<Ready> {
    let (bell, stop) = (lanes.switched.as_fd(), lanes.stop());
    let [v4, v6] = sockets.map_or([bell, bell], |sockets| sockets.fds());
    let [v4, v6, bell, stop] = readable([v4, v6, bell, stop], None)?;
    Ok(match () {
        () if stop => Ready::Stop,
        () if bell => Ready::Sockets,
        () if v4 || v6 => Ready::Datagrams,
        () => Ready::Nothing,
    })
}

fn deliver(lanes: &Lanes, packets: &mut Packets) {
    if packets.is_empty() {
        return;
    }
    let lost = lanes.tun.write(packets);
    if lost > 0 {
        lock(&lanes.control).count_undelivered(lost as u64);
    }
    packets.clear();
}

//! The thread from the network to the interface.

use std::os::fd::AsFd;
use std::time::Instant;

use tracing::debug;

use super::Running;
use super::udp::Sockets;
use super::wait::readable;
use crate::engine::{Datagrams, Inbound, Packets, lock};

/// Opens what arrives, until the device stops.
pub(super) fn run(running: &Running, mut inbound: Inbound) {
    let (mut arrived, mut packets, mut answers) = (Datagrams::new(), Packets::new(), Datagrams::new());
    loop {
        let sockets = running.sockets.load_full();
        match wait(running, sockets.as_deref()) {
            Ok(Ready::Datagrams) => {}
            Ok(Ready::Sockets) => {
                running.inward.answer();
                continue;
            }
            Ok(Ready::Nothing) => continue,
            Ok(Ready::Stop) => return,
            Err(error) => return debug!(%error, "waiting for datagrams"),
        }
        let Some(sockets) = sockets else { continue };
        if !sockets.receive(&mut arrived) {
            continue;
        }
        inbound.open(Instant::now(), &arrived, &mut packets, &mut answers);
        arrived.clear();
        deliver(running, &mut packets);
        sockets.send(&mut answers);
        if inbound.wants_control() {
            running.keeper.ring();
        }
    }
}

enum Ready {
    Datagrams,
    Sockets,
    Stop,
    Nothing,
}

fn wait(running: &Running, sockets: Option<&Sockets>) -> std::io::Result<Ready> {
    let (bell, stop) = (running.inward.as_fd(), running.stop.as_fd());
    let [v4, v6] = sockets.map_or([bell, bell], |sockets| sockets.fds());
    let [v4, v6, bell, stop] = readable([v4, v6, bell, stop], None)?;
    Ok(match () {
        () if stop => Ready::Stop,
        () if bell => Ready::Sockets,
        () if v4 || v6 => Ready::Datagrams,
        () => Ready::Nothing,
    })
}

fn deliver(running: &Running, packets: &mut Packets) {
    if packets.is_empty() {
        return;
    }
    let lost = running.tun.write(packets);
    if lost > 0 {
        lock(&running.control).count_undelivered(lost as u64);
    }
    packets.clear();
}

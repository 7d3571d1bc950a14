//! The thread from the interface to the network.

use std::os::fd::AsFd;
use std::time::Instant;

use tracing::debug;

use super::lanes::Lanes;
use super::wait::readable;
use crate::engine::{Datagrams, Outbound, Packets};

/// Seals what this host sends, until the interface is gone or the threads stop.
pub(super) fn run(lanes: &Lanes, mut outbound: Outbound) {
    let mut buffer = lanes.tun.buffer();
    let (mut packets, mut refusals, mut datagrams) = (Packets::new(), Packets::new(), Datagrams::new());
    loop {
        match readable([lanes.tun.as_fd(), lanes.stop()], None) {
            Ok([_, true]) => return,
            Ok([true, _]) => {}
            Ok(_) => continue,
            Err(error) => return debug!(%error, "waiting for the interface"),
        }
        while packets.len() < BATCH {
            match lanes.tun.read(&mut buffer, &mut packets) {
                Ok(true) => {}
                Ok(false) => break,
                // An interface that is down says so with EIO; there is nothing to read then.
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => break,
                Err(error) if is_gone(&error) => return debug!(%error, "the interface is gone"),
                // One thing that the kernel handed over was none that we can split.
                Err(error) => {
                    debug!(%error, "reading the interface");
                    break;
                }
            }
        }
        outbound.seal(Instant::now(), &packets, &mut datagrams, &mut refusals);
        packets.clear();
        match lanes.sockets.load().as_ref() {
            Some(sockets) => sockets.send(&mut datagrams),
            None => datagrams.clear(),
        }
        if !refusals.is_empty() {
            lanes.tun.write(&refusals);
            refusals.clear();
        }
        if outbound.wants_control() {
            lanes.keeper.ring();
        }
    }
}

/// Whether the file descriptor of a TUN interface outlived its interface.
fn is_gone(error: &std::io::Error) -> bool {
    let gone = [rustix::io::Errno::BADFD, rustix::io::Errno::NODEV, rustix::io::Errno::BADF];
    gone.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Packets that are sealed at once at least, if there are so many. Chosen: two superpackets of usual segments.
const BATCH: usize = 96;

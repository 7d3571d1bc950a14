//! The thread that follows the interface: up, down, another MTU, another network namespace.
//!
//! The kernel's notes about links are only a doorbell: whenever it rings, the interface itself is asked. An interface that
//! was moved to another namespace is asked there.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};
use tracing::{debug, warn};

use super::Running;
use super::namespace;
use super::wait::readable;
use crate::engine::lock;

/// Runs until the device stops.
pub(super) fn run(running: &Running) {
    if let Err(error) = follow(running) {
        warn!(%error, "the interface's state is not followed any more");
        // Without news, up is what lets it work.
        running.set_up(true);
        let _ = readable([running.lanes.stop()], None);
    }
}

fn follow(running: &Running) -> io::Result<()> {
    // The sockets belong into the namespace in which the device started, so that is where this thread is between its visits.
    let home = namespace::of_this_thread()?;
    let mut elsewhere: Option<OwnedFd> = None;
    let mut bell = doorbell()?;
    loop {
        let seen = namespace::visit(&home, elsewhere.as_ref(), || look(running))?;
        match seen.or_else(|error| {
            // Not in that namespace: it was moved, or it is gone, which another thread notices.
            let there = namespace::of(&*running.lanes.tun).map_err(|_| error)?;
            debug!("the interface is in another network namespace");
            let (new_bell, seen) = namespace::visit(&home, Some(&there), || (doorbell(), look(running)))?;
            (bell, elsewhere) = (new_bell?, Some(there));
            seen
        }) {
            Ok((mtu, is_up)) => {
                lock(&running.lanes.control).handle_mtu(mtu);
                running.set_up(is_up);
            }
            Err(error) => debug!(%error, "the interface cannot be asked"),
        }
        let [rung, stop] = readable([bell.as_fd(), running.lanes.stop()], None)?;
        if stop {
            return Ok(());
        }
        if rung {
            answer(&bell);
        }
    }
}

/// The interface's MTU, and whether it is up; an error if it is not in this thread's namespace.
fn look(running: &Running) -> io::Result<(u16, bool)> {
    Ok((running.lanes.tun.mtu()?, running.lanes.tun.is_up()?))
}

/// A socket that becomes readable when a link of this thread's network namespace changes.
fn doorbell() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    // `NETLINK_ROUTE` is protocol 0, which is what is meant when none is named.
    let bell = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    bind(&bell, &SocketAddrNetlink::new(0, LINKS))?;
    Ok(bell)
}

/// Reads all notes away; what they say is asked from the interface itself. Notes that were lost ring as well.
fn answer(bell: &OwnedFd) {
    let mut note = [0u8; 8192];
    while !matches!(recv(bell, &mut note, RecvFlags::empty()), Err(rustix::io::Errno::AGAIN)) {}
}

/// `RTMGRP_LINK` of linux/rtnetlink.h: links that come, go and change.
const LINKS: u32 = 1;

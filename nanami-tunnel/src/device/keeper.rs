//! The thread that keeps time: it does what is due, and sends what the control half says.

use std::os::fd::AsFd;
use std::time::Instant;

use tracing::debug;

use super::Running;
use super::wait::readable;
use crate::engine::{Datagrams, Output, lock};

/// Runs until the device stops.
pub(super) fn run(running: &Running) {
    let mut leaving = Datagrams::new();
    loop {
        let deadline = drain(running, &mut leaving);
        if let Some(sockets) = running.sockets.load().as_ref() {
            sockets.send(&mut leaving);
        }
        leaving.clear();
        let limit = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match readable([running.keeper.as_fd(), running.stop.as_fd()], limit) {
            Ok([_, true]) => return,
            Ok(_) => running.keeper.answer(),
            Err(error) => return debug!(%error, "waiting for time"),
        }
    }
}

/// Does what is due and collects what it leads to; says when something is due again.
fn drain(running: &Running, leaving: &mut Datagrams) -> Option<Instant> {
    let mut control = lock(&running.control);
    control.handle_timeout(Instant::now());
    loop {
        match control.poll_output() {
            Output::Transmit(datagram) => leaving.push_with_outer(datagram.outer(), datagram.contents()),
            Output::Event(event) => debug!(?event, "event"),
            Output::Wait(until) => return until,
        }
    }
}

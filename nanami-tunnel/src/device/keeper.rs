//! The thread that keeps time: it does what is due, and sends what the control half says.
//!
//! **Invariant**: before something is due a batch of what has arrived is opened, so that a host that was busy does not take its
//! own delay for the death of a neighbor.

use std::os::fd::AsFd;
use std::time::Instant;

use tracing::debug;

use super::inward::catch_up;
use super::lanes::Lanes;
use super::wait::readable;
use crate::engine::{Datagrams, Event, Output, lock};

/// Whoever started the threads, as far as the keeper asks.
pub(crate) trait Owner: Send + 'static {
    /// Something happened.
    fn event(&mut self, event: Event);

    /// The keeper was woken, and holds nothing: time for what else was asked for meanwhile.
    fn woken(&mut self, _lanes: &Lanes) {}
}

/// Runs until the threads stop.
pub(super) fn run(lanes: &Lanes, mut owner: impl Owner) {
    let (mut leaving, mut deadline) = (Datagrams::new(), None);
    loop {
        owner.woken(lanes);
        let now = Instant::now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            catch_up(lanes);
        }
        deadline = drain(lanes, now, &mut owner, &mut leaving);
        if let Some(sockets) = lanes.sockets.load().as_ref() {
            sockets.send(&mut leaving);
        }
        leaving.clear();
        let limit = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match readable([lanes.keeper.as_fd(), lanes.stop()], limit) {
            Ok([_, true]) => return,
            Ok(_) => lanes.keeper.answer(),
            Err(error) => return debug!(%error, "waiting for time"),
        }
    }
}

/// Does what is due and collects what it leads to; says when something is due again.
fn drain(lanes: &Lanes, now: Instant, owner: &mut impl Owner, leaving: &mut Datagrams) -> Option<Instant> {
    let mut control = lock(&lanes.control);
    control.handle_timeout(now);
    loop {
        match control.poll_output() {
            Output::Transmit(datagram) => leaving.push_with_outer(datagram.outer(), datagram.contents()),
            Output::Event(event) => owner.event(event),
            Output::Wait(until) => return until,
        }
    }
}

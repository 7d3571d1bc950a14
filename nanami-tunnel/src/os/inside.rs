//! A host at the inner end of a tunnel.

use std::io;
use std::sync::{Arc, Mutex};

use nanami_model::{Cidr, NetworkMap};
use tracing::warn;

use super::perform::first_line;
use super::watch::Watch;
use super::{Host, HostError};
use crate::Interface;
use crate::device::Wake;
use crate::engine::{MapError, lock};
use crate::interface::{Crossing, Inside};

impl Interface {
    /// An interface of this host; each map that the tunnel enforces is brought to the host as well. What belongs to it goes
    /// when the tunnel ends.
    ///
    /// The tunnel's datagrams are marked, so that they go past the tunnel whatever its routes cover.
    ///
    /// Packets cross by three threads that the tunnel starts, many in a system call where the kernel allows it
    /// ([`HostOptions::with_offloads`](super::HostOptions::with_offloads)); none of them is the runtime's.
    ///
    /// # Errors
    /// There is no descriptor left for these threads.
    pub fn host(host: Host) -> io::Result<Self> {
        let (crossing, mark) = (Crossing::Tun(host.tun(), Arc::new(Wake::new()?)), host.mark());
        Ok(Self { crossing, inside: Arc::new(AtHome::new(host)), mark })
    }
}

/// The host, until the tunnel ends.
struct AtHome {
    running: Arc<Mutex<Option<Running>>>,
}

impl AtHome {
    fn new(host: Host) -> Self {
        let running = Arc::new(Mutex::new(None));
        let changed = Arc::downgrade(&running);
        let watch = host.watch(move || changed.upgrade().iter().for_each(|running| repair(running)));
        let watch = watch.inspect_err(|error| warn!(error = chain(error), "what is ours on this host is not watched"));
        *lock(&running) = Some(Running { host, last: None, _watch: watch.ok() });
        Self { running }
    }
}

impl Drop for AtHome {
    /// At once, though the thread that watches may have the other reference.
    fn drop(&mut self) {
        self.ended();
    }
}

struct Running {
    host: Host,
    /// What the host was brought to: what it refused is not tried again by itself.
    last: Option<(NetworkMap, u16)>,
    /// `None` where the kernel's notes are not to be had: then the next map repairs what somebody changed.
    _watch: Option<Watch>,
}

impl Inside for AtHome {
    fn configure(&self, map: &NetworkMap, mtu: u16) -> Result<(), MapError> {
        let mut running = lock(&self.running);
        let Some(Running { host, last, .. }) = running.as_mut() else { return Ok(()) };
        host.apply(map, mtu).map_err(|error| MapError::Host { why: chain(&error) })?;
        *last = Some((map.clone(), mtu));
        Ok(())
    }

    fn rerouted(&self, _: Cidr) {}

    fn network_changed(&self) {
        let running = lock(&self.running);
        let Some(Running { host, last: Some((map, mtu)), .. }) = running.as_ref() else { return };
        if let Err(error) = host.apply(map, *mtu) {
            warn!(error = chain(&error), "the host does not follow the network below it");
        }
    }

    fn ended(&self) {
        lock(&self.running).take();
    }
}

/// Puts back what somebody took away or changed.
fn repair(running: &Mutex<Option<Running>>) {
    let running = lock(running);
    let Some(Running { host, last: Some((map, mtu)), .. }) = running.as_ref() else { return };
    match host.repair(map, *mtu) {
        Ok(Some(plan)) if !plan.is_empty() => {
            let steps: Vec<_> = plan.steps().iter().map(first_line).collect();
            warn!(interface = host.name(), steps = steps.join("; "), "put back what somebody changed");
        }
        Ok(_) => {}
        Err(error) => warn!(error = chain(&error), "what somebody changed is not put back"),
    }
}

/// The error with its causes.
fn chain(error: &HostError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

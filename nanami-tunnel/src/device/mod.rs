//! A WireGuard interface of this host: the engine between a TUN interface and two UDP sockets, each packet half on a thread
//! of its own.
//!
//! **Invariants**: the threads wait in the kernel and are woken by nothing but work: without keypairs nothing ticks. When a
//! [`Device`] is dropped, its threads have ended, its sockets are closed and its interface is gone. An interface that is
//! down has no socket.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use nanami_model::PrivateKey;
use tracing::{debug, warn};

use crate::engine::{ControlHalf, DEFAULT_MTU, Engine, Event, lock};

#[cfg(feature = "uapi")]
mod configured;
mod error;
mod frame;
mod inward;
mod join;
mod keeper;
mod lanes;
mod monitor;
pub(crate) mod namespace;
mod offloads;
mod outward;
mod split;
#[cfg(feature = "uapi")]
mod stats;
mod tun;
mod udp;
pub(crate) mod wait;
mod wake;

#[cfg(feature = "uapi")]
pub use configured::Configured;
pub use error::DeviceError;
pub use offloads::{Offload, Offloads, ParseOffloadsError};

pub(crate) use keeper::Owner;
pub(crate) use lanes::{Lanes, Threads};
pub(crate) use tun::Tun;
pub(crate) use udp::Sockets;
pub(crate) use wake::Wake;

/// A running WireGuard interface.
pub struct Device {
    running: Arc<Running>,
    _threads: Threads,
}

/// How a device starts.
#[derive(Debug, Clone)]
pub struct DeviceOptions {
    mtu: u16,
    offloads: Offloads,
}

/// What runs, and what its sockets follow from.
struct Running {
    lanes: Arc<Lanes>,
    link: Mutex<Link>,
}

/// Nobody listens to events but the log.
struct Logged;

/// What the sockets follow from.
struct Link {
    is_up: bool,
    has_key: bool,
    /// The port that was asked for; 0 for any.
    port: u16,
    mark: u32,
}

impl Default for DeviceOptions {
    fn default() -> Self {
        Self { mtu: DEFAULT_MTU, offloads: Offloads::default() }
    }
}

impl DeviceOptions {
    /// Sets the interface's MTU at the start, in bytes; whoever may can change it later, and is followed.
    pub fn with_mtu(self, mtu: u16) -> Self {
        Self { mtu, ..self }
    }

    /// Sets which of the kernel's offloads are used; if nothing is said, those that this kernel gets right.
    pub fn with_offloads(self, offloads: Offloads) -> Self {
        Self { offloads, ..self }
    }
}

impl Device {
    /// Makes the interface and starts. It is down, knows nobody and has no key: [`Device::control`] gives it all three.
    ///
    /// # Errors
    /// [`DeviceError`] says what is missing; nothing of the interface is left then.
    pub fn open(name: &str, options: &DeviceOptions) -> Result<Self, DeviceError> {
        let unavailable = |source: io::Error| DeviceError::Unavailable { name: name.to_owned(), source };
        let random = || crate::random::bytes().map_err(unavailable);
        let tun = Tun::create(name, options.mtu, options.offloads)?;
        let (now, key) = (Instant::now(), PrivateKey::from_bytes(random()?));
        let engine = Engine::new(now, key, random()?).without_filter();
        let (mut control, outbound, inbound) = engine.split();
        control.handle_mtu(options.mtu);
        control.handle_down(now);
        let (control, keeper) = (Arc::new(Mutex::new(control)), Arc::new(Wake::new().map_err(unavailable)?));
        let lanes = Arc::new(Lanes::new(Arc::new(tun), control, inbound, keeper).map_err(unavailable)?);
        let link = Mutex::new(Link { is_up: false, has_key: false, port: 0, mark: 0 });
        let running = Arc::new(Running { lanes: lanes.clone(), link });
        let mut threads = Threads::start(lanes, outbound, Logged).map_err(unavailable)?;
        let watched = running.clone();
        threads.spawn("wg-link", move || monitor::run(&watched)).map_err(unavailable)?;
        Ok(Self { running, _threads: threads })
    }

    /// The interface's name now.
    ///
    /// # Errors
    /// The interface is gone.
    pub fn name(&self) -> io::Result<String> {
        self.running.lanes.tun.name()
    }

    /// Reads the engine's control half.
    pub fn look<T>(&self, look: impl FnOnce(&ControlHalf) -> T) -> T {
        look(&lock(&self.running.lanes.control))
    }

    /// Changes the engine's control half; what it wants to say leaves at once.
    pub fn control<T>(&self, change: impl FnOnce(&mut ControlHalf, Instant) -> T) -> T {
        let result = change(&mut lock(&self.running.lanes.control), Instant::now());
        self.running.lanes.keeper.ring();
        result
    }

    /// Gives the interface another private key, or takes it away; without one it says and answers nothing.
    pub fn set_private_key(&self, key: Option<&PrivateKey>) {
        let mut link = lock(&self.running.link);
        link.has_key = key.is_some();
        let (mut control, now) = (lock(&self.running.lanes.control), Instant::now());
        if let Some(key) = key {
            control.handle_private_key(now, key);
        }
        match link.is_up && link.has_key {
            true => control.handle_up(now),
            false => control.handle_down(now),
        }
        self.running.lanes.keeper.ring();
    }

    /// Listens on another port, or on any if it is 0; while the interface is down it is only remembered.
    ///
    /// # Errors
    /// The port cannot be had, for example because another program listens there. The old one stays.
    pub fn listen(&self, port: u16) -> io::Result<()> {
        let mut link = lock(&self.running.link);
        if link.is_up && self.running.lanes.sockets.load().as_ref().is_none_or(|sockets| sockets.port() != port) {
            self.running.bind(port, link.mark)?;
        }
        link.port = port;
        Ok(())
    }

    /// The port that it listens on; while it is down, the one that it will listen on.
    pub fn port(&self) -> u16 {
        let port = lock(&self.running.link).port;
        self.running.lanes.sockets.load().as_ref().map_or(port, |sockets| sockets.port())
    }

    /// Sets the firewall mark of datagrams; 0 for none.
    ///
    /// # Errors
    /// This program may not mark datagrams.
    pub fn set_mark(&self, mark: u32) -> io::Result<()> {
        let mut link = lock(&self.running.link);
        if let Some(sockets) = self.running.lanes.sockets.load().as_ref() {
            sockets.set_mark(mark)?;
        }
        link.mark = mark;
        Ok(())
    }

    /// Readable when the interface went away by itself, because somebody removed it.
    pub fn ended(&self) -> BorrowedFd<'_> {
        self.running.lanes.ended()
    }
}

impl Running {
    fn bind(&self, port: u16, mark: u32) -> io::Result<()> {
        let sockets = Sockets::bind(port, mark, self.lanes.offloads())?;
        debug!(port = sockets.port(), "listening");
        self.lanes.switch(Some(sockets));
        lock(&self.lanes.control).handle_port_changed(Instant::now());
        self.lanes.keeper.ring();
        Ok(())
    }

    /// The interface went up or down.
    fn set_up(&self, is_up: bool) {
        let mut link = lock(&self.link);
        if link.is_up == is_up {
            return;
        }
        link.is_up = is_up;
        debug!(is_up, "link changed");
        if is_up {
            if let Err(error) = self.bind(link.port, link.mark) {
                warn!(port = link.port, %error, "cannot listen");
            }
            if link.has_key {
                lock(&self.lanes.control).handle_up(Instant::now());
            }
        } else {
            self.lanes.switch(None);
            lock(&self.lanes.control).handle_down(Instant::now());
        }
        self.lanes.keeper.ring();
    }
}

impl Owner for Logged {
    fn event(&mut self, event: Event) {
        debug!(?event, "event");
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("name", &self.name().ok()).field("port", &self.port()).finish_non_exhaustive()
    }
}

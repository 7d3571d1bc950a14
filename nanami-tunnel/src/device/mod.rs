//! A WireGuard interface of this host: the engine between a TUN interface and two UDP sockets, each packet half on a thread
//! of its own.
//!
//! **Invariants**: the threads wait in the kernel and are woken by nothing but work: without keypairs nothing ticks. When a
//! [`Device`] is dropped, its threads have ended, its sockets are closed and its interface is gone. An interface that is
//! down has no socket.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use nanami_model::PrivateKey;
use tracing::{debug, warn};

use crate::engine::{ControlHalf, DEFAULT_MTU, Engine, lock};

#[cfg(feature = "uapi")]
mod configured;
mod error;
mod frame;
mod inward;
mod join;
mod keeper;
mod monitor;
pub(crate) mod namespace;
mod offloads;
mod outward;
mod split;
#[cfg(feature = "uapi")]
mod stats;
mod tun;
mod udp;
mod wait;
mod wake;

#[cfg(feature = "uapi")]
pub use configured::Configured;
pub use error::DeviceError;
pub use offloads::{Offload, Offloads, ParseOffloadsError};

pub(crate) use tun::Tun;
use udp::Sockets;
use wake::Wake;

/// A running WireGuard interface.
pub struct Device {
    running: Arc<Running>,
    threads: Vec<JoinHandle<()>>,
}

/// How a device starts.
#[derive(Debug, Clone)]
pub struct DeviceOptions {
    mtu: u16,
    offloads: Offloads,
}

/// What the threads share.
struct Running {
    tun: Tun,
    offloads: Offloads,
    sockets: ArcSwapOption<Sockets>,
    control: Mutex<ControlHalf>,
    link: Mutex<Link>,
    /// Rung when the control half has something to say.
    keeper: Wake,
    /// Rung when there are other sockets.
    inward: Wake,
    /// Rung once; everybody looks at it and nobody answers.
    stop: Wake,
    /// Rung when the interface went away by itself.
    ended: Wake,
}

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
        let running = Arc::new(Running {
            tun,
            offloads: options.offloads,
            sockets: ArcSwapOption::empty(),
            control: Mutex::new(control),
            link: Mutex::new(Link { is_up: false, has_key: false, port: 0, mark: 0 }),
            keeper: Wake::new().map_err(unavailable)?,
            inward: Wake::new().map_err(unavailable)?,
            stop: Wake::new().map_err(unavailable)?,
            ended: Wake::new().map_err(unavailable)?,
        });
        let mut device = Self { running, threads: Vec::new() };
        // If one of these cannot start, dropping `device` ends those that did.
        let mut start = |name: &str, run: Box<dyn FnOnce(&Running) + Send>| {
            let running = device.running.clone();
            let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
                run(&running);
                if !running.is_stopping() {
                    running.ended.ring();
                }
            });
            thread.map(|thread| device.threads.push(thread)).map_err(unavailable)
        };
        start("wg-out", Box::new(move |running| outward::run(running, outbound)))?;
        start("wg-in", Box::new(move |running| inward::run(running, inbound)))?;
        start("wg-keep", Box::new(keeper::run))?;
        start("wg-link", Box::new(monitor::run))?;
        Ok(device)
    }

    /// The interface's name now.
    ///
    /// # Errors
    /// The interface is gone.
    pub fn name(&self) -> io::Result<String> {
        self.running.tun.name()
    }

    /// Reads the engine's control half.
    pub fn look<T>(&self, look: impl FnOnce(&ControlHalf) -> T) -> T {
        look(&lock(&self.running.control))
    }

    /// Changes the engine's control half; what it wants to say leaves at once.
    pub fn control<T>(&self, change: impl FnOnce(&mut ControlHalf, Instant) -> T) -> T {
        let result = change(&mut lock(&self.running.control), Instant::now());
        self.running.keeper.ring();
        result
    }

    /// Gives the interface another private key, or takes it away; without one it says and answers nothing.
    pub fn set_private_key(&self, key: Option<&PrivateKey>) {
        let mut link = lock(&self.running.link);
        link.has_key = key.is_some();
        let (mut control, now) = (lock(&self.running.control), Instant::now());
        if let Some(key) = key {
            control.handle_private_key(now, key);
        }
        match link.is_up && link.has_key {
            true => control.handle_up(now),
            false => control.handle_down(now),
        }
        self.running.keeper.ring();
    }

    /// Listens on another port, or on any if it is 0; while the interface is down it is only remembered.
    ///
    /// # Errors
    /// The port cannot be had, for example because another program listens there. The old one stays.
    pub fn listen(&self, port: u16) -> io::Result<()> {
        let mut link = lock(&self.running.link);
        if link.is_up && self.running.sockets.load().as_ref().is_none_or(|sockets| sockets.port() != port) {
            self.running.bind(port, link.mark)?;
        }
        link.port = port;
        Ok(())
    }

    /// The port that it listens on; while it is down, the one that it will listen on.
    pub fn port(&self) -> u16 {
        let port = lock(&self.running.link).port;
        self.running.sockets.load().as_ref().map_or(port, |sockets| sockets.port())
    }

    /// Sets the firewall mark of datagrams; 0 for none.
    ///
    /// # Errors
    /// This program may not mark datagrams.
    pub fn set_mark(&self, mark: u32) -> io::Result<()> {
        let mut link = lock(&self.running.link);
        if let Some(sockets) = self.running.sockets.load().as_ref() {
            sockets.set_mark(mark)?;
        }
        link.mark = mark;
        Ok(())
    }

    /// Readable when the interface went away by itself, because somebody removed it.
    pub fn ended(&self) -> BorrowedFd<'_> {
        self.running.ended.as_fd()
    }
}

impl Running {
    fn is_stopping(&self) -> bool {
        wait::readable([self.stop.as_fd()], Some(std::time::Duration::ZERO)).is_ok_and(|[stop]| stop)
    }

    fn bind(&self, port: u16, mark: u32) -> io::Result<()> {
        let sockets = Sockets::bind(port, mark, self.offloads)?;
        debug!(port = sockets.port(), "listening");
        self.sockets.store(Some(Arc::new(sockets)));
        self.inward.ring();
        lock(&self.control).handle_port_changed(Instant::now());
        self.keeper.ring();
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
                lock(&self.control).handle_up(Instant::now());
            }
        } else {
            self.sockets.store(None);
            self.inward.ring();
            lock(&self.control).handle_down(Instant::now());
        }
        self.keeper.ring();
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.running.stop.ring();
        for thread in self.threads.drain(..) {
            // A thread that panicked has ended as well, and said why.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("name", &self.name().ok()).field("port", &self.port()).finish_non_exhaustive()
    }
}

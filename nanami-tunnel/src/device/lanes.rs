//! The threads that carry packets: one in each direction, each with a packet half of the engine, and one that keeps time.
//!
//! **Invariants**: the threads wait in the kernel and are woken by nothing but work: without keypairs nothing ticks. When
//! [`Threads`] are dropped, all of them have ended.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tracing::warn;

use super::inward::{self, Inward};
use super::keeper::{self, Owner};
use super::offloads::Offloads;
use super::outward;
use super::tun::Tun;
use super::udp::Sockets;
use super::wait::readable;
use super::wake::Wake;
use crate::engine::{ControlHalf, Inbound, Outbound};

/// What the threads share.
pub(crate) struct Lanes {
    pub(super) tun: Arc<Tun>,
    pub(super) sockets: ArcSwapOption<Sockets>,
    pub(super) control: Arc<Mutex<ControlHalf>>,
    pub(super) inward: Mutex<Inward>,
    /// Rung when the control half has something to say.
    pub(super) keeper: Arc<Wake>,
    /// Rung when there are other sockets.
    pub(super) switched: Wake,
    /// Rung once; everybody looks at it and nobody answers.
    stop: Wake,
    /// Rung when the interface went away by itself.
    ended: Wake,
}

/// The threads of an interface. Dropping them ends them.
pub(crate) struct Threads {
    lanes: Arc<Lanes>,
    threads: Vec<JoinHandle<()>>,
}

impl Lanes {
    /// Between this interface and no sockets yet. Whoever changes the control half rings `keeper`.
    pub(crate) fn new(
        tun: Arc<Tun>,
        control: Arc<Mutex<ControlHalf>>,
        inbound: Inbound,
        keeper: Arc<Wake>,
    ) -> io::Result<Self> {
        Ok(Self {
            tun,
            sockets: ArcSwapOption::empty(),
            control,
            inward: Mutex::new(Inward::new(inbound)),
            keeper,
            switched: Wake::new()?,
            stop: Wake::new()?,
            ended: Wake::new()?,
        })
    }

    /// Takes other sockets, or none; returns when those before are closed. Nobody who calls this holds the control half, for
    /// which a thread that still sends through them may wait.
    pub(crate) fn switch(&self, sockets: Option<Sockets>) {
        let before = self.sockets.swap(sockets.map(Arc::new));
        self.switched.ring();
        if let Some(before) = before {
            Sockets::closed(before);
        }
    }

    /// Which offloads are used, at the interface and at the sockets.
    pub(crate) fn offloads(&self) -> Offloads {
        self.tun.offloads()
    }

    /// Readable when a thread ended by itself, because somebody removed the interface.
    pub(super) fn ended(&self) -> BorrowedFd<'_> {
        self.ended.as_fd()
    }

    pub(super) fn stop(&self) -> BorrowedFd<'_> {
        self.stop.as_fd()
    }

    fn is_stopping(&self) -> bool {
        readable([self.stop()], Some(Duration::ZERO)).is_ok_and(|[stop]| stop)
    }
}

impl Threads {
    /// Starts the three.
    ///
    /// # Errors
    /// There is no thread to be had; those that started have ended then.
    pub(crate) fn start(lanes: Arc<Lanes>, outbound: Outbound, owner: impl Owner) -> io::Result<Self> {
        let mut threads = Self { lanes: lanes.clone(), threads: Vec::new() };
        let [out, kept] = [lanes.clone(), lanes.clone()];
        threads.spawn("wg-out", move || outward::run(&out, outbound))?;
        threads.spawn("wg-in", move || inward::run(&lanes))?;
        threads.spawn("wg-keep", move || keeper::run(&kept, owner))?;
        Ok(threads)
    }

    /// Starts one more, which ends when [`Lanes::stop`] says so.
    pub(super) fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let ending = Ending(self.lanes.clone(), name.to_owned());
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            run();
            drop(ending);
        });
        self.threads.push(thread?);
        Ok(())
    }
}

/// A thread that runs. However it ends, whoever waits for that hears of it, unless all of them are told to.
struct Ending(Arc<Lanes>, String);

impl Drop for Ending {
    fn drop(&mut self) {
        let Self(lanes, name) = self;
        if !lanes.is_stopping() {
            warn!(thread = name, "ended by itself: the interface is gone, or cannot be used any more");
            lanes.ended.ring();
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.lanes.stop.ring();
        for thread in self.threads.drain(..) {
            // A thread that panicked has ended as well, and said why.
            let _ = thread.join();
        }
    }
}

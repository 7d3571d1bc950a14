//! The two ways to drive an engine: a task of the caller's runtime between a socket and queues; and, between a socket and an
//! interface of a Linux host, threads of ours, for which the kernel carries many packets at once.

use std::io;
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::Core;
use super::run::Loop;
use crate::engine::{Inbound, Outbound};
use crate::interface::{Crossing, OtherEnd, Pipe};

/// What will drive a tunnel.
pub(super) enum Driver {
    Task(Pipe, Option<OtherEnd>, Arc<Notify>),
    #[cfg(all(feature = "os", target_os = "linux"))]
    Threads(Arc<crate::device::Tun>, Arc<crate::device::Wake>),
}

/// What drives a tunnel. Dropped, it ends.
pub(super) enum Driving {
    Task(Box<Loop>, Option<OtherEnd>),
    #[cfg(all(feature = "os", target_os = "linux"))]
    Threads(crate::device::Threads),
}

impl Driver {
    pub(super) fn new(crossing: Crossing) -> Self {
        match crossing {
            Crossing::Queues(pipe, run) => Self::Task(pipe, run, Arc::new(Notify::new())),
            #[cfg(all(feature = "os", target_os = "linux"))]
            Crossing::Tun(tun, keeper) => Self::Threads(tun, keeper),
        }
    }

    /// What wakes it.
    pub(super) fn bell(&self) -> Box<dyn Fn() + Send + Sync> {
        match self {
            Self::Task(.., bell) => {
                let bell = bell.clone();
                Box::new(move || bell.notify_one())
            }
            #[cfg(all(feature = "os", target_os = "linux"))]
            Self::Threads(_, keeper) => {
                let keeper = keeper.clone();
                Box::new(move || keeper.ring())
            }
        }
    }

    /// Where the tunnel's addresses are told, for whoever stands at the other end of queues; an interface of the host has them
    /// from its map.
    pub(super) fn addresses(&self) -> watch::Sender<Vec<IpAddr>> {
        match self {
            Self::Task(pipe, ..) => pipe.addresses.clone(),
            #[cfg(all(feature = "os", target_os = "linux"))]
            Self::Threads(..) => watch::Sender::new(Vec::new()),
        }
    }

    pub(super) fn start(self, core: &Arc<Core>, socket: UdpSocket, halves: (Outbound, Inbound)) -> io::Result<Driving> {
        match self {
            Self::Task(pipe, run, bell) => {
                let task = Loop::new(core.clone(), socket, (pipe, bell), halves)?;
                Ok(Driving::Task(Box::new(task), run))
            }
            #[cfg(all(feature = "os", target_os = "linux"))]
            Self::Threads(tun, keeper) => {
                super::threads::start(core.clone(), socket, (tun, keeper), halves).map(Driving::Threads)
            }
        }
    }
}

impl Driving {
    /// Drives until the tunnel is stopped; returns when the socket is closed and the other end is gone.
    pub(super) async fn until(self, stopping: watch::Receiver<bool>) {
        match self {
            Self::Task(task, other_end) => {
                let other_end = other_end.map(|other_end| AbortOnDrop(tokio::spawn(other_end)));
                task.run(stopping).await;
                if let Some(other_end) = other_end {
                    other_end.ended().await;
                }
            }
            #[cfg(all(feature = "os", target_os = "linux"))]
            Self::Threads(threads) => {
                let mut stopping = stopping;
                // An error says that nobody can stop it any more.
                let _ = stopping.wait_for(|stopping| *stopping).await;
                // One that waits for room in a socket ends a little later.
                let _ = tokio::task::spawn_blocking(move || drop(threads)).await;
            }
        }
    }
}

/// Ends what runs at the other end of the interface, however the tunnel's task ends.
struct AbortOnDrop(JoinHandle<()>);

impl AbortOnDrop {
    /// Ends it, and returns when what it had is gone.
    async fn ended(mut self) {
        self.0.abort();
        // An error says that it was aborted, or that it panicked and said so.
        let _ = (&mut self.0).await;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

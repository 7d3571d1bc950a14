//! The loop: datagrams in, time, packets out, datagrams out, wait.
//!
//! **Invariant**: datagrams that have arrived are opened before the clock is looked at, so that a host that was busy does
//! not take its own delay for the death of a neighbor.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::net::UdpSocket;
use tokio::sync::{Notify, watch};
use tracing::debug;

use super::Core;
use super::buffers::{Buffers, LONGEST_DATAGRAM};
use crate::engine::{Datagrams, Inbound, Outbound, Output, Packets, lock};
use crate::interface::Pipe;

/// The task of one tunnel.
pub(super) struct Loop {
    core: Arc<Core>,
    /// Rung when the control half was changed by somebody else.
    bell: Arc<Notify>,
    socket: UdpSocket,
    pipe: Pipe,
    outbound: Outbound,
    inbound: Inbound,
    buffer: Vec<u8>,
    arrived: Datagrams,
    leaving: Datagrams,
    opened: Packets,
    packets: Packets,
    deadline: Option<Instant>,
    host_is_gone: bool,
}

impl Loop {
    pub(super) fn new(
        core: Arc<Core>,
        socket: std::net::UdpSocket,
        (pipe, bell): (Pipe, Arc<Notify>),
        (outbound, inbound): (Outbound, Inbound),
    ) -> io::Result<Self> {
        Ok(Self {
            core,
            bell,
            socket: UdpSocket::from_std(socket)?,
            pipe,
            outbound,
            inbound,
            buffer: vec![0; LONGEST_DATAGRAM],
            arrived: Datagrams::new(),
            leaving: Datagrams::new(),
            opened: Packets::new(),
            packets: Packets::new(),
            deadline: None,
            host_is_gone: false,
        })
    }

    pub(super) async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        while !*stopping.borrow() {
            let now = Instant::now();
            if self.core.network_changed.swap(false, Ordering::Acquire) {
                self.rebind(now);
            }
            let received = self.receive(now);
            self.tick(now);
            let more = self.collect(now);
            self.drain();
            let sent = !self.leaving.is_empty();
            self.send().await;
            if received || more || sent {
                // Others on this thread have their turn; then look again before waiting.
                tokio::task::yield_now().await;
                continue;
            }
            let deadline = self.deadline;
            let due = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.socket.readable() => {}
                packet = self.pipe.from_host.recv(), if !self.host_is_gone => match packet {
                    Some(packet) => self.packets.push(&packet),
                    // Nothing will come from there; the tunnel still answers its neighbors.
                    None => self.host_is_gone = true,
                },
                () = self.bell.notified() => {}
                () = due => {}
                _ = stopping.changed() => {}
            }
        }
    }

    fn rebind(&mut self, now: Instant) {
        let core = self.core.clone();
        core.rebind(now, |socket| {
            self.socket = UdpSocket::from_std(socket)?;
            Ok(())
        });
    }

    /// Opens what has arrived, a batch at most. Returns whether anything had.
    fn receive(&mut self, now: Instant) -> bool {
        let Buffers { batch, batch_bytes, .. } = self.core.options.buffers;
        let mut bytes = 0;
        while self.arrived.len() < batch && bytes < batch_bytes {
            match self.socket.try_recv_from(&mut self.buffer) {
                Ok((length, from)) => {
                    bytes += length;
                    self.arrived.push(from, &self.buffer[..length]);
                }
                // An ICMP error about an earlier datagram; there may be more behind it.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => break,
            }
        }
        if self.arrived.is_empty() {
            return false;
        }
        self.inbound.open(now, &self.arrived, &mut self.opened, &mut self.leaving);
        self.arrived.clear();
        deliver(&self.core, &self.pipe, &mut self.opened);
        true
    }

    fn tick(&mut self, now: Instant) {
        lock(&self.core.control).handle_timeout(now);
    }

    /// Seals what wants to leave. Returns whether there may be more.
    fn collect(&mut self, now: Instant) -> bool {
        let Buffers { batch, batch_bytes, .. } = self.core.options.buffers;
        let mut bytes = 0;
        while self.packets.len() < batch && bytes < batch_bytes {
            let Ok(packet) = self.pipe.from_host.try_recv() else { break };
            bytes += packet.len();
            self.packets.push(&packet);
        }
        if self.packets.is_empty() {
            return false;
        }
        self.outbound.seal(now, &self.packets, &mut self.leaving, &mut self.opened);
        self.packets.clear();
        deliver(&self.core, &self.pipe, &mut self.opened);
        true
    }

    /// Drains the control half, and learns when it wants time.
    fn drain(&mut self) {
        let mut control = lock(&self.core.control);
        self.deadline = loop {
            match control.poll_output() {
                Output::Transmit(datagram) => self.leaving.push(datagram.address(), datagram.contents()),
                Output::Event(event) => self.core.tell(event),
                Output::Wait(until) => break until,
            }
        };
    }

    async fn send(&mut self) {
        for datagram in self.leaving.drain() {
            send_one(&self.socket, datagram.address(), datagram.contents()).await;
        }
    }
}

/// Hands packets to the host; what it does not take in time is lost, as on a network card.
fn deliver(core: &Core, pipe: &Pipe, packets: &mut Packets) {
    let lost = packets.iter().filter(|packet| pipe.to_host.try_send(packet.to_vec()).is_err()).count();
    if lost > 0 {
        lock(&core.control).count_undelivered(lost as u64);
    }
    packets.clear();
}

/// Sends, or drops: the network may lose a datagram, so may we. A full buffer is waited for, once.
async fn send_one(socket: &UdpSocket, to: SocketAddr, contents: &[u8]) {
    match socket.try_send_to(contents, to) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            if let Err(error) = socket.send_to(contents, to).await {
                debug!(%to, %error, "datagram not sent");
            }
        }
        Err(error) => debug!(%to, %error, "datagram not sent"),
        Ok(_) => {}
    }
}

//! The stack's UDP sockets, and what was said about the other end of those that have one.

use std::net::{IpAddr, SocketAddr};
use std::task::Waker;

use smoltcp::iface::SocketHandle;
use smoltcp::socket::{Socket, udp};
use smoltcp::wire::IpAddress;

use super::super::DialError;
use super::{FIRST_DYNAMIC_PORT, Stack};

/// A socket that somebody holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    remote: Option<SocketAddr>,
    port: u16,
    error: Option<DialError>,
    /// Who waits for a datagram, and would rather know.
    waiting: Option<Waker>,
}

impl Stack {
    /// Adds a socket on this port, or on any that is free if it is 0.
    pub(in super::super) fn bind_udp(
        &mut self,
        port: u16,
        remote: Option<SocketAddr>,
    ) -> Result<(SocketHandle, u16), DialError> {
        if self.stopped {
            return Err(DialError::Stopped);
        }
        if remote.is_some_and(|remote| !self.leads_to(remote)) {
            return Err(DialError::NoRoute);
        }
        let port = if port == 0 { self.free_udp_port()? } else { port };
        if self.has_udp_port(port) {
            return Err(DialError::AddressInUse);
        }
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(port).map_err(|_| DialError::AddressInUse)?;
        let handle = self.sockets.add(socket);
        self.datagrams.insert(handle, Held { remote, port, ..Held::default() });
        Ok((handle, port))
    }

    fn has_udp_port(&self, port: u16) -> bool {
        self.sockets.iter().any(|(_, socket)| matches!(socket, Socket::Udp(udp) if udp.endpoint().port == port))
    }

    fn free_udp_port(&mut self) -> Result<u16, DialError> {
        for _ in FIRST_DYNAMIC_PORT..=u16::MAX {
            let port = self.next_port;
            self.next_port = port.checked_add(1).unwrap_or(FIRST_DYNAMIC_PORT);
            if !self.has_udp_port(port) {
                return Ok(port);
            }
        }
        Err(DialError::AddressInUse)
    }

    /// Whether we have an address of the family.
    pub(in super::super) fn leads_to(&self, to: SocketAddr) -> bool {
        let source = self.interface.get_source_address(&IpAddress::from(to.ip())).map(IpAddr::from);
        source.is_some_and(|source| source.is_ipv4() == to.is_ipv4() && !source.is_unspecified())
            && !to.ip().is_unspecified()
            && to.port() != 0
    }

    /// Bytes that one packet of the tunnel holds: RFC 791, RFC 8200, RFC 768.
    pub(in super::super) fn longest_datagram(&self, to: SocketAddr) -> usize {
        let headers = if to.is_ipv4() { 20 + 8 } else { 40 + 8 };
        self.device.mtu.min(BUFFER).saturating_sub(headers)
    }

    pub(in super::super) fn udp(&mut self, handle: SocketHandle) -> &mut udp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// What was last said about the other end; or that the tunnel is gone.
    pub(in super::super) fn take_udp_error(&mut self, handle: SocketHandle) -> Option<DialError> {
        let said = self.datagrams.get_mut(&handle).and_then(|held| held.error.take());
        said.or(self.stopped.then_some(DialError::Stopped))
    }

    /// Somebody says about a datagram of ours that it did not arrive.
    pub(super) fn deny_udp(&mut self, local: SocketAddr, remote: SocketAddr, error: DialError) {
        let about = |held: &Held| held.port == local.port() && held.remote == Some(remote);
        let found = self.datagrams.values_mut().find(|held| about(held));
        if let Some(held) = found {
            held.error = Some(error);
            held.waiting.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Wakes this when something is said about the other end.
    pub(in super::super) fn wake_at_udp_error(&mut self, handle: SocketHandle, waker: &Waker) {
        if let Some(held) = self.datagrams.get_mut(&handle) {
            held.waiting = Some(waker.clone());
        }
    }

    /// Lets a socket send what it holds, which nobody holds any more.
    pub(in super::super) fn release_udp(&mut self, handle: SocketHandle) {
        self.datagrams.remove(&handle);
        if self.udp(handle).send_queue() == 0 {
            self.sockets.remove(handle);
        } else {
            self.leaving.push(handle);
        }
    }
}

fn buffer() -> udp::PacketBuffer<'static> {
    udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; PACKETS], vec![0; BUFFER])
}

/// Datagrams in each of a socket's two queues. Chosen: a burst of the driver.
const PACKETS: usize = 64;
/// Bytes in each of them. Chosen: as many datagrams of 1,024 bytes; one of the longest fits.
const BUFFER: usize = 64 * 1024;

//! UDP sockets: datagrams, whole, with their ends.
//!
//! **Invariants**: a datagram is received as it was sent or not at all; both queues of a socket are bounded, and what does not
//! fit into the one for what comes is lost, as in any operating system.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use smoltcp::iface::SocketHandle;
use smoltcp::socket::udp::SendError;

use super::{DialError, Shared};

/// A UDP socket in the tunnel. What it has sent leaves also after it was dropped.
///
/// ```no_run
/// # async fn example(net: nanami_tunnel::Netstack) -> Result<(), Box<dyn std::error::Error>> {
/// let socket = net.bind_udp(0)?;
/// socket.send_to(b"a question", ([10, 42, 0, 7], 53)).await?;
/// let mut answer = [0; 1500];
/// let (length, from) = socket.receive_from(&mut answer).await?;
/// # Ok(()) }
/// ```
pub struct UdpSocket {
    shared: Arc<Shared>,
    handle: SocketHandle,
    port: u16,
    /// The only other end, where there is one.
    remote: Option<SocketAddr>,
}

pub(super) fn bind(shared: &Arc<Shared>, port: u16, remote: Option<SocketAddr>) -> Result<UdpSocket, DialError> {
    let (handle, port) = shared.lock().bind_udp(port, remote)?;
    Ok(UdpSocket { shared: shared.clone(), handle, port, remote })
}

impl UdpSocket {
    /// The port of our end.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The other end of a socket that has one.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.remote
    }

    /// Sends one datagram, when there is room for it.
    ///
    /// # Errors
    /// `InvalidInput` if it is longer than a packet of the tunnel holds, `NetworkUnreachable` if no tunnel leads there,
    /// `NotConnected` if the tunnel has stopped; of a socket with one other end, what was last said about it.
    ///
    /// # Cancel safety
    /// Dropped before it completes, nothing was sent.
    pub async fn send_to(&self, datagram: &[u8], to: impl Into<SocketAddr>) -> io::Result<()> {
        let to = to.into();
        poll_fn(|context| self.poll_send(context, datagram, to)).await?;
        self.shared.ring();
        Ok(())
    }

    /// Sends one datagram to the one other end.
    ///
    /// # Errors
    /// As [`UdpSocket::send_to`]; `NotConnected` of a socket that has no such end.
    ///
    /// # Cancel safety
    /// Dropped before it completes, nothing was sent.
    pub async fn send(&self, datagram: &[u8]) -> io::Result<()> {
        let to = self.remote.ok_or(ErrorKind::NotConnected)?;
        self.send_to(datagram, to).await
    }

    /// The next datagram, and where it came from; one task at a time waits for it. What is longer than `buffer` is cut. A socket with one other end hears that
    /// one only.
    ///
    /// # Errors
    /// `NotConnected` if the tunnel has stopped. Of a socket with one other end also what was said about it: `PermissionDenied` if
    /// a filter refuses it, `ConnectionRefused` if nothing listens there, `NetworkUnreachable` if no tunnel leads there.
    ///
    /// # Cancel safety
    /// May be dropped and called again: no datagram is lost.
    pub async fn receive_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        poll_fn(|context| self.poll_receive(context, buffer)).await
    }

    /// The next datagram of the one other end; as [`UdpSocket::receive_from`].
    ///
    /// # Errors
    /// As [`UdpSocket::receive_from`].
    ///
    /// # Cancel safety
    /// May be dropped and called again: no datagram is lost.
    pub async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.receive_from(buffer).await?.0)
    }

    fn poll_send(&self, context: &mut Context<'_>, datagram: &[u8], to: SocketAddr) -> Poll<io::Result<()>> {
        let mut stack = self.shared.lock();
        if let Some(error) = stack.take_udp_error(self.handle) {
            return Poll::Ready(Err(broken(error)));
        }
        if datagram.len() > stack.longest_datagram(to) {
            let message = format!("a datagram to {to} holds at most {} bytes", stack.longest_datagram(to));
            return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidInput, message)));
        }
        if !stack.leads_to(to) {
            return Poll::Ready(Err(broken(DialError::NoRoute)));
        }
        let socket = stack.udp(self.handle);
        match socket.send_slice(datagram, to) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(SendError::BufferFull) => {
                socket.register_send_waker(context.waker());
                Poll::Pending
            }
            Err(SendError::Unaddressable) => Poll::Ready(Err(broken(DialError::NoRoute))),
        }
    }

    fn poll_receive(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut stack = self.shared.lock();
        if let Some(error) = stack.take_udp_error(self.handle) {
            return Poll::Ready(Err(broken(error)));
        }
        let socket = stack.udp(self.handle);
        while let Ok((datagram, about)) = socket.recv() {
            let from = SocketAddr::new(about.endpoint.addr.into(), about.endpoint.port);
            if self.remote.is_some_and(|remote| remote != from) {
                continue;
            }
            let length = datagram.len().min(buffer.len());
            buffer[..length].copy_from_slice(&datagram[..length]);
            return Poll::Ready(Ok((length, from)));
        }
        socket.register_recv_waker(context.waker());
        stack.wake_at_udp_error(self.handle, context.waker());
        Poll::Pending
    }
}

fn broken(error: DialError) -> io::Error {
    let kind = match error {
        DialError::Denied => ErrorKind::PermissionDenied,
        DialError::Reset => ErrorKind::ConnectionRefused,
        DialError::NoRoute => ErrorKind::NetworkUnreachable,
        _ => ErrorKind::NotConnected,
    };
    io::Error::new(kind, error)
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        self.shared.lock().release_udp(self.handle);
        self.shared.ring();
    }
}

impl std::fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UdpSocket").field("port", &self.port).field("remote", &self.remote).finish_non_exhaustive()
    }
}

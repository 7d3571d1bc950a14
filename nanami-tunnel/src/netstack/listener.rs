//! Listeners: sockets that wait, so many at a time.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::State;

use super::stream::TcpStream;
use super::{DialError, Shared};

/// Waits for connections on one port.
pub struct TcpListener {
    shared: Arc<Shared>,
    port: u16,
    /// smoltcp has no backlog: each of these becomes one connection.
    waiting: Vec<SocketHandle>,
}

/// Connections that may arrive between two calls of [`TcpListener::accept`] (chosen).
const BACKLOG: usize = 4;

pub(super) fn listen(shared: &Arc<Shared>, port: u16) -> Result<TcpListener, DialError> {
    let mut stack = shared.lock();
    if port == 0 || stack.is_listening(port) {
        return Err(DialError::AddressInUse);
    }
    let waiting = (0..BACKLOG).map(|_| stack.listen(port)).collect::<Result<_, _>>()?;
    Ok(TcpListener { shared: shared.clone(), port, waiting })
}

impl TcpListener {
    /// The next connection.
    ///
    /// # Errors
    /// [`DialError::Stopped`] when the tunnel ends.
    ///
    /// # Cancel safety
    /// Dropping the future loses no connection.
    pub async fn accept(&mut self) -> Result<TcpStream, DialError> {
        poll_fn(|context| self.poll_accept(context)).await
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<Result<TcpStream, DialError>> {
        let mut stack = self.shared.lock();
        if stack.stopped {
            return Poll::Ready(Err(DialError::Stopped));
        }
        for slot in &mut self.waiting {
            let socket = stack.socket(*slot);
            match socket.state() {
                State::Listen | State::SynReceived => {
                    socket.register_recv_waker(context.waker());
                    socket.register_send_waker(context.waker());
                    continue;
                }
                State::Closed => {
                    // Somebody began to connect and went away.
                    if socket.listen(self.port).is_ok() {
                        socket.register_recv_waker(context.waker());
                    }
                    continue;
                }
                _ => {}
            }
            let Some((local, remote)) = socket.local_endpoint().zip(socket.remote_endpoint()) else { continue };
            let ends = (end(local), end(remote));
            let accepted = *slot;
            *slot = stack.listen(self.port)?;
            stack.begin_track(ends);
            drop(stack);
            return Poll::Ready(Ok(TcpStream::accepted(self.shared.clone(), accepted, ends)));
        }
        Poll::Pending
    }
}

fn end(endpoint: smoltcp::wire::IpEndpoint) -> SocketAddr {
    SocketAddr::new(endpoint.addr.into(), endpoint.port)
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        let mut stack = self.shared.lock();
        for handle in self.waiting.drain(..) {
            stack.release(handle, None);
        }
        drop(stack);
        self.shared.ring();
    }
}

impl std::fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TcpListener({})", self.port)
    }
}

//! TCP streams.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{RecvError, State};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stack::{DIAL_LIMIT, Ends};
use super::{DialError, Shared};

/// A TCP connection through the tunnel. Dropped, it says goodbye in the background.
pub struct TcpStream {
    shared: Arc<Shared>,
    handle: SocketHandle,
    ends: Ends,
}

/// What a connection went through so far, as its sender sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamStats {
    /// Segments that were sent again.
    pub retransmitted: u64,
    /// The longest time in which bytes waited and none was acknowledged.
    pub longest_stall: Duration,
    /// The longest time between two segments with data that came.
    pub longest_receive_gap: Duration,
}

pub(super) async fn dial(shared: &Arc<Shared>, to: SocketAddr) -> Result<TcpStream, DialError> {
    let (handle, ends) = shared.lock().connect(to)?;
    shared.ring();
    let stream = TcpStream { shared: shared.clone(), handle, ends };
    let connected = poll_fn(|context| {
        let mut stack = stream.shared.lock();
        let socket = stack.socket(handle);
        match socket.state() {
            State::SynSent | State::SynReceived => {
                socket.register_recv_waker(context.waker());
                socket.register_send_waker(context.waker());
                Poll::Pending
            }
            State::Closed if stack.stopped => Poll::Ready(Err(DialError::Stopped)),
            State::Closed => Poll::Ready(Err(stack.take_denial(&ends).unwrap_or(DialError::Reset))),
            _ => Poll::Ready(Ok(())),
        }
    });
    tokio::time::timeout(DIAL_LIMIT, connected).await.map_err(|_| DialError::TimedOut)??;
    Ok(stream)
}

impl TcpStream {
    pub(super) fn accepted(shared: Arc<Shared>, handle: SocketHandle, ends: Ends) -> Self {
        Self { shared, handle, ends }
    }

    /// Our end.
    pub fn local_addr(&self) -> SocketAddr {
        self.ends.0
    }

    /// The other end.
    pub fn peer_addr(&self) -> SocketAddr {
        self.ends.1
    }

    /// What the connection went through so far. A stall that lasts counts.
    pub fn stats(&self) -> StreamStats {
        let stack = self.shared.lock();
        let track = stack.track(&self.ends);
        track.map_or_else(StreamStats::default, |track| StreamStats {
            retransmitted: track.retransmitted,
            longest_stall: track.longest_stall.max(track.stall(Instant::now())),
            longest_receive_gap: track.longest_receive_gap,
        })
    }

    fn broken(&self, denial: Option<DialError>, stopped: bool) -> io::Error {
        match denial {
            Some(error) => io::Error::new(io::ErrorKind::PermissionDenied, error),
            None if stopped => io::Error::new(io::ErrorKind::NotConnected, DialError::Stopped),
            None => io::ErrorKind::ConnectionReset.into(),
        }
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut stack = self.shared.lock();
        let socket = stack.socket(self.handle);
        if socket.can_recv() {
            let read = socket.recv_slice(buffer.initialize_unfilled()).unwrap_or(0);
            buffer.advance(read);
            drop(stack);
            self.shared.ring();
            return Poll::Ready(Ok(()));
        }
        if socket.may_recv() {
            socket.register_recv_waker(context.waker());
            return Poll::Pending;
        }
        match socket.recv_slice(&mut []) {
            Err(RecvError::InvalidState) if socket.state() == State::Closed => {
                let (denial, stopped) = (stack.take_denial(&self.ends), stack.stopped);
                Poll::Ready(Err(self.broken(denial, stopped)))
            }
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut stack = self.shared.lock();
        let socket = stack.socket(self.handle);
        if socket.can_send() {
            let written = socket.send_slice(bytes).unwrap_or(0);
            drop(stack);
            self.shared.ring();
            return Poll::Ready(Ok(written));
        }
        if socket.may_send() {
            socket.register_send_waker(context.waker());
            return Poll::Pending;
        }
        let (denial, stopped) = (stack.take_denial(&self.ends), stack.stopped);
        Poll::Ready(Err(self.broken(denial, stopped)))
    }

    /// Ready at once: what was written is on its way. [`AsyncWrite::poll_shutdown`] is what waits for nothing more to come.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.lock().socket(self.handle).close();
        self.shared.ring();
        Poll::Ready(Ok(()))
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        self.shared.lock().release(self.handle, Some(self.ends));
        self.shared.ring();
    }
}

impl std::fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TcpStream({} -> {})", self.ends.0, self.ends.1)
    }
}

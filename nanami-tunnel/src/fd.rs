//! A TUN interface that somebody else made, as a file descriptor: one inner packet in each read and write.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tracing::debug;

use crate::interface::{HostPipe, Interface, Silent, pipe};

impl Interface {
    /// A TUN interface that somebody else made and configured, such as Android's `VpnService`: each read gives one IP packet
    /// and each write takes one, without a header. It is closed when the tunnel ends.
    ///
    /// # Errors
    /// The descriptor cannot be made non-blocking.
    pub fn fd(fd: OwnedFd) -> io::Result<Self> {
        let flags = fcntl_getfl(&fd)?;
        fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
        let (host, pipe) = pipe();
        Ok(Self::queued(pipe, Some(Box::pin(run(fd, host))), Arc::new(Silent)))
    }

    /// As [`Interface::fd`], of a descriptor that stays open, and its owner's, when the tunnel ends.
    ///
    /// # Errors
    /// The descriptor cannot be duplicated, or not be made non-blocking.
    pub fn borrowed_fd(fd: BorrowedFd<'_>) -> io::Result<Self> {
        Self::fd(fd.try_clone_to_owned()?)
    }
}

async fn run(fd: OwnedFd, host: HostPipe) {
    let fd = match register(fd) {
        Ok(fd) => fd,
        Err(error) => return debug!(%error, "the descriptor cannot be waited for"),
    };
    let HostPipe { receive, send, .. } = host;
    let (read, written) = tokio::join!(read_all(&fd, send), write_all(&fd, receive));
    for error in [read.err(), written.err()].into_iter().flatten() {
        debug!(%error, "the interface is gone");
    }
}

#[allow(unsafe_code, reason = "tokio cannot know that a descriptor stays the same one")]
fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is one descriptor, valid and open until it is dropped, and the `AsyncFd` owns it.
    Ok(unsafe { AsyncFd::register(fd) }?)
}

/// Reads until the descriptor ends or the tunnel does.
async fn read_all(fd: &AsyncFd<OwnedFd>, send: mpsc::Sender<Vec<u8>>) -> io::Result<()> {
    let mut packet = vec![0; LONGEST];
    loop {
        let mut ready = fd.readable().await?;
        match ready.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut packet)?)) {
            Ok(Ok(0)) => return Ok(()),
            Ok(Ok(length)) => {
                if send.send(packet[..length].to_vec()).await.is_err() {
                    return Ok(());
                }
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(Err(error)) => return Err(error),
            Err(_would_block) => {}
        }
    }
}

/// Writes until the tunnel ends. What an interface does not take, because it is down or full, is lost, as on a network card.
async fn write_all(fd: &AsyncFd<OwnedFd>, mut receive: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(packet) = receive.recv().await {
        loop {
            let mut ready = fd.writable().await?;
            match ready.try_io(|fd| Ok(rustix::io::write(fd.get_ref(), &packet)?)) {
                Ok(Ok(_)) => break,
                Ok(Err(error)) => {
                    debug!(%error, "packet not written");
                    break;
                }
                Err(_would_block) => {}
            }
        }
    }
    Ok(())
}

/// Bytes of the longest IP packet.
const LONGEST: usize = 65_535;

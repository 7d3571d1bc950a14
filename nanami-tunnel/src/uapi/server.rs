//! The server's end of a control socket, on threads of its own.
//!
//! **Invariants** (SEC-52): the socket has mode 0600 from the first moment that anybody can find it; a client that stalls, or
//! sixteen of them, hold up nobody; when the server is dropped, no request is under way any more and the file is gone, if it
//! is still its own.

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, poll};

use super::device::Device;

mod bind;
mod connection;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod watch;

pub use bind::BindError;
use bind::SocketFile;
use connection::Connection;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use watch::Watch;

/// A control socket that is bound. Requests wait until it is served.
///
/// ```no_run
/// # fn example(device: std::sync::Arc<dyn nanami_tunnel::uapi::Device>) -> Result<(), Box<dyn std::error::Error>> {
/// use nanami_tunnel::uapi::Server;
///
/// let server = Server::bind("wg0")?;
/// let watch = server.watch()?;            // readable when somebody removes the socket, which asks us to end
/// let serving = server.serve(device)?;    // `wg show wg0` works, until `serving` is dropped
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    file: SocketFile,
}

/// A control socket that is served until this is dropped.
#[derive(Debug)]
pub struct Serving {
    /// Dropped first, which the accepting thread hears.
    stop: Option<UnixStream>,
    accepting: Option<JoinHandle<()>>,
    _file: SocketFile,
}

impl Server {
    /// Binds `/var/run/wireguard/INTERFACE.sock`, and makes the directory with mode 0700 where there is none. A socket file
    /// that nobody serves any more is replaced.
    ///
    /// # Errors
    /// [`BindError`]: the name is none, somebody serves this interface, or the socket cannot be made.
    pub fn bind(interface: &str) -> Result<Self, BindError> {
        Self::bind_in(super::path::DIRECTORY.as_ref(), interface)
    }

    /// As [`Server::bind`], in another directory.
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub fn bind_in(directory: &std::path::Path, interface: &str) -> Result<Self, BindError> {
        let (listener, file) = bind::bind(directory, interface)?;
        Ok(Self { listener, file })
    }

    /// Where the socket is.
    pub fn path(&self) -> &std::path::Path {
        self.file.path()
    }

    /// Says when the socket file is gone.
    ///
    /// # Errors
    /// The operating system has no more watches.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn watch(&self) -> io::Result<Watch> {
        Watch::new(self.file.identity())
    }

    /// Answers requests from now on.
    ///
    /// # Errors
    /// The operating system has no more threads or files.
    pub fn serve(self, device: Arc<dyn Device>) -> io::Result<Serving> {
        let (stop, stopping) = UnixStream::pair()?;
        self.listener.set_nonblocking(true)?;
        let listener = self.listener;
        let accepting =
            thread::Builder::new().name("uapi".into()).spawn(move || accept(&listener, &stopping, &device))?;
        Ok(Serving { stop: Some(stop), accepting: Some(accepting), _file: self.file })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop = None;
        // It does not panic, and if it did there is nothing more to wait for.
        let _ = self.accepting.take().map(JoinHandle::join);
    }
}

fn accept(listener: &UnixListener, stopping: &UnixStream, device: &Arc<dyn Device>) {
    let mut clients = Clients::default();
    loop {
        let mut fds = [PollFd::new(listener, PollFlags::IN), PollFd::new(stopping, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return tracing::warn!(%error, "the control socket ends"),
        }
        if !fds[1].revents().is_empty() {
            return;
        }
        match listener.accept() {
            Ok((stream, _)) => clients.admit(stream, device),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Out of files, most likely: the oldest client gives its own back.
            Err(error) => {
                tracing::warn!(%error, "a client of the control socket cannot be accepted");
                clients.evict();
                clients.wait_for_one();
            }
        }
    }
}

/// Who is connected, the oldest first.
#[derive(Default)]
struct Clients {
    connected: Vec<Client>,
    /// Shut down, and about to end.
    leaving: Vec<Client>,
}

struct Client {
    stream: UnixStream,
    thread: JoinHandle<()>,
}

impl Clients {
    /// Takes a client in. The oldest has to go for one too many: a client that behaves is here for milliseconds.
    fn admit(&mut self, stream: UnixStream, device: &Arc<dyn Device>) {
        for clients in [&mut self.connected, &mut self.leaving] {
            clients.retain(|client| !client.thread.is_finished());
        }
        if self.connected.len() >= MAX_CLIENTS {
            self.evict();
        }
        if self.leaving.len() > MAX_CLIENTS {
            self.wait_for_one();
        }
        match self.start(stream, device.clone()) {
            Ok(client) => self.connected.push(client),
            Err(error) => tracing::warn!(%error, "a client of the control socket is sent away"),
        }
    }

    fn start(&self, stream: UnixStream, device: Arc<dyn Device>) -> io::Result<Client> {
        let connection = Connection::new(stream.try_clone()?)?;
        let thread = thread::Builder::new().name("uapi-client".into()).spawn(move || connection.run(&*device))?;
        Ok(Client { stream, thread })
    }

    fn evict(&mut self) {
        if !self.connected.is_empty() {
            let oldest = self.connected.remove(0);
            oldest.shut_down();
            self.leaving.push(oldest);
        }
    }

    fn wait_for_one(&mut self) {
        if !self.leaving.is_empty() {
            // A client's thread that panicked has ended as well.
            let _ = self.leaving.remove(0).thread.join();
        }
    }
}

impl Client {
    /// Whoever reads from it or writes to it goes on at once, with an error.
    fn shut_down(&self) {
        // It may have hung up already.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.connected.iter().for_each(Client::shut_down);
        for client in self.connected.drain(..).chain(self.leaving.drain(..)) {
            // A client's thread that panicked has ended as well.
            let _ = client.thread.join();
        }
    }
}

/// Chosen: `wg` is one client, for milliseconds; a monitor stays.
const MAX_CLIENTS: usize = 16;

#[cfg(test)]
mod tests;

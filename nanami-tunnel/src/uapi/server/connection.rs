//! One client: requests in, answers out, one after the other.
//!
//! **Invariant**: what passes through may hold keys, and is wiped.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::uapi::device::{Device, answer};
use crate::uapi::request::RequestReader;

pub(super) struct Connection {
    stream: UnixStream,
}

impl Connection {
    /// Takes a client that may speak to us.
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        // Not every system hands on the listener's mode of blocking.
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(STALLED))?;
        if !is_permitted(&stream)? {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(Self { stream })
    }

    /// Answers until the client hangs up or takes too long.
    pub(super) fn run(self, device: &dyn Device) {
        if let Err(error) = self.try_run(device) {
            tracing::debug!(%error, "a client of the control socket is gone");
        }
        // The accepting thread holds it as well, and would let the client wait. It may have hung up already.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    fn try_run(&self, device: &dyn Device) -> io::Result<()> {
        let mut reader = RequestReader::default();
        let mut bytes = Zeroizing::new(vec![0; BUFFER_BYTES]);
        let mut out = Buffered { stream: &self.stream, bytes: Zeroizing::new(Vec::with_capacity(BUFFER_BYTES)) };
        loop {
            let patience = if reader.is_within_request() { STALLED } else { IDLE };
            self.stream.set_read_timeout(Some(patience))?;
            let count = match (&self.stream).read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let mut input = &bytes[..count];
            while let Some(request) = reader.read(&mut input) {
                let ends = request.as_ref().is_err_and(|error| error.ends_connection());
                if let Err(error) = &request {
                    tracing::debug!(%error, "a request to the control socket is refused");
                }
                answer(device, request, &mut out)?;
                out.flush()?;
                if ends {
                    return Ok(());
                }
            }
        }
    }
}

/// The mode of the socket says so already; a socket that somebody made readable does not hand out keys for all that.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_permitted(stream: &UnixStream) -> io::Result<bool> {
    let client = rustix::net::sockopt::socket_peercred(stream)?.uid;
    Ok(client.is_root() || client == rustix::process::geteuid())
}

/// The mode of the socket decides, where the client is not known.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_permitted(_: &UnixStream) -> io::Result<bool> {
    Ok(true)
}

/// Collects what is written; unlike that of std, it is wiped.
struct Buffered<'a> {
    stream: &'a UnixStream,
    bytes: Zeroizing<Vec<u8>>,
}

impl Write for Buffered<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() == BUFFER_BYTES {
            self.flush()?;
        }
        let fits = bytes.len().min(BUFFER_BYTES - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}

const BUFFER_BYTES: usize = 64 * 1024;

/// Chosen: a client in the middle of a request or an answer does nothing else.
const STALLED: Duration = Duration::from_secs(10);

/// Chosen: a monitor asks every minute or so.
const IDLE: Duration = Duration::from_secs(300);

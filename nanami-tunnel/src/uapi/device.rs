//! What stands behind a control socket, and how its requests are answered.
//!
//! **Invariant**: nothing of the device is held while an answer is written, so that a client that does not read it holds up
//! nobody else.

use std::io::{self, Write};

use nanami_model::PublicKey;

use super::errno::Errno;
use super::request::{Changes, Request, RequestError};
use super::state::{InterfaceState, PeerState, write_end};

/// An interface that is configured through a control socket. It is asked from several threads at once.
pub trait Device: Send + Sync {
    /// The interface as it is now.
    fn interface(&self) -> InterfaceState;

    /// Its peers by key, from the one that follows `after` (`None` is from the first one), at most `limit` of them.
    ///
    /// An answer asks for one page after the other, as the kernel does: what changes in between is in it as it was before or
    /// as it is after.
    fn peers(&self, after: Option<&PublicKey>, limit: usize) -> Vec<PeerState>;

    /// Writes what happened, as lines of `key=value`: first about the interface, then from each `public_key` on about a peer.
    /// This is no part of the standard protocol; unless it is implemented, nothing is known.
    ///
    /// # Errors
    /// Those of `to`.
    fn write_stats(&self, to: &mut dyn Write) -> io::Result<()> {
        let _ = to;
        Ok(())
    }

    /// Changes all of this, or nothing.
    ///
    /// # Errors
    /// What the client is answered: [`Errno::IN_USE`] for a port that is taken.
    fn change(&self, changes: Changes) -> Result<(), Errno>;
}

/// Answers a request, as [`RequestReader`](super::RequestReader) gave it. A refusal is an answer as well.
///
/// # Errors
/// Those of `to`, which lacks a part of the answer then.
pub fn answer(device: &dyn Device, request: Result<Request, RequestError>, to: &mut dyn Write) -> io::Result<()> {
    let outcome = match request {
        Ok(Request::Get) => write_state(device, to).map(Ok)?,
        Ok(Request::Stats) => device.write_stats(to).map(Ok)?,
        Ok(Request::Set(changes)) => device.change(changes),
        Err(error) => Err(error.errno()),
    };
    write_end(to, outcome)
}

fn write_state(device: &dyn Device, to: &mut dyn Write) -> io::Result<()> {
    device.interface().write(to)?;
    let mut after = None;
    loop {
        let page = device.peers(after.as_ref(), PAGE);
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.key);
        page.iter().try_for_each(|peer| peer.write(to))?;
    }
}

/// Chosen: some hundred kilobytes at a time.
const PAGE: usize = 512;

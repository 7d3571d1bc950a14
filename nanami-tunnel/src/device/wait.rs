//! Waiting for several descriptors at once.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Waits until one of these is readable or broken, or until the time is over; says which are.
pub(crate) fn readable<const N: usize>(fds: [BorrowedFd<'_>; N], limit: Option<Duration>) -> io::Result<[bool; N]> {
    wait(fds, PollFlags::IN, limit)
}

/// Waits until this can be written to, or until the time is over; says whether it can.
pub(super) fn writable(fd: BorrowedFd<'_>, limit: Duration) -> io::Result<bool> {
    Ok(wait([fd], PollFlags::OUT, Some(limit))?[0])
}

fn wait<const N: usize>(fds: [BorrowedFd<'_>; N], what: PollFlags, limit: Option<Duration>) -> io::Result<[bool; N]> {
    let mut polled = fds.map(|fd| PollFd::from_borrowed_fd(fd, what));
    let limit = limit.map(|limit| Timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(limit.subsec_nanos()),
    });
    match poll(&mut polled, limit.as_ref()) {
        // A signal for another thread of the process.
        Err(rustix::io::Errno::INTR) => Ok([false; N]),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(polled.map(|fd| !fd.revents().is_empty())),
    }
}

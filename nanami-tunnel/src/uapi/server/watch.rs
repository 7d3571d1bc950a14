//! Says when a socket file is gone, without looking for it again and again.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::inotify;

use super::bind::Identity;

/// Becomes readable when something happens to the socket file; [`Watch::is_gone`] says whether it is gone then.
///
/// A removed socket file is how a userspace WireGuard is told to end.
#[derive(Debug)]
pub struct Watch {
    events: OwnedFd,
    file: Identity,
}

impl Watch {
    pub(super) fn new(file: Identity) -> io::Result<Self> {
        use inotify::{CreateFlags, WatchFlags};
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        // A listening socket holds its file: that is never deleted while we live, it loses its last name, an attribute.
        let what = WatchFlags::ATTRIB | WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF;
        inotify::add_watch(&events, &file.path, what)?;
        Ok(Self { events, file })
    }

    /// Takes what has happened, so that it is readable at the next event only, and says whether the file is gone or another.
    pub fn is_gone(&self) -> bool {
        let mut events = [0; 4096];
        while rustix::io::read(&self.events, &mut events).is_ok_and(|bytes| bytes > 0) {}
        !self.file.is_there()
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

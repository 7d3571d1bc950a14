//! A sign of life while something takes long, on standard error and only on a terminal.

use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

/// Says what is being done, and for how long already, from one second on; its line is gone when it is dropped.
pub(crate) struct Waiting(Option<(Sender<()>, JoinHandle<()>)>);

impl Waiting {
    pub(crate) fn for_long(what: String) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let (done, ended) = channel();
        let tick = move || {
            let (start, mut shown) = (Instant::now(), false);
            while ended.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                shown = true;
                let _ = write!(std::io::stderr(), "\r{what}: {} s", start.elapsed().as_secs());
            }
            if shown {
                let _ = write!(std::io::stderr(), "\r\x1b[K");
            }
        };
        Self(Some((done, spawn(tick))))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some((done, thread)) = self.0.take() {
            drop(done);
            let _ = thread.join();
        }
    }
}

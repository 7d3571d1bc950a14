//! How long the machine kept this process from running: what is no fault of a transfer that was silent meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// A thread that only sleeps a little, again and again: where it oversleeps, nothing else of this process ran in time
/// either. Ends with its last handle.
#[derive(Clone)]
pub(crate) struct Heartbeat(Arc<Mutex<Beats>>);

struct Beats {
    last: Instant,
    overslept: Duration,
}

impl Heartbeat {
    pub(crate) fn start() -> Self {
        let beats = Arc::new(Mutex::new(Beats { last: Instant::now(), overslept: Duration::ZERO }));
        let weak = Arc::downgrade(&beats);
        std::thread::spawn(move || {
            while beat(&weak) {
                std::thread::sleep(EVERY);
            }
        });
        Self(beats)
    }

    /// All the time that this process did not run, until now. The difference of two readings is what lay between them.
    pub(crate) fn stalled(&self) -> Duration {
        let beats = lock(&self.0);
        beats.overslept + beats.overdue()
    }
}

fn beat(beats: &Weak<Mutex<Beats>>) -> bool {
    let Some(beats) = beats.upgrade() else { return false };
    let mut beats = lock(&beats);
    let overdue = beats.overdue();
    (beats.overslept, beats.last) = (beats.overslept + overdue, Instant::now());
    true
}

fn lock(beats: &Mutex<Beats>) -> MutexGuard<'_, Beats> {
    beats.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Beats {
    fn overdue(&self) -> Duration {
        self.last.elapsed().saturating_sub(EVERY)
    }
}

/// Chosen: far below what anybody here measures.
const EVERY: Duration = Duration::from_millis(10);

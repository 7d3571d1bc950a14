//! How long the machine kept this process from running: what a test that measures silence takes away from it.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// A thread that only sleeps a little, again and again: where it oversleeps, nothing else of this process ran in time
/// either. Ends with its last handle.
#[derive(Clone)]
pub struct Heartbeat(Arc<Mutex<Beats>>);

struct Beats {
    last: Instant,
    overslept: Duration,
}

impl Heartbeat {
    pub fn start() -> Self {
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
    pub fn stalled(&self) -> Duration {
        let beats = self.0.lock().unwrap();
        beats.overslept + beats.overdue()
    }
}

fn beat(beats: &Weak<Mutex<Beats>>) -> bool {
    let Some(beats) = beats.upgrade() else { return false };
    let mut beats = beats.lock().unwrap();
    let overdue = beats.overdue();
    (beats.overslept, beats.last) = (beats.overslept + overdue, Instant::now());
    true
}

impl Beats {
    fn overdue(&self) -> Duration {
        self.last.elapsed().saturating_sub(EVERY)
    }
}

/// Chosen: far below what anybody here measures.
const EVERY: Duration = Duration::from_millis(10);

//! How many connections there are, in all and per source.
//!
//! **Invariant: the count is exact**: a place is given back when its holder is dropped, however that happens.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
};

/// The open connections.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections {
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_source: BTreeMap<IpAddr, usize>,
}

/// One open connection's place in the count.
#[derive(Debug)]
pub(super) struct Place {
    source: IpAddr,
    counts: Arc<Mutex<Counts>>,
}

impl Connections {
    /// A place for a connection from this source; `None` when there are too many.
    pub(super) fn admit(&self, source: IpAddr) -> Option<Place> {
        let source = source.to_canonical();
        let mut counts = lock(&self.counts);
        let from_source = counts.by_source.get(&source).copied().unwrap_or(0);
        if counts.all >= MAX_ALL || from_source >= MAX_PER_SOURCE {
            return None;
        }
        counts.all += 1;
        counts.by_source.insert(source, from_source + 1);
        Some(Place { source, counts: Arc::clone(&self.counts) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        counts.all -= 1;
        match counts.by_source.get_mut(&self.source) {
            Some(count) if *count > 1 => *count -= 1,
            _ => _ = counts.by_source.remove(&self.source),
        }
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().expect("no holder of this lock panics")
}

/// Chosen: what one process can hold without special settings of its descriptors, at 20,000 peers and their reconnects.
const MAX_ALL: usize = 32_768;
/// Chosen: a data centre of peers behind one address.
const MAX_PER_SOURCE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_per_source_and_given_back() {
        let connections = Connections::default();
        let source = IpAddr::from([192, 0, 2, 1]);
        let mut places = (0..MAX_PER_SOURCE).map(|_| connections.admit(source).unwrap()).collect::<Vec<_>>();
        assert!(connections.admit(source).is_none());
        assert!(connections.admit(IpAddr::from([192, 0, 2, 2])).is_some());
        places.pop();
        assert!(connections.admit(source).is_some());
        drop(places);
        assert!(lock(&connections.counts).by_source.is_empty() && lock(&connections.counts).all == 0);
    }
}

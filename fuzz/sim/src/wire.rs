//! The network between hosts, with all that it may do to a datagram.

use std::net::SocketAddr;

use crate::random::Random;
use crate::report::Rare;
use crate::setup::Setup;

/// One datagram under way.
#[derive(Debug, Clone)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    /// Who sent it.
    pub(crate) origin: Origin,
}

/// Who a datagram really comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Host(usize),
    /// On the way a bit was turned over.
    Corrupted,
    /// Somebody who records and repeats, from an address of their own.
    Attacker,
}

/// What of the network changes.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Whether faults happen at all.
    pub(crate) stormy: bool,
    /// Pairs between which nothing passes, in one direction each, and since when.
    pub(crate) cut: Vec<Vec<Option<u64>>>,
    /// The longest datagram, where it is shorter than usual.
    pub(crate) narrow: Option<usize>,
    /// When the last datagram of each direction arrives, so that only what is meant to is overtaken.
    last: Vec<Vec<u64>>,
}

impl Wire {
    pub(crate) fn new(setup: &Setup) -> Self {
        let hosts = setup.hosts;
        Self { stormy: false, cut: vec![vec![None; hosts]; hosts], narrow: None, last: vec![vec![0; hosts]; hosts] }
    }

    /// When, and as what, a datagram arrives: not at all, once, or twice.
    pub(crate) fn carry(
        &mut self,
        setup: &Setup,
        random: &mut Random,
        rare: &mut Rare,
        now: u64,
        (from, to): (usize, usize),
        datagram: Datagram,
    ) -> Vec<(u64, Datagram)> {
        if self.cut[from][to].is_some() {
            return vec![];
        }
        let straight = now + setup.latency[from][to];
        let mut arrives = straight.max(self.last[from][to]);
        if !self.stormy {
            self.last[from][to] = arrives;
            return vec![(arrives, datagram)];
        }
        let faults = &setup.faults;
        if self.narrow.is_some_and(|longest| datagram.bytes.len() > longest) {
            rare.count("datagrams too long for their link");
            return vec![];
        }
        if random.permille(faults.loss) {
            rare.count("datagrams lost");
            return vec![];
        }
        if random.permille(faults.reorder) {
            rare.count("datagrams overtaken");
            arrives = straight + random.between(1, 400_000);
        } else {
            self.last[from][to] = arrives;
        }
        let mut datagrams = vec![(arrives, datagram.clone())];
        if random.permille(faults.duplicate) {
            rare.count("datagrams duplicated");
            datagrams.push((arrives + random.between(0, 3_000_000), datagram.clone()));
        }
        if random.permille(faults.corrupt) {
            rare.count("datagrams corrupted");
            let mut corrupted = Datagram { origin: Origin::Corrupted, ..datagram };
            let at = random.below(corrupted.bytes.len());
            corrupted.bytes[at] ^= 1 << random.below(8);
            // Instead of it, or beside it.
            if random.coin() {
                datagrams.clear();
            }
            datagrams.push((arrives, corrupted));
        }
        datagrams
    }
}

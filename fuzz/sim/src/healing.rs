//! Faults stop, and everybody has to reach everybody again.

use crate::host::Life;
use crate::node::Kind;
use crate::setup::{GATEWAYS, KEEPALIVE, Told, addresses};
use crate::world::{Happening, SECOND, World};

/// A time without faults.
#[derive(Debug)]
pub(crate) struct Healing {
    since: u64,
    /// From when on nothing may be lost.
    settled: Option<u64>,
}

impl World {
    /// Foresees storms, times without faults, and the end.
    pub(crate) fn plan_end(&mut self, length: u64) {
        let mut at = 0;
        loop {
            at += self.random.between(4 * 60, 12 * 60) * SECOND;
            if at + 2 * HEALED + SILENCE > length {
                break;
            }
            self.foresee(at, Happening::Healed);
            at += HEALED;
            self.foresee(at, Happening::Storm);
        }
        let end = length - HEALED - SILENCE;
        self.foresee(end, Happening::Healed);
        self.foresee(length - SECOND, Happening::Silent);
    }

    /// Everything is as it should be from now on.
    pub(crate) fn heal(&mut self) {
        self.rare.count("times healed");
        (self.wire.stormy, self.wire.narrow) = (false, None);
        for (from, to) in self.setup.pairs() {
            self.mend(from, to);
        }
        let float = self.hosts[0].told.float;
        for n in 0..self.hosts.len() {
            self.turn_wall(n, 0);
            self.hosts[n].told = Told { float, ..Told::all(self.hosts.len()) };
            self.recover(n, self.hosts[n].lives);
            self.apply(n);
        }
        for n in 0..self.hosts.len() {
            self.found(n);
            for with in 0..self.hosts.len() {
                self.share(n, with);
            }
        }
        self.healing = Some(Healing { since: self.now, settled: None });
        self.foresee(0, Happening::HealedTraffic);
        let bound = BOUND + self.clocks_right.saturating_sub(self.now);
        self.foresee(bound, Happening::Reached);
    }

    pub(crate) fn healed_traffic(&mut self) {
        let Some(healing) = &self.healing else { return };
        if self.now >= healing.since + HEALED - 3 * SECOND {
            return self.check_settled();
        }
        for (from, to) in self.setup.pairs() {
            self.send(from, to, addresses(from)[0], false);
        }
        // Whoever claims all addresses asks gateways from one that is not theirs.
        let honest = self.hosts.len() - usize::from(self.setup.faults.spoof);
        let clients = if self.setup.gateways { GATEWAYS..honest } else { 0..0 };
        for from in clients {
            self.send_behind(from);
        }
        self.foresee(2 * SECOND, Happening::HealedTraffic);
    }

    /// By now every pair has exchanged packets.
    pub(crate) fn reached(&mut self) {
        let Some(Healing { since, .. }) = self.healing else { return };
        for (from, to) in self.setup.pairs() {
            let mut of_pair = self.ledger.since(since).filter(|sent| (sent.from, sent.to) == (from, Some(to)));
            let first = of_pair.find_map(|sent| sent.arrived);
            let Some(first) = first else {
                panic!(
                    "host {to} has not been reached by host {from} in {} s without faults",
                    (self.now - since) / SECOND
                )
            };
            self.rare.most("slowest recovery, in ms", (first - since) / 1000);
        }
        self.healing = Some(Healing { since, settled: Some(self.now) });
    }

    /// Since everybody reached everybody, nothing was lost: not by rekeys, not by anything else.
    fn check_settled(&mut self) {
        let Some(settled) = self.healing.as_ref().and_then(|healing| healing.settled) else { return };
        let recent = self.now - 2 * SECOND;
        for sent in self.ledger.since(settled).take_while(|sent| sent.at < recent) {
            assert!(
                sent.arrived.is_some(),
                "a packet from host {} to {:?}, sent {} s after everybody was reached, is lost without any fault: {:?}",
                sent.from,
                sent.to,
                (sent.at - settled) / SECOND,
                sent.ends,
            );
        }
    }

    /// Nothing was sent for a long time: where nothing keeps links alive, nobody wants to be woken.
    pub(crate) fn silent(&mut self) {
        if !self.setup.is_quiet() {
            return;
        }
        self.rare.count("quiet ends");
        for (n, host) in self.hosts.iter().enumerate() {
            assert!(host.life == Life::Up && self.setup.kind == Kind::Plain);
            assert_eq!(host.deadline, None, "host {n} is idle and wants to be woken");
        }
    }
}

/// How long nothing goes wrong.
const HEALED: u64 = 200 * SECOND;
/// How long nothing is sent at the end: above the life of a keypair and of every flow.
const SILENCE: u64 = 700 * SECOND;
/// In what time everybody reaches everybody: TESTING.md, twice the keepalive and 15 s.
const BOUND: u64 = 2 * KEEPALIVE.as_secs() * SECOND + 15 * SECOND;

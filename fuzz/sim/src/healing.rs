//! Faults stop, and everybody has to reach everybody again.

use crate::host::Life;
use crate::ledger::Sent;
use crate::node::Kind;
use crate::setup::{GATEWAYS, HUB, KEEPALIVE, Told, addresses, by_hub};
use crate::world::{Happening, SECOND, World};

/// A time without faults.
#[derive(Debug)]
pub(crate) struct Healing {
    since: u64,
    /// From when on nothing may be lost.
    settled: Option<u64>,
    /// The host whose NAT forgot everything since then, and when.
    remapped: Option<(usize, u64)>,
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
            self.check_tables(n);
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
        self.healing = Some(Healing { since: self.now, settled: None, remapped: None });
        self.foresee(0, Happening::HealedTraffic);
        let bound = BOUND + self.clocks_right.saturating_sub(self.now);
        self.foresee(bound, Happening::Reached);
    }

    pub(crate) fn healed_traffic(&mut self) {
        let Some(healing) = &self.healing else { return };
        if self.now >= healing.since + HEALED - 3 * SECOND {
            return self.check_settled();
        }
        for (from, to) in self.setup.pairs().filter(|(from, to)| !self.setup.silent[*from][*to]).collect::<Vec<_>>() {
            self.send(from, to, addresses(from)[0], false);
            if self.setup.are_by_hub(from, to) {
                self.send(from, to, by_hub(from), false);
            }
        }
        // Whoever claims all addresses asks gateways from one that is not theirs.
        let honest = self.hosts.len() - usize::from(self.setup.faults.spoof);
        let clients = if self.setup.gateways { GATEWAYS..honest } else { 0..0 };
        for from in clients {
            self.send_behind(from);
        }
        self.foresee(EVERY, Happening::HealedTraffic);
    }

    /// By now every pair has exchanged packets; or those have of which one's NAT forgot everything.
    pub(crate) fn reached(&mut self) {
        let Some(Healing { since, remapped, .. }) = self.healing else { return };
        for pair in self.setup.pairs().filter(|pair| remapped.is_none_or(|(host, _)| is_of(*pair, host))) {
            let took = self.recovery(pair, remapped.map_or(since, |(_, at)| at));
            match remapped {
                Some(_) if self.is_told_at_once(pair) => {
                    self.rare.most("slowest recovery from a NAT's reboot, in ms", took / 1000);
                    let within = if self.setup.silent[pair.1][pair.0] { KEEPALIVE.as_secs() * SECOND } else { EVERY };
                    assert!(
                        took <= within + REKEY_TIMEOUT,
                        "host {} was reached by host {} only {} s after its NAT forgot it",
                        pair.1,
                        pair.0,
                        took / SECOND
                    );
                }
                Some(_) => self.rare.most("slowest recovery of two behind NATs, in ms", took / 1000),
                None => self.rare.most("slowest recovery, in ms", took / 1000),
            }
        }
        if remapped.is_none() {
            let host = self.random.below(self.hosts.len());
            let remapped = (self.nats[host].is_some() && self.random.coin()).then_some((host, self.now));
            self.healing = Some(Healing { since, settled: Some(self.now), remapped });
            if remapped.is_some() {
                self.reboot_nat(host, 5 * SECOND);
                self.foresee(BOUND, Happening::Reached);
            }
        }
    }

    /// How long after this moment the first packet of a pair arrived, or anything where nothing else is sent.
    fn recovery(&self, (from, to): (usize, usize), since: u64) -> u64 {
        let first = if self.setup.silent[from][to] {
            let ago = self.hosts[to].heard_ago(self.now, from).filter(|ago| *ago <= self.now - since);
            ago.map(|_| since)
        } else {
            let of_pair = self.ledger.since(since).filter(|sent| (sent.from, sent.to) == (from, Some(to)));
            let first =
                |by_hub| of_pair.clone().filter(|sent| sent.is_by_hub() == by_hub).find_map(|sent| sent.arrived);
            // Both ways, where there are two; only the one, where a NAT's reboot has a bound of its own.
            let whole = self.healing.as_ref().is_some_and(|healing| healing.remapped.is_none());
            let by_hub = (whole && self.setup.are_by_hub(from, to)).then(|| first(true));
            first(false).and_then(|direct| by_hub.map_or(Some(direct), |by_hub| Some(direct.max(by_hub?))))
        };
        let lasts = (self.now - since) / SECOND;
        first.unwrap_or_else(|| panic!("host {to} has not been reached by host {from} in {lasts} s without faults"))
            - since
    }

    /// Whether the receiver is behind a NAT and the sender is not: the receiver's next datagram says where it is now.
    fn is_told_at_once(&self, (from, to): (usize, usize)) -> bool {
        self.nats[to].is_some() && self.nats[from].is_none()
    }

    /// Since everybody reached everybody, nothing was lost: not by rekeys, not by anything else.
    fn check_settled(&mut self) {
        let Some(Healing { settled: Some(settled), remapped, .. }) = self.healing else { return };
        let recent = self.now - 2 * SECOND;
        let is_excused = |sent: &Sent| {
            let others = sent.to.map_or(GATEWAYS.min(self.hosts.len()), |to| to + 1);
            let ends = (sent.to.unwrap_or(0)..others).chain([sent.from]).chain(sent.is_by_hub().then_some(HUB));
            let of_remapped =
                |n| remapped.is_some_and(|(host, at)| n == host && sent.at < at + BOUND && sent.at + 2 * SECOND > at);
            ends.into_iter().any(of_remapped)
                || sent.to.is_some_and(|to| {
                    self.is_forgotten(sent.from, to)
                        || (sent.is_by_hub() && (self.is_forgotten(sent.from, HUB) || self.is_forgotten(HUB, to)))
                })
        };
        for sent in self.ledger.since(settled).take_while(|sent| sent.at < recent) {
            assert!(
                sent.arrived.is_some() || is_excused(sent),
                "a packet from host {} to {:?}, sent {} s after everybody was reached, is lost without any fault: {:?}",
                sent.from,
                sent.to,
                (sent.at - settled) / SECOND,
                sent.ends,
            );
        }
        for (from, to) in self.setup.pairs().filter(|(from, to)| self.setup.silent[*from][*to]) {
            let ago = self.hosts[to].heard_ago(self.now, from).expect("it was reached");
            assert!(
                ago <= KEEPALIVE.as_micros() as u64 + SECOND,
                "host {to} heard nothing of host {from} for {} s, which keeps itself alive",
                ago / SECOND
            );
            self.rare.count("neighbors kept by keepalives alone");
        }
    }

    /// Whether the receiver says nothing for longer than its NAT remembers: keepalives were set too far apart for it.
    fn is_forgotten(&self, from: usize, to: usize) -> bool {
        let forgets = self.nats[to].as_ref().is_some_and(|nat| nat.timeout <= KEEPALIVE.as_micros() as u64);
        forgets && self.setup.silent[to][from]
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

fn is_of((from, to): (usize, usize), host: usize) -> bool {
    from == host || to == host
}

/// How often every pair exchanges a packet while nothing goes wrong.
const EVERY: u64 = 2 * SECOND;
/// Whitepaper section 6.1: a handshake under way meanwhile is tried again after so long.
const REKEY_TIMEOUT: u64 = 5 * SECOND;
/// How long nothing goes wrong.
const HEALED: u64 = 200 * SECOND;
/// How long nothing is sent at the end: above the life of a keypair and of every flow.
const SILENCE: u64 = 700 * SECOND;
/// In what time everybody reaches everybody: TESTING.md, twice the keepalive and 15 s.
const BOUND: u64 = 2 * KEEPALIVE.as_secs() * SECOND + 15 * SECOND;

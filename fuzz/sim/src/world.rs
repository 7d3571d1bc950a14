//! The world: hosts, the network between them, and events in the order of their time.
//!
//! **Invariant**: everything follows from the seed; events at one moment happen in the order in which they were foreseen.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;

use nanami_tunnel::engine::Event as Told;

use crate::host::Host;
use crate::ledger::{Keypairs, Ledger};
use crate::nat::Nat;
use crate::node::{Made, Node};
use crate::places::first_nat;
use crate::random::Random;
use crate::report::{Rare, Report};
use crate::setup::Setup;
use crate::wire::{Datagram, Origin, Wire};

/// One seed's world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) random: Random,
    /// Microseconds since it began.
    pub(crate) now: u64,
    pub(crate) hosts: Vec<Host>,
    /// In front of each host, where there is one.
    pub(crate) nats: Vec<Option<Nat>>,
    pub(crate) wire: Wire,
    pub(crate) ledger: Ledger,
    pub(crate) keypairs: Keypairs,
    pub(crate) rare: Rare,
    /// Every address that ever was somebody's; none is given twice.
    pub(crate) owners: BTreeMap<SocketAddr, usize>,
    /// Counts addresses and ports, so that each is new.
    pub(crate) places: u16,
    /// Where the latest healing stands.
    pub(crate) healing: Option<crate::healing::Healing>,
    /// The earliest moment at which all clocks are past what they ever showed.
    pub(crate) clocks_right: u64,
    seed: u64,
    queue: BinaryHeap<Reverse<Planned>>,
    foreseen: u64,
    trace: blake3::Hasher,
}

/// Something that will happen.
#[derive(Debug)]
struct Planned {
    at: u64,
    place: u64,
    what: Happening,
}

/// What may happen.
#[derive(Debug)]
pub(crate) enum Happening {
    Arrives(Datagram),
    /// The host may be due.
    Due(usize),
    /// A host sends something.
    Traffic,
    /// Something goes wrong, or is changed by people.
    Fault,
    /// A fault of a host ends: it starts again, wakes up or goes on.
    Recovers {
        host: usize,
        life: u32,
    },
    /// A direction is whole again.
    Mended {
        from: usize,
        to: usize,
    },
    /// A map of control reaches a host.
    Delivered {
        host: usize,
        generation: u64,
    },
    /// A host's disk has a map.
    Stored {
        host: usize,
        life: u32,
        generation: u64,
    },
    /// Somebody answers what came some time ago, if still alive.
    Replies {
        by: usize,
        life: u32,
        id: u64,
    },
    /// Control tells a host what it is to know now.
    Applies(usize),
    /// Control tells everybody where a host is.
    Found(usize),
    /// Both ends of a pair have the same secret from now on: the second one too.
    Preshared {
        host: usize,
        with: usize,
    },
    /// A flood goes on.
    Flooded {
        host: usize,
        left: u32,
    },
    /// Nothing goes wrong any more.
    Healed,
    /// One more packet between every pair.
    HealedTraffic,
    /// By now everybody reaches everybody.
    Reached,
    /// Things go wrong again.
    Storm,
    /// Nothing has been sent for long.
    Silent,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let setup = Setup::draw(&mut random);
        let hosts: Vec<_> = (0..setup.hosts).map(|n| Host::new(&setup, n, random.word())).collect();
        let nats = setup.nats.iter().enumerate();
        let nats = nats.map(|(n, nat)| nat.map(|(kind, timeout)| Nat::new(kind, timeout, first_nat(n))));
        Self {
            nats: nats.collect(),
            places: setup.hosts as u16,
            owners: hosts.iter().enumerate().map(|(n, host)| (host.address, n)).collect(),
            wire: Wire::new(&setup),
            setup,
            random,
            now: 0,
            hosts,
            ledger: Ledger::default(),
            keypairs: Keypairs::default(),
            rare: Rare::default(),
            healing: None,
            clocks_right: 0,
            seed,
            queue: BinaryHeap::new(),
            foreseen: 0,
            trace: blake3::Hasher::new(),
        }
    }

    /// Lives for so long, in microseconds.
    pub(crate) fn live(mut self, length: u64) -> Report {
        for n in 0..self.hosts.len() {
            self.start(n);
            let later = self.random.between(0, 10 * SECOND);
            self.foresee(later, Happening::Found(n));
        }
        self.foresee(0, Happening::Storm);
        self.foresee(SECOND, Happening::Traffic);
        self.plan_end(length);
        while let Some(Reverse(planned)) = self.queue.pop() {
            if planned.at > length {
                break;
            }
            self.now = planned.at;
            self.happen(planned.what);
        }
        for n in 0..self.hosts.len() {
            self.stop(n);
        }
        Report { seed: self.seed, digest: self.trace.finalize().to_hex().to_string(), rare: self.rare }
    }

    pub(crate) fn foresee(&mut self, after: u64, what: Happening) {
        self.foreseen += 1;
        self.queue.push(Reverse(Planned { at: self.now + after, place: self.foreseen, what }));
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Arrives(datagram) => self.arrive(datagram),
            Happening::Due(n) => self.due(n),
            Happening::Traffic => self.traffic(),
            Happening::Fault => self.fault(),
            Happening::Recovers { host, life } => self.recover(host, life),
            Happening::Mended { from, to } => self.mend(from, to),
            Happening::Applies(n) => self.tell(n),
            Happening::Delivered { host, generation } => self.deliver(host, generation),
            Happening::Stored { host, life, generation } => self.stored(host, life, generation),
            Happening::Replies { by, life, id } => self.reply_late(by, life, id),
            Happening::Found(n) => self.found(n),
            Happening::Preshared { host, with } => self.share(host, with),
            Happening::Flooded { host, left } => self.flood(host, left),
            Happening::Healed => self.heal(),
            Happening::HealedTraffic => self.healed_traffic(),
            Happening::Reached => self.reached(),
            Happening::Storm => self.storm(),
            Happening::Silent => self.silent(),
        }
    }

    pub(crate) fn start(&mut self, n: usize) {
        let made = self.hosts[n].start(&self.setup, self.now);
        made.into_iter().for_each(|made| self.take(n, made));
        self.catch_up(n);
    }

    /// Lets a host's node do something and takes what it made; whether it is up.
    pub(crate) fn run(&mut self, n: usize, work: impl FnOnce(&mut Node) -> Made) -> bool {
        let made = self.hosts[n].run(self.now, work);
        let is_up = made.is_some();
        made.into_iter().for_each(|made| self.take(n, made));
        is_up
    }

    /// A host loses its memory, but what it counted is kept here.
    pub(crate) fn stop(&mut self, n: usize) {
        self.check_tables(n);
        let counters = self.hosts[n].node().map(|node| node.asked().counters()).unwrap_or_default();
        self.rare.add("packets dropped from a full queue", counters.queue_dropped);
        self.rare.add("flows forgotten for others", counters.flows_forgotten);
        self.rare.add("attempts not recorded", counters.attempts_overflow);
        self.hosts[n].stop();
    }

    fn due(&mut self, n: usize) {
        if self.hosts[n].due().is_some_and(|due| due <= self.now) {
            self.run(n, Node::tick);
        }
    }

    /// Takes what a node made: datagrams to the wire, packets to the oracle.
    pub(crate) fn take(&mut self, n: usize, made: Made) {
        self.take_from(n, None, made);
    }

    /// The same, after this datagram was heard.
    pub(crate) fn take_from(&mut self, n: usize, heard: Option<&Datagram>, made: Made) {
        self.check_memory(n);
        for packet in &made.packets {
            self.note(n, b"packet", packet);
            self.check_packet(n, heard, packet);
        }
        for event in &made.events {
            self.note(n, b"event", format!("{event:?}").as_bytes());
            self.count_event(n, event);
        }
        for (to, bytes) in made.datagrams {
            self.note(n, b"datagram", &bytes);
            self.check_datagram(n, to, &bytes);
            self.transmit(n, to, bytes);
        }
        if let Some(due) = self.hosts[n].due() {
            self.foresee(due.saturating_sub(self.now), Happening::Due(n));
        }
    }

    fn transmit(&mut self, n: usize, to: SocketAddr, bytes: Vec<u8>) {
        let Some(other) = self.owners.get(&to).copied() else { return };
        let from = self.leave(n, to);
        let datagram = Datagram { from, to, bytes, origin: Origin::Host(n) };
        let Self { wire, setup, random, rare, now, .. } = self;
        let arrivals = wire.carry(setup, random, rare, *now, (n, other), datagram);
        for (at, datagram) in arrivals {
            self.foresee(at - self.now, Happening::Arrives(datagram));
        }
    }

    fn count_event(&mut self, n: usize, event: &Told) {
        match event {
            Told::Handshake { peer } => {
                self.rare.count("handshakes");
                let link = self.hosts[n].node().and_then(|node| node.link(peer));
                if link.is_some_and(|link| link.handshakes > 1) {
                    self.rare.count("rekeys");
                }
            }
            Told::EndpointChanged { .. } => self.rare.count("endpoints changed"),
            Told::OwnerChanged { .. } => self.rare.count("failovers"),
            Told::PeerLost { .. } => self.rare.count("peers lost"),
            Told::Lagged { missed } => panic!("host {n}: {missed} events are missing, and each call is drained"),
            _ => {}
        }
    }

    fn note(&mut self, n: usize, kind: &[u8], what: &[u8]) {
        let trace = &mut self.trace;
        trace.update(&self.now.to_le_bytes()).update(&[n as u8]).update(kind);
        trace.update(&(what.len() as u64).to_le_bytes()).update(what);
    }
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.place) == (other.at, other.place)
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.place).cmp(&(other.at, other.place))
    }
}

/// In microseconds.
pub(crate) const SECOND: u64 = 1_000_000;

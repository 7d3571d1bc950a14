//! One host of a world: a machine that may be up, down, asleep or stalled, and the node on it.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use nanami_model::PresharedKey;
use nanami_tunnel::engine::MapError;

use crate::clock::Machine;
use crate::node::{Made, Node};
use crate::packet::Ends;
use crate::setup::{Setup, Told, addresses, key, private};
use crate::wire::Datagram;

/// Whether a host does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Up,
    /// Its memory is lost.
    Down,
    /// Since then the clock behind `Instant` has stood still; what arrives is lost.
    Asleep {
        since: u64,
    },
    /// Its process does nothing; what arrives waits in the socket.
    Stalled,
}

#[derive(Debug)]
pub(crate) struct Host {
    me: usize,
    node: Option<Node>,
    pub(crate) life: Life,
    /// Counts its lives.
    pub(crate) lives: u32,
    pub(crate) address: SocketAddr,
    /// What control says, and what was applied of it.
    pub(crate) told: Told,
    pub(crate) applied: Told,
    /// All maps that control ever had for it, by generation.
    issued: Vec<Told>,
    /// Which of them is enforced, and which its disk has.
    pub(crate) held: u64,
    pub(crate) stored: u64,
    /// By neighbor: until when a map of its accepted what that sends, if the present one does not.
    accepted: Vec<Option<u64>>,
    /// By neighbor.
    pub(crate) preshared: Vec<Option<u8>>,
    pub(crate) hints: Vec<SocketAddr>,
    /// Microseconds that its monotonic clock is behind.
    slept: u64,
    /// How far its wall clock is off, in microseconds.
    pub(crate) wall: i64,
    /// When it wants to be asked again, by its monotonic clock.
    pub(crate) deadline: Option<u64>,
    pub(crate) backlog: VecDeque<Datagram>,
    /// The last initiation that this life of it answered.
    pub(crate) answered: Option<Vec<u8>>,
    /// The flows that this life of it opened, or went on with.
    pub(crate) asked: BTreeSet<Ends>,
    random: u64,
}

impl Host {
    pub(crate) fn new(setup: &Setup, me: usize, seed: u64) -> Self {
        let hints = (0..setup.hosts).map(first_address).collect();
        Self {
            me,
            node: None,
            life: Life::Down,
            lives: 0,
            address: first_address(me),
            told: Told::all(setup.hosts),
            applied: Told::all(setup.hosts),
            issued: vec![Told::all(setup.hosts)],
            held: 0,
            stored: 1,
            accepted: vec![None; setup.hosts],
            preshared: vec![None; setup.hosts],
            hints,
            slept: 0,
            wall: 0,
            deadline: None,
            backlog: VecDeque::new(),
            answered: None,
            asked: BTreeSet::new(),
            random: crate::random::mix(seed ^ (me as u64 + 1)),
        }
    }

    /// Starts a node that knows nothing but what is configured.
    pub(crate) fn start(&mut self, setup: &Setup, now: u64) -> Vec<Made> {
        self.random = crate::random::mix(self.random);
        let machine = Machine::new(Duration::ZERO, self.random);
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.random.to_le_bytes());
        (self.life, self.deadline, self.answered) = (Life::Up, None, None);
        self.lives += 1;
        self.backlog.clear();
        self.asked.clear();
        self.node = Some(Node::start(self.set_clocks(machine, now), private(self.me), seed, setup.kind));
        self.held = 0;
        let mut made = vec![self.deliver(setup, now, self.stored).expect("it is up")];
        for n in 0..setup.hosts {
            made.extend(self.set_preshared(now, n));
            made.extend(self.set_hints(now, n));
        }
        made
    }

    pub(crate) fn stop(&mut self) {
        (self.life, self.node, self.deadline) = (Life::Down, None, None);
        self.backlog.clear();
    }

    pub(crate) fn fall_asleep(&mut self, now: u64) {
        self.life = Life::Asleep { since: now };
    }

    /// Goes on, after sleep or a stall; falling asleep and waking up take a moment.
    pub(crate) fn wake_up(&mut self, now: u64) {
        if let Life::Asleep { since } = self.life {
            self.slept += (now - since).saturating_sub(1000);
        }
        self.life = Life::Up;
    }

    /// Lets the node do something, if it is up.
    pub(crate) fn run(&mut self, now: u64, work: impl FnOnce(&mut Node) -> Made) -> Option<Made> {
        if self.life != Life::Up {
            return None;
        }
        let machine = self.set_clocks(self.node.as_ref()?.machine, now);
        let node = self.node.as_mut()?;
        node.machine = machine;
        let made = work(node);
        let monotonic = now - self.slept;
        self.deadline = made.wait.map(|wait| monotonic + (wait.as_nanos() as u64).div_ceil(1000));
        Some(made)
    }

    /// How long ago it heard from a neighbor, in microseconds of its own; `None`: not in this life.
    pub(crate) fn heard_ago(&self, now: u64, from: usize) -> Option<u64> {
        let node = self.node.as_ref()?;
        let heard = node.link(&key(from))?.heard?;
        let ago = self.set_clocks(node.machine, now).run(|| std::time::Instant::now().saturating_duration_since(heard));
        Some(ago.as_micros() as u64)
    }

    pub(crate) fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    /// When its deadline is, by the world's time, if it does not sleep meanwhile.
    pub(crate) fn due(&self) -> Option<u64> {
        self.deadline.map(|deadline| deadline + self.slept)
    }

    /// Control has another map for it, of this generation.
    pub(crate) fn issue(&mut self) -> u64 {
        self.issued.push(self.told.clone());
        self.newest()
    }

    /// The generation of the newest map that control has for it.
    pub(crate) fn newest(&self) -> u64 {
        self.issued.len() as u64
    }

    /// A map reaches it: newer than what it holds, the same, or older, which it refuses.
    pub(crate) fn deliver(&mut self, setup: &Setup, now: u64, generation: u64) -> Option<Made> {
        let told = self.issued[generation as usize - 1].clone();
        let map = told.map(setup, self.me, generation);
        let mut taken = None;
        let made = self.run(now, |node| {
            let (made, result) = node.offer(&map);
            taken = Some(result);
            made
        })?;
        let taken = taken.expect("it was offered");
        let refused = matches!(taken, Err(MapError::Older { .. }));
        assert_eq!(refused, generation < self.held, "map {generation} after map {}: {taken:?}", self.held);
        if generation <= self.held {
            return Some(made);
        }
        self.held = generation;
        if told.neighbors != self.applied.neighbors {
            self.answered = None;
        }
        for n in (0..setup.hosts).filter(|n| self.applied.accepts[*n]) {
            self.accepted[n] = Some(now);
        }
        self.applied = told;
        Some(made)
    }

    /// When a map of it last accepted what a neighbor sends; `None`: never.
    pub(crate) fn accepted_last(&self, now: u64, from: usize) -> Option<u64> {
        if self.applied.accepts[from] { Some(now) } else { self.accepted[from] }
    }

    pub(crate) fn set_preshared(&mut self, now: u64, with: usize) -> Option<Made> {
        let secret = self.preshared[with].map(|byte| PresharedKey::from_bytes([byte; 32]).expect("it is not zero"));
        self.answered = None;
        self.run(now, |node| node.control(|control, at| control.handle_preshared_keys(at, [(key(with), secret)])))
    }

    pub(crate) fn set_hints(&mut self, now: u64, about: usize) -> Option<Made> {
        let hint = self.hints[about];
        if about == self.me {
            return None;
        }
        self.run(now, |node| node.control(|control, at| control.handle_hints(at, key(about), &[hint])))
    }

    /// Its overlay addresses, as it was last told.
    pub(crate) fn is_mine(&self, address: std::net::IpAddr) -> bool {
        addresses(self.me).contains(&address) || (address == crate::setup::FLOAT && self.applied.float == self.me)
    }

    fn set_clocks(&self, mut machine: Machine, now: u64) -> Machine {
        let since = EPOCH + Duration::from_micros(now);
        let wall = Machine::new(since, 0).wall;
        let off = Duration::from_micros(self.wall.unsigned_abs());
        machine.boot = since;
        machine.monotonic = since - Duration::from_micros(self.slept);
        machine.wall = if self.wall < 0 { wall - off } else { wall + off };
        machine
    }
}

/// Where a host is at first.
pub(crate) fn first_address(n: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n as u8 + 1], 51820))
}

/// What clocks show when a world begins.
const EPOCH: Duration = Duration::from_secs(10_000);

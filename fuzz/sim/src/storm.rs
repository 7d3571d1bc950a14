//! What goes wrong, and what people change meanwhile.

use std::net::SocketAddr;

use nanami_tunnel::engine::ControlHalf;

use crate::host::Life;
use crate::node::Node;
use crate::wire::{Datagram, Origin};
use crate::world::{Happening, SECOND, World};

impl World {
    /// From now on things go wrong.
    pub(crate) fn storm(&mut self) {
        self.healing = None;
        self.wire.stormy = true;
        if self.setup.faults.narrow && self.random.coin() {
            self.wire.narrow = Some(self.random.between(300, 1300) as usize);
        }
        let pause = self.random.between(SECOND, 20 * SECOND);
        self.foresee(pause, Happening::Fault);
    }

    /// One thing goes wrong or is changed, and more later.
    pub(crate) fn fault(&mut self) {
        if !self.wire.stormy {
            return;
        }
        let pause = self.random.between(SECOND, 40 * SECOND);
        self.foresee(pause, Happening::Fault);
        let faults = self.setup.faults;
        let n = self.random.below(self.hosts.len());
        match self.random.below(12) {
            0 if faults.partition => self.part(n),
            1 if faults.roam => self.roam(n),
            2 if faults.crash => self.crash(n),
            3 if faults.sleep => self.pause(n),
            4 if faults.wall => self.set_wall(n),
            5 if faults.flood => self.flood(n, FLOOD_SECONDS),
            6 | 7 if faults.revoke => self.retell(n),
            8 if faults.preshared => self.rotate(n),
            9 => self.ask(n),
            10 => self.reboot_nat(n, 20 * SECOND),
            11 if faults.scan => self.scan(n),
            _ => {}
        }
    }

    /// Nothing passes between a host and another, or all others, in one direction or both.
    fn part(&mut self, n: usize) {
        let lasts = if self.random.coin() { self.random.between(1, 30) } else { self.random.between(91, 280) };
        let (alone, both) = (self.random.coin(), self.random.coin());
        let other = self.random.below(self.hosts.len());
        let others = (0..self.hosts.len()).filter(|m| *m != n && (alone || *m == other)).collect::<Vec<_>>();
        for m in others {
            for (from, to) in [(n, m), (m, n)].into_iter().take(if both { 2 } else { 1 }) {
                self.wire.cut[from][to].get_or_insert(self.now);
                self.foresee(lasts * SECOND, Happening::Mended { from, to });
            }
        }
    }

    pub(crate) fn mend(&mut self, from: usize, to: usize) {
        if let Some(since) = self.wire.cut[from][to].take()
            && self.now - since > 90 * SECOND
        {
            self.rare.count("outages over 90 s");
        }
    }

    pub(crate) fn crash(&mut self, n: usize) {
        self.stop(n);
        let later = self.random.between(0, 150) * SECOND / 3;
        self.foresee(later, Happening::Recovers { host: n, life: self.hosts[n].lives });
    }

    /// A machine sleeps, or a process is stopped.
    fn pause(&mut self, n: usize) {
        if self.hosts[n].life != Life::Up {
            return;
        }
        let lasts = if self.random.coin() { self.random.between(1, 60) } else { self.random.between(60, 400) };
        if self.random.coin() {
            self.hosts[n].fall_asleep(self.now);
            self.rare.add("sleeps over 180 s", u64::from(lasts > 180));
        } else {
            self.hosts[n].life = Life::Stalled;
            self.rare.count("processes stalled");
        }
        self.foresee(lasts * SECOND, Happening::Recovers { host: n, life: self.hosts[n].lives });
    }

    /// A host starts again, wakes up or goes on.
    pub(crate) fn recover(&mut self, n: usize, life: u32) {
        if self.hosts[n].lives != life || self.hosts[n].life == Life::Up {
            return;
        }
        if self.hosts[n].life == Life::Down {
            self.rare.count("restarts");
            return self.start(n);
        }
        self.hosts[n].wake_up(self.now);
        if self.hosts[n].told != self.hosts[n].applied && self.random.coin() {
            self.apply(n);
        }
        let backlog = std::mem::take(&mut self.hosts[n].backlog);
        if self.random.coin() {
            self.run(n, Node::tick);
        }
        backlog.iter().for_each(|datagram| self.hear(n, datagram));
        if self.random.coin() {
            self.run(n, |node| node.control(ControlHalf::handle_network_changed));
        }
        self.apply(n);
        if let Some(due) = self.hosts[n].due() {
            self.foresee(due.saturating_sub(self.now), Happening::Due(n));
        }
    }

    /// Somebody, or NTP, sets a wall clock.
    fn set_wall(&mut self, n: usize) {
        let off = self.random.between(0, 2 * FURTHEST) as i64 - FURTHEST as i64;
        self.turn_wall(n, off);
    }

    pub(crate) fn turn_wall(&mut self, n: usize, off: i64) {
        if off < self.hosts[n].wall {
            self.rare.count("wall clocks set back");
            // It has shown at most FURTHEST too much; a state made at its worst shows FURTHEST too little for ever.
            self.clocks_right = self.now + 2 * FURTHEST;
        }
        self.hosts[n].wall = off;
    }

    /// Control changes what a host is told: who is a neighbor, who is accepted, where the address is that moves.
    fn retell(&mut self, n: usize) {
        let other = (n + 1 + self.random.below(self.hosts.len() - 1)) % self.hosts.len();
        match self.random.below(3) {
            0 => {
                self.rare.count("addresses moved between hosts");
                for m in 0..self.hosts.len() {
                    self.hosts[m].told.float = n;
                    let later = self.random.between(0, 4 * SECOND);
                    self.foresee(later, Happening::Applies(m));
                }
            }
            1 => self.hosts[n].told.neighbors[other] ^= true,
            _ => {
                self.rare.count("rules revoked");
                self.hosts[n].told.accepts[other] ^= true;
            }
        }
        self.tell(n);
    }

    /// Two hosts get another secret, one after the other.
    fn rotate(&mut self, n: usize) {
        let other = (n + 1 + self.random.below(self.hosts.len() - 1)) % self.hosts.len();
        self.rare.count("preshared keys changed");
        let secret = self.random.coin().then(|| self.random.between(1, 255) as u8);
        self.hosts[n].preshared[other] = secret;
        self.hosts[other].preshared[n] = secret;
        self.share(n, other);
        let later = self.random.between(0, 10 * SECOND);
        self.foresee(later, Happening::Preshared { host: other, with: n });
    }

    pub(crate) fn share(&mut self, n: usize, with: usize) {
        let made = self.hosts[n].set_preshared(self.now, with);
        made.into_iter().for_each(|made| self.take(n, made));
    }

    /// Somebody asks how far another host is.
    fn ask(&mut self, n: usize) {
        let other = (n + 1 + self.random.below(self.hosts.len() - 1)) % self.hosts.len();
        self.run(n, |node| node.control(|control, now| control.handle_probe(now, crate::setup::key(other))));
    }

    /// An initiation that a host has answered comes to it again and again, from everywhere; a neighbor comes back meanwhile.
    pub(crate) fn flood(&mut self, n: usize, left: u32) {
        let Some(bytes) = self.hosts[n].answered.clone().filter(|_| self.hosts[n].life == Life::Up) else { return };
        if left == FLOOD_SECONDS {
            self.rare.count("floods of initiations");
            let other = (n + 1 + self.random.below(self.hosts.len() - 1)) % self.hosts.len();
            self.stop(other);
            self.foresee(SECOND, Happening::Recovers { host: other, life: self.hosts[other].lives });
        }
        for _ in 0..FLOOD_PER_SECOND {
            let datagram = self.attackers(n, bytes.clone());
            self.hear(n, &datagram);
        }
        if left > 1 && self.wire.stormy {
            self.foresee(SECOND, Happening::Flooded { host: n, left: left - 1 });
        }
    }

    /// What was taken comes again, now or much later, from somewhere else.
    pub(crate) fn replay(&mut self, n: usize, datagram: &Datagram) {
        if datagram.bytes[0] == 1 && self.hosts[n].answered.as_ref() != Some(&datagram.bytes) {
            return;
        }
        self.rare.count("datagrams replayed");
        let replayed = self.attackers(n, datagram.bytes.clone());
        self.hear(n, &replayed);
    }

    fn attackers(&mut self, n: usize, bytes: Vec<u8>) -> Datagram {
        let from =
            SocketAddr::from(([203, 0, 113, self.random.below(256) as u8], 1024 + self.random.below(60_000) as u16));
        Datagram { from, to: self.hosts[n].address, bytes, origin: Origin::Attacker }
    }
}

/// How far a wall clock is set wrong at most, in microseconds.
pub(crate) const FURTHEST: u64 = 15 * SECOND;
/// How long a flood lasts.
const FLOOD_SECONDS: u32 = 3;
/// Above what an engine takes without cookies.
const FLOOD_PER_SECOND: u32 = 130;

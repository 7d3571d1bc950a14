//! What hosts send each other.

use std::net::IpAddr;

use crate::host::Life;
use crate::ledger::Sent;
use crate::node::Kind;
use crate::packet::{Ends, Tagged};
use crate::setup::{BEHIND, FLOAT, GATEWAYS, PORT, addresses, by_hub, is_by_hub};
use crate::world::{Happening, SECOND, World};

impl World {
    /// Something is sent by somebody, and more later.
    pub(crate) fn traffic(&mut self) {
        let pause = self.random.between(SECOND / 5, SECOND * 3 / 2);
        self.foresee(pause, Happening::Traffic);
        if !self.wire.stormy {
            return;
        }
        let from = self.random.below(self.hosts.len());
        let to = (from + 1 + self.random.below(self.hosts.len() - 1)) % self.hosts.len();
        let burst = if self.random.permille(20) { 60 } else { self.random.between(1, 3) };
        let v6 = self.random.permille(300);
        for _ in 0..burst {
            match self.random.below(10) {
                0 if self.setup.faults.spoof => self.spoof(to),
                1 if self.hosts[from].is_mine(FLOAT) => self.send(from, to, FLOAT, false),
                2 | 3 if self.setup.gateways && from >= GATEWAYS => self.send_behind(from),
                4 | 5 if self.setup.are_by_hub(from, to) => self.send(from, to, by_hub(from), false),
                _ => self.send(from, to, addresses(from)[usize::from(v6)], false),
            }
        }
    }

    /// A packet from one host to the service of another.
    pub(crate) fn send(&mut self, from: usize, to: usize, source: IpAddr, spoofed: bool) {
        let target = if is_by_hub(source) { by_hub(to) } else { addresses(to)[usize::from(source.is_ipv6())] };
        // The client's port says little, so that flows are continued and opened anew.
        let ends = Ends { from: (source, 1024 + self.random.below(40) as u16), to: (target, PORT) };
        let length = self.length();
        self.push(from, Some(to), ends, length, None, spoofed);
    }

    /// Whatever the sender was told, this source is somebody else's.
    fn spoof(&mut self, to: usize) {
        let rogue = self.hosts.len() - 1;
        let victim = self.random.below(self.hosts.len());
        if to == rogue || victim == rogue {
            return;
        }
        self.rare.count("sources spoofed");
        let family = self.random.below(2);
        self.send(rogue, to, addresses(victim)[family], true);
    }

    /// A host opens more flows than fit, asks for services that nobody offers, and sends more at once than may wait.
    pub(crate) fn scan(&mut self, from: usize) {
        self.rare.count("scans");
        let to = (from + 1 + self.random.below(self.hosts.len() - 1)) % self.hosts.len();
        let [own, other] = [from, to].map(|n| addresses(n)[0]);
        // Ports that are this far apart are in one shard of the table of flows.
        let first = self.random.below(SHARD_PORTS - SCANNED) as u16;
        for n in 0..SCANNED as u16 {
            let ends = Ends { from: (own, 1024 + (first + n) * 16), to: (other, PORT) };
            self.push(from, Some(to), ends, 64, None, false);
        }
        for n in 0..200 {
            let ends = Ends { from: (own, 1024), to: (other, 3000 + n) };
            self.push(from, Some(to), ends, 1400, None, false);
        }
    }

    pub(crate) fn send_behind(&mut self, from: usize) {
        let ends = Ends { from: (addresses(from)[0], 1024 + self.random.below(40) as u16), to: (BEHIND, PORT) };
        let length = self.length();
        self.push(from, None, ends, length, None, false);
    }

    /// Whoever got a packet answers it, from where it was sent to.
    pub(crate) fn reply(&mut self, by: usize, id: u64) {
        let question = self.ledger.get(id).expect("it arrived");
        let (to, ends) = (question.from, question.ends.back());
        let length = self.length();
        if self.healing.is_none() || !self.setup.silent[by][to] {
            self.push(by, Some(to), ends, length, Some(id), false);
        }
    }

    /// The same some time later, when control may have changed its mind; not in another life, which knows nothing of it.
    pub(crate) fn reply_late(&mut self, by: usize, life: u32, id: u64) {
        if self.hosts[by].lives == life {
            self.reply(by, id);
        }
    }

    /// Whether what a host answers is not accepted by its map any more. The address that moves may be accepted from somebody
    /// else, and a full table forgets what was revoked.
    fn is_revoked(&self, by: usize, to: Option<usize>, ends: Ends) -> bool {
        let known = self.setup.kind == Kind::Filtered && !self.setup.faults.scan && ends.to.0 != FLOAT;
        known && to.is_some_and(|to| !self.hosts[by].applied.accepts[to])
    }

    fn push(&mut self, from: usize, to: Option<usize>, ends: Ends, length: usize, answers: Option<u64>, spoofed: bool) {
        let id = self.ledger.next_id();
        let packet = Tagged::new(ends, id, length);
        let bytes = packet.bytes.clone();
        let revoked = answers.is_some() && self.is_revoked(from, to, ends);
        self.rare.add("replies to revoked flows", u64::from(revoked));
        self.ledger.push(Sent { from, to, ends, packet, at: self.now, answers, spoofed, revoked, arrived: None });
        if self.hosts[from].life == Life::Up {
            self.hosts[from].asked.insert(ends);
        }
        self.run(from, |node| node.send(&bytes));
    }

    fn length(&mut self) -> usize {
        if self.random.permille(200) { self.random.between(36, 1420) as usize } else { 64 }
    }
}

/// How many flows a scan opens: more than the 1,024 of a shard.
const SCANNED: usize = 1500;
/// How many ports above 1,024 are in one shard.
const SHARD_PORTS: usize = (65_536 - 1024) / 16;

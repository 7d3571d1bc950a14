//! What hosts send each other.

use std::net::IpAddr;

use crate::ledger::Sent;
use crate::packet::{Ends, Tagged};
use crate::setup::{BEHIND, FLOAT, GATEWAYS, PORT, addresses};
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
                _ => self.send(from, to, addresses(from)[usize::from(v6)], false),
            }
        }
    }

    /// A packet from one host to the service of another.
    pub(crate) fn send(&mut self, from: usize, to: usize, source: IpAddr, spoofed: bool) {
        let target = addresses(to)[usize::from(source.is_ipv6())];
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

    fn push(&mut self, from: usize, to: Option<usize>, ends: Ends, length: usize, answers: Option<u64>, spoofed: bool) {
        let id = self.ledger.next_id();
        let packet = Tagged::new(ends, id, length);
        let (bytes, life) = (packet.bytes.clone(), self.hosts[from].lives);
        self.ledger.push(Sent { from, to, ends, packet, at: self.now, answers, life, spoofed, arrived: None });
        self.run(from, |node| node.send(&bytes));
    }

    fn length(&mut self) -> usize {
        if self.random.permille(200) { self.random.between(36, 1420) as usize } else { 64 }
    }
}

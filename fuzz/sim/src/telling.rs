//! What control tells hosts: maps, late, twice and out of order, kept by a store that a crash takes the latest from.
//!
//! A host enforces the newest map that reached it, and starts with the newest that its disk has. Whatever it was told
//! meanwhile, control tells it again.

use crate::world::{Happening, SECOND, World};

impl World {
    /// Control has another map for a host, which takes its time to get there, and may come again.
    pub(crate) fn tell(&mut self, n: usize) {
        if !self.setup.faults.late {
            return self.apply(n);
        }
        let generation = self.hosts[n].issue();
        let times = if self.random.permille(250) { 2 } else { 1 };
        for _ in 0..times {
            let later = self.random.between(0, 30 * SECOND);
            self.foresee(later, Happening::Delivered { host: n, generation });
        }
    }

    /// Control has another map for a host, which has it at once.
    pub(crate) fn apply(&mut self, n: usize) {
        let generation = self.hosts[n].issue();
        self.deliver(n, generation);
    }

    /// A map reaches a host, if that is up.
    pub(crate) fn deliver(&mut self, n: usize, generation: u64) {
        let held = self.hosts[n].held;
        let Some(made) = self.hosts[n].deliver(&self.setup, self.now, generation) else { return };
        self.take(n, made);
        self.rare.add("maps that came after a newer one", u64::from(generation < held));
        self.rare.add("maps that came twice", u64::from(generation == held));
        if generation > held {
            let later = if self.setup.faults.late { self.random.between(0, 2 * SECOND) } else { 0 };
            let life = self.hosts[n].lives;
            self.foresee(later, Happening::Stored { host: n, life, generation });
        }
    }

    /// A host's disk has a map, if the host lives so long.
    pub(crate) fn stored(&mut self, n: usize, life: u32, generation: u64) {
        let host = &mut self.hosts[n];
        if host.lives == life && host.node().is_some() {
            host.stored = host.stored.max(generation);
        }
    }

    /// A host has started with what its disk had, and asks what it missed.
    pub(crate) fn catch_up(&mut self, n: usize) {
        let (newest, stored) = (self.hosts[n].newest(), self.hosts[n].stored);
        if stored < newest {
            self.rare.count("starts with an old map");
            let later = self.random.between(0, 10 * SECOND);
            self.foresee(later, Happening::Delivered { host: n, generation: newest });
        }
    }
}

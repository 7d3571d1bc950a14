//! What an effect is, for the id of a plan.
//!
//! **Invariant**: equal for two effects exactly if they are the same passages, however these were compared. A small effect is read
//! passage by passage. Of a large one each peer that begins is read with the set of what it gains, loses or has disturbed: the
//! sum of the digests of its ends, modulo 2^256, as facets of maps are (PLANNING.md section 3).

use std::collections::BTreeMap;

use nanami_model::{PeerId, Services};

use super::{Disturbance, Effect, Passage};
use crate::desired::Desired;
use crate::words::Words;

/// The largest effect that is read passage by passage.
const SMALL: usize = 4096;

impl Effect {
    /// Shows everything that makes this effect what it is.
    pub(crate) fn print(&self, part: &mut dyn FnMut(&str)) {
        let all = [
            ("gained", self.gained()),
            ("lost", self.lost()),
            ("rerouted", self.rerouted()),
            ("disturbed", self.disturbed()),
        ];
        let large = all.iter().map(|(_, flows)| flows.count()).sum::<usize>() > SMALL;
        if large && self.0.blocks.is_some() {
            return self.print_sets(part);
        }
        for (word, flows) in all {
            part(word);
            flows.iter().for_each(|passage: &Passage| part(&format!("{passage:?}")));
        }
    }

    fn print_sets(&self, part: &mut dyn FnMut(&str)) {
        let parts = &self.0;
        part("sets");
        for passage in parts.pairs.gained.iter().chain(&parts.pairs.lost) {
            part(&format!("{passage:?}"));
        }
        let moved = |passage: &&Passage| passage.before.is_some() || passage.disturbance.is_some();
        parts.pairs.kept.iter().filter(moved).for_each(|passage| part(&format!("{passage:?}")));
        let mut sets = Sets::default();
        for block in parts.blocks.iter().flatten() {
            let (before, after) = (parts.before.as_ref(), Some(&parts.after));
            let disturbed = block.disturbed();
            for (word, services, state) in [
                ("gained", block.gained.as_ref(), after),
                ("lost", block.lost.as_ref(), before),
                ("kept", disturbed, after),
            ] {
                let (Some(services), Some(state)) = (services, state) else { continue };
                let why = block.disturbance.filter(|_| word == "kept");
                sets.add((word, services.clone(), why), state, &block.from, &block.to);
            }
        }
        for ((word, services, why), of) in sets.0 {
            part(&format!("{word} {services} {why:?}"));
            for (from, sum) in of {
                part(&format!("{from} {sum:?}"));
            }
        }
    }
}

type Key = (&'static str, Services, Option<Disturbance>);

/// For each kind of thing that happens and each peer that begins: the sum over the others.
#[derive(Default)]
struct Sets(BTreeMap<Key, BTreeMap<PeerId, Sum>>);

/// A number modulo 2^256, the least significant word first.
type Sum = [u64; 4];

impl Sets {
    fn add(&mut self, key: Key, state: &Desired, from: &Words, to: &Words) {
        let id = |slot| state.intent().in_slot(slot).map(|(id, _)| id);
        let mut whole = Sum::default();
        to.iter().filter_map(id).for_each(|to| whole = plus(whole, digest(to)));
        let sums = self.0.entry(key).or_default();
        for slot in from.iter() {
            let Some(id) = id(slot) else { continue };
            // Nobody makes a pair with itself.
            let own = if to.contains(slot) { minus(whole, digest(id)) } else { whole };
            if own != Sum::default() {
                let sum = sums.entry(id).or_default();
                *sum = plus(*sum, own);
            }
        }
    }
}

fn digest(peer: PeerId) -> Sum {
    let bytes = blake3::derive_key("nanami 2026 end of a passage v1", &peer.to_bytes());
    let word = |n: usize| u64::from_le_bytes(bytes[8 * n..8 * n + 8].try_into().expect("four words are 32 bytes"));
    [0, 1, 2, 3].map(word)
}

fn plus(a: Sum, b: Sum) -> Sum {
    let mut carry = 0;
    let mut sum = Sum::default();
    for (n, word) in sum.iter_mut().enumerate() {
        let wide = u128::from(a[n]) + u128::from(b[n]) + carry;
        (*word, carry) = (wide as u64, wide >> 64);
    }
    sum
}

fn minus(a: Sum, b: Sum) -> Sum {
    // a + !b + 1
    plus(plus(a, b.map(|word| !word)), [1, 0, 0, 0])
}

//! From the access of one revision to that of the next, by what was touched.
//!
//! **Invariant**: the result allows what [`Access::of`] of the next revision does. What was not touched is shared with the revision
//! before; nothing that was computed for an answer is kept, so nothing has to be made invalid.

use std::collections::BTreeSet;
use std::sync::Arc;

use nanami_model::{Intent, PeerId, PolicyId, Selector, Slot};

use super::rule::Rule;
use super::side::{Closures, SideId, SideKey};
use super::signature::SignatureId;
use super::{Access, bearing, outer};
use crate::touched::Touched;

impl Access {
    /// The access of the next revision. Adds the number of elements that were looked at to `work`.
    pub(crate) fn advanced(&self, next: &Intent, touched: &Touched, work: &mut u64) -> Self {
        let mut access = self.clone();
        access.intent = next.clone();
        if touched.nesting {
            access.outer = Arc::new(outer(next));
        }
        if touched.ways {
            access.bearing = Arc::new(bearing(next));
        }
        for slot in &touched.peers {
            access.families.update(next, *slot);
            access.resign(*slot, work);
        }
        for slot in &touched.policies {
            access.replace(*slot, work);
        }
        access
    }

    /// Puts a peer on the sides that it is on now.
    fn resign(&mut self, slot: Slot<PeerId>, work: &mut u64) {
        let was: BTreeSet<SideId> = self.signatures.sides(self.signatures.of(slot)).collect();
        let is = self.sides_of(slot);
        *work += (was.len() + is.len()) as u64;
        for side in was.symmetric_difference(&is) {
            let Some(side) = self.sides.get_mut(*side as usize).map(Arc::make_mut) else { continue };
            _ = side.members.insert(slot) || side.members.remove(slot);
        }
        if was == is {
            return;
        }
        match self.alike(slot, &was, &is, work) {
            Some(signature) => self.signatures.take(slot, signature),
            None => self.signatures.set(slot, is, work),
        }
    }

    /// The signature of these sides, if one of the first others on a side that a peer came to is on just these. Most often that is
    /// so, and then nobody looks for the path among those of all groups.
    fn alike(
        &self,
        slot: Slot<PeerId>,
        was: &BTreeSet<SideId>,
        is: &BTreeSet<SideId>,
        work: &mut u64,
    ) -> Option<SignatureId> {
        let sides = is.difference(was).take(1).chain(is.last());
        let others = sides.flat_map(|side| self.members(*side).iter().filter(|other| *other != slot).take(2));
        let mut signatures = others.map(|other| self.signatures.of(other));
        signatures.find(|signature| {
            *work += is.len() as u64;
            self.signatures.sides(*signature).eq(is.iter().rev().copied())
        })
    }

    /// The sides that a peer is on, by what the intent says of it.
    fn sides_of(&self, slot: Slot<PeerId>) -> BTreeSet<SideId> {
        let Some((id, peer)) = self.intent.in_slot(slot).filter(|(_, peer)| peer.status().is_effective()) else {
            return BTreeSet::new();
        };
        let owner = peer.owner().and_then(|owner| self.intent.get(owner));
        let mut open: Vec<_> =
            peer.groups().iter().chain(owner.into_iter().flat_map(|o| o.groups())).copied().collect();
        let mut groups = BTreeSet::new();
        while let Some(group) = open.pop() {
            if groups.insert(group) {
                open.extend(self.outer.get(&group).into_iter().flatten());
            }
        }
        let networks = peer.networks().iter().map(|id| Selector::Network(*id));
        let selectors = groups.into_iter().map(Selector::Group).chain(networks).chain([Selector::Peer(id)]);
        let about = |selector: Selector| {
            let first = SideKey { selector, conditions: Vec::new() };
            self.numbers.range(first..).take_while(move |(key, _)| key.selector == selector)
        };
        selectors.flat_map(about).filter(|(key, _)| key.holds(peer)).map(|(_, number)| *number).collect()
    }

    /// Puts the rule of a policy as it is now in the place of what it was.
    fn replace(&mut self, slot: Slot<PolicyId>, work: &mut u64) {
        let next = self.intent.clone();
        let known = self.sides.len();
        let mut closures = Closures::default();
        let rule = next.in_slot(slot);
        let rule = rule.map(|(id, policy)| Rule::of(id, policy, &mut |key| self.side(key, &mut closures)));
        for number in known..self.sides.len() {
            let members = self.members(number as SideId).clone();
            for member in members.iter() {
                let mut sides: BTreeSet<SideId> = self.signatures.sides(self.signatures.of(member)).collect();
                sides.insert(number as SideId);
                self.signatures.set(member, sides, work);
            }
        }
        *work += 1;
        let at = slot.index() as u32;
        if self.rule(at).map(|rule| &**rule) != rule.as_ref() {
            self.put(at, rule);
        }
    }
}

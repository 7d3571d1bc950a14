//! What peers do about each other where no gateway carries anything between them: rules and tunnels.
//!
//! **Invariant**: both come of the sets that rules lead to, and no pair is looked at by itself; those who are compared share by share
//! are left out.

use nanami_model::{PolicyId, Services};

use super::bundle::Deed;
use super::find::{Finding, Tied};
use super::group::Group;
use crate::access::expand::Toward;
use crate::around::{Around, Between};
use crate::lets::{Change, Lets, Rewrite};
use crate::stage::Stage;
use crate::words::Words;

impl Finding<'_> {
    pub(super) fn rules(&mut self, group: &Group, around: &Between) {
        let apart = self.apart(group);
        if self.scope.swapped.is_empty() {
            return self.rules_by_parts(group, around, &apart);
        }
        let none = Lets::new();
        // What others let in from those who were touched is said here for those who were not.
        let ways = if group.touched { &[Toward::Here, Toward::There][..] } else { &[Toward::Here] };
        for toward in ways.iter().copied() {
            let [was, is] = around.toward(toward);
            let mut others = Words::all_of(was.values().chain(is.values()));
            group.leave_out_itself(&mut others);
            others.subtract(&apart);
            if toward == Toward::There || !group.touched {
                others.subtract(&self.scope.touched);
            }
            for (others, [old, new]) in self.split(others) {
                let (was, is) = (if old { was } else { &none }, if new { is } else { &none });
                let rewrite = Rewrite { was, is, before: was, after: is };
                for ((stage, policy, deed), part) in rewrite.of(&others, accepting) {
                    self.add(stage, policy, deed, group, &part, toward == Toward::Here);
                }
            }
        }
    }

    /// The same where every slot is the same peer's before and after, so that it is known in which parts the others are.
    fn rules_by_parts(&mut self, group: &Group, around: &Between, apart: &Words) {
        let changes = |toward: Toward| -> Vec<(Change, Words)> {
            let [was, is] = around.toward(toward);
            let parts = around.unlike(toward).iter().map(|(part, services)| {
                let mut part = part.clone();
                group.leave_out_itself(&mut part);
                part.subtract(apart);
                (part, services)
            });
            Rewrite { was, is, before: was, after: is }.of_parts(parts, accepting).collect()
        };
        let mut here = changes(Toward::Here);
        if !group.touched {
            here.iter_mut().for_each(|(_, part)| part.subtract(&self.scope.touched));
        }
        for ((stage, policy, deed), part) in &here {
            self.add(*stage, *policy, deed.clone(), group, part, true);
        }
        if !group.touched {
            return;
        }
        let there = if around.is_both_ways() { here } else { changes(Toward::There) };
        for ((stage, policy, deed), mut part) in there {
            part.subtract(&self.scope.touched);
            self.add(stage, policy, deed, group, &part, false);
        }
    }

    pub(super) fn tunnels(&mut self, group: &Group, around: &[Around; 2], tied: &[Tied; 2]) {
        let mut apart = self.apart(group);
        tied.iter().for_each(|state| apart.union(&state.carrying));
        let [mut was, mut is] = [0, 1].map(|n| tied[n].direct.clone());
        for set in [&mut was, &mut is] {
            set.subtract(&apart);
            if !group.touched {
                set.subtract(&self.scope.touched);
            }
        }
        let (mut come, mut go) = (is.clone(), was.clone());
        for (set, other) in [(&mut come, &was), (&mut go, &is)] {
            let mut kept = other.clone();
            kept.subtract(&self.scope.swapped);
            set.subtract(&kept);
        }
        for (n, stage, set, deed) in
            [(1, Stage::Prepare, come, Deed::Connect), (0, Stage::Retire, go, Deed::Disconnect)]
        {
            for (policy, part) in self.by_first_policy(n, &around[n], set) {
                self.add(stage, policy, deed.clone(), group, &part, true);
                if group.touched {
                    let mut untouched = part;
                    untouched.subtract(&self.scope.touched);
                    self.add(stage, policy, deed.clone(), group, &untouched, false);
                }
            }
        }
    }

    /// Those of a set by the first policy by name that lets anything through either way.
    fn by_first_policy(&self, n: usize, around: &Around, mut left: Words) -> Vec<(PolicyId, Words)> {
        let Some(state) = self.scope.states[n].filter(|_| !left.is_empty()) else { return Vec::new() };
        let all = around.each().map(|((policy, _), who)| (*policy, who));
        let mut lets: Vec<_> = all.filter(|(_, who)| left.meets(who)).collect();
        lets.sort_by(|a, b| state.intent().name_of(a.0).cmp(&state.intent().name_of(b.0)));
        let mut found: Vec<(PolicyId, Words)> = Vec::new();
        for (policy, who) in lets {
            let mut own = left.clone();
            own.intersect(who);
            if own.is_empty() {
                continue;
            }
            left.subtract(&own);
            match found.last_mut().filter(|(last, _)| *last == policy) {
                Some((_, known)) => known.union(&own),
                None => found.push((policy, own)),
            }
        }
        found
    }
}

/// What is done about others where rules between peers change.
fn accepting(stage: Stage, services: Option<Services>) -> Deed {
    match (stage, services) {
        (_, None) => Deed::Attribute(None),
        (Stage::Tighten | Stage::Retire, Some(services)) => Deed::Refuse(services),
        (_, Some(services)) => Deed::Accept(services),
    }
}

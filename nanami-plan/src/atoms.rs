//! The ranges behind routes that two states can both be asked about.
//!
//! **Invariant**: an atom is a prefix of some route of either state, less what is more specific, and belongs in each state to the
//! route with the longest prefix around it; so what is compared atom by atom means the same addresses before and after.

use std::collections::BTreeMap;

use nanami_model::{Cidr, Intent, RouteId};

/// Which route each atom belongs to, before and after.
#[derive(Debug, Default)]
pub(crate) struct Atoms {
    owners: [BTreeMap<Cidr, RouteId>; 2],
    of: [BTreeMap<RouteId, Vec<Cidr>>; 2],
}

impl Atoms {
    pub(crate) fn between(before: Option<&Intent>, after: &Intent) -> Self {
        let prefixes = |intent: &Intent| -> BTreeMap<Cidr, RouteId> {
            intent.routes().flat_map(|(id, route)| route.prefixes().iter().map(move |prefix| (*prefix, id))).collect()
        };
        let exact = [before.map(prefixes).unwrap_or_default(), prefixes(after)];
        let mut ranges: Vec<Cidr> = exact.iter().flat_map(|exact| exact.keys().copied()).collect();
        // What covers others stands before them.
        ranges.sort_unstable_by_key(|range| (range.is_ipv4(), range.address(), range.length()));
        ranges.dedup();
        let mut atoms = Self::default();
        for (state, exact) in exact.iter().enumerate() {
            let mut around: Vec<(Cidr, Option<RouteId>)> = Vec::new();
            for range in &ranges {
                while around.last().is_some_and(|(outer, _)| !outer.covers(range)) {
                    around.pop();
                }
                let owner = exact.get(range).copied().or_else(|| around.last().and_then(|(_, owner)| *owner));
                around.push((*range, owner));
                if let Some(owner) = owner {
                    atoms.owners[state].insert(*range, owner);
                    atoms.of[state].entry(owner).or_default().push(*range);
                }
            }
        }
        atoms
    }

    /// The route that an atom belongs to before (0) or after (1).
    pub(crate) fn owner(&self, state: usize, atom: &Cidr) -> Option<RouteId> {
        self.owners[state].get(atom).copied()
    }

    /// Every atom that belongs to a route before (0) or after (1), with that route.
    pub(crate) fn owned(&self, state: usize) -> impl Iterator<Item = (&Cidr, &RouteId)> {
        self.owners[state].iter()
    }

    /// The atoms that belong to a route before (0) or after (1).
    pub(crate) fn of(&self, state: usize, route: RouteId) -> &[Cidr] {
        self.of[state].get(&route).map(Vec::as_slice).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_atom_belongs_to_the_longest_prefix_around_it_in_each_state() {
        let acme = Intent::from_toml(include_str!("../../examples/acme.toml")).unwrap();
        let vpc = acme.id::<RouteId>("vpc").unwrap();
        let mut draft = acme.draft();
        let route = acme.get(vpc).unwrap();
        let narrow: Cidr = "10.60.7.0/24".parse().unwrap();
        let gateways = acme.gateways_of(vpc);
        let canary = draft.add(nanami_model::Route::new("canary".parse().unwrap(), route.network(), narrow, gateways));
        let next = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
        let canary = next.id::<RouteId>("canary").unwrap_or(canary);
        let atoms = Atoms::between(Some(&acme), &next);
        let wide: Cidr = "10.60.0.0/16".parse().unwrap();
        assert_eq!((atoms.owner(0, &narrow), atoms.owner(1, &narrow)), (Some(vpc), Some(canary)));
        assert_eq!((atoms.owner(0, &wide), atoms.owner(1, &wide)), (Some(vpc), Some(vpc)));
        assert_eq!(atoms.of(0, vpc), [wide, narrow]);
        assert_eq!(atoms.of(1, vpc), [wide]);
    }
}

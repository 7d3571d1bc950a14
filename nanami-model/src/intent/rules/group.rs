//! Groups do not contain themselves (PLANNING section 8, case 28).

use std::collections::{BTreeMap, BTreeSet};

use super::contradiction;
use crate::id::GroupId;
use crate::intent::Tables;
use crate::object::Label;
use crate::refused::Violation;

/// The groups, and all that are nested in them.
pub(super) fn reachable(tables: &Tables, mut open: Vec<GroupId>) -> BTreeSet<GroupId> {
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(nested(tables, &id));
        }
    }
    found
}

/// Of these groups, those whose nested groups all end are set aside, then those that no remaining group contains; what is left
/// after both runs in circles. Without recursion, for a chain of groups may be as long as a document.
pub(super) fn nesting(tables: &Tables, groups: BTreeSet<GroupId>, found: &mut Vec<Violation>) {
    let edges: Vec<_> =
        groups.iter().flat_map(|id| nested(tables, id).iter().map(move |inner| (*id, *inner))).collect();
    if edges.is_empty() {
        return;
    }
    let outward = endless(groups, &edges);
    let inward: Vec<_> = edges.iter().map(|(outer, inner)| (*inner, *outer)).collect();
    let mut circling: Vec<_> = endless(outward, &inward).into_iter().collect();
    circling.sort_by_key(|id| tables.groups.get(id).map(|group| crate::object::Entity::name(group).clone()));
    let among: BTreeSet<_> = circling.iter().copied().collect();
    for (n, id) in circling.into_iter().enumerate() {
        let circle = if n < SPELLED_OUT { circle(tables, id, &among) } else { None };
        let why = "its nested groups run in a circle".to_owned() + &circle.unwrap_or_default();
        found.push(contradiction(Label::new(id, tables), "groups", why, "break the circle of nested groups"));
    }
}

/// For so many groups the circle is spelled out (chosen: nobody reads more, and each takes a search).
const SPELLED_OUT: usize = 8;

/// The shortest way from a group back to itself, in words; `None` if it only leads into a circle of others.
fn circle(tables: &Tables, start: GroupId, among: &BTreeSet<GroupId>) -> Option<String> {
    let mut came_from = BTreeMap::new();
    let mut open = std::collections::VecDeque::from([start]);
    while let Some(id) = open.pop_front() {
        for inner in nested(tables, &id).iter().filter(|inner| among.contains(inner)) {
            if came_from.contains_key(inner) {
                continue;
            }
            came_from.insert(*inner, id);
            if *inner == start {
                let back =
                    std::iter::successors(Some(start), |id| came_from.get(id).copied().filter(|id| *id != start));
                let mut way: Vec<_> = back.chain([start]).collect();
                way.reverse();
                return Some(spelled(tables, &way));
            }
            open.push_back(*inner);
        }
    }
    None
}

/// The groups of a way, the middle of a long one left out.
fn spelled(tables: &Tables, way: &[GroupId]) -> String {
    const ENDS: usize = 6;
    let name = |id: &GroupId| tables.groups.get(id).map(|g| crate::object::Entity::name(g).to_string());
    let names: Vec<_> = way.iter().filter_map(name).collect();
    match names.len() {
        long if long > 2 * ENDS => {
            format!(": {} -> … -> {}", names[..ENDS].join(" -> "), names[long - ENDS..].join(" -> "))
        }
        _ => format!(": {}", names.join(" -> ")),
    }
}

fn nested<'a>(tables: &'a Tables, id: &GroupId) -> &'a [GroupId] {
    tables.groups.get(id).map(|group| group.groups()).unwrap_or_default()
}

/// Of these groups, those from which the edges among them lead on for ever.
fn endless(mut groups: BTreeSet<GroupId>, edges: &[(GroupId, GroupId)]) -> BTreeSet<GroupId> {
    let (mut onward, mut before) = (BTreeMap::<_, usize>::new(), BTreeMap::<_, Vec<_>>::new());
    for (from, to) in edges.iter().filter(|(from, to)| groups.contains(from) && groups.contains(to)) {
        *onward.entry(*from).or_default() += 1;
        before.entry(*to).or_default().push(*from);
    }
    let mut ended: Vec<_> = groups.iter().copied().filter(|id| !onward.contains_key(id)).collect();
    while let Some(id) = ended.pop() {
        groups.remove(&id);
        for from in before.remove(&id).unwrap_or_default() {
            let left = onward.get_mut(&from).expect("an edge leads from it");
            *left -= 1;
            if *left == 0 {
                ended.push(from);
            }
        }
    }
    groups
}

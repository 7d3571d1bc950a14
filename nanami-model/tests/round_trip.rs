//! Every form of a workspace reads as it was written: documents, and what a log keeps of objects and changes. And of any two
//! workspaces the changes from one to the other do what they say, and back.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::BTreeSet;

use common::{dice, world::world};
use nanami_model::{Actor, Change, ChangeSet, Entity, Intent, Network, Object, ObjectId, Peer, document_schema};
use proptest::prelude::*;

fn read(text: &str) -> Intent {
    Intent::from_toml(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

fn objects(intent: &Intent) -> Vec<Object> {
    let mut all = Vec::new();
    macro_rules! add {
        ($($listing:ident),*) => { $(
            all.extend(intent.$listing().map(|(id, _)| intent.object(id.into()).unwrap()));
        )* };
    }
    add!(users, groups, networks, regions, peers, gateways, routes, policies, join_keys, assertions, sessions);
    all.push(intent.object(intent.workspace().into()).unwrap());
    all
}

/// Whether a change only says which key let somebody in, and whom: no document knows.
fn is_history(before: &Intent, change: &Change) -> bool {
    match (change, before.object(change.id())) {
        (Change::Update(Object::Peer(_, new)), Some(Object::Peer(_, old))) => {
            new.join_key().is_some_and(|key| *new == old.with_join_key(key))
        }
        (Change::Update(Object::JoinKey(..)), Some(Object::JoinKey(..))) => true,
        _ => false,
    }
}

fn assert_same(one: &Intent, other: &Intent) {
    assert_eq!(one.name(), other.name());
    assert!(one.changes_to(other).is_empty(), "{:?}", one.changes_to(other));
    let back = other.changes_to(one);
    let left: Vec<_> = back.iter().filter(|change| !is_history(other, change)).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!((one.to_json(), one.to_toml()), (other.to_json(), other.to_toml()));
    let addresses = |intent: &Intent| {
        intent.peers().map(|(_, peer)| (Entity::name(peer).clone(), peer.addresses().to_vec())).collect::<Vec<_>>()
    };
    assert_eq!(addresses(one), addresses(other));
}

proptest! {
    #[test]
    fn what_is_written_reads_as_the_same_workspace(bytes in dice::bytes()) {
        let written = world(&bytes);
        prop_assert_eq!(written.violations(), []);
        let (toml, json) = (written.to_toml(), written.to_json());
        let again = read(&toml);
        assert_same(&written, &again);
        prop_assert_eq!(again.to_toml(), toml);
        let again = Intent::from_json(&json).unwrap_or_else(|errors| panic!("{errors}\n{json}"));
        assert_same(&written, &again);
        prop_assert_eq!(again.to_json(), json);
    }

    #[test]
    fn what_is_stored_of_objects_and_changes_reads_as_it_was(bytes in dice::bytes()) {
        let intent = world(&bytes);
        for object in objects(&intent) {
            let text = serde_json::to_string(&object).unwrap();
            prop_assert_eq!(serde_json::from_str::<Object>(&text).map_err(|e| format!("{e}: {text}")), Ok(object));
        }
        let changes: ChangeSet = objects(&intent).into_iter().map(Change::Add).collect();
        let changes = changes.with_reason("a log").acknowledging(intent.revision()).danger_allow_mass_removal();
        let text = serde_json::to_string(&changes).unwrap();
        prop_assert_eq!(serde_json::from_str::<ChangeSet>(&text).unwrap(), changes);
    }

    #[test]
    fn the_changes_from_one_workspace_to_another_make_it_and_can_be_taken_back(from in dice::bytes(), to in dice::bytes()) {
        let (from, wanted) = (world(&from), world(&to));
        let changes = from.changes_to(&wanted).danger_allow_mass_removal();
        // What nobody mentions stays: it may hold what the other workspace asks for.
        let Ok(next) = from.apply(Actor::Control, &changes) else { return Ok(()) };
        prop_assert!(next.changes_to(&wanted).is_empty(), "{:?}", next.changes_to(&wanted));
        prop_assert_eq!(objects(&from.replay(&changes).unwrap()), objects(&next));
        if let Ok(back) = next.apply(Actor::Control, &changes.inverse(&from).danger_allow_mass_removal()) {
            prop_assert_eq!(but_for_pools(&back, &next), but_for_pools(&from, &next));
        }
    }
}

/// The objects; without the addresses of peers whose networks have other pools in the other workspace.
fn but_for_pools(intent: &Intent, other: &Intent) -> Vec<Object> {
    let moved = |peer: &Peer| {
        peer.networks().iter().any(|id| intent.get(*id).map(Network::pools) != other.get(*id).map(Network::pools))
    };
    let plain = |object| match object {
        Object::Peer(id, peer) if moved(&peer) => {
            let mut stored = serde_json::to_value(&peer).unwrap();
            stored["addresses"] = serde_json::json!([]);
            Object::Peer(id, serde_json::from_value(stored).unwrap())
        }
        object => object,
    };
    objects(intent).into_iter().map(plain).collect()
}

/// The generator is worth what it draws: every field that a document has, and every kind of object, in a few hundred worlds.
#[test]
fn the_worlds_that_are_drawn_have_every_field_and_every_kind() {
    let worlds: Vec<_> = (0..400).map(|seed| world(&dice::bytes_of(seed))).collect();
    let mut drawn = BTreeSet::new();
    worlds.iter().for_each(|intent| fields(&serde_json::from_str(&intent.to_json()).unwrap(), &mut drawn));
    let mut all = BTreeSet::new();
    properties(&serde_json::from_str(&document_schema()).unwrap(), &mut all);
    let not_written = ["$schema", "renamed_from"].map(str::to_owned);
    let missing: Vec<_> = all.difference(&drawn).filter(|field| !not_written.contains(field)).collect();
    assert!(missing.is_empty() && all.len() > 60, "never drawn: {missing:?}");
    let kinds: BTreeSet<_> = worlds.iter().flat_map(objects).map(|object| ObjectId::kind(&object.id())).collect();
    assert_eq!(kinds.len(), 12, "{kinds:?}");
}

/// How often two worlds can be made of each other: the property about changes says nothing of the others.
#[test]
fn many_worlds_can_be_made_of_others() {
    let worlds: Vec<_> = (0..100).map(|seed| world(&dice::bytes_of(seed))).collect();
    let (mut made, mut back) = (0, 0);
    for pair in worlds.windows(2) {
        let changes = pair[0].changes_to(&pair[1]).danger_allow_mass_removal();
        let Ok(next) = pair[0].apply(Actor::Control, &changes) else { continue };
        made += 1;
        let inverse = changes.inverse(&pair[0]).danger_allow_mass_removal();
        back += usize::from(next.apply(Actor::Control, &inverse).is_ok());
    }
    assert!(made > 15 && back > 8, "{made} made, {back} taken back");
}

/// Every key of every object in a JSON value.
fn fields(value: &serde_json::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(entries) => entries.iter().for_each(|(key, value)| {
            found.insert(key.clone());
            fields(value, found);
        }),
        serde_json::Value::Array(all) => all.iter().for_each(|value| fields(value, found)),
        _ => {}
    }
}

/// The names of properties in a schema.
fn properties(value: &serde_json::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(entries) => entries.iter().for_each(|(key, value)| {
            if let ("properties", Some(named)) = (key.as_str(), value.as_object()) {
                found.extend(named.keys().cloned());
            }
            properties(value, found);
        }),
        serde_json::Value::Array(all) => all.iter().for_each(|value| properties(value, found)),
        _ => {}
    }
}

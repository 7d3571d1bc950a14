//! Any sequence of changes keeps every rule, and what it undoes is undone.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::collections::BTreeSet;

use nanami_model::{ChangeSet, Group, Intent, Name, Network, Peer, PeerId, Policy, PrivateKey, Service, User, name};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Join { peer: u8, key: u8 },
    AddPeer(u8),
    RemovePeer(u8),
    AddPolicy { policy: u8, from: u8, to: u8 },
    RemovePolicy(u8),
    AddNetwork(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = 0..6u8;
    let step = prop_oneof![
        (n.clone(), n.clone()).prop_map(|(peer, key)| Step::Join { peer, key }),
        n.clone().prop_map(Step::AddPeer),
        n.clone().prop_map(Step::RemovePeer),
        (n.clone(), n.clone(), n.clone()).prop_map(|(policy, from, to)| Step::AddPolicy { policy, from, to }),
        n.clone().prop_map(Step::RemovePolicy),
        n.prop_map(Step::AddNetwork),
    ];
    proptest::collection::vec(step, 1..40)
}

fn named(kind: &str, n: u8) -> Name {
    format!("{kind}{n}").parse().unwrap()
}

fn changes(intent: &Intent, step: &Step) -> ChangeSet {
    let peer = |n: u8| intent.id::<PeerId>(named("p", n).as_str());
    let mut draft = intent.draft();
    match *step {
        Step::Join { peer: p, key } => {
            let key = PrivateKey::from_bytes([key + 1; 32]).public();
            peer(p).into_iter().for_each(|id| draft.update(id, |peer| peer.with_key(key)));
        }
        Step::AddPeer(n) => _ = draft.add(Peer::new(named("p", n)).with_networks(intent.id("net0"))),
        Step::RemovePeer(n) => peer(n).into_iter().for_each(|id| draft.remove(id)),
        Step::AddPolicy { policy, from, to } => {
            if let (Ok(from), Ok(to)) = (peer(from), peer(to)) {
                draft.add(Policy::allow(named("pol", policy), from, to, Service::tcp(80)));
            }
        }
        Step::RemovePolicy(n) => {
            let id = intent.id::<nanami_model::PolicyId>(named("pol", n).as_str());
            id.into_iter().for_each(|id| draft.remove(id));
        }
        Step::AddNetwork(n) => {
            let owner = intent.id("all").unwrap();
            draft.add(Network::new(named("net", n), owner, [format!("10.{n}.0.0/29").parse().unwrap()]));
        }
    }
    draft.into_changes()
}

fn start() -> Intent {
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut draft = empty.draft();
    draft.add(Group::new(name!("all")));
    empty.apply(empty.owner(), &draft.into_changes()).unwrap()
}

/// Looks at an intent from outside: what no rule allows is not there.
fn keeps_every_rule(intent: &Intent) {
    let (mut keys, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    for (id, peer) in intent.peers() {
        assert!(peer.key().is_none_or(|key| keys.insert(key)), "{id}: a key twice");
        assert!(peer.addresses().iter().all(|a| addresses.insert(*a)), "{id}: an address twice");
        let pools: Vec<_> = peer.networks().iter().flat_map(|n| intent.get(*n).expect("resolves").pools()).collect();
        assert_eq!(pools.len(), peer.addresses().len(), "{id}: an address of each pool");
        assert!(pools.iter().all(|pool| peer.addresses().iter().any(|a| pool.contains(*a))));
    }
    for (id, policy) in intent.policies() {
        for side in [policy.from(), policy.to()] {
            assert!(intent.object(side.into()).is_some(), "{id} dangles");
        }
    }
}

proptest! {
    #[test]
    fn any_sequence_of_changes_keeps_every_rule_and_every_inverse_undoes(steps in steps()) {
        let mut intent = start();
        for step in &steps {
            let made = changes(&intent, step);
            let before = intent.clone();
            let Ok(next) = before.apply(before.owner(), &made) else { continue };
            keeps_every_rule(&next);
            prop_assert_eq!(next.revision(), before.revision().next());
            let back = next.apply(next.owner(), &made.inverse(&before)).unwrap();
            prop_assert!(back.changes_to(&before).is_empty(), "{:?} is not undone", step);
            prop_assert!(before.peers().eq(back.peers()));
            intent = next;
        }
    }
}

//! The dense form says the same as the listings by name, in every revision.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::collections::BTreeSet;

use nanami_model::{
    Group, GroupId, Intent, Network, NetworkId, ObjectId, Peer, PeerId, PrivateKey, Slot, SlotSet, User, name,
};

fn start() -> Intent {
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut draft = empty.draft();
    let groups = [name!("blue"), name!("red")].map(|n| draft.add(Group::new(n)));
    let net = draft.add(Network::new(name!("net"), groups[0], ["10.0.0.0/24".parse().unwrap()]));
    for n in 0..100u8 {
        let groups = groups.into_iter().enumerate().filter(|(g, _)| n % (*g as u8 + 2) == 0).map(|(_, id)| id);
        let networks = (n % 5 != 0).then_some(net);
        draft.add(Peer::new(format!("p{n}").parse().unwrap()).with_groups(groups).with_networks(networks));
    }
    empty.apply(empty.owner(), &draft.into_changes()).unwrap()
}

fn ids(intent: &Intent, set: &SlotSet) -> BTreeSet<PeerId> {
    set.iter().map(|slot| intent.in_slot(slot).unwrap().0).collect()
}

fn says_the_same(intent: &Intent) {
    for (id, _) in intent.groups() {
        let by_name = intent.peers().filter(|(_, peer)| peer.groups().contains(&id)).map(|(id, _)| id);
        assert_eq!(ids(intent, intent.direct_members(intent.slot(id).unwrap())), by_name.collect());
    }
    for (id, _) in intent.networks() {
        let by_name = intent.peers().filter(|(_, peer)| peer.networks().contains(&id)).map(|(id, _)| id);
        assert_eq!(ids(intent, intent.network_members(intent.slot(id).unwrap())), by_name.collect());
    }
    assert_eq!(intent.occupied::<PeerId>().count(), intent.peers().len());
    for (slot, id, peer) in intent.occupied::<PeerId>() {
        assert_eq!((intent.slot(id), intent.get(id)), (Some(slot), Some(peer)));
        assert!(slot.index() < intent.slot_bound::<PeerId>());
    }
}

#[test]
fn slots_stay_and_members_follow() {
    let before = start();
    says_the_same(&before);
    let peer = |n: &str| before.id::<PeerId>(n).unwrap();
    let blue = before.id::<GroupId>("blue").unwrap();
    let mut draft = before.draft();
    draft.update(peer("p1"), |p| p.with_groups([blue]));
    draft.update(peer("p2"), |p| p.with_key(PrivateKey::from_bytes([1; 32]).public()));
    draft.remove(peer("p3"));
    let added = draft.add(Peer::new(name!("new")).with_networks([before.id::<NetworkId>("net").unwrap()]));
    let after = before.apply(before.owner(), &draft.into_changes()).unwrap();
    says_the_same(&after);
    says_the_same(&before);
    for (slot, id, _) in before.occupied::<PeerId>().filter(|(_, id, _)| *id != peer("p3")) {
        assert_eq!(after.slot(id), Some(slot));
    }
    let difference = after.difference(&before);
    assert_eq!(difference.added(), [ObjectId::from(added)]);
    assert_eq!(difference.removed(), [ObjectId::from(peer("p3"))]);
    assert_eq!(
        difference.changed().iter().copied().collect::<BTreeSet<_>>(),
        [peer("p1"), peer("p2")].map(Into::into).into()
    );
    assert!(after.difference(&after.clone()).is_empty());
}

#[test]
fn a_slot_that_nobody_has_holds_nobody() {
    let intent = start();
    assert!(intent.in_slot(Slot::<PeerId>::new(u32::MAX)).is_none());
    assert!(intent.direct_members(Slot::new(1_000)).is_empty());
}

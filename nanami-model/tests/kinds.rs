//! Sessions and the workspace as objects: they come and go by rules of their own.
#![allow(clippy::unwrap_used, reason = "tests")]

use nanami_model::{
    Actor, Change, ChangeSet, Entity, Intent, JoinKey, Object, Peer, RoutingPreference, Session, SessionId, Timestamp,
    TrafficMode, User, Violation, Workspace, WorkspaceId, name,
};

const fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn with_a_session() -> Intent {
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut draft = empty.draft();
    let laptop = draft.add(Peer::new(name!("laptop")));
    draft.add(Session::new(name!("laptop"), laptop, at(0), at(1000)));
    empty.apply(Actor::Control, &draft.into_changes()).unwrap()
}

fn fields(intent: &Intent, changes: &ChangeSet) -> Vec<Option<&'static str>> {
    let refused = intent.apply(intent.owner(), changes).unwrap_err();
    refused.violations().iter().map(Violation::field).collect()
}

#[test]
fn a_peer_takes_its_session_along_and_a_document_does_not_end_it() {
    let acme = with_a_session();
    let laptop = acme.id("laptop").unwrap();
    let mut draft = acme.draft();
    draft.remove::<nanami_model::PeerId>(laptop);
    let less = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    assert_eq!((less.peers().len(), less.sessions().len()), (0, 0));
    let mut draft = acme.draft();
    draft.remove::<nanami_model::PeerId>(laptop);
    let back = less.apply(Actor::Control, &draft.into_changes().inverse(&acme)).unwrap();
    assert_eq!((back.peers().len(), back.sessions().len()), (1, 1), "what is undone brings the session back");
    let wanted = Intent::from_toml(&acme.to_toml()).unwrap();
    assert!(acme.changes_to(&wanted).is_empty());
}

#[test]
fn a_session_bears_the_name_of_its_peer_and_ends_after_it_begins() {
    let acme = with_a_session();
    let laptop = acme.id("laptop").unwrap();
    let mut draft = acme.draft();
    draft.add(Session::new(name!("phone"), laptop, at(5), at(5)));
    assert_eq!(fields(&acme, &draft.into_changes()), [Some("name"), Some("ends")]);
    let mut draft = acme.draft();
    draft.update(acme.id::<SessionId>("laptop").unwrap(), Session::revoked);
    assert!(acme.apply(acme.owner(), &draft.into_changes()).is_ok());
}

#[test]
fn the_workspace_is_there_from_the_start_and_neither_goes_nor_gets_another_name() {
    let acme = with_a_session();
    let everything = RoutingPreference::none().with_traffic(TrafficMode::FullTunnel);
    let mut draft = acme.draft();
    draft.update(acme.workspace(), |workspace| workspace.with_preference(everything));
    let next = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    assert_eq!((acme.preference(), next.preference()), (RoutingPreference::none(), everything));

    let mut gone = acme.draft();
    gone.remove(acme.workspace());
    assert!(acme.apply(acme.owner(), &gone.into_changes()).is_err());
    let mut second = acme.draft();
    second.add(Workspace::new(name!("second")));
    assert_eq!(fields(&acme, &second.into_changes()), [Some("name")]);
    let renamed = Change::Update(Object::Workspace(acme.workspace(), Workspace::new(name!("other"))));
    assert_eq!(fields(&acme, &ChangeSet::from_iter([renamed])), [Some("name")]);
}

#[test]
fn a_document_of_another_workspace_says_what_this_one_prefers() {
    let everything = RoutingPreference::none().with_traffic(TrafficMode::FullTunnel);
    let other = Intent::new(name!("other"), User::new(name!("netops")));
    let mut draft = other.draft();
    draft.update(other.workspace(), |workspace| workspace.with_preference(everything));
    let other = other.apply(other.owner(), &draft.into_changes()).unwrap();
    let acme = Intent::new(name!("acme"), User::new(name!("netops")));
    let next = acme.apply(acme.owner(), &acme.changes_to(&other)).unwrap();
    let workspace: WorkspaceId = next.workspace();
    assert_eq!(next.get(workspace).unwrap().name().as_str(), "acme");
    assert_eq!(next.preference(), everything);
}

#[test]
fn a_join_key_that_is_used_up_keeps_nothing_from_being_removed() {
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut draft = empty.draft();
    let laptop = draft.add(Peer::new(name!("laptop")));
    let key = draft.add(JoinKey::one_off(name!("key")).for_peer(laptop));
    let acme = empty.apply(empty.owner(), &draft.into_changes()).unwrap();
    let mut gone = acme.draft();
    gone.remove(laptop);
    let gone = gone.into_changes();
    assert!(acme.apply(acme.owner(), &gone).is_err(), "the key still waits for the peer");
    let mut used = acme.draft();
    used.update(key, |key| key.redeemed(laptop));
    let used = acme.apply(Actor::Control, &used.into_changes()).unwrap();
    assert_eq!(used.apply(used.owner(), &gone).err(), None);
}

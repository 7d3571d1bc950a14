//! Every change reads as a sentence: an audit record is what people see of a log.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{dice, world::world};
use nanami_model::{
    Actor, Change, ChangeSet, Duties, Duty, Gateway, GatewayId, GroupId, Intent, JoinKey, JoinSecret, PeerId, PolicyId,
    Revision, Role, RouteId, RoutingPreference, Service, Session, TrafficMode, UserId, name,
};
use proptest::prelude::*;

fn acme() -> Intent {
    Intent::from_toml(include_str!("../../examples/acme.toml")).unwrap()
}

#[test]
fn what_changes_is_said_in_the_words_of_the_document_and_what_it_was_before() {
    let acme = acme();
    let (us_east, api) = (acme.id::<GatewayId>("us-east").unwrap(), acme.id::<PeerId>("api-gateway").unwrap());
    let data = acme.id::<GroupId>("data").unwrap();
    let mut draft = acme.draft();
    draft.update(us_east, |gateway| Gateway::draining(gateway).with_duties(Duties::from(Duty::Egress)));
    draft.update(api, |peer| peer.with_groups([data]));
    draft.update(acme.id::<RouteId>("vpc").unwrap(), |route| route.with_redundancy(1));
    draft.update(acme.id::<UserId>("auditor").unwrap(), |user| user.without_role().with_group_role(data, Role::Member));
    draft.update(acme.id::<PolicyId>("edge-exit").unwrap(), |policy| policy.with_reason("two\nlines"));
    draft.update(acme.workspace(), |it| {
        it.with_preference(RoutingPreference::none().with_traffic(TrafficMode::FullTunnel))
    });
    draft.remove(acme.id::<PolicyId>("ci-to-vpc").unwrap());
    draft.add(nanami_model::Policy::deny(name!("quiet"), data, api, Service::ANY));
    let key = draft.add_join_key(JoinKey::one_off(name!("laptop")), |id| JoinSecret::new(id, [0xab; 20]).hash());
    let at = nanami_model::Timestamp::from_millis;
    draft.add(Session::new(name!("api-gateway"), api, at(0), at(60_000)));
    let changes = draft.into_changes().acknowledging(Revision::new(7));
    let sentences = changes.sentences(&acme);
    assert_eq!(
        sentences,
        [
            "changes gateway us-east: duties egress; activity draining",
            "changes peer api-gateway: groups data, was platform",
            "changes route vpc: no redundancy any more, was 2",
            "changes user auditor: roles (data member); no role any more, was viewer",
            r#"changes policy edge-exit: reason "two\nlines""#,
            "changes workspace acme: routing (traffic full_tunnel)",
            "removes policy ci-to-vpc",
            "adds policy quiet: from data; to api-gateway; deny any",
            "adds join key laptop",
            "adds session api-gateway: from 1970-01-01 00:00:00 UTC; to 1970-01-01 00:01:00 UTC",
            "lets addresses that were released up to revision 7 go to other peers",
        ]
    );
    // What happens to a key is said too.
    let next = acme.apply(Actor::Control, &changes).unwrap();
    let mut draft = next.draft();
    draft.update(key, |it| it.redeemed(api));
    assert_eq!(draft.into_changes().sentences(&next), ["changes join key laptop: used 1; last_by api-gateway"]);
}

#[test]
fn what_was_never_made_reads_all_the_same() {
    let acme = acme();
    let gone = PeerId::from_bytes([1; 10]);
    let policy = nanami_model::Policy::allow(name!("p"), gone, gone, Service::ANY);
    let changes = ChangeSet::from_iter([
        Change::Remove(gone.into()),
        Change::Add(nanami_model::Object::Policy(PolicyId::from_bytes([2; 10]), policy)),
    ]);
    let sentences = changes.sentences(&acme);
    assert_eq!(sentences.len(), 2);
    assert!(sentences.iter().all(|sentence| sentence.contains(&gone.to_string())), "{sentences:?}");
}

proptest! {
    #[test]
    fn each_change_is_one_line_and_shows_no_hash(from in dice::bytes(), to in dice::bytes()) {
        let (from, to) = (world(&from), world(&to));
        let changes = from.changes_to(&to);
        let sentences = changes.sentences(&from);
        prop_assert_eq!(sentences.len(), changes.iter().len());
        for (sentence, change) in sentences.iter().zip(changes.iter()) {
            prop_assert!(!sentence.contains(char::is_control) && !sentence.contains("Hash"), "{:?}", sentence);
            let says_what = !matches!(change, Change::Update(_)) || sentence.contains(": ");
            prop_assert!(says_what, "{} does not say what", sentence);
        }
    }
}

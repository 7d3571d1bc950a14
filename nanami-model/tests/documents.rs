//! Documents as the source of a live workspace: what they change, what they leave alone, and what they rename.
#![allow(clippy::unwrap_used, reason = "tests")]

use nanami_model::{
    Facts, Intent, JoinKeyId, Lifetime, Os, Peer, PeerId, PolicyId, PrivateKey, Refused, UserId, Violation, name,
};

const ACME: &str = include_str!("../../examples/acme.toml");
const FULL: &str = include_str!("../../examples/full.toml");

fn read(text: &str) -> Intent {
    Intent::from_toml(text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn apply(live: &Intent, wanted: &Intent) -> Result<Intent, Refused> {
    live.apply(live.owner(), &live.changes_to(wanted))
}

fn codes(result: Result<Intent, Refused>) -> Vec<&'static str> {
    result.unwrap_err().violations().iter().map(Violation::code).collect()
}

/// A live acme in which api-gateway has joined and told what it runs on.
fn live() -> Intent {
    let acme = read(ACME);
    let mut draft = acme.draft();
    let facts = Facts::unknown().with_os(Os::Linux);
    let key = PrivateKey::from_bytes([7; 32]).public();
    draft.update(acme.id::<PeerId>("api-gateway").unwrap(), |peer| peer.with_key(key).with_facts(facts));
    draft.add(Peer::new(name!("visitor")).with_lifetime(Lifetime::Ephemeral));
    acme.apply(acme.owner(), &draft.into_changes()).unwrap()
}

/// acme with api-gateway under another name, everywhere.
fn renamed(from: &str) -> String {
    let text = ACME.replace("\"api-gateway\"", "\"api\"").replace("\napi-gateway = { ", "\napi = { ");
    text.replace("\napi = { ", &format!("\napi = {{ renamed_from = \"{from}\", "))
}

#[test]
fn a_document_leaves_alone_what_it_cannot_know() {
    let live = live();
    assert!(live.changes_to(&read(ACME)).is_empty(), "{:?}", live.changes_to(&read(ACME)));
    let stranger = ACME.replace("\napi-gateway = { ", "\napi-gateway = { facts = { os = \"windows\" }, ");
    assert!(live.changes_to(&read(&stranger)).is_empty(), "facts are an agent's to report");
}

#[test]
fn what_is_renamed_keeps_its_identity_its_key_and_its_addresses() {
    let live = live();
    let wanted = read(&renamed("api-gateway"));
    let changes = live.changes_to(&wanted);
    let kinds = changes.iter().map(|change| change.id()).collect::<Vec<_>>();
    let id = live.id::<PeerId>("api-gateway").unwrap();
    assert_eq!(kinds, [id.into()], "one change, and the policies that name the peer are as they were");
    let next = live.apply(live.owner(), &changes).unwrap();
    assert_eq!(next.id::<PeerId>("api").unwrap(), id);
    let (before, after) = (live.get(id).unwrap(), next.get(id).unwrap());
    assert_eq!((before.key(), before.addresses(), before.facts()), (after.key(), after.addresses(), after.facts()));
    let policy = next.get(next.id::<PolicyId>("api-to-db").unwrap()).unwrap();
    assert_eq!(policy.from(), id.into());
    assert!(next.changes_to(&wanted).is_empty(), "a document may go on saying where its names come from");
    let back = next.apply(next.owner(), &changes.inverse(&live)).unwrap();
    assert_eq!(back.id::<PeerId>("api-gateway").unwrap(), id);
}

#[test]
fn a_rename_that_cannot_be_is_refused() {
    let live = live();
    assert_eq!(
        codes(apply(&live, &read(&renamed("api-gatewy")))),
        ["change.not_renamed"],
        "nobody is lost to a misspelling"
    );
    let mut draft = live.draft();
    draft.add(Peer::new(name!("api")));
    let both = live.apply(live.owner(), &draft.into_changes()).unwrap();
    assert!(codes(apply(&both, &read(&renamed("api-gateway")))).contains(&"change.not_renamed"));
    for (old, why) in [("api", "it bears that name still"), ("db-cluster", "another one bears that name")] {
        let errors = Intent::from_toml(&renamed(old)).unwrap_err();
        assert!(errors.to_string().contains(why), "{errors}");
    }
    let twice = renamed("old").replace("\nci-runner   = { ", "\nci-runner   = { renamed_from = \"old\", ");
    let errors = Intent::from_toml(&twice).unwrap_err();
    assert!(errors.to_string().contains("two cannot both have been that one"), "{errors}");
}

#[test]
fn renames_stand_in_what_is_written_until_they_are_made() {
    let full = read(FULL);
    let (toml, json) = (full.to_toml(), full.to_json());
    assert_eq!(toml.matches("renamed_from").count(), FULL.matches("renamed_from").count());
    for again in [read(&toml), Intent::from_json(&json).unwrap()] {
        assert!(full.changes_to(&again).is_empty() && again.changes_to(&full).is_empty());
        assert_eq!((again.to_toml(), again.to_json()), (toml.clone(), json.clone()));
    }
}

#[test]
fn a_join_key_keeps_its_secret_and_its_uses_and_never_goes() {
    let text = format!("{ACME}\n[join_keys]\nci = {{ uses = 3, groups = [\"delivery\"], networks = [\"build\"] }}\n");
    let acme = apply(&read(ACME), &read(&text)).unwrap();
    let id = acme.id::<JoinKeyId>("ci").unwrap();
    let secret = nanami_model::JoinSecret::new(id, [9; 20]);
    let mut draft = acme.draft();
    draft.update(id, |key| key.with_hash(secret.hash()).redeemed(acme.id("ci-runner").unwrap()).revoked());
    let live = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    assert!(
        live.changes_to(&read(&text)).is_empty(),
        "its hash, its uses and that it was taken back are not a document's"
    );
    assert!(live.changes_to(&read(ACME)).is_empty(), "a document that does not mention it leaves it alone");
    let wider = apply(&live, &read(&text.replace("uses = 3", "uses = 5"))).unwrap();
    let key = wider.get(id).unwrap();
    assert_eq!((key.hash(), key.redemptions(), key.is_revoked()), (Some(secret.hash()), 1, true));
    let written = live.to_toml() + &live.to_json();
    assert!(
        !written.contains(&format!("{:?}", secret.hash())) && !written.contains("hash") && !written.contains("secret")
    );
}

#[test]
fn sec_33_an_empty_document_does_not_empty_a_workspace() {
    let live = live();
    let netops = live.name_of(live.id::<UserId>("netops").unwrap()).unwrap();
    let empty = format!("[workspace]\nname = \"acme\"\n[users]\n{netops} = {{ role = \"owner\" }}\n");
    assert!(codes(apply(&live, &read(&empty))).contains(&"change.mass_removal"));
    assert!(Intent::from_toml("").is_err() && Intent::from_json("{}").is_err());
}

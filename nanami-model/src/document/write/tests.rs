use crate::*;

const ACME: &str = include_str!("../../../../examples/acme.toml");

fn read(text: &str) -> Intent {
    Intent::from_toml(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// Golden: what acme reads like when it is written.
#[test]
fn acme_is_written_as_a_person_would() {
    let written = read(ACME).to_toml();
    assert_eq!(written, include_str!("acme.toml"), "\n{written}");
    let written = read(ACME).to_json();
    assert_eq!(written, include_str!("acme.json"), "\n{written}");
}

#[test]
fn acme_as_it_is_exported_changes_nothing_of_the_acme_that_it_came_from() {
    let acme = read(ACME);
    assert_same(&acme, &read(&acme.to_toml()));
}

fn assert_same(one: &Intent, other: &Intent) {
    assert_eq!(one.name(), other.name());
    for (from, to) in [(one, other), (other, one)] {
        let changes = from.changes_to(to);
        assert!(changes.is_empty(), "{changes:?}");
    }
    assert_eq!(one.to_json(), other.to_json());
    let addresses = |intent: &Intent| {
        intent.peers().map(|(_, peer)| (Entity::name(peer).clone(), peer.addresses().to_vec())).collect::<Vec<_>>()
    };
    assert_eq!(addresses(one), addresses(other));
    assert_eq!(one.to_toml(), other.to_toml());
}

//! The core without a store, a socket or a clock: a log is a vector.

use std::net::IpAddr;

use nanami_model::{
    Actor, Digest, Generation, Intent, JoinKey, JoinSecret, Name, NotRedeemable, PeerId, Policy, PrivateKey, PublicKey,
    Report, Service, Timestamp, name,
};

use super::{
    audit::Act,
    join::{NotJoined, Welcomed},
    *,
};

const DOCUMENT: &str = r#"
[workspace]
name = "acme"
[users]
netops = { role = "owner" }
[groups]
platform = {}
[networks.prod]
owner = "platform"
pools = ["10.42.0.0/16", "fd42::/48"]
[peers]
api = { groups = ["platform"], networks = ["prod"] }
db = { groups = ["platform"], networks = ["prod"] }
web = { groups = ["platform"], networks = ["prod"] }
[policies]
api-to-db = { from = "api", to = "db", allow = ["tcp/5432"] }
"#;

#[test]
fn sec_04_a_key_lets_one_peer_in_and_the_same_key_pair_again() {
    let mut acme = Acme::new();
    let secret = acme.join_key("db", None);
    let welcomed = acme.hello(1, Some(&secret)).unwrap();
    assert!(welcomed.joined && welcomed.name == name!("db"));
    let again = acme.hello(1, Some(&secret)).unwrap();
    assert_eq!(again, Welcomed { joined: false, ..welcomed.clone() });
    assert_eq!(acme.hello(1, None).unwrap().peer, welcomed.peer, "afterwards the key pair alone is enough");
    assert_eq!(acme.hello(2, Some(&secret)), Err(NotJoined::NotRedeemable(NotRedeemable::Used)));
    assert_eq!(acme.hello(2, None), Err(NotJoined::Stranger));
}

#[test]
fn sec_04_of_decisions_on_one_revision_only_one_becomes_the_log() {
    let mut acme = Acme::new();
    let secret = acme.join_key("db", None);
    let decide = |byte| acme.core.hello(at(1), source(), key(byte), Some(&secret)).unwrap();
    let entries = [decide(1), decide(2)].map(|step| step.entry().unwrap());
    assert_eq!(entries[0].revision(), entries[1].revision(), "compare-and-append lets one of them in");
    // Another instance was faster with the first one; the second decides again on what it folds in.
    acme.core.replay(&entries[..1]).unwrap();
    assert_eq!(acme.hello(2, Some(&secret)), Err(NotJoined::NotRedeemable(NotRedeemable::Used)));
    assert!(!acme.hello(1, Some(&secret)).unwrap().joined);
}

#[test]
fn sec_03_05_every_bad_key_is_refused_and_consumes_nothing() {
    let mut acme = Acme::new();
    let expiring = acme.join_key("db", Some(at(10)));
    let revoked = acme.join_key("web", None);
    let wrong = JoinSecret::new(revoked.id(), [0xee; 20]);
    let unknown = JoinSecret::new(nanami_model::JoinKeyId::from_bytes([9; 10]), [1; 20]);
    let revoke = acme.core.revoke_join_key(at(1), acme.owner(), revoked.id()).unwrap();
    acme.commit(revoke);
    let revision = acme.core.intent().revision();
    for (secret, reason) in [
        (&expiring, NotJoined::NotRedeemable(NotRedeemable::Expired)),
        (&revoked, NotJoined::NotRedeemable(NotRedeemable::Revoked)),
        (&wrong, NotJoined::NotRedeemable(NotRedeemable::WrongSecret)),
        (&unknown, NotJoined::Unknown),
    ] {
        assert_eq!(acme.core.hello(at(10), source(), key(1), Some(secret)).unwrap_err(), reason);
    }
    assert_eq!(acme.core.intent().revision(), revision);
    assert!(acme.core.hello(at(9), source(), key(1), Some(&expiring)).unwrap().entry().is_some());
}

#[test]
fn sec_11_a_key_pair_that_is_another_peers_is_refused_and_a_peer_keeps_its_key() {
    let mut acme = Acme::new();
    let (db, web) = (acme.join_key("db", None), acme.join_key("web", None));
    let second_for_db = acme.join_key("db", None);
    let peer = acme.hello(1, Some(&db)).unwrap().peer;
    assert_eq!(acme.hello(1, Some(&web)), Err(NotJoined::KeyTaken(peer)));
    assert_eq!(acme.hello(2, Some(&second_for_db)), Err(NotJoined::PeerTaken(peer)));
    assert!(acme.hello(2, Some(&web)).unwrap().joined, "what was refused consumed nothing");
}

#[test]
fn sec_06_a_source_that_fails_too_often_waits_and_nobody_else_does() {
    let mut acme = Acme::new();
    let secret = acme.join_key("db", None);
    for _ in 0..200 {
        acme.core.note_failure(source(), at(5));
    }
    assert_eq!(acme.hello(1, Some(&secret)), Err(NotJoined::TooMany));
    let elsewhere = IpAddr::from([192, 0, 2, 7]);
    assert!(acme.core.hello(at(5), elsewhere, key(1), Some(&secret)).is_ok());
}

#[test]
fn a_join_touches_exactly_the_peers_whose_map_changes() {
    let mut acme = Acme::new();
    let secrets = ["api", "db", "web"].map(|peer| acme.join_key(peer, None));
    let [api, db, web] = [1, 2, 3].map(|byte| acme.hello(byte, Some(&secrets[usize::from(byte) - 1])).unwrap().peer);
    // api joins: 1. db joins: 1, and api learns of it: 2. web has nobody to talk to.
    assert_eq!(acme.generations(), [(api, 2), (db, 1), (web, 1)].into_iter().collect());
    let map = acme.core.distribution().map(api).unwrap();
    assert!(map.neighbor(&key(2)).is_some() && map.neighbor(&key(3)).is_none());
}

#[test]
fn a_replay_gives_the_same_revision_generations_keys_and_addresses() {
    let mut acme = Acme::new();
    for (byte, peer) in [(1, "api"), (2, "db"), (3, "web")] {
        let secret = acme.join_key(peer, None);
        acme.hello(byte, Some(&secret)).unwrap();
    }
    let restored = acme.core.restored(at(2)).unwrap();
    acme.commit(restored);
    let again = acme.replayed();
    assert_eq!(again.intent().revision(), acme.core.intent().revision());
    let (before, after) = (acme.core.distribution(), again.distribution());
    assert_eq!((before.epoch(), &before.maps, &before.members), (after.epoch(), &after.maps, &after.members));
    assert_eq!(before.maps.len(), 3);
    let addresses =
        |core: &Workspace| core.intent().peers().map(|(id, p)| (id, p.addresses().to_vec())).collect::<Vec<_>>();
    assert_eq!(addresses(&acme.core), addresses(&again));
    assert!(again.recompile(at(3)).is_none(), "the same version compiles to the same maps");
}

/// As a release would have written it that did not ask yet in which region a host stands.
#[test]
fn a_log_that_breaks_a_rule_of_today_still_loads_and_says_so() {
    let mut acme = Acme::new();
    let secret = acme.join_key("db", None);
    let mut draft = acme.core.intent().draft();
    let prod = acme.core.intent().id("prod").unwrap();
    for name in [name!("east"), name!("west")] {
        let region = draft.add(nanami_model::Region::new(name.clone()));
        let peer = draft.add(nanami_model::Peer::new(name.clone()).with_networks([prod]));
        draft.add(nanami_model::Gateway::new(name, peer, region).with_host(name!("rack")));
    }
    let changes = draft.into_changes();
    let today = acme.core.intent().apply(Actor::Control, &changes).unwrap_err();
    let (act, founded) = (Act::Applied { plan: "p".into(), approvals: Vec::new() }, None);
    let record = Record { at: at(2), by: acme.owner(), act, changes, touched: Vec::new(), founded };
    acme.log.push(record.to_entry(acme.core.intent().revision().next()));
    acme.core = acme.replayed();
    assert_eq!(acme.core.intent().violations(), today.violations());
    assert_eq!(acme.core.intent().gateways().len(), 2);
    // It goes on: the next decision is made on it, and what another restart reads is the same.
    assert!(acme.hello(1, Some(&secret)).unwrap().joined);
    let again = acme.replayed();
    assert_eq!(again.intent().revision(), acme.core.intent().revision());
    assert_eq!(again.intent().violations(), today.violations());
}

#[test]
fn a_log_with_a_gap_or_a_foreign_entry_is_refused() {
    let mut acme = Acme::new();
    acme.join_key("db", None);
    let mut fresh = Workspace::found(name!("acme"), name!("netops"));
    assert!(fresh.replay(&acme.log[1..]).unwrap_err().to_string().contains("follows revision 0"));
    assert_eq!(fresh.intent().revision(), Revision::ZERO);
}

#[test]
fn maps_that_another_version_compiles_get_new_generations_and_wait_for_them() {
    let mut acme = Acme::new();
    let secret = acme.join_key("db", None);
    let peer = acme.hello(1, Some(&secret)).unwrap().peer;
    // A log whose last record has another digest than what we compile: as if another version had written it.
    let mut record = Record::from_entry(acme.log.last().unwrap()).unwrap();
    let revision = acme.log.pop().unwrap().revision();
    record.touched[0].digest = Digest::from_bytes([0; 32]);
    acme.log.push(record.to_entry(revision));
    acme.core = acme.replayed();
    assert!(acme.core.distribution().map(peer).is_none(), "one generation never stands for two maps");
    let step = acme.core.recompile(at(3)).unwrap();
    acme.commit(step);
    assert_eq!(acme.core.distribution().generation(peer), Some(Generation::new(2)));
    assert!(matches!(Record::from_entry(acme.log.last().unwrap()).unwrap().act, Act::Recompiled));
}

#[test]
fn sec_12_a_report_is_about_the_proved_key_and_its_address_fills_in() {
    let mut acme = Acme::new();
    let secret = acme.join_key("db", None);
    let peer = acme.hello(1, Some(&secret)).unwrap().peer;
    let report = || Report {
        generation: Generation::new(1),
        endpoints: vec!["0.0.0.0:51820".parse().unwrap()],
        ..Report::default()
    };
    let brought = acme.core.report(at(5), key(1), source(), report()).unwrap();
    assert_eq!((brought.applied, brought.moved), (Some(Generation::new(1)), true));
    assert_eq!(acme.core.observed().last(peer).unwrap().report.endpoints, ["127.0.0.1:51820".parse().unwrap()]);
    let again = acme.core.report(at(6), key(1), source(), report()).unwrap();
    assert!(again.applied.is_none() && !again.moved && again.save.is_none());
    let stranger = acme.core.report(at(7), key(9), source(), report()).unwrap();
    assert!(stranger.save.is_none() && acme.core.observed().iter().len() == 1);
    let older = Report::default();
    assert_eq!(acme.core.report(at(8), key(1), source(), older).unwrap_err().code(), "report.stale");

    let (_, bytes) = brought.save.unwrap();
    let mut restarted = acme.replayed();
    restarted.restore_report(peer, &bytes).unwrap();
    assert_eq!(restarted.observed().last(peer).unwrap().received, at(5), "as old as it is");
    assert!(restarted.observed().believed(peer, at(5).after(Observed::LEASE)).is_none());
}

#[test]
fn what_a_change_distributes_is_what_a_restart_distributes() {
    let mut acme = Acme::new();
    for (byte, peer) in [(1, "api"), (2, "db"), (3, "web")] {
        let secret = acme.join_key(peer, None);
        acme.hello(byte, Some(&secret)).unwrap();
    }
    let [api, db, web] = ["api", "db", "web"].map(|name| acme.core.intent().id::<PeerId>(name).unwrap());
    let generations = |acme: &Acme| [api, db, web].map(|peer| acme.core.distribution().generation(peer));
    let before = generations(&acme);
    let act = || Act::Applied { plan: "p-2".into(), approvals: Vec::new() };
    let mut change = |with: &dyn Fn(&mut nanami_model::Draft)| {
        let mut draft = acme.core.intent().draft();
        with(&mut draft);
        let step = acme.core.write(at(6), acme.owner(), act(), draft.into_changes(), ()).unwrap();
        acme.commit(step);
        generations(&acme)
    };
    let policy = Policy::allow(name!("web-to-db"), web, db, Service::tcp(5432));
    let met = change(&|draft| _ = draft.add(policy.clone()));
    assert_eq!(met[0], before[0], "api is not concerned, and its map is left as it is");
    assert!(met[1] > before[1] && met[2] > before[2]);
    let gone = change(&|draft| _ = draft.remove_with_dependents(web));
    assert!(gone[1] > met[1] && gone[2].is_none(), "whoever is gone has no map");
}

struct Acme {
    core: Workspace,
    log: Vec<Entry>,
    made: u8,
}

impl Acme {
    fn new() -> Acme {
        let mut acme = Acme { core: Workspace::found(name!("acme"), name!("netops")), log: Vec::new(), made: 0 };
        let changes = acme.core.intent().changes_to(&Intent::from_toml(DOCUMENT).unwrap());
        let act = Act::Applied { plan: "p-1".into(), approvals: Vec::new() };
        let step = acme.core.write(at(0), acme.owner(), act, changes, ()).unwrap();
        acme.commit(step);
        acme
    }

    fn owner(&self) -> Actor {
        self.core.intent().owner()
    }

    fn commit<T>(&mut self, step: Step<T>) -> T {
        self.log.extend(step.entry());
        let reply = self.core.commit(step);
        // What was made by difference is what a restart makes and hashes from nothing.
        let digests = |core: &Workspace| core.distribution.maps.values().map(|map| map.digests()).collect::<Vec<_>>();
        let again = self.replayed();
        // What another instance decided is not in this log.
        if again.intent().revision() == self.core.intent().revision() {
            assert_eq!(self.core.distribution.maps, again.distribution.maps);
            assert_eq!(digests(&self.core), digests(&again));
        }
        reply
    }

    fn join_key(&mut self, peer: &str, expires: Option<Timestamp>) -> JoinSecret {
        self.made += 1;
        let name: Name = format!("key-{}", self.made).parse().unwrap();
        let key = JoinKey::one_off(name).for_peer(self.core.intent().id(peer).unwrap());
        let key = expires.into_iter().fold(key, |key, at| key.with_expiry(at));
        let step = self.core.create_join_key(at(0), self.owner(), key, [self.made; 20]).unwrap();
        self.commit(step)
    }

    fn hello(&mut self, byte: u8, secret: Option<&JoinSecret>) -> Result<Welcomed, NotJoined> {
        let step = self.core.hello(at(5), source(), key(byte), secret)?;
        Ok(self.commit(step))
    }

    fn replayed(&self) -> Workspace {
        let founded = Workspace::founding(&self.log[0]).unwrap();
        let mut again = Workspace::found(founded.workspace, founded.owner);
        again.replay(&self.log).unwrap();
        again
    }

    fn generations(&self) -> BTreeMap<PeerId, u64> {
        self.core.distribution().generations().map(|(peer, generation)| (peer, generation.value())).collect()
    }
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn source() -> IpAddr {
    IpAddr::from([127, 0, 0, 1])
}

fn key(byte: u8) -> PublicKey {
    PrivateKey::from_bytes([byte; 32]).public()
}

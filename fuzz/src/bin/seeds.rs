//! Writes the inputs of binary formats into the corpora: `cargo run -p nanami-fuzz --bin seeds`.
//!
//! Run it after a format has changed; inputs that were found by fuzzing have other names and stay.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use nanami_control::service::audit::{Act, Founded, Record};
use nanami_fuzz::targets::streams;
use nanami_model::message::{Hint, ToControl, ToPeer};
use nanami_model::{
    ApiToken, Attempt, ChangeSet, Digest, Epoch, Exposed, Filter, ForwardRule, Generation, Intent, JoinKeyId,
    JoinSecret, JoinString, LinkReport, Neighbor, NetworkMap, PeerId, PolicyId, PrivateKey, PublicKey, Report, Service,
    Services, SessionToken, TakenOver, Timestamp, TokenId, Usage, User, name,
};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let seeds: Vec<(&str, &str, Vec<u8>)> =
        [texts(), maps(), reports(), messages(), channels(), logs(), programs()].concat();
    for (target, seed, bytes) in seeds {
        let path: PathBuf = folder.join(target).join(seed);
        fs::create_dir_all(path.parent().expect("a corpus has a folder"))?;
        fs::write(&path, &bytes)?;
        println!("{}: {} bytes", path.display(), bytes.len());
    }
    Ok(())
}

/// Texts with a check or an encoding that nobody writes by hand.
fn texts() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let secret = || JoinSecret::new(JoinKeyId::from_bytes([5; 10]), [6; 20]);
    let join = |authority: &str| {
        let join = JoinString::new(authority, name!("acme"), key(7), secret()).expect("a host and a port");
        join.expose().as_bytes().to_vec()
    };
    vec![
        ("id", "peer", PeerId::from_bytes([1; 10]).to_string().into_bytes()),
        ("id", "join-key", JoinKeyId::from_bytes([0xff; 10]).to_string().into_bytes()),
        ("id", "policy", PolicyId::from_bytes(*b"0123456789").to_string().into_bytes()),
        ("key", "bytes", key(1).as_bytes().to_vec()),
        ("key", "text", key(1).to_string().into_bytes()),
        ("join_string", "v4", join("127.0.0.1:8080")),
        ("join_string", "v6", join("[::1]:1")),
        ("join_string", "name", join("control.example.org:65535")),
        ("join_string", "key-alone", secret().expose().as_bytes().to_vec()),
    ]
}

fn maps() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let least = NetworkMap::new(["10.42.0.1".parse().expect("an address")]);
    let grown = map().with_neighbor(Neighbor::new(key(3), [])).with_generation(Epoch::new(1), Generation::new(32));
    let delta = map().delta_to(&grown);
    let pair = |held: &NetworkMap, sent: &NetworkMap| {
        let held = held.encode();
        let length = u16::try_from(held.len()).expect("a small map");
        [length.to_be_bytes().to_vec(), held, sent.encode()].concat()
    };
    vec![
        ("network_map", "least", least.encode()),
        ("network_map", "gateway", map().encode()),
        ("network_map", "difference", delta.encode()),
        ("map_delta", "grows", pair(&map(), &grown)),
        ("map_delta", "shrinks", pair(&grown, &map())),
        ("map_delta", "from-least", pair(&least, &map())),
        ("map_delta", "applies", pair(&map(), &delta)),
        ("map_delta", "other-base", pair(&grown, &delta)),
        ("map_delta", "two-differences", pair(&delta, &delta)),
    ]
}

fn reports() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    vec![
        ("report", "empty", Report::default().encode()),
        ("report", "full", report().encode()),
        ("report", "altered", altered().encode()),
    ]
}

fn messages() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let (peer, name) = (PeerId::from_bytes([1; 10]), name!("ci-runner"));
    let secret = JoinSecret::new(JoinKeyId::from_bytes([5; 10]), [6; 20]);
    let endpoints = ["127.0.0.1:1", "[fd00::1]:2"].map(|at| at.parse().expect("an endpoint")).to_vec();
    vec![
        ("message", "hello", ToControl::Hello { join: None, held: None }.encode()),
        ("message", "hello-join", ToControl::Hello { join: Some(secret), held: None }.encode()),
        ("message", "report", ToControl::Report(Box::new(report())).encode()),
        ("message", "leave", ToControl::Leave.encode()),
        ("message", "welcome", ToPeer::Welcome { peer, name, report_every: Duration::from_secs(10) }.encode()),
        ("message", "map", ToPeer::Map(Box::new(map())).encode()),
        ("message", "hints", ToPeer::Hints(vec![Hint { key: key(1), endpoints }]).encode()),
        ("message", "refused", ToPeer::Refused.encode()),
    ]
}

/// Streams that verify against the fixed keys of the target, each after the byte that says who hears it.
fn channels() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    vec![
        ("channel", "joining", streams::joining()),
        ("channel", "answer", streams::answer()),
        ("channel", "talking", streams::talking()),
    ]
}

/// Documents and change sets as JSON, and the secrets that have a check.
fn programs() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let acme = Intent::from_toml(include_str!("../../../examples/acme.toml")).expect("the example is valid");
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let changes = empty.changes_to(&acme).with_reason("a first board");
    let json = |changes: &ChangeSet| serde_json::to_vec(changes).expect("a change set is JSON");
    let text = |exposed: Exposed| exposed.as_bytes().to_vec();
    vec![
        ("document_json", "acme", acme.to_json().into_bytes()),
        ("document_json", "least", empty.to_json().into_bytes()),
        ("change_set", "acme", json(&changes)),
        ("change_set", "nothing", json(&ChangeSet::default())),
        ("change_set", "inverse", json(&changes.inverse(&empty))),
        ("secret", "api-token", text(ApiToken::new(TokenId::from_bytes([1; 10]), [2; 20]).expose())),
        ("secret", "join-key", text(JoinSecret::new(JoinKeyId::from_bytes([3; 10]), [4; 20]).expose())),
        ("secret", "session", text(SessionToken::new(TokenId::from_bytes([5; 10]), [6; 20]).expose())),
    ]
}

/// The founding of acme, as control would have written it.
fn logs() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let founded = Founded { workspace: name!("acme"), owner: name!("netops") };
    let empty = Intent::new(founded.workspace.clone(), User::new(founded.owner.clone()));
    let acme = Intent::from_toml(include_str!("../../../examples/acme.toml")).expect("the example is valid");
    let record = |changes, founded| Record {
        at: Timestamp::from_millis(1_700_000_000_000),
        by: empty.owner(),
        act: Act::Applied { plan: "p-0000".to_owned(), approvals: Vec::new() },
        changes,
        touched: Vec::new(),
        founded,
    };
    let bytes = |record: Record| [vec![1], serde_json::to_vec(&record).expect("a record is JSON")].concat();
    vec![
        ("log", "acme", bytes(record(empty.changes_to(&acme), Some(founded.clone())))),
        ("log", "nothing", bytes(record(ChangeSet::default(), Some(founded)))),
        ("log", "not-founded", bytes(record(ChangeSet::default(), None))),
    ]
}

fn map() -> NetworkMap {
    let cidr = |text: &str| text.parse().expect("a range");
    let policy = Some(PolicyId::from_bytes([4; 10]));
    let web = Services::new([Service::tcp(443), Service::tcp(6443)]).expect("two services");
    NetworkMap::new(["10.42.0.2", "fd42::2"].map(|address| address.parse().expect("an address")))
        .with_generation(Epoch::new(1), Generation::new(31))
        .with_neighbor(
            Neighbor::new(key(1), [cidr("10.42.0.1/32"), cidr("fd42::1/128")])
                .with_identity(PeerId::from_bytes([1; 10]), name!("ci-runner"))
                .with_keepalive(Duration::from_secs(25)),
        )
        .with_neighbor(
            Neighbor::new(key(2), [cidr("10.42.0.3/32")])
                .with_standby(cidr("10.60.0.0/16"), 1)
                .with_accepted([cidr("10.61.0.0/16")]),
        )
        .with_filter(Filter::deny_all().accept(cidr("10.42.0.0/16"), web.clone()))
        .with_forward(ForwardRule { from: cidr("10.42.0.0/16"), to: cidr("10.60.0.0/16"), services: web, policy })
        .with_routes([cidr("10.60.0.0/16")])
}

/// A machine on which nothing of its map is left.
fn altered() -> Report {
    let nothing = NetworkMap::new(["10.42.0.9".parse().expect("an address")]);
    Report { applied_age: Some(Duration::from_secs(780)), ..report() }
        .with_altered(&map(), &nothing, |_, _| Duration::ZERO)
}

fn report() -> Report {
    let link = LinkReport {
        key: key(1),
        endpoint: Some("127.0.0.1:51820".parse().expect("an endpoint")),
        handshake_age: Some(Duration::from_millis(1500)),
        handshakes: 3,
        rtt: Some(Duration::from_micros(180)),
        probes: 20,
        answered: 19,
        received_bytes: 1,
        sent_bytes: 2,
    };
    let silent = LinkReport { endpoint: None, handshake_age: None, rtt: None, key: key(2), ..link.clone() };
    Report {
        epoch: Epoch::new(1),
        generation: Generation::new(39),
        digests: vec![Digest::from_bytes([1; 32]); 6],
        endpoints: vec!["[::1]:51820".parse().expect("an endpoint")],
        links: vec![link, silent],
        taken_over: vec![TakenOver { prefix: "10.60.0.0/16".parse().expect("a range"), by: key(2) }],
        usage: vec![Usage {
            policy: PolicyId::from_bytes([4; 10]),
            from: Some(PeerId::from_bytes([3; 10])),
            open: 1,
            opened: 2,
            last_use_age: Duration::from_secs(38),
        }],
        attempts: vec![Attempt {
            from: None,
            to: "10.42.0.5".parse().expect("an address"),
            service: Service::tcp(22),
            count: 14,
            last_age: Duration::from_secs(38),
        }],
        attempts_overflow: 7,
        dropped: vec![("unknown_key".to_owned(), 3)],
        ..Report::default()
    }
}

fn key(n: u8) -> PublicKey {
    PrivateKey::from_bytes([n; 32]).public()
}

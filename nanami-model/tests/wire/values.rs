//! One value of each form that is sent or stored, with everything in it that the form can hold.

use std::time::Duration;

use nanami_model::message::{HeldMap, Hint, ToControl, ToPeer};
use nanami_model::{
    AcceptRule, Attempt, ChangeSet, Cidr, Digest, Epoch, Facts, Filter, ForwardRule, Gateway, Generation, Group,
    Intent, JoinKey, JoinKeyId, JoinSecret, JoinString, LinkReport, Name, Neighbor, Network, NetworkMap, Os, Peer,
    PeerId, Policy, PolicyId, PrivateKey, PublicKey, Region, Report, Route, Service, Services, TakenOver, Usage, User,
    Version, name,
};

/// A value with its file, how it is written, and whether bytes read as it.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    /// Whether the bytes are fixed; what is read by name may gain fields, as long as the old text reads.
    pub(crate) fixed: bool,
    pub(crate) write: Box<dyn Fn() -> Vec<u8>>,
    pub(crate) read: Box<Read>,
}

/// Reads bytes, and says how what they mean differs from what it should be.
type Read = dyn Fn(&[u8]) -> Result<(), String>;

pub(crate) fn samples() -> Vec<Sample> {
    vec![
        equal("map.bin", map(), NetworkMap::encode, NetworkMap::decode),
        equal("map_empty.bin", NetworkMap::new([]), NetworkMap::encode, NetworkMap::decode),
        equal("map_delta.bin", delta(), NetworkMap::encode, NetworkMap::decode),
        equal("map_masquerade.bin", masquerading(), NetworkMap::encode, NetworkMap::decode),
        equal("map_masquerade_delta.bin", routed_again(), NetworkMap::encode, NetworkMap::decode),
        equal("report.bin", report(), Report::encode, Report::decode),
        equal("report_facts.bin", facts(), Report::encode, Report::decode),
        equal("report_altered.bin", altered(), Report::encode, Report::decode),
        equal("report_masquerade.bin", masqueraded(), Report::encode, Report::decode),
        equal("report_empty.bin", Report::default(), Report::encode, Report::decode),
        equal("to_peer_welcome.bin", welcome(), ToPeer::encode, ToPeer::decode),
        equal("to_peer_map.bin", ToPeer::Map(Box::new(map())), ToPeer::encode, ToPeer::decode),
        equal("to_peer_hints.bin", hints(), ToPeer::encode, ToPeer::decode),
        equal("to_peer_refused.bin", ToPeer::Refused, ToPeer::encode, ToPeer::decode),
        spoken("to_control_hello.bin", || ToControl::Hello { join: None, held: None }),
        spoken("to_control_hello_join.bin", || ToControl::Hello { join: Some(secret()), held: None }),
        spoken("to_control_hello_held.bin", || ToControl::Hello { join: None, held: Some(HeldMap::of(&map())) }),
        spoken("to_control_ask_map.bin", || ToControl::AskMap),
        spoken("to_control_report.bin", || ToControl::Report(Box::new(report()))),
        spoken("to_control_leave.bin", || ToControl::Leave),
        Sample {
            name: "join_string.txt",
            fixed: true,
            write: Box::new(|| join_string().expose().as_bytes().to_vec()),
            read: Box::new(|bytes| {
                let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
                let read: JoinString = text.parse().map_err(|error| format!("{error}"))?;
                same(read.expose() == join_string().expose())
            }),
        },
        Sample {
            name: "change_set.json",
            fixed: false,
            write: Box::new(|| serde_json::to_vec_pretty(&change_set()).unwrap()),
            read: Box::new(|bytes| {
                let read: ChangeSet = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
                same(read == change_set())
            }),
        },
    ]
}

fn same(equal: bool) -> Result<(), String> {
    if equal { Ok(()) } else { Err("it reads as another value".to_owned()) }
}

fn equal<T, E>(name: &'static str, value: T, write: fn(&T) -> Vec<u8>, read: fn(&[u8]) -> Result<T, E>) -> Sample
where
    T: Clone + PartialEq + std::fmt::Debug + 'static,
    E: std::fmt::Display + 'static,
{
    let wanted = value.clone();
    Sample {
        name,
        fixed: true,
        write: Box::new(move || write(&value)),
        read: Box::new(move |bytes| {
            let read = read(bytes).map_err(|error| error.to_string())?;
            if read == wanted { Ok(()) } else { Err(format!("it reads as {read:?}")) }
        }),
    }
}

/// What a peer says holds secrets, and so has no equality: it is the same when it is written the same.
fn spoken(name: &'static str, say: fn() -> ToControl) -> Sample {
    Sample {
        name,
        fixed: true,
        write: Box::new(move || say().encode()),
        read: Box::new(move |bytes| {
            let read = ToControl::decode(bytes).map_err(|error| error.to_string())?;
            same(read.encode() == say().encode())
        }),
    }
}

fn key(n: u8) -> PublicKey {
    PrivateKey::from_bytes([n; 32]).public()
}

fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

fn peer(n: u8) -> PeerId {
    PeerId::from_bytes([n; 10])
}

fn policy(n: u8) -> Option<PolicyId> {
    Some(PolicyId::from_bytes([n; 10]))
}

fn secret() -> JoinSecret {
    JoinSecret::new(JoinKeyId::from_bytes([5; 10]), [6; 20])
}

fn join_string() -> JoinString {
    JoinString::new("control.example.org:8443", name!("acme"), key(7), secret()).unwrap()
}

/// Both families, runs of hosts and single ones, a gateway with its ranges, a standby, a plain device without a name.
pub(crate) fn map() -> NetworkMap {
    let services = |texts: &[&str]| Services::new(texts.iter().map(|text| text.parse::<Service>().unwrap())).unwrap();
    let hosts = (2..=5).map(|n| {
        let prefixes = [cidr(&format!("10.42.0.{n}/32")), cidr(&format!("fd42::{n}/128"))];
        Neighbor::new(key(n), prefixes).with_identity(peer(n), format!("worker-{n}").parse::<Name>().unwrap())
    });
    let us_east = Neighbor::new(key(20), [cidr("10.42.0.20/32"), cidr("fd42::20/128"), cidr("10.60.0.0/16")])
        .with_identity(peer(20), name!("us-east"))
        .with_keepalive(Duration::from_secs(25));
    let eu_west = Neighbor::new(key(21), [cidr("10.42.0.21/32"), cidr("fd42::21/128")])
        .with_identity(peer(21), name!("eu-west"))
        .with_standby(cidr("10.60.0.0/16"), 1)
        .with_standby(cidr("::/0"), 2)
        .with_accepted([cidr("10.61.0.0/16"), cidr("fd61::/48")]);
    let plain = Neighbor::new(key(30), [cidr("10.99.0.0/24")]);
    let accept = (2..=5).map(|n| AcceptRule {
        from: cidr(&format!("10.42.0.{n}/32")),
        services: services(&["tcp/443", "udp/8000-8010"]),
        policy: policy(1),
    });
    let more = [
        AcceptRule { from: cidr("fd42::/64"), services: services(&["any"]), policy: policy(2) },
        AcceptRule { from: cidr("10.42.0.9/32"), services: services(&["icmp"]), policy: None },
    ];
    let forward = (2..=3).map(|n| ForwardRule {
        from: cidr(&format!("10.43.0.{n}/32")),
        to: cidr("10.60.0.0/16"),
        services: services(&["tcp/5432"]),
        policy: policy(3),
    });
    NetworkMap::new(["10.42.0.1".parse().unwrap(), "fd42::1".parse().unwrap()])
        .with_generation(Epoch::new(2), Generation::new(41))
        .with_neighbors(hosts.chain([us_east, eu_west, plain]))
        .with_filter(accept.chain(more).collect::<Filter>())
        .with_forwards(forward)
        .with_routes([cidr("10.42.0.0/16"), cidr("10.60.0.0/16"), cidr("fd42::/48")])
}

/// Something of every kind is gone, something is new, and one neighbor has changed.
fn delta() -> NetworkMap {
    let rule = AcceptRule { from: cidr("10.42.0.6/32"), services: Service::ANY.into(), policy: policy(1) };
    let rules = map().filter().rules().iter().skip(1).cloned().chain([rule]).collect::<Filter>();
    let changed = map().neighbor(&key(20)).unwrap().clone().with_keepalive(Duration::from_secs(15));
    let kept = [2, 3, 4, 21, 30].map(|n| map().neighbor(&key(n)).unwrap().clone());
    let new = Neighbor::new(key(6), [cidr("10.42.0.6/32"), cidr("fd42::6/128")]).with_identity(peer(6), name!("db"));
    let newer = NetworkMap::new(["10.42.0.1".parse().unwrap(), "fd42::7".parse().unwrap()])
        .with_generation(Epoch::new(2), Generation::new(42))
        .with_neighbors(kept.into_iter().chain([changed, new]))
        .with_filter(rules)
        .with_forwards(map().forward().iter().take(1).cloned())
        .with_routes([cidr("10.42.0.0/16"), cidr("10.61.0.0/16")]);
    map().delta_to(&newer)
}

/// A gateway whose answers come back in more than one way.
fn masquerading() -> NetworkMap {
    map().with_masquerade([cidr("10.60.0.0/17"), cidr("10.60.192.0/18"), cidr("fd60::/48")])
}

/// The same gateway, some of whose ranges have a route back by now, and one of which does not any more.
fn routed_again() -> NetworkMap {
    let newer = map().with_masquerade([cidr("10.60.0.0/17"), cidr("10.60.128.0/18")]);
    masquerading().delta_to(&newer.with_generation(Epoch::new(2), Generation::new(42)))
}

/// A host that does not masquerade what it should.
fn masqueraded() -> Report {
    Report::default().with_altered(&masquerading(), &map(), |_, _| Duration::from_millis(1500))
}

fn report() -> Report {
    let link = LinkReport {
        key: key(1),
        endpoint: Some("127.0.0.1:51820".parse().unwrap()),
        handshake_age: Some(Duration::from_millis(1500)),
        handshakes: 3,
        rtt: Some(Duration::from_micros(180)),
        probes: 0,
        answered: 0,
        received_bytes: 1 << 40,
        sent_bytes: 2,
    };
    let silent = LinkReport { endpoint: None, handshake_age: None, rtt: None, key: key(2), ..link.clone() };
    Report {
        epoch: Epoch::new(1),
        generation: Generation::new(39),
        digests: (1..=6).map(|n| Digest::from_bytes([n; 32])).collect(),
        endpoints: vec!["[fd00::1]:51820".parse().unwrap(), "192.0.2.7:4000".parse().unwrap()],
        links: vec![link, silent],
        taken_over: vec![TakenOver { prefix: cidr("10.60.0.0/16"), by: key(2) }],
        usage: vec![Usage {
            policy: PolicyId::from_bytes([4; 10]),
            from: Some(peer(3)),
            open: 1,
            opened: 2,
            last_use_age: Duration::from_secs(38),
        }],
        attempts: vec![Attempt {
            from: None,
            to: "10.42.0.5".parse().unwrap(),
            service: Service::tcp(22),
            count: 14,
            last_age: Duration::from_secs(38),
        }],
        attempts_overflow: 7,
        dropped: vec![("unknown_key".to_owned(), 3)],
        ..Report::default()
    }
}

/// What reports gained in the second version.
fn facts() -> Report {
    let facts = Facts::unknown().with_os(Os::Linux).with_os_version(Version::new(6, 12, 0));
    let facts = facts.with_agent_version(Version::new(0, 1, 0));
    let links = report().links.into_iter().map(|link| LinkReport { probes: 20, answered: 19, ..link }).collect();
    Report { facts, usage_overflow: 3, links, ..report() }
}

/// What an agent says of a machine where somebody changed everything by hand: items of each kind, removed and added.
fn altered() -> Report {
    let applied_age = Some(Duration::from_secs(780));
    let age = |how, _: &_| Duration::from_secs(if how == nanami_model::Alteration::Added { 5 } else { 15 });
    let on_link = vec![cidr("192.0.2.0/24"), cidr("2001:db8::/64")];
    Report { applied_age, on_link, ..report() }.with_altered(
        &map(),
        &NetworkMap::new(["10.42.0.9".parse().unwrap()]),
        age,
    )
}

fn welcome() -> ToPeer {
    ToPeer::Welcome { peer: peer(1), name: name!("ci-runner"), report_every: Duration::from_secs(10) }
}

fn hints() -> ToPeer {
    let endpoints = vec!["127.0.0.1:1".parse().unwrap(), "[fd00::1]:2".parse().unwrap()];
    ToPeer::Hints(vec![Hint { key: key(1), endpoints }, Hint { key: key(2), endpoints: Vec::new() }])
}

/// Additions of most kinds, an update and a removal, with a reason: as a log keeps it.
fn change_set() -> ChangeSet {
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut draft = empty.draft();
    let group = draft.add(Group::new(name!("platform")));
    let network = draft.add(Network::new(name!("prod"), group, [cidr("10.42.0.0/16"), cidr("fd42::/48")]));
    let api = draft.add(Peer::new(name!("api")).with_groups([group]).with_networks([network]).with_key(key(9)));
    let edge = draft.add(Peer::new(name!("edge")).with_addresses(["10.42.0.7".parse().unwrap()]));
    let region = draft.add(Region::new(name!("us")));
    let gateway = draft.add(Gateway::new(name!("us-east"), edge, region));
    let route = draft.add(Route::new(name!("vpc"), network, cidr("10.60.0.0/16"), [gateway]).with_redundancy(2));
    draft.add(Policy::allow(name!("api-to-vpc"), api, route, Service::tcp(443)));
    draft.add_join_key(JoinKey::one_off(name!("edge")).for_peer(edge), |id| JoinSecret::new(id, [9; 20]).hash());
    draft.into_changes().with_reason("first")
}

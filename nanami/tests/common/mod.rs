//! A recording of acme as a control plane would make it: everybody joined, not everything well.
#![allow(dead_code, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use nanami::model::{
    Cidr, ForwardRule, Generation, Intent, LinkReport, Observed, PeerId, PrivateKey, Recording, Report, Service,
    Timestamp, Usage, sample,
};
use nanami::plan::{Desired, Selection, compile};

/// 2026-11-24 18:34:35 UTC.
const AT: u64 = 1_795_545_275_000;
/// Which generation each peer should run.
const DESIRED: u64 = 41;

/// eu-west was altered by hand, db-cluster is behind, k8s-ingress is silent, everybody else matches; ci-to-vpc was used three
/// weeks ago, api-to-db just now.
pub(crate) fn recording() -> String {
    let acme = joined(&sample::acme());
    let desired = compile(&acme, &Selection::default());
    let mut observed = Observed::none().clone();
    let mut generations = BTreeMap::new();
    for (n, (id, peer)) in (1..).zip(acme.peers()) {
        let mut report = report(&desired, id);
        let (mut ago, name) = (n, nanami::model::Entity::name(peer).as_str());
        match name {
            "db-cluster" => report.generation = Generation::new(39),
            "eu-west" => report = altered(report, &desired, id),
            "k8s-ingress" => ago = 400,
            _ => {}
        }
        report.usage = match name {
            "us-east" => vec![usage(&acme, "ci-to-vpc", "ci-runner", 0, 21 * 86_400)],
            "db-cluster" => vec![usage(&acme, "api-to-db", "api-gateway", 3, 2)],
            _ => Vec::new(),
        };
        observed.record(id, report, Timestamp::from_millis(AT - ago * 1000)).unwrap();
        generations.insert(id, Generation::new(DESIRED));
    }
    serde_json::to_string(&Recording::new(&acme, &observed, generations, Timestamp::from_millis(AT))).unwrap()
}

fn joined(acme: &Intent) -> Intent {
    let mut draft = acme.draft();
    for (n, (id, _)) in (1..).zip(acme.peers()) {
        let mut bytes = [7; 32];
        bytes[1] = n;
        draft.update(id, |peer| peer.with_key(PrivateKey::from_bytes(bytes).public()));
    }
    acme.apply(acme.owner(), &draft.into_changes()).unwrap()
}

/// A peer that runs its map, with live tunnels.
fn report(desired: &Desired, id: PeerId) -> Report {
    let map = desired.map_for(id).unwrap();
    let link = |(n, neighbor): (u64, &nanami::model::Neighbor)| LinkReport {
        key: neighbor.key(),
        endpoint: None,
        handshake_age: Some(Duration::from_secs(9 + n)),
        handshakes: 1,
        rtt: Some(Duration::from_millis(3 + 5 * n)),
        probes: 0,
        answered: 0,
        received_bytes: 0,
        sent_bytes: 0,
    };
    let links = (0..).zip(map.neighbors()).map(link).collect();
    Report { generation: Generation::new(DESIRED), digests: map.digests().to_vec(), links, ..Report::default() }
}

/// A peer where somebody opened the forward filter and changed the routes of the host, a quarter of an hour after its map was
/// applied.
fn altered(report: Report, desired: &Desired, id: PeerId) -> Report {
    let rule = ForwardRule { from: Cidr::ALL_V4, to: Cidr::ALL_V4, services: Service::ANY.into(), policy: None };
    let map = desired.map_for(id).unwrap();
    let pools = map.routes().iter().copied().filter(|prefix| prefix.to_string() != "fd43::/48");
    let routes: Vec<Cidr> = pools.chain(["192.0.2.0/24".parse().unwrap()]).collect();
    let running = map.clone().with_routes(routes).with_forward(rule);
    let report = Report { digests: running.digests().to_vec(), applied_age: Some(Duration::from_secs(1200)), ..report };
    report.with_altered(&map, &running, |_, _| Duration::from_secs(300))
}

fn usage(acme: &Intent, policy: &str, from: &str, open: u64, ago: u64) -> Usage {
    let (policy, from) = (acme.id(policy).unwrap(), Some(acme.id(from).unwrap()));
    Usage { policy, from, open, opened: open + 1, last_use_age: Duration::from_secs(ago) }
}

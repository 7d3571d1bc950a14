//! Gateways that die and come back, by what their clients report, on a store that outlives control.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use nanami_model::{Actor, Intent, LinkReport, Neighbor, Observed, PrivateKey, Report, Revision};

use super::*;
use crate::service::audit::{Act, Record};
use crate::store::Sqlite;

const CLIENTS: u8 = 24;
const GATEWAYS: [&str; 3] = ["east", "west", "south"];

/// A clock that stands until it is moved.
#[derive(Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_545_275_000 + self.0.load(Ordering::SeqCst))
    }
}

fn key(name: &str) -> PublicKey {
    let mut bytes = [9; 32];
    bytes[1..=name.len()].copy_from_slice(name.as_bytes());
    PrivateKey::from_bytes(bytes).public()
}

fn client(n: u8) -> String {
    format!("client-{n}")
}

/// Clients of one route that three gateways share.
fn document() -> String {
    let mut text = String::from(
        "[workspace]\nname = \"acme\"\n[users]\nnetops = { role = \"owner\" }\n[groups]\nall = {}\nusers = {}\n\
         [networks.net]\nowner = \"all\"\npools = [\"10.42.0.0/16\"]\n[regions]\na = {}\nb = {}\nc = {}\n",
    );
    for (name, region) in GATEWAYS.into_iter().zip(["a", "b", "c"]) {
        text += &format!("[peers.gate-{name}]\nnetworks = [\"net\"]\nkey = \"{}\"\n", key(&format!("gate-{name}")));
        text += &format!("[gateways.{name}]\npeer = \"gate-{name}\"\nregion = \"{region}\"\n");
    }
    for n in 0..CLIENTS {
        let name = client(n);
        text += &format!("[peers.{name}]\ngroups = [\"users\"]\nnetworks = [\"net\"]\nkey = \"{}\"\n", key(&name));
    }
    text + "[routes.vpc]\nnetwork = \"net\"\nprefix = \"10.60.0.0/16\"\ngateways = [\"east\", \"west\", \"south\"]\n\
            mode = \"balanced\"\nredundancy = 2\nsnat = true\n\
            [policies.users-to-vpc]\nfrom = \"users\"\nto = \"vpc\"\nallow = [\"any\"]\n"
}

/// A control instance on the store in a folder.
struct Control {
    hub: Arc<Hub>,
    clock: Arc<Hand>,
}

/// For each client the gateway peers that its map ranks for the route, and the generation of that map.
type Ways = BTreeMap<String, (Vec<String>, u64)>;

impl Control {
    async fn start(dir: &Path, clock: &Arc<Hand>) -> Control {
        let store: Arc<dyn ErasedStore> = Arc::new(Sqlite::at(dir.join("nanami.db")));
        let found = Workspace::found("acme".parse().unwrap(), "netops".parse().unwrap());
        let (id, clock) = (found.id(), Arc::clone(clock));
        let hub =
            Hub::open(id, Some(found), store, Arc::clone(&clock) as Arc<dyn Clock>, false).await.unwrap().unwrap();
        Control { hub, clock }
    }

    /// Applies the document as its owner.
    async fn apply(&self) {
        let wanted = Intent::from_toml(&document()).unwrap();
        let apply = move |core: &Workspace, now| {
            let (by, changes) = (core.intent().owner(), core.intent().changes_to(&wanted));
            let candidate = core.candidate(now, by, changes).map_err(|refused| NoStep(refused.into()))?;
            core.apply(now, by, &candidate.saved).map_err(|error| NoStep(error.into()))
        };
        self.hub.transact(apply).await.map_err(|NoStep(error)| error).unwrap();
        self.hub.choose().await;
    }

    /// Every client reports which of the gateways it hears of; a cycle later gateways are chosen.
    async fn hear(&self, after: Duration, dead: &[&str]) {
        self.clock.0.fetch_add(u64::try_from(after.as_millis()).unwrap(), Ordering::SeqCst);
        for n in 0..CLIENTS {
            let name = client(n);
            let snapshot = self.hub.snapshot();
            let peer = snapshot.intent().id::<PeerId>(&name).unwrap();
            let map = snapshot.distribution().map(peer).unwrap();
            let link = |neighbor: &Neighbor| {
                let gone = dead.iter().any(|dead| neighbor.key() == key(&format!("gate-{dead}")));
                LinkReport {
                    key: neighbor.key(),
                    endpoint: None,
                    handshake_age: Some(Duration::from_secs(if gone { 400 } else { 3 })),
                    handshakes: 1,
                    rtt: None,
                    probes: 0,
                    answered: 0,
                    received_bytes: 0,
                    sent_bytes: 0,
                }
            };
            let report = Report {
                epoch: map.epoch(),
                generation: map.generation(),
                digests: map.digests().to_vec(),
                links: map.neighbors().iter().map(link).collect(),
                ..Report::default()
            };
            self.hub.report(key(&name), peer, IpAddr::from([127, 0, 0, 1]), report).await;
        }
        // The first of them may have been weighed by themselves; all of them are a cycle later.
        self.clock.0.fetch_add(5000, Ordering::SeqCst);
        self.hub.choose().await;
    }

    fn ways(&self) -> Ways {
        let snapshot = self.hub.snapshot();
        let vpc = "10.60.0.0/16".parse().unwrap();
        let way = |n: u8| {
            let peer = snapshot.intent().id::<PeerId>(&client(n)).unwrap();
            let map = snapshot.distribution().map(peer).unwrap();
            let owner = map.neighbors().iter().filter(|hop| hop.allowed_ips().contains(&vpc));
            let standby = map.neighbors().iter().filter(|hop| hop.standby().iter().any(|s| s.prefix == vpc));
            let ranks = owner.chain(standby).map(|hop| hop.name().unwrap().to_string()).collect();
            (client(n), (ranks, map.generation().value()))
        };
        (0..CLIENTS).map(way).collect()
    }

    async fn acts(&self) -> Vec<Act> {
        let entries = self.hub.entries(Revision::ZERO, 100).await.unwrap();
        entries.iter().map(|entry| Record::from_entry(entry).unwrap().act).collect()
    }
}

fn rechosen(acts: &[Act]) -> usize {
    acts.iter().filter(|act| matches!(act, Act::Rechosen)).count()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Who goes by another gateway first.
fn moved<'a>(before: &'a Ways, after: &Ways) -> Vec<&'a str> {
    before.iter().filter(|(name, (ranks, _))| after[*name].0[0] != ranks[0]).map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn i15_of_a_gateway_that_dies_and_comes_back_only_its_clients_move_and_a_restart_moves_none() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(Hand::default()));
    let control = Control::start(dir.path(), &clock).await;
    control.apply().await;
    control.hear(seconds(6), &[]).await;
    let well = control.ways();
    let of = |ways: &Ways, gate: &str| ways.values().filter(|(ranks, _)| ranks[0] == gate).count();
    assert!(["gate-east", "gate-west", "gate-south"].iter().all(|gate| of(&well, gate) > 0), "{well:?}");
    assert_eq!(rechosen(&control.acts().await), 1, "the first spread is a decision like any other");

    // It dies. Its clients go to their standbys, as they have by themselves; nobody else has a new map.
    control.hear(seconds(6), &["east"]).await;
    let died = control.ways();
    let own: Vec<_> = well.iter().filter(|(_, (ranks, _))| ranks[0] == "gate-east").map(|(n, _)| n.as_str()).collect();
    assert_eq!(moved(&well, &died), own);
    for (name, (ranks, generation)) in &well {
        if ranks[0] == "gate-east" {
            assert_eq!(died[name].0[0], ranks[1], "{name} went where it was prepared for");
        }
        assert_eq!(died[name].1 > *generation, ranks.iter().any(|rank| rank == "gate-east"), "{name}");
    }

    // A restart moves nobody, and decides nothing: not at once, and not with the reports after it.
    let acts = control.acts().await;
    drop(control);
    let control = Control::start(dir.path(), &clock).await;
    assert_eq!((control.ways(), control.acts().await), (died.clone(), acts.clone()));
    control.hear(seconds(6), &["east"]).await;
    control.hear(Observed::LEASE, &["east"]).await;
    assert_eq!((control.ways(), control.acts().await), (died.clone(), acts));

    // It is back. It is left alone for a minute; then at most its share goes to it, and nobody goes elsewhere.
    control.hear(seconds(6), &[]).await;
    assert_eq!(moved(&died, &control.ways()), Vec::<&str>::new());
    for _ in 0..20 {
        control.hear(seconds(31), &[]).await;
    }
    let back = control.ways();
    let returned = moved(&died, &back);
    assert!(!returned.is_empty() && returned.len() <= usize::from(CLIENTS).div_ceil(3), "{returned:?}");
    assert!(returned.iter().all(|name| back[*name].0[0] == "gate-east"));
}

#[tokio::test]
async fn i16_when_all_gateways_die_everybody_keeps_what_they_have_and_reports_without_news_decide_nothing() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(Hand::default()));
    let control = Control::start(dir.path(), &clock).await;
    control.apply().await;
    control.hear(seconds(6), &[]).await;
    control.hear(seconds(6), &[]).await;
    let (well, acts) = (control.ways(), control.acts().await);
    let at = control.hub.look(|core, _| core.chooses_at()).await;
    control.hear(seconds(6), &[]).await;
    assert_eq!(control.hub.look(|core, _| core.chooses_at()).await, at, "the same words bring no choice forward");
    for _ in 0..5 {
        control.hear(seconds(31), &GATEWAYS).await;
    }
    assert_eq!((control.ways(), control.acts().await), (well.clone(), acts.clone()));
    drop(control);
    let control = Control::start(dir.path(), &clock).await;
    assert_eq!((control.ways(), control.acts().await), (well, acts));
    let intent = control.hub.snapshot().intent().clone();
    assert!(matches!(intent.owner(), Actor::User(_)));
}

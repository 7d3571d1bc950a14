//! kill -9 of a control process at 20 random points under load: nothing that was acknowledged is lost, no address is given
//! twice, no generation goes back. The seed is printed; `NANAMI_SEED` repeats a run's choices.
#![expect(clippy::unwrap_used, reason = "tests panic")]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use common::within;
use nanami_control::{
    Client, ClientError, Tokens,
    agent::{Agent, AgentOptions, JoinError},
    api::{JoinKeyRequest, Status},
};
use nanami_model::{JoinString, Name, PeerId, PublicKey, Revision, name};
use tokio::sync::watch;

const KILLS: u64 = 20;
const WORKERS: u64 = 4;
const DOCUMENT: &str = "[workspace]\nname = \"acme\"\n[users]\nnetops = { role = \"owner\" }\n[groups]\nops = {}\n\
    [networks.lab]\nowner = \"ops\"\npools = [\"10.9.0.0/20\", \"fd09::/64\"]\n[peers]\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_no_address_is_given_twice() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let seed = std::env::var("NANAMI_SEED").map_or(now as u64, |seed| seed.parse().unwrap());
    println!("seed {seed}");
    let mut random = Random(seed | 1);
    let directory = tempfile::tempdir().unwrap();
    let tokens = Tokens::default();
    let token = tokens.issue(name!("netops")).unwrap().expose().to_owned();
    tokens.save(&directory.path().join("tokens")).unwrap();

    let mut control = Control::start(directory.path());
    let (address, addresses) = watch::channel(control.address.clone());
    let (acks, mut acknowledged) = watch::channel(0u64);
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let workers = (0..WORKERS).map(|worker| {
        let worker = Worker {
            worker,
            directory: directory.path().to_owned(),
            token: token.clone(),
            addresses: addresses.clone(),
            acks: acks.clone(),
            ledger: Arc::clone(&ledger),
        };
        tokio::spawn(worker.run())
    });
    let workers = workers.collect::<Vec<_>>();

    let mut before: Option<Status> = None;
    for kill in 0..KILLS {
        let wanted = *acknowledged.borrow_and_update() + 1 + random.below(6);
        within(acknowledged.wait_for(|acks| *acks >= wanted)).await.unwrap();
        // Somewhere inside the next request: this is what is random, nothing waits for it.
        tokio::time::sleep(Duration::from_micros(random.below(8000))).await;
        control.kill();
        let promised = ledger.lock().unwrap().clone();
        control = Control::start(directory.path());
        let client = Client::new(&control.address, name!("acme"), &token);
        let status = within(client.status()).await.unwrap();
        promised.check(&status, kill);
        if let Some(before) = &before {
            check_generations(before, &status, kill);
        }
        before = Some(status);
        address.send_replace(control.address.clone());
    }
    let all = *acknowledged.borrow_and_update() + WORKERS;
    within(acknowledged.wait_for(|acks| *acks >= all)).await.unwrap();
    for worker in workers {
        worker.abort();
        assert!(worker.await.is_err_and(|error| error.is_cancelled()), "a worker saw a wrong answer");
    }
    let ledger = ledger.lock().unwrap();
    println!(
        "{} joins, {} plans, {} acknowledgements",
        ledger.joined.len(),
        ledger.plans.len(),
        *acknowledged.borrow()
    );
    assert!(ledger.joined.len() as u64 > WORKERS && ledger.plans.len() as u64 > WORKERS);
    control.kill();
}

/// What control said yes to.
#[derive(Clone, Default)]
struct Ledger {
    joined: BTreeMap<Name, (PeerId, PublicKey)>,
    plans: BTreeMap<Name, Revision>,
}

impl Ledger {
    fn check(&self, status: &Status, kill: u64) {
        let found = |name: &Name| status.peers.iter().find(|peer| peer.name == *name);
        for (name, (id, key)) in &self.joined {
            let peer = found(name).unwrap_or_else(|| panic!("kill {kill}: {name} joined and is gone"));
            assert_eq!((peer.peer, peer.key), (*id, Some(*key)), "kill {kill}: {name}");
        }
        for (name, revision) in &self.plans {
            assert!(found(name).is_some(), "kill {kill}: {name} was applied and is gone");
            assert!(status.revision >= *revision, "kill {kill}: revision {revision} was applied");
        }
        let mut given = BTreeSet::new();
        for address in status.peers.iter().flat_map(|peer| &peer.addresses) {
            assert!(given.insert(*address), "kill {kill}: {address} is given twice");
        }
    }
}

fn check_generations(before: &Status, after: &Status, kill: u64) {
    for was in &before.peers {
        let is = after.peers.iter().find(|peer| peer.peer == was.peer).unwrap();
        assert_eq!(was.addresses, is.addresses, "kill {kill}: {} keeps its addresses", was.name);
        assert!(was.desired <= is.desired, "kill {kill}: the generation of {} went back", was.name);
    }
}

struct Worker {
    worker: u64,
    directory: PathBuf,
    token: String,
    addresses: watch::Receiver<String>,
    acks: watch::Sender<u64>,
    ledger: Arc<Mutex<Ledger>>,
}

impl Worker {
    /// Adds peers and joins them, one after the other, until it is aborted. An answer that did not come is asked for again.
    async fn run(mut self) {
        for i in 0.. {
            let name: Name = format!("w{}-{i}", self.worker).parse().unwrap();
            self.add(&name).await;
            let join = self.join_key(&name).await;
            self.join(&name, join).await;
        }
    }

    async fn add(&mut self, name: &Name) {
        loop {
            let outcome = async {
                let client = self.client();
                let status = client.status().await?;
                if status.peers.iter().any(|peer| peer.name == *name) {
                    return Ok(None);
                }
                let live =
                    if status.revision == Revision::ZERO { DOCUMENT.to_owned() } else { client.document().await? };
                let peer = format!("[peers.{name}]\ngroups = [\"ops\"]\nnetworks = [\"lab\"]\n");
                let plan = client.propose_on(status.revision, &format!("{live}\n{peer}")).await?.plan;
                client.apply(&plan).await.map(Some)
            };
            match outcome.await {
                Ok(Some(applied)) => {
                    self.ledger.lock().unwrap().plans.insert(name.clone(), applied.revision);
                    return self.acknowledge();
                }
                // An earlier attempt was applied, its answer was lost.
                Ok(None) => return,
                Err(ClientError::Unreachable { .. }) => self.wait_for_restart().await,
                // Another worker's plan came in between.
                Err(ClientError::Refused(problem)) => assert_eq!(problem.code, "plan.stale", "{problem:?}"),
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    async fn join_key(&mut self, name: &Name) -> JoinString {
        for attempt in 0.. {
            let key = format!("{name}-{attempt}").parse().unwrap();
            let request = JoinKeyRequest { name: key, peer: Some(name.clone()), expires_in_ms: None };
            match self.client().create_join_key(&request).await {
                Ok(made) => {
                    self.acknowledge();
                    return made.join_string.parse().unwrap();
                }
                Err(ClientError::Unreachable { .. }) => self.wait_for_restart().await,
                Err(other) => panic!("{other:?}"),
            }
        }
        unreachable!("attempts do not end")
    }

    async fn join(&mut self, name: &Name, join: JoinString) {
        loop {
            let authority = self.addresses.borrow_and_update().clone();
            let secret = join.secret().expose().parse().unwrap();
            let there = JoinString::new(&authority, join.workspace().clone(), join.control(), secret).unwrap();
            let options = AgentOptions::in_dir(self.directory.join(name.as_str()));
            match Agent::join(&there, options).await {
                Ok(agent) => {
                    let joined = (agent.peer(), agent.key().public());
                    self.ledger.lock().unwrap().joined.insert(name.clone(), joined);
                    return self.acknowledge();
                }
                // Hung up in the middle of the handshake reads like another key.
                Err(JoinError::Unreachable { .. } | JoinError::WrongControl { .. }) => self.wait_for_restart().await,
                Err(other) => panic!("{name}: {other:?}"),
            }
        }
    }

    fn client(&self) -> Client {
        Client::new(&self.addresses.borrow(), name!("acme"), &self.token)
    }

    fn acknowledge(&self) {
        self.acks.send_modify(|acks| *acks += 1);
    }

    /// A machine that stalls makes a control that lives unreachable, too: then there is no restart to wait for.
    async fn wait_for_restart(&mut self) {
        let _still_the_same = tokio::time::timeout(Duration::from_secs(1), self.addresses.changed()).await;
    }
}

/// The example `serve`, which `cargo test` builds beside the tests.
struct Control {
    child: Child,
    address: String,
}

impl Control {
    fn start(directory: &Path) -> Control {
        let test = std::env::current_exe().unwrap();
        let serve = test.parent().unwrap().parent().unwrap().join("examples").join("serve");
        let built = "cargo test builds it; for this test alone: cargo build -p nanami-control --example serve";
        assert!(serve.exists(), "{} is not there: {built}", serve.display());
        let mut child = Command::new(serve).arg(directory).stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        assert!(!address.is_empty(), "control did not start");
        Control { child, address: address.trim().to_owned() }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _dead_already = self.child.kill();
        let _waited_already = self.child.wait();
    }
}

/// xorshift64 (Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

//! A workspace, its control plane and its nodes in one process: what an embedder does.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::net::Ipv4Addr;
use std::path::Path;

use nanami::control::store::Sqlite;
use nanami::control::{ControlEvent, ControlPlane, LiveWorkspace};
use nanami::model::{
    Actor, Cidr, Group, GroupId, JoinKey, Neighbor, Network, NetworkMap, Peer, PeerId, Policy, Service, Timestamp,
    User, name,
};
use nanami::plan::State;
use nanami::tunnel::{DialError, TunnelOptions};
use nanami::{Node, NodeOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A control plane with a workspace of two peers, one of which may reach the other.
async fn control(dir: &Path) -> (ControlPlane, LiveWorkspace) {
    let control = ControlPlane::builder(Sqlite::at(dir.join("control/nanami.db"))).start().await.unwrap();
    let live = control.open_workspace(name!("acme"), User::new(name!("netops"))).await.unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let serving = control.clone();
    tokio::spawn(async move { serving.serve(listener).await });
    if live.intent().id::<GroupId>("all").is_err() {
        let intent = live.intent();
        let mut draft = intent.draft();
        let all = draft.add(Group::new(name!("all")));
        let net = draft.add(Network::new(name!("net"), all, ["10.42.0.0/24".parse().unwrap()]));
        let [api, db] =
            [name!("api"), name!("db")].map(|n| draft.add(Peer::new(n).with_groups([all]).with_networks([net])));
        draft.add(Policy::allow(name!("api-to-db"), api, db, Service::tcp(5432)));
        let proposal = live.propose(draft.into_changes()).await.unwrap();
        proposal.apply().await.unwrap();
    }
    (control, live)
}

async fn join(live: &LiveWorkspace, dir: &Path, peer: &str) -> Node {
    let id = live.intent().id::<PeerId>(peer).unwrap();
    let key = JoinKey::one_off(format!("for-{peer}").parse().unwrap()).for_peer(id);
    let string = loop {
        // The address is known once the server listens.
        match live.create_join_key(key.clone()).await {
            Ok(string) => break string,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    Node::join(&string, options(dir, peer)).await.unwrap()
}

fn options(dir: &Path, peer: &str) -> NodeOptions {
    NodeOptions::in_dir(dir.join(peer))
        .with_tunnel(TunnelOptions::default().with_listen((Ipv4Addr::LOCALHOST, 0).into()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_join_dial_and_start_again_without_control() {
    let dir = tempfile::tempdir().unwrap();
    let (control, live) = control(dir.path()).await;
    assert!(matches!(live.intent().owner(), Actor::User(_)));
    let (api, db) = (join(&live, dir.path(), "api").await, join(&live, dir.path(), "db").await);
    let knows = |node: &Node| {
        let node = node.clone();
        async move { node.map_where(|map| map.neighbors().len() == 1).await }
    };
    knows(&api).await;
    knows(&db).await;
    the_command_reads_what_is_recorded(&live, dir.path()).await;
    say_hello(&api, &db).await;
    assert_eq!(api.dial(("db", 22)).await.unwrap_err(), DialError::Denied);
    assert_eq!(api.dial(("10.42.0.99", 22)).await.unwrap_err(), DialError::NoRoute);
    assert_eq!(api.dial(("nobody", 22)).await.unwrap_err(), DialError::NoRoute);

    control.stop().await;
    say_hello(&api, &db).await;
    let generation = db.map().generation();
    let hint = db.tunnel().local_addr();
    db.stop().await;
    let db = Node::resume(
        NodeOptions::in_dir(dir.path().join("db")).with_tunnel(TunnelOptions::default().with_listen(hint)),
    )
    .await
    .unwrap();
    assert_eq!(db.map().generation(), generation);
    say_hello(&api, &db).await;
}

/// An embedder has the tunnel as well. What they change in it by hand is seen, entry by entry, and is no map of control's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_in_the_tunnel_by_hand_is_reported_entry_by_entry() {
    let dir = tempfile::tempdir().unwrap();
    let (_control, live) = control(dir.path()).await;
    let (api, db) = (join(&live, dir.path(), "api").await, join(&live, dir.path(), "db").await);
    let map = db.map_where(|map| map.neighbors().len() == 1).await;
    let mut events = live.events();
    let by_hand = map.generation().next();
    let bare = Neighbor::new(api.tunnel().public_key(), []).with_identity(api.peer(), name!("api"));
    let tampered = NetworkMap::clone(&map).with_generation(map.epoch(), by_hand).with_neighbor(bare);
    db.tunnel().apply(&tampered).await.unwrap();
    db.tunnel().probe_now(api.tunnel().public_key());
    while events.next().await.unwrap() != (ControlEvent::Drifted { peer: db.peer() }) {}
    let (snapshot, now) = (live.snapshot(), clock());
    let status = snapshot.view(now).status(db.peer()).unwrap();
    assert_eq!((status.state(), status.applied()), (State::Altered, Some(map.generation())));
    let said: Vec<_> = status.drift().iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("db: allowed IP 10.42.0.1/32 of api was removed by somebody at "), "{said:?}");
    assert!(said[0].contains("(applied at "), "{said:?}");

    // What the machine is attached to is the embedder's to say, and control hears of it.
    let office: Cidr = "192.0.2.0/24".parse().unwrap();
    api.set_on_link([office]);
    let told = |node: &Node| live.snapshot().observed().last(node.peer()).map(|seen| seen.report.on_link.clone());
    while told(&api) != Some(vec![office]) {
        tokio::task::yield_now().await;
    }
    assert_eq!(told(&db), Some(vec![]));
}

/// What control records is a file that every verb reads, with ages and evidence.
async fn the_command_reads_what_is_recorded(live: &LiveWorkspace, dir: &Path) {
    let file = dir.join("acme.recording");
    let mut events = live.events();
    loop {
        let (snapshot, now) = (live.snapshot(), clock());
        if snapshot.view(now).overview().count(State::Matching) == 2 {
            std::fs::write(&file, serde_json::to_string(&snapshot.record(now)).unwrap()).unwrap();
            break;
        }
        events.next().await.unwrap();
    }
    let says = |code: i32, line: &str| {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_nanami"))
            .args(line.split(' '))
            .arg("-f")
            .arg(&file)
            .output();
        let output = run.unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let status = says(0, "status");
    assert!(status.contains("2 of 2 peers matching"), "{status}");
    let reach = says(0, "reach --to db");
    assert!(reach.contains("0 open flows, no use seen"), "{reach}");
    let explanation = says(0, "explain api db tcp/5432");
    assert!(explanation.contains("0 refused"), "{explanation}");
    let plan = says(2, "what-if --remove policies.api-to-db");
    assert!(plan.contains("lost     1   api -> db   tcp/5432   0 open flows, no use seen"), "{plan}");
}

fn clock() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(since.as_millis().try_into().unwrap())
}

async fn say_hello(from: &Node, to: &Node) {
    let mut listener = to.listen(5432).unwrap();
    let server = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap();
        let mut hello = [0; 5];
        stream.read_exact(&mut hello).await.unwrap();
        stream.write_all(&hello).await.unwrap();
        stream.shutdown().await.unwrap();
        let _end = stream.read(&mut [0]).await;
    });
    let mut stream = from.dial(("db", 5432)).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello");
    drop(stream);
    server.await.unwrap();
}

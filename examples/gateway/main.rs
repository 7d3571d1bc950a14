//! A gateway on a real host: nodes with an interface, and behind one of them a server that knows nothing of Nanami.
//!
//! ```text
//! cargo build --release --example gateway && sudo target/release/examples/gateway
//! ```
//!
//! Linux, as root, with `ip`, `nft` and `unshare`. Three hosts are network namespaces that nobody else sees: nothing of this
//! machine's own network is touched. Each node first joins in the process alone and shows what an interface would change on its
//! host; then it starts again with one. With `--exit` it ends after its checks, else it waits for Ctrl-C or SIGTERM.

mod hosts;

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use hosts::Host;
use nanami::control::store::Sqlite;
use nanami::control::{ControlPlane, LiveWorkspace};
use nanami::model::{Intent, JoinKey, JoinString, PeerId, User, name};
use nanami::tunnel::TunnelOptions;
use nanami::tunnel::os::{self, HostOptions};
use nanami::{Node, NodeOptions};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Everything that people say: one policy, one route, and that its hosts see the gateway's own address.
const DOCUMENT: &str = r#"
[workspace]
name = "acme"

[users]
netops = { role = "owner" }

[groups]
it = {}

[networks]
prod = { owner = "it", pools = ["10.42.0.0/24"] }

[gateways]
office = { region = "eu", networks = ["prod"] }

[peers]
laptop = { networks = ["prod"] }

[routes]
lan = { network = "prod", prefix = "10.60.0.0/24", gateways = ["office"], snat = true }

[policies]
laptop-to-lan = { from = "laptop", to = "lan", allow = ["tcp/80"] }
"#;

fn main() -> ExitCode {
    let stays = match std::env::args().nth(1).as_deref() {
        None => true,
        Some("--exit") => false,
        Some(_) => {
            eprintln!("usage: gateway [--exit]");
            return ExitCode::FAILURE;
        }
    };
    match hosts::alone().and_then(|()| show(stays)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn show(stays: bool) -> Result<()> {
    let [laptop, gateway, server] = hosts::wire()?;
    let dir = tempfile::tempdir()?;
    let before = [&laptop, &gateway].map(Host::network);
    let (control, live) = gateway.run(control(dir.path()))??;

    let at = |peer: &str, address: [u8; 4]| {
        let listen = TunnelOptions::default().with_listen((address, 0).into());
        NodeOptions::in_dir(dir.path().join(peer)).with_tunnel(listen)
    };
    let options = || [at("laptop", [10, 77, 0, 1]), at("office", [10, 77, 0, 2])];
    let [first, second] = options();
    let alice = laptop.run(join(&live, "laptop", first))??;
    let office = gateway.run(join(&live, "office", second))??;
    let maps = [
        laptop.run(alice.map_where(|map| !map.neighbors().is_empty()))?,
        gateway.run(office.map_where(|map| !map.forward().is_empty()))?,
    ];
    laptop.run(alice.stop())?;
    gateway.run(office.stop())?;

    let interface = HostOptions::named("nanami0")?;
    for (host, map) in [&laptop, &gateway].into_iter().zip(maps) {
        println!("== {}: what an interface changes", host.name());
        print!("{}", host.on(|| Ok(os::Host::preview(&map, 1420, &interface)?))?);
    }
    let [first, second] = options();
    let alice = laptop.run(Node::resume(first.with_host(interface.clone())))??;
    let office = gateway.run(Node::resume(second.with_host(interface)))??;

    println!("\n== tcp, with the hosts' own sockets");
    let seen = hosts::connect(&laptop, &server, "10.60.0.7:80".parse()?)?.context("what the policy allows")?;
    println!("laptop -> server tcp/80: connected; the server sees {seen}, the gateway on its own network");
    ensure!(seen == Ipv4Addr::new(10, 60, 0, 1), "the server sees {seen}");
    let refused = hosts::connect(&laptop, &server, "10.60.0.7:22".parse()?)?;
    let refused = refused.err().context("what no policy allows was connected")?;
    println!("laptop -> server tcp/22: {refused}: no policy allows it");

    if stays {
        gateway.run(until_told("\nrunning; Ctrl-C ends it"))??;
    }
    laptop.run(alice.stop())?;
    gateway.run(office.stop())?;
    for (host, before) in [&laptop, &gateway].into_iter().zip(before) {
        let (before, after) = (before?, host.network()?);
        ensure!(after == before, "something is left on {}:\n{before}\n{after}", host.name());
    }
    println!("\nstopped; both hosts are byte by byte as they were");
    gateway.run(control.stop())
}

/// A control plane, on the gateway's host, that runs the document.
async fn control(dir: &Path) -> Result<(ControlPlane, LiveWorkspace)> {
    let wanted = Intent::from_toml(DOCUMENT).map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?;
    let control = ControlPlane::builder(Sqlite::at(dir.join("control.db"))).start().await?;
    let listener = TcpListener::bind((Ipv4Addr::new(10, 77, 0, 2), 0)).await?;
    let serving = control.clone();
    tokio::spawn(async move { serving.serve(listener).await });
    let live = control.open_workspace(name!("acme"), User::new(name!("netops"))).await?;
    live.propose(live.intent().changes_to(&wanted)).await?.apply().await?;
    Ok((control, live))
}

/// A node with sockets inside, which changes nothing on its host.
async fn join(live: &LiveWorkspace, peer: &str, options: NodeOptions) -> Result<Node> {
    Ok(Node::join(&join_string(live, peer).await?, options).await?)
}

async fn join_string(live: &LiveWorkspace, peer: &str) -> Result<JoinString> {
    let id = live.intent().id::<PeerId>(peer)?;
    let key = JoinKey::one_off(format!("for-{peer}").parse()?).for_peer(id);
    Ok(live.create_join_key(key).await?)
}

/// Waits for Ctrl-C or SIGTERM; listens for both before it says so.
async fn until_told(words: &str) -> Result<()> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    println!("{words}");
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    Ok(())
}

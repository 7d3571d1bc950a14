//! The eight nodes: how each starts, and what their links look like.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nanami::control::api::PeerStatus;
use nanami::model::JoinString;
use nanami::tunnel::{Link, TunnelOptions};
use nanami::{Node, NodeOptions};

use crate::world::World;

/// What is behind us-east and eu-west.
pub(crate) const VPC: &str = "10.60.0.0/16";
/// The gateways that stand in the VPC, and where.
const IN_VPC: [(&str, Ipv4Addr); 2] =
    [("us-east", Ipv4Addr::new(10, 60, 0, 2)), ("eu-west", Ipv4Addr::new(10, 60, 0, 3))];

/// Where a node keeps its key and its last map.
pub(crate) fn state_dir(world: &World, name: &str) -> PathBuf {
    world.dir().join("nodes").join(name)
}

pub(crate) fn tunnel_options() -> TunnelOptions {
    TunnelOptions::default().with_listen((Ipv4Addr::LOCALHOST, 0).into())
}

fn options(world: &World, name: &str) -> anyhow::Result<NodeOptions> {
    let options = NodeOptions::in_dir(state_dir(world, name)).with_tunnel(tunnel_options());
    Ok(match IN_VPC.iter().find(|(gateway, _)| *gateway == name) {
        Some((_, address)) => options.with_netstack(world.vpc.gateway(*address, VPC.parse()?)),
        None => options,
    })
}

/// Starts a node that joins.
pub(crate) async fn join(world: &World, name: &str, with: &JoinString) -> anyhow::Result<Node> {
    Node::join(with, options(world, name)?).await.with_context(|| format!("{name} joins"))
}

/// Starts a node again from what it kept.
pub(crate) async fn resume(world: &mut World, name: &str) -> anyhow::Result<()> {
    let node = Node::resume(options(world, name)?).await.with_context(|| format!("{name} starts again"))?;
    world.nodes.insert(name.parse()?, node);
    Ok(())
}

/// A link, as its first end by name sees it.
pub(crate) struct Row {
    ends: [String; 2],
    link: Link,
}

/// Probes every link until each has a round-trip time.
pub(crate) async fn probe_all(world: &World, limit: Duration) -> anyhow::Result<Vec<Row>> {
    let started = Instant::now();
    loop {
        let rows = rows(world)?;
        let silent: Vec<_> = rows.iter().filter(|row| row.link.rtt.is_none()).map(|row| row.ends.join(" - ")).collect();
        if silent.is_empty() {
            return Ok(rows);
        }
        ensure!(started.elapsed() < limit, "no answer to a probe inside the tunnel: {}", silent.join(", "));
        for node in world.nodes.values() {
            node.map().neighbors().iter().for_each(|neighbor| node.tunnel().probe_now(neighbor.key()));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn rows(world: &World) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, node) in &world.nodes {
        let (map, links) = (node.map(), node.tunnel().links());
        for neighbor in map.neighbors() {
            let other = neighbor.name().context("control names every neighbor")?;
            if name < other {
                let link = links.iter().find(|link| link.peer == neighbor.key()).context("a neighbor has a link")?;
                rows.push(Row { ends: [name.to_string(), other.to_string()], link: *link });
            }
        }
    }
    Ok(rows)
}

/// How `node` sees its link with `other`.
pub(crate) fn link(node: &Node, other: &Node) -> anyhow::Result<Link> {
    let key = other.tunnel().public_key();
    node.tunnel().links().into_iter().find(|link| link.peer == key).context("the two are neighbors")
}

/// Whether a link kept its keypair. One that grew old is renewed, whatever else happens: on a slow machine that may be
/// now.
pub(crate) fn is_kept(before: &Link, after: &Link) -> bool {
    let renewed_by_age = match (before.handshake, after.handshake) {
        (Some(before), Some(after)) => after.saturating_duration_since(before) >= OLD,
        _ => false,
    };
    before.handshakes == after.handshakes || renewed_by_age
}

/// WireGuard whitepaper section 6.1, `REKEY_AFTER_TIME`: 120 s; the two ends do not count from quite the same moment.
const OLD: Duration = Duration::from_secs(119);

/// The table of links: where each goes, how fresh it is, and which maps its ends run.
pub(crate) fn table(rows: &[Row], peers: &[PeerStatus], now: Instant) -> String {
    let mut lines = vec![format!(
        "{:<25} {:<7} {:<16} {:>9} {:>8}   {}",
        "link", "path", "endpoint", "handshake", "rtt", "desired / applied"
    )];
    for Row { ends, link } in rows {
        let endpoint = link.endpoint.map_or("unknown".to_owned(), |at| at.to_string());
        let age = link.handshake_age(now).map_or("none".to_owned(), |age| format!("{:.1} s ago", age.as_secs_f64()));
        let rtt = link.rtt.map_or("none".to_owned(), |rtt| format!("{:.2} ms", rtt.as_secs_f64() * 1e3));
        let generations = ends.iter().map(|name| match peers.iter().find(|peer| peer.name.as_str() == name) {
            Some(PeerStatus { desired: Some(desired), applied: Some(applied), .. }) => format!("{desired} / {applied}"),
            _ => "unknown".to_owned(),
        });
        let generations: Vec<_> = generations.collect();
        let link = ends.join(" - ");
        lines.push(format!(
            "{link:<25} {:<7} {endpoint:<16} {age:>9} {rtt:>8}   {}",
            "direct",
            generations.join(",  ")
        ));
    }
    lines.join("\n")
}

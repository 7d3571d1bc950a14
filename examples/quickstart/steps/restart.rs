//! [restart] Control is killed and starts again from its store: everything is as it was, and no tunnel noticed.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nanami::control::api::PeerStatus;
use nanami::model::Name;
use nanami::tunnel::Link;
use serde_json::json;

use crate::console::{Figures, figures};
use crate::fleet;
use crate::world::World;

/// How long nodes may take until control hears all of them again.
const BACK: Duration = Duration::from_secs(60);
/// A link whose handshake was under way just when control was killed shows nothing. It is not under way each time.
const TRIES: usize = 3;

pub(super) async fn run(world: &mut World) -> anyhow::Result<Figures> {
    // us-east has started again only just now.
    fleet::probe_all(world, BACK).await?;
    let mut stopped = Vec::<Name>::new();
    for _ in 0..TRIES {
        let before = links(world);
        let (peers, took) = killed_and_back(world).await?;
        let after = links(world);
        ensure!(before.len() == after.len(), "there were {} links and are {}", before.len(), after.len());
        let pairs = before.iter().zip(&after);
        stopped =
            pairs.filter(|((_, old), (_, new))| !fleet::is_kept(old, new)).map(|((name, _), _)| name.clone()).collect();
        if stopped.is_empty() {
            return Ok(show(world, peers, took, [before, after].map(|links| handshakes(&links))));
        }
    }
    bail!("tunnels stopped: new handshakes on {stopped:?}")
}

/// Kills control and starts it again; gives how many peers are as they were, and how long it took to hear all of them.
async fn killed_and_back(world: &mut World) -> anyhow::Result<(usize, Duration)> {
    let before = all_matching(world).await?;
    let child = world.child.take().context("the control plane runs")?;
    let authority = child.authority().to_owned();
    child.kill().await?;
    world.console.say("control is killed (SIGKILL)");
    let store = if world.breaks("restart") { world.dir().join("another") } else { world.dir().to_owned() };
    let started = Instant::now();
    world.child = Some(crate::child::Child::start_at(&store, &authority).await?);
    let after = all_matching(world).await?;
    let place = |peer: &PeerStatus| (peer.name.clone(), peer.desired, peer.key, peer.addresses.clone());
    let (old, new): (Vec<_>, Vec<_>) = (before.iter().map(place).collect(), after.iter().map(place).collect());
    ensure!(old == new, "generations, keys and addresses differ:\n{old:?}\n{new:?}");
    Ok((new.len(), started.elapsed()))
}

fn show(world: &World, peers: usize, took: Duration, [before, after]: [u64; 2]) -> Figures {
    world.console.say(format_args!(
        "started again from its store: generations, keys and addresses of {peers} peers are the same;\n\
         heard all of them after {} ms; {before} handshakes before, {after} after: no tunnel stopped",
        took.as_millis(),
    ));
    figures([("peers", json!(peers)), ("back_ms", json!(took.as_millis())), ("handshakes", json!(after))])
}

/// Waits until control hears every peer run what it desires.
async fn all_matching(world: &World) -> anyhow::Result<Vec<PeerStatus>> {
    let started = Instant::now();
    loop {
        let peers = world.child()?.peers().await?;
        // Who is a peer stands in the store; nobody needs to be waited for.
        ensure!(peers.len() == 8, "control knows {} peers", peers.len());
        if peers.iter().all(|peer| peer.state == "matching") {
            return Ok(peers);
        }
        ensure!(started.elapsed() < BACK, "not all peers match after {} s: {peers:?}", BACK.as_secs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Every link of every node, by the node's name.
fn links(world: &World) -> Vec<(Name, Link)> {
    let nodes = world.nodes.iter();
    nodes.flat_map(|(name, node)| node.tunnel().links().into_iter().map(|link| (name.clone(), link))).collect()
}

fn handshakes(links: &[(Name, Link)]) -> u64 {
    links.iter().map(|(_, link)| link.handshakes).sum()
}

//! [restart] Control is killed and starts again from its store: everything is as it was, and no tunnel noticed.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nanami::control::api::PeerStatus;
use serde_json::json;

use crate::console::{Figures, figures};
use crate::world::World;

/// How long nodes may take until control hears all of them again.
const BACK: Duration = Duration::from_secs(30);

pub(super) async fn run(world: &mut World) -> anyhow::Result<Figures> {
    let before = all_matching(world).await?;
    let handshakes = handshakes(world);
    let child = world.child.take().context("the control plane runs")?;
    let authority = child.authority().to_owned();
    child.kill().await?;
    world.console.say("control is killed (SIGKILL)");
    let store = if world.breaks("restart") { world.dir().join("another") } else { world.dir().to_owned() };
    let started = Instant::now();
    world.child = Some(crate::child::Child::start_at(&store, &authority).await?);
    let after = all_matching(world).await?;
    let took = started.elapsed();
    let place = |peer: &PeerStatus| (peer.name.clone(), peer.desired, peer.key, peer.addresses.clone());
    let (old, new): (Vec<_>, Vec<_>) = (before.iter().map(place).collect(), after.iter().map(place).collect());
    ensure!(old == new, "generations, keys and addresses differ:\n{old:?}\n{new:?}");
    let again = self::handshakes(world);
    ensure!(handshakes == again, "tunnels stopped: handshakes were {handshakes:?} and are {again:?}");
    world.console.say(format_args!(
        "started again from its store: generations, keys and addresses of {} peers are the same;\n\
         heard all of them after {} ms; {} handshakes before, {} after: no tunnel stopped",
        new.len(),
        took.as_millis(),
        handshakes.iter().sum::<u64>(),
        again.iter().sum::<u64>(),
    ));
    Ok(figures([
        ("peers", json!(new.len())),
        ("back_ms", json!(took.as_millis())),
        ("handshakes", json!(again.iter().sum::<u64>())),
    ]))
}

/// Waits until control hears every peer run what it desires.
async fn all_matching(world: &World) -> anyhow::Result<Vec<PeerStatus>> {
    let started = Instant::now();
    loop {
        let peers = world.child()?.peers().await?;
        if peers.len() == 8 && peers.iter().all(|peer| peer.state == "matching") {
            return Ok(peers);
        }
        ensure!(started.elapsed() < BACK, "not all peers match after {} s: {peers:?}", BACK.as_secs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How many handshakes each node has seen on all its links.
fn handshakes(world: &World) -> Vec<u64> {
    world.nodes.values().map(|node| node.tunnel().links().iter().map(|link| link.handshakes).sum()).collect()
}

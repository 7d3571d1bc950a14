//! [change] Policies change under a running transfer: both ends get a new map, and the transfer does not notice.

use std::time::Duration;

use anyhow::{Context, ensure};
use nanami::model::Generation;
use serde_json::json;
use tokio::time::timeout;

use crate::console::{Figures, figures};
use crate::fleet;
use crate::transfer::{self, Honesty, Transfer};
use crate::world::World;

/// The longest stall that is no failure.
const WORST_STALL: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(60);
/// What is sent before the change, and what after both ends run it, at least.
const EACH: u64 = 16 << 20;

/// What is added to the document: a service on the pair that is busy, in both directions, so that both ends accept more.
const ADDED: &str = r#"
[policies.metrics]
from      = "api-gateway"
to        = "db-cluster"
allow     = ["tcp/9187"]
both_ways = true
reason    = "each scrapes the other's metrics"
"#;

pub(super) async fn run(world: &mut World) -> anyhow::Result<Figures> {
    let (from, to) = (world.node("api-gateway")?.clone(), world.node("db-cluster")?.clone());
    let before = [fleet::link(&from, &to)?, fleet::link(&to, &from)?];
    let generations = [from.map().generation(), to.map().generation()];
    let mut listener = to.listen(5432)?;
    let receiver = tokio::spawn(async move { transfer::receive(listener.accept().await?).await });
    let stream = timeout(LIMIT, from.dial(("db-cluster", 5432))).await.context("the dial hangs")??;
    let mut transfer = Transfer::begin(stream, Honesty::Honest);
    transfer.goes_on(EACH).await?;

    let changed = if world.breaks("change") {
        world
            .document
            .replace("api-to-db   =", "api-to-web  =")
            .replace("allow = [\"tcp/5432\"]", "allow = [\"tcp/80\"]")
    } else {
        world.document.clone() + ADDED
    };
    let netops = world.child()?.client("netops", "acme")?;
    let plan = netops.propose(&changed, Some("each scrapes the other's metrics")).await?;
    world.console.say(&plan.text);
    world.child()?.client("platform-lead", "acme")?.approve(&plan.plan).await?;
    let revision = netops.apply(&plan.plan).await?.revision;
    world.console.say(format_args!("approved by platform-lead and applied: revision {revision} is live"));
    for (node, old) in [(&from, generations[0]), (&to, generations[1])] {
        timeout(LIMIT, node.map_where(|map| map.generation() > old)).await.context("a new map does not arrive")?;
    }
    transfer.goes_on(EACH).await.context("the running transfer")?;
    let done = transfer.end().await.context("the running transfer")?;
    let stall = receiver.await??;
    let after = [fleet::link(&from, &to)?, fleet::link(&to, &from)?];
    let kept = before.iter().zip(&after).all(|(before, after)| fleet::is_kept(before, after));
    ensure!(kept, "the keypairs changed: {before:?} before, {after:?} after");
    ensure!(stall <= WORST_STALL, "the transfer stalled for {} ms", stall.as_millis());
    let [a, b] = [from.map().generation(), to.map().generation()];
    world.console.say(format_args!(
        "both ends run new maps (api-gateway {} -> {a}, db-cluster {} -> {b}) under {} MiB, hash right,\n\
         same keypairs; {} segments sent again, longest stall {} ms",
        generations[0],
        generations[1],
        done.bytes >> 20,
        done.stats.retransmitted,
        stall.as_millis(),
    ));
    Ok(figures([
        ("bytes", json!(done.bytes)),
        ("retransmitted", json!(done.stats.retransmitted)),
        ("longest_stall_ms", json!(stall.as_millis())),
        ("generations", json!([[generations[0], a], [generations[1], b]].map(|pair| pair.map(Generation::value)))),
    ]))
}

//! [failover] A gateway dies under a transfer while control is away: the standby takes over, the connection goes on.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nanami::tunnel::{Event, TcpListener};
use serde_json::json;
use tokio::time::timeout;

use crate::console::{Figures, figures};
use crate::fleet;
use crate::transfer::{self, Honesty, Transfer};
use crate::world::World;

/// The service in the VPC.
const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 60, 0, 10);
/// The longest gap that is no failure. The goal is one second.
const WORST_GAP: Duration = Duration::from_secs(5);
/// When nobody waits for a takeover any more: a machine that stalls makes it late. What is promised is the gap.
const LATEST: Duration = Duration::from_secs(20);
const LIMIT: Duration = Duration::from_secs(60);
/// How long control may take to hear of the takeover once it runs again.
const HEARD: Duration = Duration::from_secs(60);
/// What is sent while us-east lives, and what after it died, at least.
const EACH: u64 = 16 << 20;

pub(super) async fn run(world: &mut World) -> anyhow::Result<Figures> {
    let prefix = fleet::VPC.parse()?;
    let service = world.vpc.host(SERVICE, prefix);
    let mut listener = service.listen(443)?;
    world.service = Some(service);
    if world.breaks("failover") {
        drop(world.nodes.remove("eu-west"));
    }

    world.child()?.pause()?;
    world.console.say("control is paused (SIGSTOP)");
    let outcome = under_transfer(world, &mut listener).await;
    world.child()?.resume()?;
    let (done, gap) = outcome?;
    world.console.say(format_args!(
        "{} MiB to 10.60.0.10 tcp/443 on one TCP connection, hash right, {} segments sent again",
        done.bytes >> 20,
        done.stats.retransmitted
    ));
    world
        .console
        .say(format_args!("us-east died without a word; eu-west took over; the gap was {} ms", gap.as_millis()));
    ensure!(gap <= WORST_GAP, "the gap was {} ms", gap.as_millis());

    let chosen = chosen(world).await?;
    world.console.say(format_args!("control resumed, and reads: {chosen}"));
    fleet::resume(world, "us-east").await?;
    world.console.say("us-east starts again from its saved state");
    Ok(figures([
        ("bytes", json!(done.bytes)),
        ("gap_ms", json!(gap.as_millis())),
        ("goal_ms", json!(1000)),
        ("retransmitted", json!(done.stats.retransmitted)),
        ("status", json!(chosen)),
    ]))
}

/// Waits until control has heard of the takeover, and sees how it reads: a choice that the plan ranked, or drift. Control chooses
/// gateways anew for it soon after; who is behind then is so for this.
async fn chosen(world: &World) -> anyhow::Result<String> {
    let started = Instant::now();
    loop {
        let peers = world.child()?.peers().await?;
        let client = peers.iter().find(|peer| peer.name.as_str() == "ci-runner").context("ci-runner is in status")?;
        if let Some(takeover) = client.takeovers.first() {
            let by = takeover.by.as_ref().map_or("nobody that control knows", |name| name.as_str());
            let rank = takeover.rank.context("the takeover reads as drift: control finds no rank for it")?;
            ensure!(
                by == "eu-west" && ["matching", "behind"].contains(&client.state.as_str()),
                "{} by {by}, ci-runner {}",
                takeover.prefix,
                client.state
            );
            return Ok(format!("ci-runner {}, {} by {by}, rank {rank} of the plan", client.state, takeover.prefix));
        }
        let map = world.node("ci-runner")?.map();
        let owner = map.neighbors().iter().find(|hop| hop.allowed_ips().iter().any(|ip| ip.to_string() == fleet::VPC));
        if owner.is_some_and(|hop| hop.name().is_some_and(|name| name.as_str() == "eu-west")) {
            return Ok(format!(
                "ci-runner {}, {} by eu-west, which control has put first by now",
                client.state,
                fleet::VPC
            ));
        }
        ensure!(started.elapsed() < HEARD, "control did not hear of the takeover within {} s", HEARD.as_secs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Sends to the service, and drops us-east under it. Gives the longest gap beside the transfer.
async fn under_transfer(
    world: &mut World,
    listener: &mut TcpListener,
) -> anyhow::Result<(transfer::Transferred, Duration)> {
    let client = world.node("ci-runner")?.clone();
    let (mut transfer, receiver) = loop {
        let both = async { tokio::join!(client.dial(SocketAddr::from((SERVICE, 443))), listener.accept()) };
        let (dialed, accepted) = timeout(LIMIT, both).await.context("the dial hangs")?;
        let receiver = tokio::spawn(transfer::receive(accepted?));
        let mut transfer = Transfer::begin(dialed.context("ci-runner -> 10.60.0.10 tcp/443")?, Honesty::Honest);
        transfer.goes_on(EACH).await?;
        if client.tunnel().owners().is_empty() {
            break (transfer, receiver);
        }
        // The machine was so slow that us-east seemed dead. It carries again after a while; then is the time to begin.
        transfer.end().await?;
        let started = Instant::now();
        while !client.tunnel().owners().is_empty() {
            ensure!(started.elapsed() < LIMIT, "us-east does not carry the VPC again");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let mut events = client.events();
    let us_east = world.nodes.remove("us-east").context("us-east runs")?;
    let died = us_east.tunnel().public_key();
    drop(us_east);
    let took_over = async {
        while let Some(event) = events.next().await {
            if matches!(event, Event::OwnerChanged { from, .. } if from == died) {
                return;
            }
        }
    };
    timeout(LATEST, took_over).await.with_context(|| format!("no standby took over within {} s", LATEST.as_secs()))?;
    let done = async {
        transfer.goes_on(EACH).await?;
        transfer.end().await
    };
    let done = done.await.context("ci-runner -> 10.60.0.10 tcp/443")?;
    Ok((done, receiver.await??))
}

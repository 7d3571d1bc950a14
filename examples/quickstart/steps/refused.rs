//! [refused] What no policy allows gets nowhere, at once, and leaves evidence.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nanami::control::{Files, KeyStore};
use nanami::model::{Cidr, Filter, Intent, Neighbor, NetworkMap, Observed, Service, Timestamp};
use nanami::plan::{Explanation, Selection, compile};
use nanami::tunnel::{DialError, Netstack, Tunnel};
use serde_json::json;
use tokio::time::timeout;

use crate::console::{Figures, figures};
use crate::fleet;
use crate::world::World;

/// A refusal that takes longer each time is a time-out in disguise.
const AT_ONCE: Duration = Duration::from_secs(1);
/// A machine that stalls makes any one refusal long.
const TRIES: usize = 5;
/// How long the tampered node tries. A handshake that works takes a few milliseconds.
const TRY: Duration = Duration::from_secs(2);
/// How long its first attempt may be on its way.
const HEARD: Duration = Duration::from_secs(60);

pub(super) async fn run(world: &mut World) -> anyhow::Result<Figures> {
    let (by_filter, denied) = other_port(world).await?;
    let (by_route, no_route) = no_tunnel(world).await?;
    let attempts = tampered(world).await?;
    let fixes = explained(world).await?;
    Ok(figures([
        ("refused_ms", json!(by_filter.as_millis())),
        ("denied_packets", json!(denied)),
        ("no_tunnel_ms", json!(by_route.as_millis())),
        ("no_route_packets", json!(no_route)),
        ("unknown_key_handshakes", json!(attempts)),
        ("proven_fixes", json!(fixes)),
    ]))
}

/// The same tunnel, another port: refused by the receiver's filter, though somebody listens there.
async fn other_port(world: &World) -> anyhow::Result<(Duration, u64)> {
    let (from, to) = (world.node("ci-runner")?, world.node("k8s-ingress")?);
    if world.breaks("refused") {
        let open = Filter::deny_all().accept(Cidr::ALL_V4, Service::ANY);
        let map = to.map();
        let next = NetworkMap::clone(&map).with_filter(open).with_generation(map.epoch(), map.generation().next());
        to.tunnel().apply(&next).await?;
    }
    let _listens = to.listen(22)?;
    let before = to.tunnel().counters().denied;
    let (took, outcome) = quickest(async || from.dial(("k8s-ingress", 22)).await.map(|_| ())).await;
    match outcome {
        Err(DialError::Denied) => {}
        Err(other) => bail!("ci-runner -> k8s-ingress tcp/22 fails, but not by policy: {other}"),
        Ok(()) => bail!("ci-runner -> k8s-ingress tcp/22 passes, though no policy allows it"),
    }
    ensure!(took <= AT_ONCE, "ci-runner -> k8s-ingress tcp/22 is refused, but not within a second");
    let counted = to.tunnel().counters().denied - before;
    ensure!(counted > 0, "k8s-ingress refused, and did not count it");
    world.console.say(format_args!(
        "ci-runner -> k8s-ingress    tcp/22     refused by k8s-ingress after {} ms, counted there ({counted} packet{})",
        took.as_millis(),
        if counted == 1 { "" } else { "s" },
    ));
    Ok((took, counted))
}

/// The outcome of a dial that fails at once, and the shortest time that it took in a few tries.
async fn quickest(mut dial: impl AsyncFnMut() -> Result<(), DialError>) -> (Duration, Result<(), DialError>) {
    let (mut shortest, mut tries) = (Duration::MAX, 0);
    loop {
        let started = Instant::now();
        let outcome = dial().await;
        (shortest, tries) = (shortest.min(started.elapsed()), tries + 1);
        if shortest <= AT_ONCE || outcome.is_ok() || tries == TRIES {
            return (shortest, outcome);
        }
    }
}

/// No tunnel at all: refused on ci-runner itself.
async fn no_tunnel(world: &World) -> anyhow::Result<(Duration, u64)> {
    let from = world.node("ci-runner")?;
    let to = SocketAddr::new(world.address_of("db-cluster")?, 5432);
    let before = from.tunnel().counters().no_route;
    let (took, outcome) = quickest(async || from.dial(to).await.map(|_| ())).await;
    match outcome {
        Err(DialError::NoRoute) => {}
        other => bail!("ci-runner -> db-cluster tcp/5432 should find no tunnel: {other:?}"),
    }
    ensure!(took <= AT_ONCE, "ci-runner -> db-cluster tcp/5432 is refused, but not within a second");
    let counted = from.tunnel().counters().no_route - before;
    ensure!(counted > 0, "ci-runner refused, and did not count it");
    world.console.say(format_args!(
        "ci-runner -> db-cluster     tcp/5432   refused on ci-runner after {} ms: no tunnel leads there",
        took.as_millis()
    ));
    Ok((took, counted))
}

/// Somebody on ci-runner's machine takes its key and configures a tunnel to db-cluster by hand.
async fn tampered(world: &World) -> anyhow::Result<u64> {
    let (honest, victim) = (world.node("ci-runner")?, world.node("db-cluster")?);
    let key = Files::in_dir(fleet::state_dir(world, "ci-runner")).load()?.context("ci-runner has a key")?;
    let target: IpAddr = world.address_of("db-cluster")?;
    let by_hand = NetworkMap::new(honest.map().addresses().to_vec())
        .with_neighbor(Neighbor::new(victim.tunnel().public_key(), [Cidr::host(target)]));
    let (sockets, interface) = Netstack::new();
    let tunnel = Tunnel::start(key, interface, &by_hand, fleet::tunnel_options()).await?;
    tunnel.hints(victim.tunnel().public_key(), vec![victim.tunnel().local_addr()]);
    let before = victim.tunnel().counters().unknown_key;
    let outcome = timeout(TRY, sockets.dial(SocketAddr::new(target, 5432))).await;
    ensure!(!matches!(outcome, Ok(Ok(_))), "a tampered ci-runner reaches db-cluster");
    let received: u64 = tunnel.links().iter().map(|link| link.rx_bytes + link.handshakes).sum();
    ensure!(received == 0, "db-cluster answered a tampered ci-runner");
    let started = Instant::now();
    let attempts = loop {
        let attempts = victim.tunnel().counters().unknown_key - before;
        if attempts > 0 {
            break attempts;
        }
        ensure!(started.elapsed() < HEARD, "db-cluster did not count the attempt");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    tunnel.stop().await;
    world.console.say(format_args!(
        "a tampered ci-runner, db-cluster's key and addresses added by hand: no answer;\n\
         db-cluster counted {attempts} handshake{} of a key that it does not know",
        if attempts == 1 { "" } else { "s" },
    ));
    Ok(attempts)
}

/// The denial explained by control, with what it has heard; and each suggested fix tried on a copy.
async fn explained(world: &World) -> anyhow::Result<usize> {
    let explanation = world.child()?.client("auditor", "acme")?.explain("ci-runner", "db-cluster", "tcp/5432").await?;
    world.console.say(format_args!("\n{}", explanation.text));
    ensure!(!explanation.allowed, "control explains why the flow passes");
    let intent = world.wanted()?;
    let flow = intent.flow("ci-runner", "db-cluster", "tcp/5432".parse()?)?;
    let explain = |intent: &Intent| {
        let desired = compile(intent, &Selection::default());
        desired.beside(Observed::none(), Timestamp::from_millis(0)).explain(&flow)
    };
    let Explanation::Denied(why_not) = explain(intent) else { bail!("the flow is allowed") };
    ensure!(!why_not.fixes().is_empty(), "the explanation suggests nothing");
    for fix in why_not.fixes() {
        let repaired = intent.apply(intent.owner(), fix.changes())?;
        ensure!(matches!(explain(&repaired), Explanation::Allowed(_)), "a suggested fix does not open the flow");
    }
    Ok(why_not.fixes().len())
}

//! The task between agent and tunnel.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nanami_control::agent::{Agent, AgentView};
use nanami_tunnel::{Event, Tunnel};
use tokio::sync::watch;
use tracing::{debug, warn};

use super::{Applied, report};

/// A report follows an event of the tunnel after this pause, so that a burst is one report (chosen).
const SETTLE: Duration = Duration::from_millis(100);
/// A report when nothing happens: counters and round trips move all the time, and nobody waits for them (chosen).
const IDLE_REPORT: Duration = Duration::from_secs(5);

pub(super) async fn run(agent: Agent, tunnel: Tunnel, applied: watch::Sender<Applied>) {
    let mut views = agent.watch();
    let mut events = tunnel.events();
    let view = views.borrow_and_update().clone();
    take(&tunnel, &applied, &view).await;
    // Neighbors may still seal for keypairs of a life before this one: a handshake now is what they wait for.
    view.hints.iter().for_each(|hint| tunnel.probe_now(hint.key));
    let mut next_report = Instant::now();
    loop {
        tokio::select! {
            changed = views.changed() => {
                if changed.is_err() {
                    return;
                }
                let view = views.borrow_and_update().clone();
                take(&tunnel, &applied, &view).await;
                next_report = Instant::now();
            }
            event = events.next() => {
                let Some(event) = event else { return };
                if is_news(&event) {
                    next_report = next_report.min(Instant::now() + SETTLE);
                }
            }
            () = tokio::time::sleep_until(next_report.into()) => {
                agent.report(report::of(&tunnel, Instant::now()));
                next_report = Instant::now() + IDLE_REPORT;
            }
        }
    }
}

/// Brings the tunnel to what the agent holds: the map, then where its neighbors may be.
async fn take(tunnel: &Tunnel, applied: &watch::Sender<Applied>, view: &AgentView) {
    if let Some(map) = &view.map {
        let known = applied.borrow().map.clone();
        if *known != **map {
            let refused = match tunnel.apply(map).await {
                Ok(_) => None,
                Err(error) => {
                    warn!(target: "nanami::node", %error, generation = %map.generation(), "map not applied");
                    Some(error.to_string())
                }
            };
            let map = if refused.is_none() { map.clone() } else { known };
            debug!(target: "nanami::node", generation = %map.generation(), "map runs");
            applied.send_replace(Applied { map: Arc::clone(&map), refused });
        }
    }
    for hint in view.hints.iter() {
        tunnel.hints(hint.key, hint.endpoints.clone());
    }
}

fn is_news(event: &Event) -> bool {
    matches!(
        event,
        Event::Handshake { .. } | Event::OwnerChanged { .. } | Event::PeerLost { .. } | Event::Lagged { .. }
    )
}

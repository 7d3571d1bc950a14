//! The task between agent and tunnel.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nanami_control::agent::{Agent, AgentView};
use nanami_model::{Cidr, Report};
use nanami_tunnel::{Event, Tunnel};
use tokio::sync::watch;
use tracing::{debug, warn};

use super::{Applied, report::Watch};

/// A report follows an event of the tunnel after this pause, so that a burst is one report (chosen).
const SETTLE: Duration = Duration::from_millis(100);
/// A report when nothing happens: counters and round trips move all the time, and nobody waits for them (chosen).
const IDLE_REPORT: Duration = Duration::from_secs(5);

pub(super) async fn run(
    agent: Agent,
    tunnel: Tunnel,
    applied: watch::Sender<Applied>,
    mut attached: watch::Receiver<Vec<Cidr>>,
) {
    let mut views = agent.watch();
    let mut events = tunnel.events();
    let view = views.borrow_and_update().clone();
    let mut watch = Watch::new(Instant::now());
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
                if take(&tunnel, &applied, &view).await {
                    watch = Watch::new(Instant::now());
                }
                next_report = Instant::now();
            }
            event = events.next() => {
                let Some(event) = event else { return };
                if is_news(&event) {
                    next_report = next_report.min(Instant::now() + SETTLE);
                }
            }
            Ok(()) = attached.changed() => next_report = Instant::now(),
            () = tokio::time::sleep_until(next_report.into()) => {
                let map = applied.borrow().map.clone();
                let on_link = attached.borrow_and_update().iter().take(Report::MAX_ON_LINK).copied().collect();
                agent.report(Report { on_link, ..watch.report(&tunnel, &map, Instant::now()) });
                next_report = Instant::now() + IDLE_REPORT;
            }
        }
    }
}

/// Brings the tunnel to what the agent holds: the map, then where its neighbors may be. Whether another map runs now.
async fn take(tunnel: &Tunnel, applied: &watch::Sender<Applied>, view: &AgentView) -> bool {
    let mut changed = false;
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
            changed = refused.is_none();
            let map = if changed { map.clone() } else { known };
            debug!(target: "nanami::node", generation = %map.generation(), "map runs");
            applied.send_replace(Applied { map: Arc::clone(&map), refused });
        }
    }
    for hint in view.hints.iter() {
        tunnel.hints(hint.key, hint.endpoints.clone());
    }
    changed
}

fn is_news(event: &Event) -> bool {
    matches!(
        event,
        Event::Handshake { .. } | Event::OwnerChanged { .. } | Event::PeerLost { .. } | Event::Lagged { .. }
    )
}

//! [apply] A control plane starts, the file is proposed, approved by somebody else, and applied.

use anyhow::{Context, bail, ensure};
use nanami::control::ClientError;
use serde_json::json;

use crate::child::Child;
use crate::console::{Figures, figures};
use crate::world::World;

pub(super) async fn run(world: &mut World) -> anyhow::Result<Figures> {
    let child = Child::start(world.dir()).await?;
    world.console.say(format_args!(
        "a control plane runs on SQLite: process {}, http://{}",
        child.process(),
        child.authority()
    ));
    let netops = child.client("netops", "acme")?;
    let approver = if world.breaks("apply") { "data-dev" } else { "platform-lead" };
    let second = child.client(approver, "acme")?;
    world.child = Some(child);

    let plan = netops.propose(&world.document, Some("acme as reviewed")).await?;
    let waiting: Vec<_> = plan.waiting_for.iter().map(|waiting| waiting.group.to_string()).collect();
    world.console.say(format_args!("netops proposes {}; it waits for {}", plan.plan, waiting.join(", ")));
    match netops.apply(&plan.plan).await {
        Err(ClientError::Refused(problem)) if problem.code == "plan.needs_approval" => {
            world.console.say(format_args!("netops tries to apply it: refused, {}", problem.detail));
        }
        Err(other) => return Err(other).context("applying a plan that nobody approved"),
        Ok(_) => bail!("a plan that nobody approved was applied"),
    }
    second.approve(&plan.plan).await.with_context(|| format!("{approver} approves"))?;
    let revision = netops.apply(&plan.plan).await?.revision.value();
    let peers = world.child()?.peers().await?;
    let planned = peers.iter().filter(|peer| peer.state == "planned").count();
    world.console.say(format_args!(
        "{approver} approves, netops applies: revision {revision} is live, {planned} of {} peers read planned",
        peers.len()
    ));
    ensure!(revision == 1, "the first applied plan makes revision 1, not {revision}");
    ensure!(peers.len() == 8 && planned == 8, "every peer reads planned before it joins: {peers:?}");
    Ok(figures([("revision", json!(revision)), ("planned", json!(planned))]))
}

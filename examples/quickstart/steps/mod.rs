//! The steps, one file each, in their order.

use crate::console::Figures;
use crate::world::World;

mod apply;
mod board;
mod change;
mod document;
mod failover;
mod join;
mod plan;
mod refused;
mod restart;
mod traffic;

/// The steps' names, in order.
pub(crate) const NAMES: &[&str] =
    &["document", "plan", "apply", "join", "traffic", "refused", "failover", "change", "restart", "board"];

pub(crate) async fn run(name: &str, world: &mut World) -> anyhow::Result<Figures> {
    match name {
        "document" => document::run(world),
        "plan" => plan::run(world),
        "apply" => apply::run(world).await,
        "join" => join::run(world).await,
        "traffic" => traffic::run(world).await,
        "refused" => refused::run(world).await,
        "failover" => failover::run(world).await,
        "change" => change::run(world).await,
        "restart" => restart::run(world).await,
        "board" => board::run(world).await,
        other => anyhow::bail!("there is no step {other}"),
    }
}

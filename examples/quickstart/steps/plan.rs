//! [plan] What the file would change, from the file alone: nothing runs yet.

use anyhow::{Context, ensure};
use nanami::model::{GatewayId, Intent, Observed, Route, RouteId, Timestamp};
use nanami::plan::{Base, Selection, compile, plan};
use serde_json::json;

use crate::console::{Figures, figures};
use crate::world::World;

pub(super) fn run(world: &mut World) -> anyhow::Result<Figures> {
    let empty = world.empty()?;
    let mut wanted = world.wanted()?.clone();
    if world.breaks("plan") {
        wanted = with_a_single_gateway(&wanted)?;
    }
    let next = empty.apply(empty.owner(), &empty.changes_to(&wanted))?;
    let before = compile(&empty, &Selection::default());
    let what_if = before.what_if(&next);
    let plan = plan(&Base::settled(&before), what_if.desired(), Observed::none(), Timestamp::from_millis(0));
    world.console.say(format_args!("{plan:#}"));
    what_if.check_assertions(&[])?;
    let effect = plan.effect();
    ensure!(effect.lost().count() == 0, "nobody can lose what nobody had");
    ensure!(effect.gained().count() == next.policies().len(), "each policy of acme opens one flow");
    let checked = plan.check()?;
    Ok(figures([
        ("gained", json!(checked.plan().effect().gained().count())),
        ("lost", json!(checked.plan().effect().lost().count())),
        ("assertions", json!(next.assertions().len())),
    ]))
}

/// One gateway less: the route to the VPC does not survive the loss of one any more, which an assertion forbids.
fn with_a_single_gateway(wanted: &Intent) -> anyhow::Result<Intent> {
    let (vpc, us_east) = (wanted.id::<RouteId>("vpc")?, wanted.id::<GatewayId>("us-east")?);
    let route = wanted.get(vpc).context("the route is there")?;
    let single = Route::new("vpc".parse()?, route.network(), route.prefixes()[0], [us_east]);
    let mut draft = wanted.draft();
    draft.update(vpc, |_| single);
    Ok(wanted.apply(wanted.owner(), &draft.into_changes())?)
}

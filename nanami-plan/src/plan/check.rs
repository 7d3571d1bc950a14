//! Re-derives the promises about a plan from its steps and from the maps before and after (PLANNING.md I20, I21).
//!
//! **Invariant**: trusts nothing that found the steps. What it lists: an action in a stage that does not do such things (I20), a gate
//! that could close a circle or that nobody opens (I21), a map that changes without a step, and a state that is not settled
//! once it is reached.

use std::collections::BTreeSet;

use nanami_model::PeerId;

use super::{Plan, plan};
use crate::base::Base;
use crate::check::{Finding, Findings};
use crate::stage::Stage;
use crate::step::{Action, Step};

pub(super) fn check(plan: &Plan) -> Result<(), Findings> {
    let steps: Vec<Step> = Stage::ALL.into_iter().flat_map(|stage| plan.steps(stage)).collect();
    let there: BTreeSet<(PeerId, Stage)> = steps.iter().map(|step| (step.peer, step.stage)).collect();
    let mut found = Vec::new();
    for step in &steps {
        let at = || plan.desired.intent().label(step.peer);
        for action in step.actions.iter().filter(|action| !belongs(action, step.stage)) {
            found.push(Finding::OutOfOrder { at: at(), stage: step.stage, action: format!("{action:?}") });
        }
        let opens = |gate: &crate::step::Gate| {
            gate.stage < step.stage && gate.peer != step.peer && there.contains(&(gate.peer, gate.stage))
        };
        for gate in step.gates.iter().filter(|gate| !opens(gate)) {
            let of = plan.desired.intent().label(gate.peer);
            found.push(Finding::Stuck { at: at(), stage: step.stage, of, opens: gate.stage });
        }
    }
    unannounced(plan, &mut found);
    if !settles(plan) {
        found.push(Finding::Restless { revision: plan.desired.intent().revision() });
    }
    Findings::of(found)
}

/// Whether a stage does such things: what is lost goes first, what is gained comes last, and what is kept is neither.
fn belongs(action: &Action, stage: Stage) -> bool {
    match action {
        Action::Start | Action::Renumber | Action::Ranges | Action::Connect { .. } => stage == Stage::Prepare,
        Action::Route { .. } | Action::StandBy { .. } | Action::Attribute { .. } => stage == Stage::Prepare,
        Action::Masquerade { .. } => stage == Stage::Prepare,
        Action::StopMasquerading { .. } => stage == Stage::Retire,
        Action::Move { .. } | Action::Rekey { .. } => stage == Stage::Move,
        Action::Disconnect { .. } | Action::Unroute { .. } | Action::StandDown { .. } => stage == Stage::Retire,
        Action::Accept { .. } | Action::Forward { .. } => matches!(stage, Stage::Prepare | Stage::Open),
        Action::Refuse { .. } | Action::StopForwarding { .. } => matches!(stage, Stage::Tighten | Stage::Retire),
    }
}

/// The peers whose map changes though no step says so. Those who come or go, or are called otherwise, say it by that.
fn unannounced(plan: &Plan, found: &mut Vec<Finding>) {
    let Some(before) = &plan.base.desired else { return };
    let announced: BTreeSet<PeerId> = plan.peers().collect();
    let facets = |state: &crate::Desired, id| state.map_for(id).map(|map| map.digests());
    let renamed = plan.desired.intent().peers().any(|(id, _)| {
        let was = before.intent().name_of(id);
        was.is_some() && was != plan.desired.intent().name_of(id)
    });
    if renamed {
        return;
    }
    for (id, _) in plan.desired.intent().peers().filter(|(id, _)| !announced.contains(id)) {
        if facets(before, id) != facets(&plan.desired, id) {
            found.push(Finding::Unannounced { at: plan.desired.intent().label(id) });
        }
    }
}

fn settles(settled: &Plan) -> bool {
    let none = nanami_model::Observed::none();
    let again = plan(&Base::settled(&settled.desired), &settled.desired, none, nanami_model::Timestamp::from_millis(0));
    again.is_empty() && again.effect.is_empty()
}

#[cfg(test)]
mod tests {
    use nanami_model::{Intent, PolicyId};

    use super::*;
    use crate::{Selection, compile};

    #[test]
    fn a_plan_that_leaves_a_peer_out_or_takes_stages_out_of_order_is_found() {
        let acme = Intent::from_toml(include_str!("../../../examples/acme.toml")).unwrap();
        let mut draft = acme.draft();
        for (n, (id, _)) in (1u8..).zip(acme.peers()) {
            draft.update(id, |peer| peer.with_key(nanami_model::PrivateKey::from_bytes([n; 32]).public()));
        }
        let acme = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
        let mut draft = acme.draft();
        draft.remove(acme.id::<PolicyId>("api-to-db").unwrap());
        let next = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
        let state = |intent: &Intent| compile(intent, &Selection::default());
        let none = nanami_model::Observed::none();
        let make = || plan(&Base::settled(&state(&acme)), &state(&next), none, nanami_model::Timestamp::from_millis(0));
        assert_eq!(check(&make()), Ok(()));
        let broken = |with: &dyn Fn(&mut crate::steps::Steps)| {
            let mut plan = make();
            with(std::sync::Arc::get_mut(&mut plan.steps).unwrap());
            check(&plan).unwrap_err().iter().map(Finding::code).collect::<BTreeSet<_>>()
        };
        let silent = broken(&|steps| {
            steps.bundles.clear();
            steps.there = crate::gates::There::default();
        });
        assert_eq!(silent, BTreeSet::from(["check.unannounced"]));
        let late = broken(&|steps| {
            for bundle in steps.bundles.iter_mut().filter(|bundle| bundle.stage == Stage::Tighten) {
                bundle.stage = Stage::Open;
                bundle.who.add_to(steps.there.at(Stage::Open));
            }
        });
        assert_eq!(late, BTreeSet::from(["check.out_of_order"]));
    }
}

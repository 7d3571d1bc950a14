//! What if: the state that another intent would lead to, beside this one.

use nanami_model::{Assertion, Intent, PeerId};

use crate::assertion::{self, AssertionsFailed};
use crate::desired::{Desired, compile};
use crate::effect::Effect;

/// The state that another intent would lead to, and what that would mean. The same call enforces: what is shown here is what
/// would be rolled out.
///
/// A job that refuses a file, besides what the file itself asserts:
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use nanami_model::{Assertion, Intent, NetworkId, PeerId, Service, name};
/// use nanami_plan::{Selection, compile};
///
/// # let text = include_str!("../../examples/acme.toml");
/// let live = Intent::from_toml(text)?; // what runs
/// # let more = "[policies]\nci-pings = { from = \"ci-runner\", to = \"api-gateway\", allow = [\"icmp\"] }\n";
/// # let text = &text.replacen("[policies]", more, 1);
/// let wanted = Intent::from_toml(text)?; // what somebody proposes
/// let next = live.apply(live.owner(), &live.changes_to(&wanted))?;
/// let what_if = compile(&live, &Selection::default()).what_if(&next);
/// println!("{}", what_if.effect());
/// let (ci, db) = (live.id::<PeerId>("ci-runner")?, live.id::<PeerId>("db-cluster")?);
/// what_if.check_assertions(&[
///     Assertion::must_not_reach(name!("ci-not-db"), ci, db, Service::tcp(5432)),
///     Assertion::removes_at_most(name!("small"), 10),
/// ])?;
/// let frozen = Assertion::never_touches(name!("frozen"), live.id::<NetworkId>("prod")?);
/// let failed = what_if.check_assertions(&[frozen]).expect_err("api-gateway is in prod");
/// assert_eq!(
///     failed.to_string(),
///     "assertion frozen: ci-runner comes to reach api-gateway on icmp, by policy ci-pings"
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct WhatIf {
    before: Desired,
    desired: Desired,
    effect: Effect,
}

impl Desired {
    /// What another intent would lead to.
    pub fn what_if(&self, next: &Intent) -> WhatIf {
        let desired = compile(next, self.selection());
        let effect = Effect::between(Some(self), &desired);
        WhatIf { before: self.clone(), desired, effect }
    }
}

impl WhatIf {
    /// The state that the intent would lead to.
    pub fn desired(&self) -> &Desired {
        &self.desired
    }

    /// What would be gained, lost, rerouted and disturbed.
    pub fn effect(&self) -> &Effect {
        &self.effect
    }

    /// The peers whose map would be another one, a new one or none, by name.
    pub fn recipients(&self) -> impl Iterator<Item = PeerId> {
        let digests = |desired: &Desired, id| desired.map_for(id).map(|map| map.digests());
        let removed = self.before.intent().peers().map(|(id, _)| id);
        let removed = removed.filter(|id| self.desired.intent().get(*id).is_none());
        let all = self.desired.intent().peers().map(|(id, _)| id).chain(removed);
        all.filter(move |id| digests(&self.before, *id) != digests(&self.desired, *id))
    }

    /// Checks the assertions of the new intent, and these, on the new state and on what leads to it.
    ///
    /// # Errors
    /// [`AssertionsFailed`] with every assertion that would not hold, a flow that breaks it, and why.
    pub fn check_assertions(&self, extra: &[Assertion]) -> Result<(), AssertionsFailed> {
        assertion::check(&self.desired, Some(&self.effect), extra)
    }
}

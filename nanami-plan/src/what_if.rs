//! What if: the state that another intent would lead to, beside this one.

use nanami_model::{Assertion, Intent, PeerId};

use crate::assertion::AssertionsFailed;
use crate::desired::{Desired, compile};
use crate::effect::Effect;

/// The state that another intent would lead to, and what that would mean. The same call enforces: what is shown here is what
/// would be rolled out.
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

    /// Checks the assertions of the new intent, and these, on the new state.
    ///
    /// # Errors
    /// [`AssertionsFailed`] with every assertion that would not hold, a flow that breaks it, and why.
    pub fn check_assertions(&self, extra: &[Assertion]) -> Result<(), AssertionsFailed> {
        self.desired.check_assertions(extra)
    }
}

//! Judgements: all assertions of a workspace, and which of them hold.

use nanami_model::{Assertion, Entity as _, Intent, Name};

use crate::assertion::{AssertionsFailed, Broken};
use crate::desired::Desired;
use crate::what_if::WhatIf;

/// All assertions of a workspace, each with whether it holds. `Display` is the text for people, `{:#}` the unabridged one.
#[derive(Debug, Clone)]
pub struct Judgement {
    pub(crate) workspace: Name,
    pub(crate) names: Vec<Name>,
    pub(crate) checked: Result<(), AssertionsFailed>,
}

impl Desired {
    /// Judges the assertions of the intent, and these, on the state. Those about changes hold: a state by itself changes nothing.
    pub fn judge(&self, extra: &[Assertion]) -> Judgement {
        Judgement::of(self.intent(), extra, self.check_assertions(extra))
    }
}

impl WhatIf {
    /// Judges the assertions of the new intent, and these, on the new state and on what leads to it.
    pub fn judge(&self, extra: &[Assertion]) -> Judgement {
        Judgement::of(self.desired().intent(), extra, self.check_assertions(extra))
    }
}

impl Judgement {
    fn of(intent: &Intent, extra: &[Assertion], checked: Result<(), AssertionsFailed>) -> Self {
        let own = intent.assertions().map(|(_, assertion)| assertion);
        let names = own.chain(extra).map(|assertion| assertion.name().clone()).collect();
        Self { workspace: intent.name().clone(), names, checked }
    }

    /// Whether all of them hold.
    pub fn holds(&self) -> bool {
        self.checked.is_ok()
    }

    /// Those that do not hold, each with a flow that breaks it.
    pub fn broken(&self) -> &[Broken] {
        self.checked.as_ref().err().map(AssertionsFailed::broken).unwrap_or_default()
    }

    /// Those that hold, by name.
    pub fn held(&self) -> impl Iterator<Item = &Name> {
        self.names.iter().filter(|name| self.broken().iter().all(|broken| broken.assertion != **name))
    }
}

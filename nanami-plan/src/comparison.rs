//! Comparisons: what two revisions differ in, and what that means for who reaches what.

use std::fmt;

use nanami_model::Name;

use crate::changes::{self, Edit};
use crate::effect::Effect;
use crate::what_if::WhatIf;

/// What two revisions differ in, without a rollout. `Display` is the text for people, `{:#}` the unabridged one.
#[derive(Debug, Clone)]
pub struct Comparison {
    pub(crate) workspace: Name,
    pub(crate) edits: Vec<Edit>,
    pub(crate) effect: Effect,
}

impl WhatIf {
    /// The objects that come, go or become others, and what that means.
    ///
    /// ```
    /// use nanami_model::{Intent, PolicyId};
    /// use nanami_plan::{Selection, compile};
    ///
    /// let acme = Intent::from_toml(include_str!("../../examples/acme.toml"))?;
    /// let mut draft = acme.draft();
    /// draft.remove(acme.id::<PolicyId>("ci-to-vpc")?);
    /// let next = acme.apply(acme.owner(), &draft.into_changes())?;
    /// let comparison = compile(&acme, &Selection::default()).what_if(&next).comparison();
    /// assert!(comparison.to_string().starts_with("acme: 1 change, 1 flow lost\n"), "{comparison}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn comparison(&self) -> Comparison {
        let (before, after) = (self.before().intent(), self.desired().intent());
        let edits = changes::between(Some(before), after);
        Comparison { workspace: after.name().clone(), edits, effect: self.effect().clone() }
    }
}

impl Comparison {
    /// Whether the two say the same.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.effect.is_empty()
    }

    /// The objects that come, go or become others.
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// What is gained, lost, rerouted and disturbed.
    pub fn effect(&self) -> &Effect {
        &self.effect
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.sign(), self.object().id().kind(), self.name())?;
        self.cells().iter().filter(|cell| !cell.is_empty()).try_for_each(|cell| write!(f, "   {cell}"))
    }
}

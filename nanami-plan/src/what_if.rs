//! What if: the state that another intent would lead to, beside this one.

use std::sync::OnceLock;

use nanami_model::{Assertion, Intent, PeerId};

use crate::assertion::{self, AssertionsFailed};
use crate::desired::Desired;
use crate::effect::Effect;
use crate::recipients::{Recipients, recipients};
use crate::touched::Touched;

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
    effect: OnceLock<Effect>,
    recipients: OnceLock<Recipients>,
    touched: Option<Touched>,
    work: u64,
}

impl Desired {
    /// What another intent would lead to.
    pub fn what_if(&self, next: &Intent) -> WhatIf {
        let mut work = 0;
        let (desired, touched) = self.advance(next, &mut work);
        let (effect, recipients) = (OnceLock::new(), OnceLock::new());
        WhatIf { before: self.clone(), desired, effect, recipients, touched, work }
    }
}

impl WhatIf {
    pub(crate) fn before(&self) -> &Desired {
        &self.before
    }

    /// The state that the intent would lead to.
    pub fn desired(&self) -> &Desired {
        &self.desired
    }

    /// What would be gained, lost, rerouted and disturbed.
    pub fn effect(&self) -> &Effect {
        self.effect.get_or_init(|| Effect::of(Some(&self.before), &self.desired, self.touched.as_ref()))
    }

    /// The peers whose map would be another one, a new one or none, by name. `len()` says how many without sorting them. They are
    /// searched for once.
    pub fn recipients(&self) -> impl ExactSizeIterator<Item = PeerId> {
        self.found().told(self.desired.intent())
    }

    fn found(&self) -> &Recipients {
        self.recipients.get_or_init(|| recipients(&self.before, &self.desired, self.touched.as_ref()))
    }

    /// How many elements were looked at to derive the new state from the one before, and to find the recipients: objects, sides,
    /// rules, and peers, up to 64 of whom count as one where they are looked at together. It grows with what the change touches
    /// and with what it changes in maps, not with the workspace; where the state was compiled anew it is what finding the
    /// recipients took.
    pub fn work(&self) -> u64 {
        self.work + self.found().work()
    }

    /// Checks the assertions of the new intent, and these, on the new state and on what leads to it.
    ///
    /// # Errors
    /// [`AssertionsFailed`] with every assertion that would not hold, a flow that breaks it, and why.
    pub fn check_assertions(&self, extra: &[Assertion]) -> Result<(), AssertionsFailed> {
        assertion::check(&self.desired, Some(self.effect()), extra)
    }
}

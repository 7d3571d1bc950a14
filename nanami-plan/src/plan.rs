//! The plan: what a change means, and what every peer does for it.
//!
//! **Invariant**: the same base, state, observation and time give the same plan, byte for byte; between a state and itself there is
//! nothing to do (PLANNING.md I1, I21). Observed evidence never changes what is planned, only what is said about it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use nanami_model::{NetworkMap, Observed, PeerId, Timestamp, UserId};

use crate::around::Surroundings;
use crate::base::Base;
use crate::changes::{self, Edit};
use crate::check::Findings;
use crate::desired::Desired;
use crate::drift::{self, Drift};
use crate::effect::Effect;
use crate::files;
use crate::guarantee::{self, Exposure, Guarantee, Precondition};
use crate::names::Names;
use crate::notice::Notice;
use crate::stage::Stage;
use crate::step::Step;
use crate::steps::Steps;
use crate::touched::Touched;
use crate::usage::Evidence;

/// What a change means, and what every peer does for it. `Display` is the text for people, `{:#}` the unabridged one.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) base: Base,
    pub(crate) desired: Desired,
    pub(crate) author: Option<UserId>,
    pub(crate) edits: Vec<Edit>,
    pub(crate) effect: Effect,
    pub(crate) steps: Arc<Steps>,
    pub(crate) guarantees: Vec<Guarantee>,
    pub(crate) rebound: Vec<Exposure>,
    residual: OnceLock<Vec<Exposure>>,
    pub(crate) external: Vec<Precondition>,
    pub(crate) evidence: Evidence,
    pub(crate) drift: Vec<Drift>,
    id: OnceLock<PlanId>,
}

/// What a plan is called. It follows from the edits and their effect, so that a plan that somebody approved is the plan that is
/// carried out. The text shows the first 16 bits, `p-7f3a`; whoever compares plans compares all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanId([u8; 32]);

impl PlanId {
    /// The whole id.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p-{:02x}{:02x}", self.0[0], self.0[1])
    }
}

/// Plans the change from a base to a state.
pub fn plan(base: &Base, desired: &Desired, observed: &Observed, now: Timestamp) -> Plan {
    let differs = base.intent().map(|before| (before, desired.intent().difference(before)));
    let touched =
        differs.as_ref().and_then(|(before, difference)| Touched::by(difference, before, desired.intent(), &mut 0));
    let touched = touched.as_ref();
    let before = base.desired.as_ref();
    let surroundings = before.zip(touched).map(|(before, touched)| Surroundings::new(before, desired, touched));
    let surroundings = surroundings.as_ref();
    let effect = Effect::beside(before, desired, touched, surroundings);
    let names = Names::new(desired.intent(), base.intent());
    let rebound = guarantee::rebound(base, desired, touched);
    Plan {
        edits: changes::by(differs.as_ref(), desired.intent()),
        steps: Arc::new(Steps::between(base, desired, touched.zip(surroundings), &names)),
        guarantees: guarantee::guarantees(&rebound, &effect),
        external: guarantee::preconditions(desired, &effect),
        evidence: Evidence::of(&effect, base, observed, now),
        drift: base.desired.iter().flat_map(|settled| drift::of_all(settled, observed, now)).collect(),
        rebound,
        residual: OnceLock::new(),
        base: base.clone(),
        desired: desired.clone(),
        author: None,
        effect,
        id: OnceLock::new(),
    }
}

fn identify(desired: &Desired, edits: &[Edit], effect: &Effect) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("nanami 2026 plan id v1");
    let mut part = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    part(desired.intent().name().as_str());
    for edit in edits {
        part(edit.sign());
        part(&edit.print());
    }
    effect.print(&mut part);
    *hasher.finalize().as_bytes()
}

impl Plan {
    /// Says who proposes the change.
    pub fn by(self, author: UserId) -> Self {
        Self { author: Some(author), ..self }
    }

    /// What the plan is called.
    pub fn id(&self) -> PlanId {
        *self.id.get_or_init(|| PlanId(identify(&self.desired, &self.edits, &self.effect)))
    }

    /// Whether there is nothing to do: no object changes, and no peer's map.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.steps.is_empty()
    }

    /// The objects that come, go or become others.
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// What is gained, lost, rerouted and disturbed.
    pub fn effect(&self) -> &Effect {
        &self.effect
    }

    /// Checks the assertions of the intent, and these, on the state that the plan leads to and on the change itself.
    ///
    /// # Errors
    /// [`AssertionsFailed`](crate::AssertionsFailed) with every assertion that does not hold, a flow that breaks it, and why.
    pub fn check_assertions(&self, extra: &[nanami_model::Assertion]) -> Result<(), crate::AssertionsFailed> {
        // Nothing is taken from a workspace that did not exist.
        let effect = self.base.intent().map(|_| &self.effect);
        crate::assertion::check(&self.desired, effect, extra)
    }

    /// The state that the plan leads to.
    pub fn desired(&self) -> &Desired {
        &self.desired
    }

    /// What peers do in a stage, by name. Each step is made when the iterator comes to it: all of them together are as many as the
    /// pairs of peers that the change concerns.
    pub fn steps(&self, stage: Stage) -> impl Iterator<Item = Step> + '_ {
        self.steps.of(stage)
    }

    /// The peers that change, by name. `len()` says how many without sorting them.
    pub fn peers(&self) -> impl ExactSizeIterator<Item = PeerId> {
        self.steps.peers()
    }

    /// What holds while the change is made.
    pub fn guarantees(&self) -> &[Guarantee] {
        &self.guarantees
    }

    /// What stays possible longer than it should. It is listed when it is first asked for.
    pub fn residual(&self) -> &[Exposure] {
        self.residual.get_or_init(|| guarantee::exposures(self))
    }

    /// What somebody else must see to.
    pub fn external(&self) -> &[Precondition] {
        &self.external
    }

    /// What is legal and still suspicious, and was not before the change: policies first, each kind by name. Looked for anew each
    /// time that it is asked for.
    pub fn notices(&self) -> Vec<Notice> {
        let mut found = self.desired.notices();
        if let Some(base) = self.base.desired.as_ref().filter(|_| !found.is_empty()) {
            let before = base.notices();
            found.retain(|notice| !before.contains(notice));
        }
        found
    }

    /// What somebody altered on machines that the plan starts from, as far as their agents name it; no part of the plan's id.
    pub fn drift(&self) -> &[Drift] {
        &self.drift
    }

    /// The limited-mode peers whose files, made from the base, are stale afterwards, by name; somebody has to carry them a new one.
    pub fn stale_files(&self) -> Vec<PeerId> {
        files::stale(&self.base, &self.desired)
    }

    /// Re-derives every promise about the maps that the plan hands out, and about the plan itself; only then are there maps.
    ///
    /// # Errors
    /// [`Findings`] with every promise that is broken; a bug of ours, never the caller's.
    pub fn check(self) -> Result<CheckedPlan, Findings> {
        self.desired.check()?;
        check::check(&self)?;
        Ok(CheckedPlan(self))
    }
}

mod check;

/// A plan whose maps keep every promise.
#[derive(Debug, Clone)]
pub struct CheckedPlan(Plan);

impl CheckedPlan {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.0
    }

    /// The maps of the peers that have joined and whose map is another one than before, whole, without generations.
    pub fn maps(&self) -> impl Iterator<Item = (PeerId, NetworkMap)> {
        let before = |id| self.0.base.desired.as_ref().and_then(|desired| desired.map_for(id));
        let all = self.0.desired.intent().peers().map(|(id, _)| id).collect::<BTreeSet<_>>();
        all.into_iter().filter_map(move |id| {
            let map = self.0.desired.map_for(id)?;
            before(id).is_none_or(|was| was.digests() != map.digests()).then_some((id, map))
        })
    }
}

//! From a change set to the next revision: proposed, shown, approved, applied.
//!
//! **Invariants: what is applied has exactly the effect that was shown, or nothing is applied and the change that moved it is
//! named; no object that somebody else changed in between is overwritten.** A join in between does neither. An
//! assertion that does not hold is shown with a proposal and refuses its application.

use nanami_model::{Actor, Change, ChangeSet, Intent, Name, Object, Peer, Refused, Revision, Timestamp};
use nanami_plan::{AssertionsFailed, Base, Effect, Findings, Passage, Plan, Selection, WhatIf, plan};

use super::{
    Step, Workspace,
    approval::{self, Missing},
    audit::{Act, Approval, Record},
    proposals::Saved,
};
use crate::store::{Entry, StoreError};

/// A change set beside the revision that it was looked at on.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub(crate) saved: Saved,
    pub(crate) before: Intent,
    pub(crate) what_if: WhatIf,
    pub(crate) plan: Plan,
    pub(crate) missing: Vec<Waiting>,
}

/// A group whose consent is missing, in names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The group.
    pub group: Name,
    /// Who could give it.
    pub could: Vec<Name>,
}

/// Why something was not proposed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// Permissions and rules that are against it, all at once.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The store failed.
    #[error("could not keep the proposal")]
    Store(#[from] StoreError),
}

/// Why a plan was not approved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApproveError {
    /// There is no such plan, for this actor at least.
    #[error("there is no plan {0}")]
    Unknown(String),
    /// The actor can give none of the consents that the plan needs.
    #[error("this plan does not need the approval of this user")]
    Forbidden,
    /// The plan does not stand any more.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// The store failed.
    #[error("could not keep the approval")]
    Store(#[from] StoreError),
}

/// Why a plan was not applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// There is no such plan, for this actor at least.
    #[error("there is no plan {0}")]
    Unknown(String),
    /// Permissions and rules that are against it, all at once.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Assertions that would not hold, all at once.
    #[error(transparent)]
    Assertions(#[from] AssertionsFailed),
    /// Its effect is another one than the one that was shown.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// The maps that would be handed out break a promise: a bug of ours, which stops here.
    #[error("the maps of this plan break a promise")]
    Invariant(#[source] Findings),
    /// Groups that have not consented yet.
    #[error("{}", waiting(.0))]
    NeedsApproval(Vec<Waiting>),
    /// The store failed.
    #[error("could not append to the log")]
    Store(#[from] StoreError),
}

/// A plan whose effect has moved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plan {} was made on revision {base} and does not stand at revision {head}: {}", short(.plan), moved(.by))]
pub struct Stale {
    /// The plan.
    pub plan: String,
    /// The revision on which its effect was shown.
    pub base: Revision,
    /// The current revision.
    pub head: Revision,
    /// The change that moved it, in words; `None` when the caller has not looked yet.
    pub by: Option<String>,
}

fn moved(by: &Option<String>) -> String {
    by.as_ref().map_or_else(|| "its effect is another one now".to_owned(), |by| format!("{by} moved it"))
}

fn waiting(missing: &[Waiting]) -> String {
    let one = |waiting: &Waiting| {
        let could = waiting.could.iter().map(Name::as_str).collect::<Vec<_>>().join(" or ");
        format!("{} must approve: waiting for {could}", waiting.group)
    };
    missing.iter().map(one).collect::<Vec<_>>().join("; ")
}

impl Workspace {
    /// Looks at changes that `by` would make now. Nothing is kept.
    ///
    /// # Errors
    /// [`Refused`] with everything that is against them.
    pub fn candidate(&self, now: Timestamp, by: Actor, changes: ChangeSet) -> Result<Candidate, Refused> {
        let intent = &self.fold.intent;
        let changes = with_keys(changes, intent);
        let next = intent.apply(by, &self.with_acknowledgement(by, changes.clone()))?;
        let what_if = self.desired.what_if(&next);
        let before = changes.iter().filter_map(|change| intent.object(change.id())).collect();
        let seen = self.seen(now, by, &what_if);
        let saved = Saved {
            plan: identify(&seen),
            base: intent.revision(),
            by,
            at: now,
            before,
            changes,
            effect: fingerprint(what_if.effect()),
            approvals: Vec::new(),
        };
        // Who proposes the same again looks at the same plan, with the approvals that it has.
        let known = self.fold.proposals.with(saved.clone());
        let saved = known.get(&saved.plan).cloned().unwrap_or(saved);
        Ok(self.beside(saved, what_if, seen))
    }

    /// Keeps a proposal, so that others can approve and apply it by its id.
    pub fn submit(&self, candidate: &Candidate) -> Step<Candidate> {
        let proposals = self.fold.proposals.with(candidate.saved.clone());
        Step { proposals: Some(proposals), ..Step::nothing(candidate.clone()) }
    }

    /// The proposal of this id, beside the current revision.
    ///
    /// # Errors
    /// [`ApplyError::Unknown`], [`ApplyError::Refused`], [`ApplyError::Stale`].
    pub fn proposal(&self, now: Timestamp, plan: &str) -> Result<Candidate, ApplyError> {
        let saved = self.fold.proposals.get(plan).ok_or_else(|| ApplyError::Unknown(plan.to_owned()))?;
        self.look_again(now, saved.clone())
    }

    /// Every open proposal, oldest first.
    pub fn proposals(&self) -> impl ExactSizeIterator<Item = &Saved> {
        self.fold.proposals.iter()
    }

    /// Gives a consent to a plan. Once more changes nothing.
    ///
    /// # Errors
    /// [`ApproveError`]; a user who can give none of the consents that are needed is told so.
    pub fn approve(&self, now: Timestamp, by: Actor, plan: &str) -> Result<Step<Candidate>, ApproveError> {
        let unknown = || ApproveError::Unknown(plan.to_owned());
        let candidate = self.proposal(now, plan).map_err(|error| match error {
            ApplyError::Stale(stale) => ApproveError::Stale(stale),
            _ => unknown(),
        })?;
        let (before, after) = (&self.fold.intent, candidate.what_if.desired().intent());
        let groups = candidate.what_if.effect().approvals();
        let Actor::User(user) = by else { return Err(ApproveError::Forbidden) };
        if !approval::may_approve(before, after, groups, by) {
            // Whoever is nobody here does not learn that there is such a plan.
            let known = before.get(user).is_some();
            return Err(if known { ApproveError::Forbidden } else { unknown() });
        }
        let proposals = self.fold.proposals.approved(&candidate.saved.plan, Approval { by: user, at: now });
        let saved = proposals.get(&candidate.saved.plan).cloned().ok_or_else(unknown)?;
        let reply = self.beside(saved, candidate.what_if, candidate.plan);
        Ok(Step { proposals: Some(proposals), ..Step::nothing(reply) })
    }

    /// Makes a plan the next revision; `by` must be allowed to make its changes.
    ///
    /// # Errors
    /// [`ApplyError`]; nothing has happened then.
    pub fn apply(&self, now: Timestamp, by: Actor, saved: &Saved) -> Result<Step<Record>, ApplyError> {
        let saved = self.fold.proposals.get(&saved.plan).unwrap_or(saved).clone();
        let candidate = self.look_again(now, saved)?;
        let changes = self.with_acknowledgement(by, candidate.saved.changes.clone());
        self.fold.intent.apply(by, &changes)?;
        candidate.what_if.check_assertions(&[])?;
        if !candidate.missing.is_empty() {
            return Err(ApplyError::NeedsApproval(candidate.missing));
        }
        candidate.plan.check().map_err(ApplyError::Invariant)?;
        let Saved { plan, by, approvals, changes, .. } = candidate.saved;
        let step = self.write(now, by, Act::Applied { plan: plan.clone(), approvals }, changes, ())?;
        let record = step.write.as_ref().map(|write| write.record.clone()).expect("an application writes a record");
        let proposals = Some(self.fold.proposals.without(&plan));
        Ok(Step { write: step.write, proposals, ..Step::nothing(record) })
    }

    /// Puts a saved proposal on the current revision: it must still apply, touch what it was made for, and mean the same.
    fn look_again(&self, now: Timestamp, mut saved: Saved) -> Result<Candidate, ApplyError> {
        let head = self.fold.intent.revision();
        let stale = |saved: &Saved| Stale { plan: saved.plan.clone(), base: saved.base, head, by: None };
        saved.changes = rebased(&saved, &self.fold.intent).ok_or_else(|| stale(&saved))?;
        let changes = self.with_acknowledgement(saved.by, saved.changes.clone());
        let what_if = self.desired.what_if(&self.fold.intent.apply(saved.by, &changes)?);
        if fingerprint(what_if.effect()) != saved.effect {
            return Err(stale(&saved).into());
        }
        let seen = self.seen(now, saved.by, &what_if);
        Ok(self.beside(saved, what_if, seen))
    }

    /// The plan that leads there from the current revision.
    fn seen(&self, now: Timestamp, by: Actor, what_if: &WhatIf) -> Plan {
        let seen = plan(&Base::settled(&self.desired), what_if.desired(), &self.observed, now);
        if let Actor::User(user) = by { seen.by(user) } else { seen }
    }

    fn beside(&self, saved: Saved, what_if: WhatIf, plan: Plan) -> Candidate {
        let (before, after) = (&self.fold.intent, what_if.desired().intent());
        let groups = what_if.effect().approvals();
        let missing = approval::missing(before, after, groups, saved.by, &saved.approvals);
        let named = |missing: Missing| Waiting {
            group: name(before, after, missing.group).unwrap_or_else(|| nanami_model::name!("unnamed")),
            could: missing.could.iter().filter_map(|user| name(before, after, *user)).collect(),
        };
        let missing = missing.into_iter().map(named).collect();
        Candidate { saved, before: before.clone(), what_if, plan, missing }
    }
}

impl Candidate {
    /// The names of those who have approved, in the order in which they did.
    #[must_use]
    pub fn approved_by(&self) -> Vec<Name> {
        let after = self.what_if.desired().intent();
        self.saved.approvals.iter().filter_map(|approval| name(&self.before, after, approval.by)).collect()
    }
}

fn name(before: &Intent, after: &Intent, id: impl Into<nanami_model::ObjectId> + Copy) -> Option<Name> {
    before.name_of(id).or_else(|| after.name_of(id)).cloned()
}

/// Finds the change that moved a plan, by putting the plan on every revision since its base, where gateways are chosen so.
#[must_use]
pub fn moved_by(log: &[Entry], saved: &Saved, selection: &Selection) -> Option<String> {
    let founded = Workspace::founding(log.first()?).ok()?;
    let mut workspace = Workspace::found(founded.workspace, founded.owner);
    workspace.choosing.selection = selection.clone();
    for entry in log {
        workspace.replay(std::slice::from_ref(entry)).ok()?;
        if entry.revision() <= saved.base || workspace.look_again(saved.at, saved.clone()).is_ok() {
            continue;
        }
        let record = Record::from_entry(entry).ok()?;
        let who = match record.by {
            Actor::User(user) => workspace.intent().name_of(user).map_or_else(|| user.to_string(), Name::to_string),
            _ => "control".to_owned(),
        };
        return Some(match record.act {
            Act::Applied { plan, .. } => format!("plan {} by {who} (revision {})", short(&plan), entry.revision()),
            _ => format!("revision {} by {who}", entry.revision()),
        });
    }
    None
}

/// The changes with what has happened meanwhile kept: a pending peer that has joined keeps its key. `None` when somebody
/// else changed what they change.
fn rebased(saved: &Saved, head: &Intent) -> Option<ChangeSet> {
    let rebase = |change: &Change| {
        let id = change.id();
        let (before, now) = (saved.before.iter().find(|object| object.id() == id), head.object(id));
        match (change, before, now) {
            (change, before, now) if before == now.as_ref() => Some(change.clone()),
            (Change::Update(Object::Peer(id, wanted)), Some(Object::Peer(_, was)), Some(Object::Peer(_, is))) => {
                let joined = only_joined(was, &is);
                let untouched = wanted.key() == was.key();
                (joined && untouched).then(|| {
                    let key = is.key().expect("who has joined has a key");
                    Change::Update(Object::Peer(*id, wanted.clone().with_key(key)))
                })
            }
            (Change::Remove(_), Some(Object::Peer(_, was)), Some(Object::Peer(_, is))) if only_joined(was, &is) => {
                Some(change.clone())
            }
            _ => None,
        }
    };
    let changes = saved.changes.iter().map(rebase).collect::<Option<Vec<_>>>()?;
    Some(saved.changes.clone().with_changes(changes))
}

fn only_joined(was: &Peer, is: &Peer) -> bool {
    let Some(key) = is.key() else { return false };
    was.key().is_none() && was.clone().with_key(key) == *is
}

/// A peer that has joined since the changes were collected keeps its key: no update makes a peer pending again.
fn with_keys(changes: ChangeSet, head: &Intent) -> ChangeSet {
    let keep = |change: &Change| match change {
        Change::Update(Object::Peer(id, wanted)) if wanted.key().is_none() => {
            let key = head.get(*id).and_then(Peer::key);
            Change::Update(Object::Peer(*id, key.into_iter().fold(wanted.clone(), Peer::with_key)))
        }
        change => change.clone(),
    };
    let kept = changes.iter().map(keep).collect::<Vec<_>>();
    changes.with_changes(kept)
}

/// What a plan is known by: its whole id, of which its text shows the beginning.
fn identify(plan: &Plan) -> String {
    format!("p-{}", plan.id().as_bytes()[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// As much of a plan's id as texts show.
pub(crate) fn short(plan: &str) -> &str {
    plan.get(..6).unwrap_or(plan)
}

/// What an effect is compared by: everything that it gains, loses, reroutes and disturbs. What is merely kept may grow.
fn fingerprint(effect: &Effect) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("nanami 2026 effect fingerprint v1");
    let flows = [effect.gained(), effect.lost(), effect.rerouted(), effect.disturbed()];
    for (kind, flows) in flows.into_iter().enumerate() {
        for Passage { from, to, part, services, way, before, disturbance, .. } in flows.iter() {
            let text = format!("{kind} {from} {to:?} {part:?} {services} {way:?} {before:?} {disturbance:?}\n");
            hasher.update(text.as_bytes());
        }
    }
    hasher.update(format!("{:?}", effect.approvals()).as_bytes());
    hasher.finalize().to_hex()[..32].to_owned()
}

macro_rules! codes {
    ($($error:ident { $($pattern:pat => $code:expr, $remedy:expr;)* })*) => { $(
        impl $error {
            /// The stable code of this error.
            #[must_use]
            pub fn code(&self) -> &'static str {
                match self { $($pattern => $code,)* }
            }

            /// What to do about it.
            #[must_use]
            pub fn remedy(&self) -> String {
                match self { $($pattern => $remedy.to_string(),)* }
            }
        }
    )* };
}

codes! {
    ProposeError {
        ProposeError::Refused(refused) => refused.code(), remedies(refused);
        ProposeError::Store(error) => error.code(), error.remedy();
    }
    ApproveError {
        ApproveError::Unknown(_) => "plan.unknown", "list the open plans and use the id that a proposal printed";
        ApproveError::Forbidden => "change.forbidden", "ask one of those whom the plan waits for";
        ApproveError::Stale(_) => "plan.stale", "propose it again and look at its effect";
        ApproveError::Store(error) => error.code(), error.remedy();
    }
    ApplyError {
        ApplyError::Unknown(_) => "plan.unknown", "list the open plans and use the id that a proposal printed";
        ApplyError::Refused(refused) => refused.code(), remedies(refused);
        ApplyError::Assertions(_) => "assertion.failed", "change the plan so that every assertion holds, or the assertion with its owner";
        ApplyError::Stale(_) => "plan.stale", "propose it again and look at its effect";
        ApplyError::Invariant(_) => "plan.invariant", "report this: nothing was applied";
        ApplyError::NeedsApproval(_) => "plan.needs_approval", "ask one of those whom the plan waits for, then apply it again";
        ApplyError::Store(error) => error.code(), error.remedy();
    }
}

fn remedies(refused: &Refused) -> String {
    let mut remedies = refused.violations().iter().map(nanami_model::Violation::remedy).collect::<Vec<_>>();
    remedies.dedup();
    remedies.join("; ")
}

//! What many peers do alike, each about each of many others.
//!
//! **Invariant**: nobody does anything about itself, and everybody in `who` does something: a bundle about one peer alone leaves
//! that peer out of `who`. Two bundles never say the same of the same pair.

use std::borrow::Cow;

use nanami_model::{Destination, PeerId, Services, Slot};

use crate::desired::Desired;
use crate::held::Held;
use crate::stage::Stage;
use crate::step::{Action, Reason};
use crate::words::Words;

/// What is done about each of the others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    /// [`Action::Connect`].
    Connect,
    /// [`Action::Disconnect`].
    Disconnect,
    /// [`Action::Rekey`].
    Rekey,
    /// [`Action::Accept`].
    Accept(Services),
    /// [`Action::Refuse`].
    Refuse(Services),
    /// [`Action::Forward`] to a destination.
    Forward(Destination, Services),
    /// [`Action::StopForwarding`] to a destination.
    StopForwarding(Destination, Services),
    /// [`Action::Attribute`] to a destination, or to the peer itself.
    Attribute(Option<Destination>),
    /// This, and nothing about anybody else.
    Only(Action),
}

/// What many peers do alike in one stage, for one reason.
#[derive(Debug, Clone)]
pub(crate) struct Bundle {
    pub(crate) stage: Stage,
    pub(crate) reason: Reason,
    pub(crate) deed: Deed,
    /// Who does it, by slot after the change.
    pub(crate) who: Held,
    /// About whom, by slot after the change, or before it if what was is taken down; nobody for [`Deed::Only`].
    pub(crate) whom: Held,
}

impl Bundle {
    /// The bundle; `None` if it is about nothing.
    pub(crate) fn new(stage: Stage, reason: Reason, deed: Deed, who: &Words, whom: &Words) -> Option<Self> {
        let only = matches!(deed, Deed::Only(_));
        let mut who = Cow::Borrowed(who);
        if !only && whom.is_one() {
            whom.iter().for_each(|one| who.to_mut().remove(one));
        }
        let empty = who.is_empty() || (!only && whom.is_empty());
        (!empty).then(|| Self { stage, reason, deed, who: Held::from(&*who), whom: whom.into() })
    }

    /// How many pairs of a peer and another one it is about.
    pub(crate) fn pairs(&self) -> usize {
        if let Deed::Only(_) = self.deed {
            return self.who.count();
        }
        let both = self.who.iter().filter(|slot| self.whom.contains(*slot)).count();
        self.who.count() * self.whom.count() - both
    }

    /// How many others one of the peers does it about; 1 if it is about nobody else.
    pub(crate) fn about(&self, at: Slot<PeerId>) -> usize {
        match self.deed {
            Deed::Only(_) => 1,
            _ => self.whom.count() - usize::from(self.whom.contains(at)),
        }
    }

    /// The state by whose slots the others are found.
    pub(crate) fn state<'a>(&self, before: Option<&'a Desired>, after: &'a Desired) -> &'a Desired {
        match self.deed {
            Deed::Disconnect | Deed::Refuse(_) | Deed::StopForwarding(..) => before.unwrap_or(after),
            _ => after,
        }
    }

    /// What one of the peers does.
    pub(crate) fn actions<'a>(
        &'a self,
        at: Slot<PeerId>,
        before: Option<&'a Desired>,
        after: &'a Desired,
    ) -> impl Iterator<Item = Action> + 'a {
        let state = self.state(before, after).intent();
        let own = after.intent().in_slot(at).map(|(id, _)| id);
        let only = if let Deed::Only(action) = &self.deed { Some(action.clone()) } else { None };
        let others = self.whom.iter().filter_map(move |slot| Some(state.in_slot(slot)?.0));
        let others = others.filter(move |other| Some(*other) != own);
        only.into_iter().chain(others.filter_map(move |other| self.deed.action(own?, other)))
    }
}

impl Deed {
    /// What `at` does about another peer.
    pub(crate) fn action(&self, at: PeerId, other: PeerId) -> Option<Action> {
        Some(match self {
            Self::Connect => Action::Connect { to: other },
            Self::Disconnect => Action::Disconnect { to: other },
            Self::Rekey => Action::Rekey { to: other },
            Self::Accept(services) => Action::Accept { from: other, services: services.clone() },
            Self::Refuse(services) => Action::Refuse { from: other, services: services.clone() },
            Self::Forward(to, services) => {
                Action::Forward { from: other, to: *to, part: None, services: services.clone() }
            }
            Self::StopForwarding(to, services) => {
                Action::StopForwarding { from: other, to: *to, part: None, services: services.clone() }
            }
            Self::Attribute(to) => Action::Attribute { from: other, to: to.unwrap_or(at.into()), part: None },
            Self::Only(_) => return None,
        })
    }
}

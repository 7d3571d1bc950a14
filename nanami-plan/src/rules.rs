//! What rules let through before and after a change, service by service, so that a rule that only narrows ends nothing that stays.

use std::collections::{BTreeMap, BTreeSet};

use nanami_model::{Destination, PeerId, PolicyId, Services};

use crate::access::union;
use crate::places::Places;
use crate::share::Share;
use crate::stage::Stage;
use crate::step::{Action, Reason};
use crate::steps::Difference;

/// What one peer lets through from one peer to one destination, by policy.
type Lets = BTreeMap<(PeerId, Destination), BTreeSet<(Option<PolicyId>, Services)>>;

impl Difference<'_> {
    /// What this peer lets in, and what it lets pass.
    pub(crate) fn rules(&mut self, was: &Share, is: &Share) {
        let [before, after] = self.places;
        let (was, is) = (self.lets(before, was), self.lets(after, is));
        let none = BTreeSet::new();
        for pair in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
            let (old, new) = (was.get(pair).unwrap_or(&none), is.get(pair).unwrap_or(&none));
            if old != new {
                self.rule(*pair, old, new);
            }
        }
    }

    fn lets(&self, places: &Places, share: &Share) -> Lets {
        let mut lets = Lets::new();
        for rule in &share.accept {
            let Some(from) = places.peer(&rule.from) else { continue };
            lets.entry((from, self.peer.into())).or_default().insert((rule.policy, rule.services.clone()));
        }
        for rule in &share.forward {
            let (Some(from), Some(to)) = (places.peer(&rule.from), places.target(&rule.to)) else { continue };
            lets.entry((from, to)).or_default().insert((rule.policy, rule.services.clone()));
        }
        lets
    }

    fn rule(
        &mut self,
        (from, to): (PeerId, Destination),
        old: &BTreeSet<(Option<PolicyId>, Services)>,
        new: &BTreeSet<(Option<PolicyId>, Services)>,
    ) {
        let allowed = |desired: Option<&crate::Desired>| desired.and_then(|d| union(&d.access().grants(from, to)));
        let (before, after) = (allowed(self.base.desired.as_ref()), allowed(Some(self.after)));
        let (was, is) = (all(old), all(new));
        // What goes here: lost altogether, or only carried by another hop from now on.
        let (gone, come) = (minus(was.as_ref(), is.as_ref()), minus(is.as_ref(), was.as_ref()));
        let parts = [
            (Stage::Tighten, minus(gone.as_ref(), after.as_ref()), old),
            (Stage::Retire, both(gone.as_ref(), after.as_ref()), old),
            (Stage::Prepare, both(come.as_ref(), before.as_ref()), new),
            (Stage::Open, minus(come.as_ref(), before.as_ref()), new),
        ];
        for (stage, services, rules) in parts {
            let Some(services) = services else { continue };
            let reason = self.policy(rules, &services);
            let ends = matches!(stage, Stage::Tighten | Stage::Retire);
            let action = match (to == Destination::Peer(self.peer), ends) {
                (true, false) => Action::Accept { from, services },
                (true, true) => Action::Refuse { from, services },
                (false, false) => Action::Forward { from, to, services },
                (false, true) => Action::StopForwarding { from, to, services },
            };
            self.add(stage, reason, action);
        }
        if gone.is_none()
            && come.is_none()
            && let Some(services) = is
        {
            let reason = self.policy(new, &services);
            self.add(Stage::Prepare, reason, Action::Attribute { from, to });
        }
    }

    /// The first policy that lets some of these services through.
    fn policy(&self, rules: &BTreeSet<(Option<PolicyId>, Services)>, services: &Services) -> Reason {
        let mut giving = rules.iter().filter(|(_, own)| own.intersection(services).is_some());
        giving.find_map(|(policy, _)| *policy).map_or_else(|| self.because(self.peer), |policy| self.because(policy))
    }
}

fn all(rules: &BTreeSet<(Option<PolicyId>, Services)>) -> Option<Services> {
    Services::new(rules.iter().flat_map(|(_, services)| services.iter().copied())).ok()
}

fn minus(a: Option<&Services>, b: Option<&Services>) -> Option<Services> {
    match (a, b) {
        (Some(a), Some(b)) => a.minus(b),
        (a, _) => a.cloned(),
    }
}

fn both(a: Option<&Services>, b: Option<&Services>) -> Option<Services> {
    a?.intersection(b?)
}

//! What a policy says of its own sides and ways.

use super::{contradiction, twice};
use crate::entity::{Condition, Duty, Selector, Verdict};
use crate::id::PolicyId;
use crate::intent::Tables;
use crate::object::Label;
use crate::refused::Violation;

pub(super) fn check(tables: &Tables, id: PolicyId, found: &mut Vec<Violation>) {
    let Some(policy) = tables.policies.get(&id) else { return };
    let subject = || Label::new(id, tables);
    if let Selector::Route(_) = policy.from() {
        let remedy = "name a group, a network or a peer as the from side";
        found.push(contradiction(subject(), "from", "what is behind a route does not begin flows".into(), remedy));
    }
    if policy.verdict() == Verdict::Deny && !policy.via().is_empty() {
        found.push(contradiction(subject(), "via", "a denied flow goes no way".into(), "leave out via"));
    }
    if let (Selector::Route(_), false) = (policy.to(), policy.via().is_empty()) {
        let why = "a route brings its own gateways".into();
        found.push(contradiction(subject(), "via", why, "leave out via, or change the route's gateways"));
    }
    if policy.verdict() == Verdict::Deny && !policy.conditions().is_empty() {
        let why = "a denial that waits for reports passes by whoever reports nothing".to_owned();
        let remedy = "deny everybody, or put the condition on what allows";
        found.push(contradiction(subject(), "conditions", why, remedy));
    }
    if policy.conditions().iter().any(|condition| matches!(condition, Condition::Os(systems) if systems.is_empty())) {
        let why = "it names no operating system, so that it holds of nobody".to_owned();
        found.push(contradiction(subject(), "conditions", why, "name at least one, or leave the condition out"));
    }
    for gateway in policy.via() {
        if tables.gateways.get(gateway).is_some_and(|gateway| !gateway.duties().contains(Duty::Transit)) {
            let why = format!("{} has no duty transit", Label::new(*gateway, tables));
            found.push(contradiction(subject(), "via", why, "give it that duty, or name another gateway"));
        }
    }
    if let Some(gateway) = twice(policy.via()) {
        let why = format!("{} stands twice", Label::new(*gateway, tables));
        found.push(contradiction(subject(), "via", why, "name each gateway once"));
    }
}

//! What an assertion speaks about can do what it claims.

use super::contradiction;
use crate::entity::{Claim, Selector};
use crate::id::AssertionId;
use crate::intent::Tables;
use crate::object::Label;
use crate::refused::Violation;

pub(super) fn check(tables: &Tables, id: AssertionId, found: &mut Vec<Violation>) {
    let Some(assertion) = tables.assertions.get(&id) else { return };
    let subject = || Label::new(id, tables);
    match assertion.claim() {
        Claim::MustReach { from: Selector::Route(_), .. }
        | Claim::MustNotReach { from: Selector::Route(_), .. }
        | Claim::OnlyViaGateway { from: Selector::Route(_), .. } => {
            let why = "what is behind a route does not begin flows".to_owned();
            let remedy = "name a group, a network or a peer as the from side";
            found.push(contradiction(subject(), "from", why, remedy));
        }
        Claim::NeverTouches { what: Selector::Route(_) } => {
            let why = "it is about peers, and a route has none".to_owned();
            found.push(contradiction(subject(), "what", why, "name a group, a network or a peer"));
        }
        Claim::SurvivesLossOf { gateways: 0, .. } => {
            let why = "the loss of no gateway takes nothing away".to_owned();
            found.push(contradiction(subject(), "gateways", why, "say how many may be lost, from 1 on"));
        }
        _ => {}
    }
}

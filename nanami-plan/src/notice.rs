//! Notices: what is legal and still suspicious, with the thing, the place and the remedy.
//!
//! **Invariant**: a notice changes nothing and refuses nothing; what cannot be meant is refused by the model at the change. Each
//! names a thing that does less than it says, and what to do about it; they come by kind of thing, then by name.

use std::collections::BTreeSet;
use std::fmt;

use nanami_model::{
    Gateway, Intent, Label, OnAllDown, Policy, PolicyId, Route, RouteId, RouteMode, Selector, Services, Verdict,
};

use crate::desired::Desired;
use crate::names::Names;
use crate::territory;
use crate::view::View;

/// Something legal that does less than it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    code: &'static str,
    subject: Label,
    field: &'static str,
    text: String,
    remedy: &'static str,
}

impl Notice {
    /// The stable code, such as `notice.empty_side`.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The policy or route that it is about.
    pub fn subject(&self) -> &Label {
        &self.subject
    }

    /// The field of it.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// What is suspicious, in words.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        self.remedy
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: {}; {}", self.subject, self.field, self.text, self.remedy)
    }
}

impl Desired {
    /// What is legal and still suspicious, policies first, each kind by name.
    pub fn notices(&self) -> Vec<Notice> {
        let intent = self.intent();
        let policies = intent.policies().filter_map(|(id, policy)| self.of_policy(id, policy));
        let routes = intent.routes().flat_map(|(id, route)| of_route(intent, id, route));
        policies.chain(routes).collect()
    }

    /// The most fundamental thing about a policy.
    fn of_policy(&self, id: PolicyId, policy: &Policy) -> Option<Notice> {
        let intent = self.intent();
        let names = Names::new(intent, None);
        let notice = |code, field, text, remedy| Some(Notice { code, subject: intent.label(id), field, text, remedy });
        for (field, side) in [("from", policy.from()), ("to", policy.to())] {
            if !matches!(side, Selector::Route(_)) && intent.members(side).is_empty() {
                let text = format!("{} is nobody", names.of(side));
                return notice("notice.empty_side", field, text, "put somebody into it, or remove the policy");
            }
        }
        if policy.verdict() == Verdict::Deny {
            return None;
        }
        if let Some(deny) = shadow(intent, policy) {
            let text = format!("policy {} denies all of it", names.of(deny));
            return notice("notice.shadowed", "allow", text, "remove one of the two, or narrow the denial");
        }
        if !meet(intent, policy) {
            let text =
                format!("{} and {} have no address family in common", names.of(policy.from()), names.of(policy.to()));
            return notice("notice.families", "to", text, "give both a pool of one family");
        }
        None
    }
}

/// A denial of the same sides that leaves nothing of an allowance.
fn shadow(intent: &Intent, policy: &Policy) -> Option<PolicyId> {
    let gone = |services: &Services| policy.services().minus(services).is_none();
    let same = |deny: &Policy| deny.from() == policy.from() && deny.to() == policy.to();
    let denies = intent.policies().filter(|(_, deny)| deny.verdict() == Verdict::Deny);
    denies.filter(|(_, deny)| same(deny) && gone(deny.services())).map(|(id, _)| id).next()
}

/// Whether anybody of one side has a family in common with anything of the other side.
fn meet(intent: &Intent, policy: &Policy) -> bool {
    let families = |side: Selector| -> BTreeSet<bool> {
        match side {
            Selector::Route(id) => {
                intent.get(id).into_iter().flat_map(Route::prefixes).map(|prefix| prefix.is_ipv4()).collect()
            }
            side => {
                let members = intent.members(side).into_iter();
                members.filter_map(|id| intent.get(id)).flat_map(|p| p.addresses()).map(|at| at.is_ipv4()).collect()
            }
        }
    };
    !families(policy.from()).is_disjoint(&families(policy.to()))
}

fn of_route(intent: &Intent, id: RouteId, route: &Route) -> Vec<Notice> {
    let mut found = Vec::new();
    let mut notice =
        |code, field, text, remedy| found.push(Notice { code, subject: intent.label(id), field, text, remedy });
    let gateways: Vec<&Gateway> = intent.gateways_of(id).into_iter().filter_map(|id| intent.get(id)).collect();
    let regions: BTreeSet<_> = gateways.iter().map(|gateway| gateway.region()).collect();
    if route.mode() == RouteMode::Nearest && regions.len() < 2 {
        let text = "it goes by the nearest region, and all of its gateways are in one".to_owned();
        notice("notice.one_region", "mode", text, "add a gateway elsewhere, or choose another mode");
    }
    let hosts: Vec<_> = gateways.iter().filter_map(|gateway| gateway.host()).collect();
    let distinct = gateways.len() - hosts.len() + hosts.iter().collect::<BTreeSet<_>>().len();
    if usize::from(route.redundancy()) > distinct {
        let text = format!("redundancy {} on {distinct} hosts, so that ranks die together", route.redundancy());
        notice("notice.shared_host", "redundancy", text, "name a gateway on another host");
    }
    if route.on_all_down() == OnAllDown::FallBack && territory::wider(intent, id).is_none() {
        let text = "it falls back to the next wider route, and there is none".to_owned();
        notice("notice.nothing_wider", "on_all_down", text, "add a wider route, or let it hold or drop");
    }
    if territory::of(intent, route).is_empty() {
        let text = "more specific routes and pools leave nothing of it".to_owned();
        notice("notice.nothing_left", "prefix", text, "remove it, or one of the routes inside it");
    }
    found
}

impl View<'_> {
    /// The notices of the state, and what reports add to them: a route around the place where its own gateway is reached, whose
    /// tunnel would be sent into itself by a host that does not keep it out (PLANNING.md section 8, case 18).
    pub fn notices(&self) -> Vec<Notice> {
        let intent = self.desired().intent();
        let mut found = self.desired().notices();
        for (id, route) in intent.routes().filter(|(_, route)| !route.is_exit()) {
            for gateway in intent.gateways_of(id) {
                let Some(peer) = intent.get(gateway).map(Gateway::peer) else { continue };
                let Some(sighting) = self.observed().last(peer) else { continue };
                let inside =
                    |at: &&std::net::SocketAddr| route.prefixes().iter().any(|prefix| prefix.contains(at.ip()));
                let Some(at) = sighting.report.endpoints.iter().find(inside) else { continue };
                let text = format!("it covers {at}, where {} is reached", intent.label(gateway));
                let (code, subject, field) = ("notice.own_endpoint", intent.label(id), "prefix");
                let remedy = "leave that address out of the route, or reach the gateway at another one";
                found.push(Notice { code, subject, field, text, remedy });
            }
        }
        found
    }
}

//! Assertions: what must stay true of the network, whatever is changed.

use serde::{Deserialize, Serialize};

use super::Selector;
use crate::id::{AssertionId, RouteId};
use crate::name::Name;
use crate::object::{Entity, ObjectId, follow};
use crate::service::Service;

/// A named claim about the network that is checked on every change and on every stage of every rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assertion {
    name: Name,
    claim: Claim,
}

/// What an assertion claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Claim {
    /// Every peer of `from` reaches the service on everything in `to`.
    MustReach {
        /// Who begins.
        from: Selector,
        /// What is reached.
        to: Selector,
        /// The service.
        service: Service,
    },
    /// No peer of `from` reaches the service on anything in `to`.
    MustNotReach {
        /// Who begins.
        from: Selector,
        /// What is not reached.
        to: Selector,
        /// The service.
        service: Service,
    },
    /// Whatever of `from` reaches anything in `to` does so through a gateway.
    OnlyViaGateway {
        /// Who begins.
        from: Selector,
        /// What is reached.
        to: Selector,
    },
    /// Everyone who reaches the route still does when this many of its gateways are dead.
    SurvivesLossOf {
        /// The route.
        route: RouteId,
        /// How many gateways.
        gateways: u8,
    },
    /// No change takes more reachabilities away than this many: triples of a peer, what it reaches, and a service.
    RemovesAtMost {
        /// How many.
        reachabilities: u64,
    },
    /// No change adds or takes away anything that this reaches, or that reaches it.
    NeverTouches {
        /// A network, a group or a peer.
        what: Selector,
    },
}

impl Assertion {
    /// Claims that every peer of `from` reaches the service on everything in `to`.
    pub fn must_reach(name: Name, from: impl Into<Selector>, to: impl Into<Selector>, service: Service) -> Self {
        Self { name, claim: Claim::MustReach { from: from.into(), to: to.into(), service } }
    }

    /// Claims that no peer of `from` reaches the service on anything in `to`.
    pub fn must_not_reach(name: Name, from: impl Into<Selector>, to: impl Into<Selector>, service: Service) -> Self {
        Self { name, claim: Claim::MustNotReach { from: from.into(), to: to.into(), service } }
    }

    /// Claims that whatever of `from` reaches anything in `to` does so through a gateway.
    pub fn only_via_gateway(name: Name, from: impl Into<Selector>, to: impl Into<Selector>) -> Self {
        Self { name, claim: Claim::OnlyViaGateway { from: from.into(), to: to.into() } }
    }

    /// Claims that everyone who reaches the route still does when this many of its gateways are dead.
    pub fn survives_loss_of(name: Name, route: RouteId, gateways: u8) -> Self {
        Self { name, claim: Claim::SurvivesLossOf { route, gateways } }
    }

    /// Claims that no change takes more than this many reachabilities away.
    pub fn removes_at_most(name: Name, reachabilities: u64) -> Self {
        Self { name, claim: Claim::RemovesAtMost { reachabilities } }
    }

    /// Claims that no change adds or takes away anything that this network, group or peer reaches, or that reaches it.
    pub fn never_touches(name: Name, what: impl Into<Selector>) -> Self {
        Self { name, claim: Claim::NeverTouches { what: what.into() } }
    }

    /// The claim.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }
}

impl Entity for Assertion {
    type Id = AssertionId;

    fn name(&self) -> &Name {
        &self.name
    }

    fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        match &mut self.claim {
            Claim::MustReach { from, to, .. }
            | Claim::MustNotReach { from, to, .. }
            | Claim::OnlyViaGateway { from, to } => {
                from.visit("from", with);
                to.visit("to", with);
            }
            Claim::SurvivesLossOf { route, .. } => follow(route, "route", with),
            Claim::NeverTouches { what } => what.visit("what", with),
            Claim::RemovesAtMost { .. } => {}
        }
    }
}

//! Policies: who may reach what.
//!
//! **Invariant**: the order of policies means nothing. Everything is denied that no policy allows, and a deny wins.

use serde::{Deserialize, Serialize};

use super::Condition;
use super::words::{is_default, words};
use crate::id::{GatewayId, GroupId, NetworkId, PeerId, PolicyId, RouteId};
use crate::name::Name;
use crate::object::{Entity, ObjectId, follow};
use crate::service::Services;

/// One statement about who may reach what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    name: Name,
    from: Selector,
    to: Selector,
    services: Services,
    verdict: Verdict,
    direction: Direction,
    via: Vec<GatewayId>,
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    conditions: Vec<Condition>,
}

/// One side of a policy or of an assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selector {
    /// All members of a group.
    Group(GroupId),
    /// All peers of a network.
    Network(NetworkId),
    /// What is behind a route; only as a destination.
    Route(RouteId),
    /// A single peer.
    Peer(PeerId),
}

/// What a policy says of the flows that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// They may pass.
    Allow,
    /// They may not, whatever allows them.
    Deny,
}

words!(Verdict, "verdict": Allow = "allow", Deny = "deny");

/// Who may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The from side begins; answers pass.
    OneWay,
    /// Either side begins.
    BothWays,
}

words!(Direction, "direction": OneWay = "one_way", BothWays = "both_ways");

impl Policy {
    /// Lets `from` reach these services of `to`.
    pub fn allow(
        name: Name,
        from: impl Into<Selector>,
        to: impl Into<Selector>,
        services: impl Into<Services>,
    ) -> Self {
        Self {
            name,
            from: from.into(),
            to: to.into(),
            services: services.into(),
            verdict: Verdict::Allow,
            direction: Direction::OneWay,
            via: Vec::new(),
            reason: None,
            conditions: Vec::new(),
        }
    }

    /// Keeps `from` from reaching these services of `to`, whatever allows it.
    pub fn deny(name: Name, from: impl Into<Selector>, to: impl Into<Selector>, services: impl Into<Services>) -> Self {
        Self { verdict: Verdict::Deny, ..Self::allow(name, from, to, services) }
    }

    /// Sends the flows through a gateway: the first of the list, the others standing by.
    pub fn with_via(self, gateways: impl IntoIterator<Item = GatewayId>) -> Self {
        Self { via: gateways.into_iter().collect(), ..self }
    }

    /// Lets, or keeps, both sides alike.
    pub fn both_ways(self) -> Self {
        Self { direction: Direction::BothWays, ..self }
    }

    /// Counts only for those of the from side of whom all of these hold; with [`Policy::both_ways`] for whoever begins. Two
    /// conditions on one fact become the one that says both.
    pub fn with_conditions(self, conditions: impl IntoIterator<Item = Condition>) -> Self {
        Self { conditions: Condition::combined(conditions), ..self }
    }

    /// Says why, for whoever reads an explanation.
    pub fn with_reason(self, text: impl Into<String>) -> Self {
        Self { reason: Some(text.into()), ..self }
    }

    /// Who begins.
    pub fn from(&self) -> Selector {
        self.from
    }

    /// What is reached.
    pub fn to(&self) -> Selector {
        self.to
    }

    /// Which services.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Allow or deny.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// One way or both.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The gateways on the way, the preferred one first; empty means that no gateway is asked for.
    pub fn via(&self) -> &[GatewayId] {
        &self.via
    }

    /// What must hold of whoever begins, all of it; empty means that nothing must.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Why it is there.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

impl Selector {
    pub(crate) fn visit(&mut self, field: &'static str, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        match self {
            Self::Group(id) => follow(id, field, with),
            Self::Network(id) => follow(id, field, with),
            Self::Route(id) => follow(id, field, with),
            Self::Peer(id) => follow(id, field, with),
        }
    }
}

impl From<Selector> for ObjectId {
    fn from(selector: Selector) -> Self {
        match selector {
            Selector::Group(id) => id.into(),
            Selector::Network(id) => id.into(),
            Selector::Route(id) => id.into(),
            Selector::Peer(id) => id.into(),
        }
    }
}

macro_rules! selects {
    ($($id:ident => $kind:ident),*) => { $(
        impl From<$id> for Selector {
            fn from(id: $id) -> Self {
                Self::$kind(id)
            }
        }
    )* };
}

selects!(GroupId => Group, NetworkId => Network, RouteId => Route, PeerId => Peer);

impl Entity for Policy {
    type Id = PolicyId;

    fn name(&self) -> &Name {
        &self.name
    }

    fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        self.from.visit("from", with);
        self.to.visit("to", with);
        self.via.iter_mut().for_each(|id| follow(id, "via", with));
    }
}

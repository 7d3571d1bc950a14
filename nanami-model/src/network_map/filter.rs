//! Rules: what may reach a peer, and what it forwards as a gateway.
//!
//! **Invariant**: rules are sorted and without duplicates, so that equal filters are equal values.

use crate::cidr::Cidr;
use crate::id::PolicyId;
use crate::service::Services;

/// What may reach the peer itself; everything else is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub(super) rules: Vec<AcceptRule>,
}

/// One thing that may reach the peer: services from a range of sources, by a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AcceptRule {
    /// The sources.
    pub from: Cidr,
    /// The services on the peer.
    pub services: Services,
    /// The policy that allows it, for usage and explanations; `None` outside a workspace.
    pub policy: Option<PolicyId>,
}

impl Filter {
    /// Nothing may reach the peer.
    pub fn deny_all() -> Self {
        Self::default()
    }

    /// Also accepts these services from these sources.
    pub fn accept(self, from: Cidr, services: impl Into<Services>) -> Self {
        self.with_rule(AcceptRule { from, services: services.into(), policy: None })
    }

    /// Also accepts what the rule says.
    pub fn with_rule(mut self, rule: AcceptRule) -> Self {
        self.rules.push(rule);
        self.rules.sort();
        self.rules.dedup();
        self
    }

    /// The rules, sorted.
    pub fn rules(&self) -> &[AcceptRule] {
        &self.rules
    }
}

impl FromIterator<AcceptRule> for Filter {
    fn from_iter<T: IntoIterator<Item = AcceptRule>>(rules: T) -> Self {
        let mut rules: Vec<_> = rules.into_iter().collect();
        rules.sort();
        rules.dedup();
        Self { rules }
    }
}

/// One thing that a gateway forwards. Packets shaped like replies to it pass in the other direction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ForwardRule {
    /// The sources.
    pub from: Cidr,
    /// The destinations.
    pub to: Cidr,
    /// The services there.
    pub services: Services,
    /// The policy that allows it; `None` outside a workspace.
    pub policy: Option<PolicyId>,
}

//! Rules: policies, resolved to sides.
//!
//! **Invariant**: an arrow leads one way. A policy for both ways is two arrows, or one if both its sides are the same.

use nanami_model::{Direction, Policy, PolicyId, RouteId, Selector, Services, Verdict};

use super::side::{SideId, SideKey};

/// A policy, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) policy: PolicyId,
    pub(crate) verdict: Verdict,
    pub(crate) services: Services,
    pub(crate) arrows: Vec<Arrow>,
    /// Whether it asks for gateways on the way.
    pub(crate) via: bool,
}

/// Who begins, and what is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrow {
    pub(crate) begin: SideId,
    pub(crate) end: End,
}

/// What an arrow leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Side(SideId),
    Route(RouteId),
}

impl Rule {
    /// The rule of a policy, with the numbers that `number` gives to sides.
    pub(crate) fn of(policy: PolicyId, entity: &Policy, number: &mut dyn FnMut(SideKey) -> SideId) -> Self {
        let (from, to) = (entity.from(), entity.to());
        let mut side = |selector, conditions| number(SideKey { selector, conditions });
        let mut begin = |selector| side(selector, entity.conditions().to_vec());
        let arrows = match (to, entity.direction()) {
            (Selector::Route(route), _) => vec![Arrow { begin: begin(from), end: End::Route(route) }],
            (_, direction) => {
                let back = direction == Direction::BothWays && from != to;
                let begins = (begin(from), back.then(|| begin(to)));
                let mut end = |selector| End::Side(side(selector, Vec::new()));
                let there = Arrow { begin: begins.0, end: end(to) };
                let back = begins.1.map(|begin| Arrow { begin, end: end(from) });
                std::iter::once(there).chain(back).collect()
            }
        };
        let (verdict, services) = (entity.verdict(), entity.services().clone());
        Self { policy, verdict, services, arrows, via: !entity.via().is_empty() }
    }

    /// The sides that it speaks of: which arrow, whether the side begins, and which side.
    pub(crate) fn sides(&self) -> impl Iterator<Item = (u8, bool, SideId)> + '_ {
        (0..).zip(&self.arrows).flat_map(|(arrow, at)| {
            let end = if let End::Side(side) = at.end { Some((arrow, false, side)) } else { None };
            std::iter::once((arrow, true, at.begin)).chain(end)
        })
    }

    pub(crate) fn route(&self) -> Option<RouteId> {
        self.arrows.iter().find_map(|arrow| if let End::Route(route) = arrow.end { Some(route) } else { None })
    }

    /// Whether it allows something by gateways alone.
    pub(crate) fn asks_for_gateways(&self) -> bool {
        self.via && self.is_allow()
    }

    pub(crate) fn is_allow(&self) -> bool {
        self.verdict == Verdict::Allow
    }
}

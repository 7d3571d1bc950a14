//! Explain: why a flow passes, or why not, all of it, and what would change that.
//!
//! **Invariant**: the verdict is access's, so it agrees with what maps enforce (PLANNING.md I25). A denial names everything that
//! stands in the way, not just the first thing; what it suggests was applied to a copy, compiled, and seen to open the flow.

use nanami_model::{Destination, Flow, GatewayId, Intent, PeerId, Revision};

use crate::access::missing;
use crate::blocker::Blocker;
use crate::names::Names;
use crate::paths::Way;
use crate::share::common_family;
use crate::view::View;

mod candidates;
mod chosen;
mod fix;
mod grounds;
mod hops;

pub use fix::Fix;
pub use grounds::Ground;
pub(crate) use grounds::Judged;
pub use hops::Hop;
pub(crate) use hops::replies;

/// Why a flow passes, or why not. `Display` is the text for people, `{:#}` the unabridged one.
#[derive(Debug, Clone)]
pub enum Explanation {
    /// It passes, all of it.
    Allowed(Why),
    /// It does not, or a part of it does not.
    Denied(WhyNot),
}

/// Why a flow passes.
#[derive(Debug, Clone)]
pub struct Why {
    pub(crate) subject: Subject,
    pub(crate) chain: Vec<Ground>,
    pub(crate) hops: Vec<Hop>,
    pub(crate) way: Way,
    pub(crate) carrying: Option<GatewayId>,
    pub(crate) standbys: Vec<String>,
    /// Why the first gateway is the first.
    pub(crate) chosen: String,
    /// Why a gateway is before that one, if one is.
    pub(crate) chosen_near: Option<String>,
}

/// Why a flow does not pass.
#[derive(Debug, Clone)]
pub struct WhyNot {
    pub(crate) subject: Subject,
    pub(crate) chain: Vec<Ground>,
    pub(crate) fixes: Vec<Fix>,
    pub(crate) rejected: Vec<Fix>,
}

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) flow: Flow,
    pub(crate) names: Names,
    pub(crate) revision: Revision,
}

impl Why {
    /// The chain of grounds, each of which the flow needs.
    pub fn chain(&self) -> &[Ground] {
        &self.chain
    }

    /// The peers on the way, both ends too.
    pub fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// The gateways on the way.
    pub fn way(&self) -> &Way {
        &self.way
    }

    /// The gateway that carries it now: the first one, or a standby that took over; `None` if it goes directly.
    pub fn carrying(&self) -> Option<GatewayId> {
        self.carrying
    }
}

impl WhyNot {
    /// The chain of grounds, those that hold and those that do not.
    pub fn chain(&self) -> &[Ground] {
        &self.chain
    }

    /// Everything that stands in the way.
    pub fn blockers(&self) -> impl Iterator<Item = &Ground> {
        self.chain.iter().filter(|ground| !ground.holds())
    }

    /// Changes that let the flow pass, each proven on a copy, that which opens least first.
    pub fn fixes(&self) -> &[Fix] {
        &self.fixes
    }

    /// Changes that would let the flow pass and break an assertion.
    pub fn rejected(&self) -> &[Fix] {
        &self.rejected
    }
}

impl View<'_> {
    /// Why a flow passes, or why not, and what would change that.
    pub fn explain(&self, flow: &Flow) -> Explanation {
        let desired = self.desired();
        let intent = desired.intent();
        let asked = Flow { to: resolved(intent, flow.to), ..*flow };
        let (names, revision) = (Names::new(intent, None), intent.revision());
        let subject = Subject { flow: *flow, names, revision };
        let blockers = Blocker::all(desired, &asked);
        let chain = grounds::chain(self, &asked, flow.to, &blockers);
        let nowhere = desired.way(asked.from, asked.to).is_nowhere();
        if nowhere || missing(asked.service, &desired.access().grants(asked.from, asked.to)).is_some() {
            let (fixes, rejected) = fix::find(desired, &asked, blockers);
            return Explanation::Denied(WhyNot { subject, chain, fixes, rejected });
        }
        let way = desired.way(asked.from, asked.to).clone();
        let hops = hops::of(self, &asked, flow.to, &way);
        let carrying = hops::carrying(self, &asked, &way);
        let standbys = hops::standbys(self, asked.from, &way);
        let (chosen, chosen_near) = (chosen::why(desired, &asked, &way), chosen::why_near(desired, &asked, &way));
        Explanation::Allowed(Why { subject, chain, hops, way, carrying, standbys, chosen, chosen_near })
    }
}

/// An address behind a route is that route's; one of the overlay that no peer has is nobody's.
fn resolved(intent: &Intent, to: Destination) -> Destination {
    let Destination::Address(at) = to else { return to };
    let pooled = intent.networks().any(|(_, network)| network.pools().iter().any(|pool| pool.contains(at)));
    let route = if pooled { None } else { intent.route_to(at) };
    route.map_or(to, |(id, _)| Destination::Route(id))
}

/// The addresses that the two speak with, pair by pair, in words.
fn address_pairs(intent: &Intent, from: PeerId, asked: Destination, literal: Destination) -> Vec<String> {
    let own = intent.live_addresses(from);
    let pair = |(a, b): (nanami_model::Cidr, std::net::IpAddr)| format!("{} -> {b}", a.address());
    match (asked, literal) {
        (_, Destination::Address(at)) => common_family(&own, &[at]).into_iter().map(pair).collect(),
        (Destination::Peer(to), _) => {
            let other = intent.live_addresses(to);
            common_family(&own, &other).into_iter().map(pair).collect()
        }
        (Destination::Route(to), _) => {
            let prefixes = intent.get(to).map(|route| route.prefixes().to_vec()).unwrap_or_default();
            let of = |a: &std::net::IpAddr| {
                prefixes.iter().find(|p| p.is_ipv4() == a.is_ipv4()).map(|p| format!("{a} -> {p}"))
            };
            own.iter().filter_map(of).collect()
        }
        (Destination::Address(_), _) => Vec::new(),
    }
}

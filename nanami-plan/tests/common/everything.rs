//! Random strokes that put every kind of object and every mode into a workspace; what is refused changes nothing.
#![allow(dead_code, clippy::unwrap_used, reason = "test helpers; each binary uses a part")]

use nanami_model::{
    Activity, Assertion, Cidr, Condition, Draft, Duties, Duty, Facts, GatewayId, GatewaySelector, GroupId, Intent,
    Lifecycle, Mode, Name, NetworkId, OnAllDown, Os, PeerId, Policy, PolicyId, RegionId, ReturnPath, Route, RouteId,
    RouteMode, RoutingMode, RoutingPreference, Selector, Service, Standing, TrafficMode, User, UserId,
};
use proptest::prelude::*;

/// What happens, to which of those that there are, with what.
pub(crate) type Stroke = (u8, u8, u8, u8);

pub(crate) fn strokes() -> impl Strategy<Value = Vec<Stroke>> {
    prop::collection::vec(any::<Stroke>(), 0..14)
}

/// The workspace after all strokes that are not refused.
pub(crate) fn everything(intent: &Intent, strokes: &[Stroke]) -> Intent {
    strokes.iter().enumerate().fold(intent.clone(), |intent, (n, stroke)| {
        let mut draft = intent.draft();
        if paint(&intent, &mut draft, n, *stroke).is_none() {
            return intent;
        }
        intent.apply(intent.owner(), &draft.into_changes()).unwrap_or(intent)
    })
}

fn pick<T: Copy>(list: &[T], at: u8) -> Option<T> {
    list.get(usize::from(at).checked_rem(list.len())?).copied()
}

fn paint(intent: &Intent, draft: &mut Draft, n: usize, (what, a, b, c): Stroke) -> Option<()> {
    let peers: Vec<PeerId> = intent.peers().map(|(id, _)| id).collect();
    let gateways: Vec<GatewayId> = intent.gateways().map(|(id, _)| id).collect();
    let networks: Vec<NetworkId> = intent.networks().map(|(id, _)| id).collect();
    let routes: Vec<RouteId> = intent.routes().map(|(id, _)| id).collect();
    let groups: Vec<GroupId> = intent.groups().map(|(id, _)| id).collect();
    let named = |kind: &str| -> Name { format!("{kind}-{n}").parse().unwrap() };
    match what % 19 {
        0 | 1 => {
            let gateway = pick(&gateways, b)?;
            draft.update(pick(&peers, a)?, |peer| peer.with_mode(Mode::Limited { gateway }));
        }
        2 => draft.update(pick(&peers, a)?, |peer| peer.with_preference(preference(&gateways, b, c))),
        3 => draft.update(pick(&networks, a)?, |network| network.with_preference(preference(&gateways, b, c))),
        4 => {
            let user = draft.add(
                User::new(named("user")).with_groups(pick(&groups, b)).with_preference(preference(&gateways, b, c)),
            );
            draft.update(pick(&peers, a)?, |peer| peer.with_owner(user));
        }
        5 => {
            let activity = [Activity::Active, Activity::Draining, Activity::Disabled][usize::from(b % 3)];
            draft.update(pick(&gateways, a)?, |gateway| gateway.with_activity(activity));
        }
        6 => {
            let duties = [Duty::Ingress, Duty::Egress, Duty::Transit].into_iter().enumerate();
            let duties = Duties::new(duties.filter(|(i, _)| b >> i & 1 == 1).map(|(_, duty)| duty)).ok()?;
            draft.update(pick(&gateways, a)?, |gateway| gateway.with_duties(duties));
        }
        7 => {
            let regions: Vec<RegionId> = intent.regions().map(|(id, _)| id).collect();
            let selector =
                if c % 2 == 0 { GatewaySelector::All } else { GatewaySelector::InRegion(vec![pick(&regions, b)?]) };
            draft.update(pick(&routes, a)?, |route| route.with_gateways(selector).with_redundancy(1));
        }
        8 => {
            let mode =
                [RouteMode::Primary, RouteMode::Balanced, RouteMode::Pinned, RouteMode::Nearest][usize::from(b % 4)];
            let down = [OnAllDown::Hold, OnAllDown::FallBack, OnAllDown::Drop][usize::from(c % 3)];
            let back = [ReturnPath::Snat, ReturnPath::Declared, ReturnPath::Unstated][usize::from(c / 3 % 3)];
            draft
                .update(pick(&routes, a)?, |route| route.with_mode(mode).with_on_all_down(down).with_return_path(back));
        }
        9 => draft.update(pick(&peers, a)?, |peer| {
            peer.with_standing([Standing::Active, Standing::Suspended, Standing::Expired][usize::from(b % 3)])
        }),
        10 => draft.update(pick(&networks, a)?, |network| {
            network.with_lifecycle([Lifecycle::Active, Lifecycle::Suspended, Lifecycle::Retired][usize::from(b % 3)])
        }),
        11 => {
            let policy =
                Policy::allow(named("linux"), side(&peers, &groups, a)?, side(&peers, &groups, b)?, Service::tcp(443));
            draft.add(policy.with_conditions([Condition::os([Os::Linux])]));
            draft.update(pick(&peers, c)?, |peer| peer.with_facts(Facts::unknown().with_os(Os::Linux)));
        }
        12 => {
            let (from, to) = (side(&peers, &groups, a)?, side(&peers, &groups, b)?);
            draft.add(match c % 3 {
                0 => Assertion::must_reach(named("reach"), from, to, Service::tcp(443)),
                1 => Assertion::only_via_gateway(named("via"), from, to),
                _ => Assertion::survives_loss_of(named("survive"), pick(&routes, a)?, 1 + c % 4),
            });
        }
        13 => {
            let users: Vec<UserId> = intent.users().map(|(id, _)| id).collect();
            draft.update(pick(&users, a)?, |user| user.with_groups(pick(&groups, b)));
        }
        14 => {
            let policies: Vec<PolicyId> = intent.policies().map(|(id, _)| id).collect();
            draft.update(pick(&policies, a)?, |policy| policy.with_via(pick(&gateways, b)));
        }
        15 => {
            // An exit of one family alone.
            let gateway = pick(&gateways, a)?;
            let network = *intent.get(intent.get(gateway)?.peer())?.networks().first()?;
            let prefix = [Cidr::ALL_V4, Cidr::ALL_V6][usize::from(c % 2)];
            let route = draft.add(Route::new(named("half"), network, prefix, vec![gateway]));
            draft.add(Policy::allow(named("out"), side(&peers, &groups, b)?, route, Service::ANY));
        }
        16 | 17 => super::common::chain(intent, draft, n, (a, b, c))?,
        _ => {
            let preference = preference(&gateways, b, c);
            draft.update(intent.workspace(), |workspace| workspace.with_preference(preference));
        }
    }
    Some(())
}

fn side(peers: &[PeerId], groups: &[GroupId], at: u8) -> Option<Selector> {
    Some(if at.is_multiple_of(2) { pick(peers, at / 2)?.into() } else { pick(groups, at / 2)?.into() })
}

fn preference(gateways: &[GatewayId], b: u8, c: u8) -> RoutingPreference {
    let preference = match b % 3 {
        0 => RoutingPreference::none(),
        1 => RoutingPreference::none().with_traffic(TrafficMode::FullTunnel),
        _ => RoutingPreference::none().with_traffic(TrafficMode::VpnOnly),
    };
    let pinned = |at: u8| (!at.is_multiple_of(3)).then(|| pick(gateways, at / 3)).flatten();
    let (ingress, egress) = (pinned(b / 3), pinned(c));
    if ingress.is_none() && egress.is_none() {
        return preference;
    }
    preference.with_routing(RoutingMode::Manual { ingress, egress })
}

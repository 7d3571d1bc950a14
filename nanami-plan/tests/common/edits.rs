//! Random edits of a workspace, each a change set as a person would make it; what is refused changes nothing.
#![allow(dead_code, clippy::unwrap_used, reason = "test helpers; each binary uses a part")]

use nanami_model::{
    Activity, ChangeSet, Condition, Draft, Facts, GatewayId, Group, GroupId, Intent, Lifecycle, Mode, Name, NetworkId,
    Os, Peer, PeerId, Policy, PolicyId, ReturnPath, Route, RouteId, RoutingMode, RoutingPreference, Selector, Service,
    Standing, TrafficMode, User, UserId,
};
use proptest::prelude::*;

use super::common::{chain, key};

/// What happens, to which of those that there are, with what.
pub(crate) type Edit = (u8, u8, u8, u8);

pub(crate) fn edits() -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec(any::<Edit>(), 1..10)
}

/// The workspace after the edit, or as it was if that is refused.
pub(crate) fn edited(intent: &Intent, n: usize, edit: Edit) -> Intent {
    let mut draft = intent.draft();
    change(intent, &mut draft, n, edit);
    let changes: ChangeSet = draft.into_changes();
    intent.apply(intent.owner(), &changes).unwrap_or_else(|_| intent.clone())
}

fn pick<T: Copy>(list: &[T], at: u8) -> Option<T> {
    list.get(usize::from(at).checked_rem(list.len())?).copied()
}

fn change(intent: &Intent, draft: &mut Draft, n: usize, (what, a, b, c): Edit) -> Option<()> {
    let peers: Vec<PeerId> = intent.peers().map(|(id, _)| id).collect();
    let groups: Vec<GroupId> = intent.groups().map(|(id, _)| id).collect();
    let networks: Vec<NetworkId> = intent.networks().map(|(id, _)| id).collect();
    let policies: Vec<PolicyId> = intent.policies().map(|(id, _)| id).collect();
    let routes: Vec<RouteId> = intent.routes().map(|(id, _)| id).collect();
    let named = |kind: &str| -> Name { format!("{kind}-{n}").parse().unwrap() };
    let side = |at: u8| -> Option<Selector> {
        Some(match at % 4 {
            0 => pick(&networks, at / 4)?.into(),
            1 => pick(&peers, at / 4)?.into(),
            _ => pick(&groups, at / 4)?.into(),
        })
    };
    let some = |bits: u8| groups.iter().enumerate().filter(move |(i, _)| bits >> (i % 8) & 1 == 1).map(|(_, id)| *id);
    let gateways: Vec<GatewayId> = intent.gateways().map(|(id, _)| id).collect();
    let preference = || -> Option<RoutingPreference> {
        let preference = match b % 4 {
            0 => RoutingPreference::none().with_traffic(TrafficMode::FullTunnel),
            1 => RoutingPreference::none().with_traffic(TrafficMode::VpnOnly),
            _ => RoutingPreference::none(),
        };
        let by = |at: u8| if at.is_multiple_of(3) { None } else { pick(&gateways, at) };
        let manual = RoutingMode::Manual { ingress: by(c), egress: by(c / 16) };
        Some(if b % 3 == 0 { preference.with_routing(manual) } else { preference })
    };
    match what % 26 {
        0 | 1 => draft.update(pick(&peers, a)?, |peer| peer.with_groups(some(b))),
        2 => draft.update(pick(&peers, a)?, |peer| peer.with_key(key(1000 + n))),
        3 => draft.update(pick(&peers, a)?, |peer| {
            peer.with_standing([Standing::Active, Standing::Suspended, Standing::Expired][usize::from(b % 3)])
        }),
        4 => draft.remove(pick(&peers, a)?),
        5 => {
            let peer = Peer::new(named("new")).with_networks(pick(&networks, a)).with_groups(some(b));
            draft.add(if c % 4 == 0 { peer } else { peer.with_key(key(2000 + n)) });
        }
        6 => draft.remove(pick(&policies, a)?),
        7..=9 => {
            let to = if c % 5 == 0 { pick(&routes, b).map(Into::into).or(side(b))? } else { side(b)? };
            let service: Service = ["tcp/443", "any", "udp/53", "tcp/400-500"][usize::from(c / 8 % 4)].parse().unwrap();
            let policy = match c % 3 == 0 {
                true => Policy::deny(named("no"), side(a)?, to, service),
                false => Policy::allow(named("yes"), side(a)?, to, service),
            };
            let both = c & 64 == 64 && !matches!(to, Selector::Route(_));
            let policy = if both { policy.both_ways() } else { policy };
            draft.add(if c & 128 == 128 { policy.with_conditions([Condition::os([Os::Linux])]) } else { policy });
        }
        10 => draft.update(pick(&groups, a)?, |group| group.with_groups(pick(&groups, b))),
        11 => draft.update(pick(&networks, a)?, |network| {
            network.with_lifecycle([Lifecycle::Active, Lifecycle::Suspended, Lifecycle::Retired][usize::from(b % 3)])
        }),
        12 => draft.update(pick(&peers, a)?, |peer| {
            peer.with_facts(if b % 2 == 0 { Facts::unknown().with_os(Os::Linux) } else { Facts::unknown() })
        }),
        13 => {
            let user: UserId = draft.add(User::new(named("user")).with_groups(some(b)));
            draft.update(pick(&peers, a)?, |peer| peer.with_owner(user));
        }
        14 => {
            let users: Vec<UserId> = intent.users().map(|(id, _)| id).collect();
            draft.update(pick(&users, a)?, |user| user.with_groups(some(b)));
        }
        15 => _ = draft.add(Group::new(named("group")).with_groups(pick(&groups, a))),
        16 => draft.update(pick(&gateways, a)?, |gateway| {
            gateway.with_activity([Activity::Active, Activity::Draining, Activity::Disabled][usize::from(b % 3)])
        }),
        17 => draft.update(pick(&routes, a)?, |route| {
            let back = ReturnPath::ALL[usize::from(c % 3)];
            if b >= 128 { route.with_redundancy(b % 3 + 1) } else { route.with_return_path(back) }
        }),
        18 => draft.update(pick(&routes, a)?, |route| {
            let by: Vec<_> =
                gateways.iter().enumerate().filter(|(i, _)| b >> (i % 8) & 1 == 1).map(|(_, id)| *id).collect();
            if by.is_empty() { route } else { route.with_gateways(by) }
        }),
        19 => draft.remove(pick(&routes, a)?),
        20 => {
            let prefix = ["10.61.0.0/16", "10.60.1.64/26", "fd61::/48", "10.60.0.0/15"][usize::from(b % 4)];
            let by = pick(&gateways, a)?;
            draft.add(Route::new(named("route"), pick(&networks, 0)?, prefix.parse().unwrap(), [by]));
        }
        21 => {
            let preference = preference()?;
            match a % 4 {
                0 => draft.update(intent.workspace(), |workspace| workspace.with_preference(preference)),
                1 => draft.update(pick(&networks, a / 4)?, |network| network.with_preference(preference)),
                2 => draft.update(intent.users().next()?.0, |user| user.with_preference(preference)),
                _ => draft.update(pick(&peers, a / 4)?, |peer| peer.with_preference(preference)),
            }
        }
        22 => {
            let gateway = pick(&gateways, b)?;
            let mode = if c % 3 == 0 { Mode::Managed } else { Mode::Limited { gateway } };
            draft.update(pick(&peers, a)?, |peer| peer.with_mode(mode));
        }
        23 | 24 => chain(intent, draft, n, (a, b, c))?,
        _ => {
            let preference = preference()?;
            draft.update(pick(&peers, a)?, |peer| peer.with_preference(preference));
        }
    }
    Some(())
}

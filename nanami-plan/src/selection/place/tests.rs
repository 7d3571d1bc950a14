//! The promises about placing, on random gateways, clients and failures.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn id(n: usize) -> GatewayId {
    GatewayId::from_bytes([n as u8 + 1; 10])
}

fn region(n: usize) -> RegionId {
    RegionId::from_bytes([n as u8 + 1; 10])
}

fn clients(n: usize) -> Arc<[PeerId]> {
    let of = |n: usize| {
        let mut bytes = [0; 10];
        bytes[..2].copy_from_slice(&(n as u16).to_be_bytes());
        PeerId::from_bytes(bytes)
    };
    (0..n).map(of).collect()
}

const START: u64 = 1_000_000_000;

/// One route's world: gateways with their regions, hosts and capacities, and how it wants them chosen.
#[derive(Debug, Clone)]
struct World {
    gateways: Vec<(usize, Option<usize>, Option<u32>)>,
    clients: usize,
    mode: RouteMode,
    redundancy: usize,
    nearest: Vec<u16>,
}

fn world(orders: impl Into<Vec<RouteMode>>) -> impl Strategy<Value = World> {
    let gateway = (0usize..3, prop::option::of(0usize..3), prop::option::weighted(0.3, 1u32..60));
    (
        prop::collection::vec(gateway, 1..7),
        0usize..80,
        prop::sample::select(orders.into()),
        1usize..4,
        prop::collection::vec(0u16..300, 3),
    )
        .prop_map(|(gateways, clients, mode, redundancy, nearest)| World {
            gateways,
            clients,
            mode,
            redundancy,
            nearest,
        })
}

impl World {
    fn candidates(&self, dead: &[usize]) -> Vec<Candidate> {
        let host = |n: usize| format!("rack{n}").parse().unwrap();
        let all = self.gateways.iter().enumerate();
        let candidate = |(n, (at, on, capacity)): (usize, &(usize, Option<usize>, Option<u32>))| Candidate {
            id: id(n),
            region: region(*at),
            host: on.map(host),
            capacity: *capacity,
            live: !dead.contains(&n),
        };
        all.map(candidate).collect()
    }

    fn place(&self, dead: &[usize], previous: Option<&Roster>, after: Duration) -> Roster {
        self.place_among(&self.candidates(dead), previous, after)
    }

    fn place_among(&self, candidates: &[Candidate], previous: Option<&Roster>, after: Duration) -> Roster {
        let latency = |client: PeerId, at: RegionId| {
            let near = usize::from(client.to_bytes()[1]) + usize::from(at.to_bytes()[0]);
            Some(Duration::from_millis(self.nearest[near % 3].into()))
        };
        let now = Timestamp::from_millis(START).after(after);
        let (clients, mode, redundancy) = (&clients(self.clients), self.mode, self.redundancy);
        Placing { candidates, clients, mode, redundancy, previous, latency: &latency, now }.place()
    }

    fn ranks(&self, roster: &Roster) -> Vec<Vec<GatewayId>> {
        clients(self.clients).iter().map(|client| roster.ranks(*client).unwrap().to_vec()).collect()
    }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

const ALL: [RouteMode; 4] = [RouteMode::Primary, RouteMode::Pinned, RouteMode::Balanced, RouteMode::Nearest];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn i14_ranks_are_distinct_live_candidates_in_distinct_fault_domains(
        world in world(ALL),
        dead in prop::collection::vec(0usize..7, 0..4),
    ) {
        let candidates = world.candidates(&dead);
        let live = candidates.iter().filter(|c| c.live).count();
        let roster = world.place(&dead, None, seconds(0));
        for ranks in world.ranks(&roster) {
            let distinct: BTreeSet<_> = ranks.iter().collect();
            prop_assert_eq!(distinct.len(), ranks.len());
            let of = |id: &GatewayId| candidates.iter().find(|c| c.id == *id).unwrap();
            if world.mode == RouteMode::Pinned || live == 0 {
                prop_assert_eq!(ranks.len(), world.redundancy.min(candidates.len()));
                continue;
            }
            prop_assert_eq!(ranks.len(), world.redundancy.min(live));
            prop_assert!(ranks.iter().all(|id| of(id).live));
            // Nothing that is left would fail with less of what stands before it.
            for at in 1..ranks.len() {
                let before: Vec<_> = ranks[..at].iter().map(of).collect();
                let left = candidates.iter().filter(|c| c.live && !ranks[..at].contains(&c.id));
                let best = left.map(|c| shared(c, &before)).min().unwrap();
                prop_assert_eq!(shared(of(&ranks[at]), &before), best);
            }
        }
    }

    #[test]
    fn i14_no_balanced_gateway_has_more_than_its_bound_unless_none_has_room(
        world in world([RouteMode::Balanced]),
        dead in prop::collection::vec(0usize..7, 0..4),
    ) {
        let live: Vec<_> = world.candidates(&dead).into_iter().filter(|c| c.live).collect();
        prop_assume!(!live.is_empty());
        let bounds = bounds(&live, world.clients);
        let load = world.place(&dead, None, seconds(0)).load();
        let room = bounds.values().sum::<usize>() >= world.clients;
        for (gateway, load) in load {
            prop_assert!(!room || load <= bounds[&gateway], "{} > {}", load, bounds[&gateway]);
        }
    }

    #[test]
    fn i15_when_a_gateway_dies_only_its_own_clients_move(world in world(ALL), dies in any::<prop::sample::Index>()) {
        let dies = dies.index(world.gateways.len());
        let before = world.place(&[], None, seconds(0));
        let after = world.place(&[dies], Some(&before), seconds(10));
        for (was, is) in world.ranks(&before).iter().zip(world.ranks(&after)) {
            if was[0] != id(dies) || world.gateways.len() == 1 || world.mode == RouteMode::Pinned {
                prop_assert_eq!(was[0], is[0]);
            } else if was.len() > 1 {
                // Where its clients have gone by themselves already.
                prop_assert_eq!(was[1], is[0]);
            }
        }
    }

    #[test]
    fn i15_when_a_gateway_comes_at_most_its_share_moves(world in world([RouteMode::Balanced]), after in 0u64..400) {
        let all = world.candidates(&[]);
        let before = world.place_among(&all[1..], None, seconds(0));
        prop_assume!(all.len() > 1);
        let noticed = world.place_among(&all, Some(&before), seconds(1));
        let then = world.place_among(&all, Some(&noticed), seconds(after + 1));
        let (was, is) = (world.ranks(&before), world.ranks(&then));
        let moved = was.iter().zip(&is).filter(|(was, is)| was[0] != is[0]).count();
        prop_assert!(moved <= world.clients.div_ceil(all.len()), "{} of {}", moved, world.clients);
    }

    #[test]
    fn i15_the_same_again_moves_nobody(world in world(ALL), dead in prop::collection::vec(0usize..7, 0..4), after in 0u64..400) {
        let first = world.place(&[], None, seconds(0));
        let second = world.place(&dead, Some(&first), seconds(after));
        prop_assert_eq!(&world.place(&dead, Some(&second), seconds(after)), &second);
    }

    #[test]
    fn i16_without_a_fault_nobody_moves_twice_within_the_hold(
        world in world(ALL),
        moods in prop::collection::vec(prop::collection::vec(0u16..300, 3), 1..12),
    ) {
        let mut world = world;
        let mut roster = world.place(&[], None, seconds(0));
        let mut moves: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        // Each mood lasts for longer than clients are patient.
        for (n, nearest) in (1..).zip(moods.into_iter().flat_map(|mood| std::iter::repeat_n(mood, 3))) {
            world.nearest = nearest;
            let next = world.place(&[], Some(&roster), seconds(n * 45));
            for (client, (was, is)) in world.ranks(&roster).iter().zip(world.ranks(&next)).enumerate() {
                if was[0] != is[0] {
                    moves.entry(client).or_default().push(n * 45);
                }
            }
            roster = next;
        }
        for times in moves.values() {
            prop_assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= HOLD.as_secs()), "{:?}", times);
        }
    }

    #[test]
    fn i16_when_all_die_nothing_changes(world in world(ALL)) {
        let before = world.place(&[], None, seconds(0));
        let all: Vec<usize> = (0..world.gateways.len()).collect();
        let after = world.place(&all, Some(&before), seconds(600));
        prop_assert_eq!(world.ranks(&before), world.ranks(&after));
    }

    #[test]
    fn who_is_near_another_region_for_a_while_goes_there(world in world([RouteMode::Nearest])) {
        let mut roster = world.place(&[], None, seconds(0));
        for n in 1..100 {
            roster = world.place(&[], Some(&roster), seconds(n * 61));
        }
        let candidates = world.candidates(&[]);
        let latency = |client: &PeerId, id: GatewayId| {
            let at = candidates.iter().find(|c| c.id == id).unwrap().region;
            world.nearest[(usize::from(client.to_bytes()[1]) + usize::from(at.to_bytes()[0])) % 3]
        };
        prop_assume!(candidates.iter().all(|c| c.capacity.is_none()));
        for (client, ranks) in clients(world.clients).iter().zip(world.ranks(&roster)) {
            let best = candidates.iter().map(|c| latency(client, c.id)).min().unwrap();
            let own = latency(client, ranks[0]);
            prop_assert!(own - best < 10.max(own.div_ceil(3)), "{} {}", own, best);
        }
    }
}

#[test]
fn the_primary_comes_back_once_the_hold_is_over() {
    let world = World {
        gateways: vec![(0, None, None), (1, None, None)],
        clients: 3,
        mode: RouteMode::Primary,
        redundancy: 2,
        nearest: vec![0; 3],
    };
    let first = world.place(&[], None, seconds(0));
    let failed = world.place(&[0], Some(&first), seconds(5));
    assert_eq!(world.ranks(&failed)[0], [id(1)]);
    let back = world.place(&[], Some(&failed), seconds(60));
    assert_eq!(world.ranks(&back)[0], [id(1), id(0)], "ready again, and not used at once");
    let later = world.place(&[], Some(&back), seconds(305));
    assert_eq!(world.ranks(&later)[0], [id(0), id(1)]);
}

#[test]
fn who_has_too_many_clients_sheds_its_excess_in_small_parts() {
    let world = World {
        gateways: vec![(0, None, None), (1, None, None)],
        clients: 40,
        mode: RouteMode::Balanced,
        redundancy: 1,
        nearest: vec![0; 3],
    };
    let alone = world.place(&[1], None, seconds(0));
    assert_eq!(alone.load()[&id(0)], 40);
    let noticed = world.place(&[], Some(&alone), seconds(10));
    assert_eq!(noticed.load()[&id(0)], 40, "it may be over in a moment");
    let shed = world.place(&[], Some(&noticed), seconds(71));
    assert_eq!(shed.load().values().copied().collect::<Vec<_>>(), [25, 15], "a quarter above 20 may stay");
}

#[test]
fn nobody_is_placed_where_they_would_soon_leave() {
    // 160 and 248 ms are of one class, and yet the one is clearly nearer.
    let world = World {
        gateways: vec![(0, None, None), (1, None, None), (0, None, None)],
        clients: 4,
        mode: RouteMode::Nearest,
        redundancy: 1,
        nearest: vec![0, 248, 160],
    };
    let first = world.place(&[], None, seconds(0));
    let second = world.place(&[0], Some(&first), seconds(0));
    assert_eq!(world.place(&[0], Some(&second), seconds(0)), second);
    assert_eq!(world.ranks(&world.place(&[0], Some(&second), seconds(61))), world.ranks(&second));
}

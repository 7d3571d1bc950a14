//! Properties of maps on the wire and of differences between them: nothing is lost, and nothing else is accepted.
#![expect(clippy::unwrap_used, reason = "tests panic")]

use std::sync::LazyLock;
use std::time::Duration;

use nanami_model::{
    AcceptRule, Cidr, Digest, Epoch, Facet, Filter, ForwardRule, Generation, MapMismatch, Neighbor, NetworkMap, PeerId,
    PolicyId, PrivateKey, PublicKey, Service, Services, Standby,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

/// Few of everything, so that two maps share some.
const KEYS: usize = 10;
static PUBLIC: LazyLock<Vec<PublicKey>> =
    LazyLock::new(|| (0..KEYS).map(|n| PrivateKey::from_bytes([n as u8 + 1; 32]).public()).collect());

fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

/// A prefix that belongs to neighbor `n` alone, so that no two neighbors own one.
fn own(n: usize, which: usize) -> Cidr {
    cidr(&match which {
        0 => format!("10.42.0.{n}/32"),
        1 => format!("fd42::{n:x}/128"),
        2 => format!("10.{n}.0.0/16"),
        3 => format!("10.42.1.{n}/32"),
        _ => format!("fd60:{n:x}::/32"),
    })
}

fn any_prefix() -> impl Strategy<Value = Cidr> {
    prop_oneof![
        (0..KEYS, 0usize..5).prop_map(|(n, which)| own(n, which)),
        Just(Cidr::ALL_V4),
        Just(Cidr::ALL_V6),
        (0u8..=32).prop_map(|length| cidr(&format!("{}/{length}", std::net::Ipv4Addr::from(masked(length))))),
    ]
}

fn masked(length: u8) -> u32 {
    0xcb00_71f3 & u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

fn services() -> impl Strategy<Value = Services> {
    let service = prop_oneof![Just("any"), Just("icmp"), Just("tcp/443"), Just("udp/8000-8010"), Just("tcp/1-65535")];
    vec(service.prop_map(|text| text.parse::<Service>().unwrap()), 1..3).prop_map(|all| Services::new(all).unwrap())
}

fn policy() -> impl Strategy<Value = Option<PolicyId>> {
    proptest::option::of((0u8..3).prop_map(|n| PolicyId::from_bytes([n; 10])))
}

fn neighbor(n: usize) -> impl Strategy<Value = Neighbor> {
    let name = prop_oneof![Just(format!("peer-{n}")), "[a-z][a-z0-9]{0,20}"];
    let standbys = vec((any_prefix(), any::<u8>()).prop_map(|(prefix, rank)| Standby { prefix, rank }), 0..3);
    let identity = proptest::option::of((any::<[u8; 10]>(), name));
    let keepalive = proptest::option::of(1u64..70_000);
    (btree_set(0usize..5, 0..4), identity, standbys, vec(any_prefix(), 0..3), keepalive).prop_map(
        move |(owned, identity, standbys, accepted, keepalive)| {
            let mut neighbor = Neighbor::new(PUBLIC[n], owned.into_iter().map(|which| own(n, which)))
                .with_standbys(standbys)
                .with_accepted(accepted);
            if let Some((id, name)) = identity {
                neighbor = neighbor.with_identity(PeerId::from_bytes(id), name.parse().unwrap());
            }
            keepalive.map(Duration::from_secs).into_iter().fold(neighbor, Neighbor::with_keepalive)
        },
    )
}

fn neighbors() -> impl Strategy<Value = Vec<Neighbor>> {
    btree_set(0..KEYS, 0..KEYS).prop_flat_map(|all| all.into_iter().map(neighbor).collect::<Vec<_>>())
}

fn map() -> impl Strategy<Value = NetworkMap> {
    let accept =
        (any_prefix(), services(), policy()).prop_map(|(from, services, policy)| AcceptRule { from, services, policy });
    let forward = (any_prefix(), any_prefix(), services(), policy())
        .prop_map(|(from, to, services, policy)| ForwardRule { from, to, services, policy });
    let address =
        prop_oneof![(0u8..9).prop_map(|n| format!("10.42.0.{n}")), (0u8..9).prop_map(|n| format!("fd42::{n}"))];
    let addresses = vec(address.prop_map(|text| text.parse::<std::net::IpAddr>().unwrap()), 0..4);
    let lists = (vec(accept, 0..12), vec(forward, 0..6), vec(any_prefix(), 0..5), vec(any_prefix(), 0..4));
    (addresses, neighbors(), lists, any::<(u32, u64)>()).prop_map(
        |(addresses, neighbors, (accept, forward, routes, masquerade), (epoch, generation))| {
            NetworkMap::new(addresses)
                .with_generation(Epoch::new(epoch), Generation::new(generation))
                .with_neighbors(neighbors)
                .with_filter(accept.into_iter().collect::<Filter>())
                .with_forwards(forward)
                .with_routes(routes)
                .with_masquerade(masquerade)
        },
    )
}

/// Whatever the bytes were, what reads is a map that can be written and read again.
fn refused_or_sound(bytes: &[u8], held: &NetworkMap) {
    let Ok(map) = NetworkMap::decode(bytes) else { return };
    assert_eq!(NetworkMap::decode(&map.encode()).as_ref(), Ok(&map));
    if let Ok(patched) = held.patched(&map) {
        assert!(patched.base().is_none());
        assert_eq!(NetworkMap::decode(&patched.encode()).as_ref(), Ok(&patched));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_map_reads_as_it_was_written(map in map()) {
        prop_assert_eq!(NetworkMap::decode(&map.encode()), Ok(map));
    }

    #[test]
    fn a_difference_leads_from_the_old_map_to_the_new_one(old in map(), new in map()) {
        let delta = old.delta_to(&new);
        prop_assert_eq!(delta.base(), Some(old.generation()));
        let read = NetworkMap::decode(&delta.encode());
        prop_assert_eq!(read.as_ref(), Ok(&delta));
        let patched = old.patched(&delta).unwrap();
        prop_assert_eq!(&patched, &new);
        // The digests that were carried along are those that hashing everything gives.
        let hashed = NetworkMap::decode(&new.encode()).unwrap().digests();
        prop_assert_eq!(patched.digests(), hashed);
        prop_assert_eq!(NetworkMap::decode(&new.encode()).unwrap().hashed_from(&old).digests(), hashed);
        prop_assert_eq!(old.patched(&new), Ok(new));
    }

    #[test]
    fn a_difference_to_another_map_is_refused(old in map(), new in map(), other in map()) {
        let delta = old.delta_to(&new);
        let elsewhere = old.clone().with_generation(old.epoch(), Generation::new(old.generation().value() ^ 1));
        let refused = elsewhere.patched(&delta).unwrap_err();
        prop_assert!(matches!(refused, MapMismatch::Base { .. }), "{}", refused);
        let same_place = other.with_generation(old.epoch(), old.generation());
        match same_place.patched(&delta) {
            // Where the maps differ, the difference replaces everything.
            Ok(patched) => prop_assert_eq!(patched.content(), new.content()),
            Err(refused) => prop_assert_eq!(refused, MapMismatch::Content),
        }
        prop_assert_eq!(delta.patched(&delta), Err(MapMismatch::NotComplete));
    }

    #[test]
    fn a_digest_is_a_sum_of_its_entries_in_any_order(old in map(), new in map()) {
        for facet in Facet::ALL {
            let hashes = |map: &NetworkMap| map.entries(facet).map(|entry| entry.digest()).collect::<Vec<_>>();
            let backwards = hashes(&new).into_iter().rev().fold(Digest::EMPTY, Digest::with);
            prop_assert_eq!(backwards, new.digest(facet));
            let moved = hashes(&new).into_iter().fold(old.digest(facet), Digest::with);
            let moved = hashes(&old).into_iter().fold(moved, Digest::without);
            prop_assert_eq!(moved, new.digest(facet));
        }
    }

    #[test]
    fn other_entries_have_another_digest(one in map(), other in map()) {
        for facet in Facet::ALL {
            let all = |map: &NetworkMap| map.entries(facet).map(|entry| format!("{entry:?}")).collect::<Vec<_>>();
            if !matches!(facet, Facet::Neighbors | Facet::Cryptokey) {
                prop_assert_eq!(all(&one) == all(&other), one.digest(facet) == other.digest(facet));
            }
        }
        let neutral = |map: &NetworkMap| map.clone().with_generation(Epoch::ZERO, Generation::ZERO);
        prop_assert_eq!(neutral(&one) == neutral(&other), one.content() == other.content());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn every_cut_and_every_flipped_bit_is_refused_or_a_sound_map(old in map(), new in map()) {
        for bytes in [new.encode(), old.delta_to(&new).encode()] {
            for end in 0..bytes.len() {
                refused_or_sound(&bytes[..end], &old);
            }
            for at in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[at / 8] ^= 1 << (at % 8);
                refused_or_sound(&flipped, &old);
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..200), old in map()) {
        refused_or_sound(&bytes, &old);
        refused_or_sound(&[&[2], &bytes[..]].concat(), &old);
    }

    #[test]
    fn no_section_panics(sections in btree_map(1u8..16, vec(any::<u8>(), 0..60), 0..6), old in map()) {
        let section = |(tag, bytes): (u8, Vec<u8>)| [&[tag, bytes.len() as u8], &bytes[..]].concat();
        let bytes: Vec<u8> = std::iter::once(2).chain(sections.into_iter().flat_map(section)).collect();
        refused_or_sound(&bytes, &old);
    }
}

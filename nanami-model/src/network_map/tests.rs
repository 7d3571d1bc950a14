use std::time::Duration;

use super::*;
use crate::{MessageError, Name, PeerId, PolicyId, PrivateKey, Revision, Service, Services};

fn map() -> NetworkMap {
    let key = |n: u8| PrivateKey::from_bytes([n; 32]).public();
    let cidr = |text: &str| text.parse::<Cidr>().unwrap();
    let (workspace, name): (Name, Name) = ("acme".parse().unwrap(), "us-east".parse().unwrap());
    let peer = PeerId::derive(&workspace, &name, Revision::new(1));
    let policy = Some(PolicyId::derive(&workspace, &name, Revision::new(1)));
    let services = Services::from(Service::tcp(443));
    NetworkMap::new(["10.43.0.1".parse().unwrap(), "fd43::1".parse().unwrap()])
        .with_generation(Epoch::new(2), Generation::new(41))
        .with_neighbor(
            Neighbor::new(key(1), [cidr("10.60.0.0/16"), cidr("10.42.0.2/32")])
                .with_identity(peer, name)
                .with_keepalive(Duration::from_secs(25)),
        )
        .with_neighbor(
            Neighbor::new(key(2), [cidr("10.42.0.3/32")])
                .with_standby(cidr("10.60.0.0/16"), 1)
                .with_accepted([cidr("10.61.0.0/16")]),
        )
        .with_filter(Filter::deny_all().accept(cidr("10.42.0.0/16"), Service::ICMP))
        .with_forward(ForwardRule { from: cidr("10.43.0.1/32"), to: cidr("10.60.0.0/16"), services, policy })
        .with_masquerade([cidr("10.60.0.0/16")])
        .with_routes([cidr("10.60.0.0/16")])
}

#[test]
fn bytes_round_trip() {
    assert_eq!(NetworkMap::decode(&map().encode()), Ok(map()));
}

#[test]
fn every_cut_is_refused_or_read_without_a_panic() {
    let bytes = map().encode();
    for end in 0..bytes.len() {
        let _may_fail = NetworkMap::decode(&bytes[..end]);
    }
    for at in 0..bytes.len() {
        for flip in [1, 0x80] {
            let mut bytes = bytes.clone();
            bytes[at] ^= flip;
            let _may_fail = NetworkMap::decode(&bytes);
        }
    }
}

#[test]
fn unknown_tags_are_skipped_and_unknown_versions_refused() {
    let mut bytes = map().encode();
    bytes.extend([200, 2, 1, 2]);
    assert_eq!(NetworkMap::decode(&bytes), Ok(map()));
    bytes[0] = 9;
    assert_eq!(NetworkMap::decode(&bytes), Err(MessageError::Version { found: 9 }));
}

#[test]
fn a_length_that_promises_much_allocates_nothing() {
    let first = [1, 5, 0xff, 0xff, 0xff, 0xff];
    let section = [2, 4, 0xff, 0xff, 0xff, 0x7f];
    let keys = [2, 4, 5, 0xff, 0xff, 0xff, 0xff, 0x7f];
    // Two routes: one of IPv4's hosts, in a run of 2^30.
    let run = [2, 7, 9, 1, 32, 3, 0, 0x80, 0x80, 0x80, 0x80, 4];
    for bytes in [&first[..], &section, &keys, &run] {
        assert_eq!(NetworkMap::decode(bytes).unwrap_err().code(), "message.malformed", "{bytes:?}");
    }
}

#[test]
fn two_owners_of_one_prefix_are_refused() {
    let key = |n: u8| PrivateKey::from_bytes([n; 32]).public();
    let prefix: Cidr = "10.60.0.0/16".parse().unwrap();
    let both = NetworkMap::new([])
        .with_neighbor(Neighbor::new(key(1), [prefix]))
        .with_neighbor(Neighbor::new(key(2), [prefix]));
    assert_eq!(NetworkMap::decode(&both.encode()).unwrap_err().code(), "message.malformed");
}

#[test]
fn a_digest_sees_its_own_facet_and_no_other() {
    let before = map().digests();
    let filter = map().with_filter(Filter::deny_all()).digests();
    let generation = map().with_generation(Epoch::new(9), Generation::new(9)).digests();
    assert_eq!(before, generation);
    for (i, facet) in Facet::ALL.into_iter().enumerate() {
        assert_eq!(before[i] == filter[i], facet != Facet::Filter, "{facet}");
    }
}

/// How answers come back is not what is forwarded: nor is a masqueraded range a rule to that range.
#[test]
fn another_way_back_is_another_forward_facet_and_nothing_else() {
    let back = |ranges: &[&str]| map().with_masquerade(ranges.iter().map(|range| range.parse().unwrap()));
    let (before, after) = (back(&["10.60.0.0/16"]).digests(), back(&[]).digests());
    for (i, facet) in Facet::ALL.into_iter().enumerate() {
        assert_eq!(before[i] == after[i], facet != Facet::Forward, "{facet}");
    }
    let rule = map().forward()[0].clone();
    let masqueraded = MapEntry::Masquerade(rule.to).digest();
    assert_ne!(masqueraded, MapEntry::Forward(&rule).digest());
    assert_ne!(masqueraded, MapEntry::Route(rule.to).digest());
    let delta = back(&["10.60.0.0/16"]).delta_to(&back(&["10.61.0.0/16"]));
    assert!(delta.forward().is_empty(), "no rule is said again");
    assert_eq!(back(&["10.60.0.0/16"]).patched(&delta), Ok(back(&["10.61.0.0/16"])));
}

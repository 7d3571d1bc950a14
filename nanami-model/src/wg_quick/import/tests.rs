use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::{AllowedIps, Cidr, Entity as _, PeerId, PrivateKey, PublicKey, name};

fn key(n: usize) -> PrivateKey {
    PrivateKey::from_bytes([n as u8 + 1; 32])
}

/// Made once: a build without optimisation takes milliseconds for each.
fn public(n: usize) -> PublicKey {
    static PUBLIC: LazyLock<Vec<PublicKey>> = LazyLock::new(|| (0..8).map(|n| key(n).public()).collect());
    PUBLIC[n]
}

/// A folder as numbers: for each device, what it sends to which.
type Topology = Vec<Vec<Option<AllowedIps>>>;

fn address(n: usize) -> IpAddr {
    IpAddr::from([10, 0, 0, n as u8 + 1])
}

fn files(topology: &Topology) -> Vec<(Name, WgQuick)> {
    let file = |at: usize, peers: &[Option<AllowedIps>]| {
        let (own, private) = (address(at), key(at).expose_text());
        let mut text = format!("[Interface]\nPrivateKey = {private}\nAddress = {own}/24\n");
        for (to, ranges) in peers.iter().enumerate().filter(|(to, _)| *to != at) {
            let Some(ranges) = ranges else { continue };
            write!(text, "[Peer]\nPublicKey = {}\nAllowedIPs = {ranges}\n", public(to)).unwrap();
        }
        (format!("d{at}").parse().unwrap(), text.parse().unwrap())
    };
    topology.iter().enumerate().map(|(at, peers)| file(at, peers)).collect()
}

/// Whether a packet arrives, step by step, as WireGuard forwards and checks it; `Some(hops)` in between.
fn arrives(topology: &Topology, from: usize, to: usize) -> Option<usize> {
    let owner = |at: usize, address: IpAddr| {
        let matches = topology[at].iter().enumerate().filter(|(peer, _)| *peer != at);
        let lengths =
            matches.filter_map(|(peer, ranges)| Some((ranges.as_ref()?.longest_match(address)?.length(), peer)));
        lengths.max_by_key(|(length, _)| *length).map(|(_, peer)| peer)
    };
    let mut at = from;
    for hops in 0..3 {
        let next = owner(at, address(to))?;
        if owner(next, address(from)) != Some(at) {
            return None;
        }
        if next == to {
            return Some(hops);
        }
        at = next;
    }
    None
}

/// Ranges that belong to one peer each, as WireGuard has it.
fn topologies() -> impl Strategy<Value = Topology> {
    let range = prop_oneof![
        4 => (0usize..5).prop_map(|n| Cidr::host(address(n))),
        2 => Just("10.0.0.0/24".parse().unwrap()),
        1 => Just("10.0.0.0/30".parse().unwrap()),
        1 => Just("0.0.0.0/0".parse().unwrap()),
        1 => Just("192.168.7.0/24".parse().unwrap()),
    ];
    let device = prop::collection::vec((range, 0usize..5), 0..9);
    let apart = |pairs: Vec<(Cidr, usize)>| {
        let mut taken = BTreeSet::new();
        let mut peers = vec![None; 5];
        for (range, to) in pairs {
            let own: Vec<Cidr> = peers[to].iter().flat_map(AllowedIps::iter).collect();
            let more = taken.insert(range).then_some(range);
            peers[to] = Some(own.into_iter().chain(more).collect());
        }
        peers
    };
    prop::collection::vec(device.prop_map(apart), 5)
}

proptest! {
    // Each case makes a dozen key pairs, see `public`.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn pairs_are_allowed_exactly_if_packets_arrive_in_both_directions(topology in topologies()) {
        let imported = import(name!("office"), User::new(name!("me")), &files(&topology)).unwrap();
        let intent = imported.intent();
        let id = |at: usize| intent.id::<PeerId>(&format!("d{at}")).unwrap();
        for a in 0..5 {
            for b in (0..5).filter(|b| *b != a) {
                let speaks = |hops| arrives(&topology, a, b) == Some(hops) && arrives(&topology, b, a) == Some(hops);
                let about = |via: usize| intent.policies().any(|(_, policy)| {
                    policy.via().len() == via && intent.is_member(id(a), policy.from()) && intent.is_member(id(b), policy.to())
                        || policy.via().len() == via && intent.is_member(id(b), policy.from()) && intent.is_member(id(a), policy.to())
                });
                prop_assert_eq!(speaks(0), about(0), "directly between {} and {}\n{}", a, b, imported);
                prop_assert_eq!(speaks(1) && arrives_by_one(&topology, a, b), about(1), "through one between {} and {}\n{}", a, b, imported);
            }
        }
        for (at, (_, config)) in files(&topology).iter().enumerate() {
            let peer = intent.get(id(at)).unwrap();
            prop_assert_eq!(peer.key(), Some(public(at)));
            prop_assert_eq!(peer.addresses(), [config.interface().addresses()[0].address()]);
        }
    }

    #[test]
    fn any_folder_that_reads_becomes_a_workspace(
        devices in prop::collection::vec(("10\\.[01]\\.0\\.[0-4]/(8|24|30|31|32)|fd0[01]::[0-3]/(64|126|128)", prop::collection::vec((0usize..6, "(10|11)\\.[01]\\.0\\.[0-4]/32|10\\.0\\.0\\.0/(8|30|9)|::/0|::/1|8000::/1|fd00::/(8|64)|fd00::[0-3]/128"), 0..5)), 0..6),
        keyless: bool,
    ) {
        let mut files = Vec::new();
        for (at, (own, peers)) in devices.iter().enumerate() {
            let mut text = format!("[Interface]\nAddress = {own}\n");
            if !keyless || at % 2 == 0 {
                writeln!(text, "PrivateKey = {}", key(at / 2).expose_text()).unwrap();
            }
            for (to, range) in peers {
                write!(text, "[Peer]\nPublicKey = {}\nAllowedIPs = {range}\n", public(*to)).unwrap();
            }
            if let Ok(config) = text.parse() {
                files.push((name!("device"), config));
            }
        }
        let imported = import(name!("office"), User::new(name!("me")), &files).unwrap();
        prop_assert!(imported.intent().peers().all(|(_, peer)| !peer.name().as_str().is_empty()));
        prop_assert!(!imported.to_string().is_empty());
    }
}

/// Whether both directions go through the same device in the middle.
fn arrives_by_one(topology: &Topology, a: usize, b: usize) -> bool {
    let next = |from: usize, to: usize| {
        let ranges = |peer: &usize| topology[from][*peer].as_ref().and_then(|ranges| ranges.longest_match(address(to)));
        (0..5)
            .filter(|peer| *peer != from && ranges(peer).is_some())
            .max_by_key(|peer| ranges(peer).map(|r| r.length()))
    };
    next(a, b) == next(b, a)
}

#[test]
fn a_pool_without_room_leaves_a_device_outside() {
    let text = |at: usize, own: &str| {
        format!("[Interface]\nPrivateKey = {}\nAddress = {own}", key(at).expose_text()).parse::<WgQuick>().unwrap()
    };
    let files = [
        (name!("a"), text(0, "10.0.0.1/30")),
        (name!("b"), text(1, "10.0.0.2/30")),
        (name!("c"), text(2, "10.0.0.3/30")),
    ];
    let imported = import(name!("office"), User::new(name!("me")), &files).unwrap();
    let c = imported.intent().id::<PeerId>("c").unwrap();
    assert!(imported.intent().get(c).unwrap().addresses().is_empty());
    assert_eq!(imported.dropped()[0].what, "address 10.0.0.3 of c");
    assert!(imported.guesses().iter().any(|guess| guess.what == "c is in no network"));
}

#[test]
fn a_pair_that_goes_through_two_devices_is_named_in_the_report() {
    // a - b - c - d, each with tunnels to the next ones alone.
    let device = |at: usize, peers: &[(usize, &str)]| {
        let mut text = format!("[Interface]\nPrivateKey = {}\nAddress = 10.0.0.{}/24\n", key(at).expose_text(), at + 1);
        for (to, ranges) in peers {
            write!(text, "[Peer]\nPublicKey = {}\nAllowedIPs = {ranges}\n", public(*to)).unwrap();
        }
        text.parse::<WgQuick>().unwrap()
    };
    let files = [
        (name!("a"), device(0, &[(1, "10.0.0.0/24")])),
        (name!("b"), device(1, &[(0, "10.0.0.1/32"), (2, "10.0.0.3/32, 10.0.0.4/32")])),
        (name!("c"), device(2, &[(1, "10.0.0.1/32, 10.0.0.2/32"), (3, "10.0.0.4/32")])),
        (name!("d"), device(3, &[(2, "10.0.0.0/24")])),
    ];
    let imported = import(name!("office"), User::new(name!("me")), &files).unwrap();
    let between: Vec<_> = imported.dropped().iter().filter(|dropped| dropped.what.contains(" between ")).collect();
    assert_eq!(between.len(), 1, "{imported}");
    assert_eq!(between[0].what, "what goes between a and d through b and c");
    assert_eq!((between[0].source.file.as_str(), between[0].source.line), ("a", 4));
}

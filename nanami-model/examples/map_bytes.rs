//! Prints how many bytes maps, differences and reconnects take on the wire (PLANNING.md P7 to P9), each with the message
//! around it: `cargo run --release -p nanami-model --example map_bytes`.
//!
//! The map is that of one peer of workload W1: everybody sees everybody by one policy, two neighboring groups once more by
//! another one, with one port denied; twenty routes. Keys and ids are as random as real ones.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "an example that measures and prints"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use nanami_model::message::{HeldMap, ToControl, ToPeer};
use nanami_model::{
    AcceptRule, Cidr, Epoch, Filter, Generation, Neighbor, NetworkMap, ParseServiceError, PeerId, PolicyId, PublicKey,
    Service, Services, name,
};

/// What a workspace's machines are like.
#[derive(Clone, Copy)]
struct Shape {
    label: &'static str,
    names: fn(u32) -> String,
    dual_stack: bool,
}

const SHAPES: [Shape; 4] = [
    Shape { label: "numbered names, IPv4 (W1)", names: |i| format!("peer-{i}"), dual_stack: false },
    Shape { label: "numbered names, both families", names: |i| format!("peer-{i}"), dual_stack: true },
    Shape { label: "names that people give, IPv4", names: given, dual_stack: false },
    Shape { label: "names that people give, both families", names: given, dual_stack: true },
];

fn main() -> Result<(), ParseServiceError> {
    println!("{:<38} {:>7} {:>10} {:>9} {:>10}", "one peer's map", "peers", "cold, B", "B/peer", "join, B");
    for shape in SHAPES {
        for peers in [1_000, 10_000, 90_000] {
            let before = map(shape, peers, 1)?;
            let after = map(shape, peers + 1, 2)?;
            let cold = bytes(&before);
            let join = bytes(&before.delta_to(&after));
            let each = cold as f64 / before.neighbors().len() as f64;
            println!("{:<38} {peers:>7} {cold:>10} {each:>9.2} {join:>10}", shape.label);
        }
    }
    let map = map(SHAPES[0], 10_000, 1)?;
    let hello = ToControl::Hello { join: None, held: Some(HeldMap::of(&map)) }.encode().len();
    let report_every = std::time::Duration::from_secs(15);
    let welcome = ToPeer::Welcome { peer: PeerId::from_bytes([1; 10]), name: name!("peer-0"), report_every };
    println!(
        "\nreconnect with nothing changed: {} B ({hello} out, {} in)",
        hello + welcome.encode().len(),
        welcome.encode().len()
    );
    times(&map)
}

/// Milliseconds of one run each; no benchmark, only an order of magnitude.
fn times(map: &NetworkMap) -> Result<(), ParseServiceError> {
    let newer = self::map(SHAPES[0], 10_001, 2)?;
    let timed = |what: &str, run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        println!("{what:<38} {:>9.3} ms", start.elapsed().as_secs_f64() * 1e3);
    };
    println!();
    let (mut encoded, mut delta) = (Vec::new(), NetworkMap::default());
    timed("encode a map of 10,000 neighbors", &mut || encoded = map.encode());
    timed("decode it", &mut || drop(NetworkMap::decode(&encoded)));
    timed("its digests, from nothing", &mut || {
        map.clone().with_routes([]).digests();
    });
    timed("the difference of one join", &mut || delta = map.delta_to(&newer));
    timed("patch it in", &mut || drop(map.patched(&delta)));
    Ok(())
}

fn bytes(map: &NetworkMap) -> usize {
    ToPeer::Map(Box::new(map.clone())).encode().len()
}

fn map(shape: Shape, peers: u32, generation: u64) -> Result<NetworkMap, ParseServiceError> {
    let v4 = |i: u32| IpAddr::from(Ipv4Addr::from(0x0a40_0001 + i));
    let v6 = |i: u32| IpAddr::from(Ipv6Addr::from(0xfd42_u128 << 112 | u128::from(i + 1)));
    let addresses = move |i: u32| [Some(v4(i)), shape.dual_stack.then(|| v6(i))].into_iter().flatten();
    let neighbor = |i: u32| {
        let name = (shape.names)(i).parse().expect("these are names");
        let routed =
            (i % 450 == 7 && i < 9_000).then(|| cidr(Ipv4Addr::new(172, 16 + (i / 450) as u8 % 16, i as u8, 0), 24));
        let own = addresses(i).map(Cidr::host).chain(routed);
        Neighbor::new(key(i), own).with_identity(PeerId::from_bytes(random(b"peer", i)), name)
    };
    let policy = |n: u32| Some(PolicyId::from_bytes(random(b"policy", n)));
    let (any, web) = (Services::from(Service::ANY), Services::from(Service::tcp(8080)));
    let but_database = ["tcp/1-5431", "tcp/5433-65535", "udp/1-65535", "icmp"].map(str::parse::<Service>);
    let but_database = but_database.into_iter().collect::<Result<Vec<_>, _>>()?;
    let but_database = Services::new(but_database).expect("four services are some");
    let hosts = |range: std::ops::Range<u32>| range.flat_map(addresses).map(Cidr::host);
    let rule = |services: &Services, n| {
        let (services, policy) = (services.clone(), policy(n));
        move |from| AcceptRule { from, services: services.clone(), policy }
    };
    let filter: Filter = hosts(1..50)
        .chain(hosts(100..peers))
        .map(rule(&any, 0))
        .chain(hosts(50..100).map(rule(&but_database, 0)))
        .chain(hosts(50..100).map(rule(&web, 1)))
        .collect();
    Ok(NetworkMap::new(addresses(0))
        .with_generation(Epoch::new(1), Generation::new(generation + 1000))
        .with_neighbors((1..peers).map(neighbor))
        .with_filter(filter)
        .with_routes((0..20).map(|r| cidr(Ipv4Addr::new(172, 16, r * 10, 0), 24))))
}

fn cidr(address: Ipv4Addr, length: u8) -> Cidr {
    Cidr::new(address.into(), length).expect("these have no host bits")
}

fn key(i: u32) -> PublicKey {
    PublicKey::from_bytes(random(b"key", i)).expect("a hash is no point of low order")
}

fn random<const N: usize>(what: &[u8], i: u32) -> [u8; N] {
    let hash = blake3::keyed_hash(&[7; 32], &[what, &i.to_le_bytes()].concat());
    *hash.as_bytes().first_chunk().expect("a hash has 32 bytes")
}

/// A place, a duty and a word, as people name machines.
fn given(i: u32) -> String {
    const PLACES: [&str; 8] = ["berlin", "paris", "osaka", "quito", "lagos", "pune", "oslo", "lima"];
    const DUTIES: [&str; 8] = ["web", "db", "cache", "build", "laptop", "edge", "mail", "batch"];
    let hash: [u8; 6] = random(b"name", i);
    let word: String = hash[2..].iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    format!("{}-{}-{word}{}", PLACES[usize::from(hash[0]) % 8], DUTIES[usize::from(hash[1]) % 8], i % 10)
}

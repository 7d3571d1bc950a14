//! What a peer that was configured and never spoke costs, in bytes: `cargo bench -p nanami-tunnel --bench memory`.
//!
//! Counted is what is allocated after each step, and the most that was allocated while it ran; the resident memory of a
//! process, with its allocator's rounding and holes, is what `.ci/bench/tunnel.py peers` measures.
#![allow(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]

#[path = "../tests/common/counting.rs"]
mod counting;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use counting::{Counting, bytes, peak};
use nanami_model::{Cidr, Generation, PrivateKey, PublicKey};
use nanami_tunnel::engine::Engine;
use nanami_tunnel::uapi::{AllowedIpChange, Changes, Config, PeerChange};

#[global_allocator]
static COUNTING: Counting = Counting;

fn main() {
    println!("{:>8}  {:<34} {:>10} {:>10}", "peers", "bytes for each peer, after", "kept", "at most");
    for peers in [10_000, 100_000] {
        measure(peers);
    }
}

fn measure(peers: usize) {
    let keys: Vec<_> = (0..peers).map(key).collect();
    let (before, now) = (bytes(), Instant::now());
    let report = |step: &str| {
        let [kept, most] = [bytes(), peak()].map(|bytes| (bytes - before) / peers as i64);
        println!("{peers:>8}  {step:<34} {kept:>10} {most:>10}");
    };
    let changes = request(&keys);
    report("reading the request");
    let mut config = Config::default();
    let applied = config.apply(changes);
    report("applying it to the configuration");
    let map = config.to_map(Generation::default().next());
    report("making the map");
    let (mut control, _outbound, _inbound) =
        Engine::new(now, PrivateKey::from_bytes([1; 32]), [1; 32]).without_filter().split();
    control.apply(now, &map).unwrap();
    report("applying it to the engine");
    for (key, endpoint) in &applied.endpoints {
        control.handle_endpoint(now, *key, *endpoint);
    }
    report("setting the endpoints");
    drop((map, applied));
    report("all of it");
    drop((control, _outbound, _inbound));
    report("all of it but the engine");
}

/// Not a point of the curve, but as good as one for everything but a handshake.
fn key(n: usize) -> PublicKey {
    let mut bytes = [9; 32];
    bytes[..8].copy_from_slice(&(n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    PublicKey::from_bytes(bytes).unwrap()
}

/// What `wg setconf` sends: a key, an endpoint and one allowed address for each peer.
fn request(keys: &[PublicKey]) -> Changes {
    let mut changes = Changes::default();
    changes.replace_peers = true;
    for (n, key) in keys.iter().enumerate() {
        let ip = Ipv4Addr::from_bits(0x0a00_0000 + n as u32);
        let mut peer = PeerChange::new(*key);
        peer.endpoint = Some(SocketAddr::from((ip, 51820)));
        peer.allowed_ips.push(AllowedIpChange::Add(Cidr::host(ip.into())));
        changes.peers.push(peer);
    }
    changes
}

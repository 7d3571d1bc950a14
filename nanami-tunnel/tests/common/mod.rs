//! Nodes on loopback: a tunnel, its sockets, and the map between them.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "a part of each test file that uses it")]

pub mod heartbeat;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use nanami_model::{Cidr, Filter, Neighbor, NetworkMap, PrivateKey, PublicKey, Service};
use nanami_tunnel::{Netstack, Tunnel, TunnelOptions};

pub struct Node {
    pub tunnel: Tunnel,
    pub net: Netstack,
}

pub fn private(n: u8) -> PrivateKey {
    PrivateKey::from_bytes([n + 1; 32])
}

pub fn key(n: u8) -> PublicKey {
    private(n).public()
}

pub fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

/// Overlay addresses of node N.
pub fn addresses(n: u8) -> [IpAddr; 2] {
    [format!("10.42.0.{}", n + 1), format!("fd42::{}", n + 1)].map(|ip| ip.parse().unwrap())
}

pub fn map_of(n: u8) -> NetworkMap {
    NetworkMap::new(addresses(n))
}

pub fn neighbor(n: u8) -> Neighbor {
    Neighbor::new(key(n), addresses(n).map(Cidr::host))
}

pub fn web() -> Filter {
    Filter::deny_all().accept(cidr("10.42.0.0/16"), Service::tcp(443)).accept(cidr("fd42::/48"), Service::tcp(443))
}

pub async fn start(n: u8, map: &NetworkMap) -> Node {
    let (net, interface) = Netstack::new();
    let options = TunnelOptions::default().with_listen(SocketAddr::from(([127, 0, 0, 1], 0)));
    let tunnel = Tunnel::start(private(n), interface, map, options).await.unwrap();
    Node { tunnel, net }
}

/// Tells each node where the others are.
pub fn introduce(nodes: &[&Node]) {
    for node in nodes {
        for other in nodes {
            node.tunnel.hints(other.tunnel.public_key(), vec![other.tunnel.local_addr()]);
        }
    }
}

/// Two nodes that know each other; node 1 offers tcp/443.
pub async fn pair() -> (Node, Node) {
    let client = start(0, &map_of(0).with_neighbor(neighbor(1))).await;
    let server = start(1, &map_of(1).with_neighbor(neighbor(0)).with_filter(web())).await;
    introduce(&[&client, &server]);
    (client, server)
}

pub fn at(n: u8, port: u16) -> SocketAddr {
    SocketAddr::new(addresses(n)[0], port)
}

/// Fails instead of hanging. How long something takes is nobody's promise here: on a machine that stalls it is long.
pub async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("this never came")
}

/// Waits until something is so.
pub async fn until(mut is_so: impl FnMut() -> bool) {
    within(async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// The shortest of a few tries at what is promised to be quick. A machine that stalls makes any one of them long, and
/// only what is slow by itself is slow each time. The first that is short enough ends it.
pub async fn shortest_of_ten(short: Duration, mut attempt: impl AsyncFnMut() -> Duration) -> Duration {
    let mut shortest = Duration::MAX;
    for _ in 0..10 {
        shortest = shortest.min(attempt().await);
        if shortest < short {
            break;
        }
    }
    shortest
}

/// What takes so long never comes.
const PATIENCE: Duration = Duration::from_secs(120);

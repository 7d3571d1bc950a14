//! A client, two gateways, a service on the segment behind them: the owner dies, the connection goes on.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use common::*;
use nanami_model::{ForwardRule, Neighbor, NetworkMap, PublicKey, Service, Services};
use nanami_tunnel::{DialError, Event, Segment, SegmentHost, TcpListener, TcpStream, Tunnel, TunnelOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const VPC: &str = "10.60.0.0/16";
const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 60, 0, 10);

struct World {
    client: Node,
    gateways: [Option<Tunnel>; 2],
    service: SegmentHost,
}

/// 0 is the client, 1 the egress owner of the VPC, 2 its standby.
async fn world() -> World {
    let segment = Segment::new();
    let service = segment.host(SERVICE, cidr(VPC));
    let owner = Neighbor::new(key(1), [addresses(1)[0].into(), addresses(1)[1].into(), cidr(VPC)]);
    let standby = neighbor(2).with_standby(cidr(VPC), 1);
    let [owner, standby] = [owner, standby].map(|carrier| carrier.with_keepalive(Duration::from_secs(25)));
    let client = start(0, &map_of(0).with_neighbor(owner).with_neighbor(standby)).await;
    let gateway = async |n: u8| {
        let (_, interface) = segment.gateway(Ipv4Addr::new(10, 60, 0, n), cidr(VPC));
        let options = TunnelOptions::default().with_listen(([127, 0, 0, 1], 0).into());
        Tunnel::start(private(n), interface, &gateway_map(n), options).await.unwrap()
    };
    let gateways = [gateway(1).await, gateway(2).await];
    for (n, gateway) in [(1, &gateways[0]), (2, &gateways[1])] {
        client.tunnel.hints(key(n), vec![gateway.local_addr()]);
        gateway.hints(key(0), vec![client.tunnel.local_addr()]);
    }
    World { client, gateways: gateways.map(Some), service }
}

fn gateway_map(n: u8) -> NetworkMap {
    let (from, to) = (addresses(0)[0].into(), cidr(VPC));
    let rule = ForwardRule { from, to, services: Services::from(Service::tcp(443)), policy: None };
    map_of(n).with_neighbor(neighbor(0)).with_forward(rule)
}

impl World {
    async fn until_both_gateways_answer(&self) {
        until(|| self.client.tunnel.links().iter().all(|link| link.rtt.is_some())).await;
    }

    async fn connect(&self, listener: &mut TcpListener) -> (TcpStream, TcpStream) {
        let (dialed, accepted) =
            within(async { tokio::join!(self.client.net.dial((SERVICE, 443)), listener.accept()) }).await;
        (dialed.unwrap(), accepted.unwrap())
    }

    /// Socket and task of the owner are gone, without a word to anybody.
    fn kill_the_owner(&mut self) {
        self.gateways[0] = None;
    }
}

/// Writes numbered words until it may not any more.
async fn write_on(mut stream: TcpStream) {
    for number in 0u64.. {
        if stream.write_all(&number.to_be_bytes().repeat(512)).await.is_err() {
            return;
        }
    }
}

/// Reads and checks them for so long; returns the longest silence.
async fn read_on(stream: &mut TcpStream, for_how_long: Duration, next: &mut u64) -> Duration {
    let (end, mut longest, mut last) = (Instant::now() + for_how_long, Duration::ZERO, Instant::now());
    let mut block = vec![0; 4096];
    while Instant::now() < end {
        within(stream.read_exact(&mut block)).await.unwrap();
        assert_eq!(block, next.to_be_bytes().repeat(512), "every byte, once, in order");
        *next += 1;
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    longest
}

/// Kills the owner under a transfer in one direction and returns the longest silence of its receiver. `None`: the machine
/// was so slow that the client had left a living owner before.
async fn gap_of(upload: bool) -> Option<Duration> {
    let mut world = world().await;
    let mut events = world.client.tunnel.events();
    world.until_both_gateways_answer().await;
    let mut listener = world.service.listen(443).unwrap();
    let (dialed, accepted) = world.connect(&mut listener).await;
    let (sender, mut receiver) = if upload { (dialed, accepted) } else { (accepted, dialed) };
    let sending = tokio::spawn(write_on(sender));
    let mut next = 0;
    read_on(&mut receiver, Duration::from_millis(300), &mut next).await;
    world.kill_the_owner();
    if !world.client.tunnel.owners().is_empty() {
        sending.abort();
        return None;
    }
    let gap = read_on(&mut receiver, Duration::from_millis(2500), &mut next).await;
    sending.abort();
    let changed = Event::OwnerChanged { prefix: cidr(VPC), from: key(1), to: key(2) };
    within(async { while events.next().await.as_ref() != Some(&changed) {} }).await;
    assert_eq!(world.client.tunnel.owners(), [(cidr(VPC), key(2))]);
    Some(gap)
}

/// The shortest gap of a few: a machine that stalls makes any one of them long.
async fn shortest_gap(upload: bool) -> Duration {
    shortest_of_ten(LONGEST_GAP, async || gap_of(upload).await.unwrap_or(Duration::MAX)).await
}

/// The promise: `quickstart:failover` shows it too.
const LONGEST_GAP: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_goes_on_through_the_standby() {
    let gap = shortest_gap(true).await;
    println!("gap of an upload: {gap:?}");
    assert!(gap < LONGEST_GAP, "{gap:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_goes_on_through_the_standby() {
    let gap = shortest_gap(false).await;
    println!("gap of a download: {gap:?}");
    assert!(gap < LONGEST_GAP, "{gap:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_refuses_what_it_does_not_forward() {
    let world = world().await;
    world.until_both_gateways_answer().await;
    let _listener = world.service.listen(22).unwrap();
    assert_eq!(within(world.client.net.dial((SERVICE, 22))).await.unwrap_err(), DialError::Denied);
    let denied = world.gateways.iter().flatten().map(|gateway| gateway.counters().denied_forward).sum::<u64>();
    // TCP asks again when the machine is slow to say no.
    assert!(denied >= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_standby_takes_nothing_over() {
    let mut world = world().await;
    world.until_both_gateways_answer().await;
    let mut listener = world.service.listen(443).unwrap();
    let (mut one, mut two) = world.connect(&mut listener).await;
    world.gateways[1] = None;
    until_probed_in_vain(&world.client, key(2), 5).await;
    world.kill_the_owner();
    one.write_all(b"lost").await.unwrap();
    until_probed_in_vain(&world.client, key(1), 5).await;
    let silence = tokio::time::timeout(Duration::from_millis(500), two.read(&mut [0; 4])).await;
    assert!(silence.is_err(), "nobody is there to carry it");
    assert!(world.client.tunnel.owners().is_empty());
}

/// Waits until this gateway was asked so often without an answer: rounds of probing are what its death is counted in.
async fn until_probed_in_vain(client: &Node, gateway: PublicKey, rounds: u32) {
    let link = || client.tunnel.links().into_iter().find(|link| link.peer == gateway).unwrap();
    let (mut last, mut asked) = (link(), 0);
    until(|| {
        let now = link();
        asked = if now.rx_bytes != last.rx_bytes { 0 } else { asked + u32::from(now.tx_bytes > last.tx_bytes) };
        last = now;
        asked >= rounds
    })
    .await;
}

//! Tunnels between interfaces that are no netstack: file descriptors and batches of packets.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;

use common::*;
use nanami_model::{Filter, Service};
use nanami_tunnel::{Interface, PacketPort, Tunnel, TunnelOptions};

async fn tunnel(n: u8, interface: Interface) -> Tunnel {
    let everything = Filter::deny_all().accept(cidr("10.42.0.0/16"), Service::ANY);
    let map = map_of(n).with_neighbor(neighbor(1 - n)).with_filter(everything);
    let options = TunnelOptions::default().with_listen(([127, 0, 0, 1], 0).into());
    Tunnel::start(private(n), interface, &map, options).await.unwrap()
}

async fn both(interfaces: [Interface; 2]) -> [Tunnel; 2] {
    let [a, b] = interfaces;
    let (a, b) = (tunnel(0, a).await, tunnel(1, b).await);
    a.hints(b.public_key(), vec![b.local_addr()]);
    b.hints(a.public_key(), vec![a.local_addr()]);
    [a, b]
}

/// A UDP packet from node 0 to node 1 that says `n`.
fn packet(n: u8) -> Vec<u8> {
    let [from, to] = [0, 1].map(|n| addresses(n)[0]);
    let octets = |ip: IpAddr| if let IpAddr::V4(ip) = ip { ip } else { Ipv4Addr::UNSPECIFIED }.octets();
    let mut packet = vec![0x45, 0, 0, 29, 0, 0, 0x40, 0, 64, 17, 0, 0];
    packet.extend([octets(from), octets(to)].concat());
    packet.extend([0, 9, 0, 9, 0, 9, 0, 0, n]);
    packet
}

#[tokio::test]
async fn packets_cross_from_one_descriptor_to_another() {
    let ((ours, inner), (theirs, other)) = (UnixDatagram::pair().unwrap(), UnixDatagram::pair().unwrap());
    let interfaces = [Interface::fd(inner.into()).unwrap(), Interface::borrowed_fd(other.as_fd()).unwrap()];
    let tunnels = both(interfaces).await;
    for n in 0..5 {
        ours.send(&packet(n)).unwrap();
    }
    let arrived = tokio::task::spawn_blocking(move || {
        theirs.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
        let mut buffer = [0; 100];
        let packets = (0..5).map(|_| theirs.recv(&mut buffer).map(|length| buffer[..length].to_vec()).unwrap());
        (packets.collect::<Vec<_>>(), theirs)
    });
    let (arrived, theirs) = arrived.await.unwrap();
    assert_eq!(arrived, (0..5).map(packet).collect::<Vec<_>>());
    for tunnel in tunnels {
        tunnel.stop().await;
    }
    // What was given away is closed.
    until(|| ours.send(&packet(9)).is_err()).await;
    other.send(&packet(9)).unwrap();
    assert_eq!(theirs.recv(&mut [0; 100]).unwrap(), 29, "what was lent is still open");
}

#[tokio::test]
async fn packets_cross_in_batches() {
    let ((port, interface), (other, far)) = (PacketPort::new(), PacketPort::new());
    let [tunnel, _far] = both([interface, far]).await;
    let framed = |n: u8| [&29u16.to_be_bytes()[..], &packet(n)].concat();
    let batch: Vec<u8> = (0..7).flat_map(framed).collect();
    assert_eq!(port.send_batch(&batch).unwrap(), batch.len());
    let mut arrived = Vec::new();
    while arrived.len() < batch.len() {
        arrived.extend(within(other.receive_batch(100)).await.unwrap());
    }
    assert_eq!(arrived, batch);
    tunnel.stop().await;
    assert_eq!(within(port.receive_batch(100)).await, None);
    assert_eq!(port.send_batch(&batch).unwrap_err().code(), "tunnel.stopped");
}

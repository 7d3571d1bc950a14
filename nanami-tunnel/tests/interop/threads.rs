//! A tunnel with an interface of its host runs on threads, to which the kernel hands many packets at once.

use std::net::UdpSocket;

use nanami_model::Neighbor;
use nanami_tunnel::Event;
use nanami_tunnel::device::{Offload, Offloads};

use super::common::{cidr, key};
use super::lab::*;
use super::os::{AtHome, introduce, map, named, neighbor, open};

/// Tunnels of a and b that know each other.
fn two(offloads: Offloads) -> [AtHome; 2] {
    let options = named().with_offloads(offloads);
    let start = |host: &'static str, n: u8, other: u8| {
        let map = map(n).with_neighbor(neighbor(other, &[])).with_filter(open());
        AtHome::start(host, n, &map, options.clone()).unwrap()
    };
    let both = [start("a", 1, 2), start("b", 2, 1)];
    introduce(&both[0], key(2), "10.77.0.2");
    introduce(&both[1], key(1), "10.77.0.1");
    both
}

/// What the kernel counted at an interface: bytes and packets received, bytes and packets sent. What it joined counts once.
fn counted(host: &str, interface: &str) -> [u64; 4] {
    let lines = on(host, || std::fs::read_to_string("/proc/thread-self/net/dev").unwrap());
    let mut lines = lines.lines().filter_map(|line| line.split_once(':'));
    let (_, line) = lines.find(|(name, _)| name.trim() == interface).unwrap();
    let fields: Vec<u64> = line.split_whitespace().map(|field| field.parse().unwrap()).collect();
    [fields[0], fields[1], fields[8], fields[9]]
}

/// Mean bytes of a packet received and of one sent since then.
fn means(host: &str, interface: &str, before: [u64; 4]) -> [u64; 2] {
    let now = counted(host, interface);
    [0, 2].map(|at| (now[at] - before[at]) / (now[at + 1] - before[at + 1]))
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn an_interface_of_a_host_and_its_socket_carry_many_packets_at_once() {
    run("threads::an_interface_of_a_host_and_its_socket_carry_many_packets_at_once", || {
        let no_gso = Offloads::default().without(Offload::UdpGso);
        for (offloads, at_the_interface, at_the_socket) in
            [(Offloads::default(), true, true), (no_gso, true, false), (Offloads::NONE, false, false)]
        {
            let _both = two(offloads);
            assert!(pings("a", overlay("b")[0]));
            let before = ["a", "b"].map(|host| (counted(host, "nanami0"), counted(host, &format!("cable-{host}"))));
            carry("a", "b", overlay("b")[0], 5_000_000);
            for (host, (inner, outer)) in ["a", "b"].into_iter().zip(before) {
                let inner = means(host, "nanami0", inner);
                let [_, sent] = means(host, &format!("cable-{host}"), outer);
                assert_eq!(inner.map(|mean| mean > 1420), [at_the_interface; 2], "{host}, {offloads}: {inner:?}");
                assert_eq!(sent > 1500, at_the_socket, "{host}, {offloads}: {sent}");
            }
        }
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn another_socket_keeps_the_port_that_was_asked_for_and_stopped_it_is_closed() {
    run("threads::another_socket_keeps_the_port_that_was_asked_for_and_stopped_it_is_closed", || {
        let [a, b] = two(Offloads::default());
        carry("a", "b", overlay("b")[0], 300_000);
        let at = a.tunnel.local_addr();
        for _ in 0..3 {
            let (mut ours, mut theirs) = (a.tunnel.events(), b.tunnel.events());
            a.tunnel.network_changed();
            let is_handshake = |event: &Event| matches!(event, Event::Handshake { .. });
            a.hears(&mut ours, is_handshake);
            b.hears(&mut theirs, is_handshake);
            assert_eq!(a.tunnel.local_addr(), at);
            carry("b", "a", overlay("a")[0], 300_000);
        }
        let is_free = || on("a", || UdpSocket::bind(at).is_ok());
        assert!(!is_free());
        a.stop();
        assert!(is_free());
        assert!(!on("a", || try_sh("ip link show nanami0").status.success()), "the interface is gone with it");
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn a_standby_takes_over_from_a_gateway_that_is_gone() {
    run("threads::a_standby_takes_over_from_a_gateway_that_is_gone", || {
        third();
        let behind = cidr("10.60.0.0/16");
        let standby: Neighbor = neighbor(3, &[]).with_standby(behind, 1);
        let client = map(1).with_routes([cidr("10.78.0.0/16"), behind]);
        let client = client.with_neighbor(neighbor(2, &["10.60.0.0/16"])).with_neighbor(standby);
        let gateway = |host: &'static str, n: u8| {
            AtHome::start(host, n, &map(n).with_neighbor(neighbor(1, &[])), named()).unwrap()
        };
        let (owner, standby) = (gateway("b", 2), gateway("c", 3));
        let a = AtHome::start("a", 1, &client, named()).unwrap();
        introduce(&a, key(2), "10.77.0.2");
        introduce(&a, key(3), "10.77.0.3");
        // Gateways are asked while one of them is in use, and for 15 s more.
        let socket = on("a", || UdpSocket::bind("10.78.0.1:0").unwrap());
        until("both gateways answer", || {
            socket.send_to(b"for whoever is behind them", "10.60.0.9:9").unwrap();
            a.tunnel.links().iter().all(|link| link.rtt.is_some())
        });
        let mut events = a.tunnel.events();
        drop(owner);
        let moved = a.hears(&mut events, |event| matches!(event, Event::OwnerChanged { .. }));
        assert_eq!(moved, Event::OwnerChanged { prefix: behind, from: key(2), to: key(3) });
        assert_eq!(a.tunnel.owners(), [(behind, key(3))]);
        drop(standby);
    });
}

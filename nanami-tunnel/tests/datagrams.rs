//! UDP through a tunnel, inside the process.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::io::ErrorKind;
use std::net::SocketAddr;

use common::*;
use nanami_model::{Filter, Service};
use nanami_tunnel::DialError;

/// Node 1 takes what comes to port 53 of either address.
async fn questions() -> (Node, Node) {
    let filter = Filter::deny_all()
        .accept(cidr("10.42.0.0/16"), Service::udp(53))
        .accept(cidr("fd42::/48"), Service::udp(53))
        .accept(cidr("10.42.0.0/16"), Service::udp(54));
    // What a socket does not want to hear is for the socket to drop.
    let anything = Filter::deny_all().accept(cidr("10.42.0.0/16"), Service::ANY);
    let client = start(0, &map_of(0).with_neighbor(neighbor(1)).with_filter(anything)).await;
    let server = start(1, &map_of(1).with_neighbor(neighbor(0)).with_filter(filter)).await;
    introduce(&[&client, &server]);
    (client, server)
}

#[tokio::test]
async fn datagrams_arrive_whole_in_both_families_and_are_answered() {
    let (client, server) = questions().await;
    let listening = server.net.bind_udp(53).unwrap();
    let mut buffer = [0; 2000];
    for ip in addresses(1) {
        let to = SocketAddr::new(ip, 53);
        let (free, connected) = (client.net.bind_udp(0).unwrap(), client.net.connect_udp(to).unwrap());
        let longest = if ip.is_ipv4() { 1420 - 28 } else { 1420 - 48 };
        // One after the other, so that none is lost for want of room.
        for length in [0, 1, 2, 700, longest] {
            let sent = vec![length as u8; length];
            for socket in [&free, &connected] {
                within(socket.send_to(&sent, to)).await.unwrap();
                let (received, from) = within(listening.receive_from(&mut buffer)).await.unwrap();
                assert_eq!((&buffer[..received], from.port()), (&sent[..], socket.port()));
                within(listening.send_to(b"one", from)).await.unwrap();
                within(listening.send_to(b"another", from)).await.unwrap();
                assert_eq!(within(socket.receive_from(&mut buffer)).await.unwrap(), (3, to));
                assert_eq!(within(socket.receive(&mut buffer[..4])).await.unwrap(), 4, "cut, and the rest is gone");
            }
        }
        let error = within(free.send_to(&vec![0; longest + 1], to)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&longest.to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_socket_with_one_other_end_hears_that_one_and_what_is_said_about_it() {
    let (client, server) = questions().await;
    let mut buffer = [0; 100];
    // The filter of the other side forbids this one, and says so.
    let forbidden = client.net.connect_udp(at(1, 22)).unwrap();
    within(forbidden.send(b"anybody?")).await.unwrap();
    let error = within(forbidden.receive(&mut buffer)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    // Nothing listens here.
    let empty = client.net.connect_udp(at(1, 54)).unwrap();
    within(empty.send(b"anybody?")).await.unwrap();
    let error = within(empty.receive(&mut buffer)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
    // Another port of the same host is somebody else.
    let (listening, other) = (server.net.bind_udp(53).unwrap(), server.net.bind_udp(55).unwrap());
    let one = client.net.connect_udp(at(1, 53)).unwrap();
    within(one.send(b"a question")).await.unwrap();
    let (_, from) = within(listening.receive_from(&mut buffer)).await.unwrap();
    let free = client.net.bind_udp(0).unwrap();
    within(other.send_to(b"not asked", from)).await.unwrap();
    within(other.send_to(b"behind it", at(0, free.port()))).await.unwrap();
    within(free.receive(&mut buffer)).await.unwrap();
    within(listening.send_to(b"an answer", from)).await.unwrap();
    assert_eq!(within(one.receive_from(&mut buffer)).await.unwrap(), (9, at(1, 53)));
}

#[tokio::test]
async fn ports_are_taken_once_and_what_was_sent_leaves_after_the_socket() {
    let (client, server) = questions().await;
    let listening = server.net.bind_udp(53).unwrap();
    assert_eq!(server.net.bind_udp(53).unwrap_err(), DialError::AddressInUse);
    let mut buffer = [0; 100];
    for n in 0..20u8 {
        let socket = client.net.bind_udp(1000).unwrap();
        within(socket.send_to(&[n], at(1, 53))).await.unwrap();
        drop(socket);
        assert_eq!(within(listening.receive_from(&mut buffer)).await.unwrap(), (1, at(0, 1000)));
        assert_eq!(buffer[0], n);
        until(|| client.net.bind_udp(1000).is_ok()).await;
    }
    let waiting = tokio::spawn(async move { listening.receive(&mut [0; 10]).await });
    tokio::task::yield_now().await;
    server.tunnel.stop().await;
    assert_eq!(within(waiting).await.unwrap().unwrap_err().kind(), ErrorKind::NotConnected);
    assert_eq!(server.net.bind_udp(53).unwrap_err(), DialError::Stopped);
}

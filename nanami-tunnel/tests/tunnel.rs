//! Tunnels over loopback UDP with sockets inside.

mod common;

use std::time::{Duration, Instant};

use common::*;
use nanami_model::{Generation, NetworkMap};
use nanami_tunnel::{DialError, Event, MapError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_stream_carries_both_ways_and_ends_in_order() {
    let (client, server) = pair().await;
    let mut listener = server.net.listen(443).unwrap();
    let echo = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap();
        assert_eq!(stream.peer_addr().ip(), addresses(0)[0]);
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        stream.write_all(&all).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let mut stream = within(client.net.dial(at(1, 443))).await.unwrap();
    stream.write_all(b"through the tunnel").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut back = String::new();
    within(stream.read_to_string(&mut back)).await.unwrap();
    assert_eq!(back, "through the tunnel");
    echo.await.unwrap();
    let link = client.tunnel.links()[0];
    assert!(link.handshakes >= 1 && link.rx_bytes > 0 && link.tx_bytes > 0);
}

#[tokio::test]
async fn ipv6_goes_the_same_way() {
    let (client, server) = pair().await;
    let mut listener = server.net.listen(443).unwrap();
    let to = (addresses(1)[1], 443);
    let (dialed, accepted) = within(async { tokio::join!(client.net.dial(to), listener.accept()) }).await;
    assert_eq!(dialed.unwrap().local_addr(), accepted.unwrap().peer_addr());
}

#[tokio::test]
async fn what_the_filter_denies_is_refused_at_once_and_counted() {
    let (client, server) = pair().await;
    let _listener = server.net.listen(22).unwrap();
    let at_once = Duration::from_secs(1);
    let took = shortest_of_ten(at_once, async || {
        let (started, counted) = (Instant::now(), server.tunnel.counters().denied);
        assert_eq!(client.net.dial(at(1, 22)).await.unwrap_err(), DialError::Denied);
        assert!(server.tunnel.counters().denied > counted);
        started.elapsed()
    })
    .await;
    assert!(took < at_once, "{took:?}");
}

#[tokio::test]
async fn without_a_neighbor_that_carries_it_a_dial_fails_here() {
    let (client, _server) = pair().await;
    let nowhere: std::net::SocketAddr = "10.99.0.1:443".parse().unwrap();
    assert_eq!(within(client.net.dial(nowhere)).await.unwrap_err(), DialError::NoRoute);
    // TCP asks again when the machine is slow to say no.
    assert!(client.tunnel.counters().no_route >= 1);
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_reset() {
    let (client, _server) = pair().await;
    assert_eq!(within(client.net.dial(at(1, 443))).await.unwrap_err(), DialError::Reset);
}

#[tokio::test]
async fn a_key_that_the_map_does_not_name_gets_nothing_and_is_counted() {
    let client = start(0, &map_of(0).with_neighbor(neighbor(1))).await;
    let server = start(1, &map_of(1).with_filter(web())).await;
    introduce(&[&client, &server]);
    let Node { tunnel, net } = client;
    let dial = tokio::spawn(async move { net.dial(at(1, 443)).await.unwrap_err() });
    until(|| server.tunnel.counters().unknown_key > 0).await;
    dial.abort();
    assert!(dial.await.ok().is_none_or(|error| error == DialError::TimedOut), "something was said");
    let link = tunnel.links()[0];
    assert_eq!((link.handshake, link.heard, link.rx_bytes), (None, None, 0));
}

#[tokio::test]
async fn a_new_map_keeps_streams_and_a_revoked_rule_ends_them() {
    let (client, server) = pair().await;
    let mut listener = server.net.listen(443).unwrap();
    let (dialed, accepted) = within(async { tokio::join!(client.net.dial(at(1, 443)), listener.accept()) }).await;
    let (mut stream, mut other) = (dialed.unwrap(), accepted.unwrap());
    let mut maps = (1..).map(|n| {
        let map = map_of(1).with_neighbor(neighbor(0));
        map.with_generation(Default::default(), Generation::new(n))
    });
    let mut next = || maps.next().unwrap();
    let mut keeps_its_keypair = async |map: &NetworkMap| {
        let before = server.tunnel.links()[0].handshakes;
        server.tunnel.apply(map).await.unwrap();
        stream.write_all(b"still").await.unwrap();
        within(other.read_exact(&mut [0; 5])).await.unwrap();
        server.tunnel.links()[0].handshakes == before
    };
    // An initiation that a slow machine repeated may be answered only now, but not after every map.
    let mut kept = false;
    for _ in 0..10 {
        kept = kept || keeps_its_keypair(&next().with_filter(web())).await;
    }
    assert!(kept);
    server.tunnel.apply(&next()).await.unwrap();
    stream.write_all(b"no more").await.unwrap();
    let error = within(stream.read(&mut [0; 1])).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn a_probe_measures_the_link_and_a_handshake_is_an_event() {
    let (client, server) = pair().await;
    let mut events = client.tunnel.events();
    client.tunnel.probe_now(key(1));
    let event = within(events.next()).await;
    assert_eq!(event, Some(Event::Handshake { peer: key(1) }));
    until(|| client.tunnel.links()[0].rtt.is_some()).await;
    assert_eq!(client.tunnel.links()[0].endpoint, Some(server.tunnel.local_addr()));
}

#[tokio::test]
async fn stopping_fails_streams_closes_the_socket_and_may_be_repeated() {
    let (client, server) = pair().await;
    let mut listener = server.net.listen(443).unwrap();
    let mut stream = within(client.net.dial(at(1, 443))).await.unwrap();
    let local = client.tunnel.local_addr();
    within(client.tunnel.stop()).await;
    within(client.tunnel.stop()).await;
    assert!(stream.read(&mut [0; 1]).await.is_err());
    assert_eq!(client.net.dial(at(1, 443)).await.unwrap_err(), DialError::Stopped);
    assert_eq!(client.tunnel.apply(&map_of(0)).await, Err(MapError::Stopped));
    // Another test may have been given the port meanwhile.
    until(|| std::net::UdpSocket::bind(local).is_ok()).await;
    drop(server.tunnel);
    let accept_again = async {
        loop {
            if let Err(error) = listener.accept().await {
                return error;
            }
        }
    };
    assert_eq!(within(accept_again).await, DialError::Stopped);
}

#[tokio::test]
async fn a_transfer_goes_on_soon_after_a_gap_in_the_path() {
    // The server's datagrams go through a relay that can be cut.
    let (client, server) = pair().await;
    let relay = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (outer, inner) = (relay.local_addr().unwrap(), server.tunnel.local_addr());
    let (cut, is_cut) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        let (mut buffer, mut client_at) = ([0; 2048], None);
        loop {
            let (length, from) = relay.recv_from(&mut buffer).await.unwrap();
            if from != inner {
                client_at = Some(from);
            }
            let to = if from == inner { client_at } else { Some(inner) };
            let passes = !*is_cut.borrow();
            if let Some(to) = to.filter(|_| passes) {
                relay.send_to(&buffer[..length], to).await.unwrap();
            }
        }
    });
    client.tunnel.hints(key(1), vec![outer]);
    server.tunnel.hints(key(0), vec![outer]);
    let mut listener = server.net.listen(443).unwrap();
    let (dialed, accepted) = within(async { tokio::join!(client.net.dial(at(1, 443)), listener.accept()) }).await;
    let (mut stream, mut other) = (dialed.unwrap(), accepted.unwrap());
    let (mut reader, mut writer) = (vec![0; 64 * 1024], vec![7; 64 * 1024]);
    let send = tokio::spawn(async move {
        while stream.write_all(&writer).await.is_ok() {
            writer[0] = writer[0].wrapping_add(1);
        }
    });
    let read_for = async |other: &mut nanami_tunnel::TcpStream, reader: &mut Vec<u8>, time: Duration| {
        let until = tokio::time::Instant::now() + time;
        while tokio::time::timeout_at(until, other.read(reader)).await.is_ok_and(|read| read.is_ok()) {}
    };
    let soon = Duration::from_secs(1);
    let resumed = shortest_of_ten(soon, async || {
        read_for(&mut other, &mut reader, Duration::from_millis(200)).await;
        cut.send(true).unwrap();
        read_for(&mut other, &mut reader, Duration::from_secs(1)).await;
        cut.send(false).unwrap();
        let started = Instant::now();
        within(other.read(&mut reader)).await.unwrap();
        started.elapsed()
    })
    .await;
    println!("resumed {resumed:?} after a gap of 1 s");
    assert!(resumed < soon, "{resumed:?}");
    send.abort();
}

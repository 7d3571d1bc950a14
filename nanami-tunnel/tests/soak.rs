//! What takes minutes: rekeying, in real time, because boringtun's clock is the machine's.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::heartbeat::Heartbeat;
use common::*;
use nanami_tunnel::Event;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;

#[tokio::test]
#[ignore = "takes five minutes"]
async fn a_stream_outlives_two_rekeys_without_a_stall() {
    let (client, server) = pair().await;
    let mut listener = server.net.listen(443).unwrap();
    let (dialed, accepted) = within(async { tokio::join!(client.net.dial(at(1, 443)), listener.accept()) }).await;
    let (mut stream, mut other) = (dialed.unwrap(), accepted.unwrap());
    let (end, mut longest) = (Instant::now() + Duration::from_secs(300), Duration::ZERO);
    let heartbeat = Heartbeat::start();
    while Instant::now() < end {
        let (asked, stalled) = (Instant::now(), heartbeat.stalled());
        stream.write_all(&[7; 1000]).await.unwrap();
        within(other.read_exact(&mut [0; 1000])).await.unwrap();
        // A machine that stands still in these five minutes is no stall of the stream.
        longest = longest.max(asked.elapsed().saturating_sub(heartbeat.stalled() - stalled));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let link = client.tunnel.links()[0];
    println!("{} handshakes, longest wait {longest:?}", link.handshakes);
    assert!(link.handshakes >= 3, "{link:?}");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    assert_eq!(server.tunnel.counters().unauthentic, 0);
}

/// Carries datagrams between two ends, and drops all of them while it is cut.
async fn wire(ends: [SocketAddr; 2], cut: Arc<AtomicBool>) -> [SocketAddr; 2] {
    let [a, b] =
        [UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap()].map(Arc::new);
    let faces = [a.local_addr().unwrap(), b.local_addr().unwrap()];
    for (from, to, end) in [(a.clone(), b.clone(), ends[1]), (b, a, ends[0])] {
        let cut = cut.clone();
        tokio::spawn(async move {
            let mut datagram = [0; 2048];
            while let Ok((length, _)) = from.recv_from(&mut datagram).await {
                if !cut.load(Ordering::Relaxed) {
                    let _ = to.send_to(&datagram[..length], end).await;
                }
            }
        });
    }
    faces
}

/// boringtun gives up for good after 90 s without an answer (TUNNEL.md fact 3).
#[tokio::test]
#[ignore = "takes more than two minutes"]
async fn an_outage_of_two_minutes_ends_by_itself_where_there_is_a_keepalive() {
    let kept = neighbor(1).with_keepalive(Duration::from_secs(5));
    let client = start(0, &map_of(0).with_neighbor(kept)).await;
    let server = start(1, &map_of(1).with_neighbor(neighbor(0)).with_filter(web())).await;
    let cut = Arc::new(AtomicBool::new(false));
    let [to_server, to_client] = wire([client.tunnel.local_addr(), server.tunnel.local_addr()], cut.clone()).await;
    let mut events = client.tunnel.events();
    client.tunnel.hints(server.tunnel.public_key(), vec![to_server]);
    server.tunnel.hints(client.tunnel.public_key(), vec![to_client]);
    until(|| client.tunnel.links()[0].handshake.is_some()).await;
    let handshakes = client.tunnel.links()[0].handshakes;
    cut.store(true, Ordering::Relaxed);
    // Somebody notices: what is sent meanwhile is answered by nobody.
    drop(tokio::time::timeout(Duration::from_secs(1), client.net.dial(at(1, 443))).await);
    tokio::time::sleep(Duration::from_secs(120)).await;
    cut.store(false, Ordering::Relaxed);
    // Nobody sends anything: the keepalive alone finds the way back.
    until(|| client.tunnel.links()[0].handshakes > handshakes).await;
    let mut listener = server.net.listen(443).unwrap();
    let (dialed, accepted) = within(async { tokio::join!(client.net.dial(at(1, 443)), listener.accept()) }).await;
    assert!(dialed.is_ok() && accepted.is_ok());
    let lost = async { while !matches!(events.next().await, Some(Event::PeerLost { .. })) {} };
    within(lost).await;
}

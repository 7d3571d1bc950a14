//! The profile for phones: what wakes it, whose sockets it has, and what it does when the network changes.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::*;
use nanami_tunnel::{Netstack, PacketPort, Sockets, Tunnel, TunnelOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Counts how often a runtime with one thread goes to sleep: once for each time that something woke it.
fn counted() -> (tokio::runtime::Runtime, Arc<AtomicU64>) {
    let sleeps = Arc::new(AtomicU64::new(0));
    let count = sleeps.clone();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().on_thread_park(move || _ = count.fetch_add(1, Ordering::SeqCst));
    (runtime.build().unwrap(), sleeps)
}

fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// How often a phone's tunnel is woken in two seconds. Its neighbors are reached nowhere.
fn wake_ups(keepalive: bool) -> u64 {
    let (runtime, sleeps) = counted();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let (started, start) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        runtime.block_on(async {
            let (_port, interface) = PacketPort::new();
            let mut known = neighbor(1);
            if keepalive {
                known = known.with_keepalive(Duration::from_secs(1));
            }
            let map = map_of(0).with_neighbor(known).with_neighbor(neighbor(2));
            let options = TunnelOptions::mobile().with_listen(loopback());
            let tunnel = Tunnel::start(private(0), interface, &map, options).await.unwrap();
            [1, 2].into_iter().for_each(|n| tunnel.hints(key(n), vec![([127, 0, 0, 1], 9).into()]));
            started.send(()).unwrap();
            ended.await.unwrap();
            tunnel.stop().await;
        });
    });
    start.recv().unwrap();
    // Starting it is work; then there is none.
    std::thread::sleep(Duration::from_millis(500));
    let before = sleeps.load(Ordering::SeqCst);
    std::thread::sleep(Duration::from_secs(2));
    let woken = sleeps.load(Ordering::SeqCst) - before;
    end.send(()).unwrap();
    thread.join().unwrap();
    woken
}

#[test]
fn without_keypairs_nothing_wakes_it() {
    assert_eq!(wake_ups(false), 0);
    assert!(wake_ups(true) > 0, "where there is a reason, it shows");
}

/// Remembers the sockets that it made.
struct Watched(Arc<Mutex<Vec<SocketAddr>>>);

impl Sockets for Watched {
    fn udp(&self, at: SocketAddr) -> std::io::Result<UdpSocket> {
        let socket = UdpSocket::bind(at)?;
        self.0.lock().unwrap().push(socket.local_addr()?);
        Ok(socket)
    }
}

async fn phone(n: u8, made: &Arc<Mutex<Vec<SocketAddr>>>, listen: SocketAddr) -> Node {
    let (net, interface) = Netstack::new();
    let options = TunnelOptions::mobile().with_sockets(Watched(made.clone())).with_listen(listen);
    let map = map_of(n).with_neighbor(neighbor(1 - n)).with_filter(web());
    let tunnel = Tunnel::start(private(n), interface, &map, options).await.unwrap();
    Node { tunnel, net }
}

#[tokio::test]
async fn a_stream_goes_on_when_the_network_changes_from_sockets_of_the_hosts_own() {
    let made = Arc::new(Mutex::new(Vec::new()));
    let (client, server) = (phone(0, &made, loopback()).await, phone(1, &Arc::default(), loopback()).await);
    client.tunnel.hints(key(1), vec![server.tunnel.local_addr()]);
    let mut listener = server.net.listen(443).unwrap();
    let (dialed, accepted) = within(async { tokio::join!(client.net.dial(at(1, 443)), listener.accept()) }).await;
    let (mut stream, mut other) = (dialed.unwrap(), accepted.unwrap());
    let handshakes = || server.tunnel.links()[0].handshakes;
    for change in 1..=3 {
        let (before, first) = (client.tunnel.local_addr(), handshakes());
        client.tunnel.network_changed();
        until(|| handshakes() > first).await;
        let now = client.tunnel.local_addr();
        assert_ne!(now, before);
        assert_eq!(made.lock().unwrap()[change], now);
        // The other end follows without having been spoken to.
        until(|| server.tunnel.links()[0].endpoint == Some(now)).await;
        other.write_all(b"from the server").await.unwrap();
        within(stream.read_exact(&mut [0; 15])).await.unwrap();
        assert!(UdpSocket::bind(before).is_ok(), "the old socket is closed");
    }
}

#[tokio::test]
async fn a_port_that_was_asked_for_is_kept() {
    let free = UdpSocket::bind(loopback()).unwrap().local_addr().unwrap();
    let made = Arc::new(Mutex::new(Vec::new()));
    let node = phone(0, &made, free).await;
    node.tunnel.network_changed();
    until(|| made.lock().unwrap().len() == 3).await;
    until(|| node.tunnel.local_addr() == free).await;
}

//! Against wireguard-go, driven by `wg`, in a network namespace of the test's own.
//!
//! Needs root, `wireguard-go`, `wg`, `ip` and `unshare`, hence `#[ignore]`: run with `-- --ignored`. The test starts itself again
//! inside a new namespace, where wireguard-go's interface and our UDP socket share a loopback that nobody else sees.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../rogue/attacks.rs"]
mod attacks;
mod changes;
mod client;
#[path = "../common/mod.rs"]
mod common;
mod control;
mod datagrams;
mod flood;
mod lab;
mod load;
mod nanami_wg;
mod nat;
#[path = "../rogue/noise.rs"]
mod noise;
mod offloads;
mod os;
mod rogue;
mod threads;

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::*;
use nanami_tunnel::{Event, TcpStream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn wireguard_go_and_we_carry_each_others_streams() {
    in_a_namespace("wireguard_go_and_we_carry_each_others_streams", both_ways());
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn wireguard_go_may_speak_first() {
    in_a_namespace("wireguard_go_may_speak_first", they_first());
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn wg_configures_an_interface_through_our_control_socket() {
    in_a_namespace(
        "wg_configures_an_interface_through_our_control_socket",
        control::wg_says_what_it_says_to_the_kernel(),
    );
}

/// Runs `test` in a process of its own, in a network namespace of its own.
fn in_a_namespace(name: &str, test: impl Future<Output = ()>) {
    lab::alone(name, || tokio::runtime::Runtime::new().unwrap().block_on(test));
}

/// A wireguard-go with one interface, which it takes with itself.
struct WireGuardGo {
    process: Child,
    interface: String,
}

impl Drop for WireGuardGo {
    fn drop(&mut self) {
        // It is gone already or it is not; either way it is ours.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(format!("/var/run/wireguard/{}.sock", self.interface));
    }
}

impl WireGuardGo {
    /// Node 1, which knows node 0 at this port.
    fn start(our_port: u16) -> Self {
        let interface = format!("nnm{}", std::process::id() % 1_000_000);
        let socket = format!("/var/run/wireguard/{interface}.sock");
        // One that was killed leaves it behind, and process ids come again.
        let _there_is_none = std::fs::remove_file(&socket);
        let process = Command::new("wireguard-go").args(["-f", &interface]).spawn().unwrap();
        let mut this = Self { process, interface };
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert_eq!(this.process.try_wait().unwrap(), None, "wireguard-go does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        let endpoint = format!("127.0.0.1:{our_port}");
        let (key, peer) = (base64(private(1).expose()), key(0).to_string());
        this.wg(
            &["private-key", "/dev/stdin", "peer", &peer, "allowed-ips", "10.42.0.1/32", "endpoint", &endpoint],
            &key,
        );
        ip(&["address", "add", "10.42.0.2/24", "dev", &this.interface]);
        ip(&["link", "set", &this.interface, "mtu", "1420", "up"]);
        this
    }

    fn wg(&self, arguments: &[&str], input: &str) {
        let mut wg = Command::new("wg");
        let mut wg = wg.args(["set", &self.interface]).args(arguments).stdin(Stdio::piped()).spawn().unwrap();
        wg.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        assert!(wg.wait().unwrap().success());
    }

    fn port(&self) -> u16 {
        let shown = Command::new("wg").args(["show", &self.interface, "listen-port"]).output().unwrap();
        String::from_utf8(shown.stdout).unwrap().trim().parse().unwrap()
    }
}

fn ip(arguments: &[&str]) {
    assert!(Command::new("ip").args(arguments).status().unwrap().success(), "ip {arguments:?}");
}

/// `wg` reads keys in base64, which the model prints for public ones only.
fn base64(bytes: &[u8; 32]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0u32, |word, (i, byte)| word | u32::from(*byte) << (16 - 8 * i));
        (0..=chunk.len()).for_each(|i| text.push(ALPHABET[(word >> (18 - 6 * i)) as usize & 63].into()));
        (chunk.len()..3).for_each(|_| text.push('='));
    }
    text
}

async fn they_first() {
    ip(&["link", "set", "lo", "up"]);
    let ours = start(0, &map_of(0).with_neighbor(neighbor(1)).with_filter(web())).await;
    let mut listener = ours.net.listen(443).unwrap();
    let _theirs = WireGuardGo::start(ours.tunnel.local_addr().port());
    let dial = tokio::net::TcpStream::connect("10.42.0.1:443");
    let (dialed, accepted) = within(async { tokio::join!(dial, listener.accept()) }).await;
    exchange(&mut dialed.unwrap(), &mut accepted.unwrap()).await;
    assert!(ours.tunnel.links()[0].handshakes >= 1);
}

async fn both_ways() {
    ip(&["link", "set", "lo", "up"]);
    let ours = start(0, &map_of(0).with_neighbor(neighbor(1)).with_filter(web())).await;
    let theirs = WireGuardGo::start(ours.tunnel.local_addr().port());
    ours.tunnel.hints(key(1), vec![([127, 0, 0, 1], theirs.port()).into()]);

    // From us to the kernel's TCP behind wireguard-go.
    let kernel = tokio::net::TcpListener::bind("10.42.0.2:443").await.unwrap();
    let (dialed, accepted) = within(async { tokio::join!(ours.net.dial(at(1, 443)), kernel.accept()) }).await;
    let (mut stream, (mut other, _)) = (dialed.unwrap(), accepted.unwrap());
    exchange(&mut stream, &mut other).await;

    // The kernel answers our probes as it answers any ping.
    ours.tunnel.probe_now(key(1));
    until(|| ours.tunnel.links()[0].rtt.is_some()).await;

    // wireguard-go moves to another port; we follow what it authenticates, and the stream goes on.
    let (before, mut events) = (theirs.port(), ours.tunnel.events());
    let mut after = before;
    while after == before {
        theirs.wg(&["listen-port", "0"], "");
        after = theirs.port();
    }
    other.write_all(b"from the new port").await.unwrap();
    let moved = Event::EndpointChanged { peer: key(1), endpoint: ([127, 0, 0, 1], after).into() };
    within(async { while events.next().await.as_ref() != Some(&moved) {} }).await;
    within(stream.read_exact(&mut [0; 17])).await.unwrap();
    exchange(&mut stream, &mut other).await;

    // From the kernel to us: by rule, and refused at once without one.
    let mut listener = ours.net.listen(443).unwrap();
    let dial = tokio::net::TcpStream::connect("10.42.0.1:443");
    let (dialed, accepted) = within(async { tokio::join!(dial, listener.accept()) }).await;
    let (mut other, mut stream): (_, TcpStream) = (dialed.unwrap(), accepted.unwrap());
    exchange(&mut other, &mut stream).await;
    let at_once = Duration::from_secs(1);
    let took = shortest_of_ten(at_once, async || {
        let started = Instant::now();
        within(tokio::net::TcpStream::connect("10.42.0.1:22")).await.unwrap_err();
        started.elapsed()
    })
    .await;
    assert!(took < at_once, "{took:?}");
    assert!(ours.tunnel.counters().denied >= 1);
}

/// A megabyte each way at the same time.
async fn exchange(one: &mut (impl AsyncRead + AsyncWrite + Unpin), two: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let bytes: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
    let (mut read_one, mut write_one) = tokio::io::split(one);
    let (mut read_two, mut write_two) = tokio::io::split(two);
    let (mut at_one, mut at_two) = (vec![0; bytes.len()], vec![0; bytes.len()]);
    let all = async {
        tokio::try_join!(
            write_one.write_all(&bytes),
            write_two.write_all(&bytes),
            read_one.read_exact(&mut at_one),
            read_two.read_exact(&mut at_two),
        )
    };
    within(all).await.unwrap();
    assert!(at_one == bytes && at_two == bytes);
}

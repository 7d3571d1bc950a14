//! `nanami-wg` under floods: its memory stays bounded, and a peer still gets in and through (SEC-46).

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nanami_model::{Neighbor, NetworkMap, PrivateKey, PublicKey};
use nanami_tunnel::engine::{Datagrams, Engine, Packets};

use super::lab::*;

/// Initiations to this key, each from another key that it does not know, with a right first mac.
fn initiations(to: PublicKey, count: u32) -> Vec<Vec<u8>> {
    let one = |n: u32| {
        let (now, mut seed) = (Instant::now(), [5; 32]);
        seed[..4].copy_from_slice(&n.to_be_bytes());
        let engine = Engine::new(now, PrivateKey::from_bytes(seed), seed).without_filter();
        let (mut control, mut outbound, _) = engine.split();
        let neighbor = Neighbor::new(to, ["0.0.0.0/0".parse().unwrap()]);
        control.apply(now, &NetworkMap::default().with_neighbor(neighbor)).unwrap();
        control.handle_endpoint(now, to, SocketAddr::from(([192, 0, 2, 1], 1)));
        let mut packet = [0u8; 20];
        packet[..4].copy_from_slice(&[0x45, 0, 0, 20]);
        let mut out = Datagrams::new();
        outbound.seal(now, &Packets::from_iter([packet]), &mut out, &mut Packets::new());
        out.iter().next().unwrap().contents().to_vec()
    };
    (0..count).map(one).collect()
}

/// Sends these round and round at 40,000 a second from `sockets` ports, until told to stop, for 25 s at most.
fn flood(datagrams: &[Vec<u8>], sockets: usize, sent: &AtomicU64, stop: &AtomicBool) {
    let sockets: Vec<_> = (0..sockets).map(|_| UdpSocket::bind("10.77.0.2:0").unwrap()).collect();
    let start = Instant::now();
    while !stop.load(Ordering::Relaxed) && start.elapsed() < Duration::from_secs(25) {
        while sent.load(Ordering::Relaxed) < start.elapsed().as_millis() as u64 * 40 {
            let n = sent.fetch_add(1, Ordering::Relaxed) as usize;
            // A full queue drops it, as a network would.
            let _ = sockets[n % sockets.len()].send_to(&datagrams[n % datagrams.len()], "10.77.0.1:51820");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn peak_kib(wg: &Wg) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", wg.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn floods_take_no_memory_and_keep_nobody_out() {
    run("flood::floods_take_no_memory_and_keep_nobody_out", || {
        let (a, b) = pair((Make::Ours, Make::WireGuardGo));
        assert!(pings("b", overlay("a")[0]));
        let to: PublicKey = a.public.parse().unwrap();
        let valid = initiations(to, 300);
        let broken: Vec<_> = valid.iter().map(|datagram| [&datagram[..147], &[!datagram[147]]].concat()).collect();
        let garbage: Vec<Vec<u8>> = (0..500u32)
            .map(|n| {
                let mut datagram = vec![n as u8; 16 + n as usize * 2];
                datagram[..4].copy_from_slice(&[1 + (n % 4) as u8, 0, 0, 0]);
                datagram[4..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9).to_be_bytes());
                datagram
            })
            .collect();
        let before = peak_kib(&a);
        let floods = [
            ("valid initiations", &valid, 1),
            ("valid initiations from many ports", &valid, 400),
            ("broken macs", &broken, 20),
            ("garbage", &garbage, 20),
        ];
        for (what, datagrams, sockets) in floods {
            let (sent, stop) = (AtomicU64::new(0), AtomicBool::new(false));
            std::thread::scope(|scope| {
                let flooding = scope.spawn(|| on("b", || flood(datagrams, sockets, &sent, &stop)));
                until(&format!("{what}: it is a flood"), || sent.load(Ordering::Relaxed) > 20_000);
                // A peer that has no keypair any more needs a handshake now.
                b.sh("ip link set wg-b down; ip link set wg-b up; ip address add fd78::2/64 dev wg-b nodad");
                until(&format!("{what}: a peer gets in"), || pings("b", overlay("a")[0]));
                carry("a", "b", overlay("b")[0], 200_000);
                stop.store(true, Ordering::Relaxed);
                flooding.join().unwrap();
            });
        }
        let grown = peak_kib(&a) - before;
        assert!(grown < 64 * 1024, "{grown} KiB more");
    });
}

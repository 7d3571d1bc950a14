//! `nanami-wg` under floods: its memory stays bounded, and a peer still gets in and through (SEC-46).

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nanami_model::{Neighbor, NetworkMap, PrivateKey, PublicKey};
use nanami_tunnel::engine::{Datagrams, Engine, Packets};

use super::lab::*;
use super::noise::{Flaw, Rogue};

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

/// Datagrams that go round and round at a steady pace, until told to stop, for 25 s at most.
struct Flood<'a> {
    datagrams: &'a [Vec<u8>],
    /// Where they come from.
    sockets: Vec<UdpSocket>,
    a_second: u64,
    sent: AtomicU64,
    stop: AtomicBool,
}

impl<'a> Flood<'a> {
    /// From so many ports of host `b`, or, if they are `apart`, from so many addresses behind it.
    fn new(datagrams: &'a [Vec<u8>], sockets: usize, apart: bool, a_second: u64) -> Self {
        let at = |n: usize| match apart {
            true => format!("10.79.{}.{}:0", n / 250, n % 250 + 1),
            false => "10.77.0.2:0".to_owned(),
        };
        let open = |n: usize| {
            let socket = UdpSocket::bind(at(n)).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        };
        let sockets = on("b", || (0..sockets).map(open).collect());
        Self { datagrams, sockets, a_second, sent: AtomicU64::new(0), stop: AtomicBool::new(false) }
    }

    fn run(&self) {
        let start = Instant::now();
        while !self.stop.load(Ordering::Relaxed) && start.elapsed() < Duration::from_secs(25) {
            while self.sent() < start.elapsed().as_micros() as u64 * self.a_second / 1_000_000 {
                let n = self.sent.fetch_add(1, Ordering::Relaxed) as usize;
                let (socket, datagram) =
                    (&self.sockets[n % self.sockets.len()], &self.datagrams[n % self.datagrams.len()]);
                // A full queue drops it, as a network would.
                let _ = socket.send_to(datagram, "10.77.0.1:51820");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Runs while `meanwhile` does, which begins when it is a flood.
    fn during<T>(&self, meanwhile: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            let flooding = scope.spawn(|| self.run());
            until("it is a flood", || self.sent() > self.a_second / 2);
            let result = meanwhile();
            self.stop.store(true, Ordering::Relaxed);
            flooding.join().unwrap();
            result
        })
    }

    /// Bytes that came back, as far as the sockets kept them.
    fn answered(&self) -> usize {
        let mut buffer = [0; 2000];
        let mut of = |socket: &UdpSocket| std::iter::from_fn(|| socket.recv(&mut buffer).ok()).sum::<usize>();
        self.sockets.iter().map(&mut of).sum()
    }
}

/// The peer lost its keypair, and gets another one.
fn gets_in_anew(peer: &Wg, what: &str) {
    peer.sh("ip link set wg-b down; ip link set wg-b up; ip address add fd78::2/64 dev wg-b nodad");
    until(&format!("{what}: a peer gets in"), || pings("b", overlay("a")[0]));
}

/// Addresses behind `b`.
fn many_addresses() {
    sh("ip -n b route add local 10.79.0.0/16 dev lo; ip -n a route add 10.79.0.0/16 via 10.77.0.2");
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
        // Messages of a peer that has a keypair: the same ones again and again, and cookies that it did not ask for.
        let mut rogue = Rogue::new([22; 32], *to.as_bytes());
        let known = PrivateKey::from_bytes([22; 32]).public();
        a.set(&format!("peer {known} allowed-ips 10.78.0.9/32"));
        let socket = on("b", || UdpSocket::bind("10.77.0.2:0").unwrap());
        let (initiation, asked) = rogue.initiation(Flaw::None);
        socket.send_to(&initiation, "10.77.0.1:51820").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut response = [0; 200];
        let length = socket.recv(&mut response).unwrap();
        let keys = rogue.keys(&asked, &response[..length]);
        let replays: Vec<_> = (0..50).map(|counter| keys.data(counter, &[])).chain([initiation]).collect();
        let cookies: Vec<_> =
            (0..50u8).map(|n| [&[3, 0, 0, 0], &keys.their_index.to_le_bytes()[..], &[n; 56]].concat()).collect();
        many_addresses();
        let before = peak_kib(&a);
        let floods = [
            ("valid initiations", &valid, 1, false),
            ("valid initiations from many ports", &valid, 400, false),
            ("valid initiations from many addresses", &valid, 400, true),
            ("broken macs", &broken, 20, false),
            ("garbage", &garbage, 20, false),
            ("replays", &replays, 1, false),
            ("cookies", &cookies, 1, false),
        ];
        for (what, datagrams, sockets, apart) in floods {
            Flood::new(datagrams, sockets, apart, 40_000).during(|| {
                gets_in_anew(&b, what);
                carry("a", "b", overlay("b")[0], 200_000);
            });
        }
        let grown = peak_kib(&a) - before;
        assert!(grown < 64 * 1024, "{grown} KiB more");
    });
}

/// SEC-46. Both daemons, the flood and both ends of the stream share the machine's processors.
#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn floods_of_initiations_leave_a_stream_its_share_and_are_not_amplified() {
    run("flood::floods_of_initiations_leave_a_stream_its_share_and_are_not_amplified", || {
        let (a, b) = pair((Make::Ours, Make::WireGuardGo));
        many_addresses();
        let valid = initiations(a.public.parse().unwrap(), 300);
        let goodput = || received("a", "b", overlay("b")[0], Duration::from_secs(2));
        goodput();
        let before = peak_kib(&a);
        for (a_second, sockets, apart, share) in
            [(5_000, 1, false, 4), (5_000, 400, true, 4), (40_000, 1, false, 20), (40_000, 400, true, 20)]
        {
            let what = format!("{a_second} initiations a second from {sockets}");
            let alone = goodput();
            let flood = Flood::new(&valid, sockets, apart, a_second);
            let flooded = flood.during(|| {
                // Somebody else's work on the machine may take one moment's share, but not that of all.
                let mut flooded = goodput();
                for _ in 0..2 {
                    if flooded * share < alone {
                        flooded = flooded.max(goodput());
                    }
                }
                gets_in_anew(&b, &what);
                flooded
            });
            let (sent, answered) = (flood.sent() * 148, flood.answered() as u64);
            println!("{what}: {flooded} of {alone} bytes; {answered} bytes of answers to {sent}");
            assert!(flooded * share >= alone, "{what}: {flooded} bytes, and {alone} without it");
            assert!(answered <= sent, "{what}");
        }
        let grown = peak_kib(&a) - before;
        assert!(grown < 64 * 1024, "{grown} KiB more");
    });
}

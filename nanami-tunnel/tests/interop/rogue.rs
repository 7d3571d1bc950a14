//! The attacks of a rogue peer on `nanami-wg`, over real sockets: from two addresses of host `b`, seen on the interface of `a`.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use nanami_model::{PrivateKey, PublicKey};
use socket2::{Domain, Protocol, Socket, Type};

use super::attacks::{self, Victim};
use super::lab::*;

/// `nanami-wg` on host `a`.
struct Process {
    wg: Wg,
    rogue: String,
    usual: UdpSocket,
    elsewhere: UdpSocket,
    /// Sees every packet of host `a`, in both directions. The kernel keeps about 200 that nobody has read and loses the next.
    tap: Socket,
    /// What has been read from it since somebody asked.
    passed: Vec<Vec<u8>>,
    answers: Vec<Vec<u8>>,
    initiations: Vec<Vec<u8>>,
}

impl Process {
    /// Keeps what `tap` has seen that the rogue may have sent: everything that is neither on the cable nor the kernel's own.
    fn read_tap(&mut self) {
        let mut buffer = vec![0; 70_000];
        while let Ok(length) = std::io::Read::read(&mut &self.tap, &mut buffer) {
            let packet = &buffer[..length];
            let ends = (packet.get(12..16), packet.get(16..20));
            let is_own = ends.0 == Some(&[10, 78, 0, 1]) && ends.1 != Some(&[10, 78, 0, 1]);
            let on_the_cable = [ends.0, ends.1].iter().any(|end| end.is_some_and(|end| end.starts_with(&[10, 77, 0])));
            let is_strange = match packet[0] >> 4 {
                4 => !is_own && !on_the_cable,
                6 => packet.get(8..10) == Some(&[0xfd, 0xfd]),
                // Address resolution on the cable.
                version => version != 0,
            };
            if is_strange {
                self.passed.push(packet.to_vec());
            }
        }
    }

    /// What came to the rogue, but for what nobody asked for: keepalives, and initiations of which it has its own list.
    fn drain(&mut self) {
        let mut buffer = [0; 2000];
        for socket in [&self.usual, &self.elsewhere] {
            loop {
                match socket.recv_from(&mut buffer) {
                    Ok((148, _)) if std::ptr::eq(socket, &self.usual) => self.initiations.push(buffer[..148].to_vec()),
                    Ok((32, _)) if buffer[0] == 4 => {}
                    Ok((length, _)) => self.answers.push(buffer[..length].to_vec()),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    /// The next initiation.
    fn expect_initiation(&mut self) -> Vec<u8> {
        until("it speaks", || {
            self.drain();
            !self.initiations.is_empty()
        });
        self.initiations.remove(0)
    }
}

impl Victim for Process {
    fn send(&mut self, datagram: &[u8]) {
        self.usual.send_to(datagram, "10.77.0.1:51820").unwrap();
        self.read_tap();
    }

    fn send_from_elsewhere(&mut self, datagram: &[u8]) {
        self.elsewhere.send_to(datagram, "10.77.0.1:51820").unwrap();
    }

    fn heard(&mut self, answers: usize, packets: usize) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let start = Instant::now();
        let mut quiet_since = start;
        // What must not come has this long to come; what must come has longer.
        while quiet_since.elapsed() < Duration::from_millis(60)
            || self.answers.len() < answers
            || self.passed.len() < packets
        {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{} answers, {} packets",
                self.answers.len(),
                self.passed.len()
            );
            let before = (self.answers.len(), self.passed.len());
            self.drain();
            self.read_tap();
            if (self.answers.len(), self.passed.len()) != before {
                quiet_since = Instant::now();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        (std::mem::take(&mut self.answers), std::mem::take(&mut self.passed))
    }

    fn initiation(&mut self) -> Vec<u8> {
        self.wg.sh("ip link set wg-a down; ip link set wg-a up; ip route replace 10.78.0.2 dev wg-a");
        self.drain();
        self.initiations.clear();
        self.wg.sh("ping -c 1 -W 0.01 10.78.0.2 > /dev/null || true");
        self.expect_initiation()
    }

    fn another_initiation(&mut self) -> Vec<u8> {
        self.drain();
        self.initiations.clear();
        self.wg.set(&format!("peer {} endpoint 10.77.0.2:51820", self.rogue));
        self.expect_initiation()
    }
}

#[test]
#[ignore = "needs root, wg, ip and unshare"]
fn a_rogue_peer_with_a_valid_key_does_no_harm() {
    run("rogue::a_rogue_peer_with_a_valid_key_does_no_harm", || {
        let wg = Wg::start(Make::Ours, "a");
        wg.sh("sysctl -qw net.ipv6.conf.wg-a.disable_ipv6=1");
        let private = PrivateKey::from_bytes([22; 32]);
        let rogue = private.public().to_string();
        wg.set(&format!("peer {rogue} allowed-ips 10.78.0.2/32 endpoint 10.77.0.2:51820"));
        wg.sh("ip address add 10.78.0.1/32 dev wg-a; ip link set wg-a up; ip route add 10.78.0.2 dev wg-a");
        // The kernel would say that nobody listens.
        let _sink = on("a", || UdpSocket::bind("10.78.0.1:9").unwrap());
        sh("ip -n b address add 10.77.0.66/24 dev cable-b");
        let socket = |at: &'static str| {
            let socket = on("b", || UdpSocket::bind(at).unwrap());
            socket.set_nonblocking(true).unwrap();
            socket
        };
        let tap = on("a", || {
            let tap = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(i32::from(EVERYTHING.to_be()))));
            let tap = tap.unwrap();
            tap.set_nonblocking(true).unwrap();
            tap
        });
        let public: PublicKey = wg.public.parse().unwrap();
        let mut process = Process {
            wg,
            rogue,
            usual: socket("10.77.0.2:51820"),
            elsewhere: socket("10.77.0.66:51820"),
            tap,
            passed: Vec::new(),
            answers: Vec::new(),
            initiations: Vec::new(),
        };
        attacks::all(&mut process, *public.as_bytes(), *private.expose());
    });
}

/// `ETH_P_ALL` of Linux.
const EVERYTHING: u16 = 3;

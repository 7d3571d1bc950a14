//! What a peer that holds a valid key, and means harm, may try; and what comes of it. Whoever stands at the other end.

use std::net::Ipv4Addr;

use super::noise::{Flaw, Keys, Rogue};

/// Plain WireGuard with the overlay address 10.78.0.1, whose one peer is the rogue, with 10.78.0.2.
pub(crate) trait Victim {
    /// Sends it a datagram, from the rogue's usual address.
    fn send(&mut self, datagram: &[u8]);

    /// The same from another address.
    fn send_from_elsewhere(&mut self, datagram: &[u8]);

    /// The datagrams with which it answered and the inner packets that it let through, since this was last asked, when all that
    /// was sent has been seen to. `answers` and `packets` are how many there are at least.
    fn heard(&mut self, answers: usize, packets: usize) -> (Vec<Vec<u8>>, Vec<Vec<u8>>);

    /// Ends its keypairs and makes it speak to the rogue; gives the initiation, which came to the rogue's usual address.
    fn initiation(&mut self) -> Vec<u8>;

    /// Makes it try once more.
    fn another_initiation(&mut self) -> Vec<u8>;
}

/// A victim, and the keypair that both have.
struct Attack<'a, V> {
    victim: &'a mut V,
    rogue: Rogue,
    keys: Keys,
}

/// All attacks on a victim with this public key; the rogue has this private one.
pub(crate) fn all(victim: &mut impl Victim, public: [u8; 32], private: [u8; 32]) {
    let mut rogue = Rogue::new(private, public);
    handshakes(victim, &mut rogue, Rogue::new([77; 32], public));
    cookies(victim, &rogue);
    let keys = connect(victim, &mut rogue);
    let mut attack = Attack { victim, rogue, keys };
    attack.counters();
    attack.window();
    attack.indices();
    attack.packets();
    attack.lengths();
    attack.endpoint();
}

/// A handshake that is as it should be, and one packet under it.
fn connect(victim: &mut impl Victim, rogue: &mut Rogue) -> Keys {
    let (initiation, asked) = rogue.initiation(Flaw::None);
    victim.send(&initiation);
    let (answers, _) = victim.heard(1, 0);
    let keys = rogue.keys(&asked, &answers[0]);
    victim.send(&keys.data(0, &packet(0)));
    let (_, packets) = victim.heard(0, 1);
    assert_eq!(packets, [packet(0)], "an honest packet");
    keys
}

/// SEC-45, SEC-46: silence without a first mac, for strangers, replays, old ones and points of low order.
fn handshakes(victim: &mut impl Victim, rogue: &mut Rogue, mut stranger: Rogue) {
    let silent = |victim: &mut dyn Victim, what: &str, datagram: &[u8]| {
        victim.send(datagram);
        assert_eq!(victim.heard(0, 0), (vec![], vec![]), "{what}");
    };
    silent(victim, "a wrong first mac", &rogue.initiation(Flaw::Mac).0);
    silent(victim, "a key that it does not know", &stranger.initiation(Flaw::None).0);
    for point in low_order() {
        silent(victim, "an ephemeral key of low order", &rogue.initiation(Flaw::LowOrder(point)).0);
    }
    let (initiation, _) = rogue.initiation(Flaw::None);
    victim.send(&initiation);
    assert_eq!(victim.heard(1, 0).0.len(), 1, "an honest initiation is answered");
    silent(victim, "a replayed initiation", &initiation);
    silent(victim, "an initiation that is older", &rogue.initiation_at(1 << 62 | 1_800_000_000, Flaw::None).0);
    for length in [0, 1, 3, 4, 31, 147] {
        silent(victim, "an initiation that is cut short", &initiation[..length]);
    }
    silent(victim, "an initiation that is too long", &[&initiation[..], &[0]].concat());
}

/// A cookie counts only for the initiation that it answers.
fn cookies(victim: &mut impl Victim, rogue: &Rogue) {
    let carries_one = |initiation: &[u8]| initiation[132..] != [0; 16];
    let first = victim.initiation();
    assert!(!carries_one(&first));
    victim.send(&rogue.cookie(&first, false));
    let mut forged = rogue.cookie(&first, true);
    forged[40] ^= 1;
    victim.send(&forged);
    let second = victim.another_initiation();
    assert!(!carries_one(&second), "a forged cookie was believed");
    victim.send(&rogue.cookie(&second, true));
    // One that is on its way already was made without it.
    let believed = (0..3).any(|_| carries_one(&victim.another_initiation()));
    assert!(believed, "a right one was not");
    assert_eq!(victim.heard(0, 0), (vec![], vec![]), "cookies have no answer");
}

impl<V: Victim> Attack<'_, V> {
    /// Sends these; gives the numbers of the packets that came through, in order. Nothing is ever answered.
    fn passed(&mut self, datagrams: impl IntoIterator<Item = Vec<u8>>, at_least: usize) -> Vec<u32> {
        for datagram in datagrams {
            self.victim.send(&datagram);
        }
        let (answers, packets) = self.victim.heard(0, at_least);
        assert_eq!(answers, Vec::<Vec<u8>>::new());
        packets.iter().map(|packet| u32::from_be_bytes(packet[28..32].try_into().unwrap())).collect()
    }

    /// SEC-43: a counter near the end is dropped, and does not move the window.
    fn counters(&mut self) {
        let last = u64::MAX - (1 << 13);
        for counter in [u64::MAX, u64::MAX - 1, u64::MAX - 1024, last + 1, last] {
            let datagram = self.keys.data(counter, &packet(1));
            assert_eq!(self.passed([datagram], 0), [], "counter {counter}");
        }
        let datagram = self.keys.data(1, &packet(1));
        assert_eq!(self.passed([datagram], 1), [1]);
    }

    /// boringtun's window holds 1,024 counters (TUNNEL.md fact 9).
    fn window(&mut self) {
        let data = |keys: &Keys, counter: u64| keys.data(counter, &packet(counter as u32));
        let datagrams = [3000, 3000, 3000 - 1000, 3000 - 1000, 3000 - 1900, 1].map(|counter| data(&self.keys, counter));
        assert_eq!(
            self.passed(datagrams, 2),
            [3000, 2000],
            "3,000; its replay; 1,000 behind, its replay; 1,900 behind; 1"
        );
        let datagrams: Vec<_> = (3001..=3100).rev().map(|counter| data(&self.keys, counter)).collect();
        let twice = datagrams.iter().chain(&datagrams).cloned();
        assert_eq!(self.passed(twice, 100), (3001..=3100).rev().collect::<Vec<_>>(), "any order, and each once");
    }

    /// An index leads to its keypair or to nothing.
    fn indices(&mut self) {
        let right = self.keys.their_index;
        for index in (0..32).map(|bit| right ^ (1 << bit)).chain([0, u32::MAX]) {
            let datagram = self.keys.data_to(index, 4000, &packet(2));
            assert_eq!(self.passed([datagram], 0), [], "{index:#x} instead of {right:#x}");
        }
        let datagram = self.keys.data(4000, &packet(2));
        assert_eq!(self.passed([datagram], 1), [2]);
    }

    /// SEC-41, SEC-42: what is inside is a packet, and from an address of the rogue's.
    fn packets(&mut self) {
        let changed = |at: usize, to: &[u8]| {
            let mut bytes = packet(3);
            bytes[at..at + to.len()].copy_from_slice(to);
            bytes
        };
        let v6 = |length: u16| [&[0x60, 0, 0, 0][..], &length.to_be_bytes(), &[17, 64], &[0xfd; 32], &[0; 8]].concat();
        let bad: [(&str, Vec<u8>); 18] = [
            ("another's source", changed(12, &[10, 78, 0, 3])),
            ("the victim's own source", changed(12, &[10, 78, 0, 1])),
            ("no source", changed(12, &[0, 0, 0, 0])),
            ("a source of another family", v6(8)),
            ("version 0", changed(0, &[0x05])),
            ("version 5", changed(0, &[0x55])),
            ("version 15", changed(0, &[0xf5])),
            ("a header of no length", changed(0, &[0x40])),
            ("a header of 16 bytes", changed(0, &[0x44])),
            ("a header of 60 bytes", changed(0, &[0x4f])),
            ("a total length of 0", changed(2, &[0, 0])),
            ("a total length of 19", changed(2, &[0, 19])),
            ("a total length that is beyond", changed(2, &[0, 33])),
            ("a total length of 65,535", changed(2, &[255, 255])),
            ("19 bytes", packet(3)[..19].to_vec()),
            ("one byte", vec![0x45]),
            ("an IPv6 length that is beyond", v6(9)),
            ("half an IPv6 header", v6(8)[..20].to_vec()),
        ];
        for (counter, (what, bytes)) in (5000..).zip(bad) {
            let datagram = self.keys.data(counter, &bytes);
            assert_eq!(self.passed([datagram], 0), [], "{what}");
        }
        let padded = [&packet(3)[..], &[0xee; 9]].concat();
        self.victim.send(&self.keys.data(6000, &padded));
        assert_eq!(self.victim.heard(0, 1).1, [packet(3)], "padding is cut off");
    }

    /// SEC-40: lengths that no message has.
    fn lengths(&mut self) {
        for (counter, length) in (7000..).zip([2048, 9000, 40_000, 65_507 - 32]) {
            let mut long = packet(4);
            long.resize(length, 0);
            let datagram = self.keys.data(counter, &long);
            // Padding beyond reason is still padding.
            assert_eq!(self.passed([datagram], 1), [4], "{length}");
        }
        let short = self.keys.data(7100, &packet(4));
        for length in 0..short.len() {
            self.victim.send(&short[..length]);
        }
        let mut noise = vec![0xa5; 65_507];
        for kind in 0..=5 {
            noise[..4].copy_from_slice(&[kind, 0, 0, 0]);
            noise[4..8].copy_from_slice(&self.keys.their_index.to_le_bytes());
            for length in [65_507, 60_000, 149, 148, 93, 92, 65, 64, 33, 32, 16] {
                self.victim.send(&noise[..length]);
            }
        }
        assert_eq!(self.passed([short], 1), [4], "it is there as before");
    }

    /// SEC-44: only what is authentic and new says where a peer is.
    fn endpoint(&mut self) {
        let replayed = self.keys.data(8000, &packet(5));
        assert_eq!(self.passed([replayed.clone()], 1), [5]);
        let mut tampered = self.keys.data(8001, &packet(5));
        *tampered.last_mut().unwrap() ^= 1;
        let (old, _) = self.rogue.initiation_at(1 << 62 | 1_800_000_000, Flaw::None);
        for datagram in [replayed, tampered, old] {
            self.victim.send_from_elsewhere(&datagram);
        }
        assert_eq!(self.victim.heard(0, 0), (vec![], vec![]));
        // It comes to the usual address, or `initiation` fails.
        let initiation = self.victim.initiation();
        self.victim.send_from_elsewhere(&self.rogue.cookie(&initiation, true));
        self.victim.initiation();
    }
}

/// A UDP packet from the rogue to the victim that says `n`.
pub(crate) fn packet(n: u32) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 32, 0, 0, 0x40, 0, 64, 17, 0, 0];
    packet.extend(Ipv4Addr::new(10, 78, 0, 2).octets());
    packet.extend(Ipv4Addr::new(10, 78, 0, 1).octets());
    packet.extend([0, 9, 0, 9, 0, 12, 0, 0]);
    packet.extend(n.to_be_bytes());
    let words = packet[..20].chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let sum = words.sum::<u32>();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// The points of order 1, 2, 4 and 8 (https://cr.yp.to/ecdh.html); the highest bit of an encoding means nothing.
fn low_order() -> impl Iterator<Item = [u8; 32]> {
    let ends = |first: u8, all: u8, last: u8| {
        let mut point = [all; 32];
        (point[0], point[31]) = (first, last);
        point
    };
    let order_eight = [
        [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
            0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
        ],
        [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44,
            0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
        ],
    ];
    let short = [ends(0, 0, 0), ends(1, 0, 0), ends(0xec, 0xff, 0x7f), ends(0xed, 0xff, 0x7f), ends(0xee, 0xff, 0x7f)];
    short.into_iter().chain(order_eight).flat_map(|mut point| {
        let plain = point;
        point[31] |= 0x80;
        [plain, point]
    })
}

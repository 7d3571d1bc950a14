//! Inner packets, as a neighbor can send them that holds a valid key: authenticated, and still not trusted.

use std::net::IpAddr;

use super::Outcome;
use super::tunnel::{HERE, NEIGHBOR, World, cidr};

/// chosen: one packet is answered by a refusal, or by a few datagrams when it starts something.
const MOST_ANSWERS: usize = 4;

pub(super) fn target(data: &[u8]) -> Outcome {
    let mut world = World::new();
    // boringtun takes any payload as a packet; an empty one is its keepalive.
    let datagram = world.sealed(&data[..data.len().min(65_000)]);
    let heard = world.hear(World::address(), &datagram);
    assert!(heard.answers.len() <= MOST_ANSWERS, "one packet has {} answers", heard.answers.len());
    assert!(heard.packets.len() <= 1, "one packet has become several");
    for packet in heard.packets.iter() {
        assert!(data.starts_with(packet), "a packet that nobody sent");
        let (source, destination) = whole(packet);
        assert!(NEIGHBOR.iter().any(|own| cidr(own).contains(source)), "{source} is not the neighbor's (SEC-41)");
        assert!(HERE.iter().any(|here| cidr(here).contains(destination)), "{destination} is not here");
    }
    assert!(world.still_carries(), "one packet has ended the session");
    if heard.packets.is_empty() { Outcome::Refused } else { Outcome::Taken }
}

/// Source and destination of a packet that is exactly as long as it says (SEC-42).
fn whole(packet: &[u8]) -> (IpAddr, IpAddr) {
    fn part<const N: usize>(packet: &[u8], at: usize) -> [u8; N] {
        packet[at..at + N].try_into().expect("a slice of N bytes")
    }
    let (said, source, destination) = match packet[0] >> 4 {
        4 => {
            assert!(packet[0] & 0x0f >= 5, "a header shorter than a header");
            (
                usize::from(u16::from_be_bytes(part(packet, 2))),
                part::<4>(packet, 12).into(),
                part::<4>(packet, 16).into(),
            )
        }
        6 => {
            let payload = usize::from(u16::from_be_bytes(part(packet, 4)));
            (payload + 40, part::<16>(packet, 8).into(), part::<16>(packet, 24).into())
        }
        version => panic!("IP version {version} was handed up"),
    };
    assert_eq!(said, packet.len(), "it says {said} bytes and has {}", packet.len());
    (source, destination)
}

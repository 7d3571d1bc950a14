//! Operations on an engine with three neighbors, beside a small reference that says what comes of each.
//!
//! Every operation is four bytes: which, and three choices. Neighbors are engines without a filter, on a wire that loses
//! nothing; time is a variable. What is delivered and what is counted has to be what the reference says, at once.

use std::net::IpAddr;
use std::time::Duration;

use super::Outcome;
use network::Network;
use reference::{Reference, Verdict};

mod network;
mod reference;

pub(super) fn target(data: &[u8]) -> Outcome {
    let (mut network, mut reference) = (Network::new(), Reference::default());
    network.tell(&mut reference);
    let mut outcome = Outcome::Refused;
    for (number, operation) in data.chunks_exact(4).take(MOST).enumerate() {
        let [what, a, b, c] = [operation[0], operation[1], operation[2], operation[3]];
        let neighbor = usize::from(a) % NEIGHBORS;
        let port = 1 + u16::from(c % 2);
        // A port of its own for each packet, so that flows are continued on purpose only.
        let own_port = 1000 + number as u16;
        match what % 12 {
            0 => {
                reference.present[neighbor] ^= true;
                network.tell(&mut reference);
                if reference.present[neighbor] {
                    network.share(&mut reference, neighbor);
                }
            }
            1 | 2 => {
                let prefix = usize::from(b) % reference.owners.len();
                reference.owners[prefix] = (c % 4 != 3).then_some(neighbor);
                network.tell(&mut reference);
            }
            3 => {
                reference.accepts[usize::from(b) % SOURCES.len()][usize::from(c) % 2] ^= true;
                network.tell(&mut reference);
            }
            4 => network.estrange(&mut reference, neighbor),
            5 => network.share(&mut reference, neighbor),
            6 => network.pass(Duration::from_secs(u64::from(b) / 4)),
            7 => network.rekey(&mut reference),
            8 => network.stranger(operation, data),
            9 => {
                let packet = packet((OWN, own_port), (address(SOURCES, b), port));
                send_out(&mut network, &mut reference, &packet);
            }
            10 if c >= 128 => {
                if let Some(packet) = reference.answer_out() {
                    send_out(&mut network, &mut reference, &packet);
                }
            }
            10 => {
                if let Some(packet) = reference.answer_in().filter(|_| reference.is_heard(neighbor)) {
                    send_in(&mut network, &mut reference, neighbor, &packet);
                }
            }
            _ if reference.is_heard(neighbor) => {
                let packet = packet((address(SOURCES, b), own_port), (OWN, port));
                send_in(&mut network, &mut reference, neighbor, &packet);
                outcome = Outcome::Taken;
            }
            _ => {}
        }
        reference.check(&mut network);
    }
    outcome
}

/// The engine sends; whoever owns the destination gets it.
fn send_out(network: &mut Network, reference: &mut Reference, packet: &[u8]) {
    let verdict = reference.outbound(packet);
    assert_eq!(network.send_out(packet), verdict == Verdict::Refused, "{packet:?}");
    if let Verdict::Delivered(at) = verdict {
        assert_eq!(network.arrived(at), [packet], "neighbor {at}");
    }
}

/// A neighbor sends; the engine delivers what its map allows.
fn send_in(network: &mut Network, reference: &mut Reference, from: usize, packet: &[u8]) {
    let expected = matches!(reference.inbound(from, packet), Verdict::Delivered(_));
    network.send_in(from, packet);
    assert_eq!(network.delivered(), if expected { vec![packet.to_vec()] } else { vec![] }, "from neighbor {from}");
}

/// A UDP packet of eight bytes' length; IPv4 without a checksum, which nobody looks at.
fn packet(from: (IpAddr, u16), to: (IpAddr, u16)) -> Vec<u8> {
    let (IpAddr::V4(source), IpAddr::V4(destination)) = (from.0, to.0) else { unreachable!("the constants are IPv4") };
    let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend(source.octets().into_iter().chain(destination.octets()));
    packet.extend([from.1, to.1, 8, 0].into_iter().flat_map(u16::to_be_bytes));
    packet
}

fn address(from: &[[u8; 4]], choice: u8) -> IpAddr {
    IpAddr::from(from[usize::from(choice) % from.len()])
}

/// Below what an engine takes from one address in a second, and what waits without loss.
const MOST: usize = 30;
const NEIGHBORS: usize = 3;
/// The engine's own address.
const OWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
/// Addresses of others, in and beside the prefixes that move.
const SOURCES: &[[u8; 4]] = &[[10, 1, 0, 1], [10, 1, 0, 2], [10, 1, 9, 9], [10, 2, 0, 1], [172, 16, 0, 1]];
/// Prefixes that have one owner or none: nested, so that the longest counts.
const PREFIXES: &[&str] = &["10.1.0.1/32", "10.1.0.0/24", "10.1.0.0/16", "10.0.0.0/8", "0.0.0.0/0"];

//! Datagrams, as anybody on the Internet can send them to an engine that has a live session.
//!
//! The first byte says how: 0 as they are, from the neighbor's address; 1 as they are, from elsewhere; 2 a datagram of
//! the session and 3 an initiation, both changed by the triples (place, place, value) that follow.

use std::net::SocketAddr;

use super::Outcome;
use super::tunnel::{World, honest_packet};

/// The second mac covers nothing that was agreed; without load nobody looks at it.
const UNREAD: usize = 16;

pub(super) fn target(data: &[u8]) -> Outcome {
    let Some((how, rest)) = data.split_first() else { return Outcome::Refused };
    let mut world = World::new();
    let stranger = SocketAddr::from(([198, 51, 100, 7], 9));
    let outcome = match how {
        0 => raw(&mut world, World::address(), rest),
        1 => raw(&mut world, stranger, rest),
        2 => {
            let datagram = world.sealed(&honest_packet());
            let changed = change(&datagram, rest);
            let heard = world.hear(stranger, &changed);
            assert_eq!(heard.packets.len(), usize::from(changed == datagram), "exactly what was not changed passes");
            assert!(heard.answers.is_empty(), "a datagram of the session is answered");
            if changed == datagram { Outcome::Taken } else { Outcome::Refused }
        }
        _ => {
            let initiation = world.initiation();
            let changed = change(&initiation, rest);
            let read = initiation.len() - UNREAD;
            let same = changed.len() == initiation.len() && changed[..read] == initiation[..read];
            let heard = world.hear(stranger, &changed);
            assert!(heard.packets.is_empty(), "a handshake carries no packet");
            assert_eq!(heard.answers.len(), usize::from(same), "exactly what was not changed is answered");
            if same { Outcome::Taken } else { Outcome::Refused }
        }
    };
    assert!(world.still_carries(), "the session of somebody else has suffered");
    outcome
}

/// Nobody guesses an authentic datagram: silence, and nothing handed up (SEC-45).
fn raw(world: &mut World, from: SocketAddr, datagram: &[u8]) -> Outcome {
    let heard = world.hear(from, datagram);
    assert!(heard.packets.is_empty(), "a datagram that nobody sealed came through");
    assert!(heard.answers.is_empty(), "a datagram that nobody sealed was answered");
    Outcome::Refused
}

/// Sets bytes; the first place beyond the end cuts or lengthens instead.
fn change(datagram: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut changed = datagram.to_vec();
    for change in changes.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([change[0], change[1]]));
        match changed.get_mut(place) {
            Some(byte) => *byte = change[2],
            None => changed.resize(usize::from(change[2]), 0),
        }
    }
    changed
}

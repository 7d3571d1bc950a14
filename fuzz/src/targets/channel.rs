//! The channel between a peer and control, as whoever reaches the port can speak to it.
//!
//! The first byte says who listens: control, a peer, or control on a channel that is open. Keys and seeds are fixed, so
//! that a corpus can hold streams that verify.

use nanami_control::channel::{Channel, ChannelError, Event};
use nanami_model::{Name, PrivateKey, name};

use super::Outcome;

pub(super) fn target(data: &[u8]) -> Outcome {
    let Some((who, stream)) = data.split_first() else { return Outcome::Refused };
    let at_once = hear(*who, std::iter::once(stream));
    let in_bytes = hear(*who, stream.chunks(1));
    assert_eq!(at_once, in_bytes, "how a stream is cut changes what it says");
    if at_once.0.is_empty() { Outcome::Refused } else { Outcome::Taken }
}

/// What comes out of one end that hears these pieces; it hears nothing after its first error.
fn hear<'a>(who: u8, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, Option<ChannelError>) {
    let mut end = match who {
        0 => control(),
        1 => peer(),
        _ => open().1,
    };
    let error = pieces.map(|piece| end.handle_bytes(piece)).find_map(Result::err);
    let mut events = Vec::new();
    while let Some(event) = end.poll_event() {
        events.push(event);
    }
    (events, error)
}

fn workspace() -> Name {
    name!("acme")
}

/// A peer that waits for control's answer.
fn peer() -> Channel {
    let control = PrivateKey::from_bytes([2; 32]).public();
    Channel::connect(&PrivateKey::from_bytes([1; 32]), &control, &workspace(), [3; 32]).expect("the keys are valid")
}

/// Control, waiting for a peer.
fn control() -> Channel {
    Channel::accept(&PrivateKey::from_bytes([2; 32]), &workspace(), [4; 32]).expect("the keys are valid")
}

/// Both ends of a channel that has carried one message.
fn open() -> (Channel, Channel) {
    let (mut near, mut far) = (peer(), control());
    far.handle_bytes(&near.poll_transmit().expect("message 1")).expect("it verifies");
    near.handle_bytes(&far.poll_transmit().expect("message 2")).expect("it verifies");
    near.send(b"hello").expect("the channel is open");
    far.handle_bytes(&near.poll_transmit().expect("a message")).expect("it verifies");
    while far.poll_event().is_some() {}
    (near, far)
}

/// Streams that this target takes, for its corpus.
pub mod streams {
    use super::{control, open, peer};

    /// What control hears from a peer that opens a channel and says something.
    pub fn joining() -> Vec<u8> {
        let (mut near, mut far) = (peer(), control());
        let mut stream = vec![0];
        let mut carry = |near: &mut super::Channel| {
            let bytes = near.poll_transmit().expect("there is something to send");
            stream.extend_from_slice(&bytes);
            far.handle_bytes(&bytes).expect("it verifies");
            far.poll_transmit()
        };
        let answer = carry(&mut near).expect("message 2");
        near.handle_bytes(&answer).expect("it verifies");
        near.send(b"hello").expect("the channel is open");
        carry(&mut near);
        stream
    }

    /// What a peer hears from control.
    pub fn answer() -> Vec<u8> {
        let (mut near, mut far) = (peer(), control());
        far.handle_bytes(&near.poll_transmit().expect("message 1")).expect("it verifies");
        [vec![1], far.poll_transmit().expect("message 2")].concat()
    }

    /// What control hears on a channel that is open: a short message and one of several fragments.
    pub fn talking() -> Vec<u8> {
        let (mut near, _) = open();
        let mut stream = vec![2];
        for message in [b"again".to_vec(), vec![7; 70_000]] {
            near.send(&message).expect("the channel is open");
            while let Some(bytes) = near.poll_transmit() {
                stream.extend_from_slice(&bytes);
            }
        }
        stream
    }
}

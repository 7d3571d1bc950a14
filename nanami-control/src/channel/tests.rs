//! SEC-10: wrong keys, swapped workspaces, replays, low-order keys, and every single corrupted byte are refused.

use nanami_model::{Name, PrivateKey, PublicKey, name};
use snow::{Builder, params::NoiseParams};

use super::*;

const SEEDS: [[u8; 32]; 2] = [[3; 32], [4; 32]];

#[test]
fn messages_of_every_size_arrive_in_order_whatever_the_pieces() {
    let (mut near, mut far) = opened();
    let messages = [0, 1, 65_517, 65_518, 65_519, 70_000, MAX_MESSAGE_BYTES].map(|length| vec![length as u8; length]);
    for message in &messages {
        near.send(message).unwrap();
    }
    let wire = near.poll_transmit().unwrap();
    for piece in wire.chunks(4097) {
        far.handle_bytes(piece).unwrap();
    }
    for message in messages {
        assert!(far.poll_event() == Some(Event::Message(message)));
    }
    assert_eq!(far.poll_event(), None);
}

#[test]
fn single_bytes_are_enough_and_answers_flow_back() {
    let (mut near, mut far) = opened();
    far.send(b"welcome").unwrap();
    for byte in far.poll_transmit().unwrap() {
        near.handle_bytes(&[byte]).unwrap();
    }
    assert_eq!(near.poll_event(), Some(Event::Message(b"welcome".to_vec())));
}

#[test]
fn too_large_a_message_is_refused_and_the_channel_lives() {
    let (mut near, mut far) = opened();
    let refused = near.send(&vec![0; MAX_MESSAGE_BYTES + 1]);
    assert_eq!(refused, Err(ChannelError::TooLarge { limit: MAX_MESSAGE_BYTES }));
    near.send(b"smaller").unwrap();
    far.handle_bytes(&near.poll_transmit().unwrap()).unwrap();
    assert_eq!(far.poll_event(), Some(Event::Message(b"smaller".to_vec())));
}

#[test]
fn nothing_is_sent_before_the_channel_is_open() {
    let mut near = Channel::connect(&key(1), &key(2).public(), &name!("acme"), SEEDS[0]).unwrap();
    assert_eq!(near.send(b"secret"), Err(ChannelError::NotOpen));
    let mut far = Channel::accept(&key(2), &name!("acme"), SEEDS[1]).unwrap();
    far.handle_bytes(&near.poll_transmit().unwrap()).unwrap();
    assert_eq!(far.send(b"secret"), Err(ChannelError::NotOpen), "the initiator has proved nothing yet");
}

#[test]
fn another_control_key_is_refused_by_both_ends() {
    let mut near = Channel::connect(&key(1), &key(9).public(), &name!("acme"), SEEDS[0]).unwrap();
    let mut far = Channel::accept(&key(2), &name!("acme"), SEEDS[1]).unwrap();
    assert_eq!(far.handle_bytes(&near.poll_transmit().unwrap()), Err(ChannelError::Handshake));
    assert_eq!((far.poll_event(), far.poll_transmit()), (None, None));

    let mut honest = Channel::accept(&key(9), &name!("acme"), SEEDS[1]).unwrap();
    let mut near = Channel::connect(&key(1), &key(9).public(), &name!("acme"), SEEDS[0]).unwrap();
    honest.handle_bytes(&near.poll_transmit().unwrap()).unwrap();
    let mut answer = honest.poll_transmit().unwrap();
    let forged = key(2).public();
    answer[2..34].copy_from_slice(forged.as_bytes());
    assert_eq!(near.handle_bytes(&answer), Err(ChannelError::Handshake));
}

#[test]
fn a_swapped_workspace_is_refused() {
    let mut near = Channel::connect(&key(1), &key(2).public(), &name!("acme"), SEEDS[0]).unwrap();
    let mut far = Channel::accept(&key(2), &name!("acme-2"), SEEDS[1]).unwrap();
    assert_eq!(far.handle_bytes(&near.poll_transmit().unwrap()), Err(ChannelError::Handshake));
}

#[test]
fn a_replayed_message_1_opens_nothing_and_recorded_transport_does_not_follow_it() {
    let mut near = Channel::connect(&key(1), &key(2).public(), &name!("acme"), SEEDS[0]).unwrap();
    let mut far = Channel::accept(&key(2), &name!("acme"), SEEDS[1]).unwrap();
    let initiation = near.poll_transmit().unwrap();
    far.handle_bytes(&initiation).unwrap();
    near.handle_bytes(&far.poll_transmit().unwrap()).unwrap();
    near.send(b"the join key").unwrap();
    let hello = near.poll_transmit().unwrap();
    far.handle_bytes(&hello).unwrap();
    assert!(matches!(far.poll_event(), Some(Event::Open { .. })));

    // The recording is played to a fresh responder, which has another ephemeral key.
    let mut replayed = Channel::accept(&key(2), &name!("acme"), [5; 32]).unwrap();
    replayed.handle_bytes(&initiation).unwrap();
    assert_eq!(replayed.poll_event(), None, "message 1 alone proves nothing");
    assert_eq!(
        replayed.poll_transmit().unwrap().len(),
        2 + noise::ANSWER_BYTES,
        "an answer without a payload, no more"
    );
    assert_eq!(replayed.handle_bytes(&hello), Err(ChannelError::Altered));
    assert_eq!((replayed.poll_event(), replayed.poll_transmit()), (None, None));
}

#[test]
fn a_low_order_static_key_is_refused_before_it_is_used() {
    // The initiator's static key is sent encrypted; snow derives the point 0 from no private key, so the message is
    // made by a resolver whose "static key" is the point itself.
    for point in [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        let initiation = low_order::initiation(point, &key(2).public(), &noise::prologue(&name!("acme")));
        let mut far = Channel::accept(&key(2), &name!("acme"), SEEDS[1]).unwrap();
        let mut framed = Vec::new();
        frame::push(&mut framed, &initiation);
        assert_eq!(far.handle_bytes(&framed), Err(ChannelError::LowOrder));
        assert_eq!((far.poll_event(), far.poll_transmit()), (None, None));
    }
}

#[test]
fn a_payload_in_a_handshake_message_is_refused() {
    // A join key in a handshake payload could be replayed; such a message 1 is longer than ours, and never read.
    let mut noise = Noise::initiator(&key(1), &key(2).public(), &name!("acme"), SEEDS[0]).unwrap();
    let mut framed = Vec::new();
    frame::push(&mut framed, &noise.write_with(b"nnm_jk").unwrap());
    let mut far = Channel::accept(&key(2), &name!("acme"), SEEDS[1]).unwrap();
    assert_eq!(far.handle_bytes(&framed), Err(ChannelError::Malformed));
    assert_eq!((far.poll_event(), far.poll_transmit()), (None, None));
}

#[test]
fn every_single_corrupted_byte_is_refused() {
    let fresh = || {
        let near = Channel::connect(&key(1), &key(2).public(), &name!("acme"), SEEDS[0]).unwrap();
        (near, Channel::accept(&key(2), &name!("acme"), SEEDS[1]).unwrap())
    };
    let (mut near, mut far) = fresh();
    let initiation = near.poll_transmit().unwrap();
    far.handle_bytes(&initiation).unwrap();
    let answer = far.poll_transmit().unwrap();
    near.handle_bytes(&answer).unwrap();
    near.send(b"one message").unwrap();
    let message = near.poll_transmit().unwrap();

    for at in 0..initiation.len() {
        let (_, mut far) = fresh();
        assert!(never_opens(&mut far, &corrupted(&initiation, at)), "message 1, byte {at}");
    }
    for at in 0..answer.len() {
        let (mut near, _) = fresh();
        assert!(never_opens(&mut near, &corrupted(&answer, at)), "message 2, byte {at}");
    }
    for at in 0..message.len() {
        let (_, mut far) = fresh();
        far.handle_bytes(&initiation).unwrap();
        assert_eq!(far.poll_transmit().as_ref(), Some(&answer));
        assert!(never_opens(&mut far, &corrupted(&message, at)), "transport, byte {at}");
    }
}

#[test]
fn repeated_reordered_and_truncated_messages_are_refused() {
    let (mut near, mut far) = opened();
    near.send(b"first").unwrap();
    let first = near.poll_transmit().unwrap();
    near.send(b"second").unwrap();
    let second = near.poll_transmit().unwrap();
    assert_eq!(far.handle_bytes(&second), Err(ChannelError::Altered));
    assert_eq!(far.handle_bytes(&first), Err(ChannelError::NotOpen), "a failed channel stays failed");

    let (mut near, mut far) = opened();
    near.send(b"first").unwrap();
    let first = near.poll_transmit().unwrap();
    far.handle_bytes(&first[..first.len() - 1]).unwrap();
    assert_eq!(far.poll_event(), None);
    far.handle_bytes(&first[first.len() - 1..]).unwrap();
    assert_eq!(far.handle_bytes(&first), Err(ChannelError::Altered), "a repetition");
}

#[test]
fn frames_of_impossible_length_are_refused_on_their_two_bytes() {
    for length in [0u16, 97, 4096, u16::MAX] {
        let mut far = Channel::accept(&key(2), &name!("acme"), SEEDS[1]).unwrap();
        assert_eq!(far.handle_bytes(&length.to_be_bytes()), Err(ChannelError::Malformed), "{length}");
    }
    let (_, mut far) = opened();
    assert_eq!(far.handle_bytes(&[0, 0]), Err(ChannelError::Malformed));
}

#[test]
fn debug_output_holds_no_key() {
    let (near, far) = opened();
    assert_eq!(format!("{near:?} {far:?}"), "Channel { state: \"open\", .. } Channel { state: \"open\", .. }");
}

fn key(byte: u8) -> PrivateKey {
    PrivateKey::from_bytes([byte; 32])
}

fn opened() -> (Channel, Channel) {
    let acme: Name = name!("acme");
    let mut near = Channel::connect(&key(1), &key(2).public(), &acme, SEEDS[0]).unwrap();
    let mut far = Channel::accept(&key(2), &acme, SEEDS[1]).unwrap();
    far.handle_bytes(&near.poll_transmit().unwrap()).unwrap();
    near.handle_bytes(&far.poll_transmit().unwrap()).unwrap();
    near.send(b"").unwrap();
    far.handle_bytes(&near.poll_transmit().unwrap()).unwrap();
    let opened = [near.poll_event(), far.poll_event(), far.poll_event()].map(Option::unwrap);
    assert_eq!(opened[0], Event::Open { remote: key(2).public() });
    assert_eq!(opened[1], Event::Open { remote: key(1).public() });
    assert_eq!(opened[2], Event::Message(Vec::new()));
    (near, far)
}

fn corrupted(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}

/// Whether `bytes` fail, or leave the channel waiting for bytes that a longer length announced; no event either way.
fn never_opens(channel: &mut Channel, bytes: &[u8]) -> bool {
    let _refused_or_waiting = channel.handle_bytes(bytes);
    let silent = channel.poll_event().is_none();
    silent && channel.poll_transmit().is_none()
}

/// A hostile initiator whose static "key pair" is a low-order point.
mod low_order {
    use super::*;
    use snow::params::{CipherChoice, DHChoice, HashChoice};
    use snow::{
        resolvers::{CryptoResolver, DefaultResolver},
        types::{Cipher, Dh, Hash, Random},
    };

    struct Hostile([u8; 32]);
    struct Point {
        shown: [u8; 32],
        inner: Box<dyn Dh>,
        fixed: bool,
    }

    impl Dh for Point {
        fn name(&self) -> &'static str {
            "25519"
        }
        fn pub_len(&self) -> usize {
            32
        }
        fn priv_len(&self) -> usize {
            32
        }
        fn set(&mut self, key: &[u8]) {
            self.fixed = key == [0x55; 32];
            self.inner.set(key);
        }
        fn generate(&mut self, rng: &mut dyn Random) -> Result<(), snow::Error> {
            self.inner.generate(rng)
        }
        fn pubkey(&self) -> &[u8] {
            if self.fixed { &self.shown } else { self.inner.pubkey() }
        }
        fn privkey(&self) -> &[u8] {
            self.inner.privkey()
        }
        fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
            // With a low-order point everybody computes the same secret: zero.
            if self.fixed {
                out.fill(0);
                return Ok(());
            }
            self.inner.dh(public, out)
        }
    }

    struct Fixed;
    impl Random for Fixed {
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), snow::Error> {
            bytes.fill(7);
            Ok(())
        }
    }

    impl CryptoResolver for Hostile {
        fn resolve_rng(&self) -> Option<Box<dyn Random>> {
            Some(Box::new(Fixed))
        }
        fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
            let inner = DefaultResolver.resolve_dh(choice)?;
            Some(Box::new(Point { shown: self.0, inner, fixed: false }))
        }
        fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
            DefaultResolver.resolve_hash(choice)
        }
        fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
            DefaultResolver.resolve_cipher(choice)
        }
    }

    pub(super) fn initiation(point: [u8; 32], control: &PublicKey, prologue: &[u8]) -> Vec<u8> {
        let params: NoiseParams = "Noise_IK_25519_ChaChaPoly_BLAKE2s".parse().unwrap();
        let mut state = Builder::with_resolver(params, Box::new(Hostile(point)))
            .prologue(prologue)
            .unwrap()
            .local_private_key(&[0x55; 32])
            .unwrap()
            .remote_public_key(control.as_bytes())
            .unwrap()
            .build_initiator()
            .unwrap();
        let mut message = vec![0; 96];
        let length = state.write_message(&[], &mut message).unwrap();
        assert_eq!(length, 96);
        message
    }
}

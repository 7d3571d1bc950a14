//! The channel between a peer and control: authenticated, encrypted messages over any byte stream. Sans-IO, both ends.
//!
//! **Invariant: a message that comes out was written by the holder of the private key that [`Event::Open`] names, for
//! this workspace, in this order, in this run.** The responder opens only when the initiator's first *transport*
//! message has decrypted: message 1 of the handshake can be replayed by whoever saw it, the keys that follow cannot.
//!
//! Source: the Noise protocol framework, revision 34, pattern IK with `25519_ChaChaPoly_BLAKE2s`. The peer's static key
//! is its WireGuard key, control's is the one that the join string pins. Handshake payloads are empty.
//!
//! ```
//! use nanami_control::channel::{Channel, Event};
//! use nanami_model::{PrivateKey, name};
//!
//! let (peer, control) = (PrivateKey::from_bytes([1; 32]), PrivateKey::from_bytes([2; 32]));
//! // The last argument is the randomness of this run: 32 fresh bytes of the OS each time, constants only in an example.
//! let mut near = Channel::connect(&peer, &control.public(), &name!("acme"), [3; 32])?;
//! let mut far = Channel::accept(&control, &name!("acme"), [4; 32])?;
//!
//! far.handle_bytes(&near.poll_transmit().expect("message 1"))?;
//! near.handle_bytes(&far.poll_transmit().expect("message 2"))?;
//! assert_eq!(near.poll_event(), Some(Event::Open { remote: control.public() }));
//!
//! near.send(b"hello")?;
//! far.handle_bytes(&near.poll_transmit().expect("a message"))?;
//! assert_eq!(far.poll_event(), Some(Event::Open { remote: peer.public() }));
//! assert_eq!(far.poll_event(), Some(Event::Message(b"hello".to_vec())));
//! # Ok::<(), nanami_control::channel::ChannelError>(())
//! ```

mod frame;
mod noise;
mod reassembly;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, fmt};

use nanami_model::{Name, PrivateKey, PublicKey};

use self::{
    frame::Deframer,
    noise::{Keys, Noise},
    reassembly::Reassembly,
};

pub use self::reassembly::MAX_MESSAGE_BYTES;

/// One end of a channel: bytes and messages in, bytes and events out.
///
/// After any error the channel is finished; its stream is to be closed without another word.
pub struct Channel {
    state: State,
    inbound: Deframer,
    partial: Reassembly,
    outbound: Vec<u8>,
    events: VecDeque<Event>,
}

/// What a channel has to tell its owner, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The other end proved that it holds the private half of `remote`. Comes once, before any message.
    Open {
        /// The other end's static key: a peer's WireGuard key, or control's key.
        remote: PublicKey,
    },
    /// One whole message.
    Message(Vec<u8>),
}

/// Why a channel ended. The peer learns nothing from it: a channel that fails says nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The handshake did not verify: another key than the pinned one, another workspace, or altered bytes.
    #[error("handshake does not verify")]
    Handshake,
    /// The other end's static key is one of the low-order points, with which everybody shares a secret.
    #[error("the other end's key is of low order")]
    LowOrder,
    /// A message was altered, repeated, left out or reordered on the way.
    #[error("message does not verify")]
    Altered,
    /// The other end broke the framing: an empty frame, or one of a length that cannot be.
    #[error("malformed frame")]
    Malformed,
    /// A message is larger than a channel carries.
    #[error("message is larger than {limit} bytes")]
    TooLarge {
        /// [`MAX_MESSAGE_BYTES`].
        limit: usize,
    },
    /// The channel is not open: it failed before, or its handshake is not over.
    #[error("channel is not open")]
    NotOpen,
}

impl ChannelError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            ChannelError::Handshake => "channel.handshake",
            ChannelError::LowOrder => "value.key.low_order",
            ChannelError::Altered => "channel.altered",
            ChannelError::Malformed => "channel.malformed",
            ChannelError::TooLarge { .. } => "channel.too_large",
            ChannelError::NotOpen => "channel.not_open",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            ChannelError::Handshake => "check that the join string is this control plane's and names this workspace",
            ChannelError::LowOrder => "make a new key pair; this key was never a WireGuard key",
            ChannelError::Altered | ChannelError::Malformed => {
                "connect again; if it stays, something on the way alters bytes"
            }
            ChannelError::TooLarge { .. } => "split the message",
            ChannelError::NotOpen => "connect again",
        }
    }
}

enum State {
    /// Initiator: message 1 is out.
    AwaitingAnswer(Noise),
    /// Responder: nothing has come yet.
    AwaitingInitiation(Noise),
    /// Responder: message 2 is out, but message 1 may have been a replay.
    Unproven {
        keys: Keys,
        remote: PublicKey,
    },
    Open(Keys),
    Ended,
}

impl Channel {
    /// Starts the peer's end. `key` is the peer's WireGuard key, `control` the key that the join string pins, `seed`
    /// 32 fresh random bytes: they become the ephemeral key, so a seed that is used twice gives the session away.
    ///
    /// # Errors
    /// [`ChannelError::Handshake`] when the handshake cannot start, which a valid key never causes.
    pub fn connect(
        key: &PrivateKey,
        control: &PublicKey,
        workspace: &Name,
        seed: [u8; 32],
    ) -> Result<Channel, ChannelError> {
        let mut noise = Noise::initiator(key, control, workspace, seed)?;
        let mut outbound = Vec::new();
        frame::push(&mut outbound, &noise.write()?);
        Ok(Channel { outbound, ..Channel::new(State::AwaitingAnswer(noise), noise::ANSWER_BYTES) })
    }

    /// Starts control's end. `key` is control's own, `seed` as in [`Channel::connect`].
    ///
    /// # Errors
    /// [`ChannelError::Handshake`] when the handshake cannot start, which a valid key never causes.
    pub fn accept(key: &PrivateKey, workspace: &Name, seed: [u8; 32]) -> Result<Channel, ChannelError> {
        let noise = Noise::responder(key, workspace, seed)?;
        Ok(Channel::new(State::AwaitingInitiation(noise), noise::INITIATION_BYTES))
    }

    fn new(state: State, first_frame_bytes: usize) -> Channel {
        Channel {
            state,
            inbound: Deframer::new(first_frame_bytes),
            partial: Reassembly::default(),
            outbound: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes what the stream brought, in pieces of any size. Poll events and bytes to send afterwards.
    ///
    /// # Errors
    /// Any [`ChannelError`]; the channel is finished then. Events from before the error can still be polled.
    pub fn handle_bytes(&mut self, mut bytes: &[u8]) -> Result<(), ChannelError> {
        if matches!(self.state, State::Ended) {
            return Err(ChannelError::NotOpen);
        }
        let outcome = loop {
            match self.inbound.take(&mut bytes) {
                Ok(None) => break Ok(()),
                Ok(Some(frame)) => {
                    if let Err(error) = self.handle_frame(&frame) {
                        break Err(error);
                    }
                }
                Err(error) => break Err(error),
            }
        };
        if outcome.is_err() {
            self.state = State::Ended;
            self.outbound.clear();
        }
        outcome
    }

    /// Queues one message; [`Channel::poll_transmit`] hands out its bytes.
    ///
    /// # Errors
    /// [`ChannelError::NotOpen`] before [`Event::Open`], [`ChannelError::TooLarge`] beyond [`MAX_MESSAGE_BYTES`]; the
    /// channel stays usable after both.
    pub fn send(&mut self, message: &[u8]) -> Result<(), ChannelError> {
        let State::Open(keys) = &mut self.state else { return Err(ChannelError::NotOpen) };
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(ChannelError::TooLarge { limit: MAX_MESSAGE_BYTES });
        }
        for fragment in reassembly::split(message) {
            frame::push(&mut self.outbound, &keys.seal(&fragment)?);
        }
        Ok(())
    }

    /// The bytes to send now; `None` when there are none.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        (!self.outbound.is_empty()).then(|| std::mem::take(&mut self.outbound))
    }

    /// The next event; `None` when there is none.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn handle_frame(&mut self, frame: &[u8]) -> Result<(), ChannelError> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::AwaitingAnswer(mut noise) => {
                noise.read(frame)?;
                let remote = noise.remote()?;
                self.open(noise.finish()?, remote);
            }
            State::AwaitingInitiation(mut noise) => {
                noise.read(frame)?;
                let remote = noise.remote()?;
                frame::push(&mut self.outbound, &noise.write()?);
                self.inbound.allow(frame::MAX_FRAME_BYTES);
                self.state = State::Unproven { keys: noise.finish()?, remote };
            }
            State::Unproven { mut keys, remote } => {
                let fragment = keys.open(frame)?;
                self.open(keys, remote);
                self.handle_fragment(&fragment)?;
            }
            State::Open(mut keys) => {
                let fragment = keys.open(frame)?;
                self.state = State::Open(keys);
                self.handle_fragment(&fragment)?;
            }
            State::Ended => return Err(ChannelError::NotOpen),
        }
        Ok(())
    }

    fn open(&mut self, keys: Keys, remote: PublicKey) {
        self.inbound.allow(frame::MAX_FRAME_BYTES);
        self.state = State::Open(keys);
        self.events.push_back(Event::Open { remote });
    }

    fn handle_fragment(&mut self, fragment: &[u8]) -> Result<(), ChannelError> {
        if let Some(message) = self.partial.push(fragment)? {
            self.events.push_back(Event::Message(message));
        }
        Ok(())
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::AwaitingAnswer(_) => "awaiting answer",
            State::AwaitingInitiation(_) => "awaiting initiation",
            State::Unproven { .. } => "unproven",
            State::Open(_) => "open",
            State::Ended => "ended",
        };
        f.debug_struct("Channel").field("state", &state).finish_non_exhaustive()
    }
}

//! What control and a peer say to each other on the channel: a version byte, then fields (see `tlv`).
//!
//! **Invariant**: a message names nobody by whom it is sent: who speaks is what the channel proved. Unknown fields are
//! skipped, so that older and newer releases understand each other; an unknown *kind* of message is an error.

use std::net::SocketAddr;
use std::time::Duration;

use crate::generation::{Epoch, Generation};
use crate::id::PeerId;
use crate::key::PublicKey;
use crate::name::Name;
use crate::network_map::{Digest, NetworkMap};
use crate::report::Report;
use crate::secret::JoinSecret;
use crate::tlv::{self, MessageError, Reader, Writer, malformed};

/// Longest message, in bytes.
pub const MAX_BYTES: usize = tlv::MAX_BYTES;

const VERSION: u8 = 1;

/// What a peer says to control.
#[derive(Debug)]
pub enum ToControl {
    /// The first message: here I am. A peer that control does not know yet shows its join key.
    Hello {
        /// The join key; `None` once the peer has joined.
        join: Option<JoinSecret>,
        /// The map that the peer holds, so that only what is news is sent; `None` when it holds none.
        held: Option<HeldMap>,
    },
    /// What runs and what is seen.
    Report(Box<Report>),
    /// The peer goes on its own account.
    Leave,
    /// A difference came for a map that the peer does not hold: it needs the whole map.
    AskMap,
}

/// Which map a peer holds, in a few bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldMap {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its generation.
    pub generation: Generation,
    /// The digest of everything in it.
    pub content: Digest,
}

impl HeldMap {
    /// What a peer says that holds this map.
    pub fn of(map: &NetworkMap) -> Self {
        Self { epoch: map.epoch(), generation: map.generation(), content: map.content() }
    }
}

/// What control says to a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToPeer {
    /// The peer is known; its map follows.
    Welcome {
        /// Which peer it is.
        peer: PeerId,
        /// Its name.
        name: Name,
        /// How often control wants a report when nothing happens.
        report_every: Duration,
    },
    /// The peer's map, which replaces the one before, or a difference to the one that it holds.
    Map(Box<NetworkMap>),
    /// Where neighbors were last seen listening. Hints stand beside the map: they are in no generation.
    Hints(Vec<Hint>),
    /// Control does not let the peer in, or does not let it stay. One answer for every reason.
    Refused,
}

/// Where a neighbor listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The neighbor.
    pub key: PublicKey,
    /// Its endpoints, as it reported them; at most [`Hint::MAX_ENDPOINTS`].
    pub endpoints: Vec<SocketAddr>,
}

impl Hint {
    /// How many endpoints a hint holds at most (chosen: a host with several interfaces in both families).
    pub const MAX_ENDPOINTS: usize = 16;
}

impl ToControl {
    /// The message as bytes. Those of a hello with a join key are as secret as the key.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::versioned(VERSION);
        match self {
            Self::Hello { join, held } => w.nested(1, |w| {
                if let Some(secret) = join {
                    w.bytes(1, secret.expose().as_bytes());
                }
                if let Some(HeldMap { epoch, generation, content }) = held {
                    let place = [&epoch.value().to_be_bytes()[..], &generation.value().to_be_bytes()].concat();
                    w.bytes(2, &[&place, &content.as_bytes()[..]].concat());
                }
            }),
            Self::Report(report) => w.bytes(2, &report.encode()),
            Self::Leave => w.bytes(3, &[]),
            Self::AskMap => w.bytes(4, &[]),
        }
        w.into_bytes()
    }

    /// The message in these bytes.
    ///
    /// # Errors
    /// [`MessageError`] if it is too long, of an unknown version or kind, cut off or invalid.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let (tag, value) = Reader::versioned(bytes, VERSION)?.next()?.ok_or(malformed("no message"))?;
        match tag {
            1 => {
                let (mut reader, mut join, mut held) = (Reader::new(value), None, None);
                while let Some((tag, value)) = reader.next()? {
                    match tag {
                        1 => join = Some(tlv::parse(value, "join key")?),
                        2 => held = Some(read_held(value)?),
                        _ => {}
                    }
                }
                Ok(Self::Hello { join, held })
            }
            2 => Report::decode(value).map(|report| Self::Report(Box::new(report))),
            3 => Ok(Self::Leave),
            4 => Ok(Self::AskMap),
            _ => Err(malformed("an unknown kind of message")),
        }
    }
}

impl ToPeer {
    /// The message as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::versioned(VERSION);
        match self {
            Self::Welcome { peer, name, report_every } => w.nested(1, |w| {
                w.bytes(1, &peer.to_bytes());
                w.text(2, name);
                w.number(3, u64::try_from(report_every.as_millis()).unwrap_or(u64::MAX));
            }),
            Self::Map(map) => w.bytes(2, &map.encode()),
            Self::Hints(hints) => w.nested(3, |w| {
                for hint in hints {
                    w.nested(1, |w| {
                        w.bytes(1, hint.key.as_bytes());
                        hint.endpoints.iter().take(Hint::MAX_ENDPOINTS).for_each(|at| w.socket(2, at));
                    });
                }
            }),
            Self::Refused => w.bytes(4, &[]),
        }
        w.into_bytes()
    }

    /// The message in these bytes.
    ///
    /// # Errors
    /// [`MessageError`] if it is too long, of an unknown version or kind, cut off or invalid.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let (tag, value) = Reader::versioned(bytes, VERSION)?.next()?.ok_or(malformed("no message"))?;
        match tag {
            1 => read_welcome(value),
            2 => NetworkMap::decode(value).map(|map| Self::Map(Box::new(map))),
            3 => {
                let (mut reader, mut hints) = (Reader::new(value), Vec::new());
                while let Some((tag, value)) = reader.next()? {
                    if tag == 1 {
                        hints.push(read_hint(value)?);
                    }
                }
                Ok(Self::Hints(hints))
            }
            4 => Ok(Self::Refused),
            _ => Err(malformed("an unknown kind of message")),
        }
    }
}

fn read_held(value: &[u8]) -> Result<HeldMap, MessageError> {
    let bytes: [u8; 44] = tlv::array(value, "held map")?;
    let (epoch, rest) = bytes.split_first_chunk().expect("44 bytes hold 4");
    let (generation, content) = rest.split_first_chunk().expect("40 bytes hold 8");
    Ok(HeldMap {
        epoch: Epoch::new(u32::from_be_bytes(*epoch)),
        generation: Generation::new(u64::from_be_bytes(*generation)),
        content: Digest::from_bytes(tlv::array(content, "held map")?),
    })
}

fn read_welcome(value: &[u8]) -> Result<ToPeer, MessageError> {
    let (mut peer, mut name, mut report_every) = (None, None, Duration::from_secs(30));
    let mut reader = Reader::new(value);
    while let Some((tag, value)) = reader.next()? {
        match tag {
            1 => peer = Some(PeerId::from_bytes(tlv::array(value, "peer")?)),
            2 => name = Some(tlv::parse(value, "name")?),
            3 => report_every = Duration::from_millis(tlv::number(value, "rhythm")?),
            _ => {}
        }
    }
    let missing = malformed("a welcome without peer or name");
    Ok(ToPeer::Welcome { peer: peer.ok_or(missing.clone())?, name: name.ok_or(missing)?, report_every })
}

fn read_hint(value: &[u8]) -> Result<Hint, MessageError> {
    let (mut key, mut endpoints) = (None, Vec::new());
    let mut reader = Reader::new(value);
    while let Some((tag, value)) = reader.next()? {
        match tag {
            1 => key = Some(tlv::key(value)?),
            2 if endpoints.len() < Hint::MAX_ENDPOINTS => endpoints.push(tlv::socket(value)?),
            2 => return Err(malformed("too many endpoints")),
            _ => {}
        }
    }
    Ok(Hint { key: key.ok_or(malformed("a hint without a key"))?, endpoints })
}

#[cfg(test)]
mod tests;

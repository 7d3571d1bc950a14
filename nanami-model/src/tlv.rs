//! The byte form of messages: a tag of one byte, a length of four (big endian), then the value; structures nest.
//!
//! **Invariant**: reading allocates nothing by a length's own say-so, never looks past its input, and skips tags that it does
//! not know, so that an older reader survives a newer writer. The lengths of all elements together are
//! bounded by the length of the input, and that by [`MAX_BYTES`].

use std::net::{IpAddr, SocketAddr};

use crate::cidr::Cidr;
use crate::key::PublicKey;

/// Longest message, in bytes (chosen): a map of 70,000 neighbors fits, with names as people give them; of 90,000 with numbered ones.
pub(crate) const MAX_BYTES: usize = 4 << 20;

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The version is one that this release does not read.
    #[error("message version {found} is not known here")]
    Version {
        /// The version byte.
        found: u8,
    },
    /// A field is cut off, has a wrong length, or holds an invalid value.
    #[error("malformed message: {what}")]
    Malformed {
        /// The field or the rule.
        what: &'static str,
    },
    /// The message is longer than the limit.
    #[error("the message has more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}

crate::coded! { MessageError: Peer;
    Self::Version { .. } => ("message.version", "run releases on both ends that are at most one version apart");
    Self::Malformed { .. } => ("message.malformed", "look at who sent it: no release of ours writes this");
    Self::TooLarge { .. } => ("message.too_large", "let the peer know of less: fewer neighbors, or wider rules");
}

pub(crate) fn malformed(what: &'static str) -> MessageError {
    MessageError::Malformed { what }
}

/// Writes fields one after the other.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn versioned(version: u8) -> Self {
        Self(vec![version])
    }

    pub(crate) fn bytes(&mut self, tag: u8, value: &[u8]) {
        self.0.push(tag);
        let length = u32::try_from(value.len()).expect("a value of ours is shorter than 4 GiB");
        self.0.extend(length.to_be_bytes());
        self.0.extend(value);
    }

    pub(crate) fn nested(&mut self, tag: u8, fill: impl FnOnce(&mut Writer)) {
        self.0.extend([tag, 0, 0, 0, 0]);
        let start = self.0.len();
        fill(self);
        let length = u32::try_from(self.0.len() - start).expect("a value of ours is shorter than 4 GiB");
        self.0[start - 4..start].copy_from_slice(&length.to_be_bytes());
    }

    pub(crate) fn number(&mut self, tag: u8, value: u64) {
        self.bytes(tag, &value.to_be_bytes());
    }

    pub(crate) fn text(&mut self, tag: u8, value: &impl ToString) {
        self.bytes(tag, value.to_string().as_bytes());
    }

    pub(crate) fn cidr(&mut self, tag: u8, cidr: &Cidr) {
        let mut value = vec![cidr.length()];
        match cidr.address() {
            IpAddr::V4(v4) => value.extend(v4.octets()),
            IpAddr::V6(v6) => value.extend(v6.octets()),
        }
        self.bytes(tag, &value);
    }

    pub(crate) fn socket(&mut self, tag: u8, at: &SocketAddr) {
        let mut value = at.port().to_be_bytes().to_vec();
        match at.ip() {
            IpAddr::V4(v4) => value.extend(v4.octets()),
            IpAddr::V6(v6) => value.extend(v6.octets()),
        }
        self.bytes(tag, &value);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads fields one after the other.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Checks length and version, and reads what follows.
    pub(crate) fn versioned(bytes: &'a [u8], version: u8) -> Result<Self, MessageError> {
        if bytes.len() > MAX_BYTES {
            return Err(MessageError::TooLarge { limit: MAX_BYTES });
        }
        match bytes.split_first() {
            Some((found, rest)) if *found == version => Ok(Self(rest)),
            Some((found, _)) => Err(MessageError::Version { found: *found }),
            None => Err(malformed("empty")),
        }
    }

    pub(crate) fn next(&mut self) -> Result<Option<(u8, &'a [u8])>, MessageError> {
        let Some((tag, rest)) = self.0.split_first() else { return Ok(None) };
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(malformed("a field without its length"))?;
        let (value, rest) =
            rest.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or(malformed("a field that is cut off"))?;
        self.0 = rest;
        Ok(Some((*tag, value)))
    }
}

pub(crate) fn array<const N: usize>(value: &[u8], what: &'static str) -> Result<[u8; N], MessageError> {
    value.try_into().map_err(|_| malformed(what))
}

pub(crate) fn number(value: &[u8], what: &'static str) -> Result<u64, MessageError> {
    array(value, what).map(u64::from_be_bytes)
}

pub(crate) fn parse<T: std::str::FromStr>(value: &[u8], what: &'static str) -> Result<T, MessageError> {
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or(malformed(what))
}

pub(crate) fn key(value: &[u8]) -> Result<PublicKey, MessageError> {
    PublicKey::from_bytes(array(value, "key")?).map_err(|_| malformed("a key of low order"))
}

pub(crate) fn cidr(value: &[u8]) -> Result<Cidr, MessageError> {
    let (length, address) = value.split_first().ok_or(malformed("prefix"))?;
    Cidr::new(ip(address)?, *length).map_err(|_| malformed("prefix"))
}

pub(crate) fn socket(value: &[u8]) -> Result<SocketAddr, MessageError> {
    let (port, address) = value.split_first_chunk::<2>().ok_or(malformed("endpoint"))?;
    Ok(SocketAddr::new(ip(address)?, u16::from_be_bytes(*port)))
}

fn ip(octets: &[u8]) -> Result<IpAddr, MessageError> {
    match octets.len() {
        4 => Ok(IpAddr::from(array::<4>(octets, "address")?)),
        _ => Ok(IpAddr::from(array::<16>(octets, "address")?)),
    }
}

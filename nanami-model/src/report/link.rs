//! Links: tunnels to neighbors, as one end sees them.

use std::net::SocketAddr;
use std::time::Duration;

use super::{micros, millis};
use crate::key::PublicKey;
use crate::tlv::{self, MessageError, Reader, Writer, malformed};

/// One tunnel, as one end sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkReport {
    /// The neighbor at the other end.
    pub key: PublicKey,
    /// Where datagrams go; `None` if no address is known.
    pub endpoint: Option<SocketAddr>,
    /// How long ago the last handshake was; `None` if there was none.
    pub handshake_age: Option<Duration>,
    /// How many handshakes there were since the tunnel began.
    pub handshakes: u64,
    /// The round trip of the last probe inside the tunnel; `None` if none came back.
    pub rtt: Option<Duration>,
    /// How often it was probed since the tunnel began.
    pub probes: u64,
    /// How many of the probes were answered.
    pub answered: u64,
    /// Bytes that came out of the tunnel.
    pub received_bytes: u64,
    /// Bytes that went into the tunnel.
    pub sent_bytes: u64,
}

impl LinkReport {
    /// How many of a hundred probes were lost; `None` before anything was probed. The last probe may still be on its way.
    pub fn loss_percent(&self) -> Option<u8> {
        let lost = self.probes.saturating_sub(self.answered);
        let percent = u128::from(lost) * 100 / u128::from(self.probes.max(1));
        (self.probes > 0).then(|| u8::try_from(percent).expect("no more is lost than was sent"))
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.bytes(1, self.key.as_bytes());
        if let Some(at) = &self.endpoint {
            w.socket(2, at);
        }
        if let Some(age) = self.handshake_age {
            w.number(3, millis(age));
        }
        if let Some(rtt) = self.rtt {
            w.number(4, micros(rtt));
        }
        w.number(5, self.received_bytes);
        w.number(6, self.sent_bytes);
        w.number(7, self.handshakes);
        // Answers to nothing are a hostile peer's, and are told as it told them.
        if self.probes > 0 || self.answered > 0 {
            w.number(8, self.probes);
            w.number(9, self.answered);
        }
    }

    pub(super) fn read(value: &[u8]) -> Result<Self, MessageError> {
        let (mut key, mut link) = (None, None);
        let mut reader = Reader::new(value);
        while let Some((tag, value)) = reader.next()? {
            if tag == 1 {
                key = Some(tlv::key(value)?);
                continue;
            }
            let link = link.get_or_insert_with(Fields::default);
            match tag {
                2 => link.endpoint = Some(tlv::socket(value)?),
                3 => link.handshake_age = Some(Duration::from_millis(tlv::number(value, "age")?)),
                4 => link.rtt = Some(Duration::from_micros(tlv::number(value, "rtt")?)),
                5 => link.received_bytes = tlv::number(value, "received")?,
                6 => link.sent_bytes = tlv::number(value, "sent")?,
                7 => link.handshakes = tlv::number(value, "handshakes")?,
                8 => link.probes = tlv::number(value, "probes")?,
                9 => link.answered = tlv::number(value, "answered")?,
                _ => {}
            }
        }
        let Fields { endpoint, handshake_age, handshakes, rtt, probes, answered, received_bytes, sent_bytes } =
            link.unwrap_or_default();
        let key = key.ok_or(malformed("a link without a key"))?;
        Ok(Self { key, endpoint, handshake_age, handshakes, rtt, probes, answered, received_bytes, sent_bytes })
    }
}

#[derive(Default)]
struct Fields {
    endpoint: Option<SocketAddr>,
    handshake_age: Option<Duration>,
    handshakes: u64,
    rtt: Option<Duration>,
    probes: u64,
    answered: u64,
    received_bytes: u64,
    sent_bytes: u64,
}

//! What was sent, so that whatever arrives can be held against it; and when each keypair was born.

use std::collections::{BTreeMap, BTreeSet};

use crate::packet::{Ends, Tagged};

/// One packet that a host sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) from: usize,
    /// Whom it is for; `None`: a host behind the gateways.
    pub(crate) to: Option<usize>,
    pub(crate) ends: Ends,
    pub(crate) packet: Tagged,
    pub(crate) at: u64,
    /// The packet that this one answers.
    pub(crate) answers: Option<u64>,
    /// Its source is somebody else's.
    pub(crate) spoofed: bool,
    /// It answers what its sender's map does not accept any more.
    pub(crate) revoked: bool,
    pub(crate) arrived: Option<u64>,
}

impl Sent {
    /// Whether it goes by the host that forwards between all others.
    pub(crate) fn is_by_hub(&self) -> bool {
        crate::setup::is_by_hub(self.ends.from.0)
    }
}

/// All packets, by number.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    sent: Vec<Sent>,
}

impl Ledger {
    pub(crate) fn next_id(&self) -> u64 {
        self.sent.len() as u64
    }

    pub(crate) fn push(&mut self, sent: Sent) {
        self.sent.push(sent);
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut Sent> {
        self.sent.get_mut(usize::try_from(id).ok()?)
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Sent> {
        self.sent.get(usize::try_from(id).ok()?)
    }

    /// Those that were sent from this moment on.
    pub(crate) fn since(&self, at: u64) -> impl Iterator<Item = &Sent> + Clone {
        self.sent[self.sent.partition_point(|sent| sent.at < at)..].iter()
    }
}

/// When the keypairs of every host were born, as the wire shows it: the responder's with its response, the initiator's when
/// that arrives.
#[derive(Debug, Default)]
pub(crate) struct Keypairs {
    opening: BTreeMap<(usize, u32), u64>,
    sealing: BTreeMap<(usize, u32), u64>,
    seen: BTreeSet<(usize, [u8; 56])>,
}

impl Keypairs {
    /// A host sends (or, if `mirrored`, hears) a handshake response, perhaps not for the first time.
    pub(crate) fn response(&mut self, now: u64, host: usize, response: &[u8], mirrored: bool) {
        let authentic: [u8; 56] = response[4..60].try_into().expect("56 bytes");
        if !self.seen.insert((host, authentic)) {
            return;
        }
        let (sender, receiver) = (index(response, 4), index(response, 8));
        let (own, other) = if mirrored { (receiver, sender) } else { (sender, receiver) };
        self.opening.insert((host, own), now);
        self.sealing.insert((host, other), now);
    }

    /// How old the keypair of a datagram is that a host opened.
    pub(crate) fn age_opened(&self, now: u64, host: usize, datagram: &[u8]) -> Option<u64> {
        self.opening.get(&(host, index(datagram, 4))).map(|born| now - born)
    }

    /// How old the keypair of a datagram is that a host sealed.
    pub(crate) fn age_sealed(&self, now: u64, host: usize, datagram: &[u8]) -> Option<u64> {
        self.sealing.get(&(host, index(datagram, 4))).map(|born| now - born)
    }
}

fn index(datagram: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(datagram[at..at + 4].try_into().expect("four bytes"))
}

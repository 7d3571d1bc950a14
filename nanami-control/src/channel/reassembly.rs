//! Messages that are larger than one Noise message: each transport plaintext opens with a byte that says whether more follows.
//!
//! **Invariant: memory grows only with authenticated bytes that came, and never beyond [`MAX_MESSAGE_BYTES`].** No length
//! is announced, so none is believed.

use super::{ChannelError, frame::MAX_FRAME_BYTES, noise::TAG_BYTES};

/// The largest message that a channel carries: 4 MiB. Chosen: a full map of 20,000 neighbors with room to spare.
pub const MAX_MESSAGE_BYTES: usize = 4 << 20;

const LAST: u8 = 0;
const MORE: u8 = 1;
const FRAGMENT_BYTES: usize = MAX_FRAME_BYTES - TAG_BYTES - 1;

/// Joins fragments into messages.
#[derive(Default)]
pub(super) struct Reassembly {
    partial: Vec<u8>,
}

impl Reassembly {
    /// Takes one fragment; returns the message when it was the last.
    pub(super) fn push(&mut self, fragment: &[u8]) -> Result<Option<Vec<u8>>, ChannelError> {
        let (&flag, content) = fragment.split_first().ok_or(ChannelError::Malformed)?;
        // A peer that announces more must have filled the fragment: else it could make us work for nothing.
        if flag > MORE || (flag == MORE && content.len() != FRAGMENT_BYTES) {
            return Err(ChannelError::Malformed);
        }
        if self.partial.len() + content.len() > MAX_MESSAGE_BYTES {
            return Err(ChannelError::TooLarge { limit: MAX_MESSAGE_BYTES });
        }
        self.partial.extend_from_slice(content);
        Ok((flag == LAST).then(|| std::mem::take(&mut self.partial)))
    }
}

/// Splits a message into fragments; an empty message is one.
pub(super) fn split(message: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let whole = message.len().saturating_sub(1) / FRAGMENT_BYTES;
    (0..=whole).map(move |index| {
        let start = index * FRAGMENT_BYTES;
        let content = &message[start..message.len().min(start + FRAGMENT_BYTES)];
        let mut fragment = Vec::with_capacity(1 + content.len());
        fragment.push(if index == whole { LAST } else { MORE });
        fragment.extend_from_slice(content);
        fragment
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_around_a_fragment_comes_back() {
        for length in
            [0, 1, FRAGMENT_BYTES - 1, FRAGMENT_BYTES, FRAGMENT_BYTES + 1, 2 * FRAGMENT_BYTES, 2 * FRAGMENT_BYTES + 7]
        {
            let message = (0..length).map(|i| i as u8).collect::<Vec<_>>();
            let mut partial = Reassembly::default();
            let whole = split(&message).filter_map(|fragment| partial.push(&fragment).unwrap()).collect::<Vec<_>>();
            assert_eq!(whole, [message], "{length} bytes");
        }
    }

    #[test]
    fn short_fragments_that_promise_more_are_refused() {
        assert_eq!(Reassembly::default().push(&[MORE, 1, 2, 3]), Err(ChannelError::Malformed));
        assert_eq!(Reassembly::default().push(&[2, 1, 2, 3]), Err(ChannelError::Malformed));
        assert_eq!(Reassembly::default().push(&[]), Err(ChannelError::Malformed));
    }

    #[test]
    fn a_message_that_never_ends_is_refused_at_the_limit() {
        let mut fragment = vec![0; FRAGMENT_BYTES + 1];
        fragment[0] = MORE;
        let mut partial = Reassembly::default();
        let taken = (0..).take_while(|_| partial.push(&fragment).is_ok()).count();
        assert_eq!(taken, MAX_MESSAGE_BYTES / FRAGMENT_BYTES);
        assert!(partial.partial.len() <= MAX_MESSAGE_BYTES);
    }
}

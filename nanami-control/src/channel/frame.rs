//! Frames on the stream: a big-endian u16 length, then that many bytes, one Noise message each.
//!
//! **Invariant: the buffer holds at most one frame, and never more than the bytes that came.** A length beyond what the
//! state of the channel allows is refused when its two bytes are there.

use super::ChannelError;

/// The largest Noise message (Noise specification, section 3), and what a u16 can say.
pub(super) const MAX_FRAME_BYTES: usize = 65_535;

/// Cuts a stream into frames.
pub(super) struct Deframer {
    buffer: Vec<u8>,
    limit: usize,
}

impl Deframer {
    pub(super) fn new(limit: usize) -> Deframer {
        Deframer { buffer: Vec::new(), limit }
    }

    /// Sets the largest frame that is taken from now on.
    pub(super) fn allow(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Moves bytes from the front of `bytes` and returns the next frame when it is whole.
    pub(super) fn take(&mut self, bytes: &mut &[u8]) -> Result<Option<Vec<u8>>, ChannelError> {
        self.fill(bytes, 2);
        let Some(length) = self.length() else { return Ok(None) };
        if length == 0 || length > self.limit {
            return Err(ChannelError::Malformed);
        }
        self.fill(bytes, 2 + length);
        if self.buffer.len() < 2 + length {
            return Ok(None);
        }
        let frame = self.buffer.split_off(2);
        self.buffer.clear();
        Ok(Some(frame))
    }

    fn length(&self) -> Option<usize> {
        let length = self.buffer.first_chunk::<2>()?;
        Some(usize::from(u16::from_be_bytes(*length)))
    }

    fn fill(&mut self, bytes: &mut &[u8], up_to: usize) {
        let missing = up_to.saturating_sub(self.buffer.len()).min(bytes.len());
        let (front, rest) = bytes.split_at(missing);
        self.buffer.extend_from_slice(front);
        *bytes = rest;
    }
}

/// Appends `message` as one frame.
pub(super) fn push(stream: &mut Vec<u8>, message: &[u8]) {
    let length = u16::try_from(message.len()).expect("a Noise message is at most 65,535 bytes");
    stream.extend_from_slice(&length.to_be_bytes());
    stream.extend_from_slice(message);
}

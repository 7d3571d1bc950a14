//! A [`Channel`] on a byte stream: the one tokio shell that both ends share.
//!
//! **Invariant: no call loses bytes when it is dropped**, so that each may stand in a `select!`. What is to be written waits in
//! `pending` until the stream has taken it.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::channel::{Channel, ChannelError, Event};

/// A channel and its stream.
pub(crate) struct Wire<S> {
    stream: S,
    channel: Channel,
    buffer: Vec<u8>,
    pending: Vec<u8>,
}

/// Why a wire ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    /// The stream broke or ended.
    #[error("stream ended")]
    Stream(#[from] io::Error),
    /// The other end broke the channel.
    #[error("channel ended")]
    Channel(#[from] ChannelError),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S, channel: Channel) -> Wire<S> {
        Wire { stream, channel, buffer: vec![0; READ_BYTES], pending: Vec::new() }
    }

    /// The next event; writes what waits first. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<Event, WireError> {
        loop {
            if let Some(event) = self.channel.poll_event() {
                return Ok(event);
            }
            self.flush().await?;
            let length = self.stream.read(&mut self.buffer).await?;
            if length == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            self.channel.handle_bytes(&self.buffer[..length])?;
        }
    }

    /// Queues a message and writes it. When it is dropped the rest is written by the next call.
    pub(crate) async fn send(&mut self, message: &[u8]) -> Result<(), WireError> {
        self.flush().await?;
        self.channel.send(message)?;
        self.flush().await
    }

    /// Writes what waits.
    pub(crate) async fn flush(&mut self) -> Result<(), WireError> {
        loop {
            if self.pending.is_empty() {
                let Some(bytes) = self.channel.poll_transmit() else { break };
                self.pending = bytes;
            }
            let written = self.stream.write(&self.pending).await?;
            if written == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
            self.pending.drain(..written);
        }
        Ok(self.stream.flush().await?)
    }

    /// Ends the stream in order; errors mean that it was over anyway.
    pub(crate) async fn close(mut self) {
        let _already_over = self.flush().await;
        let _already_over = self.stream.shutdown().await;
    }
}

/// Chosen: a report fits, a large map takes some reads.
const READ_BYTES: usize = 16 << 10;

//! A transfer over TCP whose bytes are checked at the far end.
//!
//! The sender says how long it is, sends bytes that nobody could guess, and waits for the hash of what arrived.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nanami::tunnel::{StreamStats, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

/// How a transfer went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transferred {
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
    pub(crate) stats: StreamStats,
}

impl Transferred {
    /// Megabits per second.
    pub(crate) fn mbps(&self) -> f64 {
        self.bytes as f64 * 8.0 / 1e6 / self.took.as_secs_f64()
    }
}

/// What a sender does with its bytes on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Honesty {
    Honest,
    /// One byte on the way is not the one that was hashed.
    OneByteWrong,
}

const CHUNK: usize = 64 << 10;

/// Sends `bytes` bytes and checks the hash that comes back. `sent` shows how far it is.
pub(crate) async fn send(
    mut stream: TcpStream,
    bytes: u64,
    honesty: Honesty,
    sent: watch::Sender<u64>,
) -> anyhow::Result<Transferred> {
    let started = Instant::now();
    let (mut hasher, mut left, mut random) = (blake3::Hasher::new(), bytes, 0x9e37_79b9_7f4a_7c15_u64);
    stream.write_all(&bytes.to_be_bytes()).await.context("beginning the transfer")?;
    let mut chunk = vec![0; CHUNK];
    while left > 0 {
        let length = CHUNK.min(usize::try_from(left).unwrap_or(CHUNK));
        fill(&mut chunk[..length], &mut random);
        hasher.update(&chunk[..length]);
        if honesty == Honesty::OneByteWrong && left == bytes {
            chunk[length / 2] ^= 1;
        }
        stream.write_all(&chunk[..length]).await.with_context(|| format!("after {} bytes", bytes - left))?;
        left -= length as u64;
        sent.send_replace(bytes - left);
    }
    let mut echoed = [0; 32];
    stream.read_exact(&mut echoed).await.context("waiting for the hash from the far end")?;
    let took = started.elapsed();
    ensure!(echoed == *hasher.finalize().as_bytes(), "the far end received other bytes than were sent");
    Ok(Transferred { bytes, took, stats: stream.stats() })
}

/// Receives one transfer and answers with its hash. Gives the longest time in which nothing came.
pub(crate) async fn receive(mut stream: TcpStream) -> anyhow::Result<Duration> {
    let mut left = stream.read_u64().await.context("waiting for the length")?;
    let (mut hasher, mut chunk) = (blake3::Hasher::new(), vec![0; CHUNK]);
    let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
    while left > 0 {
        let length = CHUNK.min(usize::try_from(left).unwrap_or(CHUNK));
        let read = stream.read(&mut chunk[..length]).await.with_context(|| format!("with {left} bytes to go"))?;
        ensure!(read > 0, "the sender went away with {left} bytes to go");
        longest = longest.max(last.elapsed());
        last = Instant::now();
        hasher.update(&chunk[..read]);
        left -= read as u64;
    }
    stream.write_all(hasher.finalize().as_bytes()).await.context("answering with the hash")?;
    stream.shutdown().await?;
    // The sender closes when it has the answer; closing first could overtake it.
    let _end = stream.read(&mut [0]).await;
    Ok(longest)
}

/// xorshift64 (Marsaglia 2003): bytes that no compression or cache makes disappear.
fn fill(bytes: &mut [u8], state: &mut u64) {
    for word in bytes.chunks_mut(8) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        word.copy_from_slice(&state.to_le_bytes()[..word.len()]);
    }
}

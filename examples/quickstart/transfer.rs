//! A transfer over TCP whose bytes are checked at the far end.
//!
//! The sender sends bytes that nobody could guess, block by block, and after the last one, which is empty, waits for the
//! hash of what arrived. It ends when it is told to: a step that shows something under a transfer must not depend on how
//! fast the machine is.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nanami::tunnel::{StreamStats, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::heartbeat::Heartbeat;

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

/// A transfer under way.
pub(crate) struct Transfer {
    sent: watch::Receiver<u64>,
    enough: watch::Sender<bool>,
    sender: JoinHandle<anyhow::Result<Transferred>>,
}

impl Transfer {
    /// Begins to send, until it is told that it is enough.
    pub(crate) fn begin(stream: TcpStream, honesty: Honesty) -> Self {
        let ((enough, is_enough), (progress, sent)) = (watch::channel(false), watch::channel(0));
        Self { sent, enough, sender: tokio::spawn(send(stream, honesty, is_enough, progress)) }
    }

    /// Waits until so many bytes more are on their way.
    pub(crate) async fn goes_on(&mut self, bytes: u64) -> anyhow::Result<()> {
        let goal = *self.sent.borrow() + bytes;
        match timeout(LIMIT, self.sent.wait_for(|sent| *sent >= goal)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(_)) => {}
            Err(_) => bail!("the transfer hangs"),
        }
        (&mut self.sender).await??;
        bail!("the transfer ended early")
    }

    /// Ends it, and waits for the hash from the far end.
    pub(crate) async fn end(self) -> anyhow::Result<Transferred> {
        self.enough.send_replace(true);
        timeout(LIMIT, self.sender).await.context("the transfer hangs")??
    }
}

const BLOCK: usize = 64 << 10;
/// Longest that a part of a transfer may take; far above what any machine needs.
const LIMIT: Duration = Duration::from_secs(120);

/// Sends until it is enough, and checks the hash that comes back.
async fn send(
    mut stream: TcpStream,
    honesty: Honesty,
    enough: watch::Receiver<bool>,
    progress: watch::Sender<u64>,
) -> anyhow::Result<Transferred> {
    let started = Instant::now();
    let (mut hasher, mut bytes, mut random) = (blake3::Hasher::new(), 0, 0x9e37_79b9_7f4a_7c15_u64);
    let mut block = vec![0; BLOCK];
    while !*enough.borrow() {
        fill(&mut block, &mut random);
        hasher.update(&block);
        if honesty == Honesty::OneByteWrong && bytes == 0 {
            block[BLOCK / 2] ^= 1;
        }
        let sent = async {
            stream.write_u32(BLOCK as u32).await?;
            stream.write_all(&block).await
        };
        sent.await.with_context(|| format!("after {bytes} bytes"))?;
        bytes += BLOCK as u64;
        progress.send_replace(bytes);
    }
    stream.write_u32(0).await.context("ending the transfer")?;
    let mut echoed = [0; 32];
    stream.read_exact(&mut echoed).await.context("waiting for the hash from the far end")?;
    let took = started.elapsed();
    ensure!(echoed == *hasher.finalize().as_bytes(), "the far end received other bytes than were sent");
    Ok(Transferred { bytes, took, stats: stream.stats() })
}

/// Receives one transfer and answers with its hash. Gives the longest time in which nothing came, without the time in
/// which the machine did not let this program run.
pub(crate) async fn receive(mut stream: TcpStream) -> anyhow::Result<Duration> {
    let heartbeat = Heartbeat::start();
    let (mut hasher, mut bytes, mut block) = (blake3::Hasher::new(), 0, vec![0; BLOCK]);
    let (mut last, mut longest) = ((Instant::now(), heartbeat.stalled()), Duration::ZERO);
    loop {
        let length = stream.read_u32().await.with_context(|| format!("after {bytes} bytes"))? as usize;
        ensure!(length <= BLOCK, "a block of {length} bytes, which nobody sends");
        let mut filled = 0;
        while filled < length {
            let read = stream.read(&mut block[filled..length]).await;
            let read = read.with_context(|| format!("after {bytes} bytes"))?;
            ensure!(read > 0, "the sender went away after {bytes} bytes");
            let now = (Instant::now(), heartbeat.stalled());
            longest = longest.max((now.0 - last.0).saturating_sub(now.1.saturating_sub(last.1)));
            (last, filled, bytes) = (now, filled + read, bytes + read as u64);
        }
        if length == 0 {
            break;
        }
        hasher.update(&block[..length]);
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

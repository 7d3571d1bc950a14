//! Packets in batches, framed in one stretch of memory: for bindings, where each call costs.
//!
//! **Invariants**: a batch is read whole or refused, with the place of its first mistake; both directions are bounded as
//! those of any [`Interface`] are.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

use crate::interface::{HostPipe, Interface, Silent, pipe};

/// The other end of an [`Interface`] that hands packets over in batches.
///
/// A batch is packets in a row, each behind its length in bytes (two bytes, the high one first).
///
/// ```
/// # async fn example(map: nanami_model::NetworkMap, one: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
/// use nanami_tunnel::{PacketPort, Tunnel, TunnelOptions, generate_key};
///
/// let (port, interface) = PacketPort::new();
/// let tunnel = Tunnel::start(generate_key()?, interface, &map, TunnelOptions::default()).await?;
/// let mut batch = u16::try_from(one.len())?.to_be_bytes().to_vec();
/// batch.extend(one);
/// let taken = port.send_batch(&batch)?;
/// while let Some(batch) = port.receive_batch(64 * 1024).await {
///     println!("{} bytes of packets", batch.len());
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct PacketPort {
    send: mpsc::Sender<Vec<u8>>,
    receive: Arc<Mutex<Received>>,
}

#[derive(Debug)]
struct Received {
    packets: mpsc::Receiver<Vec<u8>>,
    /// Taken, and too long for the batch that it came for.
    held: Option<Vec<u8>>,
}

/// Why a batch is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// A length says more than there is, or nothing.
    #[error("the batch is cut short or holds an empty packet at byte {at}; none of its packets was taken")]
    Malformed {
        /// Where the length begins.
        at: usize,
    },
    /// The tunnel has been stopped.
    #[error("the tunnel has been stopped; start another one")]
    Stopped,
}

impl BatchError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "packet.malformed",
            Self::Stopped => "tunnel.stopped",
        }
    }
}

impl PacketPort {
    /// A port, and the interface that a tunnel starts with.
    pub fn new() -> (Self, Interface) {
        let (HostPipe { receive, send, .. }, pipe) = pipe();
        let received = Received { packets: receive, held: None };
        let port = Self { send, receive: Arc::new(Mutex::new(received)) };
        (port, Interface::queued(pipe, None, Arc::new(Silent)))
    }

    /// Sends the packets of a batch. Returns how many of its bytes were taken, all but when the tunnel is behind: send the
    /// rest again a little later, or drop it, as a network card does.
    ///
    /// # Errors
    /// [`BatchError`]; no packet of it was taken then.
    pub fn send_batch(&self, framed: &[u8]) -> Result<usize, BatchError> {
        let (mut packets, mut at) = (Vec::new(), 0);
        while at < framed.len() {
            let packet = packet_at(framed, at).ok_or(BatchError::Malformed { at })?;
            packets.push(packet);
            at += LENGTH + packet.len();
        }
        let mut taken = 0;
        for packet in packets {
            match self.send.try_send(packet.to_vec()) {
                Ok(()) => taken += LENGTH + packet.len(),
                Err(mpsc::error::TrySendError::Full(_)) => break,
                Err(mpsc::error::TrySendError::Closed(_)) if taken == 0 => return Err(BatchError::Stopped),
                Err(mpsc::error::TrySendError::Closed(_)) => break,
            }
        }
        Ok(taken)
    }

    /// The packets that have come, as one batch of at most `max_bytes`, or of one packet if that is longer. Waits for the
    /// first; `None` when the tunnel has stopped.
    ///
    /// # Cancel safety
    /// May be dropped and called again: no packet is lost.
    pub async fn receive_batch(&self, max_bytes: usize) -> Option<Vec<u8>> {
        let mut received = self.receive.lock().await;
        let first = match received.held.take() {
            Some(held) => held,
            None => received.packets.recv().await?,
        };
        let mut batch = Vec::with_capacity(LENGTH + first.len());
        frame(&mut batch, &first);
        while let Ok(packet) = received.packets.try_recv() {
            if batch.len() + LENGTH + packet.len() > max_bytes {
                received.held = Some(packet);
                break;
            }
            frame(&mut batch, &packet);
        }
        Some(batch)
    }
}

fn packet_at(framed: &[u8], at: usize) -> Option<&[u8]> {
    let length = framed.get(at..at + LENGTH)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    framed.get(at + LENGTH..at + LENGTH + length).filter(|packet| !packet.is_empty())
}

fn frame(batch: &mut Vec<u8>, packet: &[u8]) {
    // An inner packet is at most 65,535 bytes: its header says so.
    let length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
    batch.extend(length.to_be_bytes());
    batch.extend_from_slice(&packet[..usize::from(length)]);
}

/// Bytes of a length.
const LENGTH: usize = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(packets: &[Vec<u8>]) -> Vec<u8> {
        let mut batch = Vec::new();
        packets.iter().for_each(|packet| frame(&mut batch, packet));
        batch
    }

    #[test]
    fn a_batch_with_a_mistake_is_refused_whole_and_at_its_place() {
        let (port, interface) = PacketPort::new();
        let (mut pipe, _) = interface.into_queues();
        let mut batch = framed(&[vec![1, 2, 3]]);
        batch.extend([0, 9, 1]);
        assert_eq!(port.send_batch(&batch), Err(BatchError::Malformed { at: 5 }));
        assert_eq!(port.send_batch(&[0, 0]), Err(BatchError::Malformed { at: 0 }));
        assert!(pipe.from_host.try_recv().is_err(), "nothing was taken");
        assert_eq!(port.send_batch(&[]), Ok(0));
        drop(pipe);
        assert_eq!(port.send_batch(&framed(&[vec![1]])), Err(BatchError::Stopped));
    }

    #[test]
    fn what_does_not_fit_is_not_taken_and_can_be_sent_again() {
        let (port, interface) = PacketPort::new();
        let (mut pipe, _) = interface.into_queues();
        let packets: Vec<_> = (0..1500u16).map(|n| n.to_be_bytes().to_vec()).collect();
        let batch = framed(&packets);
        let taken = port.send_batch(&batch).unwrap();
        assert!(taken > 0 && taken < batch.len());
        let mut arrived = Vec::new();
        while let Ok(packet) = pipe.from_host.try_recv() {
            arrived.push(packet);
        }
        assert_eq!(port.send_batch(&batch[taken..]), Ok(batch.len() - taken));
        while let Ok(packet) = pipe.from_host.try_recv() {
            arrived.push(packet);
        }
        assert_eq!(arrived, packets);
    }

    proptest! {
        #[test]
        fn batches_are_the_packets_in_order_and_no_longer_than_asked(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 1..30),
            max in 1usize..100,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (port, interface) = PacketPort::new();
            let (pipe, _) = interface.into_queues();
            packets.iter().for_each(|packet| pipe.to_host.try_send(packet.clone()).unwrap());
            drop(pipe);
            let mut all = Vec::new();
            while let Some(batch) = runtime.block_on(port.receive_batch(max)) {
                let first = LENGTH + usize::from(u16::from_be_bytes([batch[0], batch[1]]));
                prop_assert!(batch.len() <= max || batch.len() == first);
                all.extend(batch);
            }
            prop_assert_eq!(all, framed(&packets));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = PacketPort::new().0.send_batch(&bytes);
        }
    }
}

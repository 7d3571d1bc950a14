//! The sans-IO data plane: WireGuard, cryptokey routing, packet filter, probes and failover.
//!
//! Three parts share snapshot tables and one lock for each neighbor: [`ControlHalf`] takes maps, hints and time, and is
//! drained to [`Output::Wait`] after every call that changes it; [`Outbound`] seals inner packets; [`Inbound`] opens
//! datagrams. Each packet half may live on a thread of its own; the crate's first page shows all three on one.
//!
//! **Invariants**: no clock, no socket, no randomness but the seed (what boringtun reads stays behind its adapter, `noise`);
//! no bytes from the network panic (SEC-40) or allocate by their own say-so; everything that grows is bounded and says
//! what it drops.
//!
//! ```
//! use std::time::Instant;
//! use nanami_model::{NetworkMap, PrivateKey};
//! use nanami_tunnel::engine::{Engine, Output};
//!
//! let (now, key) = (Instant::now(), PrivateKey::from_bytes([7; 32]));
//! let (mut control, _outbound, _inbound) = Engine::new(now, key, [1; 32]).split();
//! control.apply(now, &NetworkMap::new(["10.42.0.1".parse()?]))?;
//! assert!(matches!(control.poll_output(), Output::Wait(None)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nanami_model::PrivateKey;

mod batch;
mod bucket;
mod control;
mod counters;
mod endpoint;
mod event;
mod failover;
mod filter;
mod flows;
pub(crate) mod icmp;
mod inbound;
mod indices;
mod link;
mod map;
mod noise;
mod outbound;
mod outer;
pub(crate) mod packet;
mod peer;
mod prefixes;
mod probe;
mod queue;
mod random;
mod recent;
mod shared;
mod table;
mod timers;
mod usage;

pub use batch::{Datagram, Datagrams, Packets};
pub use control::{ControlHalf, Output};
pub use counters::Counters;
pub use event::Event;
#[cfg(feature = "tun")]
pub(crate) use icmp::checksum_of;
pub use inbound::Inbound;
pub use link::Link;
pub use map::{Applied, MapError};
pub use outbound::Outbound;
pub use outer::{Ecn, Outer};
pub use usage::{Attempt, Usage};

/// An engine before it is split into its three parts.
#[derive(Debug)]
pub struct Engine {
    now: Instant,
    key: PrivateKey,
    seed: [u8; 32],
    mtu: u16,
    enforcement: shared::Enforcement,
}

impl Engine {
    /// An engine with this key. `seed` is fresh randomness: indices, probe nonces and jitter follow from it.
    pub fn new(now: Instant, key: PrivateKey, seed: [u8; 32]) -> Self {
        Self { now, key, seed, mtu: DEFAULT_MTU, enforcement: shared::Enforcement::Map }
    }

    /// Sets the longest inner packet, in bytes; at least 1,280, which IPv6 needs.
    pub fn with_mtu(self, mtu: u16) -> Self {
        Self { mtu: mtu.clamp(MIN_MTU, MAX_MTU), ..self }
    }

    /// Plain WireGuard: cryptokey routing alone decides. Nothing is filtered, forwarded or probed; a map's rules and
    /// addresses mean nothing.
    pub fn without_filter(self) -> Self {
        Self { enforcement: shared::Enforcement::Plain, ..self }
    }

    /// The three parts.
    pub fn split(self) -> (ControlHalf, Outbound, Inbound) {
        let identity = noise::Identity::new(&self.key);
        let mut random = random::Random::new(self.seed);
        let indices = Arc::new(indices::Indices::new(random.branch()));
        let shared = Arc::new(shared::Shared::new(self.now, identity, indices, self.mtu, self.enforcement));
        let control = ControlHalf::new(shared.clone(), random);
        (control, Outbound::new(self.now, shared.clone()), Inbound::new(shared))
    }
}

/// Locks, also after a panic elsewhere: what these locks guard is consistent between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes. 1,500 of Ethernet less 40 (IPv6), 8 (UDP) and 32 (WireGuard): what `wg-quick` sets.
pub const DEFAULT_MTU: u16 = 1420;
/// Bytes. RFC 8200 section 5: every link carries this.
pub(crate) const MIN_MTU: u16 = 1280;
/// Bytes. The longest UDP payload over IPv4 (65,507) less WireGuard's 32, rounded down to 16.
pub(crate) const MAX_MTU: u16 = 65_472;

#[cfg(test)]
mod tests;

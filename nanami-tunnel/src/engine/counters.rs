//! What did not go through, counted by reason. The packet halves count, anybody reads.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What did not go through since the start, by reason; and what a bound made us forget.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// Every counter with its name, in a fixed order.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }

        /// The counters while they are being counted.
        #[derive(Debug, Default)]
        pub(crate) struct Tally {
            $(pub(crate) $name: Tick,)*
        }

        impl Tally {
            pub(crate) fn read(&self) -> Counters {
                Counters { $($name: self.$name.0.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Inbound packets that no rule accepts; each was refused at once.
    denied,
    /// Inbound packets that no rule forwards; each was refused at once.
    denied_forward,
    /// Outbound packets from an address that is not ours and that no rule forwards.
    denied_source,
    /// Outbound packets whose destination nobody carries.
    no_route,
    /// Outbound packets that were our own datagrams: a route leads a neighbor's endpoint into the tunnel.
    looped,
    /// Inbound packets whose source their sender does not carry.
    source_mismatch,
    /// Handshakes from keys that the map does not name.
    unknown_key,
    /// Datagrams that fail authentication, or belong to no keypair.
    unauthentic,
    /// Datagrams that were here before.
    replayed,
    /// Handshakes older than the last one: replayed, or the sender's clock is behind.
    old_handshake,
    /// Datagrams and packets that are none.
    malformed,
    /// Packets longer than the MTU, and datagrams longer than any buffer.
    oversized,
    /// Handshakes that were asked for a cookie first, because there were too many.
    cookies_asked,
    /// Handshakes that came too fast from one address.
    throttled_handshakes,
    /// Packets that a congested router marked and whose sender does not know what the mark means (RFC 6040).
    congestion_dropped,
    /// Packets that waited for a keypair and were the oldest when the queue was full.
    queue_dropped,
    /// Refusals that were not sent because there were too many.
    refusals_withheld,
    /// Probes that were not answered because there were too many.
    probes_withheld,
    /// Flows that were forgotten because the table was full.
    flows_forgotten,
    /// Packets that came and that the host did not take in time.
    undelivered,
    /// Packets whose use was not recorded because the table of one neighbor was full.
    usage_overflow,
    /// Refused packets that were not recorded as attempts because the table of one neighbor was full.
    attempts_overflow,
}

/// One counter.
#[derive(Debug, Default)]
pub(crate) struct Tick(AtomicU64);

impl Tick {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
}

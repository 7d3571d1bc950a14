//! What happened at an interface, as lines of `key=value`.
//!
//! About the interface: `dropped_REASON`, a count, for every reason of [`Counters`] that occurred. About each peer, from its
//! `public_key` (base64) on: `endpoint`; `handshakes`, a count; `handshake_age_ms` and `heard_age_ms`, since the last of them
//! and since something authentic came; `rtt_us`, smoothed; `rx_bytes` and `tx_bytes` of datagrams. What is not known has no
//! line.

use std::io::{self, Write};
use std::time::Instant;

use crate::engine::{Counters, Link};

pub(super) fn write(now: Instant, counters: &Counters, links: &[Link], to: &mut dyn Write) -> io::Result<()> {
    for (reason, count) in counters.iter().filter(|(_, count)| *count > 0) {
        writeln!(to, "dropped_{reason}={count}")?;
    }
    let age = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at).as_millis());
    for link in links {
        writeln!(to, "public_key={}", link.peer)?;
        if let Some(endpoint) = link.endpoint {
            writeln!(to, "endpoint={endpoint}")?;
        }
        writeln!(to, "handshakes={}", link.handshakes)?;
        for (key, age) in [("handshake_age_ms", age(link.last_handshake)), ("heard_age_ms", age(link.heard))] {
            if let Some(age) = age {
                writeln!(to, "{key}={age}")?;
            }
        }
        if let Some(rtt) = link.rtt {
            writeln!(to, "rtt_us={}", rtt.as_micros())?;
        }
        writeln!(to, "rx_bytes={}\ntx_bytes={}", link.rx_datagram_bytes, link.tx_datagram_bytes)?;
    }
    Ok(())
}

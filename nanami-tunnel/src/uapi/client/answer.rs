//! Reads what another WireGuard answers. What a newer one says besides is read over.

use std::time::{Duration, SystemTime};

use crate::uapi::value;
use crate::uapi::{Errno, InterfaceState, PeerState};

/// Why an answer says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    Refused(Errno),
    Malformed,
}

impl From<Errno> for Problem {
    /// A value that is none.
    fn from(_: Errno) -> Self {
        Self::Malformed
    }
}

/// The whole answer, to the empty line at its end.
pub(super) fn read(answer: &[u8]) -> Result<(InterfaceState, Vec<PeerState>), Problem> {
    let text = std::str::from_utf8(answer).map_err(|_| Problem::Malformed)?;
    let (mut interface, mut peers) = (InterfaceState::default(), Vec::<PeerState>::new());
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { return Err(Problem::Malformed) };
        match (key, peers.last_mut()) {
            ("errno", _) => {
                let number: i64 = value.parse().map_err(|_| Problem::Malformed)?;
                return Errno::new(number).map_or(Ok((interface, peers)), |errno| Err(Problem::Refused(errno)));
            }
            ("public_key", _) => peers.push(PeerState::new(value::public_key(value)?)),
            (_, None) => of_interface(&mut interface, key, value)?,
            (_, Some(peer)) => of_peer(peer, key, value)?,
        }
    }
    Err(Problem::Malformed)
}

fn of_interface(interface: &mut InterfaceState, key: &str, value: &str) -> Result<(), Problem> {
    match key {
        "private_key" => interface.private_key = value::private_key(value)?,
        "listen_port" => interface.listen_port = value::number(value)?,
        "fwmark" => interface.fwmark = value::number(value)?,
        _ => {}
    }
    Ok(())
}

fn of_peer(peer: &mut PeerState, key: &str, value: &str) -> Result<(), Problem> {
    match key {
        "preshared_key" => peer.preshared_key = value::preshared_key(value)?,
        "endpoint" => peer.endpoint = Some(value::endpoint(value)?),
        "last_handshake_time_sec" => {
            let seconds: u64 = value::number(value)?;
            peer.last_handshake = since_1970(Duration::from_secs(seconds)).filter(|_| seconds > 0);
        }
        "last_handshake_time_nsec" => {
            let nanoseconds = Duration::from_nanos(value::number(value)?);
            peer.last_handshake = peer.last_handshake.and_then(|at| at.checked_add(nanoseconds));
        }
        "rx_bytes" => peer.rx_bytes = value::number(value)?,
        "tx_bytes" => peer.tx_bytes = value::number(value)?,
        "persistent_keepalive_interval" => peer.keepalive = value::number(value)?,
        "allowed_ip" => peer.allowed_ips.push(value::cidr(value)?),
        _ => {}
    }
    Ok(())
}

fn since_1970(time: Duration) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(time)
}

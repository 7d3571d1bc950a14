//! What an ICMP error says about a connection.
//!
//! Errors arrive through the tunnel, from neighbors whose keys were checked: unlike on the open network, their word
//! counts. Nothing is read past what the packet holds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::DialError;

/// An ICMP error about one of our TCP segments or UDP datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Denial {
    /// [`TCP`] or [`UDP`].
    pub(super) protocol: u8,
    /// Our end, as the refused segment named it.
    pub(super) local: SocketAddr,
    /// The other end.
    pub(super) remote: SocketAddr,
    /// What it means.
    pub(super) error: DialError,
}

/// The IP protocol number of TCP.
pub(super) const TCP: u8 = 6;
/// The IP protocol number of UDP.
pub(super) const UDP: u8 = 17;

/// Reads an inner IP packet; `None` if it is no ICMP error about TCP or UDP.
pub(super) fn read(packet: &[u8]) -> Option<Denial> {
    let (error, quoted) = match packet.first()? >> 4 {
        4 => read_v4(packet)?,
        6 => read_v6(packet)?,
        _ => return None,
    };
    let (protocol, (local, remote)) = [TCP, UDP].into_iter().find_map(|of| Some((of, ends_of(quoted, of)?)))?;
    Some(Denial { protocol, local, remote, error })
}

/// RFC 792 and RFC 1812 section 5.2.7.1: type 3, codes 9, 10 and 13 mean that somebody forbids it, 3 that nothing listens there.
fn read_v4(packet: &[u8]) -> Option<(DialError, &[u8])> {
    let header = usize::from(packet[0] & 15) * 4;
    let (_, icmp) = packet.split_at_checked(header.max(20))?;
    if *packet.get(9)? != 1 || *icmp.first()? != 3 {
        return None;
    }
    let error = match icmp.get(1)? {
        9 | 10 | 13 => DialError::Denied,
        3 => DialError::Reset,
        _ => DialError::NoRoute,
    };
    Some((error, icmp.get(8..)?))
}

/// RFC 4443 section 3.1: type 1, code 1 means that somebody forbids it, 4 that nothing listens there.
fn read_v6(packet: &[u8]) -> Option<(DialError, &[u8])> {
    let icmp = packet.get(40..)?;
    if *packet.get(6)? != 58 || *icmp.first()? != 1 {
        return None;
    }
    let error = match icmp.get(1)? {
        1 => DialError::Denied,
        4 => DialError::Reset,
        _ => DialError::NoRoute,
    };
    Some((error, icmp.get(8..)?))
}

/// Source and destination of a TCP segment, of which only the first eight bytes may be there.
pub(super) fn tcp_ends(packet: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    ends_of(packet, TCP)
}

fn ends_of(packet: &[u8], protocol: u8) -> Option<(SocketAddr, SocketAddr)> {
    let (source, destination, ports): (IpAddr, IpAddr, &[u8]) = match packet.first()? >> 4 {
        4 if *packet.get(9)? == protocol => {
            let header = usize::from(packet[0] & 15) * 4;
            let at = |range| <[u8; 4]>::try_from(packet.get(range)?).ok().map(Ipv4Addr::from);
            (at(12..16)?.into(), at(16..20)?.into(), packet.get(header.max(20)..)?)
        }
        6 if *packet.get(6)? == protocol => {
            let at = |range| <[u8; 16]>::try_from(packet.get(range)?).ok().map(Ipv6Addr::from);
            (at(8..24)?.into(), at(24..40)?.into(), packet.get(40..)?)
        }
        _ => return None,
    };
    let port = |range| <[u8; 2]>::try_from(ports.get(range)?).ok().map(u16::from_be_bytes);
    Some((SocketAddr::new(source, port(0..2)?), SocketAddr::new(destination, port(2..4)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_v4(kind: u8, code: u8) -> Vec<u8> {
        let mut quoted = vec![0; 28];
        (quoted[0], quoted[9]) = (0x45, TCP);
        quoted[12..20].copy_from_slice(&[10, 42, 0, 1, 10, 42, 0, 2]);
        quoted[20..24].copy_from_slice(&[0xc0, 0, 0, 22]);
        let mut packet = vec![0; 20];
        (packet[0], packet[9]) = (0x45, 1);
        packet.extend([kind, code, 0, 0, 0, 0, 0, 0]);
        packet.extend(quoted);
        packet
    }

    #[test]
    fn prohibited_is_denied_and_unreachable_is_no_route() {
        let denial = read(&error_v4(3, 13)).unwrap();
        assert_eq!(
            (denial.local, denial.remote),
            ("10.42.0.1:49152".parse().unwrap(), "10.42.0.2:22".parse().unwrap())
        );
        assert_eq!(denial.error, DialError::Denied);
        assert_eq!(read(&error_v4(3, 0)).unwrap().error, DialError::NoRoute);
        assert_eq!(read(&error_v4(8, 0)), None);
    }

    #[test]
    fn every_cut_is_read_without_a_panic() {
        let packet = error_v4(3, 13);
        for end in 0..packet.len() {
            let cut = &packet[..end];
            assert!(end >= 52 || read(cut).is_none(), "{end}");
        }
        for first in 0..=255 {
            let mut packet = packet.clone();
            packet[0] = first;
            packet[28] = first;
            let _any = read(&packet);
        }
    }
}

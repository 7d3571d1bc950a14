//! The outer header of a datagram, as far as it matters: its two ends and its congestion mark.
//!
//! **Invariant**: between inner and outer header nothing is copied but the two bits of ECN, as RFC 6040 says; an
//! observer of the underlay learns no DSCP of an inner packet (SEC-51).

use std::net::{IpAddr, SocketAddr};

/// What stands around the contents of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outer {
    remote: SocketAddr,
    local: Option<IpAddr>,
    ecn: Ecn,
}

impl Outer {
    /// A datagram from or to `remote`, from whatever address the operating system picks, without a mark.
    pub fn new(remote: SocketAddr) -> Self {
        Self { remote, local: None, ecn: Ecn::NotCapable }
    }

    /// Sets the address of this host that the datagram came to, or leaves from; one of the other family is ignored.
    pub fn with_local(self, local: Option<IpAddr>) -> Self {
        Self { local: local.filter(|local| local.is_ipv4() == self.remote.is_ipv4()), ..self }
    }

    /// Sets the congestion mark.
    pub fn with_ecn(self, ecn: Ecn) -> Self {
        Self { ecn, ..self }
    }

    /// The other end.
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// The address of this host; `None` leaves the choice to the operating system.
    pub fn local(&self) -> Option<IpAddr> {
        self.local
    }

    /// The congestion mark.
    pub fn ecn(&self) -> Ecn {
        self.ecn
    }
}

/// Explicit Congestion Notification: the two low bits of an IP header's traffic class (RFC 3168 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ecn {
    /// `00`: the sender does not know ECN.
    #[default]
    NotCapable,
    /// `01`: the sender does, and marks it so.
    Ect1,
    /// `10`: the sender does.
    Ect0,
    /// `11`: a router on the way was congested.
    Congested,
}

impl Ecn {
    /// From the two low bits of a traffic class.
    pub fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::NotCapable,
            1 => Self::Ect1,
            2 => Self::Ect0,
            _ => Self::Congested,
        }
    }

    /// The two bits.
    pub fn bits(self) -> u8 {
        match self {
            Self::NotCapable => 0,
            Self::Ect1 => 1,
            Self::Ect0 => 2,
            Self::Congested => 3,
        }
    }

    /// The mark of an inner packet, for the datagram around it: RFC 6040 section 4.1, normal mode.
    pub(crate) fn of_packet(packet: &[u8]) -> Self {
        traffic_class(packet).map_or(Self::NotCapable, Self::from_bits)
    }

    /// What an inner packet leaves the tunnel with; `None` if it must be dropped: RFC 6040 section 4.2, figure 4.
    fn after(inner: Self, outer: Self) -> Option<Self> {
        match (inner, outer) {
            (Self::NotCapable, Self::Congested) => None,
            (Self::NotCapable, _) | (Self::Congested, _) => Some(inner),
            (_, Self::Congested) => Some(Self::Congested),
            (Self::Ect0, Self::Ect1) => Some(Self::Ect1),
            _ => Some(inner),
        }
    }
}

/// Carries the mark of a datagram over to the packet that was inside. `false` if the packet must be dropped, because a
/// router was congested and the sender would never hear of it.
pub(crate) fn carry_mark(packet: &mut [u8], outer: Ecn) -> bool {
    if outer == Ecn::NotCapable {
        return true;
    }
    let inner = Ecn::of_packet(packet);
    match Ecn::after(inner, outer) {
        None => false,
        Some(mark) if mark == inner => true,
        Some(mark) => {
            set_mark(packet, mark);
            true
        }
    }
}

fn traffic_class(packet: &[u8]) -> Option<u8> {
    let (first, second) = (*packet.first()?, *packet.get(1)?);
    match first >> 4 {
        4 => Some(second),
        6 => Some(first << 4 | second >> 4),
        _ => None,
    }
}

/// Replaces the mark. An IPv4 header's checksum follows (RFC 1624, equation 3).
fn set_mark(packet: &mut [u8], mark: Ecn) {
    if packet[0] >> 4 == 6 {
        packet[1] = packet[1] & 0xcf | mark.bits() << 4;
        return;
    }
    let Some(&[high, low]) = packet.get(10..12) else { return };
    let old = u16::from_be_bytes([packet[0], packet[1]]);
    packet[1] = packet[1] & 0xfc | mark.bits();
    let new = u16::from_be_bytes([packet[0], packet[1]]);
    let sum = u32::from(!u16::from_be_bytes([high, low])) + u32::from(!old) + u32::from(new);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = ((sum & 0xffff) + (sum >> 16)) as u16;
    packet[10..12].copy_from_slice(&(!sum).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::icmp::checksum;
    use super::super::packet::tests::udp;
    use super::*;

    const ALL: [Ecn; 4] = [Ecn::NotCapable, Ecn::Ect1, Ecn::Ect0, Ecn::Congested];

    fn marked(from: &str, to: &str, mark: Ecn) -> Vec<u8> {
        let mut packet = udp(from, to, b"x");
        set_mark(&mut packet, mark);
        packet
    }

    /// RFC 6040, figure 4: rows are the inner mark, columns the outer one; `None` is "drop".
    #[test]
    fn a_mark_leaves_the_tunnel_as_rfc_6040_says() {
        use Ecn::*;
        let table = [
            (NotCapable, [Some(NotCapable), Some(NotCapable), Some(NotCapable), None]),
            (Ect0, [Some(Ect0), Some(Ect1), Some(Ect0), Some(Congested)]),
            (Ect1, [Some(Ect1), Some(Ect1), Some(Ect1), Some(Congested)]),
            (Congested, [Some(Congested), Some(Congested), Some(Congested), Some(Congested)]),
        ];
        for (from, to) in [("10.0.0.1:5", "10.0.0.2:7"), ("[fd00::1]:5", "[fd00::2]:7")] {
            for (inner, row) in table {
                for (outer, expected) in ALL.into_iter().zip(row) {
                    let mut packet = marked(from, to, inner);
                    let passes = carry_mark(&mut packet, outer);
                    assert_eq!(passes.then(|| Ecn::of_packet(&packet)), expected, "{inner:?} in {outer:?}");
                }
            }
        }
    }

    #[test]
    fn a_changed_mark_keeps_the_header_valid_and_the_rest_as_it_was() {
        for mark in ALL {
            let packet = marked("10.0.0.1:5", "10.0.0.2:7", mark);
            assert_eq!(checksum([&packet[..20], &[]]), 0);
            assert_eq!(Ecn::of_packet(&packet), mark);
            let mut v6 = udp("[fd00::1]:5", "[fd00::2]:7", b"x");
            (v6[0], v6[1]) = (0x6b, 0x8f);
            set_mark(&mut v6, mark);
            assert_eq!((v6[0], v6[1] & 0xcf), (0x6b, 0x8f), "neither DSCP nor flow label");
        }
    }
}

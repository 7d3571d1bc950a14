//! The inner IP packet, read once and carefully (SEC-42, TUNNEL.md fact 7).
//!
//! **Invariant**: an [`Inner`] has a known version, a header that lies inside it, and exactly the length that its header
//! states; [`Transport`] holds ports only where the packet really carries them.

use std::net::IpAddr;

use nanami_model::Protocol;

/// A validated inner packet: a view of exactly its total length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inner<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) transport: Transport,
    /// Where the transport header starts.
    pub(crate) payload_at: usize,
}

/// What a filter needs of the layer above IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp {
        source: u16,
        destination: u16,
        flags: TcpFlags,
    },
    Udp {
        source: u16,
        destination: u16,
    },
    Icmp(Icmp),
    /// A fragment that is not the first: its ports are elsewhere.
    Fragment,
    /// Any other protocol, and transport headers that are cut short.
    Other,
}

/// The kinds of ICMP message that are treated differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icmp {
    EchoRequest {
        id: u16,
    },
    EchoReply {
        id: u16,
    },
    /// An error about another packet, which stands inside it.
    Error,
    Other,
}

/// The flags byte of a TCP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TcpFlags(pub(crate) u8);

impl TcpFlags {
    const FIN: u8 = 0x01;
    const SYN: u8 = 0x02;
    const RST: u8 = 0x04;
    const ACK: u8 = 0x10;

    /// The first packet of a connection: SYN without ACK.
    pub(crate) fn opens(self) -> bool {
        self.0 & (Self::SYN | Self::ACK | Self::RST) == Self::SYN
    }

    /// A packet after which the connection has at most its farewells left.
    pub(crate) fn closes(self) -> bool {
        self.0 & (Self::FIN | Self::RST) != 0
    }
}

/// Two ends and a protocol, seen from this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FlowKey {
    pub(crate) protocol: FlowProtocol,
    pub(crate) own: (IpAddr, u16),
    pub(crate) other: (IpAddr, u16),
}

/// The protocols whose flows are remembered. An ICMP echo has its identifier for both ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FlowProtocol {
    Tcp,
    Udp,
    Echo,
}

impl FlowKey {
    /// The same flow seen from its other end.
    fn reversed(self) -> Self {
        Self { own: self.other, other: self.own, ..self }
    }
}

impl<'a> Inner<'a> {
    /// Reads a packet; `None` if it is not one. Bytes behind the stated length, such as padding, are cut off.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        Self::parse_with(bytes, Length::Whole)
    }

    /// Reads the beginning of a packet, as an ICMP error quotes it.
    fn parse_quoted(bytes: &'a [u8]) -> Option<Self> {
        Self::parse_with(bytes, Length::MayBeCut)
    }

    fn parse_with(bytes: &'a [u8], length: Length) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => Self::parse_v4(bytes, length),
            6 => Self::parse_v6(bytes, length),
            _ => None,
        }
    }

    fn parse_v4(bytes: &'a [u8], length: Length) -> Option<Self> {
        let header = bytes.get(..20)?;
        let header_length = usize::from(header[0] & 0x0f) * 4;
        let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if header_length < 20 || total < header_length || bytes.len() < header_length {
            return None;
        }
        let bytes = length.cut(bytes, total)?;
        let first_fragment = u16::from_be_bytes([header[6], header[7]]) & 0x1fff == 0;
        let source = IpAddr::from(<[u8; 4]>::try_from(&header[12..16]).ok()?);
        let destination = IpAddr::from(<[u8; 4]>::try_from(&header[16..20]).ok()?);
        let transport = match first_fragment {
            true => Transport::parse(header[9], &bytes[header_length..], Family::V4),
            false => Transport::Fragment,
        };
        Some(Self { bytes, source, destination, transport, payload_at: header_length })
    }

    fn parse_v6(bytes: &'a [u8], length: Length) -> Option<Self> {
        let header = bytes.get(..40)?;
        let total = 40 + usize::from(u16::from_be_bytes([header[4], header[5]]));
        let source = IpAddr::from(<[u8; 16]>::try_from(&header[8..24]).ok()?);
        let destination = IpAddr::from(<[u8; 16]>::try_from(&header[24..40]).ok()?);
        let bytes = length.cut(bytes, total)?;
        let (transport, payload_at) = behind_extensions(header[6], bytes);
        Some(Self { bytes, source, destination, transport, payload_at })
    }

    /// The flow that this packet belongs to, seen from its sender; `None` for what is not remembered.
    pub(crate) fn flow_of_sender(&self) -> Option<FlowKey> {
        let (protocol, own, other) = match self.transport {
            Transport::Tcp { source, destination, .. } => (FlowProtocol::Tcp, source, destination),
            Transport::Udp { source, destination } => (FlowProtocol::Udp, source, destination),
            Transport::Icmp(Icmp::EchoRequest { id } | Icmp::EchoReply { id }) => (FlowProtocol::Echo, id, id),
            _ => return None,
        };
        Some(FlowKey { protocol, own: (self.source, own), other: (self.destination, other) })
    }

    /// The flow that this packet belongs to, seen from its receiver.
    pub(crate) fn flow_of_receiver(&self) -> Option<FlowKey> {
        self.flow_of_sender().map(FlowKey::reversed)
    }

    /// The packet that an ICMP error is about, as far as it is quoted.
    pub(crate) fn quoted(&self) -> Option<Inner<'a>> {
        match self.transport {
            Transport::Icmp(Icmp::Error) => Inner::parse_quoted(self.bytes.get(self.payload_at + 8..)?),
            _ => None,
        }
    }

    /// What a policy calls the protocol, with the destination port; `None` where only `any` applies.
    pub(crate) fn service(&self) -> Option<(Protocol, u16)> {
        match self.transport {
            Transport::Tcp { destination, .. } => Some((Protocol::Tcp, destination)),
            Transport::Udp { destination, .. } => Some((Protocol::Udp, destination)),
            Transport::Icmp(_) => Some((Protocol::Icmp, 0)),
            Transport::Fragment | Transport::Other => None,
        }
    }

    /// What the other side of a reply calls its service: protocol with the source port. `None` where the packet cannot
    /// be a reply: a TCP packet that opens a connection, an echo request.
    pub(crate) fn replied_service(&self) -> Option<(Protocol, u16)> {
        match self.transport {
            Transport::Tcp { source, flags, .. } => (!flags.opens()).then_some((Protocol::Tcp, source)),
            Transport::Udp { source, .. } => Some((Protocol::Udp, source)),
            Transport::Icmp(Icmp::EchoReply { .. }) => Some((Protocol::Icmp, 0)),
            _ => None,
        }
    }
}

/// Whether a packet must be all there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Whole,
    MayBeCut,
}

impl Length {
    fn cut(self, bytes: &[u8], total: usize) -> Option<&[u8]> {
        match self {
            Self::Whole => bytes.get(..total),
            Self::MayBeCut => Some(&bytes[..total.min(bytes.len())]),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Transport {
    fn parse(protocol: u8, bytes: &[u8], family: Family) -> Self {
        let ports = |bytes: &[u8]| (u16::from_be_bytes([bytes[0], bytes[1]]), u16::from_be_bytes([bytes[2], bytes[3]]));
        match (protocol, family) {
            (6, _) if bytes.len() >= 14 => {
                let (source, destination) = ports(bytes);
                Self::Tcp { source, destination, flags: TcpFlags(bytes[13]) }
            }
            // An ICMP error may quote no more than eight bytes of the transport (RFC 792): the ports, not the flags.
            (6, _) if bytes.len() >= 8 => {
                let (source, destination) = ports(bytes);
                Self::Tcp { source, destination, flags: TcpFlags(0) }
            }
            (17, _) if bytes.len() >= 8 => {
                let (source, destination) = ports(bytes);
                Self::Udp { source, destination }
            }
            (1, Family::V4) | (58, Family::V6) if bytes.len() >= 8 => Self::Icmp(Icmp::parse(bytes, family)),
            _ => Self::Other,
        }
    }
}

impl Icmp {
    fn parse(bytes: &[u8], family: Family) -> Self {
        let id = u16::from_be_bytes([bytes[4], bytes[5]]);
        match (family, bytes[0]) {
            (Family::V4, 8) | (Family::V6, 128) => Self::EchoRequest { id },
            (Family::V4, 0) | (Family::V6, 129) => Self::EchoReply { id },
            // RFC 792 and RFC 1122 section 3.2.2; RFC 4443: types below 128 are errors.
            (Family::V4, 3 | 4 | 5 | 11 | 12) | (Family::V6, 0..=127) => Self::Error,
            _ => Self::Other,
        }
    }
}

/// Walks the IPv6 extension headers that may stand before the transport (RFC 8200 section 4).
fn behind_extensions(first: u8, bytes: &[u8]) -> (Transport, usize) {
    let (mut next, mut at) = (first, 40);
    for _ in 0..MAX_EXTENSIONS {
        let Some(header) = bytes.get(at..at + 8) else { break };
        match next {
            0 | 43 | 60 => at += 8 + usize::from(header[1]) * 8,
            44 if u16::from_be_bytes([header[2], header[3]]) & 0xfff8 != 0 => return (Transport::Fragment, at),
            44 => at += 8,
            _ => break,
        }
        next = header[0];
    }
    let transport = bytes.get(at..).map_or(Transport::Other, |rest| Transport::parse(next, rest, Family::V6));
    (transport, at.min(bytes.len()))
}

/// Extension headers that are walked before a packet counts as [`Transport::Other`]. Chosen: more than any real packet has.
const MAX_EXTENSIONS: usize = 4;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_total_length_below_the_header_is_no_packet() {
        let mut packet = udp("10.0.0.1:5", "10.0.0.2:7", b"hello");
        packet[3] = 19;
        assert!(Inner::parse(&packet).is_none());
        packet[3] = 200;
        assert!(Inner::parse(&packet).is_none(), "longer than what is there");
    }

    #[test]
    fn padding_is_cut_off() {
        let mut packet = udp("[fd00::1]:5", "[fd00::2]:7", b"hello");
        let length = packet.len();
        packet.resize(length + 11, 0);
        let inner = Inner::parse(&packet).unwrap();
        assert_eq!(inner.bytes.len(), length);
        assert_eq!(inner.service(), Some((Protocol::Udp, 7)));
    }

    #[test]
    fn a_later_fragment_has_no_ports() {
        let mut packet = udp("10.0.0.1:5", "10.0.0.2:7", b"hello");
        packet[7] = 1;
        assert_eq!(Inner::parse(&packet).unwrap().transport, Transport::Fragment);
    }

    #[test]
    fn a_bare_syn_is_never_reply_shaped() {
        let syn = tcp("10.0.0.1:443", "10.0.0.2:7", TcpFlags::SYN);
        assert_eq!(Inner::parse(&syn).unwrap().replied_service(), None);
        let syn_ack = tcp("10.0.0.1:443", "10.0.0.2:7", TcpFlags::SYN | TcpFlags::ACK);
        assert_eq!(Inner::parse(&syn_ack).unwrap().replied_service(), Some((Protocol::Tcp, 443)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), version in 4u8..8) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = version << 4 | *first & 0x0f;
            }
            if let Some(inner) = Inner::parse(&bytes) {
                prop_assert!(inner.bytes.len() <= bytes.len() && inner.bytes.len() >= 20);
                let _ = (inner.quoted(), inner.service(), inner.replied_service(), inner.flow_of_receiver());
            }
        }
    }

    /// A UDP packet without checksums, in either family.
    pub(crate) fn udp(from: &str, to: &str, payload: &[u8]) -> Vec<u8> {
        let (from, to): (std::net::SocketAddr, std::net::SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
        let mut transport = Vec::new();
        transport.extend(from.port().to_be_bytes());
        transport.extend(to.port().to_be_bytes());
        transport.extend((8 + payload.len() as u16).to_be_bytes());
        transport.extend([0, 0]);
        transport.extend(payload);
        crate::engine::icmp::ip_packet(from.ip(), to.ip(), 17, &transport)
    }

    /// A TCP packet of nothing but a header, without a checksum.
    pub(crate) fn tcp(from: &str, to: &str, flags: u8) -> Vec<u8> {
        let (from, to): (std::net::SocketAddr, std::net::SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
        let mut transport = vec![0; 20];
        transport[..2].copy_from_slice(&from.port().to_be_bytes());
        transport[2..4].copy_from_slice(&to.port().to_be_bytes());
        transport[12] = 5 << 4;
        transport[13] = flags;
        crate::engine::icmp::ip_packet(from.ip(), to.ip(), 6, &transport)
    }

    pub(crate) const SYN: u8 = TcpFlags::SYN;
    pub(crate) const ACK: u8 = TcpFlags::ACK;
}

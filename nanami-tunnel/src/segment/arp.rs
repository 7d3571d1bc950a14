//! Frames and ARP: who has which address on a segment (RFC 826).

use std::net::Ipv4Addr;

use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr};

use super::Mac;

/// What a frame carries.
pub(super) enum Contents<'a> {
    /// Somebody asks who has `target`.
    Who { asks: Mac, asker: Ipv4Addr, target: Ipv4Addr },
    /// Somebody says where it is.
    Here { mac: Mac, address: Ipv4Addr },
    /// An IPv4 packet.
    Ipv4(&'a [u8]),
}

/// Reads a frame; `None` if it is neither ARP nor IPv4, or malformed.
pub(super) fn read(frame: &[u8]) -> Option<(Mac, Contents<'_>)> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let source = frame.src_addr().0;
    match frame.ethertype() {
        EthernetProtocol::Ipv4 => Some((source, Contents::Ipv4(frame.payload()))),
        EthernetProtocol::Arp => {
            let arp = ArpRepr::parse(&ArpPacket::new_checked(frame.payload()).ok()?).ok()?;
            let ArpRepr::EthernetIpv4 {
                operation,
                source_hardware_addr,
                source_protocol_addr,
                target_protocol_addr,
                ..
            } = arp
            else {
                return None;
            };
            let mac = source_hardware_addr.0;
            match operation {
                ArpOperation::Request => {
                    let (asker, target) = (source_protocol_addr, target_protocol_addr);
                    Some((source, Contents::Who { asks: mac, asker, target }))
                }
                ArpOperation::Reply => Some((source, Contents::Here { mac, address: source_protocol_addr })),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The frame that asks who has `target`.
pub(super) fn ask(from: Mac, address: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    message(ArpOperation::Request, (from, address), (EthernetAddress::BROADCAST.0, target))
}

/// The frame that answers `to`: `address` is at `mac`.
pub(super) fn answer(mac: Mac, address: Ipv4Addr, to: Mac, asker: Ipv4Addr) -> Vec<u8> {
    message(ArpOperation::Reply, (mac, address), (to, asker))
}

fn message(operation: ArpOperation, from: (Mac, Ipv4Addr), to: (Mac, Ipv4Addr)) -> Vec<u8> {
    let arp = ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr: EthernetAddress(from.0),
        source_protocol_addr: from.1,
        target_hardware_addr: EthernetAddress(to.0),
        target_protocol_addr: to.1,
    };
    let mut bytes = vec![0; EthernetFrame::<&[u8]>::header_len() + arp.buffer_len()];
    header(&mut bytes, from.0, to.0, EthernetProtocol::Arp);
    arp.emit(&mut ArpPacket::new_unchecked(&mut bytes[EthernetFrame::<&[u8]>::header_len()..]));
    bytes
}

/// The frame that carries an IPv4 packet.
pub(super) fn ipv4(from: Mac, to: Mac, packet: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; EthernetFrame::<&[u8]>::header_len()];
    header(&mut bytes, from, to, EthernetProtocol::Ipv4);
    bytes.extend(packet);
    bytes
}

fn header(bytes: &mut [u8], from: Mac, to: Mac, ethertype: EthernetProtocol) {
    let (src_addr, dst_addr) = (EthernetAddress(from), EthernetAddress(to));
    EthernetRepr { src_addr, dst_addr, ethertype }.emit(&mut EthernetFrame::new_unchecked(bytes));
}

/// Source and destination of an IPv4 packet.
pub(super) fn ends(packet: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let at = |range| <[u8; 4]>::try_from(packet.get(range)?).ok().map(Ipv4Addr::from);
    (packet.first()? >> 4 == 4).then_some((at(12..16)?, at(16..20)?))
}

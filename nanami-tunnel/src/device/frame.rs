//! What a TUN interface with offloads puts before each packet, and what both directions need to know of it.

/// Bytes before each packet: `virtio_net_hdr` of linux/virtio_net.h, in the host's order.
pub(super) const FRAME_HEADER: usize = tun_rs::VIRTIO_NET_HDR_LEN;
/// Its flag for a checksum that the other side completes.
pub(super) const NEEDS_CSUM: u8 = 1;
/// Its kinds of packets.
pub(super) const GSO_NONE: u8 = 0;
pub(super) const GSO_TCPV4: u8 = 1;
pub(super) const GSO_TCPV6: u8 = 4;
pub(super) const GSO_UDP_L4: u8 = 5;
pub(super) const GSO_ECN: u8 = 0x80;

/// Bits of TCP's flags: RFC 9293 section 3.1.
pub(super) const FIN: u8 = 0x01;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;
pub(super) const CWR: u8 = 0x80;
/// Where the checksum is in each header.
pub(super) const TCP_CHECKSUM: usize = 16;
pub(super) const UDP_CHECKSUM: usize = 6;

/// The sum of the pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1) of TCP or UDP of this length, between the
/// addresses of an IP header.
pub(super) fn pseudo(addresses: &[u8], is_tcp: bool, length: usize) -> u64 {
    let words = addresses.chunks_exact(2).map(|pair| u64::from(u16::from_be_bytes([pair[0], pair[1]])));
    words.sum::<u64>() + if is_tcp { 6 } else { 17 } + length as u64
}

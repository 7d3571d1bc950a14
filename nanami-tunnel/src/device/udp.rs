//! The UDP sockets: IPv4 and IPv6 on one port.
//!
//! **Invariants**: answers can leave from the address that was written to; the mark of congestion is read and written; one
//! system call carries as many datagrams of one length to one end as the kernel allows, and what it does not allow is
//! sent one by one. Datagrams may be fragmented on their way, as the kernel's WireGuard lets them.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use quinn_udp::{EcnCodepoint, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use rustix::net::sockopt::{set_ip_mtu_discover, set_ipv6_mtu_discover};
use socket2::{Domain, Protocol, Socket, Type};
use tracing::debug;

use super::wait::writable;
use crate::engine::{Datagrams, Ecn, Outer};

/// Both sockets; the one of a family that this host does not have is absent.
pub(super) struct Sockets {
    v4: Option<Udp>,
    v6: Option<Udp>,
    port: u16,
}

/// One socket.
struct Udp {
    socket: UdpSocket,
    state: UdpSocketState,
}

/// Buffers for datagrams that arrive.
pub(super) struct Receiver {
    buffers: Vec<Vec<u8>>,
}

impl Sockets {
    /// Listens on a port, or on any that is free in both families if it is 0; `mark` is the firewall mark, 0 for none.
    pub(super) fn bind(port: u16, mark: u32) -> io::Result<Self> {
        let mut tries = 0;
        loop {
            let v4 = optional(Udp::bind(Ipv4Addr::UNSPECIFIED.into(), port, mark))?;
            let chosen = v4.as_ref().map(Udp::port).transpose()?.unwrap_or(port);
            match optional(Udp::bind(Ipv6Addr::UNSPECIFIED.into(), chosen, mark)) {
                // Somebody has that port in the other family only: another one.
                Err(error) if port == 0 && error.kind() == ErrorKind::AddrInUse && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
                Ok(v6) => {
                    let chosen = v6.as_ref().map(Udp::port).transpose()?.unwrap_or(chosen);
                    if v4.is_none() && v6.is_none() {
                        return Err(ErrorKind::Unsupported.into());
                    }
                    return Ok(Self { v4, v6, port: chosen });
                }
            }
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The descriptors to wait for; the same one twice where there is one family.
    pub(super) fn fds(&self) -> [BorrowedFd<'_>; 2] {
        let (v4, v6) = (self.v4.as_ref(), self.v6.as_ref());
        let either = v4.or(v6).expect("one family is there");
        [v4.unwrap_or(either), v6.unwrap_or(either)].map(|udp| udp.socket.as_fd())
    }

    pub(super) fn set_mark(&self, mark: u32) -> io::Result<()> {
        self.each().try_for_each(|udp| socket2::SockRef::from(&udp.socket).set_mark(mark))
    }

    /// Adds what has arrived, as much as fits into the buffers once for each family. `false` if nothing had.
    pub(super) fn receive(&self, receiver: &mut Receiver, datagrams: &mut Datagrams) -> bool {
        let received: usize = self.each().map(|udp| udp.receive(receiver, datagrams)).sum();
        received > 0
    }

    /// Sends each datagram, or drops it: the network may lose one, so may we.
    pub(super) fn send(&self, datagrams: &mut Datagrams) {
        for (outer, contents, length) in datagrams.runs(MAX_SEGMENTS, MAX_RUN) {
            let udp = if outer.remote().is_ipv4() { &self.v4 } else { &self.v6 };
            match udp {
                Some(udp) => udp.send_run(outer, contents, length),
                None => debug!(to = %outer.remote(), "this host has no such address family"),
            }
        }
        datagrams.clear();
    }

    fn each(&self) -> impl Iterator<Item = &Udp> {
        self.v4.iter().chain(&self.v6)
    }
}

impl Udp {
    fn bind(ip: IpAddr, port: u16, mark: u32) -> io::Result<Self> {
        let at = SocketAddr::new(ip, port);
        let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
        if ip.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // The kernel gives what its limit allows; a smaller buffer only drops more of a burst.
        let _ = socket.set_recv_buffer_size(BUFFER);
        let _ = socket.set_send_buffer_size(BUFFER);
        if mark != 0 {
            socket.set_mark(mark)?;
        }
        socket.bind(&at.into())?;
        let socket = UdpSocket::from(socket);
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        if ip.is_ipv4() {
            set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::DONT)?;
        } else {
            set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::DONT)?;
        }
        Ok(Self { socket, state })
    }

    fn port(&self) -> io::Result<u16> {
        Ok(self.socket.local_addr()?.port())
    }

    fn receive(&self, receiver: &mut Receiver, datagrams: &mut Datagrams) -> usize {
        let mut metas = [RecvMeta::default(); BUFFERS];
        let received = {
            let mut buffers = receiver.buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer));
            let mut slices: [IoSliceMut<'_>; BUFFERS] =
                std::array::from_fn(|_| buffers.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
            self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut metas)
        };
        let Ok(count) = received else { return 0 };
        for (buffer, meta) in receiver.buffers.iter().zip(&metas).take(count) {
            let outer = Outer::new(unmapped(meta.addr))
                .with_local(meta.dst_ip)
                .with_ecn(meta.ecn.map_or(Ecn::NotCapable, |ecn| Ecn::from_bits(ecn as u8)));
            let bytes = &buffer[..meta.len];
            if bytes.is_empty() {
                datagrams.push_with_outer(outer, bytes);
            }
            for contents in bytes.chunks(meta.stride.max(1)) {
                datagrams.push_with_outer(outer, contents);
            }
        }
        count
    }

    /// Sends datagrams of `length` bytes, of which the last may be shorter.
    fn send_run(&self, outer: Outer, contents: &[u8], length: usize) {
        let together = contents.len() > length && self.state.max_gso_segments() > 1;
        if together && self.send(outer, contents, Some(length)).is_ok() {
            return;
        }
        for contents in contents.chunks(length.max(1)) {
            let Err(error) = self.send(outer, contents, None) else { continue };
            // The address that it should leave from may be gone; then any other one.
            let anywhere = Outer::new(outer.remote()).with_ecn(outer.ecn());
            if outer.local().is_none() || self.send(anywhere, contents, None).is_err() {
                debug!(to = %outer.remote(), %error, "datagram not sent");
            }
        }
    }

    fn send(&self, outer: Outer, contents: &[u8], segment_size: Option<usize>) -> io::Result<()> {
        let transmit = Transmit {
            destination: outer.remote(),
            ecn: EcnCodepoint::from_bits(outer.ecn().bits()),
            contents,
            segment_size,
            src_ip: outer.local(),
        };
        loop {
            match self.state.try_send(UdpSockRef::from(&self.socket), &transmit) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !writable(self.socket.as_fd(), PATIENCE)? {
                        return Err(error);
                    }
                }
                result => return result,
            }
        }
    }
}

impl Receiver {
    pub(super) fn new() -> Self {
        Self { buffers: vec![vec![0; LONGEST]; BUFFERS] }
    }
}

/// A family that this host does not have is no error.
fn optional(udp: io::Result<Udp>) -> io::Result<Option<Udp>> {
    match udp {
        Ok(udp) => Ok(Some(udp)),
        Err(error) => match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::AFNOSUPPORT | rustix::io::Errno::ADDRNOTAVAIL) => Ok(None),
            _ => Err(error),
        },
    }
}

/// Scope and flow label of an IPv6 address stay as they are; an IPv4 address in IPv6 clothes is IPv4.
fn unmapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::new(ip.into(), v6.port()),
            None => address,
        },
        SocketAddr::V4(_) => address,
    }
}

/// Bytes that the kernel may hold in each direction. TUNNEL.md, "How to get there" 7.
const BUFFER: usize = 7 * 1024 * 1024;
/// Buffers that one system call fills. TUNNEL.md, "How to get there" 4.
const BUFFERS: usize = 8;
/// Bytes of what a buffer holds: datagrams that the kernel joined are at most a whole IP packet.
const LONGEST: usize = 65_535;
/// Datagrams in one call: Linux' `UDP_MAX_SEGMENTS` was 64 until 6.9.
const MAX_SEGMENTS: usize = 64;
/// Bytes in one call: a whole IP packet less its headers, for IPv6.
const MAX_RUN: usize = 65_535 - 40 - 8;
/// Ports that are tried for one that is free in both families. Chosen: a machine with so few is full.
const TRIES: u32 = 16;
/// How long a full buffer is waited for. Chosen: longer than any queue of a network card drains.
const PATIENCE: Duration = Duration::from_millis(200);

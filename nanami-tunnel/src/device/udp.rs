//! The UDP sockets: IPv4 and IPv6 on one port.
//!
//! **Invariants**: answers can leave from the address that was written to; the mark of congestion is read and written; one
//! system call carries as many datagrams of one length to one end as the kernel allows, and what it does not allow is
//! sent one by one. Datagrams may be fragmented on their way, as the kernel's WireGuard lets them.

use std::convert::Infallible;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use quinn_udp::{EcnCodepoint, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use rustix::net::sockopt::{set_ip_mtu_discover, set_ipv6_mtu_discover};
use socket2::{Domain, Protocol, Socket, Type};
use tracing::debug;

use super::offloads::{Offload, Offloads};
use super::wait::writable;
use crate::engine::{Datagrams, Ecn, Outer};

/// Both sockets; the one of a family that this host does not have is absent.
pub(crate) struct Sockets {
    v4: Option<Udp>,
    v6: Option<Udp>,
    port: u16,
    /// Goes after the sockets, and whoever waits for that notices.
    open: OnceLock<Sender<Infallible>>,
}

/// One socket.
struct Udp {
    socket: UdpSocket,
    /// What quinn-udp learned about the kernel from its refusals.
    state: ArcSwap<UdpSocketState>,
    offloads: Offloads,
    /// Runs that go one by one before many at once are tried again.
    distrust: AtomicU32,
}

impl Sockets {
    /// Listens on a port, or on any that is free in both families if it is 0; `mark` is the firewall mark, 0 for none.
    pub(super) fn bind(port: u16, mark: u32, offloads: Offloads) -> io::Result<Self> {
        let mut tries = 0;
        loop {
            let v4 = optional(Udp::bind(Ipv4Addr::UNSPECIFIED.into(), port, mark, offloads))?;
            let chosen = v4.as_ref().map(Udp::port).transpose()?.unwrap_or(port);
            match optional(Udp::bind(Ipv6Addr::UNSPECIFIED.into(), chosen, mark, offloads)) {
                // Somebody has that port in the other family only: another one.
                Err(error) if port == 0 && error.kind() == ErrorKind::AddrInUse && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
                Ok(v6) => {
                    let chosen = v6.as_ref().map(Udp::port).transpose()?.unwrap_or(chosen);
                    if v4.is_none() && v6.is_none() {
                        return Err(ErrorKind::Unsupported.into());
                    }
                    return Ok(Self { v4, v6, port: chosen, open: OnceLock::new() });
                }
            }
        }
    }

    /// Those of a socket that somebody bound; there is none of the other family.
    #[cfg(feature = "os")]
    pub(crate) fn one(socket: UdpSocket, offloads: Offloads) -> io::Result<Self> {
        let at = socket.local_addr()?;
        let udp = Udp::of(socket, at.is_ipv4(), offloads)?;
        let (v4, v6) = if at.is_ipv4() { (Some(udp), None) } else { (None, Some(udp)) };
        Ok(Self { v4, v6, port: at.port(), open: OnceLock::new() })
    }

    /// Returns when everybody who uses these sockets has let go of them, and they are closed.
    pub(super) fn closed(sockets: Arc<Self>) {
        let (open, closed) = channel();
        // Only whoever takes them away waits, and that is one.
        let _ = sockets.open.set(open);
        drop(sockets);
        let _ = closed.recv();
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
    pub(super) fn receive(&self, datagrams: &mut Datagrams) -> bool {
        let received: usize = self.each().map(|udp| udp.receive(datagrams)).sum();
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
    fn bind(ip: IpAddr, port: u16, mark: u32, offloads: Offloads) -> io::Result<Self> {
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
        Self::of(socket.into(), ip.is_ipv4(), offloads)
    }

    fn of(socket: UdpSocket, is_ipv4: bool, offloads: Offloads) -> io::Result<Self> {
        let state = ArcSwap::from_pointee(state_of(&socket, is_ipv4, offloads)?);
        Ok(Self { socket, state, offloads, distrust: AtomicU32::new(0) })
    }

    fn port(&self) -> io::Result<u16> {
        Ok(self.socket.local_addr()?.port())
    }

    fn receive(&self, datagrams: &mut Datagrams) -> usize {
        let mut metas = [RecvMeta::default(); BUFFERS];
        let received = {
            let mut buffers = datagrams.room(BUFFERS * LONGEST).chunks_exact_mut(LONGEST).map(IoSliceMut::new);
            let mut slices: [IoSliceMut<'_>; BUFFERS] =
                std::array::from_fn(|_| buffers.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
            self.state.load().recv(UdpSockRef::from(&self.socket), &mut slices, &mut metas)
        };
        let Ok(count) = received else { return 0 };
        let mut taken = 0;
        for (start, meta) in (0..).step_by(LONGEST).zip(&metas).take(count) {
            taken = start + meta.len;
            // What a socket for both families, which somebody else made, hears of the other one could not be answered.
            if is_mapped(meta.addr) {
                continue;
            }
            let outer = Outer::new(meta.addr)
                .with_local(meta.dst_ip)
                .with_ecn(meta.ecn.map_or(Ecn::NotCapable, |ecn| Ecn::from_bits(ecn as u8)));
            let (end, stride) = (taken, meta.stride.max(1));
            if meta.len == 0 {
                datagrams.keep(outer, start..end);
            }
            for at in (start..end).step_by(stride) {
                datagrams.keep(outer, at..end.min(at + stride));
            }
        }
        datagrams.take(taken);
        count
    }

    /// Sends datagrams of `length` bytes, of which the last may be shorter: together, or else one by one.
    fn send_run(&self, outer: Outer, contents: &[u8], length: usize) {
        if contents.len() > length && self.takes_many() {
            match self.send(outer, contents, Some(length)) {
                Ok(()) => return,
                Err(error) if self.lost_its_address(outer, &error) => {
                    return self.send_run(anywhere(outer), contents, length);
                }
                Err(error) => self.learn(outer, &error),
            }
        }
        for contents in contents.chunks(length.max(1)) {
            let sent = self.send(outer, contents, None).or_else(|error| match self.lost_its_address(outer, &error) {
                true => self.send(anywhere(outer), contents, None),
                false => Err(error),
            });
            if let Err(error) = sent {
                debug!(to = %outer.remote(), %error, "datagram not sent");
            }
        }
    }

    fn takes_many(&self) -> bool {
        if !self.offloads.has(Offload::UdpGso) || self.state.load().max_gso_segments() <= 1 {
            return false;
        }
        let distrust = self.distrust.load(Ordering::Relaxed);
        self.distrust.store(distrust.saturating_sub(1), Ordering::Relaxed);
        distrust == 0
    }

    /// Many at once were refused: because of one narrow way, such as one of whose MTU a single datagram does not fit, or of a
    /// card without checksums, or by all. quinn-udp would never try again, nor mark anything; here the next runs go one by
    /// one, and then it is tried again.
    fn learn(&self, outer: Outer, error: &io::Error) {
        let errno = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
        if let Some(rustix::io::Errno::INVAL | rustix::io::Errno::IO | rustix::io::Errno::MSGSIZE) = errno {
            self.distrust.store(DISTRUST, Ordering::Relaxed);
            self.start_anew(outer);
        }
    }

    /// Forgets what quinn-udp learned.
    fn start_anew(&self, outer: Outer) {
        if let Ok(state) = state_of(&self.socket, outer.remote().is_ipv4(), self.offloads) {
            self.state.store(Arc::new(state));
        }
    }

    /// Whether a datagram was refused because this host has not the address any more that it should leave from. quinn-udp
    /// takes that for a kernel that knows neither marks nor many datagrams at once, and would never try either again.
    fn lost_its_address(&self, outer: Outer, error: &io::Error) -> bool {
        let errno = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
        let is_lost = outer.local().is_some()
            && matches!(
                errno,
                Some(rustix::io::Errno::INVAL | rustix::io::Errno::NETUNREACH | rustix::io::Errno::ADDRNOTAVAIL)
            );
        if is_lost {
            self.start_anew(outer);
        }
        is_lost
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
            match self.state.load().try_send(UdpSockRef::from(&self.socket), &transmit) {
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

/// The same from whatever address the operating system picks.
fn anywhere(outer: Outer) -> Outer {
    outer.with_local(None)
}

/// Sets a socket up for marks, addresses and many datagrams at once; and lets datagrams be fragmented, which quinn-udp forbids.
/// The time of arrival, for which it asks as well, is switched off: beside it there is no room for the mark of datagrams that
/// the kernel joined.
fn state_of(socket: &UdpSocket, is_ipv4: bool, offloads: Offloads) -> io::Result<UdpSocketState> {
    let state = UdpSocketState::new(UdpSockRef::from(socket))?;
    if !offloads.has(Offload::UdpGro) && state.gro_segments() > 1 {
        nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::UdpGroSegment, &false)?;
    }
    nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::ReceiveTimestampns, &false)?;
    if is_ipv4 {
        set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::DONT)?;
    } else {
        set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::DONT)?;
    }
    Ok(state)
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

/// Whether this is an IPv4 address in IPv6 clothes.
fn is_mapped(address: SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(address) if address.ip().to_ipv4_mapped().is_some())
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
/// Runs that go one by one after a refusal. Chosen: a try that fails costs one system call more than 64.
const DISTRUST: u32 = 64;

#[cfg(test)]
mod tests {
    use nix::sys::socket::sockopt::UdpGroSegment;

    use super::super::wait::readable;
    use super::*;

    fn bound(offloads: Offloads) -> Sockets {
        Sockets::bind(0, 0, offloads).unwrap()
    }

    /// What arrives, so many datagrams at least.
    fn received(by: &Sockets, count: usize) -> Vec<(Outer, Vec<u8>)> {
        let mut arrived = Datagrams::new();
        while arrived.len() < count {
            let ready = readable(by.fds(), Some(Duration::from_secs(20))).unwrap();
            assert!(ready.contains(&true), "{} of {count} arrived", arrived.len());
            by.receive(&mut arrived);
        }
        arrived.drain().map(|datagram| (datagram.outer(), datagram.contents().to_vec())).collect()
    }

    #[test]
    fn an_address_that_is_gone_costs_neither_datagrams_nor_marks_nor_offloads() {
        let (from, to) = (bound(Offloads::ALL), bound(Offloads::ALL));
        let segments = || from.v4.as_ref().unwrap().state.load().max_gso_segments();
        let outer = Outer::new(SocketAddr::from((Ipv4Addr::LOCALHOST, to.port()))).with_ecn(Ecn::Ect0);
        let (could, gone) = (segments(), IpAddr::from([192, 0, 2, 1]));
        for local in [None, Some(gone), None] {
            let (mut datagrams, sent) = (Datagrams::new(), [[1u8; 100]; 5]);
            sent.iter().for_each(|datagram| datagrams.push_with_outer(outer.with_local(local), datagram));
            from.send(&mut datagrams);
            let arrived = received(&to, 5);
            assert!(arrived.iter().all(|(outer, contents)| outer.ecn() == Ecn::Ect0 && contents[..] == sent[0]));
            assert_eq!((arrived.len(), segments()), (5, could));
        }
    }

    #[test]
    fn joined_datagrams_arrive_with_their_mark_and_the_address_that_they_were_sent_to() {
        let (from, to) = (bound(Offloads::ALL), bound(Offloads::ALL));
        for ip in [IpAddr::from([127, 0, 0, 9]), Ipv6Addr::LOCALHOST.into()] {
            let (mut datagrams, at) = (Datagrams::new(), SocketAddr::new(ip, to.port()));
            (0..3).for_each(|_| datagrams.push_with_outer(Outer::new(at).with_ecn(Ecn::Ect1), b"joined"));
            from.send(&mut datagrams);
            for (outer, _) in received(&to, 3) {
                assert_eq!((outer.ecn(), outer.local(), outer.remote().port()), (Ecn::Ect1, Some(ip), from.port()));
            }
        }
    }

    #[test]
    fn what_a_kernel_refuses_as_many_it_gets_one_by_one_and_is_asked_again_later() {
        let (from, to) = (bound(Offloads::ALL), bound(Offloads::ALL));
        let udp = from.v4.as_ref().unwrap();
        let outer = Outer::new(SocketAddr::from((Ipv4Addr::LOCALHOST, to.port()))).with_ecn(Ecn::Ect0);
        let arrive = |count: usize| {
            let arrived = received(&to, count);
            assert_eq!(arrived.len(), count);
            assert!(arrived.iter().all(|(outer, contents)| outer.ecn() == Ecn::Ect0 && contents[..] == [7; 100]));
        };
        // More than any kernel takes at once, which it calls invalid.
        udp.send_run(outer, &[7; 200 * 100], 100);
        arrive(200);
        assert_eq!(udp.distrust.load(Ordering::Relaxed), DISTRUST, "they were refused together");
        for _ in 0..=DISTRUST {
            udp.send_run(outer, &[7; 5 * 100], 100);
            arrive(5);
        }
        assert!(udp.takes_many(), "and are taken together again");
    }

    #[cfg(feature = "os")]
    #[test]
    fn a_socket_for_both_families_hears_only_the_one_that_it_answers() {
        let both = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
        let (from, to) = (bound(Offloads::ALL), Sockets::one(both, Offloads::ALL).unwrap());
        let (mut datagrams, marks) = (Datagrams::new(), [b"IPv4", b"IPv6"]);
        for (ip, mark) in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()].into_iter().zip(marks) {
            datagrams.push_with_outer(Outer::new(SocketAddr::new(ip, to.port())), mark);
        }
        from.send(&mut datagrams);
        let arrived = received(&to, 1);
        assert!(arrived.len() == 1 && arrived[0].1 == b"IPv6" && arrived[0].0.remote().is_ipv6());
    }

    #[test]
    fn each_half_is_switched_off_by_itself() {
        for offload in [Offload::UdpGso, Offload::UdpGro] {
            let (from, to) = (bound(Offloads::ALL.without(offload)), bound(Offloads::ALL.without(offload)));
            let outer = Outer::new(SocketAddr::from((Ipv4Addr::LOCALHOST, to.port())));
            let mut datagrams = Datagrams::new();
            (0..5).for_each(|_| datagrams.push_with_outer(outer, &[7; 100]));
            from.send(&mut datagrams);
            assert_eq!(from.v4.as_ref().unwrap().takes_many(), offload != Offload::UdpGso);
            assert_eq!(received(&to, 5).len(), 5);
            let joins = nix::sys::socket::getsockopt(&to.v4.as_ref().unwrap().socket, UdpGroSegment).unwrap();
            assert_eq!(joins, offload != Offload::UdpGro);
        }
    }
}

//! The stack behind the lock: smoltcp's interface and sockets, and what we know beside them.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::Socket;
use smoltcp::socket::tcp::{self, CongestionControl, State};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};

use super::DialError;
use super::denial;
use super::device::{Device, ETHERNET_HEADER, Medium};
use super::track::{self, Track};

mod udp;

/// How long a dial waits for an answer (chosen: an order above the slowest handshake, below a person's patience).
pub(crate) const DIAL_LIMIT: Duration = Duration::from_secs(10);
/// smoltcp waits at least one second before it sends again (RFC 6298 section 2.4). Linux waits 200 ms, and a failover within
/// a second needs that: its clock runs five times as fast as ours, which scales every timer of it alike.
const CLOCK_RATE: u64 = 5;
/// How far the stack's clock jumps when a way changes: two seconds of ours, the back-off after a gap of four (chosen).
const JUMP: smoltcp::time::Duration = smoltcp::time::Duration::from_secs(2 * CLOCK_RATE);
/// Bytes of each socket's two buffers: the window of a path of 2 Gbit/s and 1 ms (chosen).
const BUFFER: usize = 256 << 10;
/// Ports that a dial takes (RFC 6335 section 6: the dynamic ports).
const FIRST_DYNAMIC_PORT: u16 = 49152;
/// Refusals remembered until somebody asks (chosen; one per dial that is under way).
const MAX_DENIALS: usize = 1024;

pub(crate) struct Stack {
    interface: Interface,
    pub(super) sockets: SocketSet<'static>,
    device: Device,
    medium: Medium,
    seed: u64,
    started: Instant,
    /// How far the stack's clock was moved ahead by [`Stack::rerouted`].
    ahead: smoltcp::time::Duration,
    next_port: u16,
    /// Connections whose streams are gone and which still say goodbye.
    leaving: Vec<SocketHandle>,
    denials: BTreeMap<Ends, DialError>,
    denial_order: VecDeque<Ends>,
    tracks: BTreeMap<Ends, Track>,
    datagrams: BTreeMap<SocketHandle, udp::Held>,
    pub(super) stopped: bool,
}

/// Our end and the other end of a connection.
pub(super) type Ends = (SocketAddr, SocketAddr);

impl Stack {
    pub(super) fn new(medium: Medium, seed: u64) -> Self {
        let mut device = Device::new(medium);
        let interface = new_interface(medium, seed, &mut device, smoltcp::time::Instant::ZERO);
        Self {
            interface,
            sockets: SocketSet::new(Vec::new()),
            device,
            medium,
            seed,
            started: Instant::now(),
            ahead: smoltcp::time::Duration::ZERO,
            next_port: FIRST_DYNAMIC_PORT + (seed % 8192) as u16,
            leaving: Vec::new(),
            denials: BTreeMap::new(),
            denial_order: VecDeque::new(),
            tracks: BTreeMap::new(),
            datagrams: BTreeMap::new(),
            stopped: false,
        }
    }

    fn clock(&self) -> smoltcp::time::Instant {
        let micros = self.started.elapsed().as_micros() as i64;
        smoltcp::time::Instant::from_micros(micros.saturating_mul(CLOCK_RATE as i64)) + self.ahead
    }

    /// Takes the tunnel's addresses and the length of its packets.
    pub(super) fn configure(&mut self, addresses: &[IpAddr], mtu: u16) {
        if self.device.mtu != usize::from(mtu) {
            // smoltcp asks a device for its length once, when the interface is made; the sockets stay.
            self.device.mtu = usize::from(mtu);
            let now = self.clock();
            self.interface = new_interface(self.medium, self.seed, &mut self.device, now);
        }
        self.set_addresses(addresses);
    }

    /// The way to some remote ends changed. They hear three repeated acknowledgements, which makes a TCP send again at once
    /// what was lost on the old way (Caceres and Iftode 1995, after a handover; RFC 5681 section 3.2). Our own
    /// retransmission timers run out now: smoltcp has no other handle on them than its clock, so that jumps ahead.
    pub(super) fn rerouted(&mut self, affected: impl Fn(IpAddr) -> bool) {
        let affected: Vec<_> = self.tracks.iter().filter(|((_, remote), _)| affected(remote.ip())).collect();
        if affected.is_empty() {
            return;
        }
        if self.medium == Medium::Ip {
            for packet in affected.into_iter().filter_map(|(ends, track)| track.repeated_acknowledgement(*ends)) {
                (0..3).for_each(|_| self.device.to_send.push_back(packet.clone()));
            }
        }
        self.ahead += JUMP;
    }

    /// All other addresses lie behind the tunnel: the default route needs no next hop.
    fn set_addresses(&mut self, addresses: &[IpAddr]) {
        self.interface.update_ip_addrs(|own| {
            own.clear();
            for address in addresses.iter().take(own.capacity()) {
                let _fits = own.push(IpCidr::new((*address).into(), if address.is_ipv4() { 32 } else { 128 }));
            }
        });
        let hop = |want_v4: bool| addresses.iter().copied().find(|a| a.is_ipv4() == want_v4);
        if let Some(IpAddr::V4(v4)) = hop(true) {
            let _replaces = self.interface.routes_mut().add_default_ipv4_route(v4);
        }
        if let Some(IpAddr::V6(v6)) = hop(false) {
            let _replaces = self.interface.routes_mut().add_default_ipv6_route(v6);
        }
    }

    /// Takes one address on a segment, and the router of it.
    pub(crate) fn set_segment(&mut self, address: IpCidr, router: std::net::Ipv4Addr) {
        self.interface.update_ip_addrs(|own| {
            own.clear();
            let _fits = own.push(address);
        });
        let _replaces = self.interface.routes_mut().add_default_ipv4_route(router);
    }

    pub(super) fn receive(&mut self, packet: Vec<u8>) {
        let now = Instant::now();
        let ip = self.ip_of(&packet);
        if let Some(denial) = denial::read(ip) {
            match denial.protocol {
                denial::UDP => self.deny_udp(denial.local, denial.remote, denial.error),
                _ => self.deny((denial.local, denial.remote), denial.error),
            }
            return;
        }
        if let Some(segment) = track::read(ip) {
            let (remote, local) = segment.ends;
            if let Some(track) = self.tracks.get_mut(&(local, remote)) {
                track.received(&segment, now);
            }
        }
        self.device.received.push_back(packet);
    }

    fn ip_of<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        match self.medium {
            Medium::Ip => packet,
            Medium::Ethernet(_) => packet.get(ETHERNET_HEADER..).unwrap_or_default(),
        }
    }

    /// Lets smoltcp work, and hands out what it wants to send.
    pub(super) fn poll(&mut self, out: &mut Vec<Vec<u8>>) {
        let clock = self.clock();
        self.interface.poll(clock, &mut self.device, &mut self.sockets);
        let now = Instant::now();
        while let Some(packet) = self.device.to_send.pop_front() {
            if let Some(segment) = track::read(self.ip_of(&packet))
                && let Some(track) = self.tracks.get_mut(&segment.ends)
            {
                track.sent(&segment, now);
            }
            out.push(packet);
        }
        let sockets = &mut self.sockets;
        self.leaving.retain(|handle| {
            let (_, socket) = sockets.iter().find(|(other, _)| other == handle).expect("it leaves only here");
            let gone = match socket {
                Socket::Tcp(tcp) => matches!(tcp.state(), State::Closed | State::TimeWait),
                Socket::Udp(udp) => udp.send_queue() == 0,
            };
            if gone {
                sockets.remove(*handle);
            }
            !gone
        });
    }

    /// How long until smoltcp wants to work again; `None` means not before something happens.
    pub(super) fn delay(&mut self) -> Option<Duration> {
        if !self.device.received.is_empty() {
            return Some(Duration::ZERO);
        }
        let clock = self.clock();
        let delay = self.interface.poll_delay(clock, &self.sockets)?;
        Some(Duration::from_micros(delay.total_micros() / CLOCK_RATE))
    }

    /// Begins a connection.
    pub(super) fn connect(&mut self, to: SocketAddr) -> Result<(SocketHandle, Ends), DialError> {
        if self.stopped {
            return Err(DialError::Stopped);
        }
        let remote = IpAddress::from(to.ip());
        let source = self.interface.get_source_address(&remote).ok_or(DialError::NoRoute)?;
        let same_family = matches!(
            (source, remote),
            (IpAddress::Ipv4(_), IpAddress::Ipv4(_)) | (IpAddress::Ipv6(_), IpAddress::Ipv6(_))
        );
        if !same_family || source.is_unspecified() || to.ip().is_unspecified() || to.port() == 0 {
            return Err(DialError::NoRoute);
        }
        let local = SocketAddr::new(source.into(), self.free_port()?);
        let mut socket = new_socket();
        socket.connect(self.interface.context(), to, local).map_err(|_| DialError::NoRoute)?;
        let ends = (local, to);
        self.denials.remove(&ends);
        self.tracks.insert(ends, Track::new());
        Ok((self.sockets.add(socket), ends))
    }

    fn free_port(&mut self) -> Result<u16, DialError> {
        let used: Vec<u16> = self
            .sockets
            .iter()
            .filter_map(|(_, socket)| match socket {
                Socket::Tcp(tcp) => tcp.local_endpoint().map(|end| end.port),
                Socket::Udp(_) => None,
            })
            .collect();
        for _ in FIRST_DYNAMIC_PORT..=u16::MAX {
            let port = self.next_port;
            self.next_port = port.checked_add(1).unwrap_or(FIRST_DYNAMIC_PORT);
            if !used.contains(&port) {
                return Ok(port);
            }
        }
        Err(DialError::AddressInUse)
    }

    /// Adds a socket that waits for somebody to connect.
    pub(super) fn listen(&mut self, port: u16) -> Result<SocketHandle, DialError> {
        if self.stopped {
            return Err(DialError::Stopped);
        }
        let mut socket = new_socket();
        socket.listen(port).map_err(|_| DialError::AddressInUse)?;
        Ok(self.sockets.add(socket))
    }

    /// Whether a listener has the port.
    pub(super) fn is_listening(&self, port: u16) -> bool {
        self.sockets.iter().any(|(_, socket)| {
            let Socket::Tcp(tcp) = socket else { return false };
            tcp.listen_endpoint().port == port && tcp.state() == State::Listen
        })
    }

    pub(super) fn socket(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    pub(super) fn begin_track(&mut self, ends: Ends) {
        self.tracks.insert(ends, Track::new());
    }

    pub(super) fn track(&self, ends: &Ends) -> Option<&Track> {
        self.tracks.get(ends)
    }

    pub(super) fn take_denial(&mut self, ends: &Ends) -> Option<DialError> {
        self.denials.remove(ends)
    }

    /// Ends the connection that an ICMP error is about. "No route" ends only a connection that is being made: an established
    /// one outlives the moment in which a standby takes over.
    fn deny(&mut self, ends: Ends, error: DialError) {
        for (_, socket) in self.sockets.iter_mut() {
            let Socket::Tcp(tcp) = socket else { continue };
            let own = tcp.local_endpoint().zip(tcp.remote_endpoint());
            let matches = own.is_some_and(|(local, remote)| local == ends.0.into() && remote == ends.1.into());
            if matches && (tcp.state() == State::SynSent || error == DialError::Denied) {
                if self.denials.insert(ends, error).is_none() {
                    self.denial_order.push_back(ends);
                }
                // `abort` wakes who waits; the closed socket in its place sends no RST to somebody who refuses to hear us.
                tcp.abort();
                *tcp = tcp::Socket::new(tcp::SocketBuffer::new(vec![]), tcp::SocketBuffer::new(vec![]));
            }
        }
        while self.denial_order.len() > MAX_DENIALS {
            let oldest = self.denial_order.pop_front();
            oldest.map(|ends| self.denials.remove(&ends));
        }
    }

    /// Lets a connection say goodbye, whose stream nobody holds any more.
    pub(super) fn release(&mut self, handle: SocketHandle, ends: Option<Ends>) {
        let socket = self.socket(handle);
        if socket.state() == State::Listen || socket.state() == State::SynSent {
            socket.abort();
        } else {
            socket.close();
        }
        self.leaving.push(handle);
        if let Some(ends) = ends {
            self.tracks.remove(&ends);
            self.denials.remove(&ends);
        }
    }

    /// Ends everything: the tunnel is gone.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
        for (_, socket) in self.sockets.iter_mut() {
            match socket {
                Socket::Tcp(tcp) => tcp.abort(),
                // Whoever waits for a datagram looks again.
                Socket::Udp(udp) => udp.close(),
            }
        }
    }
}

fn new_interface(medium: Medium, seed: u64, device: &mut Device, now: smoltcp::time::Instant) -> Interface {
    let address = match medium {
        Medium::Ip => HardwareAddress::Ip,
        Medium::Ethernet(mac) => HardwareAddress::Ethernet(EthernetAddress(mac)),
    };
    let mut config = Config::new(address);
    config.random_seed = seed;
    Interface::new(config, device, now)
}

fn new_socket() -> tcp::Socket<'static> {
    let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER]);
    let mut socket = tcp::Socket::new(buffer(), buffer());
    socket.set_congestion_control(CongestionControl::Reno);
    socket.set_nagle_enabled(false);
    socket
}

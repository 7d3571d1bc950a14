//! Where hosts are: their addresses, the NATs in front of some, and what control knows of it.
//!
//! Control learns where the host behind a NAT is from what the host's own socket sends it, and tells the others, as it does of
//! every host. That is a moment of the past: the mapping may be gone by the time that somebody writes to it.

use std::net::{IpAddr, SocketAddr};

use nanami_tunnel::engine::ControlHalf;

use crate::host::Life;
use crate::nat::{Arriving, Leaving};
use crate::wire::Datagram;
use crate::world::{Happening, SECOND, World};

impl World {
    /// From where a datagram of a host to this address comes, for those outside.
    pub(crate) fn leave(&mut self, n: usize, to: SocketAddr) -> SocketAddr {
        let port = 1024 + self.places;
        let Some(nat) = &mut self.nats[n] else { return self.hosts[n].address };
        let (outside, leaving) = nat.leaves(self.now, to, port);
        if leaving != Leaving::Renewed {
            self.places += 1;
            self.owners.insert(outside, n);
            self.rare.add("hosts remapped by a NAT", u64::from(leaving == Leaving::Remapped));
        }
        outside
    }

    /// Whose machine a datagram reaches: whoever has its address now, unless a NAT does not let it in.
    pub(crate) fn receiver(&mut self, datagram: &Datagram) -> Option<usize> {
        let n = *self.owners.get(&datagram.to)?;
        let Some(nat) = &self.nats[n] else { return (self.hosts[n].address == datagram.to).then_some(n) };
        match nat.arrives(self.now, datagram.from, datagram.to) {
            Arriving::Passes => return Some(n),
            Arriving::Filtered => self.rare.count("datagrams filtered by a NAT"),
            Arriving::Expired => self.rare.count("datagrams to an expired mapping of a NAT"),
            Arriving::Unknown => {}
        }
        None
    }

    /// A host has another address, of the same or the other family, or is behind another NAT; control hears of it some time
    /// later.
    pub(crate) fn roam(&mut self, n: usize) {
        self.rare.count("roams");
        let address = self.new_address(n);
        match &mut self.nats[n] {
            Some(nat) => nat.reboot(address.ip()),
            None => {
                self.owners.insert(address, n);
                self.hosts[n].address = address;
            }
        }
        if self.random.coin() {
            self.run(n, |node| node.control(ControlHalf::handle_network_changed));
        }
        let later = self.random.between(0, 20 * SECOND);
        self.foresee(later, Happening::Found(n));
    }

    /// The NAT in front of a host, if there is one, forgets everything, and may have another address then; the host does not
    /// notice. Control hears of it within so long.
    pub(crate) fn reboot_nat(&mut self, n: usize, within: u64) {
        let other = self.new_address(n).ip();
        let stays = self.random.coin();
        let Some(nat) = &mut self.nats[n] else { return };
        self.rare.count("NATs rebooted");
        nat.reboot(if stays { nat.address } else { other });
        let later = self.random.between(0, within);
        self.foresee(later, Happening::Found(n));
    }

    /// Control hears from a host where it is, and tells everybody.
    pub(crate) fn found(&mut self, n: usize) {
        if self.nats[n].is_some() && self.hosts[n].life != Life::Up {
            return;
        }
        let address = self.leave(n, CONTROL);
        for m in 0..self.hosts.len() {
            self.hosts[m].hints[n] = address;
            let made = self.hosts[m].set_hints(self.now, n);
            made.into_iter().for_each(|made| self.take(m, made));
        }
    }

    /// An address that nobody ever had.
    fn new_address(&mut self, n: usize) -> SocketAddr {
        self.places += 1;
        let place = self.places;
        if self.nats[n].is_some() {
            return SocketAddr::from(([198, 18, (place >> 8) as u8, place as u8], 0));
        }
        match self.random.below(3) {
            0 => SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, place], 51820)),
            1 => SocketAddr::from(([198, 51, (place >> 8) as u8, place as u8], 51820)),
            // Another port of the same address: whoever translates it has forgotten it.
            _ => SocketAddr::new(self.hosts[n].address.ip(), 1024 + place),
        }
    }
}

/// Where the NAT of a host is at first.
pub(crate) fn first_nat(n: usize) -> IpAddr {
    IpAddr::from([198, 19, 0, n as u8 + 1])
}

/// Where control listens for datagrams that say where a host is.
const CONTROL: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 250)), 3478);

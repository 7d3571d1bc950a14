//! The TUN interface: inner packets of this host, one or many in a system call.
//!
//! **Invariant**: what is read is whole IP packets with their checksums; with offloads the kernel hands over up to 64 KiB
//! of one flow at once and takes as much, without them one packet each. Reading never blocks.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Mutex;

use nix::libc;
use rustix::io::Errno;
use tracing::{debug, warn};
use tun_rs::{DeviceBuilder, SyncDevice};

use super::error::DeviceError;
use super::frame::FRAME_HEADER;
use super::join::{Joiner, Joins, Trust};
use super::offloads::{Offload, Offloads};
use super::split::split;
use crate::engine::{Packets, lock};
use crate::interface_name::is_interface_name;

/// A TUN interface that ends with this value.
pub(crate) struct Tun {
    device: SyncDevice,
    offloads: Offloads,
    joiner: Mutex<Joiner>,
    trust: Trust,
}

impl Tun {
    /// Makes the interface. It is down.
    pub(crate) fn create(name: &str, mtu: u16, offloads: Offloads) -> Result<Self, DeviceError> {
        if !is_interface_name(name) {
            return Err(DeviceError::Name { name: name.to_owned() });
        }
        match Self::open(name, mtu, offloads) {
            // A kernel without some offload: the plain way.
            Err(error) if offloads.has(Offload::Tun) && error.kind() == ErrorKind::InvalidInput => {
                Self::open(name, mtu, offloads.without(Offload::Tun))
            }
            result => result,
        }
        .map_err(|error| DeviceError::of(name, error))
    }

    fn open(name: &str, mtu: u16, offloads: Offloads) -> io::Result<Self> {
        let builder = DeviceBuilder::new().name(name).mtu(mtu).enable(false);
        let device = builder.with(|builder| {
            builder.offload(offloads.has(Offload::Tun)).tx_queue_len(QUEUE);
        });
        let device = device.build_sync()?;
        device.set_nonblocking(true)?;
        let tun = Self { device, offloads, joiner: Mutex::default(), trust: Trust::default() };
        if offloads.has(Offload::Tun) && !offloads.has(Offload::TunUdp) {
            tun.leave_udp_alone()?;
        }
        Ok(tun)
    }

    /// Lets the kernel cut what it joined of UDP before it hands it over; tun-rs asks for all that there is.
    #[allow(unsafe_code, reason = "tun-rs has no call for it, and rustix knows no such request")]
    fn leave_udp_alone(&self) -> io::Result<()> {
        const TCP: libc::c_ulong = (libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6) as libc::c_ulong;
        // SAFETY: the descriptor is a TUN interface's and open as long as `device`; the request takes its argument by value.
        nix::errno::Errno::result(unsafe { libc::ioctl(self.device.as_raw_fd(), libc::TUNSETOFFLOAD, TCP) })?;
        Ok(())
    }

    /// Those that are asked for, less what this kernel's TUN driver does not have.
    pub(crate) fn offloads(&self) -> Offloads {
        self.offloads
    }

    pub(super) fn name(&self) -> io::Result<String> {
        self.device.name()
    }

    /// Bytes of the longest packet, as the interface says now.
    pub(super) fn mtu(&self) -> io::Result<u16> {
        self.device.mtu()
    }

    pub(super) fn is_up(&self) -> io::Result<bool> {
        self.device.is_running()
    }

    /// Memory for what the kernel hands over.
    pub(super) fn buffer(&self) -> Vec<u8> {
        vec![0; FRAME]
    }

    /// Adds what the kernel hands over in one call. `false` if there is nothing now.
    pub(super) fn read(&self, buffer: &mut [u8], packets: &mut Packets) -> io::Result<bool> {
        let length = match rustix::io::read(&self.device, &mut *buffer) {
            Ok(length) => length,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let read = &buffer[..length];
        if !self.offloads.has(Offload::Tun) {
            packets.push(read);
        } else if !split(read, packets) {
            debug!(length, "what the interface handed over is no frame that we understand");
        }
        Ok(true)
    }

    /// Hands packets to this host. Returns how many it did not take; an interface that is down takes none.
    pub(super) fn write(&self, packets: &Packets) -> usize {
        if self.offloads.has(Offload::Tun) { self.write_together(packets) } else { self.write_each(packets) }
    }

    fn write_each(&self, packets: &Packets) -> usize {
        packets.iter().filter(|packet| self.device.send(packet).is_err()).count()
    }

    fn write_together(&self, packets: &Packets) -> usize {
        let tcp = self.trust.holds();
        let joins = Joins { tcp, udp: tcp && self.offloads.has(Offload::TunUdp) && self.device.udp_gso() };
        let written = lock(&self.joiner)
            .frames(packets, joins, |frame| rustix::io::writev(&self.device, frame).map(|_written| ()));
        if self.trust.learn(written) {
            warn!("this kernel refuses joined packets at its TUN interfaces: each one goes alone from now on");
        }
        written.lost
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

/// Packets that may wait in the kernel. TUNNEL.md, "How to get there" 7: above 500.
const QUEUE: u32 = 1000;
/// Bytes of the longest thing that the kernel hands over: its header and an IP packet.
const FRAME: usize = FRAME_HEADER + 65_535;

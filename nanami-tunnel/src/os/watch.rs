//! Hears of it when somebody changes what is ours: a thread that waits for the kernel's notes, and for nothing else.
//!
//! **Invariants**: a note is only a doorbell, and what it says is never believed: whoever is called looks for themselves. Notes about
//! what is not ours call nobody; nobody is called more often than once in [`REST`], whatever others do.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use rustix::io::Errno;
use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};
use tracing::{debug, warn};

use super::message::{is_main, read_address, read_route, read_rule};
use crate::device::wait::readable;

/// What is ours.
#[derive(Debug, Clone)]
pub(super) struct Ours {
    /// The interface's number.
    pub(super) index: u32,
    /// Its routing table.
    pub(super) table: u32,
    /// The name of its nft table.
    pub(super) nft_table: String,
}

/// The thread runs until this is dropped.
pub(super) struct Watch {
    /// Its other end is closed when this one is.
    _stop: UnixStream,
}

/// Where notes come from, in the network namespace in which they were opened.
pub(super) struct Bells {
    routing: OwnedFd,
    /// `None` on a kernel without nft, where there is no table either.
    nft: Option<OwnedFd>,
}

impl Bells {
    /// Those of this thread's network namespace.
    pub(super) fn open() -> io::Result<Self> {
        let nft = bell(Some(NETFILTER), NFT).inspect_err(|error| debug!(%error, "nft tells nothing"));
        Ok(Self { routing: bell(None, ROUTING)?, nft: nft.ok() })
    }
}

fn bell(protocol: Option<Protocol>, groups: u32) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let bell = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
    bind(&bell, &SocketAddrNetlink::new(0, groups))?;
    Ok(bell)
}

impl Watch {
    /// Calls `changed` when the kernel says that something of ours is another one. What it does itself may call it once more.
    pub(super) fn start(bells: Bells, ours: Ours, changed: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (stopped, stop) = UnixStream::pair()?;
        let run = move || {
            if let Err(error) = listen(&bells, &stopped, &ours, changed) {
                warn!(%error, "what is ours on this host is not watched any more; the next map repairs it");
            }
        };
        std::thread::Builder::new().name("nanami-host".to_owned()).spawn(run)?;
        Ok(Self { _stop: stop })
    }
}

fn listen(bells: &Bells, stopped: &UnixStream, ours: &Ours, changed: impl Fn()) -> io::Result<()> {
    loop {
        let nft = bells.nft.as_ref().unwrap_or(&bells.routing);
        let [routing, _, stop] = readable([bells.routing.as_fd(), nft.as_fd(), stopped.as_fd()], None)?;
        if stop {
            return Ok(());
        }
        let routing = routing && notes(&bells.routing, |note| ours.is_routed(note));
        let nft = bells.nft.as_ref().is_some_and(|nft| notes(nft, |note| ours.is_filtered(note)));
        if routing || nft {
            changed();
            if readable([stopped.as_fd()], Some(REST))?[0] {
                return Ok(());
            }
        }
    }
}

/// Reads notes away, [`ROUND`] at most; whether one of them was about us. Notes that were lost may have been.
fn notes(bell: &OwnedFd, is_ours: impl Fn(&[u8]) -> bool) -> bool {
    let (mut buffer, mut found) = (vec![0u8; NOTE_BYTES], false);
    for _ in 0..ROUND {
        match recv(bell, buffer.as_mut_slice(), RecvFlags::empty()) {
            Ok((bytes, _)) => found |= is_ours(&buffer[..bytes]),
            Err(Errno::AGAIN) => return found,
            Err(Errno::INTR) => {}
            // Of what overflows, the rest is read first.
            Err(Errno::NOBUFS) => found = true,
            Err(_) => return true,
        }
    }
    found
}

impl Ours {
    /// Whether a note of routes, rules, addresses and links is about us, or about where this host is.
    fn is_routed(&self, note: &[u8]) -> bool {
        each(note).any(|message| match NetlinkMessage::<RouteNetlinkMessage>::deserialize(message).map(|m| m.payload) {
            Ok(NetlinkPayload::InnerMessage(message)) => self.is_about(&message),
            Ok(_) => false,
            Err(_) => true,
        })
    }

    fn is_about(&self, message: &RouteNetlinkMessage) -> bool {
        use RouteNetlinkMessage as Message;
        match message {
            Message::NewLink(link) | Message::DelLink(link) => link.header.index == self.index,
            Message::NewAddress(address) | Message::DelAddress(address) => {
                read_address(address).is_some_and(|(index, _)| index == self.index)
            }
            Message::NewRoute(route) | Message::DelRoute(route) => read_route(route).is_some_and(|route| {
                route.table == self.table || (is_main(route.table) && route.is_on_link && route.out != Some(self.index))
            }),
            Message::NewRule(rule) | Message::DelRule(rule) => {
                read_rule(rule).is_some_and(|rule| rule.belongs_to(self.table))
            }
            _ => false,
        }
    }

    /// Whether a note of nft is about our table: each begins with the name of its table.
    fn is_filtered(&self, note: &[u8]) -> bool {
        each(note).any(|message| {
            let attribute = message.get(HEADER + NFT_HEADER..).unwrap_or_default();
            let name = length(attribute, u16_at(attribute, 0)).and_then(|name| name.get(4..)).unwrap_or_default();
            let is_name = u16_at(attribute, 2) == Some(NAME_OF_TABLE);
            is_name && name.strip_suffix(&[0]).unwrap_or(name) == self.nft_table.as_bytes()
        })
    }
}

/// The messages of a datagram; what is cut off is one that says nothing.
fn each(note: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = note;
    std::iter::from_fn(move || {
        let bytes = rest.first_chunk::<4>().map(|length| u32::from_ne_bytes(*length) as usize)?;
        let message = rest.get(..bytes.max(HEADER)).unwrap_or(rest);
        rest = rest.get(message.len().next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn length(bytes: &[u8], length: Option<u16>) -> Option<&[u8]> {
    bytes.get(..usize::from(length?))
}

/// Between two calls. Chosen: somebody who puts back what we put back costs one look at the host a second.
const REST: Duration = Duration::from_secs(1);

/// Notes that are read before somebody else has a turn. Chosen: a host with a million routes that change is no reason not to stop.
const ROUND: usize = 1024;

/// A note is one page at most, as the kernel makes them; what is longer is cut off.
const NOTE_BYTES: usize = 32 * 1024;

/// Of linux/rtnetlink.h: `RTMGRP_LINK`, `_IPV4_IFADDR`, `_IPV4_ROUTE`, `_IPV4_RULE`, `_IPV6_IFADDR`, `_IPV6_ROUTE`, and
/// `RTNLGRP_IPV6_RULE`, which is number 19.
const ROUTING: u32 = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 1 << 18;
/// `NFNLGRP_NFTABLES` of linux/netfilter/nfnetlink.h, which is number 7.
const NFT: u32 = 1 << 6;

/// Of a netlink message, in bytes.
const HEADER: usize = 16;
/// `nfgenmsg`, in bytes.
const NFT_HEADER: usize = 4;
/// `NFTA_TABLE_NAME`, `NFTA_CHAIN_TABLE` and `NFTA_RULE_TABLE` of linux/netfilter/nf_tables.h.
const NAME_OF_TABLE: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Ours {
        Ours { index: 7, table: 99, nft_table: "nanami-nanami0".to_owned() }
    }

    /// A message of nft about something in this table.
    fn note(table: &str) -> Vec<u8> {
        let name = [table.as_bytes(), &[0]].concat();
        let attribute = [&(4 + name.len() as u16).to_ne_bytes()[..], &1u16.to_ne_bytes(), &name].concat();
        let length = (HEADER + NFT_HEADER + attribute.len()) as u32;
        let mut bytes = [&length.to_ne_bytes()[..], &[0; 12 + NFT_HEADER], &attribute].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn a_note_of_nft_is_about_the_table_that_it_names() {
        assert!(ours().is_filtered(&note("nanami-nanami0")));
        assert!(!ours().is_filtered(&note("nanami-nanami01")) && !ours().is_filtered(&note("nanami-nanami")));
        assert!(ours().is_filtered(&[note("filter"), note("nanami-nanami0")].concat()), "the second of two");
    }

    #[test]
    fn no_bytes_panic_and_none_go_on_for_ever() {
        let whole = [note("filter"), note("nanami-nanami0")].concat();
        for end in 0..whole.len() {
            let _any = (ours().is_filtered(&whole[..end]), ours().is_routed(&whole[..end]));
        }
        for byte in 0..=u8::MAX {
            let _any = (ours().is_filtered(&[byte; 64]), ours().is_routed(&[byte; 64]));
            assert!(each(&[byte; 64]).count() <= 64);
        }
    }
}

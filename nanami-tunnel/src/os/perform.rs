//! Does a step on this host.

use std::io::{self, ErrorKind, Write as _};
use std::process::{Command, Stdio};

use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::link::LinkAttribute;
use rustix::io::Errno;

use super::netlink::Netlink;
use super::nft::script;
use super::step::{Change, HostStep};
use super::sysctl::Sysctl;
use super::{HostError, message};

/// Does the step; `index` is the interface's number. What should go and is gone already is well.
pub(super) fn perform(netlink: &mut Netlink, index: u32, step: &HostStep) -> Result<(), HostError> {
    let done = match &step.change {
        Change::Mtu { after, .. } => {
            netlink.change(message::link(index, vec![LinkAttribute::Mtu((*after).into())], None))
        }
        Change::Group { after, .. } => netlink.change(message::link(index, vec![LinkAttribute::Group(*after)], None)),
        Change::Up(up) => netlink.change(message::link(index, Vec::new(), Some(up.is_added()))),
        Change::Address(presence, address) => {
            let message = message::address(index, *address);
            match presence.is_added() {
                true => netlink.create(Message::NewAddress(message)),
                false => gone(netlink.change(Message::DelAddress(message))),
            }
        }
        Change::Route(presence, route) => {
            let message = message::route(index, step.table, route);
            match presence.is_added() {
                true => netlink.create(Message::NewRoute(message)),
                false => gone(netlink.change(Message::DelRoute(message))),
            }
        }
        Change::Rule(presence, rule) => {
            let message = message::rule(rule);
            match presence.is_added() {
                true => netlink.create(Message::NewRule(message)),
                false => gone(netlink.change(Message::DelRule(message))),
            }
        }
        Change::Table { name, after, .. } => nft(&script(name, after.as_ref())),
        Change::Sysctl { sysctl, after, .. } => set(*sysctl, *after),
    };
    done.map_err(|source| HostError::Step { step: first_line(step), remedy: remedy(step, &source), source })
}

fn gone(result: io::Result<()>) -> io::Result<()> {
    match result.as_ref().err().and_then(Errno::from_io_error) {
        Some(Errno::NOENT | Errno::SRCH | Errno::NODEV | Errno::ADDRNOTAVAIL) => Ok(()),
        _ => result,
    }
}

/// One transaction of nft: all of it or nothing.
fn nft(script: &str) -> io::Result<()> {
    let command = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut nft = command?;
    let mut input = nft.stdin.take().expect("it is piped");
    // One that ends early says why on its standard error.
    let written = input.write_all(script.as_bytes());
    drop(input);
    let output = nft.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("nft says nothing").to_owned();
        return Err(io::Error::other(said));
    }
    written
}

fn set(sysctl: Sysctl, value: u8) -> io::Result<()> {
    std::fs::write(sysctl.path(), value.to_string())
}

/// The command that would do the same; of a table its first line.
pub(super) fn first_line(step: &HostStep) -> String {
    match &step.change {
        Change::Table { name, after: Some(_), .. } => format!("nft add table inet {name}"),
        Change::Table { name, after: None, .. } => format!("nft delete table inet {name}"),
        Change::Sysctl { sysctl, after, .. } => format!("sysctl {sysctl}={after}"),
        _ => step.to_string(),
    }
}

/// What to do about it.
fn remedy(step: &HostStep, error: &io::Error) -> &'static str {
    match (&step.change, error.kind()) {
        (Change::Table { .. }, ErrorKind::NotFound) => {
            ": there is no nft here; install it (Debian, Ubuntu, Fedora: the package nftables)"
        }
        (Change::Sysctl { .. }, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            ": the kernel's setting may not be changed from here; set it outside, on the host of the container"
        }
        (_, ErrorKind::PermissionDenied) => ": run as root, or with CAP_NET_ADMIN",
        (_, ErrorKind::AlreadyExists) => {
            ": it is there already and is somebody else's; remove it, or choose another table"
        }
        _ => "",
    }
}

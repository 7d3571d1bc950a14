//! What is found on this host: the shell that fills [`HostObserved`].

use std::collections::BTreeMap;
use std::io;
use std::process::{Command, Output, Stdio};

use nanami_model::Cidr;
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::RouteMessage;
use netlink_packet_route::rule::RuleMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::closed::Closed;
use super::message::{is_main, read_address, read_route, read_rule};
use super::netlink::Netlink;
use super::nft::{HostTable, PREFIX, table_name};
use super::observed::Found;
use super::sysctl::Sysctl;
use super::{HostError, HostObserved, HostOptions};

/// Looks at the host, as far as it concerns the interface of these options. With the interface's number, if it is there.
pub(super) fn look(netlink: &mut Netlink, options: &HostOptions) -> Result<(HostObserved, Option<u32>), HostError> {
    let mut found = HostObserved::default();
    let names = links(netlink, options, &mut found).map_err(reading("the interfaces"))?;
    let index = names.iter().find(|(_, name)| **name == options.name).map(|(index, _)| *index);
    addresses(netlink, index, &names, &mut found).map_err(reading("the addresses"))?;
    routes(netlink, options, index, &names, &mut found).map_err(reading("the routes"))?;
    rules(netlink, options, &mut found).map_err(reading("the rules"))?;
    tables(options, &mut found).map_err(reading("the nft tables"))?;
    for sysctl in Sysctl::ALL {
        // A kernel without IPv6 has no such setting.
        found.sysctls.extend(read(&sysctl.path()).map(|value| (sysctl, value)));
    }
    found.has_ipv6 = read("/proc/sys/net/ipv6/conf/default/disable_ipv6") == Some(0);
    found.checks_sources = names.values().any(|name| checks_sources(name));
    Ok((found, index))
}

pub(super) fn reading(what: &'static str) -> impl FnOnce(io::Error) -> HostError {
    move |source| HostError::Look { what, source }
}

fn links(netlink: &mut Netlink, options: &HostOptions, found: &mut HostObserved) -> io::Result<BTreeMap<u32, String>> {
    let mut names = BTreeMap::new();
    for answer in netlink.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))? {
        let RouteNetlinkMessage::NewLink(link) = answer else { continue };
        let mut this = Found { is_up: link.header.flags.contains(LinkFlags::Up), ..Found::default() };
        let mut name = String::new();
        for attribute in link.attributes {
            match attribute {
                LinkAttribute::IfName(is) => name = is,
                LinkAttribute::Mtu(mtu) => this.mtu = mtu.try_into().unwrap_or(u16::MAX),
                LinkAttribute::Group(group) => this.group = group,
                _ => {}
            }
        }
        if name == options.name {
            found.interface = Some(this);
        }
        names.insert(link.header.index, name);
    }
    Ok(names)
}

fn addresses(
    netlink: &mut Netlink,
    ours: Option<u32>,
    names: &BTreeMap<u32, String>,
    found: &mut HostObserved,
) -> io::Result<()> {
    for answer in netlink.dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()))? {
        let RouteNetlinkMessage::NewAddress(message) = answer else { continue };
        let Some((index, address)) = read_address(&message) else { continue };
        match found.interface.as_mut().filter(|_| ours == Some(index)) {
            // The kernel gives every interface an address of its own link, which is nobody's to plan.
            Some(this) if !is_of_link(address) => drop(this.addresses.insert(address)),
            Some(_) => {}
            None => {
                let name = names.get(&index).cloned().unwrap_or_default();
                found.elsewhere.insert(address, name);
            }
        }
    }
    Ok(())
}

fn is_of_link(address: std::net::IpAddr) -> bool {
    matches!(address, std::net::IpAddr::V6(address) if address.is_unicast_link_local())
}

fn routes(
    netlink: &mut Netlink,
    options: &HostOptions,
    ours: Option<u32>,
    names: &BTreeMap<u32, String>,
    found: &mut HostObserved,
) -> io::Result<()> {
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut question = RouteMessage::default();
        question.header.address_family = family;
        for answer in netlink.dump(RouteNetlinkMessage::GetRoute(question))? {
            let RouteNetlinkMessage::NewRoute(message) = answer else { continue };
            let Some(route) = read_route(&message) else { continue };
            if route.table == options.table {
                match route.is_ours {
                    true => drop(found.routes.insert(super::HostRoute { prefix: route.prefix, to: route.to })),
                    false => found.foreign_routes.push(route.prefix),
                }
            } else if is_main(route.table) && route.is_on_link && route.out != ours && !is_everybodys(&route.prefix) {
                let name = route.out.and_then(|out| names.get(&out)).cloned().unwrap_or_default();
                found.attached.insert(route.prefix, name);
            }
        }
    }
    Ok(())
}

/// Whether every link has this range, so that it says nothing of where the host is.
fn is_everybodys(prefix: &Cidr) -> bool {
    is_of_link(prefix.address()) || prefix.address().is_multicast() || prefix.is_host()
}

fn rules(netlink: &mut Netlink, options: &HostOptions, found: &mut HostObserved) -> io::Result<()> {
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut question = RuleMessage::default();
        question.header.family = family;
        for answer in netlink.dump(RouteNetlinkMessage::GetRule(question))? {
            let RouteNetlinkMessage::NewRule(message) = answer else { continue };
            found.rules.extend(read_rule(&message).filter(|rule| rule.belongs_to(options.table)));
        }
    }
    Ok(())
}

/// Our own table, and what those of our other interfaces say. Without nft there are none.
fn tables(options: &HostOptions, found: &mut HostObserved) -> io::Result<()> {
    let Some(names) = nft(&["list", "tables", "inet"])? else { return Ok(()) };
    let names = names.lines().filter_map(|line| line.trim().strip_prefix("table inet "));
    for name in names.filter(|name| name.starts_with(PREFIX)) {
        let listing = nft(&["list", "table", "inet", name])?.unwrap_or_default();
        // One that went away in between is none.
        let Some(table) = HostTable::read(name, &listing) else { continue };
        if name == table_name(&options.name) {
            found.table = Some(table);
        } else {
            found.siblings.extend(table.before());
        }
    }
    Ok(())
}

/// Our own table, as nft prints it.
pub(super) fn own_table(options: &HostOptions) -> io::Result<Option<HostTable>> {
    let name = table_name(&options.name);
    Ok(nft(&["list", "table", "inet", &name])?.and_then(|listing| HostTable::read(&name, &listing)))
}

/// What of others drops what this host forwards.
pub(super) fn closed(options: &HostOptions) -> io::Result<Vec<Closed>> {
    let mut closed = Vec::new();
    for (family, table) in Closed::tables(&nft(&["list", "chains"])?.unwrap_or_default()) {
        let listing = nft(&["list", "table", &family, &table])?.unwrap_or_default();
        closed.extend(Closed::read(&listing, &options.name));
    }
    Ok(closed)
}

/// What nft prints; `None` when there is no nft, or it prints nothing but an error.
fn nft(arguments: &[&str]) -> io::Result<Option<String>> {
    let output = match Command::new("nft").args(arguments).stdin(Stdio::null()).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        output => output?,
    };
    let Output { status, stdout, .. } = output;
    Ok(status.success().then(|| String::from_utf8_lossy(&stdout).into_owned()))
}

fn read(path: &str) -> Option<u8> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The kernel takes the stricter one of an interface's setting and that of all.
fn checks_sources(interface: &str) -> bool {
    let of = |name: &str| read(&format!("/proc/sys/net/ipv4/conf/{name}/rp_filter")).unwrap_or(0);
    of("all").max(of(interface)) == STRICT
}

/// `rp_filter`: a packet is taken only from the interface by which its answer would leave; 2 is the loose form.
const STRICT: u8 = 1;

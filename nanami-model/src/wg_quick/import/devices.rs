//! Who there is: the devices that the files are about, and those that they only name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Notes;
use super::report::{Certainty, Source};
use crate::cidr::Cidr;
use crate::key::PublicKey;
use crate::name::Name;
use crate::wg_quick::folder::{nearest_name, unique};
use crate::wg_quick::{InterfaceAddress, WgQuick};

/// One device: a peer of the workspace.
pub(super) struct Device<'a> {
    pub(super) name: Name,
    pub(super) key: Option<PublicKey>,
    pub(super) addresses: Vec<InterfaceAddress>,
    /// Its own file, if it has one.
    pub(super) config: Option<&'a WgQuick>,
    pub(super) source: Source,
    /// Where each range of its file is sent: to a device, by index.
    sent: BTreeMap<Cidr, usize>,
}

pub(super) struct Devices<'a> {
    pub(super) all: Vec<Device<'a>>,
    pub(super) by_key: BTreeMap<PublicKey, usize>,
    holders: BTreeMap<IpAddr, usize>,
}

impl<'a> Devices<'a> {
    pub(super) fn of(files: &'a [(Name, WgQuick)], notes: &mut Notes) -> Self {
        let mut devices = Self { all: Vec::new(), by_key: BTreeMap::new(), holders: BTreeMap::new() };
        let mut names = BTreeSet::new();
        for (name, config) in files {
            devices.own(name, config, &mut names, notes);
        }
        devices.adopt(files, notes);
        devices.strangers(files, &mut names, notes);
        devices.keep_addresses_apart(notes);
        devices.fill_tables();
        devices
    }

    /// A file is about the device that has its private key.
    fn own(&mut self, name: &Name, config: &'a WgQuick, names: &mut BTreeSet<Name>, notes: &mut Notes) {
        let interface = config.interface();
        let source = Source { file: name.clone(), line: interface.line() };
        let key = interface.private_key().map(|key| key.public());
        if let Some(twin) = key.and_then(|key| self.by_key.get(&key)) {
            let why = format!("it has the key of {}, which stands for both", self.all[*twin].name);
            return notes.drop("the whole file", why, source);
        }
        if let Some(key) = key {
            self.by_key.insert(key, self.all.len());
        }
        let (name, addresses) = (unique(name, names), interface.addresses().to_vec());
        self.all.push(Device { name, key, addresses, config: Some(config), source, sent: BTreeMap::new() });
    }

    /// A file without a private key is about the device whose key others know at one of its addresses.
    fn adopt(&mut self, files: &[(Name, WgQuick)], notes: &mut Notes) {
        for (file, section) in files.iter().flat_map(|(file, config)| config.peers().iter().map(move |p| (file, p))) {
            let key = section.public_key();
            if self.by_key.contains_key(&key) {
                continue;
            }
            let hosts: Vec<IpAddr> = section.allowed_ips().iter().filter(Cidr::is_host).map(|r| r.address()).collect();
            let waits = |device: &Device<'_>| {
                device.key.is_none() && device.addresses.iter().any(|own| hosts.contains(&own.address()))
            };
            let Some(at) = self.all.iter().position(waits) else { continue };
            self.all[at].key = Some(key);
            self.by_key.insert(key, at);
            let what = format!("peer {} has the key {}", self.all[at].name, short(&key));
            let source = Source { file: file.clone(), line: section.line() };
            notes.guess(
                what,
                "its own file has no private key; this key is known at its address",
                Certainty::Likely,
                source,
            );
        }
    }

    /// Keys that no file is about.
    fn strangers(&mut self, files: &[(Name, WgQuick)], names: &mut BTreeSet<Name>, notes: &mut Notes) {
        let own = self.all.len();
        for (file, section) in files.iter().flat_map(|(file, config)| config.peers().iter().map(move |p| (file, p))) {
            let source = Source { file: file.clone(), line: section.line() };
            let hosts = section.allowed_ips().iter().filter(Cidr::is_host);
            let hosts: Vec<_> = hosts.map(|r| InterfaceAddress::host(r.address())).collect();
            let key = section.public_key();
            let known = self.by_key.get(&key).copied();
            if known.is_some_and(|at| at < own) {
                continue;
            }
            let at = known.unwrap_or(self.all.len());
            if at == self.all.len() {
                let first = hosts.first();
                let text = first.map_or_else(|| format!("peer-{}", at + 1 - own), |a| format!("peer-{}", a.address()));
                let name = unique(&nearest_name(&text).unwrap_or_else(|| crate::name!("peer")), names);
                let what = format!("peer {name} for the key {}", short(&key));
                let (why, certainty) = match first {
                    Some(_) => ("no file has its private key; the name is its address", Certainty::Likely),
                    None => ("no file has its private key or says its address", Certainty::Doubtful),
                };
                notes.guess(what, why, certainty, source.clone());
                self.by_key.insert(key, at);
                self.all.push(Device {
                    name,
                    key: Some(key),
                    addresses: Vec::new(),
                    config: None,
                    source,
                    sent: BTreeMap::new(),
                });
            }
            for host in hosts {
                if !self.all[at].addresses.contains(&host) {
                    self.all[at].addresses.push(host);
                }
            }
        }
    }

    /// An address belongs to the device that others send it to, else to the first that says so.
    fn keep_addresses_apart(&mut self, notes: &mut Notes) {
        let mut sent = BTreeMap::new();
        for section in self.all.iter().filter_map(|device| device.config).flat_map(|config| config.peers()) {
            let to = self.by_key[&section.public_key()];
            let hosts = section.allowed_ips().iter().filter(Cidr::is_host).map(|range| range.address());
            hosts.filter(|host| self.says(to, *host)).for_each(|host| _ = sent.entry(host).or_insert(to));
        }
        self.holders = sent;
        for at in 0..self.all.len() {
            for own in std::mem::take(&mut self.all[at].addresses) {
                let holder = *self.holders.entry(own.address()).or_insert(at);
                if holder == at {
                    self.all[at].addresses.push(own);
                    continue;
                }
                let what = format!("address {} of {}", own.address(), self.all[at].name);
                notes.drop(what, format!("{} has it", self.all[holder].name), self.all[at].source.clone());
            }
        }
    }

    fn says(&self, at: usize, address: IpAddr) -> bool {
        self.all[at].addresses.iter().any(|own| own.address() == address)
    }

    fn fill_tables(&mut self) {
        for device in &mut self.all {
            let sections = device.config.into_iter().flat_map(|config| config.peers());
            let ranges = sections.filter_map(|section| Some((*self.by_key.get(&section.public_key())?, section)));
            device.sent = ranges.flat_map(|(to, section)| section.allowed_ips().iter().map(move |r| (r, to))).collect();
        }
    }

    /// The device to which `from` sends this address, and from which alone it takes it; `None` if none, or if it has no file.
    pub(super) fn next_hop(&self, from: usize, to: IpAddr) -> Option<usize> {
        let sent = &self.all[from].sent;
        let longest = Cidr::host(to).length();
        let around = |length| InterfaceAddress::new(to, length).ok().map(|address| address.network());
        (0..=longest).rev().filter_map(around).find_map(|range| sent.get(&range).copied())
    }

    /// Whether `from` sends this address to `to`. Of a device without a file it is supposed.
    pub(super) fn sends(&self, from: usize, address: IpAddr, to: usize) -> bool {
        self.all[from].config.is_none() || self.next_hop(from, address) == Some(to)
    }

    /// The device that has this address.
    pub(super) fn holder(&self, address: IpAddr) -> Option<usize> {
        self.holders.get(&address).copied()
    }
}

/// Enough of a key to find it in a file.
fn short(key: &PublicKey) -> String {
    format!("{:.8}…", key.to_string())
}

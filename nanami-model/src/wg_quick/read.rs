//! Reads the text of a `wg-quick` file, line by line, without recursion.
//!
//! What `wg` and `wg-quick` would read in two ways is refused: a key that stands twice, a prefix of two peers, an address with a
//! zone. Where they read anything, such as in comments, so do we. Memory grows with the text, which is bounded.

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32};
use std::str::FromStr;

use super::WgQuick;
use super::error::{WgQuickError, WgQuickErrors, WgQuickProblem};
use super::hook::{Hook, Moment};
use super::section::{InterfaceSection, Line, PeerSection};
use super::value::{Said, boolean, keepalive, mark, number, resolver, said, table};
use crate::allowed_ips::{AllowedIps, parse_range};
use crate::cidr::{Cidr, ParseCidrError};
use crate::endpoint::Endpoint;
use crate::key::PublicKey;
use crate::near::nearest;
use crate::preshared_key::PresharedKey;

impl FromStr for WgQuick {
    type Err = WgQuickErrors;

    fn from_str(text: &str) -> Result<Self, WgQuickErrors> {
        let mut reader = Reader::default();
        match text.len() > LONGEST {
            true => reader.problem(At(1, 1), WgQuickProblem::TooLarge { found: text.len(), limit: LONGEST }),
            false => reader.read(text),
        }
        reader.finish()
    }
}

/// Line and column, from 1.
#[derive(Clone, Copy)]
struct At(usize, usize);

#[derive(Default)]
struct Reader {
    errors: Vec<WgQuickError>,
    left_out: usize,
    current: Current,
    interface: InterfaceSection,
    peers: Vec<Draft>,
    /// The line in which each key of the current section stands first.
    seen: BTreeMap<&'static str, usize>,
    addresses: BTreeMap<std::net::IpAddr, usize>,
    ranges: BTreeMap<Cidr, (usize, usize)>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Current {
    #[default]
    Nothing,
    Interface,
    Peer,
    /// A section that is wrong already: its keys are not looked at.
    Skipped,
}

/// A `[Peer]` that may still lack its key.
struct Draft {
    public_key: Option<(PublicKey, usize)>,
    preshared_key: Option<PresharedKey>,
    allowed_ips: Vec<Cidr>,
    endpoint: Option<Endpoint>,
    keepalive: Option<NonZeroU16>,
    line: usize,
    /// Whether it has an error of its own, so that what follows from it is not said too.
    broken: bool,
}

impl Reader {
    fn read(&mut self, text: &str) {
        for (number, line) in text.split('\n').enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            let at = |byte: usize| At(number + 1, line[..byte].chars().count() + 1);
            let odd = |c: char| (c.is_control() && c != '\t') || c == '\u{feff}';
            if let Some((byte, character)) = line.char_indices().find(|(_, c)| odd(*c)) {
                self.problem(at(byte), WgQuickProblem::Character { character });
                continue;
            }
            let said = line.split_once('#').map_or(line, |(said, _)| said);
            let word = said.trim_matches(BLANK);
            let start = said.len() - said.trim_start_matches(BLANK).len();
            if word.is_empty() {
                continue;
            }
            if word.starts_with('[') {
                self.section(word, at(start));
                continue;
            }
            let Some((key, value)) = word.split_once('=') else {
                self.problem(at(start), WgQuickProblem::Syntax);
                continue;
            };
            let behind = start + key.len() + 1;
            let value_start = behind + value.len() - value.trim_start_matches(BLANK).len();
            let key = key.trim_matches(BLANK);
            let value = Value { text: value.trim_matches(BLANK), line, start: value_start, number: number + 1 };
            self.assignment(key, value, at(start));
        }
    }

    fn section(&mut self, word: &str, at: At) {
        self.seen.clear();
        self.current = Current::Skipped;
        if word.eq_ignore_ascii_case("[Interface]") {
            match self.interface.line.0 {
                0 => {
                    self.interface.line = Line(at.0);
                    self.current = Current::Interface;
                }
                first => self.problem(at, WgQuickProblem::Duplicate { what: "[Interface]".to_owned(), first }),
            }
        } else if word.eq_ignore_ascii_case("[Peer]") {
            if self.peers.len() == MOST_PEERS {
                return self.problem(at, WgQuickProblem::TooMany { limit: MOST_PEERS });
            }
            self.current = Current::Peer;
            self.peers.push(Draft {
                public_key: None,
                preshared_key: None,
                allowed_ips: Vec::new(),
                endpoint: None,
                keepalive: None,
                line: at.0,
                broken: false,
            });
        } else {
            self.problem(at, WgQuickProblem::UnknownSection);
        }
    }

    fn assignment(&mut self, key: &str, value: Value<'_>, at: At) {
        let known = |keys: &[&'static str]| keys.iter().find(|known| known.eq_ignore_ascii_case(key)).copied();
        let (section, keys, others) = match self.current {
            Current::Nothing => return self.problem(at, WgQuickProblem::OutsideSection),
            Current::Skipped => return,
            Current::Interface => ("[Interface]", INTERFACE_KEYS, PEER_KEYS),
            Current::Peer => ("[Peer]", PEER_KEYS, INTERFACE_KEYS),
        };
        let Some(key) = known(keys) else {
            let other = if section == "[Peer]" { "[Interface]" } else { "[Peer]" };
            let elsewhere = known(others).map(|key| format!("{key} in {other}"));
            let near = || nearest(key, keys.iter().copied()).first().map(|key| (*key).to_owned());
            let nearest = elsewhere.or_else(near);
            // Half a key pair on a line of its own ends in a `=` and looks like KEY = VALUE.
            let shown = key.len() <= 24 && key.bytes().all(|b| b.is_ascii_alphabetic());
            let key = shown.then(|| key.to_owned());
            self.broken();
            return self.problem(at, WgQuickProblem::UnknownKey { section, key, nearest });
        };
        if let Some(first) = self.seen.insert(key, at.0)
            && !REPEATED.contains(&key)
        {
            self.seen.insert(key, first);
            return self.problem(at, WgQuickProblem::Duplicate { what: key.to_owned(), first });
        }
        match self.current {
            Current::Interface => self.interface_key(key, value),
            _ => self.peer_key(key, value),
        }
    }

    fn interface_key(&mut self, key: &'static str, value: Value<'_>) {
        match key {
            "PrivateKey" => {
                self.interface.private_key =
                    self.take(key, value, |text| text.parse().map_err(|e| said(&e, crate::ParseKeyError::code)));
            }
            "Address" => {
                for part in value.parts() {
                    let own = self.take(key, part, |text| text.parse().map_err(|e| said(&e, ParseCidrError::code)));
                    let Some(own): Option<super::InterfaceAddress> = own else { continue };
                    match self.addresses.get(&own.address()) {
                        Some(first) => {
                            let what = own.address().to_string();
                            self.problem(part.at(), WgQuickProblem::Duplicate { what, first: *first });
                        }
                        None => {
                            self.addresses.insert(own.address(), part.number);
                            self.interface.addresses.push(own);
                        }
                    }
                }
            }
            "ListenPort" => self.interface.listen_port = self.take(key, value, number::<u16>).and_then(NonZeroU16::new),
            "DNS" => {
                let parts = value.parts().filter_map(|part| self.take(key, part, resolver)).collect::<Vec<_>>();
                self.interface.dns.extend(parts);
            }
            "MTU" => {
                self.interface.mtu =
                    self.take(key, value, |text| text.parse().map_err(|e| said(&e, crate::ParseMtuError::code)));
            }
            "Table" => self.interface.table = self.take(key, value, table).unwrap_or_default(),
            "FwMark" => self.interface.firewall_mark = self.take(key, value, mark).and_then(NonZeroU32::new),
            "SaveConfig" => self.interface.save_config = self.take(key, value, boolean).unwrap_or_default(),
            "PreUp" => self.hook(Moment::PreUp, value),
            "PostUp" => self.hook(Moment::PostUp, value),
            "PreDown" => self.hook(Moment::PreDown, value),
            _ => self.hook(Moment::PostDown, value),
        }
    }

    fn hook(&mut self, moment: Moment, value: Value<'_>) {
        self.interface.hooks.push(Hook::new(moment, value.text, value.number));
    }

    fn peer_key(&mut self, key: &'static str, value: Value<'_>) {
        let index = self.peers.len() - 1;
        match key {
            "PublicKey" => {
                let read = self.take(key, value, |text| text.parse().map_err(|e| said(&e, crate::ParseKeyError::code)));
                self.peers[index].public_key = read.map(|key| (key, value.number));
            }
            "PresharedKey" => {
                self.peers[index].preshared_key =
                    self.take(key, value, |text| text.parse().map_err(|e| said(&e, crate::ParseKeyError::code)));
            }
            "AllowedIPs" => self.allowed_ips(key, value),
            "Endpoint" => {
                self.peers[index].endpoint =
                    self.take(key, value, |text| text.parse().map_err(|e| said(&e, crate::ParseEndpointError::code)));
            }
            _ => self.peers[index].keepalive = self.take(key, value, keepalive).and_then(NonZeroU16::new),
        }
    }

    /// A prefix belongs to one peer: WireGuard would give it to the last one and say nothing.
    fn allowed_ips(&mut self, key: &'static str, value: Value<'_>) {
        let index = self.peers.len() - 1;
        if value.text.is_empty() {
            return;
        }
        for part in value.parts() {
            let range = self.take(key, part, |text| parse_range(text).map_err(|e| said(&e, ParseCidrError::code)));
            let Some(range) = range else { continue };
            match self.ranges.get(&range).copied() {
                Some((owner, first)) if owner != index => {
                    self.problem(part.at(), WgQuickProblem::Duplicate { what: range.to_string(), first });
                }
                Some(_) => {}
                None => {
                    self.ranges.insert(range, (index, part.number));
                    self.peers[index].allowed_ips.push(range);
                }
            }
        }
    }

    /// Reads a value; what is wrong with it is noted and gives `None`.
    fn take<T>(
        &mut self,
        key: &'static str,
        value: Value<'_>,
        read: impl FnOnce(&str) -> Result<T, Said>,
    ) -> Option<T> {
        match read(value.text) {
            Ok(value) => Some(value),
            Err(Said { reason, code }) => {
                self.broken();
                self.problem(value.at(), WgQuickProblem::Value { key, reason, code });
                None
            }
        }
    }

    fn broken(&mut self) {
        if let (Current::Peer, Some(peer)) = (self.current, self.peers.last_mut()) {
            peer.broken = true;
        }
    }

    fn problem(&mut self, at: At, problem: WgQuickProblem) {
        match self.errors.len() < MOST_ERRORS {
            true => self.errors.push(WgQuickError { line: at.0, column: at.1, problem }),
            false => self.left_out += 1,
        }
    }

    fn finish(mut self) -> Result<WgQuick, WgQuickErrors> {
        if self.interface.line.0 == 0 && self.errors.is_empty() {
            self.problem(At(1, 1), WgQuickProblem::Missing { section: "a configuration", key: "[Interface]" });
        }
        let own = self.interface.private_key.as_ref().map(|key| key.public());
        let (mut keys, mut peers) = (BTreeMap::new(), Vec::with_capacity(self.peers.len()));
        for draft in std::mem::take(&mut self.peers) {
            let Some((public_key, line)) = draft.public_key else {
                if !draft.broken {
                    let problem = WgQuickProblem::Missing { section: "[Peer]", key: "PublicKey" };
                    self.problem(At(draft.line, 1), problem);
                }
                continue;
            };
            if own == Some(public_key) {
                self.problem(At(line, 1), WgQuickProblem::OwnKey { key: public_key });
            }
            if let Some(first) = keys.insert(public_key, line) {
                self.problem(At(line, 1), WgQuickProblem::Duplicate { what: "this public key".to_owned(), first });
            }
            peers.push(PeerSection {
                public_key,
                preshared_key: draft.preshared_key,
                allowed_ips: draft.allowed_ips.into_iter().collect::<AllowedIps>(),
                endpoint: draft.endpoint,
                keepalive: draft.keepalive,
                line: Line(draft.line),
            });
        }
        match self.errors.is_empty() {
            true => Ok(WgQuick { interface: self.interface, peers }),
            false => Err(WgQuickErrors::new(self.errors, self.left_out)),
        }
    }
}

/// A value with its place.
#[derive(Clone, Copy)]
struct Value<'t> {
    text: &'t str,
    line: &'t str,
    start: usize,
    number: usize,
}

impl<'t> Value<'t> {
    fn at(&self) -> At {
        At(self.number, self.line[..self.start].chars().count() + 1)
    }

    /// The parts between commas, each with its own place.
    fn parts(self) -> impl Iterator<Item = Self> {
        let mut start = self.start;
        self.text.split(',').map(move |part| {
            let blank = part.len() - part.trim_start_matches(BLANK).len();
            let value = Self { text: part.trim_matches(BLANK), start: start + blank, ..self };
            start += part.len() + 1;
            value
        })
    }
}

const BLANK: [char; 2] = [' ', '\t'];

const INTERFACE_KEYS: &[&str] = &[
    "PrivateKey",
    "Address",
    "ListenPort",
    "DNS",
    "MTU",
    "Table",
    "FwMark",
    "SaveConfig",
    "PreUp",
    "PostUp",
    "PreDown",
    "PostDown",
];
const PEER_KEYS: &[&str] = &["PublicKey", "PresharedKey", "AllowedIPs", "Endpoint", "PersistentKeepalive"];
/// What may stand several times and adds up.
const REPEATED: &[&str] = &["Address", "DNS", "PreUp", "PostUp", "PreDown", "PostDown", "AllowedIPs"];

/// chosen: 8 MiB, room for more peers than [`MOST_PEERS`] with a few ranges each.
const LONGEST: usize = 8 << 20;
/// chosen: a hub of the largest workspace that Nanami is measured with has fewer.
const MOST_PEERS: usize = 1 << 16;
/// chosen: nobody reads more.
const MOST_ERRORS: usize = 100;

//! What must hold of everything that leaves a node or comes out of it.

use std::net::SocketAddr;

use crate::host::Life;
use crate::ledger::Sent;
use crate::node::Kind;
use crate::packet::id_of;
use crate::setup::{FLOAT, GATEWAYS, HUB, PORT, key};
use crate::wire::{Datagram, Origin};
use crate::world::{Happening, SECOND, World};

impl World {
    /// A datagram reaches the machine that has its address now.
    pub(crate) fn arrive(&mut self, datagram: Datagram) {
        let Some(n) = self.receiver(&datagram) else { return };
        match self.hosts[n].life {
            Life::Up => self.hear(n, &datagram),
            Life::Stalled if self.hosts[n].backlog.len() < BACKLOG => self.hosts[n].backlog.push_back(datagram),
            _ => {}
        }
    }

    pub(crate) fn hear(&mut self, n: usize, datagram: &Datagram) {
        let is_recorded = self.setup.faults.replay && datagram.origin != Origin::Attacker && self.random.permille(30);
        let before = is_recorded.then(|| self.received(n));
        if datagram.origin != Origin::Attacker {
            match datagram.bytes[0] {
                2 if datagram.bytes.len() == 92 => self.keypairs.response(self.now, n, &datagram.bytes, true),
                3 => self.rare.count("cookies heard"),
                _ => {}
            }
        }
        let endpoints = self.endpoints(n);
        let made = self.hosts[n].run(self.now, |node| node.hear(datagram.from, &datagram.bytes)).expect("it is up");
        let answers = made.datagrams.iter().any(|(to, bytes)| *to == datagram.from && bytes[0] == 2);
        if datagram.bytes[0] == 1 && answers {
            self.hosts[n].answered = Some(datagram.bytes.clone());
        }
        if datagram.origin == Origin::Attacker {
            // SEC-45: silence, but for cookies under load.
            let only_cookies = made.datagrams.iter().all(|(to, bytes)| *to != datagram.from || bytes[0] == 3);
            assert!(only_cookies, "host {n} answers a replayed datagram of type {}", datagram.bytes[0]);
        }
        self.take_from(n, Some(datagram), made);
        self.check_endpoints(n, &endpoints, datagram);
        // Only what was taken once is a replay the second time: what was never taken is fresh, whoever brings it.
        if before.is_some_and(|before| self.received(n) > before) {
            self.replay(n, datagram);
        }
    }

    /// A packet came out of a node: opened, or refused by it.
    pub(crate) fn check_packet(&mut self, n: usize, heard: Option<&Datagram>, packet: &[u8]) {
        let (id, is_quoted) = id_of(packet).unwrap_or_else(|| panic!("host {n} gets what nobody sent: {packet:02x?}"));
        let (kind, now, gateways) = (self.setup.kind, self.now, self.setup.gateways);
        let sent = self.ledger.get(id).unwrap_or_else(|| panic!("host {n} gets packet {id}, which nobody sent"));
        if is_quoted {
            assert_eq!(sent.from, n, "host {n} is told of a refusal of packet {id}, which is not its own");
            return self.rare.count("refusals heard");
        }
        let heard = heard.unwrap_or_else(|| panic!("host {n} gets packet {id} without a datagram"));
        let Origin::Host(origin) = heard.origin else { panic!("packet {id} came by {:?}", heard.origin) };
        assert!(!sent.spoofed, "packet {id} has a source of somebody else and arrives (SEC-41)");
        assert!(!sent.revoked, "packet {id} answers a flow that its sender's map revoked, and arrives");
        assert_eq!(sent.arrived, None, "packet {id} arrives twice");
        let by_hub = sent.is_by_hub();
        let expected = if by_hub { &sent.packet.one_hop_further() } else { &sent.packet.bytes };
        assert_eq!(packet, expected, "packet {id} is not what was sent");
        match sent.to {
            Some(to) => assert_eq!(to, n, "packet {id} is misdelivered"),
            None => assert!(gateways && n < GATEWAYS, "host {n} is no gateway and gets packet {id}"),
        }
        let host = &self.hosts[n];
        let source = sent.ends.from.0;
        assert!(
            host.applied.may_send_from(&self.setup, n, source, origin),
            "host {n} takes {source} from host {origin}"
        );
        assert!(
            kind == Kind::Plain || self.is_allowed(n, sent),
            "host {n} takes packet {id}, which no rule allows: {:?}, in answer to {:?}",
            sent.ends,
            sent.answers
        );
        assert!(!by_hub || self.was_forwarded(sent), "the hub forwards packet {id}, which none of its rules allowed");
        let age = self.keypairs.age_opened(now, n, &heard.bytes).expect("its keypair was agreed on");
        assert!(age <= OLDEST, "host {n} opens under a keypair of {} s", age / SECOND);
        let (behind, answers) = (sent.to.is_none(), sent.answers.is_some());
        self.rare.most("slowest packet, in ms", (now - sent.at) / 1000);
        self.rare.count("packets delivered");
        self.rare.add("packets delivered behind a gateway", u64::from(behind));
        self.rare.add("packets forwarded between neighbors", u64::from(by_hub));
        self.rare.add("packets replied to", u64::from(answers));
        self.ledger.get_mut(id).expect("it is there").arrived = Some(now);
        // The address that moves may be somebody else's by then, and a full table forgets whose the question was.
        let may_be_late = !answers && source != FLOAT && !self.setup.faults.scan;
        match self.random.below(8) {
            0..4 if !answers => self.reply(n, id),
            4 if may_be_late => {
                let (later, life) = (self.random.between(0, 20 * SECOND), self.hosts[n].lives);
                self.foresee(later, Happening::Replies { by: n, life, id });
            }
            _ => {}
        }
    }

    /// Whether a rule of the host's map lets a packet in, or it answers a flow that this life of the host
    /// opened.
    fn is_allowed(&self, n: usize, sent: &Sent) -> bool {
        let host = &self.hosts[n];
        match sent.answers.and_then(|id| self.ledger.get(id)) {
            Some(question) => question.from == n && host.asked.contains(&sent.ends.back()),
            None => host.applied.accepts[sent.from] && sent.ends.to.1 == PORT,
        }
    }

    /// Whether a rule of the hub let this packet, or the one that it answers, through at any moment since it was sent.
    fn was_forwarded(&self, sent: &Sent) -> bool {
        let asker = sent.answers.and_then(|id| self.ledger.get(id)).unwrap_or(sent).from;
        self.hosts[HUB].accepted_last(self.now, asker) >= Some(sent.at)
    }

    /// A datagram leaves a node.
    pub(crate) fn check_datagram(&mut self, n: usize, to: SocketAddr, bytes: &[u8]) {
        match bytes[0] {
            2 => self.keypairs.response(self.now, n, bytes, false),
            4 => {
                let age = self.keypairs.age_sealed(self.now, n, bytes).expect("its keypair was agreed on");
                assert!(age <= OLDEST, "host {n} seals under a keypair of {} s", age / SECOND);
            }
            _ => {}
        }
        if bytes[0] != 3 {
            let other = self.owners.get(&to).unwrap_or_else(|| panic!("host {n} sends to {to}, which is nobody's"));
            assert!(
                self.hosts[n].applied.neighbors[*other],
                "host {n} sends to host {other}, which it was told to forget"
            );
        }
    }

    /// SEC-44: only what a neighbor itself sent moves it, and only to where that came from.
    fn check_endpoints(&self, n: usize, before: &[Option<SocketAddr>], heard: &Datagram) {
        for (other, endpoint) in self.endpoints(n).into_iter().enumerate().filter(|(m, now)| before[*m] != *now) {
            let moves = match heard.origin {
                Origin::Host(host) => host == other,
                // A bit may have been turned over that does not count.
                Origin::Corrupted => true,
                Origin::Attacker => false,
            };
            assert!(
                moves && endpoint == Some(heard.from),
                "host {n} believes that host {other} is at {endpoint:?} after a datagram of {:?} from {}",
                heard.origin,
                heard.from
            );
        }
    }

    /// Where a host believes the others to be.
    fn endpoints(&self, n: usize) -> Vec<Option<SocketAddr>> {
        let node = self.hosts[n].node().expect("it is up");
        (0..self.hosts.len()).map(|other| node.link(&key(other)).and_then(|link| link.endpoint)).collect()
    }

    /// Bytes of authentic datagrams that a host has taken.
    fn received(&self, n: usize) -> u64 {
        let links = self.hosts[n].node().map(|node| node.asked().links());
        links.into_iter().flatten().map(|link| link.rx_datagram_bytes).sum()
    }
}

/// Datagrams that wait in the socket of a process that does nothing. Chosen: below 208 KiB, Linux's default.
const BACKLOG: usize = 128;
/// How old a keypair may get: whitepaper section 6.1, and up to a second until the timers are looked at, which count from
/// their look before.
const OLDEST: u64 = 181 * SECOND + SECOND / 2;

//! The flows that are under way, so that replies pass without a rule and follow the way their flow came.
//!
//! **Invariants**: only a rule or an outgoing packet opens a flow; a TCP flow of ours is opened only by a bare SYN; a flow
//! whose rule is gone is revoked, and nothing that this host sends opens it again; every shard is bounded.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nanami_model::PolicyId;

use super::lock;
use super::packet::{FlowKey, FlowProtocol, Inner, TcpFlags, Transport};
use super::peer::PeerIndex;

/// The table of flows, in shards so that no lock is global.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    shards: [Mutex<BTreeMap<FlowKey, Flow>>; SHARDS],
}

/// One flow, seen from this host.
#[derive(Debug, Clone, Copy)]
struct Flow {
    origin: Origin,
    last: Instant,
    life: Life,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// This host opened it; replies to it pass.
    Ours,
    /// A rule let it in.
    Theirs(Admitted),
    /// The rule that let it in is gone. Kept, so that what we still send does not open it again.
    Revoked,
}

/// A flow that came in, by which policy and by which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admitted {
    pub(crate) policy: Option<PolicyId>,
    pub(crate) hop: PeerIndex,
    /// The hop that the flow left, and when it did.
    left: Option<(PeerIndex, Instant)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// One direction has spoken.
    Opening,
    Open,
    Closing,
}

/// What the table knows about an inbound packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// A reply to a flow of ours.
    Reply,
    /// More of a flow that a rule let in.
    Admitted(Option<PolicyId>),
    /// Nothing: ask the rules.
    No,
}

/// What the table knows about an outbound packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The routing table says where it goes.
    Table,
    /// It answers a flow that came by this hop.
    Follow(Admitted),
    /// Its flow was revoked.
    Revoked,
}

impl Flows {
    /// Looks up an inbound packet, and remembers by which hop its flow came.
    pub(crate) fn inbound(&self, now: Instant, packet: &Inner<'_>, by: PeerIndex) -> Known {
        let Some(key) = packet.flow_of_receiver() else { return Known::No };
        let mut shard = lock(self.shard(&key));
        let Some(flow) = shard.get_mut(&key).filter(|flow| flow.is_alive(now, key.protocol)) else { return Known::No };
        let known = match &mut flow.origin {
            Origin::Ours => Known::Reply,
            Origin::Theirs(admitted) => {
                admitted.came_by(now, by, flow.last);
                Known::Admitted(admitted.policy)
            }
            Origin::Revoked => return Known::No,
        };
        let replied = flow.origin == Origin::Ours;
        flow.touch(now, packet, replied);
        known
    }

    /// Whether an ICMP error is about a flow that is under way; `quoted` is the packet that this host sent.
    pub(crate) fn knows_quoted(&self, now: Instant, quoted: &Inner<'_>) -> bool {
        let Some(key) = quoted.flow_of_sender() else { return false };
        lock(self.shard(&key)).get(&key).is_some_and(|flow| flow.is_alive(now, key.protocol))
    }

    /// Opens a flow that a rule let in. Returns how many others had to be forgotten for it.
    pub(crate) fn admit(&self, now: Instant, packet: &Inner<'_>, policy: Option<PolicyId>, by: PeerIndex) -> usize {
        let Some(key) = packet.flow_of_receiver() else { return 0 };
        let origin = Origin::Theirs(Admitted { policy, hop: by, left: None });
        self.open(now, key, origin)
    }

    /// Looks up an outbound packet, and opens a flow of ours if it opens one.
    pub(crate) fn outbound(&self, now: Instant, packet: &Inner<'_>) -> (Way, usize) {
        let Some(key) = packet.flow_of_sender() else { return (Way::Table, 0) };
        let mut shard = lock(self.shard(&key));
        match shard.get_mut(&key).filter(|flow| flow.is_alive(now, key.protocol)) {
            Some(Flow { origin: Origin::Revoked, .. }) => (Way::Revoked, 0),
            Some(flow) => {
                let way = match flow.origin {
                    Origin::Theirs(admitted) => Way::Follow(admitted),
                    _ => Way::Table,
                };
                flow.touch(now, packet, way != Way::Table);
                (way, 0)
            }
            None => {
                drop(shard);
                let opens = match packet.transport {
                    Transport::Tcp { flags, .. } => flags.opens(),
                    Transport::Icmp(icmp) => matches!(icmp, super::packet::Icmp::EchoRequest { .. }),
                    _ => true,
                };
                (Way::Table, if opens { self.open(now, key, Origin::Ours) } else { 0 })
            }
        }
    }

    /// After a new map: flows that came in by a rule stay if `policy_now` finds one again, else they are revoked; flows of
    /// ours stay while `keeps_ours` says so.
    pub(crate) fn recheck(
        &self,
        policy_now: impl Fn(&FlowKey, &Admitted) -> Option<Option<PolicyId>>,
        keeps_ours: impl Fn(&FlowKey) -> bool,
    ) {
        for shard in &self.shards {
            lock(shard).retain(|key, flow| match &mut flow.origin {
                Origin::Ours => keeps_ours(key),
                Origin::Theirs(admitted) => {
                    match policy_now(key, admitted) {
                        Some(policy) => admitted.policy = policy,
                        None => flow.origin = Origin::Revoked,
                    }
                    true
                }
                Origin::Revoked => true,
            });
        }
    }

    /// How many flows that came in are open, by the hop that they came by and the policy that let them in.
    pub(crate) fn open_by_policy(&self) -> BTreeMap<(PeerIndex, Option<PolicyId>), u64> {
        let mut open = BTreeMap::new();
        for shard in &self.shards {
            for flow in lock(shard).values().filter(|flow| flow.life != Life::Closing) {
                if let Origin::Theirs(admitted) = flow.origin {
                    *open.entry((admitted.hop, admitted.policy)).or_default() += 1;
                }
            }
        }
        open
    }

    /// Forgets what has been quiet for too long. Returns when there is something to forget again; `None` if nothing is left.
    pub(crate) fn sweep(&self, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.retain(|key, flow| flow.is_alive(now, key.protocol));
            let ends = shard.iter().map(|(key, flow)| flow.last + flow.lifetime(key.protocol));
            next = next.into_iter().chain(ends).min();
        }
        next
    }

    fn open(&self, now: Instant, key: FlowKey, origin: Origin) -> usize {
        let mut shard = lock(self.shard(&key));
        let before = shard.len();
        if before >= SHARD_FLOWS {
            shard.retain(|key, flow| flow.is_alive(now, key.protocol));
            if shard.len() >= SHARD_FLOWS
                && let Some(oldest) = shard.iter().min_by_key(|(_, flow)| flow.last).map(|(key, _)| *key)
            {
                shard.remove(&oldest);
                shard.insert(key, Flow { origin, last: now, life: Life::Opening });
                return 1;
            }
        }
        shard.insert(key, Flow { origin, last: now, life: Life::Opening });
        0
    }

    fn shard(&self, key: &FlowKey) -> &Mutex<BTreeMap<FlowKey, Flow>> {
        let mixed = usize::from(key.own.1).wrapping_mul(31).wrapping_add(usize::from(key.other.1));
        &self.shards[mixed % SHARDS]
    }
}

impl Flow {
    fn touch(&mut self, now: Instant, packet: &Inner<'_>, answers: bool) {
        self.last = now;
        let closes = matches!(packet.transport, Transport::Tcp { flags, .. } if TcpFlags::closes(flags));
        match self.life {
            _ if closes => self.life = Life::Closing,
            Life::Opening if answers => self.life = Life::Open,
            _ => {}
        }
    }

    fn is_alive(&self, now: Instant, protocol: FlowProtocol) -> bool {
        now.saturating_duration_since(self.last) <= self.lifetime(protocol)
    }

    /// How long it may be quiet.
    fn lifetime(&self, protocol: FlowProtocol) -> Duration {
        match (self.origin, protocol, self.life) {
            (Origin::Revoked, ..) => REVOKED_MEMORY,
            (_, FlowProtocol::Tcp, Life::Open) => TCP_IDLE,
            (_, FlowProtocol::Tcp, Life::Opening) => TCP_OPENING,
            (_, FlowProtocol::Tcp, Life::Closing) => TCP_CLOSING,
            (_, FlowProtocol::Udp, _) => UDP_IDLE,
            (_, FlowProtocol::Echo, _) => ECHO_IDLE,
        }
    }
}

impl Admitted {
    /// Follows the flow to another hop. A packet that comes late by the hop that it left does not lead it back, but a
    /// flow that came only by that hop for a while has really moved back.
    fn came_by(&mut self, now: Instant, by: PeerIndex, last: Instant) {
        if by == self.hop {
            return;
        }
        let late =
            matches!(self.left, Some((left, at)) if left == by && now.saturating_duration_since(at) < REORDERING);
        let current_is_quiet = now.saturating_duration_since(last) >= REORDERING;
        if !late || current_is_quiet {
            self.left = Some((self.hop, now));
            self.hop = by;
        }
    }
}

/// Shards, each with a lock of its own. Chosen: more than any machine has packet threads.
const SHARDS: usize = 16;
/// Flows in one shard. Chosen: 16 × 1,024 flows are about 2 MiB.
const SHARD_FLOWS: usize = 1024;
/// Chosen, above RFC 5382's two hours and four minutes for an idle connection.
const TCP_IDLE: Duration = Duration::from_secs(2 * 3600 + 5 * 60);
/// RFC 5382 REQ-5: a connection that is only half open or closed lives four minutes.
const TCP_OPENING: Duration = Duration::from_secs(240);
const TCP_CLOSING: Duration = Duration::from_secs(240);
/// RFC 4787 REQ-5: at least two minutes, five recommended.
const UDP_IDLE: Duration = Duration::from_secs(300);
/// RFC 5508 REQ-1: at least 60 s.
const ECHO_IDLE: Duration = Duration::from_secs(60);
/// How long a revoked flow is remembered after its last packet was let through. Chosen: as an idle connection.
const REVOKED_MEMORY: Duration = TCP_IDLE;
/// How long packets of a flow that moved may still arrive by the old hop. Chosen: above any queueing on the way.
const REORDERING: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::super::packet::tests::{ACK, SYN, tcp, udp};
    use super::*;

    const US_EAST: PeerIndex = PeerIndex::new(1);
    const EU_WEST: PeerIndex = PeerIndex::new(2);

    fn parse(bytes: &[u8]) -> Inner<'_> {
        Inner::parse(bytes).unwrap()
    }

    #[test]
    fn replies_to_our_flows_pass_and_nothing_else_does() {
        let (flows, now) = (Flows::default(), Instant::now());
        let syn = tcp("10.0.0.1:4000", "10.0.0.2:443", SYN);
        let answer = tcp("10.0.0.2:443", "10.0.0.1:4000", SYN | ACK);
        assert_eq!(flows.inbound(now, &parse(&answer), US_EAST), Known::No);
        assert_eq!(flows.outbound(now, &parse(&syn)), (Way::Table, 0));
        assert_eq!(flows.inbound(now, &parse(&answer), US_EAST), Known::Reply);
        let other_port = tcp("10.0.0.2:444", "10.0.0.1:4000", SYN | ACK);
        assert_eq!(flows.inbound(now, &parse(&other_port), US_EAST), Known::No);
    }

    #[test]
    fn an_outgoing_packet_in_the_middle_of_nothing_opens_no_flow() {
        let (flows, now) = (Flows::default(), Instant::now());
        flows.outbound(now, &parse(&tcp("10.0.0.1:4000", "10.0.0.2:443", ACK)));
        let answer = tcp("10.0.0.2:443", "10.0.0.1:4000", ACK);
        assert_eq!(flows.inbound(now, &parse(&answer), US_EAST), Known::No);
    }

    #[test]
    fn replies_follow_the_flow_to_another_hop_and_late_packets_do_not_lead_them_back() {
        let (flows, start) = (Flows::default(), Instant::now());
        let asks = udp("10.0.0.9:5", "10.0.0.1:53", b"?");
        let answer = udp("10.0.0.1:53", "10.0.0.9:5", b"!");
        let hop = |now| match flows.outbound(now, &parse(&answer)).0 {
            Way::Follow(admitted) => admitted.hop,
            way => panic!("{way:?}"),
        };
        flows.admit(start, &parse(&asks), None, US_EAST);
        assert_eq!(hop(start), US_EAST);
        flows.inbound(start, &parse(&asks), EU_WEST);
        assert_eq!(hop(start), EU_WEST);
        flows.inbound(start + Duration::from_millis(10), &parse(&asks), US_EAST);
        assert_eq!(hop(start), EU_WEST, "that one was late");
        let later = start + Duration::from_secs(5);
        flows.inbound(later, &parse(&asks), US_EAST);
        assert_eq!(hop(later), US_EAST, "now it has moved back");
    }

    #[test]
    fn a_revoked_flow_is_not_opened_again_by_what_we_send() {
        let (flows, now) = (Flows::default(), Instant::now());
        let (asks, answer) = (udp("10.0.0.9:5", "10.0.0.1:53", b"?"), udp("10.0.0.1:53", "10.0.0.9:5", b"!"));
        flows.admit(now, &parse(&asks), None, US_EAST);
        flows.recheck(|_, _| None, |_| true);
        assert_eq!(flows.outbound(now, &parse(&answer)).0, Way::Revoked);
        assert_eq!(flows.inbound(now, &parse(&asks), US_EAST), Known::No);
    }

    #[test]
    fn a_full_table_forgets_the_oldest() {
        let (flows, start) = (Flows::default(), Instant::now());
        let mut forgotten = 0;
        for n in 0..=u16::MAX {
            let packet = udp(&format!("10.0.{}.{}:7", n >> 8, n & 255), "10.9.0.1:53", b"?");
            forgotten += flows.admit(start + Duration::from_micros(n.into()), &parse(&packet), None, US_EAST);
        }
        assert_eq!(forgotten, usize::from(u16::MAX) + 1 - SHARD_FLOWS, "one pair of ports is one shard");
        assert_eq!(
            flows.inbound(start, &parse(&udp("10.0.255.255:7", "10.9.0.1:53", b"?")), US_EAST),
            Known::Admitted(None)
        );
        assert_eq!(flows.sweep(start), Some(start + UDP_IDLE), "the one that was just asked about");
        assert_eq!(flows.sweep(start + Duration::from_secs(3600)), None);
    }
}

//! What a seed makes of a world before its first moment: who is there, and what will go wrong.

use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use nanami_model::{
    Cidr, Epoch, Filter, ForwardRule, Generation, Neighbor, NetworkMap, PrivateKey, PublicKey, Service,
};

use crate::nat;
use crate::node::Kind;
use crate::random::Random;
use crate::world::SECOND;

/// The part of a world that does not change.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) hosts: usize,
    pub(crate) kind: Kind,
    /// Hosts 0 and 1 carry what is behind them for all others: the first as its owner, the second as standby.
    pub(crate) gateways: bool,
    /// Host 0 forwards between all others, who each have an address for this.
    pub(crate) hub: bool,
    /// By whom towards whom.
    pub(crate) keepalive: Vec<Vec<bool>>,
    /// By whom towards whom nothing is sent in times without faults: keepalives alone keep the way open.
    pub(crate) silent: Vec<Vec<bool>>,
    /// In front of each host, where there is one: of which kind, and after how many microseconds it forgets.
    pub(crate) nats: Vec<Option<(nat::Kind, u64)>>,
    /// One way, without faults, in microseconds; the same both ways.
    pub(crate) latency: Vec<Vec<u64>>,
    pub(crate) faults: Faults,
}

/// What may happen in this world. Each is in half of all worlds, so that each is met with and without any other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Faults {
    /// Of a thousand datagrams, in a storm.
    pub(crate) loss: u32,
    pub(crate) duplicate: u32,
    pub(crate) reorder: u32,
    pub(crate) corrupt: u32,
    pub(crate) narrow: bool,
    pub(crate) partition: bool,
    pub(crate) roam: bool,
    pub(crate) crash: bool,
    pub(crate) sleep: bool,
    pub(crate) wall: bool,
    pub(crate) flood: bool,
    pub(crate) replay: bool,
    pub(crate) revoke: bool,
    pub(crate) preshared: bool,
    pub(crate) spoof: bool,
    pub(crate) scan: bool,
    /// Maps take their time.
    pub(crate) late: bool,
}

impl Setup {
    pub(crate) fn draw(random: &mut Random) -> Self {
        // Few: every pair of them shakes hands every two minutes, which is most of what a world costs.
        let hosts = [3, 3, 3, 3, 4, 4, 4, MOST][random.below(8)];
        let kind = if random.permille(350) { Kind::Plain } else { Kind::Filtered };
        let gateways = kind == Kind::Filtered && random.permille(250);
        let hub = kind == Kind::Filtered && random.permille(300);
        let often = [0, 300, 1000][random.below(3)];
        let keepalive: Vec<Vec<_>> = (0..hosts).map(|_| (0..hosts).map(|_| random.permille(often)).collect()).collect();
        let nats = draw_nats(random, hosts);
        // Whoever is behind a NAT is reached by those outside because it sends; two behind NATs need both to send.
        let may_be_silent = |a: usize, b: usize| !gateways && keepalive[a][b] && nats[b].is_none();
        let silent =
            (0..hosts).map(|a| (0..hosts).map(|b| random.permille(300) && may_be_silent(a, b)).collect()).collect();
        let mut latency = vec![vec![0; hosts]; hosts];
        for (a, b) in (0..hosts).flat_map(|a| (0..a).map(move |b| (a, b))) {
            latency[a][b] = random.between(200, 120_000);
            latency[b][a] = latency[a][b];
        }
        let faults = Faults {
            loss: if random.coin() { random.between(10, 300) as u32 } else { 0 },
            duplicate: if random.coin() { 50 } else { 0 },
            reorder: if random.coin() { 100 } else { 0 },
            corrupt: if random.coin() { 20 } else { 0 },
            narrow: random.coin(),
            partition: random.coin(),
            roam: random.coin(),
            crash: random.coin(),
            sleep: random.coin(),
            wall: random.coin(),
            flood: random.coin(),
            replay: random.coin(),
            revoke: random.coin(),
            preshared: random.coin(),
            spoof: random.coin(),
            // Rarer, because it takes long.
            scan: random.permille(100),
            late: random.coin(),
        };
        Self { hosts, kind, gateways, hub, keepalive, silent, nats, latency, faults }
    }

    /// Every ordered pair of hosts.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let hosts = self.hosts;
        (0..hosts).flat_map(move |a| (0..hosts).filter(move |b| *b != a).map(move |b| (a, b)))
    }

    /// Whether the hub forwards between these hosts.
    pub(crate) fn are_by_hub(&self, a: usize, b: usize) -> bool {
        self.hub && a != HUB && b != HUB
    }

    /// Whether nothing in this world keeps a link alive by itself.
    pub(crate) fn is_quiet(&self) -> bool {
        self.kind == Kind::Plain && self.keepalive.iter().flatten().all(|keeps| !keeps)
    }
}

/// NATs in some worlds, in front of half of their hosts. Of two symmetric ones neither lets the other's host in, and nothing
/// here relays.
fn draw_nats(random: &mut Random, hosts: usize) -> Vec<Option<(nat::Kind, u64)>> {
    let (any, symmetric) = (random.permille(400), random.below(2 * hosts));
    let draw = |n| {
        let kind = match random.coin() {
            _ if n == symmetric => nat::Kind::Symmetric,
            true => nat::Kind::Independent,
            false => nat::Kind::AddressDependent,
        };
        let timeout = random.between(20, 300) * SECOND;
        (any && (n == symmetric || random.coin())).then_some((kind, timeout))
    };
    (0..hosts).map(draw).collect()
}

/// What one host is told by control: its map, as sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// Who is a neighbor.
    pub(crate) neighbors: Vec<bool>,
    /// Whose packets to [`PORT`] are accepted.
    pub(crate) accepts: Vec<bool>,
    /// Who owns the address that moves.
    pub(crate) float: usize,
}

impl Told {
    pub(crate) fn all(hosts: usize) -> Self {
        Self { neighbors: vec![true; hosts], accepts: vec![true; hosts], float: 0 }
    }

    /// From whom a source is taken by a host, by the obvious way; both gateways carry what is behind them, and the hub what
    /// it forwards.
    pub(crate) fn may_send_from(&self, setup: &Setup, me: usize, source: IpAddr, sender: usize) -> bool {
        let owns = match source {
            _ if setup.hub && is_by_hub(source) => sender == if me == HUB { asker_by_hub(source) } else { HUB },
            _ if source == FLOAT => self.float == sender,
            _ if is_behind(source) => setup.gateways && sender < GATEWAYS,
            _ => addresses(sender).contains(&source),
        };
        owns && self.neighbors[sender]
    }

    pub(crate) fn map(&self, setup: &Setup, me: usize, generation: u64) -> NetworkMap {
        let mut own: Vec<IpAddr> = addresses(me).to_vec();
        own.extend((self.float == me).then_some(FLOAT));
        own.extend(setup.hub.then_some(by_hub(me)));
        // Who means harm says of itself what it likes.
        let claims = setup.faults.spoof && me + 1 == setup.hosts;
        own.extend((0..setup.hosts).filter(|n| claims && *n != me).flat_map(addresses));
        let mut map = NetworkMap::new(own).with_generation(Epoch::default(), Generation::new(generation));
        let mut filter = Filter::deny_all();
        for n in (0..setup.hosts).filter(|n| *n != me && self.neighbors[*n]) {
            let owned = addresses(n).into_iter().chain((self.float == n).then_some(FLOAT)).map(Cidr::host);
            let owned: Vec<Cidr> = owned.collect();
            let mut neighbor = Neighbor::new(
                key(n),
                owned
                    .iter()
                    .copied()
                    .chain(behind().filter(|_| setup.gateways && n == 0))
                    .chain(setup.hub.then(|| carried_by_hub(me, n)).flatten()),
            );
            if setup.gateways && n == 1 && me != 0 {
                neighbor = neighbor.with_standby(behind().expect("it is a range"), 1);
            }
            if setup.keepalive[me][n] {
                neighbor = neighbor.with_keepalive(KEEPALIVE);
            }
            map = map.with_neighbor(neighbor);
            if setup.hub && self.accepts[n] {
                let others = (0..setup.hosts).filter(|to| me == HUB && *to != HUB && *to != n && self.neighbors[*to]);
                for to in others {
                    let (from, to) = (Cidr::host(by_hub(n)), Cidr::host(by_hub(to)));
                    map = map.with_forward(ForwardRule { from, to, services: Service::udp(PORT).into(), policy: None });
                }
                filter = filter.accept(Cidr::host(by_hub(n)), Service::udp(PORT));
            }
            for source in owned.into_iter().filter(|_| self.accepts[n]) {
                filter = filter.accept(source, Service::udp(PORT));
                if setup.gateways && me < GATEWAYS && source.address().is_ipv4() {
                    let (to, services) = (behind().expect("it is a range"), Service::udp(PORT).into());
                    map = map.with_forward(ForwardRule { from: source, to, services, policy: None });
                }
            }
        }
        map.with_filter(filter)
    }
}

pub(crate) fn private(n: usize) -> PrivateKey {
    PrivateKey::from_bytes([n as u8 + 1; 32])
}

pub(crate) fn key(n: usize) -> PublicKey {
    // A multiplication on the curve each, so not each time.
    static KEYS: LazyLock<[PublicKey; MOST]> = LazyLock::new(|| std::array::from_fn(|n| private(n).public()));
    KEYS[n]
}

/// The overlay addresses of a host.
pub(crate) fn addresses(n: usize) -> [IpAddr; 2] {
    let last = n as u8 + 1;
    [IpAddr::from([10, 42, 0, last]), IpAddr::from([0xfd42, 0, 0, 0, 0, 0, 0, u16::from(last)])]
}

pub(crate) fn is_behind(address: IpAddr) -> bool {
    behind().is_some_and(|range| range.contains(address))
}

/// The address of a host towards which the hub forwards, and from which it does.
pub(crate) fn by_hub(n: usize) -> IpAddr {
    IpAddr::from([10, 52, 0, n as u8 + 1])
}

/// Whether this is such an address.
pub(crate) fn is_by_hub(address: IpAddr) -> bool {
    carried_by_hub(1, HUB).is_some_and(|range| range.contains(address))
}

/// Whose it is.
fn asker_by_hub(address: IpAddr) -> usize {
    (0..MOST).find(|n| by_hub(*n) == address).unwrap_or(MOST)
}

/// Which of these addresses a host sends to this neighbor.
fn carried_by_hub(me: usize, neighbor: usize) -> Option<Cidr> {
    match (me, neighbor) {
        (HUB, _) => Some(Cidr::host(by_hub(neighbor))),
        (_, HUB) => Cidr::new(IpAddr::from([10, 52, 0, 0]), 24).ok(),
        _ => None,
    }
}

/// What the gateways carry.
fn behind() -> Option<Cidr> {
    Cidr::new(IpAddr::from([10, 60, 0, 0]), 16).ok()
}

/// How many hosts there are at most.
const MOST: usize = 5;
/// The host that forwards between the others.
pub(crate) const HUB: usize = 0;
/// A host behind the gateways.
pub(crate) const BEHIND: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 60, 0, 9));
/// The address that control moves from host to host.
pub(crate) const FLOAT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 50, 0, 1));
/// How many hosts carry what is behind them.
pub(crate) const GATEWAYS: usize = 2;
/// The service that every host offers.
pub(crate) const PORT: u16 = 7;
/// What wg-quick's manual recommends.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(25);

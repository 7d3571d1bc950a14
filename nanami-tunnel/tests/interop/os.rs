//! An interface at home on its host: the kernel's own words on what is there, before, while and after.

use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nanami_model::{Filter, ForwardRule, Neighbor, NetworkMap, PublicKey, Service};
use nanami_tunnel::os::{Host, HostOptions};
use nanami_tunnel::{Event, EventStream, Interface, MapError, StartError, Tunnel, TunnelOptions};
use tokio::runtime::Runtime;

use super::common::{cidr, key, private};
use super::lab::*;

/// What the kernel says of everything that a host could change.
fn everything(host: &str) -> String {
    on(host, || {
        sh("ip -d address | sed 's/valid_lft.*//'; ip -4 route show table all; ip -6 route show table all
            ip -4 -d rule; ip -6 -d rule; nft list ruleset; sysctl -a 2>/dev/null | grep -E 'forward|src_valid|rp_filter'")
    })
}

/// What happens by itself on a new cable has happened.
fn settled(host: &str) {
    until("the cable is up", || {
        let said = on(host, || sh("ip address show up; ip route; ip -6 route show table all"));
        said.contains("inet6 fe80")
            && !said.contains("tentative")
            && !said.contains("NO-CARRIER")
            && said.contains("local fe80")
    });
}

/// Things of others, some of them where ours will be.
fn furnish(host: &str) {
    on(host, || {
        sh("ip route add 10.42.7.0/24 via 10.77.0.9; ip route add 10.99.0.0/16 via 10.77.0.9 table 77
            ip rule add from 10.99.0.1 lookup 77 priority 20225; ip -6 rule add to fd99::/64 lookup 77 priority 19999
            ip route add unreachable 10.98.0.0/16 proto 77; ip tuntap add other mode tun group 0; ip link set other group 77
            nft 'add table inet nanami; add chain inet nanami forward { type filter hook forward priority 0; policy accept; }'
            nft 'add table ip nanami-nanami0; add table inet elsewhere; add set inet elsewhere s { type ipv4_addr; }'")
    });
}

/// Nothing differs.
fn unchanged(host: &str, before: &str, when: &str) {
    let (now, only_in) = (everything(host), |one: &str, other: &str| {
        one.lines().filter(|line| !other.lines().any(|other| other == *line)).map(str::to_owned).collect::<Vec<_>>()
    });
    assert!(now == before, "{when}: gone {:?}, new {:?}", only_in(before, &now), only_in(&now, before));
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Peer N: 10.78.0.N and fd78::N.
pub(super) fn map(n: u8) -> NetworkMap {
    NetworkMap::new([format!("10.78.0.{n}"), format!("fd78::{n}")].map(|address| address.parse::<IpAddr>().unwrap()))
        .with_routes([cidr("10.78.0.0/16"), cidr("fd78::/48")])
}

pub(super) fn neighbor(n: u8, more: &[&str]) -> Neighbor {
    let own = [format!("10.78.0.{n}/32"), format!("fd78::{n}/128")];
    let ranges = own.iter().map(String::as_str).chain(more.iter().copied());
    Neighbor::new(key(n), ranges.map(cidr))
}

pub(super) fn open() -> Filter {
    Filter::deny_all().accept(cidr("10.78.0.0/16"), Service::ANY).accept(cidr("fd78::/48"), Service::ANY)
}

/// What b forwards for a: https, to these.
fn forward(to: &str) -> ForwardRule {
    ForwardRule { from: cidr("10.78.0.1/32"), to: cidr(to), services: Service::tcp(443).into(), policy: None }
}

/// The same map, newer.
fn newer(map: NetworkMap) -> NetworkMap {
    map.clone().with_generation(map.epoch(), map.generation().next())
}

pub(super) fn named() -> HostOptions {
    HostOptions::named("nanami0").unwrap()
}

/// A tunnel of one of the hosts, with its runtime in that host.
pub(super) struct AtHome {
    host: &'static str,
    runtime: Option<Runtime>,
    pub(super) tunnel: Tunnel,
}

impl AtHome {
    pub(super) fn start(host: &'static str, n: u8, map: &NetworkMap, options: HostOptions) -> Result<Self, StartError> {
        on(host, || {
            let runtime = runtime();
            let listen = TunnelOptions::default().with_listen(([0, 0, 0, 0], 51820).into());
            let interface = Interface::host(Host::open(options).unwrap()).unwrap();
            let tunnel = runtime.block_on(Tunnel::start(private(n), interface, map, listen))?;
            Ok(Self { host, runtime: Some(runtime), tunnel })
        })
    }

    fn apply(&self, map: &NetworkMap) -> Result<(), MapError> {
        on(self.host, || self.runtime.as_ref().unwrap().block_on(self.tunnel.apply(map)).map(drop))
    }

    /// The first event of `events` that is the one.
    pub(super) fn hears(&self, events: &mut EventStream<Event>, is_it: impl Fn(&Event) -> bool) -> Event {
        let hear = async {
            loop {
                let event = events.next().await.expect("the tunnel runs");
                if is_it(&event) {
                    return event;
                }
            }
        };
        let runtime = self.runtime.as_ref().unwrap();
        runtime.block_on(async { tokio::time::timeout(PATIENCE, hear).await }).expect("this is told in time")
    }

    pub(super) fn stop(&self) {
        on(self.host, || self.runtime.as_ref().unwrap().block_on(self.tunnel.stop()));
    }
}

impl Drop for AtHome {
    fn drop(&mut self) {
        let runtime = self.runtime.take();
        on(self.host, || drop(runtime));
    }
}

pub(super) fn introduce(one: &AtHome, other: PublicKey, at: &str) {
    one.tunnel.hints(other, vec![format!("{at}:51820").parse().unwrap()]);
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn tunnels_at_home_carry_streams_and_leave_nothing() {
    run("os::tunnels_at_home_carry_streams_and_leave_nothing", || {
        ["a", "b"].iter().for_each(|host| settled(host));
        ["a", "b"].iter().for_each(|host| furnish(host));
        let before = ["a", "b"].map(everything);
        let [one, two] =
            [(1, 2), (2, 1)].map(|(n, other)| map(n).with_neighbor(neighbor(other, &[])).with_filter(open()));
        let a = AtHome::start("a", 1, &one, named()).unwrap();
        let b = AtHome::start("b", 2, &two, named()).unwrap();
        introduce(&a, key(2), "10.77.0.2");
        for address in overlay("b") {
            carry("a", "b", address, 300_000);
        }
        // Routes of others that are more exact stay so; their lines are the same, byte by byte.
        assert!(on("a", || sh("ip route get 10.42.7.1")).contains("via 10.77.0.9"));
        assert!(on("a", || sh("ip route get 10.78.7.1")).contains("dev nanami0"));
        let now = everything("a");
        let missing: Vec<_> = before[0].lines().filter(|line| !now.lines().any(|now| now == *line)).collect();
        assert_eq!(missing, Vec::<&str>::new());
        assert_ne!(before[0], now);
        // Whoever comes to sit in the range reaches it directly, until they leave (PLANNING.md, case 19).
        for (moves, device) in [("add", "dev cable-a"), ("del", "dev nanami0")] {
            on("a", || sh(&format!("ip address {moves} 10.78.7.1/16 dev cable-a")));
            on("a", || a.tunnel.network_changed());
            assert!(on("a", || sh("ip route get 10.78.7.9")).contains(device), "{moves}");
        }
        a.stop();
        unchanged("a", &before[0], "after stop");
        drop(b);
        unchanged("b", &before[1], "after drop");
    });
}

/// A third host behind b, which knows b's own address and nothing else.
fn server() {
    sh("ip netns add c; ip -n c link set lo up; ip link add behind-b netns b type veth peer name cable-c netns c
        ip -n b address add 10.60.0.1/24 dev behind-b; ip -n c address add 10.60.0.7/24 dev cable-c
        ip -n b link set behind-b up; ip -n c link set cable-c up");
    ["a", "b", "c"].iter().for_each(|host| settled(host));
}

/// Connects from a to a port of c, which says who it sees.
fn seen_by_c(port: u16) -> io::Result<IpAddr> {
    seen_at([10, 60, 0, 7], port)
}

/// The same at another address of c.
fn seen_at(address: [u8; 4], port: u16) -> io::Result<IpAddr> {
    let at = SocketAddr::from((address, port));
    let listener = on("c", || TcpListener::bind(at).unwrap());
    let stream = on("a", || TcpStream::connect_timeout(&at, PATIENCE))?;
    let (_, from) = listener.accept()?;
    drop(stream);
    Ok(from.ip())
}

/// The gateway's map, and how it stands on its host.
fn gateway(to: &str) -> (NetworkMap, HostOptions) {
    let map = map(2).with_neighbor(neighbor(1, &[])).with_filter(open()).with_forward(forward(to));
    (map.with_masquerade([cidr(to)]), named())
}

fn client(routes: &[&str]) -> NetworkMap {
    let all = ["10.78.0.0/16", "fd78::/48"].iter().chain(routes).map(|route| cidr(route));
    map(1).with_neighbor(neighbor(2, routes)).with_filter(open()).with_routes(all)
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn a_gateway_forwards_to_a_server_that_knows_nothing_of_it() {
    run("os::a_gateway_forwards_to_a_server_that_knows_nothing_of_it", || {
        server();
        ["a", "b"].iter().for_each(|host| furnish(host));
        // What is not clamped does not come through.
        on("a", || {
            sh("nft 'add chain inet elsewhere in { type filter hook input priority 0; }'
                nft 'add rule inet elsewhere in iifname nanami0 tcp flags & syn == syn tcp option maxseg size > 1380 drop'")
        });
        let before = everything("b");
        let (map, options) = gateway("10.60.0.0/16");
        let b = AtHome::start("b", 2, &map, options).unwrap();
        let a = AtHome::start("a", 1, &client(&["10.60.0.0/16"]), named()).unwrap();
        introduce(&a, key(2), "10.77.0.2");
        assert_eq!(seen_by_c(443).unwrap(), Ipv4Addr::new(10, 60, 0, 1));
        assert_eq!(seen_by_c(80).unwrap_err().kind(), io::ErrorKind::HostUnreachable, "no policy allows it");
        // Nothing else is forwarded: a host that was no router has not become one.
        on("a", || sh("ip route add 10.60.0.0/24 via 10.77.0.2"));
        on("c", || sh("ip route add 10.77.0.0/24 via 10.60.0.1"));
        assert_eq!(seen_by_c(443).unwrap_err().kind(), io::ErrorKind::TimedOut, "past the tunnel");
        on("a", || sh("ip route del 10.60.0.0/24"));

        // A map without the rule: the host forwards nothing any more, and its setting is as it was.
        let plain = newer(self::map(2).with_neighbor(neighbor(1, &[])));
        b.apply(&plain).unwrap();
        let now = everything("b");
        assert!(!now.contains("inet nanami-nanami0") && now.contains("net.ipv4.ip_forward = 0"), "{now}");
        drop(b);
        unchanged("b", &before, "after drop");
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn a_gateway_masquerades_towards_the_routes_that_ask_for_it_and_no_others() {
    run("os::a_gateway_masquerades_towards_the_routes_that_ask_for_it_and_no_others", || {
        server();
        on("b", || sh("ip address add 10.61.0.1/24 dev behind-b"));
        on("c", || sh("ip address add 10.61.0.7/24 dev cable-c; ip route add 10.78.0.0/16 via 10.60.0.1"));
        let (map, options) = gateway("10.60.0.0/16");
        let map = map.with_forward(forward("10.61.0.0/16"));
        let b = AtHome::start("b", 2, &map, options).unwrap();
        let a = AtHome::start("a", 1, &client(&["10.60.0.0/16", "10.61.0.0/16"]), named()).unwrap();
        introduce(&a, key(2), "10.77.0.2");
        let [first, second] = [[10, 60, 0, 7], [10, 61, 0, 7]];
        let (client, gateways) =
            (Ipv4Addr::new(10, 78, 0, 1), [Ipv4Addr::new(10, 60, 0, 1), Ipv4Addr::new(10, 61, 0, 1)]);
        assert_eq!([first, second].map(|at| seen_at(at, 443).unwrap()), [gateways[0], client]);
        // A map in which nothing else is another one.
        b.apply(&newer(map.clone().with_masquerade([cidr("10.61.0.0/16")]))).unwrap();
        assert_eq!([first, second].map(|at| seen_at(at, 443).unwrap()), [client, gateways[1]]);
        b.apply(&newer(newer(map.with_masquerade([cidr("10.60.0.0/16"), cidr("10.61.0.0/16")])))).unwrap();
        assert_eq!([first, second].map(|at| seen_at(at, 443).unwrap()), gateways);
    });
}

/// The lines, whoever was there first.
fn in_order(text: &str) -> Vec<String> {
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn what_somebody_changes_of_ours_is_put_back_at_once_and_nothing_else_is() {
    run("os::what_somebody_changes_of_ours_is_put_back_at_once_and_nothing_else_is", || {
        server();
        furnish("b");
        let before = everything("b");
        let (map, options) = gateway("10.60.0.0/16");
        let table = on("b", || Host::preview(&map, 1420, &options).unwrap().to_string());
        let table = table.split_once("nanami0 table ").unwrap().1.split_whitespace().next().unwrap().to_owned();
        let b = AtHome::start("b", 2, &map, options).unwrap();
        let a = AtHome::start("a", 1, &client(&["10.60.0.0/16"]), named()).unwrap();
        introduce(&a, key(2), "10.77.0.2");
        let running = in_order(&everything("b"));
        for change in [
            "nft flush chain inet nanami-nanami0 translate",
            "nft insert rule inet nanami-nanami0 forward drop",
            "nft add chain inet nanami-nanami0 more",
            "nft delete table inet nanami-nanami0",
            &format!("ip route del 10.78.0.0/16 table {table}"),
            &format!("ip route flush table {table}; ip -6 route flush table {table}"),
            &format!("ip rule del not fwmark 0x4e610000 lookup {table}"),
            "ip address del 10.78.0.2/32 dev nanami0",
        ] {
            on("b", || sh(change));
            until(change, || in_order(&everything("b")) == running);
        }
        // What is not ours does not come back, and does not go.
        on("b", || {
            sh("nft delete table inet elsewhere; nft add table inet nowhere; ip route del unreachable 10.98.0.0/16")
        });
        on("b", || sh("nft delete table inet nanami-nanami0"));
        until("our table is back", || everything("b").contains("masquerade"));
        let now = everything("b");
        assert!(
            !now.contains("inet elsewhere") && now.contains("inet nowhere") && !now.contains("10.98.0.0/16"),
            "{now}"
        );
        on("b", || {
            sh("nft add table inet elsewhere; add='add set inet elsewhere s { type ipv4_addr; }'; nft \"$add\"
                nft delete table inet nowhere; ip route add unreachable 10.98.0.0/16 proto 77")
        });
        // Whoever takes the interface down has that; whoever brings it up again has all of it.
        on("b", || sh("ip link set nanami0 down; nft delete table inet nanami-nanami0; ip link set nanami0 up"));
        until("all of it is back", || {
            let now = on("b", || sh(&format!("ip route show table {table}; nft list ruleset")));
            now.contains("10.78.0.0/16 dev nanami0") && now.contains("masquerade")
        });
        assert_eq!(seen_by_c(443).unwrap(), Ipv4Addr::new(10, 60, 0, 1));
        drop(b);
        assert_eq!(in_order(&everything("b")), in_order(&before));
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn the_same_map_again_changes_nothing_and_puts_back_what_was_changed() {
    run("os::the_same_map_again_changes_nothing_and_puts_back_what_was_changed", || {
        let (map, options) = gateway("10.60.0.0/16");
        on("b", || {
            let host = Host::open(options).unwrap();
            let first = host.apply(&map, 1420).unwrap();
            assert!(!first.is_empty());
            let handles = || sh("nft -a list table inet nanami-nanami0; ip rule; ip -6 rule");
            let there = handles();
            assert!(host.apply(&map, 1420).unwrap().is_empty());
            assert_eq!(handles(), there, "not made again");
            let rules = sh("nft list table inet nanami-nanami0");
            sh("nft flush chain inet nanami-nanami0 translate; ip rule del priority 20224");
            assert_eq!(host.apply(&map, 1420).unwrap().steps().len(), 2);
            assert_eq!(sh("nft list table inet nanami-nanami0"), rules);
            assert!(host.apply(&map, 1420).unwrap().is_empty());
        });
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn a_firewall_that_drops_what_is_forwarded_is_named_with_the_remedy_and_left_alone() {
    run("os::a_firewall_that_drops_what_is_forwarded_is_named_with_the_remedy_and_left_alone", || {
        server();
        // As Docker does it.
        on("b", || {
            sh("nft 'add table ip filter; add chain ip filter DOCKER-USER; add chain ip filter FORWARD { type filter hook forward priority filter; policy drop; }'
                nft add rule ip filter FORWARD counter jump DOCKER-USER
                nft add rule ip filter FORWARD oifname docker0 ct state related,established counter accept")
        });
        let firewall = || on("b", || sh("nft list table ip filter | sed 's/packets.*bytes [0-9]*//'"));
        let before = firewall();
        let (map, options) = gateway("10.60.0.0/16");
        let _b = AtHome::start("b", 2, &map, options.clone()).unwrap();
        let a = AtHome::start("a", 1, &client(&["10.60.0.0/16"]), named()).unwrap();
        introduce(&a, key(2), "10.77.0.2");
        assert_eq!(seen_by_c(443).unwrap_err().kind(), io::ErrorKind::TimedOut);
        let notes = || on("b", || Host::preview(&map, 1420, &options).unwrap().notes().join("\n"));
        let said = notes();
        assert!(
            said.contains("chain FORWARD of table ip filter, which is somebody else's, drops") && !said.contains('\n'),
            "{said}"
        );
        assert_eq!(firewall(), before);
        // What the line says, done.
        let commands: Vec<_> = said.split('`').skip(1).step_by(2).collect();
        assert_eq!(commands.len(), 2, "{said}");
        commands.iter().for_each(|command| _ = on("b", || sh(command)));
        assert_eq!(seen_by_c(443).unwrap(), Ipv4Addr::new(10, 60, 0, 1));
        assert_eq!(notes(), "");
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn a_default_route_leaves_the_tunnel_and_the_local_network_their_ways() {
    run("os::a_default_route_leaves_the_tunnel_and_the_local_network_their_ways", || {
        server();
        on("a", || sh("ip route add default via 10.77.0.2; ip -6 route add default via fd77::2"));
        // The endpoint is where the default route leads, and a checks sources strictly.
        on("b", || {
            sh("ip address add 198.51.100.2/32 dev lo; ip address add 198.51.100.9/32 dev lo
                ip route change 10.77.0.0/24 dev cable-b src 198.51.100.2")
        });
        on("a", || sh("sysctl -qw net.ipv4.conf.all.rp_filter=1"));
        let before = everything("a");
        let (map, options) = gateway("0.0.0.0/0");
        let _b = AtHome::start("b", 2, &map, options).unwrap();
        for routes in [&["198.51.100.0/24"][..], &["0.0.0.0/0"]] {
            let a = AtHome::start("a", 1, &client(routes), named()).unwrap();
            introduce(&a, key(2), "198.51.100.2");
            let way = |to: &str| on("a", || try_sh(&format!("ip route get {to}")));
            let leads = |to: &str, device: &str| String::from_utf8(way(to).stdout).unwrap().contains(device);
            assert!(leads("198.51.100.9", "dev nanami0"));
            assert!(leads("198.51.100.2 mark 0x4e610000", "dev cable-a"));
            assert!(leads("10.77.0.2", "dev cable-a"), "the local network");
            carry("a", "b", overlay("b")[0], 300_000);
            if routes == ["0.0.0.0/0"] {
                assert!(everything("a").contains("net.ipv4.conf.all.src_valid_mark = 1"));
                assert_eq!(seen_by_c(443).unwrap(), Ipv4Addr::new(10, 60, 0, 1));
                assert!(!way("2001:db8::1").status.success(), "IPv6 has no way past the exit");
                assert!(leads("fd77::2", "dev cable-a"), "the local network");
            }
            a.stop();
            unchanged("a", &before, "after stop");
        }
    });
}

const ROLE: &str = "NANAMI_LAB_ROLE";

/// Starts this test again as a gateway on host b: `holds` until it is killed, or `tries` and says what came of it.
fn gateway_in_a_process(test: &str, role: &str, path: Option<&str>) -> Child {
    on("b", || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "--nocapture", test]).env(ROLE, role).stdout(Stdio::piped());
        path.into_iter().for_each(|path| _ = command.env("PATH", path));
        command.spawn().unwrap()
    })
}

/// What such a process does; `false` in one that was not started so.
fn is_a_gateway() -> bool {
    let Ok(role) = std::env::var(ROLE) else { return false };
    let (map, options) = gateway("10.60.0.0/16");
    let host = Host::open(options).unwrap();
    match host.apply(&map, 1420) {
        Ok(_) => println!("{BEGINS}applied"),
        Err(error) => println!("{BEGINS}{error}"),
    }
    if role == "holds" {
        loop {
            std::thread::park();
        }
    }
    true
}

const BEGINS: &str = "gateway: ";

/// The first thing that it says.
fn first_word(process: &mut Child) -> String {
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    lines.map_while(Result::ok).find_map(|line| Some(line.split_once(BEGINS)?.1.to_owned())).unwrap()
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn what_a_killed_process_has_left_is_found_by_the_next_one() {
    if is_a_gateway() {
        return;
    }
    const NAME: &str = "os::what_a_killed_process_has_left_is_found_by_the_next_one";
    run(NAME, || {
        server();
        furnish("b");
        let before = everything("b");
        let killed = || {
            let mut process = gateway_in_a_process(NAME, "holds", None);
            assert_eq!(first_word(&mut process), "applied");
            process.kill().unwrap();
            process.wait().unwrap();
            let left = everything("b");
            assert!(left.contains("inet nanami-nanami0") && left.contains("net.ipv4.ip_forward = 1"), "{left}");
        };
        killed();
        // The same map again: its rules are taken over, and its table is as it was meant, whoever had a hand in it.
        let (map, options) = gateway("10.60.0.0/16");
        let table = on("b", || sh("nft list table inet nanami-nanami0"));
        on("b", || sh("nft flush chain inet nanami-nanami0 translate"));
        let b = AtHome::start("b", 2, &map, options.clone()).unwrap();
        assert_eq!(on("b", || sh("nft list table inet nanami-nanami0")), table);
        drop(b);
        unchanged("b", &before, "taken over, and taken away at the end");

        killed();
        // Another map: what it does not mean goes at the start.
        let b = AtHome::start("b", 2, &self::map(2), named()).unwrap();
        let now = everything("b");
        assert!(!now.contains("inet nanami-nanami0") && now.contains("net.ipv4.ip_forward = 0"), "{now}");
        drop(b);
        unchanged("b", &before, "after another map");

        killed();
        // No map at all: the next one starts, and ends before it has one.
        on("b", || drop(Host::open(named()).unwrap()));
        unchanged("b", &before, "after a start without a map");
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn whatever_stands_in_the_way_is_one_line_and_nothing_is_left() {
    if is_a_gateway() {
        return;
    }
    const NAME: &str = "os::whatever_stands_in_the_way_is_one_line_and_nothing_is_left";
    run(NAME, || {
        server();
        furnish("b");
        let (map, options) = gateway("10.60.0.0/16");
        let refusal = |stands: &str, expected: &[&str]| {
            on("b", || sh(stands));
            let before = everything("b");
            let error = AtHome::start("b", 2, &map, options.clone()).map(drop).expect_err(stands);
            let StartError::Map(MapError::Host { why }) = &error else { panic!("{error:?}") };
            assert_eq!(why.lines().count(), 1, "{why}");
            assert!(expected.iter().all(|words| why.contains(words)), "{why}");
            unchanged("b", &before, why);
        };
        let table = on("b", || Host::preview(&map, 1420, &options).unwrap().to_string());
        let table = table.split_once("nanami0 table ").unwrap().1.split_whitespace().next().unwrap().to_owned();
        refusal(
            "ip address add 10.78.0.2/32 dev other",
            &["10.78.0.2, which nanami0 should have, is an address of other already: remove it with `ip address del"],
        );
        on("b", || sh("ip address del 10.78.0.2/32 dev other"));
        refusal(
            &format!("ip route add 10.9.0.0/16 via 10.77.0.9 table {table}"),
            &["holds somebody else's route to 10.9.0.0/16", "choose another table"],
        );
        on("b", || sh(&format!("ip route flush table {table}")));
        // The very rule that is the last step, but of somebody else: both are there, and only ours goes.
        let rule = format!("priority 20225 not fwmark 0x4e610000 lookup {table} suppress_prefixlength 15");
        on("b", || sh(&format!("ip rule add {rule}")));
        let before = everything("b");
        drop(AtHome::start("b", 2, &map, options.clone()).unwrap());
        unchanged("b", &before, "beside the same rule of somebody else");
        on("b", || sh(&format!("ip rule del {rule}")));
        refusal(
            "mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys",
            &["`sysctl net.ipv4.ip_forward=1`: the kernel's setting may not be changed from here", "Read-only"],
        );
        on("b", || sh("umount /proc/sys"));
        // The same for an interface that goes on: it is as it was before that map.
        let b = AtHome::start("b", 2, &self::map(2), options.clone()).unwrap();
        let before = everything("b");
        on("b", || sh("mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys"));
        let refused = b.apply(&newer(map.clone())).unwrap_err();
        assert!(matches!(refused, MapError::Host { .. }), "{refused}");
        on("b", || sh("umount /proc/sys"));
        unchanged("b", &before, "a map that is refused");
        b.apply(&newer(map.clone())).expect("the same map again, when nothing is in its way");
        drop(b);
        let before = everything("b");
        let mut process = gateway_in_a_process(NAME, "tries", Some("/nowhere"));
        let said = first_word(&mut process);
        assert!(said.contains("there is no nft here; install it"), "{said}");
        process.wait().unwrap();
        unchanged("b", &before, &said);

        on("b", || sh("ip tuntap add nanami0 mode tun"));
        let taken = on("b", || Host::open(named()).unwrap_err().to_string());
        assert!(taken.contains("there is an interface nanami0 already: choose another name"), "{taken}");
        on("b", || sh("ip link del nanami0"));
        let _b = AtHome::start("b", 2, &map, options.clone()).unwrap();
    });
}

/// How long a connection may take. Chosen: longer than a handshake that has to be repeated once.
const PATIENCE: Duration = Duration::from_secs(7);

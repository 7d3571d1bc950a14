//! What changes while traffic flows: a side restarts, prefixes move, a peer goes, an endpoint leads into its own tunnel.

use std::time::{Duration, Instant};

use super::datagrams::{Receiver, Sender};
use super::lab::*;

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn a_side_that_restarts_is_reached_again_by_either() {
    run("changes::a_side_that_restarts_is_reached_again_by_either", || {
        cable(["c", "d"]);
        cable(["e", "f"]);
        let pairs = PAIRS.into_iter().zip([["a", "b"], ["c", "d"], ["e", "f"]]);
        std::thread::scope(|scope| {
            for (makes, hosts) in pairs {
                scope.spawn(move || {
                    let [left, right] = hosts;
                    let (mut a, _b) = pair_on(hosts, makes);
                    assert!(pings(right, overlay(left)[0]));
                    a.restart(makes.0);
                    let asked = Instant::now();
                    until("the restarted side reaches the other", || pings(left, overlay(right)[0]));
                    // It knows where the other is, and makes a new keypair at once.
                    assert!(asked.elapsed() < Duration::from_secs(6), "{makes:?}: {:?}", asked.elapsed());
                    assert!(pings(right, overlay(left)[0]));
                    a.restart(makes.0);
                    // The other one still has a keypair; that nobody answers shows after 10 and 5 s (whitepaper section 6.1).
                    until("the other side reaches the restarted one", || pings(right, overlay(left)[0]));
                });
            }
        });
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn a_prefix_that_moves_under_traffic_has_one_owner_at_every_moment() {
    run("changes::a_prefix_that_moves_under_traffic_has_one_owner_at_every_moment", || {
        let (a, b, c) = three();
        let shared = "10.78.0.100".parse().unwrap();
        for wg in [&b, &c] {
            wg.sh("ip address add 10.78.0.100/32 dev lo");
        }
        let receivers = [Receiver::start("b", shared, 900), Receiver::start("c", shared, 900)];
        let owners =
            [(&b, 2), (&c, 3)].map(|(wg, n)| format!("peer {} allowed-ips 10.78.0.{n}/32,10.78.0.100/32", wg.public));
        a.set(&owners[0]);
        let sender = Sender::start("a", receivers[0].at(), 500);
        for step in 1..=40 {
            let owner = step % 2;
            a.set(&owners[owner]);
            let from = sender.next();
            until("the owner gets it", || receivers[owner].count_from(from) > 20);
            let last = *receivers[owner].arrived().last().unwrap();
            let got = receivers[owner].arrived();
            let lost: Vec<_> = (from..=last).filter(|n| !got.contains(n)).collect();
            assert!(lost.is_empty(), "move {step}: the owner did not get {lost:?} of {from}..={last}");
            assert_eq!(receivers[1 - owner].arrived().range(from..=last).count(), 0, "move {step}");
        }
        let sent = sender.stop();
        let all = || receivers.iter().map(|receiver| receiver.count_from(0) as u64).sum::<u64>();
        until("everything that was sent has arrived, at one of them", || all() >= sent);
        assert_eq!(all(), sent);
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn a_peer_that_is_removed_under_traffic_is_gone_at_once_and_no_other_notices() {
    run("changes::a_peer_that_is_removed_under_traffic_is_gone_at_once_and_no_other_notices", || {
        let (a, b, _c) = three();
        let at_b = Receiver::start("b", overlay("b")[0], 0);
        let at_c = Receiver::start("c", overlay("c")[0], 0);
        let at_a = Receiver::start("a", overlay("a")[0], 0);
        let to_b = Sender::start("a", at_b.at(), 500);
        let to_c = Sender::start("a", at_c.at(), 500);
        let to_a = Sender::start("b", at_a.at(), 500);
        for receiver in [&at_a, &at_b, &at_c] {
            until("there is traffic", || receiver.count_from(0) > 50);
        }
        a.set(&format!("peer {} remove", b.public));
        // What came before the peer went may still be on its way to the socket.
        let (left, came) = (to_b.next(), to_a.next() + 50);
        until("there is more traffic", || to_b.next() > left + 200 && to_a.next() > came + 200);
        let of_b = to_b.stop();
        // Behind all of it in the same queue: whatever was to be sent has been.
        assert!(pings("a", overlay("c")[0]));
        assert_eq!(at_b.count_from(left), 0, "of {left}..{of_b}, after the peer was removed");
        assert_eq!(at_a.count_from(came), 0, "from a peer that was removed");
        a.set(&Wg::peer(&b));
        until("it is back", || pings("a", overlay("b")[0]));
        to_a.stop();
        let of_c = to_c.stop();
        until("the other peer got everything", || at_c.count_from(0) as u64 == of_c);
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn an_endpoint_that_leads_into_its_own_tunnel_is_no_endless_loop() {
    run("changes::an_endpoint_that_leads_into_its_own_tunnel_is_no_endless_loop", || {
        let (a, b) = pair((Make::Ours, Make::WireGuardGo));
        a.set(&format!("peer {} allowed-ips 0.0.0.0/0,::/0", b.public));
        for (n, endpoint, route) in
            [(0, "10.77.0.2:51820", "ip route add 10.77.0.2"), (1, "[fd77::2]:51820", "ip -6 route add fd77::2")]
        {
            for with_keypair in [true, false] {
                a.set(&format!("peer {} endpoint {endpoint}", b.public));
                until("it is reached", || pings("a", overlay("b")[n]));
                if !with_keypair {
                    a.sh("ip link set wg-a down; ip link set wg-a up; ip address add fd78::1/64 dev wg-a nodad");
                }
                let lost = a.sh(&format!("{route} dev wg-a")).is_empty();
                assert!(lost);
                ask_in_vain(&a, endpoint);
                a.sh(&format!("{} dev wg-a", route.replace("add", "del")));
                until("it is reached again", || pings("a", overlay("b")[n]));
            }
        }
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn endpoints_that_lead_through_each_others_tunnels_are_no_endless_loop() {
    run("changes::endpoints_that_lead_through_each_others_tunnels_are_no_endless_loop", || {
        let (a, b, c) = three();
        // What is sealed for one is a packet for the other.
        a.set(&format!("peer {} allowed-ips 10.78.0.2/32,fd78::2/128,10.77.0.3/32", b.public));
        a.set(&format!("peer {} allowed-ips 10.78.0.3/32,10.77.0.2/32", c.public));
        a.sh("ip route replace 10.77.0.2 dev wg-a; ip route replace 10.77.0.3 dev wg-a");
        ask_in_vain(&a, "each other");
        a.sh("ip route del 10.77.0.2 dev wg-a; ip route replace 10.77.0.3 dev cable-ac");
        until("both are reached again", || pings("a", overlay("b")[0]) && pings("a", overlay("c")[0]));
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn a_key_of_low_order_is_no_peer() {
    run("changes::a_key_of_low_order_is_no_peer", || {
        let wg = Wg::start(Make::Ours, "a");
        for (point, highest) in LOW_ORDER.into_iter().flat_map(|point| [(point, 0), (point, 0x80)]) {
            let mut bytes = std::array::from_fn(|n| u8::from_str_radix(&point[2 * n..2 * n + 2], 16).unwrap());
            bytes[31] |= highest;
            let key = super::base64(&bytes);
            let refused = on("a", || try_sh(&format!("wg set wg-a peer {key} endpoint 10.77.0.2:1")));
            assert!(!refused.status.success(), "{point}, {highest:#x}");
        }
        assert_eq!(wg.show("peers"), "");
    });
}

/// `a` knows `b` and `c`, and is ours; both know `a`.
fn three() -> (Wg, Wg, Wg) {
    third();
    let (a, b) = pair((Make::Ours, Make::WireGuardGo));
    let c = Wg::start(Make::WireGuardGo, "c");
    a.set(&Wg::peer(&c));
    c.set(&Wg::peer(&a));
    c.up();
    assert!(pings("b", overlay("a")[0]) && pings("c", overlay("a")[0]));
    (a, b, c)
}

/// Sends packets whose datagrams come back as packets; their number, and what they cost, is that of the packets.
fn ask_in_vain(wg: &Wg, way: &str) {
    let before = (carried(wg), cpu_ticks(wg));
    let asked = Instant::now();
    while asked.elapsed() < Duration::from_secs(3) {
        // One fits into the interface with what is put around it, one is fragmented on its way back.
        wg.sh("for size in 1300 1392; do ping -q -c 10 -i 0.002 -s $size -W 1 10.78.0.2 > /dev/null || true; done");
    }
    let (packets, ticks) = (carried(wg) - before.0, cpu_ticks(wg) - before.1);
    assert!(packets < 1000, "{way}: {packets} packets crossed the interface");
    assert!(ticks < 50, "{way}: {ticks} hundredths of a second of CPU in 3 s");
}

/// Packets that this host sent into its interface.
fn carried(wg: &Wg) -> u64 {
    wg.sh(&format!(
        "ip -s -j link show {} | tr -d ' \\n' | sed 's/.*\"tx\":{{[^}}]*\"packets\":\\([0-9]*\\).*/\\1/'",
        wg.name
    ))
    .parse()
    .unwrap()
}

/// What the process used of a processor, in hundredths of a second.
fn cpu_ticks(wg: &Wg) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", wg.pid())).unwrap();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// The points of order 1, 2, 4 and 8 (https://cr.yp.to/ecdh.html), in hexadecimal. The highest bit of an encoding means nothing.
const LOW_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

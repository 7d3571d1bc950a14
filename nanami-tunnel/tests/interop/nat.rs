//! A peer behind a NAT that forgets: a keepalive keeps the way open, and a new mapping is followed.

use std::time::Duration;

use super::lab::*;

/// Puts a router between `a` and `b` that hides `b` behind its own address and forgets a mapping after two seconds of
/// silence.
fn hide_b() {
    sh("ip -n a link del cable-a
        ip netns add n
        ip link add cable-a netns a type veth peer name outside netns n
        ip link add cable-b netns b type veth peer name inside netns n
        ip -n a address add 10.77.0.1/24 dev cable-a && ip -n a link set cable-a up
        ip -n b address add 10.66.0.2/24 dev cable-b && ip -n b link set cable-b up
        ip -n n address add 10.77.0.254/24 dev outside && ip -n n link set outside up
        ip -n n address add 10.66.0.254/24 dev inside && ip -n n link set inside up
        ip -n b route add default via 10.66.0.254");
    on("n", || {
        sh("sysctl -qw net.ipv4.ip_forward=1
            nft add table ip nat
            nft add chain ip nat post '{ type nat hook postrouting priority srcnat; }'
            sysctl -qw net.netfilter.nf_conntrack_udp_timeout=2 net.netfilter.nf_conntrack_udp_timeout_stream=2")
    });
    map_to("2000-2999");
}

/// The router starts anew and gives out these ports: an interface that goes down takes its mappings with it.
fn map_to(ports: &str) {
    on("n", || {
        sh(&format!(
            "nft flush chain ip nat post
             nft add rule ip nat post oifname outside meta l4proto udp masquerade to :{ports}
             ip link set outside down && ip link set outside up"
        ))
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip, nft and unshare"]
fn a_keepalive_keeps_a_way_through_a_nat_and_another_mapping_is_followed() {
    run("nat::a_keepalive_keeps_a_way_through_a_nat_and_another_mapping_is_followed", || {
        hide_b();
        for makes in PAIRS {
            map_to("2000-2999");
            let (a, b) = (Wg::start(makes.0, "a"), Wg::start(makes.1, "b"));
            // Only the hidden side knows where the other one is.
            a.set(&format!("peer {} allowed-ips 10.78.0.2/32", b.public));
            b.set(&Wg::peer(&a));
            a.up();
            b.up();
            assert!(pings("b", overlay("a")[0]), "{makes:?}");
            let port = || a.show("endpoints").rsplit(':').next().unwrap().parse::<u16>().unwrap();
            let first = port();
            assert!((2000..3000).contains(&first), "{makes:?}: {first}");
            // The passive keepalive after 10 s is all that goes through by itself: not often enough for this NAT.
            std::thread::sleep(SILENCE);
            assert!(is_silent("a", overlay("b")[0]), "{makes:?}: this NAT forgets nothing");
            b.set(&format!("peer {} persistent-keepalive 1", a.public));
            until("the keepalive opens the way", || pings("a", overlay("b")[0]));
            // Nothing but keepalives on the way.
            std::thread::sleep(SILENCE);
            assert!(pings("a", overlay("b")[0]), "{makes:?}: nobody but the keepalive kept it open");
            map_to("3000-3999");
            until("the keepalive shows the new mapping", || (3000..4000).contains(&port()));
            assert!(pings("a", overlay("b")[0]), "{makes:?}");
        }
    });
}

/// Twice the life of a mapping.
const SILENCE: Duration = Duration::from_secs(4);

//! Traffic with each of the kernel's offloads switched off, and where the kernel refuses one while it is used.

use super::lab::*;

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn bulk_goes_through_without_each_of_the_offloads() {
    run("offloads::bulk_goes_through_without_each_of_the_offloads", || {
        for off in ["off", "no-tun", "no-tun-udp", "no-udp-gso", "no-udp-gro"] {
            let (a, b) = pair((Make::OursWith(off), Make::Ours));
            for at in overlay("b") {
                carry("a", "b", at, 1_000_000);
            }
            carry("b", "a", overlay("a")[0], 1_000_000);
            drop((a, b));
        }
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn a_way_that_is_too_narrow_for_many_at_once_gets_each_alone() {
    run("offloads::a_way_that_is_too_narrow_for_many_at_once_gets_each_alone", || {
        let (a, b) = pair((Make::Ours, Make::WireGuardGo));
        a.sh("ip link set cable-a mtu 1280");
        b.sh("ip link set cable-b mtu 1280");
        carry("a", "b", overlay("b")[0], 1_000_000);
        let cut = a.sh("grep ^Ip: /proc/net/snmp | tail -1 | cut -d' ' -f18");
        assert_ne!(cut, "0", "datagrams were cut on their way, as the kernel's WireGuard lets them");
        a.sh("ip link set cable-a mtu 1500");
        b.sh("ip link set cable-b mtu 1500");
        carry("a", "b", overlay("b")[0], 1_000_000);
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn many_small_segments_are_split_whole() {
    run("offloads::many_small_segments_are_split_whole", || {
        let (a, b) = pair((Make::Ours, Make::Ours));
        // 64 KiB of so small segments are some 270 packets.
        a.sh("ip link set wg-a mtu 300");
        b.sh("ip link set wg-b mtu 300");
        until("it is followed", || pings("a", overlay("b")[0]));
        carry("a", "b", overlay("b")[0], 3_000_000);
        // Fields of the second line that begins with `Tcp:`: segments that were sent, and those that were sent again.
        let counts = a.sh("grep ^Tcp: /proc/net/snmp | tail -1 | cut -d' ' -f12,13");
        let counts: Vec<u64> = counts.split(' ').map(|count| count.parse().unwrap()).collect();
        assert!(counts[0] > 3_000_000 / 300 && counts[1] * 20 < counts[0], "sent and sent again: {counts:?}");
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn a_word_that_switches_nothing_off_is_named() {
    run("offloads::a_word_that_switches_nothing_off_is_named", || {
        for foreground in ["-f", ""] {
            let program = env!("CARGO_BIN_EXE_nanami-wg");
            let output = try_sh(&format!("NANAMI_WG_OFFLOADS=no-gso {program} {foreground} wg9"));
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains("\"no-gso\"") && said.contains("no-udp-gso") && said.lines().count() == 1, "{said}");
            assert!(!try_sh("ip link show wg9").status.success(), "nothing is left behind");
        }
    });
}

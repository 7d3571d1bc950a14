//! `nanami-wg` as its users run it: with `wg`, `wg-quick` and `ip`, against wireguard-go and against itself.

use super::lab::*;

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn both_families_carry_bulk_in_both_directions_with_a_preshared_key() {
    run("nanami_wg::both_families_carry_bulk_in_both_directions_with_a_preshared_key", || {
        for makes in PAIRS {
            let (a, b) = pair(makes);
            let secret = sh("wg genpsk");
            a.set(&format!("peer {} preshared-key <(echo {secret})", b.public));
            b.set(&format!("peer {} preshared-key <(echo {secret})", a.public));
            for at in overlay("b") {
                carry("a", "b", at, 3_000_000);
            }
            for at in overlay("a") {
                carry("b", "a", at, 3_000_000);
            }
            assert_eq!(a.show("latest-handshakes").split('\t').next(), Some(&*b.public), "{makes:?}");
        }
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn a_peer_that_moves_to_another_address_port_or_family_is_followed() {
    run("nanami_wg::a_peer_that_moves_to_another_address_port_or_family_is_followed", || {
        for makes in [(Make::Ours, Make::WireGuardGo), (Make::Ours, Make::Ours)] {
            let (a, b) = pair(makes);
            let endpoint = || a.show("endpoints").split('\t').nth(1).unwrap().to_owned();
            assert!(pings("b", overlay("a")[0]));
            assert_eq!(endpoint(), "10.77.0.2:51820");
            b.set("listen-port 51999");
            assert!(pings("b", overlay("a")[0]));
            assert_eq!(endpoint(), "10.77.0.2:51999");
            b.sh("ip address del 10.77.0.2/24 dev cable-b; ip address add 10.77.0.9/24 dev cable-b");
            until("the new address is heard", || pings("b", overlay("a")[0]) && endpoint() == "10.77.0.9:51999");
            b.set(&format!("peer {} endpoint [fd77::1]:51820", a.public));
            until("the new family is heard", || pings("b", overlay("a")[0]) && endpoint() == "[fd77::2]:51999");
            assert!(pings("a", overlay("b")[0]), "and answered there");
            b.sh("ip address flush dev cable-b; ip address add 10.77.0.2/24 dev cable-b; ip address add fd77::2/64 dev cable-b nodad");
        }
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn answers_leave_from_the_address_that_was_written_to() {
    run("nanami_wg::answers_leave_from_the_address_that_was_written_to", || {
        let (a, b) = pair((Make::Ours, Make::WireGuardGo));
        a.sh("ip address add 10.77.0.50/24 dev cable-a; ip address add 10.99.0.1/32 dev lo");
        b.sh("ip route add 10.99.0.1 via 10.77.0.1");
        for theirs in ["10.77.0.50", "10.99.0.1", "10.77.0.1"] {
            b.set(&format!("peer {} endpoint {theirs}:51820", a.public));
            assert!(pings("b", overlay("a")[0]));
            // A peer that hears from another address takes that one.
            let endpoint = b.show("endpoints");
            assert!(endpoint.ends_with(&format!("\t{theirs}:51820")), "{endpoint}");
        }
        a.sh("ip address del 10.77.0.50/24 dev cable-a");
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn an_endpoint_may_be_a_link_local_address_with_its_interface() {
    run("nanami_wg::an_endpoint_may_be_a_link_local_address_with_its_interface", || {
        let (a, b) = pair((Make::Ours, Make::WireGuardGo));
        a.sh("ip address add fe80::a/64 dev cable-a nodad");
        b.sh("ip address add fe80::b/64 dev cable-b nodad");
        a.set(&format!("peer {} endpoint '[fe80::b%cable-a]:51820'", b.public));
        assert!(pings("a", overlay("b")[0]));
        assert!(a.show("endpoints").contains("[fe80::b%cable-a]:51820"), "{}", a.show("endpoints"));
        let refused = on("a", || try_sh(&format!("wg set wg-a peer {} endpoint '[fe80::b%wg-b]:1'", b.public)));
        assert!(!refused.status.success(), "`wg` itself knows no such interface");
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn keys_change_while_it_runs() {
    run("nanami_wg::keys_change_while_it_runs", || {
        for makes in PAIRS {
            let (a, b) = pair(makes);
            assert!(pings("a", overlay("b")[0]));
            let (secret, wrong) = (sh("wg genpsk"), sh("wg genpsk"));
            a.set(&format!("peer {} preshared-key <(echo {secret})", b.public));
            b.set(&format!("peer {} preshared-key <(echo {secret})", a.public));
            carry("a", "b", overlay("b")[0], 10_000);
            let key = sh("wg genkey");
            let public = sh(&format!("wg pubkey <<< {key}"));
            b.set(&format!("peer {} remove", a.public));
            b.set(&format!("peer {public} preshared-key <(echo {secret}) allowed-ips 10.78.0.1/32"));
            a.set(&format!("private-key <(echo {key})"));
            carry("a", "b", overlay("b")[0], 10_000);
            assert_eq!(a.show("public-key"), public);
            b.set(&format!("peer {public} remove"));
            b.set(&format!(
                "peer {public} preshared-key <(echo {wrong}) allowed-ips 10.78.0.1/32 endpoint 10.77.0.1:51820"
            ));
            a.set(&format!("peer {} remove", b.public));
            a.set(&format!("{} preshared-key <(echo {secret})", Wg::peer(&b)));
            assert!(is_silent("a", overlay("b")[0]), "{makes:?}: two different preshared keys");
        }
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn allowed_ips_move_and_syncconf_changes_only_what_differs() {
    run("nanami_wg::allowed_ips_move_and_syncconf_changes_only_what_differs", || {
        let (a, b) = pair((Make::Ours, Make::WireGuardGo));
        assert!(pings("a", overlay("b")[0]));
        let other = sh("wg genkey | wg pubkey");
        a.set(&format!("peer {other} allowed-ips 10.78.0.2/32"));
        assert!(is_silent("a", overlay("b")[0]), "another peer owns it now");
        assert!(pings("a", overlay("b")[1]), "what did not move goes on");
        a.set(&format!("peer {} allowed-ips 10.78.0.2/32,fd78::2/128", b.public));
        assert!(pings("a", overlay("b")[0]));
        let (handshake, before) = (a.show("latest-handshakes"), a.show("allowed-ips"));
        assert!(before.contains(&format!("{other}\t(none)")), "{before}");
        a.sh("wg showconf wg-a > /tmp/nanami-lab.conf; wg syncconf wg-a /tmp/nanami-lab.conf; rm /tmp/nanami-lab.conf");
        assert_eq!((a.show("latest-handshakes"), a.show("allowed-ips")), (handshake, before));
        assert!(pings("b", overlay("a")[1]));
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn a_port_that_is_taken_is_refused_and_the_old_one_stays() {
    run("nanami_wg::a_port_that_is_taken_is_refused_and_the_old_one_stays", || {
        let (a, _b) = pair((Make::Ours, Make::Ours));
        let taken = on("a", || std::net::UdpSocket::bind("0.0.0.0:0").unwrap());
        let port = taken.local_addr().unwrap().port();
        let refused = on("a", || try_sh(&format!("wg set wg-a listen-port {port}")));
        assert!(!refused.status.success());
        assert!(String::from_utf8_lossy(&refused.stderr).contains("Address already in use"));
        assert_eq!(a.show("listen-port"), "51820");
        assert!(pings("a", overlay("b")[0]));
        a.set("listen-port 0 fwmark 0x2a");
        assert_ne!(a.show("listen-port"), "0");
        assert_eq!(a.show("fwmark"), "0x2a");
        assert!(pings("a", overlay("b")[0]));
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn the_interface_is_followed_down_up_to_another_mtu_and_into_another_namespace() {
    run("nanami_wg::the_interface_is_followed_down_up_to_another_mtu_and_into_another_namespace", || {
        let (a, b) = pair((Make::Ours, Make::WireGuardGo));
        assert!(pings("a", overlay("b")[0]));
        a.sh("ip link set wg-a down");
        until("the socket is closed", || a.sh("ss -Hulpn sport = 51820").is_empty());
        a.sh("ip link set wg-a up; ip address add fd78::1/64 dev wg-a nodad");
        until("it is back", || pings("a", overlay("b")[0]));
        for mtu in [1280, 9000, 576, 1420] {
            for wg in [&a, &b] {
                wg.sh(&format!("ip link set {} mtu {mtu}", wg.name));
            }
            until("long packets pass", || {
                on("a", || try_sh(&format!("ping -c 1 -W 1 -M do -s {} 10.78.0.2", mtu - 28)).status.success())
            });
        }
        sh("ip netns add c; ip -n a link set wg-a netns c");
        sh("ip -n c address add 10.78.0.1/24 dev wg-a; ip -n c link set wg-a up");
        until("it works from there, by the cable of the old one", || pings("c", overlay("b")[0]));
        sh("ip -n c link set wg-a down");
        until("the socket is closed", || a.sh("ss -Hulpn sport = 51820").is_empty());
        sh("ip -n c link set wg-a mtu 1300 up");
        until("it is back", || pings("c", overlay("b")[0]));
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn it_ends_with_its_interface_its_socket_or_a_signal_and_leaves_nothing() {
    run("nanami_wg::it_ends_with_its_interface_its_socket_or_a_signal_and_leaves_nothing", || {
        let ends = [
            ("its interface", "ip -n a link delete wg-a"),
            ("its socket", "rm /run/wireguard/wg-a.sock"),
            ("SIGTERM", "kill -TERM PID"),
            ("SIGINT", "kill -INT PID"),
        ];
        for (what, end) in ends {
            let mut wg = Wg::start(Make::Ours, "a");
            wg.up();
            sh(&end.replace("PID", &wg.pid().to_string()));
            until("it has ended", || wg.ended().is_some());
            assert!(wg.ended().unwrap().success(), "{what}");
            assert!(!std::path::Path::new("/run/wireguard/wg-a.sock").exists(), "{what}");
            assert!(!try_sh("ip -n a link show wg-a").status.success(), "{what}");
        }
        let mut wg = Wg::start(Make::Ours, "a");
        wg.kill();
        until("the kernel took the interface away", || !try_sh("ip -n a link show wg-a").status.success());
        assert!(std::path::Path::new("/run/wireguard/wg-a.sock").exists(), "nobody could remove it");
        Wg::start(Make::Ours, "a");
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn what_keeps_it_from_starting_is_one_line_and_a_status() {
    run("nanami_wg::what_keeps_it_from_starting_is_one_line_and_a_status", || {
        let ours = env!("CARGO_BIN_EXE_nanami-wg");
        let _running = Wg::start(Make::Ours, "a");
        sh("ip -n b link add taken type veth peer name taken-too");
        let bounded = "setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all";
        let cases = [
            (format!("ip netns exec a {ours}"), 2, "a name is missing"),
            (format!("ip netns exec a {ours} --no-such wg9"), 2, "--no-such"),
            (format!("ip netns exec a {ours} -f sixteen-letters-"), 3, "1 to 15"),
            (format!("ip netns exec b {bounded} {ours} -f wg9"), 4, "CAP_NET_ADMIN"),
            (format!("ip netns exec b {ours} -f taken"), 6, "ip link delete taken"),
            (format!("ip netns exec a {ours} -f wg-a"), 7, "wg-a"),
            (format!("ip netns exec a {ours} wg-a"), 7, "wg-a"),
        ];
        for (command, status, named) in cases {
            let output = try_sh(&command);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(status), "{command}: {said}");
            assert!(said.lines().count() == 1 && (status == 2 || said.contains(named)), "{command}: {said}");
        }
        assert_eq!(sh("ls /run/wireguard"), "wg-a.sock", "nothing half-made is left");
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, wg-quick, ip and unshare"]
fn wg_quick_brings_it_up_and_down() {
    run("nanami_wg::wg_quick_brings_it_up_and_down", || {
        let b = Wg::start(Make::WireGuardGo, "b");
        let (key, secret) = (sh("wg genkey"), sh("wg genpsk"));
        let public = sh(&format!("wg pubkey <<< {key}"));
        b.set(&format!("peer {public} preshared-key <(echo {secret}) allowed-ips 10.78.0.1/32,fd78::1/128"));
        b.up();
        sh(
            "mount -t tmpfs tmpfs /etc/wireguard || { mkdir -p /etc/wireguard && mount -t tmpfs tmpfs /etc/wireguard; }",
        );
        let peer = &b.public;
        std::fs::write(
            "/etc/wireguard/quick.conf",
            format!(
                "[Interface]\nPrivateKey = {key}\nAddress = 10.78.0.1/24, fd78::1/64\nMTU = 1400\nTable = off\n\n[Peer]\n\
                 PublicKey = {peer}\nPresharedKey = {secret}\nAllowedIPs = 10.78.0.2/32, fd78::2/128\n\
                 Endpoint = 10.77.0.2:51820\nPersistentKeepalive = 25\n"
            ),
        )
        .unwrap();
        let ours = env!("CARGO_BIN_EXE_nanami-wg");
        // A kernel with WireGuard would be preferred; `ip` that cannot make such an interface is what others have.
        on("a", || sh(&format!("WG_QUICK_USERSPACE_IMPLEMENTATION={ours} wg-quick up quick 2>&1")));
        carry("a", "b", overlay("b")[0], 100_000);
        carry("a", "b", overlay("b")[1], 100_000);
        on("a", || sh("wg-quick down quick 2>&1"));
        until("the socket is gone", || !std::path::Path::new("/run/wireguard/quick.sock").exists());
        assert!(!try_sh("ip -n a link show quick").status.success());
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn ten_thousand_peers_are_configured_and_one_of_them_is_reached() {
    run("nanami_wg::ten_thousand_peers_are_configured_and_one_of_them_is_reached", || {
        let (a, b) = pair((Make::Ours, Make::WireGuardGo));
        let mut conf = String::from("[Interface]\nListenPort = 51820\n");
        conf += &format!("PrivateKey = {}\n", a.show("private-key"));
        for n in 0..10_000u32 {
            let mut bytes = [9; 32];
            bytes[..4].copy_from_slice(&n.to_be_bytes());
            let key = nanami_model::PrivateKey::from_bytes(bytes).public();
            conf += &format!("[Peer]\nPublicKey = {key}\nAllowedIPs = 10.{}.{}.0/24\n", 100 + n / 250, n % 250);
        }
        conf += &format!("[Peer]\nPublicKey = {}\nAllowedIPs = 10.78.0.2/32\nEndpoint = 10.77.0.2:51820\n", b.public);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), conf).unwrap();
        let path = file.path().display();
        a.sh(&format!("wg setconf wg-a {path}"));
        assert_eq!(a.show("peers").lines().count(), 10_001);
        assert!(pings("a", overlay("b")[0]));
        let handshakes = a.show("latest-handshakes");
        a.sh(&format!("wg syncconf wg-a {path}"));
        assert_eq!(a.show("latest-handshakes"), handshakes);
        assert!(pings("a", overlay("b")[0]));
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn stats_tell_of_round_trips_and_of_what_was_dropped() {
    run("nanami_wg::stats_tell_of_round_trips_and_of_what_was_dropped", || {
        let (a, b) = pair((Make::Ours, Make::WireGuardGo));
        assert!(pings("a", overlay("b")[0]));
        assert!(is_silent("a", "10.78.0.77".parse().unwrap()), "nobody carries it");
        let ours = env!("CARGO_BIN_EXE_nanami-wg");
        let stats = a.sh(&format!("{ours} --stats wg-a"));
        assert!(stats.contains(&format!("peer: {}", b.public)), "{stats}");
        assert!(stats.contains("1 in all") && stats.contains(" ms\n") && stats.contains("no route"), "{stats}");
        let refused = try_sh(&format!("{ours} --stats wg-b"));
        assert_eq!(refused.status.code(), Some(1), "wireguard-go does not know that question");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("wg show wg-b"));
    });
}

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn without_keypairs_it_is_woken_by_nothing() {
    run("nanami_wg::without_keypairs_it_is_woken_by_nothing", || {
        let (a, b) = (Wg::start(Make::Ours, "a"), Wg::start(Make::Ours, "b"));
        a.set(&Wg::peer(&b));
        a.up();
        let switches = || {
            let tasks = std::fs::read_dir(format!("/proc/{}/task", a.pid())).unwrap();
            let status = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("status")).unwrap());
            let of = |status: String| {
                let lines = status.lines().filter_map(|line| line.split_once("voluntary_ctxt_switches:\t"));
                lines.map(|(_, count)| count.parse::<u64>().unwrap()).sum::<u64>()
            };
            status.map(of).sum::<u64>()
        };
        // Setting it up, and the last router solicitation, are work.
        let (mut quiet, mut before) = (0, switches());
        for _ in 0..20 {
            std::thread::sleep(std::time::Duration::from_secs(1));
            let now = switches();
            quiet = if now == before { quiet + 1 } else { 0 };
            before = now;
            if quiet == 3 {
                return;
            }
        }
        panic!("in 20 s there were no three seconds without a wake-up");
    });
}

//! Under load: rekeying loses nothing, and floods of handshakes leave others their share.

use std::time::{Duration, Instant};

use super::datagrams::{Receiver, Sender};
use super::lab::*;

/// A keypair is replaced when it is 120 s old (WireGuard whitepaper section 6.1), and nothing makes that sooner: neither
/// implementation has a switch for it.
#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn rekeying_under_load_loses_nothing() {
    run("load::rekeying_under_load_loses_nothing", || {
        cable(["c", "d"]);
        cable(["e", "f"]);
        std::thread::scope(|scope| {
            for (makes, hosts) in PAIRS.into_iter().zip([["a", "b"], ["c", "d"], ["e", "f"]]) {
                scope.spawn(move || {
                    let [left, right] = hosts;
                    let (a, _b) = pair_on(hosts, makes);
                    let started = Instant::now();
                    assert!(pings(left, overlay(right)[0]));
                    let handshake = || a.show("latest-handshakes").split('\t').nth(1).unwrap().to_owned();
                    let first = handshake();
                    let there = Receiver::start(right, overlay(right)[0], 0);
                    let back = Receiver::start(left, overlay(left)[0], 0);
                    let senders =
                        [Sender::start(left, there.at(), A_SECOND), Sender::start(right, back.at(), A_SECOND)];
                    // Long enough that what is sent under the next keypair is a part of it.
                    std::thread::sleep(Duration::from_secs(127).saturating_sub(started.elapsed()));
                    let sent = senders.map(Sender::stop);
                    assert_ne!(handshake(), first, "{makes:?}: no new keypair in {:?}", started.elapsed());
                    for (receiver, sent) in [&there, &back].into_iter().zip(sent) {
                        until("the last ones arrive", || receiver.arrived().last() == Some(&(sent - 1)));
                        let lost = sent as usize - receiver.count_from(0);
                        assert_eq!(lost, 0, "{makes:?}: of {sent}");
                    }
                });
            }
        });
    });
}

/// Datagrams a second in each direction: together 5 Mbit/s. Chosen: one that a machine that stands still for two seconds
/// keeps in its queues.
const A_SECOND: u64 = 200;

//! What a phone's tunnel keeps in memory after load. Alone in its process, which is what is measured.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![cfg(target_os = "linux")]

mod common;

use common::*;
use nanami_model::{Filter, Service};
use nanami_tunnel::{Interface, PacketPort, Tunnel, TunnelOptions};

/// Kibibytes: `VmHWM` and the like.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

async fn tunnel(n: u8, interface: Interface) -> Tunnel {
    let everything = Filter::deny_all().accept(cidr("10.42.0.0/16"), Service::ANY);
    let map = map_of(n).with_neighbor(neighbor(1 - n)).with_filter(everything);
    let options = TunnelOptions::mobile().with_listen(([127, 0, 0, 1], 0).into());
    Tunnel::start(private(n), interface, &map, options).await.unwrap()
}

/// A batch of ten UDP packets of 1,280 bytes from node 0 to node 1.
fn batch() -> Vec<u8> {
    let mut packet =
        vec![0x45, 0, 5, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 42, 0, 1, 10, 42, 0, 2, 0, 9, 0, 9, 4, 236, 0, 0];
    packet.resize(1280, 7);
    [&1280u16.to_be_bytes()[..], &packet].concat().repeat(10)
}

#[tokio::test]
async fn two_phones_in_one_process_stay_below_eight_megabytes() {
    let ((port, interface), (far, other)) = (PacketPort::new(), PacketPort::new());
    let (a, b) = (tunnel(0, interface).await, tunnel(1, other).await);
    a.hints(key(1), vec![b.local_addr()]);
    b.hints(key(0), vec![a.local_addr()]);
    let before = status("VmHWM:");
    let (batch, wanted) = (batch(), 100_000_000);
    // At first nobody takes anything, and every queue is full.
    for _ in 0..1000 {
        port.send_batch(&batch).unwrap();
        tokio::task::yield_now().await;
    }
    within(async {
        while b.counters().undelivered == 0 {
            port.send_batch(&batch).unwrap();
            tokio::task::yield_now().await;
        }
    })
    .await;
    let send = async {
        loop {
            // What does not fit is dropped, as on a network card.
            port.send_batch(&batch).unwrap();
            tokio::task::yield_now().await;
        }
    };
    let receive = async {
        let mut received = 0;
        while received < wanted {
            received += far.receive_batch(64 * 1024).await.unwrap().len();
        }
    };
    tokio::select! {
        () = send => {}
        () = within(receive) => {}
    }
    let (peak, after, own) = (status("VmHWM:"), status("VmRSS:"), status("RssAnon:"));
    println!(
        "{before} KiB at the start, {peak} at most, {after} after {wanted} bytes, {own} of them not of the program"
    );
    assert!(peak < 8_000_000 / 1024, "{peak} KiB");
}

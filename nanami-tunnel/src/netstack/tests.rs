use std::net::IpAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::interface::Pipe;

/// Two stacks whose pipes are joined, with a hook that may answer or swallow a packet on its way from the first.
fn joined(mut on_the_way: impl FnMut(&[u8]) -> Way + Send + 'static) -> (Netstack, Netstack) {
    let ((a, one), (b, two)) = (Netstack::new(), Netstack::new());
    let addresses = |n: u8| vec![IpAddr::from([10, 42, 0, n]), "fd42::".parse::<std::net::Ipv6Addr>().unwrap().into()];
    let (mut one, mut two) = (started(one, &addresses(1)[..1]), started(two, &addresses(2)[..1]));
    tokio::spawn(async move {
        let _addresses_stay = (&one.addresses, &two.addresses);
        loop {
            tokio::select! {
                Some(packet) = one.from_host.recv() => match on_the_way(&packet) {
                    Way::Pass => two.to_host.send(packet).await.unwrap(),
                    Way::Lose => {}
                    Way::Answer(answer) => one.to_host.send(answer).await.unwrap(),
                },
                Some(packet) = two.from_host.recv() => one.to_host.send(packet).await.unwrap(),
                else => return,
            }
        }
    });
    (a, b)
}

enum Way {
    Pass,
    Lose,
    Answer(Vec<u8>),
}

fn started(interface: Interface, addresses: &[IpAddr]) -> Pipe {
    let map = NetworkMap::new(addresses.iter().copied());
    interface.inside.configure(&map, crate::engine::DEFAULT_MTU).unwrap();
    let (pipe, run) = interface.into_queues();
    tokio::spawn(run.expect("a netstack runs"));
    pipe.addresses.send_replace(addresses.to_vec());
    pipe
}

/// The ICMP error that a filter sends about `packet`.
fn prohibited(packet: &[u8], code: u8) -> Vec<u8> {
    let mut answer = vec![0; 20];
    (answer[0], answer[9]) = (0x45, 1);
    answer.extend([3, code, 0, 0, 0, 0, 0, 0]);
    answer.extend(&packet[..28]);
    answer
}

async fn connected(a: &Netstack, b: &Netstack) -> (TcpStream, TcpStream) {
    let mut listener = b.listen(80).unwrap();
    let (one, two) = tokio::join!(dial_until_up(a), listener.accept());
    (one.unwrap(), two.unwrap())
}

/// The stacks' tasks may not have taken their addresses yet.
async fn dial_until_up(a: &Netstack) -> Result<TcpStream, DialError> {
    loop {
        match a.dial(([10, 42, 0, 2], 80)).await {
            Err(DialError::NoRoute | DialError::Reset) => tokio::task::yield_now().await,
            other => return other,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_carries_bytes_both_ways_and_ends() {
    let (repeated, mut repeats) = tokio::sync::watch::channel(0);
    let mut sent_to = None;
    let (a, b) = joined(move |packet| {
        if repeats_data(packet, &mut sent_to) {
            repeated.send_modify(|count| *count += 1);
        }
        Way::Pass
    });
    let (mut one, mut two) = connected(&a, &b).await;
    let sent: Vec<u8> = (0..3_000_000u32).map(|i| (i * 7 / 3) as u8).collect();
    let expected = sent.clone();
    let writer = tokio::spawn(async move {
        one.write_all(&sent).await.unwrap();
        one.shutdown().await.unwrap();
        let mut answer = String::new();
        one.read_to_string(&mut answer).await.unwrap();
        (answer, one.stats())
    });
    let mut received = Vec::new();
    two.read_to_end(&mut received).await.unwrap();
    assert!(received == expected);
    two.write_all(b"thanks").await.unwrap();
    two.shutdown().await.unwrap();
    let (answer, stats) = writer.await.unwrap();
    assert_eq!(answer, "thanks");
    // A machine that stalls for a fifth of a second makes the stack send something again, rightly: what is counted is what
    // went over the wire twice, and nothing else. The last of it may still be on its way.
    repeats.wait_for(|count| *count >= stats.retransmitted).await.unwrap();
    assert_eq!(*repeats.borrow(), stats.retransmitted);
}

/// Whether an IPv4 packet carries TCP data that all went by before: told from the wire alone, without the stack's help.
fn repeats_data(packet: &[u8], sent_to: &mut Option<u32>) -> bool {
    let tcp = &packet[20..];
    let payload = tcp.len() - usize::from(tcp[12] >> 4) * 4;
    let end = u32::from_be_bytes(tcp[4..8].try_into().unwrap()).wrapping_add(payload as u32);
    let ahead = sent_to.is_none_or(|known| (end.wrapping_sub(known) as i32) > 0);
    if payload > 0 && ahead {
        *sent_to = Some(end);
    }
    payload > 0 && !ahead
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_icmp_error_fails_a_dial_at_once() {
    for (code, error) in [(13, DialError::Denied), (0, DialError::NoRoute)] {
        let (a, b) = joined(move |packet| match denial::tcp_ends(packet) {
            Some((_, to)) if to.port() == 22 => Way::Answer(prohibited(packet, code)),
            _ => Way::Pass,
        });
        let _pair = connected(&a, &b).await;
        assert_eq!(a.dial(([10, 42, 0, 2], 22)).await.unwrap_err(), error);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_there_is_reset_and_a_denial_ends_an_established_stream() {
    let revoked = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = revoked.clone();
    let (a, b) = joined(move |packet| match flag.load(std::sync::atomic::Ordering::Relaxed) {
        true => Way::Answer(prohibited(packet, 13)),
        false => Way::Pass,
    });
    let (mut one, _two) = connected(&a, &b).await;
    assert_eq!(a.dial(([10, 42, 0, 2], 81)).await.unwrap_err(), DialError::Reset);
    revoked.store(true, std::sync::atomic::Ordering::Relaxed);
    one.write_all(b"x").await.unwrap();
    let error = one.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_segments_are_sent_again_within_a_second_and_counted() {
    let mut data_segments = 0;
    let (a, b) = joined(move |packet| {
        data_segments += usize::from(packet.len() > 500);
        if (20..24).contains(&data_segments) && packet.len() > 500 { Way::Lose } else { Way::Pass }
    });
    let (mut one, mut two) = connected(&a, &b).await;
    let bytes = vec![7; 200_000];
    let expected = bytes.len();
    let writer = tokio::spawn(async move {
        one.write_all(&bytes).await.unwrap();
        one.shutdown().await.unwrap();
        let _end = one.read(&mut [0]).await;
        one.stats()
    });
    let mut received = Vec::new();
    two.read_to_end(&mut received).await.unwrap();
    two.shutdown().await.unwrap();
    assert_eq!(received.len(), expected);
    let stats = writer.await.unwrap();
    assert!(stats.retransmitted > 0 && stats.longest_stall >= std::time::Duration::from_millis(100), "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_tunnel_ends_streams_and_listeners() {
    let (a, interface) = Netstack::new();
    let (_pipe, run) = interface.into_queues();
    let task = tokio::spawn(run.expect("a netstack runs"));
    let mut listener = a.listen(80).unwrap();
    assert_eq!(a.listen(80).unwrap_err(), DialError::AddressInUse);
    let accept = tokio::spawn(async move { listener.accept().await.map(|_| ()) });
    task.abort();
    assert_eq!(accept.await.unwrap().unwrap_err(), DialError::Stopped);
    assert_eq!(a.dial(([10, 42, 0, 2], 22)).await.unwrap_err(), DialError::Stopped);
}

//! What takes minutes: rekeying, in real time, because boringtun's clock is the machine's.

mod common;

use std::time::{Duration, Instant};

use common::heartbeat::Heartbeat;
use common::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
#[ignore = "takes five minutes"]
async fn a_stream_outlives_two_rekeys_without_a_stall() {
    let (client, server) = pair().await;
    let mut listener = server.net.listen(443).unwrap();
    let (dialed, accepted) = within(async { tokio::join!(client.net.dial(at(1, 443)), listener.accept()) }).await;
    let (mut stream, mut other) = (dialed.unwrap(), accepted.unwrap());
    let (end, mut longest) = (Instant::now() + Duration::from_secs(300), Duration::ZERO);
    let heartbeat = Heartbeat::start();
    while Instant::now() < end {
        let (asked, stalled) = (Instant::now(), heartbeat.stalled());
        stream.write_all(&[7; 1000]).await.unwrap();
        within(other.read_exact(&mut [0; 1000])).await.unwrap();
        // A machine that stands still in these five minutes is no stall of the stream.
        longest = longest.max(asked.elapsed().saturating_sub(heartbeat.stalled() - stalled));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let link = client.tunnel.links()[0];
    println!("{} handshakes, longest wait {longest:?}", link.handshakes);
    assert!(link.handshakes >= 3, "{link:?}");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    assert_eq!(server.tunnel.counters().unauthentic, 0);
}

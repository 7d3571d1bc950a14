//! Two plain `wg-quick` configurations, run as they are.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{key, private, within};
use nanami_model::wg_quick::WgQuick;
use nanami_tunnel::{Netstack, Tunnel, TunnelOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn start(text: &str) -> (Tunnel, Netstack) {
    let config: WgQuick = text.parse().unwrap();
    let endpoints: Vec<_> = config.endpoints().map(|(key, at)| (key, at.socket_address().unwrap())).collect();
    let (key, map) = config.into_parts().unwrap();
    let (net, interface) = Netstack::new();
    let options = TunnelOptions::default().with_listen(([127, 0, 0, 1], 0).into());
    let tunnel = Tunnel::start(key, interface, &map, options).await.unwrap();
    endpoints.into_iter().for_each(|(key, at)| tunnel.hints(key, vec![at]));
    (tunnel, net)
}

#[tokio::test]
async fn two_plain_configurations_carry_a_stream_in_both_directions() {
    let section = |own: u8, other: u8| {
        let (key_text, address) = (private(own).expose_text(), own + 1);
        let interface = format!("[Interface]\nPrivateKey = {key_text}\nAddress = 10.42.0.{address}/24\n");
        format!("{interface}[Peer]\nPublicKey = {}\nAllowedIPs = 10.42.0.{}/32\n", key(other), other + 1)
    };
    let (server, listening) = start(&section(1, 0)).await;
    let endpoint = format!("Endpoint = {}\n", server.local_addr());
    let (client, dialing) = start(&(section(0, 1) + &endpoint)).await;

    // WireGuard knows no services: any port is open, in both directions.
    let mut listener = listening.listen(8080).unwrap();
    let (dialed, accepted) =
        within(async { tokio::join!(dialing.dial(([10, 42, 0, 2], 8080)), listener.accept()) }).await;
    let (mut one, mut other) = (dialed.unwrap(), accepted.unwrap());
    one.write_all(b"there").await.unwrap();
    other.write_all(b"back").await.unwrap();
    let (mut there, mut back) = ([0; 5], [0; 4]);
    within(other.read_exact(&mut there)).await.unwrap();
    within(one.read_exact(&mut back)).await.unwrap();
    assert_eq!((&there, &back), (b"there", b"back"));
    client.stop().await;
    server.stop().await;
}

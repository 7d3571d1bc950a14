//! The client of the control socket drives wireguard-go, and `nanami-wg`.

use nanami_model::{Neighbor, NetworkMap, PrivateKey, PublicKey};
use nanami_tunnel::uapi::Client;

use super::lab::*;

#[test]
#[ignore = "needs root, wireguard-go, wg, ip and unshare"]
fn a_map_drives_another_wireguard_and_what_stays_keeps_its_keypair() {
    run("client::a_map_drives_another_wireguard_and_what_stays_keeps_its_keypair", || {
        for make in [Make::WireGuardGo, Make::Ours] {
            let (a, b) = (Wg::start(make, "a"), Wg::start(Make::WireGuardGo, "b"));
            b.set(&Wg::peer(&a));
            [&a, &b].iter().for_each(|wg| wg.up());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let key: PrivateKey = a.show("private-key").parse().unwrap();
            let (peer, other): (PublicKey, _) = (b.public.parse().unwrap(), PrivateKey::from_bytes([3; 32]).public());
            let map = |ranges: &[&str], others: &[&str]| {
                let neighbor =
                    |key, ranges: &[&str]| Neighbor::new(key, ranges.iter().map(|range| range.parse().unwrap()));
                let map = NetworkMap::default().with_neighbor(neighbor(peer, ranges));
                if others.is_empty() { map } else { map.with_neighbor(neighbor(other, others)) }
            };
            let apply = |map: NetworkMap| {
                runtime.block_on(async {
                    let client = Client::connect("wg-a").await.unwrap();
                    let applied = client.apply(&map, &key).await.unwrap();
                    client.set_endpoint(peer, "10.77.0.2:51820".parse().unwrap()).await.unwrap();
                    applied.changed()
                })
            };
            assert_eq!(apply(map(&["10.78.0.2/32", "fd78::2/128"], &[])), 1);
            assert!(pings("a", overlay("b")[0]) && pings("a", overlay("b")[1]));
            let handshake =
                || a.show("latest-handshakes").lines().find(|line| line.starts_with(&b.public)).unwrap().to_owned();
            let first = handshake();
            assert_eq!(apply(map(&["10.78.0.2/32"], &["fd78::2/128"])), 2, "{make:?}: a prefix moves");
            assert!(pings("a", overlay("b")[0]) && is_silent("a", overlay("b")[1]));
            assert_eq!(apply(map(&["10.78.0.2/32", "fd78::2/128"], &[])), 2, "and comes back, and its peer goes");
            assert!(pings("a", overlay("b")[0]) && pings("a", overlay("b")[1]));
            assert_eq!(apply(map(&["10.78.0.2/32"], &[])), 1, "{make:?}: a prefix is nobody's");
            assert!(pings("a", overlay("b")[0]) && is_silent("a", overlay("b")[1]));
            assert_eq!(apply(map(&["10.78.0.2/32"], &[])), 0);
            assert_eq!((handshake(), a.show("peers")), (first, b.public.clone()), "{make:?}");
        }
    });
}

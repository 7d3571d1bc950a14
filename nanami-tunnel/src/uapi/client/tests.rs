//! The client against our own server, and against answers that are none.

use std::sync::{Arc, Mutex};

use nanami_model::{Generation, Neighbor};
use proptest::prelude::*;

use super::answer::Problem;
use super::*;
use crate::uapi::{Changes, Config, Device, InterfaceState, PeerConfig, Request, RequestReader, Server};

/// An interface that remembers what it was told, and each request.
#[derive(Default)]
struct InMemory(Mutex<(Config, Vec<Changes>)>);

impl Device for InMemory {
    fn interface(&self) -> InterfaceState {
        let private_key = self.0.lock().unwrap().0.private_key().cloned();
        InterfaceState { private_key, ..InterfaceState::default() }
    }

    fn peers(&self, after: Option<&PublicKey>, limit: usize) -> Vec<PeerState> {
        let config = &self.0.lock().unwrap().0;
        config.peers(after).take(limit).map(|(key, peer)| state(config, key, peer)).collect()
    }

    fn change(&self, changes: Changes) -> Result<(), Errno> {
        let (config, requests) = &mut *self.0.lock().unwrap();
        requests.push(changes.clone());
        config.apply(changes);
        Ok(())
    }
}

fn state(config: &Config, key: PublicKey, peer: &PeerConfig) -> PeerState {
    PeerState { keepalive: peer.keepalive, allowed_ips: config.allowed_ips(&key).collect(), ..PeerState::new(key) }
}

fn private(n: u8) -> PrivateKey {
    PrivateKey::from_bytes([n + 1; 32])
}

/// Neighbor n has the prefixes whose numbers are in the list, and a keepalive if it is odd.
fn map(neighbors: &[(u8, Vec<u8>)]) -> NetworkMap {
    let neighbor = |(n, ranges): &(u8, Vec<u8>)| {
        let ranges: Vec<nanami_model::Cidr> =
            ranges.iter().map(|r| format!("10.0.{r}.0/24").parse().unwrap()).collect();
        let neighbor = Neighbor::new(private(*n).public(), ranges);
        if n % 2 == 1 { neighbor.with_keepalive(std::time::Duration::from_secs(25)) } else { neighbor }
    };
    NetworkMap::default()
        .with_neighbors(neighbors.iter().map(neighbor))
        .with_generation(Default::default(), Generation::new(7))
}

fn held(map: &NetworkMap) -> Vec<Neighbor> {
    map.neighbors().to_vec()
}

#[tokio::test]
async fn a_map_is_applied_and_only_what_differs_is_said() {
    let (directory, device) = (tempfile::tempdir().unwrap(), Arc::new(InMemory::default()));
    let refused = Client::connect_in(directory.path(), "wg0").await.unwrap_err();
    assert_eq!(refused.code(), "uapi.not_served");
    let _serving = Server::bind_in(directory.path(), "wg0").unwrap().serve(device.clone()).unwrap();
    let client = Client::connect_in(directory.path(), "wg0").await.unwrap();
    let first = map(&[(1, vec![1, 2]), (2, vec![3])]);
    let applied = client.apply(&first, &private(9)).await.unwrap();
    assert_eq!((applied.generation(), applied.changed()), (Generation::new(7), 2));
    assert_eq!(applied.unenforced(), [Facet::Filter]);
    assert_eq!(held(&device.0.lock().unwrap().0.to_map(Generation::new(1))), held(&first));
    assert_eq!(client.apply(&first, &private(9)).await.unwrap().changed(), 0);
    assert_eq!(device.0.lock().unwrap().1.len(), 1, "nothing was said the second time");
    let second = map(&[(1, vec![1]), (3, vec![2, 4])]);
    assert_eq!(client.apply(&second, &private(9)).await.unwrap().changed(), 3);
    let links = client.links().await.unwrap();
    let shown = format!("{} at an unknown endpoint, no handshake yet, 0 bytes received, 0 sent", links[0].key);
    assert_eq!((links.len(), links[0].to_string()), (2, shown));
    let (config, requests) = &*device.0.lock().unwrap();
    assert_eq!(held(&config.to_map(Generation::new(1))), held(&second));
    assert!(requests.iter().all(|request| !request.peers.iter().any(|peer| peer.replace_allowed_ips)));
}

#[test]
fn an_answer_that_is_none_is_no_answer() {
    for bad in
        ["", "\n\n", "errno\n\n", "private_key=zz\nerrno=0\n\n", "listen_port=1\n\n", "public_key=00\nerrno=0\n\n"]
    {
        assert_eq!(answer::read(bad.as_bytes()).unwrap_err(), Problem::Malformed, "{bad:?}");
    }
    assert_eq!(answer::read(b"errno=-98\n\n").unwrap_err(), Problem::Refused(Errno::IN_USE));
    assert!(answer::read(b"of_another_day=1\nerrno=0\n\n").is_ok());
    assert!(answer::read(&[0xff, b'\n', b'\n']).is_err());
}

proptest! {
    #[test]
    fn any_answer_is_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = answer::read(&bytes);
    }

    /// From any state to any map; at no line of the request is a prefix that both give to a peer without an owner.
    #[test]
    fn any_map_follows_any_other_and_no_prefix_is_ever_without_an_owner(
        maps in prop::collection::vec(prop::collection::btree_map(0u8..4, prop::collection::btree_set(0u8..6, 0..4), 0..4), 2..4),
    ) {
        let mut config = Config::default();
        let mut before = NetworkMap::default();
        for drawn in maps {
            // A prefix has one owner: the first that drew it.
            let mut taken = std::collections::BTreeSet::new();
            let neighbors: Vec<_> = drawn.into_iter().map(|(n, ranges)| (n, ranges.into_iter().filter(|r| taken.insert(*r)).collect())).collect();
            let after = map(&neighbors);
            let interface = InterfaceState { private_key: config.private_key().cloned(), ..InterfaceState::default() };
            let peers: Vec<_> = config.peers(None).map(|(key, peer)| state(&config, key, peer)).collect();
            let difference = difference::between(&interface, &peers, &after, &private(9));
            let owned = |map: &NetworkMap| -> Vec<_> { map.neighbors().iter().flat_map(|n| n.allowed_ips().to_vec()).collect() };
            let both: Vec<_> = owned(&before).into_iter().filter(|range| owned(&after).contains(range)).collect();
            if let Some(request) = difference.request {
                let Some(Ok(Request::Set(changes))) = RequestReader::default().read(&mut &request[..]) else { panic!("no request") };
                // Line by line, as an implementation without a lock around all of it would.
                for peer in changes.peers.clone() {
                    let private_key = changes.private_key.clone();
                    let one = Changes { private_key, peers: vec![peer], ..Changes::default() };
                    config.apply(one);
                    for range in &both {
                        prop_assert!(config.peers(None).any(|(key, _)| config.allowed_ips(&key).any(|owned| owned == *range)), "{range}");
                    }
                }
                config.apply(changes);
            }
            prop_assert_eq!(held(&config.to_map(Generation::new(1))), held(&after));
            before = after;
        }
    }
}

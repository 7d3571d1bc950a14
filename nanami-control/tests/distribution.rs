//! What control sends to a peer over a real socket: differences to who holds the map before, whole maps to everybody else.
#![expect(clippy::unwrap_used, reason = "tests panic")]

mod common;

use std::net::SocketAddr;

use common::{Served, within};
use nanami_control::channel::{Channel, Event};
use nanami_model::{
    ChangeSet, GroupId, JoinSecret, JoinString, Network, NetworkId, NetworkMap, Peer, PeerId, Policy, PrivateKey,
    Service,
    message::{HeldMap, ToControl, ToPeer},
    name,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test]
async fn a_peer_that_holds_the_map_before_is_sent_the_difference_and_one_that_lost_it_the_whole_map() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(directory.path()).await;
    let api = found(&served).await;
    let join = served.join_key_for(api).await;

    let mut peer = RawPeer::dial(&join, 1).await;
    peer.say(&ToControl::Hello { join: Some(copy(join.secret())), held: None }).await;
    assert!(matches!(peer.hear().await, ToPeer::Welcome { .. }));
    let first = peer.map().await;
    assert_eq!(first.base(), None, "who holds nothing is sent everything");

    add_neighbor(&served, "db", 9).await;
    let delta = peer.map().await;
    assert_eq!(delta.base(), Some(first.generation()));
    let second = first.patched(&delta).unwrap();
    assert_eq!(second.neighbors().len(), first.neighbors().len() + 1);

    // A peer that has lost its map cannot use a difference: it asks, and is sent everything.
    peer.say(&ToControl::AskMap).await;
    assert_eq!(peer.map().await, second);

    // It comes back with the current map: nothing is sent until something changes, and then the difference.
    drop(peer);
    let mut peer = RawPeer::dial(&join, 1).await;
    peer.say(&ToControl::Hello { join: None, held: Some(HeldMap::of(&second)) }).await;
    assert!(matches!(peer.hear().await, ToPeer::Welcome { .. }));
    add_neighbor(&served, "cache", 10).await;
    let delta = peer.map().await;
    assert_eq!(delta.base(), Some(second.generation()));
    let third = second.patched(&delta).unwrap();

    // It comes back with an older map, or with another map under the same generation: everything.
    for held in [HeldMap::of(&first), HeldMap { content: second.content(), ..HeldMap::of(&third) }] {
        drop(peer);
        peer = RawPeer::dial(&join, 1).await;
        peer.say(&ToControl::Hello { join: None, held: Some(held) }).await;
        assert!(matches!(peer.hear().await, ToPeer::Welcome { .. }));
        assert_eq!(peer.map().await, third);
    }
    served.stop().await;
}

/// A group and a network in which everybody reaches everybody, and a pending peer.
async fn found(served: &Served) -> PeerId {
    let mut draft = served.acme.intent().draft();
    let group = draft.add(nanami_model::Group::new(name!("all")));
    let network = draft.add(Network::new(name!("prod"), group, ["10.42.0.0/16".parse().unwrap()]));
    draft.add(Policy::allow(name!("mesh"), group, group, Service::ANY));
    let api = draft.add(Peer::new(name!("api")).with_groups([group]).with_networks([network]));
    apply(served, draft.into_changes()).await;
    api
}

async fn add_neighbor(served: &Served, name: &str, key: u8) {
    let intent = served.acme.intent();
    let (group, network) = (intent.id::<GroupId>("all").unwrap(), intent.id::<NetworkId>("prod").unwrap());
    let mut draft = intent.draft();
    let peer = Peer::new(name.parse().unwrap()).with_groups([group]).with_networks([network]);
    draft.add(peer.with_key(PrivateKey::from_bytes([key; 32]).public()));
    apply(served, draft.into_changes()).await;
}

async fn apply(served: &Served, changes: ChangeSet) {
    within(async { served.acme.propose(changes).await.unwrap().apply().await.unwrap() }).await;
}

fn copy(secret: &JoinSecret) -> JoinSecret {
    secret.expose().parse().unwrap()
}

/// A peer that is only a channel: it keeps no map, and says what it is told to.
struct RawPeer {
    stream: TcpStream,
    channel: Channel,
}

impl RawPeer {
    async fn dial(join: &JoinString, key: u8) -> RawPeer {
        let at: SocketAddr = join.authority().parse().unwrap();
        let mut stream = within(TcpStream::connect(at)).await.unwrap();
        let head = format!(
            "GET /v1/channel/{} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: nanami/1\r\n\r\n",
            join.workspace()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut answer, mut byte) = (Vec::new(), [0]);
        while !answer.ends_with(b"\r\n\r\n") {
            within(stream.read_exact(&mut byte)).await.unwrap();
            answer.push(byte[0]);
        }
        let private = PrivateKey::from_bytes([key; 32]);
        // The channel is told apart from the one before by its own randomness.
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).unwrap();
        let channel = Channel::connect(&private, &join.control(), join.workspace(), seed).unwrap();
        let mut peer = RawPeer { stream, channel };
        assert!(matches!(peer.event().await, Event::Open { .. }));
        peer
    }

    async fn say(&mut self, message: &ToControl) {
        self.channel.send(&message.encode()).unwrap();
        self.flush().await;
    }

    async fn hear(&mut self) -> ToPeer {
        match self.event().await {
            Event::Message(bytes) => ToPeer::decode(&bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The next map; hints in between are passed over.
    async fn map(&mut self) -> NetworkMap {
        loop {
            match self.hear().await {
                ToPeer::Map(map) => return *map,
                ToPeer::Hints(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn flush(&mut self) {
        while let Some(bytes) = self.channel.poll_transmit() {
            within(self.stream.write_all(&bytes)).await.unwrap();
        }
    }

    async fn event(&mut self) -> Event {
        let mut buffer = [0; 4096];
        loop {
            self.flush().await;
            if let Some(event) = self.channel.poll_event() {
                return event;
            }
            let length = within(self.stream.read(&mut buffer)).await.unwrap();
            assert!(length > 0, "control hung up");
            self.channel.handle_bytes(&buffer[..length]).unwrap();
        }
    }
}

//! Joining over real loopback sockets: one key, one peer; one answer for every refusal; agents that outlive control.
#![expect(clippy::unwrap_used, reason = "tests panic")]

mod common;

use std::{net::SocketAddr, time::Duration};

use common::{Served, until, within};
use nanami_control::{
    ControlEvent,
    agent::{Agent, AgentOptions, ControlLink, JoinError},
    channel::{Channel, Event},
};
use nanami_model::{
    JoinKey, JoinKeyId, JoinSecret, JoinString, Name, PrivateKey, PublicKey, Report, Timestamp,
    message::{ToControl, ToPeer},
    name,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sec_04_of_64_that_race_for_a_one_off_key_exactly_one_joins() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(directory.path()).await;
    let join = served.join_key("raced").await.expose();
    let racers = (0..64).map(|i| {
        let (join, state) = (join.to_string(), directory.path().join(i.to_string()));
        tokio::spawn(async move {
            loop {
                // A machine that stalls lets time-outs pass; whoever got no answer asks again, as a program would.
                match Agent::join(&join.parse().unwrap(), AgentOptions::in_dir(state.clone())).await {
                    Err(error) if error.is_retryable() => continue,
                    answer => return answer,
                }
            }
        })
    });
    let mut joined = Vec::new();
    for racer in racers.collect::<Vec<_>>() {
        match within(racer).await.unwrap() {
            Ok(agent) => joined.push(agent),
            Err(error) => assert!(matches!(error, JoinError::Refused), "{error:?}"),
        }
    }
    assert_eq!(joined.len(), 1);
    let intent = served.acme.intent();
    let (winner, peer) = intent.peers().next().unwrap();
    assert_eq!((winner, peer.key(), intent.peers().len()), (joined[0].peer(), Some(joined[0].key().public()), 1));
    assert_eq!(intent.join_keys().next().unwrap().1.redeemed_by(), Some(winner));
    served.stop().await;
}

#[tokio::test]
async fn sec_03_every_refusal_is_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(directory.path()).await;
    let (at, control) = (address(&served.join_key("any").await), served.control.key());
    let used = served.join_key("used").await;
    let first = knock(at, name!("acme"), control, 1, Some(copy(used.secret()))).await;
    assert!(matches!(ToPeer::decode(&first.0).unwrap(), ToPeer::Welcome { .. }));
    let expired = JoinKey::one_off(name!("expired")).with_expiry(Timestamp::from_millis(1));
    let expired = served.acme.create_join_key(expired).await.unwrap();
    let revoked = served.join_key("revoked").await;
    served.acme.revoke_join_key(revoked.secret().id()).await.unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let foreign = Served::start(elsewhere.path()).await;
    let foreign_key = foreign.join_key("foreign").await;
    let intact = served.join_key("intact").await;
    let revision = served.acme.intent().revision();

    let mut answers = Vec::new();
    for (case, workspace, secret) in [
        ("used", "acme", Some(copy(used.secret()))),
        ("expired", "acme", Some(copy(expired.secret()))),
        ("revoked", "acme", Some(copy(revoked.secret()))),
        ("foreign", "acme", Some(copy(foreign_key.secret()))),
        ("unknown", "acme", Some(JoinSecret::new(JoinKeyId::from_bytes([7; 10]), [7; 20]))),
        ("wrong secret", "acme", Some(JoinSecret::new(intact.secret().id(), [7; 20]))),
        ("no such workspace", "nowhere", Some(copy(intact.secret()))),
        ("stranger without a key", "acme", None),
    ] {
        answers.push((case, knock(at, workspace.parse().unwrap(), control, 2, secret).await));
    }
    for (case, answer) in &answers {
        assert_eq!(*answer, answers[0].1, "{case}");
        assert_eq!(ToPeer::decode(&answer.0).unwrap(), ToPeer::Refused, "{case}");
    }
    assert_eq!(served.acme.intent().revision(), revision, "nothing was consumed");
    let past = served.acme.intent_at(nanami_model::Revision::new(1)).await.unwrap();
    assert_eq!((past.revision().value(), past.join_keys().len(), past.peers().len()), (1, 1, 0));
    assert_eq!(served.acme.intent_at(nanami_model::Revision::ZERO).await.unwrap().join_keys().len(), 0);
    let good = knock(at, name!("acme"), control, 2, Some(copy(intact.secret()))).await;
    assert!(matches!(ToPeer::decode(&good.0).unwrap(), ToPeer::Welcome { .. }));
    served.stop().await;
    foreign.stop().await;
}

#[tokio::test]
async fn sec_14_a_join_key_is_its_workspaces_alone() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(directory.path()).await;
    let owner = nanami_model::User::new(name!("somebody"));
    let other = served.control.open_workspace(name!("other"), owner).await.unwrap();
    let foreign = other.create_join_key(JoinKey::one_off(name!("laptop"))).await.unwrap();
    let (at, control) = (address(&foreign), served.control.key());
    let crossed = knock(at, name!("acme"), control, 1, Some(copy(foreign.secret()))).await;
    assert_eq!(ToPeer::decode(&crossed.0).unwrap(), ToPeer::Refused);
    assert_eq!((served.acme.intent().peers().len(), other.intent().peers().len()), (0, 0));
    let at_home = knock(at, name!("other"), control, 1, Some(copy(foreign.secret()))).await;
    assert!(matches!(ToPeer::decode(&at_home.0).unwrap(), ToPeer::Welcome { .. }));
    let crossed = knock(at, name!("acme"), control, 1, None).await;
    assert_eq!(ToPeer::decode(&crossed.0).unwrap(), ToPeer::Refused, "a peer there is a stranger here");
    // Who owns one is nobody in the other, and an owner's name alone opens nothing.
    let stranger = nanami_model::User::new(name!("netops"));
    assert_eq!(served.control.open_workspace(name!("other"), stranger).await.unwrap_err().code(), "workspace.unknown");
    let actor = served.acme.intent().owner();
    assert_eq!(served.control.workspace("other", actor).await.unwrap_err().code(), "workspace.unknown");
    served.stop().await;
}

#[tokio::test]
async fn an_agent_takes_its_map_reports_it_and_starts_again_while_control_is_away() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(directory.path()).await;
    let mut events = served.acme.events();
    let join = served.join_key("laptop").await;
    let options = || AgentOptions::in_dir(directory.path().join("laptop"));
    let agent = within(Agent::join(&join, options())).await.unwrap();
    let map = until(&agent, |view| view.map.is_some()).await.map.unwrap();
    agent.report(Report { epoch: map.epoch(), generation: map.generation(), ..Report::default() });
    let applied = ControlEvent::Applied { peer: agent.peer(), generation: map.generation() };
    within(async { while events.next().await.unwrap() != applied {} }).await;
    let seen = served.acme.snapshot().observed().last(agent.peer()).unwrap().report.generation;
    assert_eq!(seen, map.generation());
    let (peer, key) = (agent.peer(), agent.key().public());
    agent.stop().await;
    let port = address(&join);
    served.stop().await;

    // Control is gone, and so is the process: what is on disk is enough (SECURITY.md E1).
    let again = within(Agent::join(&join, options())).await.unwrap();
    assert_eq!((again.peer(), again.key().public()), (peer, key));
    let view = until(&again, |view| matches!(view.control, ControlLink::Lost { .. })).await;
    assert_eq!(*view.map.unwrap(), *map);

    // Control comes back from its store on the same port: same generations, and the agent is attached by itself.
    let served = Served::on(directory.path(), rebind(port).await).await;
    until(&again, |view| matches!(view.control, ControlLink::Attached { .. })).await;
    assert_eq!(again.watch().borrow().map.as_deref(), Some(&*map));
    assert_eq!(again.watch().borrow().refused, None);
    again.stop().await;
    served.stop().await;
}

#[tokio::test]
async fn sec_10_another_control_key_is_wrong_control_and_consumes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(directory.path()).await;
    let good = served.join_key("laptop").await;
    let other = PrivateKey::from_bytes([9; 32]).public();
    let wrong = JoinString::new(good.authority(), name!("acme"), other, copy(good.secret())).unwrap();
    let options = || AgentOptions::in_dir(directory.path().join("laptop"));
    let refused = within(Agent::join(&wrong, options())).await.unwrap_err();
    assert!(matches!(refused, JoinError::WrongControl { .. }), "{refused:?}");
    let agent = within(Agent::join(&good, options())).await.unwrap();
    assert_eq!(served.acme.intent().get(agent.peer()).unwrap().key(), Some(agent.key().public()));
    served.stop().await;
}

#[tokio::test]
async fn nobody_listens_is_unreachable_and_worth_a_retry() {
    let directory = tempfile::tempdir().unwrap();
    let secret = JoinSecret::new(JoinKeyId::from_bytes([7; 10]), [7; 20]);
    // Bound without listening: nobody else is given the port.
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let authority = silent.local_addr().unwrap().to_string();
    let join = JoinString::new(&authority, name!("acme"), PrivateKey::from_bytes([9; 32]).public(), secret).unwrap();
    let error = within(Agent::join(&join, AgentOptions::in_dir(directory.path()))).await.unwrap_err();
    assert!(matches!(error, JoinError::Unreachable { .. }) && error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn who_says_nothing_is_hung_up_on() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(directory.path()).await;
    let at = address(&served.join_key("any").await);
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(&upgrade(&name!("acme"))).await.unwrap();
    let mut all = Vec::new();
    within(stream.read_to_end(&mut all)).await.unwrap();
    assert!(all.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&all));
    let head = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    assert_eq!(all.len(), head + 4, "not a byte to who proves nothing");
    served.stop().await;
}

#[tokio::test]
async fn stop_ends_sessions_and_another_workspace_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(directory.path()).await;
    let agent = within(Agent::join(&served.join_key("laptop").await, AgentOptions::in_dir(directory.path().join("a"))))
        .await
        .unwrap();
    until(&agent, |view| matches!(view.control, ControlLink::Attached { .. })).await;
    let unknown = served.control.workspace("other", nanami_model::Actor::Control).await.unwrap_err();
    assert_eq!(unknown.code(), "workspace.unknown");
    within(served.stop()).await;
    until(&agent, |view| matches!(view.control, ControlLink::Lost { .. })).await;
}

/// Says hello on a fresh channel, and returns the first message and how many bytes came in all until the end or a pause.
async fn knock(
    at: SocketAddr,
    workspace: Name,
    control: PublicKey,
    key: u8,
    join: Option<JoinSecret>,
) -> (Vec<u8>, usize) {
    within(async {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(&upgrade(&workspace)).await.unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).await.unwrap();
            head.push(byte[0]);
        }
        let mut channel =
            Channel::connect(&PrivateKey::from_bytes([key; 32]), &control, &workspace, [key; 32]).unwrap();
        let (mut buffer, mut total, mut message) = ([0; 4096], head.len(), None);
        let mut join = join;
        loop {
            if let Some(bytes) = channel.poll_transmit() {
                stream.write_all(&bytes).await.unwrap();
            }
            match channel.poll_event() {
                Some(Event::Open { .. }) => {
                    channel.send(&ToControl::Hello { join: join.take(), held: None }.encode()).unwrap();
                }
                Some(Event::Message(bytes)) if ToPeer::decode(&bytes).unwrap() != ToPeer::Refused => return (bytes, 0),
                Some(Event::Message(bytes)) => message = Some(bytes),
                None => {
                    let length = stream.read(&mut buffer).await.unwrap();
                    total += length;
                    if length == 0 {
                        return (message.unwrap(), total);
                    }
                    channel.handle_bytes(&buffer[..length]).unwrap();
                }
            }
        }
    })
    .await
}

fn upgrade(workspace: &Name) -> Vec<u8> {
    format!("GET /v1/channel/{workspace} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: nanami/1\r\n\r\n")
        .into_bytes()
}

fn address(join: &JoinString) -> SocketAddr {
    join.authority().parse().unwrap()
}

fn copy(secret: &JoinSecret) -> JoinSecret {
    secret.expose().parse().unwrap()
}

/// The port of a listener that is gone; its last connections may still linger.
async fn rebind(at: SocketAddr) -> TcpListener {
    within(async {
        loop {
            match TcpListener::bind(at).await {
                Ok(listener) => return listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    })
    .await
}

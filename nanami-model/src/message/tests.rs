use super::*;
use crate::report::{Attempt, LinkReport, TakenOver, Usage};
use crate::{Digest, Epoch, Generation, JoinKeyId, PolicyId, PrivateKey, Service, name};

fn key(n: u8) -> PublicKey {
    PrivateKey::from_bytes([n; 32]).public()
}

fn report() -> Report {
    let link = LinkReport {
        key: key(1),
        endpoint: Some("127.0.0.1:51820".parse().unwrap()),
        handshake_age: Some(Duration::from_millis(1500)),
        handshakes: 3,
        rtt: Some(Duration::from_micros(180)),
        probes: 20,
        answered: 19,
        received_bytes: 1,
        sent_bytes: 2,
    };
    let silent = LinkReport { endpoint: None, handshake_age: None, rtt: None, key: key(2), ..link.clone() };
    let peer = Some(PeerId::from_bytes([3; 10]));
    Report {
        epoch: Epoch::new(1),
        generation: Generation::new(39),
        digests: vec![Digest::from_bytes([1; 32]); 6],
        endpoints: vec!["[::1]:51820".parse().unwrap()],
        links: vec![link, silent],
        taken_over: vec![TakenOver { prefix: "10.60.0.0/16".parse().unwrap(), by: key(2) }],
        usage: vec![Usage {
            policy: PolicyId::from_bytes([4; 10]),
            from: peer,
            open: 1,
            opened: 2,
            last_use_age: Duration::from_secs(38),
        }],
        attempts: vec![Attempt {
            from: None,
            to: "10.42.0.5".parse().unwrap(),
            service: Service::tcp(22),
            count: 14,
            last_age: Duration::from_secs(38),
        }],
        attempts_overflow: 7,
        dropped: vec![("unknown_key".to_owned(), 3)],
        ..Report::default()
    }
}

fn to_peer() -> Vec<ToPeer> {
    let (peer, name) = (PeerId::from_bytes([1; 10]), name!("ci-runner"));
    let hint = Hint { key: key(1), endpoints: vec!["127.0.0.1:1".parse().unwrap(), "[fd00::1]:2".parse().unwrap()] };
    vec![
        ToPeer::Welcome { peer, name, report_every: Duration::from_secs(10) },
        ToPeer::Map(Box::new(NetworkMap::new(["10.42.0.1".parse().unwrap()]))),
        ToPeer::Hints(vec![hint]),
        ToPeer::Refused,
    ]
}

#[test]
fn every_message_round_trips() {
    for message in to_peer() {
        assert_eq!(ToPeer::decode(&message.encode()), Ok(message));
    }
    assert_eq!(Report::decode(&report().encode()), Ok(report()));
    let secret = JoinSecret::new(JoinKeyId::from_bytes([5; 10]), [6; 20]);
    let hash = secret.hash();
    let bytes = ToControl::Hello { join: Some(secret), held: None }.encode();
    assert!(
        matches!(ToControl::decode(&bytes), Ok(ToControl::Hello { join: Some(s), held: None }) if s.hash() == hash)
    );
    let held = HeldMap::of(&NetworkMap::new([]).with_generation(Epoch::new(3), Generation::new(1 << 40)));
    let bytes = ToControl::Hello { join: None, held: Some(held) }.encode();
    assert!(matches!(ToControl::decode(&bytes), Ok(ToControl::Hello { join: None, held: Some(h) }) if h == held));
    assert!(matches!(ToControl::decode(&ToControl::AskMap.encode()), Ok(ToControl::AskMap)));
    let bytes = ToControl::Report(Box::new(report())).encode();
    assert!(matches!(ToControl::decode(&bytes), Ok(ToControl::Report(r)) if *r == report()));
}

#[test]
fn cut_and_changed_bytes_never_panic() {
    let all = to_peer()
        .iter()
        .map(ToPeer::encode)
        .chain([ToControl::Report(Box::new(report())).encode()])
        .collect::<Vec<_>>();
    for bytes in all {
        for at in 0..bytes.len() {
            let _may_fail = (ToPeer::decode(&bytes[..at]), ToControl::decode(&bytes[..at]));
            let mut changed = bytes.clone();
            changed[at] = changed[at].wrapping_add(1);
            let _may_fail = (ToPeer::decode(&changed), ToControl::decode(&changed));
        }
    }
}

#[test]
fn lists_of_a_report_are_bounded() {
    let attempts = vec![report().attempts[0]; Report::MAX_ATTEMPTS + 1];
    let long = Report { attempts, ..report() };
    assert_eq!(Report::decode(&long.encode()).unwrap_err().code(), "message.malformed");
}

#[test]
fn a_message_that_is_too_long_is_refused_by_its_length() {
    let error = ToPeer::decode(&vec![1; MAX_BYTES + 1]).unwrap_err();
    assert_eq!(error.code(), "message.too_large");
}

/// A later release may say more: who does not know a field skips it, at the end of a message and inside of it.
#[test]
fn fields_of_a_later_release_are_skipped() {
    const LATER: [u8; 6] = [250, 0, 0, 0, 1, 7];
    let longer = |bytes: Vec<u8>| {
        let (head, value) = bytes.split_at(6);
        let length = u32::from_be_bytes(head[2..].try_into().unwrap()) as usize;
        assert_eq!(value.len(), length, "one field, after the version");
        let head = [&head[..2], &(length as u32 + 6).to_be_bytes()].concat();
        [&head, value, &LATER, &LATER].concat()
    };
    let welcome = to_peer().swap_remove(0);
    assert_eq!(ToPeer::decode(&longer(welcome.encode())), Ok(welcome));
    let held = HeldMap::of(&NetworkMap::new([]));
    let hello = longer(ToControl::Hello { join: None, held: Some(held) }.encode());
    assert!(matches!(ToControl::decode(&hello), Ok(ToControl::Hello { join: None, held: Some(h) }) if h == held));
    let sent = longer(ToControl::Report(Box::new(report())).encode());
    assert!(matches!(ToControl::decode(&sent), Ok(ToControl::Report(r)) if *r == report()));
}

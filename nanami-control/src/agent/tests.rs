//! Tests of the core: no socket, no clock.

use std::time::Duration;

use nanami_model::{
    Epoch, Generation, NetworkMap, Observed, PeerId, Report, Timestamp,
    message::{HeldMap, ToControl, ToPeer},
    name,
};

use super::core::{Core, Lost, Output, RefusedMap};

#[test]
fn it_dials_says_hello_and_attaches() {
    let mut core = Core::new(None, 7);
    assert!(matches!(core.poll_output(), Output::Dial));
    core.handle_open(at(1));
    assert!(matches!(core.poll_output(), Output::Send(ToControl::Hello { join: None, held: None })));
    core.handle_message(at(2), welcome());
    assert!(matches!(core.poll_output(), Output::Attached(peer) if peer == PeerId::from_bytes([1; 10])));
    assert!(matches!(core.poll_output(), Output::Wait(until) if until == at(2).after(Observed::LEASE)));
}

#[test]
fn sec_30_older_forked_and_partial_maps_are_refused_and_newer_ones_taken_once() {
    let mut core = attached(Some(map(2, 5, "10.42.0.1")));
    for (offered, refused) in [
        (map(2, 4, "10.42.0.1"), RefusedMap::Older),
        (map(1, 9, "10.42.0.1"), RefusedMap::Older),
        (map(2, 5, "10.42.0.2"), RefusedMap::Forked),
    ] {
        core.handle_message(at(9), ToPeer::Map(Box::new(offered)));
        assert!(matches!(core.poll_output(), Output::RefusedMap(why) if why == refused), "{refused:?}");
    }
    core.handle_message(at(9), ToPeer::Map(Box::new(map(2, 5, "10.42.0.1"))));
    assert!(matches!(core.poll_output(), Output::Wait(_)), "the held map again is nothing new");
    for newer in [map(2, 6, "10.42.0.3"), map(3, 1, "10.42.0.4")] {
        core.handle_message(at(9), ToPeer::Map(Box::new(newer.clone())));
        assert!(matches!(core.poll_output(), Output::Map(taken) if *taken == newer));
    }
}

#[test]
fn a_difference_counts_on_its_base_alone_and_else_the_whole_map_is_asked_for() {
    let (old, new, newest) = (map(2, 5, "10.42.0.1"), map(2, 6, "10.42.0.2"), map(2, 7, "10.42.0.3"));
    let mut core = attached(Some(old.clone()));
    core.handle_message(at(9), ToPeer::Map(Box::new(old.delta_to(&new))));
    assert!(matches!(core.poll_output(), Output::Map(taken) if *taken == new));
    for foreign in [old.delta_to(&newest), map(2, 6, "10.42.0.9").delta_to(&newest)] {
        core.handle_message(at(9), ToPeer::Map(Box::new(foreign)));
        assert!(matches!(core.poll_output(), Output::RefusedMap(RefusedMap::Partial)));
        assert!(matches!(core.poll_output(), Output::Send(ToControl::AskMap)));
        assert!(matches!(core.poll_output(), Output::Wait(_)));
    }
    core.handle_message(at(9), ToPeer::Map(Box::new(newest.clone())));
    assert!(matches!(core.poll_output(), Output::Map(taken) if *taken == newest));
    let mut fresh = attached(None);
    fresh.handle_message(at(9), ToPeer::Map(Box::new(old.delta_to(&new))));
    assert!(matches!(fresh.poll_output(), Output::RefusedMap(RefusedMap::Partial)));
    assert!(matches!(fresh.poll_output(), Output::Send(ToControl::AskMap)));
}

#[test]
fn a_hello_says_what_is_held() {
    let held = map(2, 5, "10.42.0.1");
    let mut core = Core::new(Some(held.clone()), 7);
    assert!(matches!(core.poll_output(), Output::Dial));
    core.handle_open(at(1));
    let Output::Send(ToControl::Hello { held: Some(said), .. }) = core.poll_output() else { panic!("no hello") };
    assert_eq!(said, HeldMap::of(&held));
}

#[test]
fn attempts_go_on_for_ever_slower_and_slower_and_spread() {
    let (mut core, mut now) = (Core::new(None, 7), at(0));
    assert!(matches!(core.poll_output(), Output::Dial));
    let mut waits = Vec::new();
    for _ in 0..500 {
        core.handle_closed(now);
        assert!(matches!(core.poll_output(), Output::Lost(Lost::Connection)));
        let Output::Wait(until) = core.poll_output() else { panic!("it waits before it dials") };
        waits.push(until.since(now));
        core.handle_timeout(until);
        assert!(matches!(core.poll_output(), Output::Dial));
        now = until;
    }
    assert!(waits[0] <= Duration::from_millis(126) && waits[499] <= Duration::from_millis(6300), "{waits:?}");
    assert!(waits[499] >= Duration::from_millis(3750));
    let distinct = waits[100..].iter().collect::<std::collections::BTreeSet<_>>();
    assert!(distinct.len() > 20, "agents that fail together do not come back together");
}

#[test]
fn silence_for_a_lease_ends_the_connection() {
    let mut core = attached(None);
    core.handle_message(at(50_000), ToPeer::Hints(Vec::new()));
    assert!(matches!(core.poll_output(), Output::Hints(_)));
    core.handle_timeout(at(100_000));
    assert!(matches!(core.poll_output(), Output::Wait(_)), "it was heard 50 s ago");
    core.handle_timeout(at(140_000));
    assert!(matches!(core.poll_output(), Output::Hangup));
    core.handle_closed(at(140_000));
    assert!(matches!(core.poll_output(), Output::Lost(Lost::Silence)));
}

#[test]
fn who_is_refused_waits_long_and_tries_again() {
    let mut core = Core::new(None, 7);
    assert!(matches!(core.poll_output(), Output::Dial));
    core.handle_open(at(0));
    assert!(matches!(core.poll_output(), Output::Send(_)));
    core.handle_message(at(0), ToPeer::Refused);
    assert!(matches!(core.poll_output(), Output::Hangup));
    core.handle_closed(at(0));
    assert!(matches!(core.poll_output(), Output::Lost(Lost::Refused)));
    assert!(matches!(core.poll_output(), Output::Wait(until) if until >= at(3750)));
}

#[test]
fn a_burst_of_reports_becomes_one_and_the_latest_wins() {
    let mut core = attached(None);
    core.handle_report(at(1000), report(1));
    assert_eq!(sent(&mut core), Some(1));
    for generation in 2..50 {
        core.handle_report(at(1001), report(generation));
    }
    assert_eq!(sent(&mut core), None);
    let Output::Wait(until) = core.poll_output() else { panic!("nothing else is due") };
    assert_eq!(until, at(1200));
    core.handle_timeout(until);
    assert_eq!(sent(&mut core), Some(49));
    core.handle_timeout(at(50_000));
    assert_eq!(sent(&mut core), None, "an old report is never sent as if it were news");
}

#[test]
fn a_report_from_before_the_attachment_is_sent_with_it() {
    let mut core = Core::new(None, 7);
    assert!(matches!(core.poll_output(), Output::Dial));
    core.handle_report(at(0), report(3));
    core.handle_open(at(1));
    assert!(matches!(core.poll_output(), Output::Send(ToControl::Hello { .. })));
    core.handle_message(at(2), welcome());
    assert!(matches!(core.poll_output(), Output::Attached(_)));
    assert_eq!(sent(&mut core), Some(3));
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn welcome() -> ToPeer {
    ToPeer::Welcome { peer: PeerId::from_bytes([1; 10]), name: name!("api"), report_every: Duration::from_secs(15) }
}

fn attached(held: Option<NetworkMap>) -> Core {
    let mut core = Core::new(held, 7);
    core.handle_open(at(0));
    core.handle_message(at(0), welcome());
    while !matches!(core.poll_output(), Output::Wait(_)) {}
    core
}

fn map(epoch: u32, generation: u64, address: &str) -> NetworkMap {
    NetworkMap::new([address.parse().unwrap()]).with_generation(Epoch::new(epoch), Generation::new(generation))
}

fn report(generation: u64) -> Report {
    Report { generation: Generation::new(generation), ..Report::default() }
}

fn sent(core: &mut Core) -> Option<u64> {
    let mut sent = None;
    loop {
        match core.poll_output() {
            Output::Send(ToControl::Report(report)) => sent = Some(report.generation.value()),
            Output::Wait(_) => return sent,
            other => panic!("{other:?}"),
        }
    }
}

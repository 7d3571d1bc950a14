//! Reach before and after any edits is what the reference says, asked from either end and for a person.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/edits.rs"]
mod edits;
#[path = "common/reference.rs"]
mod reference;

use std::collections::BTreeSet;

use common::world;
use edits::{edited, edits};
use nanami_model::{Destination, Intent, Observed, PeerId, Protocol, Role, Timestamp, User, name};
use nanami_plan::{Desired, Selection, Who, compile};
use proptest::prelude::*;

const PROBES: [(Protocol, u16); 5] =
    [(Protocol::Tcp, 1), (Protocol::Tcp, 443), (Protocol::Udp, 53), (Protocol::Udp, 65535), (Protocol::Icmp, 0)];

/// Every pair with the probes that pass, as the reference has it: whoever needs a gateway and has none reaches nothing.
fn wanted(desired: &Desired) -> BTreeSet<(PeerId, PeerId, Protocol, u16)> {
    let intent = desired.intent();
    let mut all = BTreeSet::new();
    for (from, source) in intent.peers() {
        for (to, target) in intent.peers().filter(|(to, _)| !desired.way(from, Destination::Peer(*to)).is_nowhere()) {
            for (protocol, port) in PROBES {
                let mut pairs =
                    source.addresses().iter().flat_map(|a| target.addresses().iter().map(move |b| (*a, *b)));
                if pairs.any(|(a, b)| reference::allows(intent, from, a, b, protocol, port)) {
                    all.insert((from, to, protocol, port));
                }
            }
        }
    }
    all
}

fn said(desired: &Desired, who: &Who) -> BTreeSet<(PeerId, PeerId, Protocol, u16)> {
    let reach = desired.beside(Observed::none(), Timestamp::from_millis(0)).reach(who);
    let mut all = BTreeSet::new();
    for (passage, _) in reach.passages() {
        let Destination::Peer(to) = passage.to else { continue };
        let covered = PROBES.into_iter().filter(|(protocol, port)| passage.services.covers(*protocol, *port));
        all.extend(covered.map(|(protocol, port)| (passage.from, to, protocol, port)));
    }
    all
}

/// Asks every question of one state.
fn agrees(desired: &Desired) -> Result<(), TestCaseError> {
    let intent: &Intent = desired.intent();
    let wanted = wanted(desired);
    for (peer, _) in intent.peers() {
        let from: BTreeSet<_> = wanted.iter().filter(|(from, ..)| *from == peer).copied().collect();
        prop_assert_eq!(said(desired, &Who::From(peer)), from, "from {}", intent.label(peer));
        let to: BTreeSet<_> = wanted.iter().filter(|(_, to, ..)| *to == peer).copied().collect();
        prop_assert_eq!(said(desired, &Who::To(peer.into())), to, "to {}", intent.label(peer));
    }
    for (user, person) in intent.users() {
        let groups: Vec<_> = person.roles().map(|(group, _)| group).collect();
        let theirs = |peer: PeerId| groups.iter().any(|group| intent.is_member(peer, (*group).into()));
        let own: BTreeSet<_> = wanted.iter().filter(|(from, ..)| theirs(*from)).copied().collect();
        prop_assert_eq!(said(desired, &Who::User(user)), own, "for {}", intent.label(user));
    }
    Ok(())
}

/// The same with a person who has a role on two of the groups.
fn with_a_person(intent: &Intent) -> Intent {
    let mut draft = intent.draft();
    let user = draft.add(User::new(name!("somebody")));
    intent.groups().take(2).for_each(|(group, _)| draft.grant(user, Role::Member, group));
    intent.apply(intent.owner(), &draft.into_changes()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn reach_is_what_the_reference_says_before_and_after_any_edits(world in world(), edits in edits()) {
        let before = with_a_person(&world.intent());
        let desired = compile(&before, &Selection::default());
        agrees(&desired)?;
        let after = edits.into_iter().enumerate().fold(before, |intent, (n, edit)| edited(&intent, n, edit));
        // As a plan asks, derived from the state before; and anew.
        agrees(desired.what_if(&after).desired())?;
        agrees(&compile(&after, &Selection::default()))?;
    }
}

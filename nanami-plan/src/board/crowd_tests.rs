//! Boards whose cards stand for many peers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use nanami_model::{GroupId, Policy, Service, name};

use super::tests::{acme, cards_stand_apart, crowded, large, lines_pass_no_node};
use super::*;
use crate::{Selection, compile};

fn desired(intent: &Intent) -> Desired {
    compile(intent, &Selection::default())
}

/// `peers` in groups of 50, five groups to a network, each group reaching the next; a gateway to each thousand of them.
fn fleet(peers: usize) -> Intent {
    let mut text = String::from("[workspace]\nname = \"fleet\"\n[users]\nno = { role = \"owner\" }\n[groups]\n");
    let (groups, networks) = (peers / 50, peers / 250);
    (0..groups).for_each(|g| writeln!(text, "team-{g} = {{}}").unwrap());
    for n in 0..networks {
        writeln!(text, "[networks.net-{n}]\nowner = \"team-{n}\"\npools = [\"10.{n}.0.0/16\"]").unwrap();
    }
    text += "[gateways]\n";
    (0..peers / 1000)
        .for_each(|g| writeln!(text, "gw-{g} = {{ region = \"r-{}\", networks = [\"net-0\"] }}", g % 4).unwrap());
    text += "[peers]\n";
    for p in 0..peers {
        writeln!(text, "p-{p} = {{ networks = [\"net-{}\"], groups = [\"team-{}\"] }}", p / 250, p / 50).unwrap();
    }
    text += "[policies]\n";
    for g in 0..groups {
        writeln!(
            text,
            "next-{g} = {{ from = \"team-{g}\", to = \"team-{}\", allow = [\"tcp/443\"] }}",
            (g + 1) % groups
        )
        .unwrap();
    }
    Intent::from_toml(&text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Who is linked to whom by which way, with how many links in each state.
fn linked(board: &Board) -> BTreeMap<(End, End, end::Stops), Vec<(usize, State)>> {
    let strands = board.strands();
    assert_eq!(strands.left_out, (0, 0));
    let states = |strand: &strand::Strand<'_>| strand.states().collect();
    strands.drawn.iter().map(|strand| ((strand.from, strand.to, strand.via.clone()), states(strand))).collect()
}

/// acme with flows that go by gateways between peers, and one that has no way.
fn by_gateways() -> Intent {
    let acme = acme();
    let [ci, db, edge] = ["ci-runner", "db-cluster", "edge-router"].map(|n| acme.id::<PeerId>(n).unwrap());
    let [east, west, south] = ["us-east", "eu-west", "ap-south"].map(|n| acme.id::<GatewayId>(n).unwrap());
    let mut draft = acme.draft();
    draft.add(Policy::allow(name!("ci-reads"), ci, db, Service::tcp(5432)).with_via([east, west]));
    draft.add(Policy::allow(name!("edge-reads"), edge, db, Service::tcp(5432)).with_via([south]));
    draft.update(south, |gateway| gateway.disabled());
    acme.apply(acme.owner(), &draft.into_changes()).unwrap()
}

/// The same with a plain device, which goes by its gateway alone, and by two to what another one serves.
fn by_two() -> Intent {
    let acme = by_gateways();
    let (ci, west) = (acme.id::<PeerId>("ci-runner").unwrap(), acme.id::<GatewayId>("eu-west").unwrap());
    let prod = acme.id::<nanami_model::NetworkId>("prod").unwrap();
    let key = nanami_model::PrivateKey::from_bytes([9; 32]).public();
    let mut draft = acme.draft();
    draft.update(ci, |peer| {
        peer.with_mode(nanami_model::Mode::Limited { gateway: west }).with_networks([prod]).with_key(key)
    });
    acme.apply(acme.owner(), &draft.into_changes()).unwrap()
}

#[test]
fn what_is_counted_is_what_would_be_listed() {
    let documents = [(by_gateways(), 5), (by_two(), 5), (large(), 60), (crowded().objects.intent().clone(), 100)];
    for (intent, least) in documents {
        let desired = desired(&intent);
        for cards in [Cards::Groups, Cards::Networks] {
            let detail = Detail::default().by(cards);
            let posture = |state| Posture { state, desired: None, applied: None, age: None };
            let dress = |board: Board| {
                let states = intent.peers().map(|(id, _)| id).zip(State::ALL.into_iter().cycle());
                states.fold(board, |board, (id, state)| board.with_posture(id, posture(state)))
            };
            let counted = dress(Board::in_detail(&desired, detail.clone()));
            assert!(counted.crowd.is_some() && counted.links.is_empty());
            // The same links one by one, each as good as the least on its way, with the same cards.
            let listed = dress(Board::of(&desired)).with_detail(detail).beside(nanami_model::Observed::none(), LATER);
            assert!(listed.shown_links().count() >= least);
            assert_eq!(linked(&counted), linked(&listed));
        }
    }
}

const LATER: Timestamp = Timestamp::from_millis(1);

#[test]
fn what_has_no_way_is_no_link() {
    let intent = by_gateways();
    let [edge, db] = ["edge-router", "db-cluster"].map(|n| intent.id::<PeerId>(n).unwrap());
    let desired = desired(&intent);
    assert!(desired.way(edge, db.into()).is_nowhere());
    assert!(!Board::of(&desired).links.contains_key(&(edge, db.into())));
}

#[test]
fn ten_thousand_peers_are_a_picture_of_less_than_a_megabyte() {
    let intent = fleet(10_000);
    let board = Board::of(&desired(&intent));
    let picture = board.to_svg();
    assert!(picture.len() < 1_000_000, "{} bytes", picture.len());
    assert!(picture.contains("10010 peers, 10 gateways, 40 networks, 0 routes, 500000 links"));
    assert!(picture.contains("<title>group team-7 in net-1, 50 peers: 50 planned</title>"));
    assert!(
        picture
            .contains("<title>group team-7 in net-1 to group team-8 in net-1, 2500 links direct: 2500 planned</title>")
    );
    assert_eq!(cards_stand_apart(&board), 200 + 10);
    assert!(lines_pass_no_node(&board) >= 200);
    let page = board.to_html();
    assert!(page.contains("=hub.net-1.team-7\np-350 10.1.0."), "who is behind a card is in the page");
}

#[test]
fn a_group_that_is_opened_shows_its_peers() {
    let intent = fleet(1_000);
    let team = intent.id::<GroupId>("team-3").unwrap();
    let board = Board::in_detail(&desired(&intent), Detail::default().opening(team));
    assert_eq!(cards_stand_apart(&board), 19 + 50 + 1);
    lines_pass_no_node(&board);
    let picture = board.to_svg();
    assert!(picture.contains(">p-150</text>") && picture.contains("group <tspan>team-3</tspan>"));
    assert!(picture.contains("<title>group team-2 in net-0 to p-150, 50 links direct: 50 planned</title>"));
}

#[test]
fn by_network_there_is_a_card_for_each() {
    let board = Board::in_detail(&desired(&fleet(1_000)), Detail::default().by(Cards::Networks));
    assert_eq!(cards_stand_apart(&board), 4 + 1);
    assert!(board.to_svg().contains("<title>network net-0 to network net-1, 2500 links direct: 2500 planned</title>"));
}

#[test]
fn one_policy_more_changes_its_own_elements_and_counts_where_cards_stand_for_many() {
    let before = fleet(1_000);
    let [from, to] = ["team-1", "team-9"].map(|n| before.id::<GroupId>(n).unwrap());
    let mut draft = before.draft();
    draft.add(Policy::allow(name!("new"), from, to, Service::tcp(7777)));
    let after = before.apply(before.owner(), &draft.into_changes()).unwrap();
    let lines = |i: &Intent| Board::of(&desired(i)).to_svg().lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (before, after) = (lines(&before), lines(&after));
    assert!(before.difference(&after).all(|line| line.contains("count\"")));
    let added: Vec<_> = after.difference(&before).filter(|line| !line.contains("count\"")).collect();
    assert_eq!(added.len(), 2, "a line and its label: {added:?}");
    assert!(added.iter().all(|line| line.contains("2500")));
}

use std::collections::BTreeSet;
use std::sync::LazyLock;

use nanami_model::{Entity, Policy, Service, name};

use super::layout::{Layout, Rect};
use super::strand::Strands;
use super::*;
use crate::{Selection, compile};

const ACME: &str = include_str!("../../../examples/acme.toml");

pub(super) fn acme() -> Intent {
    Intent::from_toml(ACME).unwrap()
}

pub(super) fn planned(intent: &Intent) -> Board {
    Board::of(&compile(intent, &Selection::default()))
}

/// A board on which every state is seen, on peers and on links.
fn six_states() -> Board {
    let acme = acme();
    let mut board = planned(&acme).at(Timestamp::from_millis(1_795_360_204_000));
    for ((peer, _), state) in acme.peers().zip(State::ALL.into_iter().cycle()) {
        let applied = if state == State::Behind { 39 } else { 41 };
        let known = state != State::Planned;
        let [desired, applied] = [41, applied].map(|n| known.then(|| Generation::new(n)));
        let age = known.then(|| Duration::from_secs(2));
        board = board.with_posture(peer, Posture { state, desired, applied, age });
    }
    let mut links: Vec<_> = board.links.values().cloned().collect();
    let [api, ingress] = ["api-gateway", "k8s-ingress"].map(|n| acme.id::<PeerId>(n).unwrap());
    links.push(Link::new(ingress, api.into(), Service::tcp(22).into()));
    for (link, state) in links.into_iter().zip(State::ALL) {
        let link =
            link.with_state(state).with_explanation("ALLOWED   <b>\"why\"</b> & so on", "nanami explain a b tcp/1");
        board = board.with_link(if state == State::Planned { link } else { link.with_live("handshake 9 s ago") });
    }
    board
}

/// A workspace of 200 peers in four networks, nine groups and four regions, with policies between groups and to routes.
pub(super) fn large() -> Intent {
    static LARGE: LazyLock<Intent> = LazyLock::new(build_large);
    LARGE.clone()
}

fn build_large() -> Intent {
    use std::fmt::Write;
    let mut text = String::from("[workspace]\nname = \"large\"\n[users]\nno = { role = \"owner\" }\n[groups]\n");
    (0..9).for_each(|g| writeln!(text, "team-{g} = {{}}").unwrap());
    for n in 0..4 {
        writeln!(text, "[networks.net-{n}]\nowner = \"team-{n}\"\npools = [\"10.{n}.0.0/16\"]").unwrap();
    }
    text += "[gateways]\n";
    (0..10).for_each(|g| writeln!(text, "gw-{g} = {{ region = \"r-{}\", networks = [\"net-0\"] }}", g % 4).unwrap());
    text += "[peers]\n";
    for p in 0..190 {
        let (network, group) = (p * p % 7 % 4, p % 9);
        writeln!(text, "p-{p} = {{ networks = [\"net-{network}\"], groups = [\"team-{group}\"] }}").unwrap();
    }
    for r in 0..6 {
        let (one, two) = (r, r + 3);
        writeln!(text, "[routes.route-{r}]\nnetwork = \"net-0\"\nprefix = \"172.16.{r}.0/24\"").unwrap();
        writeln!(text, "gateways = [\"gw-{one}\", \"gw-{two}\"]\nredundancy = 2").unwrap();
    }
    text += "[policies]\n";
    for p in 0..60 {
        writeln!(text, "a-{p} = {{ from = \"p-{}\", to = \"p-{}\", allow = [\"tcp/1\"] }}", p * 3, (p * 71 + 5) % 190)
            .unwrap();
        writeln!(text, "b-{p} = {{ from = \"p-{}\", to = \"route-{}\", allow = [\"any\"] }}", p * 2, p % 6).unwrap();
    }
    Intent::from_toml(&text).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn the_same_intent_gives_the_same_picture() {
    assert_eq!(planned(&acme()).to_svg(), planned(&acme()).to_svg());
    assert_eq!(six_states().to_html(), six_states().to_html());
}

#[test]
fn one_policy_more_adds_its_own_elements_and_changes_only_counts() {
    let before = acme();
    let [from, to] = ["k8s-ingress", "db-cluster"].map(|n| before.id::<PeerId>(n).unwrap());
    let mut draft = before.draft();
    draft.add(Policy::allow(name!("new"), from, to, Service::tcp(7777)));
    let after = before.apply(before.owner(), &draft.into_changes()).unwrap();
    let lines = |intent: &Intent| planned(intent).to_svg().lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (before, after) = (lines(&before), lines(&after));
    let counts = |line: &&String| line.contains("count\"");
    assert!(before.difference(&after).all(|line| counts(&line)), "{:?}", before.difference(&after).collect::<Vec<_>>());
    let added: Vec<_> = after.difference(&before).filter(|line| !counts(line)).collect();
    assert_eq!(added.len(), 2, "a line and its label: {added:?}");
    assert!(
        added.iter().any(|line| line.contains("k8s-ingress to db-cluster"))
            && added.iter().any(|line| line.contains("tcp/7777"))
    );
}

#[test]
fn each_of_the_six_states_is_a_word_and_a_shape() {
    let picture = six_states().to_svg();
    for state in State::ALL {
        let words = [format!("class=\"card {state}\""), format!("class=\"link {state}\""), format!(">{state}</tspan>")];
        for word in words {
            assert!(picture.contains(&word), "{word}");
        }
        let shape = mark::mark(state, 0, 0);
        let same = State::ALL.into_iter().filter(|other| {
            mark::mark(*other, 0, 0).replace(&other.to_string(), "") == shape.replace(&state.to_string(), "")
        });
        assert_eq!(same.count(), 1, "{state} looks like another state");
    }
    let is_live =
        |line: &&str| line.contains("class=\"link ") && line.contains("<title>") && line.contains("class=\"live\"");
    assert_eq!(picture.lines().filter(is_live).count(), 5, "of six links one is planned");
}

#[test]
fn nobody_writes_elements_by_a_text() {
    let page = six_states().to_html();
    assert!(page.contains("ALLOWED   &lt;b&gt;&quot;why&quot;&lt;/b&gt; &amp; so on"));
    assert!(!page.contains("<b>"));
    assert!(page.contains("<code>nanami explain a b tcp/1</code>"));
}

#[test]
fn the_page_fetches_nothing() {
    let page = six_states().to_html();
    for foreign in ["src=", "href=", "@import", "url(", "https:"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!(page.matches("http:").count(), 1, "the SVG namespace, which is a name");
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn every_link_can_be_reached_named_and_explained() {
    let board = six_states();
    let page = board.to_html();
    for strand in board.strands().drawn {
        let id = board.strand_id(&strand);
        for element in [
            format!("<g class=\"link {}\" id=\"{id}\" tabindex=\"0\" role=\"button\" aria-label=\"", strand.state()),
            format!("<article id=\"why.{id}\">"),
            format!("id=\"tag.{id}\""),
        ] {
            assert_eq!(page.matches(&element).count(), 1, "{element}");
        }
    }
    assert_eq!(board.strands().drawn.len(), 6);
}

/// Everybody in two networks may reach everybody there.
pub(super) fn crowded() -> Board {
    static CROWDED: LazyLock<Board> = LazyLock::new(build_crowded);
    CROWDED.clone()
}

fn build_crowded() -> Board {
    let large = large();
    let mut draft = large.draft();
    let networks = ["net-0", "net-2"].map(|n| large.id::<nanami_model::NetworkId>(n).unwrap());
    for (name, from, to) in [("in", 1, 1), ("across", 0, 1)] {
        let (from, to) = (networks[from], networks[to]);
        draft.add(Policy::allow(name.parse().unwrap(), from, to, Service::ANY));
    }
    planned(&large.apply(large.owner(), &draft.into_changes()).unwrap())
}

#[test]
fn a_crowded_board_bundles_its_links_and_loses_none() {
    let board = crowded();
    let Strands { drawn: strands, left_out } = board.strands();
    let links = board.shown_links().count();
    assert!(links > 2_000, "{links}");
    assert_eq!(strands.iter().map(|strand| strand.len()).sum::<usize>(), links);
    assert_eq!(left_out, (0, 0));
    let page = board.to_html();
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains(&format!("{links} links")) && page.contains("group team-1 in net-0 to group team-"));
}

#[test]
fn elements_are_closed_in_order() {
    for picture in [planned(&acme()), six_states(), planned(&large()), crowded()].map(|board| board.to_svg()) {
        let mut open = Vec::new();
        for part in picture.split('<').skip(1) {
            let (tag, _) = part.split_once('>').expect("every < has its >");
            match (tag.strip_prefix('/'), tag.ends_with('/')) {
                (Some(name), _) => assert_eq!(open.pop(), Some(name.to_owned())),
                (None, true) => {}
                (None, false) => open.push(tag.split([' ', '\n']).next().unwrap().to_owned()),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}

/// The points of a path, every few pixels.
pub(super) fn points(path: &str) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    let mut rest = path;
    while let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic()) {
        let command = rest[at..].chars().next().unwrap();
        let end = rest[at + 1..].find(|c: char| c.is_ascii_alphabetic()).map_or(rest.len(), |end| at + 1 + end);
        let numbers: Vec<f64> = rest[at + 1..end].split_whitespace().map(|n| n.parse().unwrap()).collect();
        let pairs: Vec<_> = numbers.chunks(2).map(|pair| (pair[0], pair[1])).collect();
        let from = points.last().copied();
        let curve: Vec<_> = match command {
            'M' => vec![pairs[0]],
            _ => from.into_iter().chain(pairs).collect(),
        };
        // Every curve as the cubic that it equals.
        let along = |a: (f64, f64), b: (f64, f64), t: f64| (a.0 + (b.0 - a.0) * t, a.1 + (b.1 - a.1) * t);
        let [a, b, c, d] = match *curve.as_slice() {
            [a] => [a; 4],
            [a, d] => [a, along(a, d, 1.0 / 3.0), along(a, d, 2.0 / 3.0), d],
            [a, q, d] => [a, along(a, q, 2.0 / 3.0), along(d, q, 2.0 / 3.0), d],
            [a, b, c, d] => [a, b, c, d],
            _ => panic!("{path}"),
        };
        let steps = ((a.0 - d.0).abs().max((a.1 - d.1).abs()) / 8.0).ceil() as usize + 1;
        for step in 0..=steps {
            let t = step as f64 / steps as f64;
            let u = 1.0 - t;
            let weigh = |a: f64, b: f64, c: f64, d: f64| u * u * (u * a + 3.0 * t * b) + t * t * (3.0 * u * c + t * d);
            points.push((weigh(a.0, b.0, c.0, d.0), weigh(a.1, b.1, c.1, d.1)));
        }
        rest = &rest[end..];
    }
    points
}

pub(super) fn paths<'a>(picture: &'a str, class: &str) -> Vec<&'a str> {
    let start = format!("<path class=\"{class}\" d=\"");
    picture.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn no_line_passes_through_a_node() {
    for (board, links) in [(planned(&acme()), 5), (planned(&large()), 120), (crowded(), 100)] {
        assert!(lines_pass_no_node(&board) > links);
    }
}

/// How many lines there are, none of which passes through a node.
pub(super) fn lines_pass_no_node(board: &Board) -> usize {
    let layout = Layout::of(board);
    let rects: Vec<_> = layout.cards.iter().map(|(end, card)| (card.rect, *end)).collect();
    let picture = board.to_svg();
    let lines = [paths(&picture, "tube"), paths(&picture, "standby")].concat();
    // The legend's samples are the only lines with a plain horizontal stroke.
    for line in lines.iter().filter(|line| !line.contains('H')) {
        for (x, y) in points(line) {
            let point = (x.round() as i32, y.round() as i32);
            let hit = rects.iter().find(|(rect, _)| is_inside(rect, point));
            assert!(hit.is_none(), "{line} at {point:?} is in {:?}", hit.map(|(_, end)| board.end_name(*end)));
        }
    }
    lines.len()
}

pub(super) fn is_inside(rect: &Rect, (x, y): (i32, i32)) -> bool {
    rect.y + 1 < y && y < rect.bottom() - 1 && rect.x + 1 < x && x < rect.right() - 1
}

#[test]
fn cards_stand_apart_and_on_the_board() {
    for intent in [acme(), large()] {
        assert_eq!(cards_stand_apart(&Board::new(&intent)), intent.peers().len() + intent.routes().len());
    }
}

/// How many cards there are, no two of which overlap.
pub(super) fn cards_stand_apart(board: &Board) -> usize {
    let layout = Layout::of(board);
    let rects: Vec<_> = layout.cards.values().map(|card| card.rect).collect();
    for (i, a) in rects.iter().enumerate() {
        assert!(a.x >= 0 && a.right() <= layout.width && a.bottom() <= layout.height);
        for b in &rects[..i] {
            assert!(a.right() <= b.x || b.right() <= a.x || a.bottom() <= b.y || b.bottom() <= a.y, "{a:?} {b:?}");
        }
    }
    rects.len()
}

#[test]
fn labels_of_acme_do_not_cover_each_other() {
    let picture = six_states().to_svg();
    let number = |text: &str, key: &str| -> i32 {
        text.split(&format!(" {key}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
    };
    let pills: Vec<Rect> = picture
        .split("<rect class=\"pill\"")
        .skip(1)
        .map(|t| Rect { x: number(t, "x"), y: number(t, "y"), w: number(t, "width"), h: number(t, "height") })
        .collect();
    assert_eq!(pills.len(), 6);
    for (i, a) in pills.iter().enumerate() {
        for b in &pills[..i] {
            assert!(a.right() <= b.x || b.right() <= a.x || a.bottom() <= b.y || b.bottom() <= a.y, "{a:?} {b:?}");
        }
    }
}

#[test]
fn a_workspace_of_its_owner_alone_has_a_board() {
    let empty = Intent::new(name!("empty"), nanami_model::User::new(name!("netops")));
    assert!(Board::new(&empty).to_svg().contains(">empty</text>"));
    assert!(!Board::new(&empty).to_html().contains("<article"));
}

#[test]
fn names_are_shown_as_they_are() {
    let acme = acme();
    let picture = planned(&acme).to_svg();
    for (_, peer) in acme.peers() {
        assert!(picture.contains(&format!(">{}</text>", Entity::name(peer))));
    }
}

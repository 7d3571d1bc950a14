//! What is drawn as one line: a link, or on a crowded board all links between two ends that go one way.
//!
//! **Invariant**: every link is in exactly one strand, and a strand says how many links it stands for. Of more strands than a
//! picture can hold the thinnest are left out, and the picture says how many.

use std::collections::{BTreeMap, BTreeSet};

use nanami_model::{Destination, PeerId};

use super::crowd::Bundle;
use super::detail::Cards;
use super::end::{End, Stops};
use super::observe::worst;
use super::overlay::Tally;
use super::state::State;
use super::xml::Escaped;
use super::{Board, Link};

/// Links that are drawn as one line.
pub(super) struct Strand<'a> {
    pub(super) from: End,
    pub(super) to: End,
    pub(super) via: Stops,
    /// How many links there are in each state.
    states: [usize; State::ALL.len()],
    /// What the plan does to them and to those that it takes away.
    pub(super) tally: Tally,
    /// The rank of the gateway by which it is live, of a bundle that of the first live link; `None` if none is.
    pub(super) live: Option<usize>,
    pub(super) holds: Holds<'a>,
}

/// What a strand knows of its links.
pub(super) enum Holds<'a> {
    /// The one link between two objects.
    One(&'a Link),
    /// Its links, by name.
    All(Vec<&'a Link>),
    /// One of many.
    First(Option<(PeerId, Destination)>),
}

impl<'a> Strand<'a> {
    fn of(board: &Board, (from, to, via): (End, End, Stops), links: Vec<&'a Link>) -> Self {
        let (mut states, mut tally) = ([0; State::ALL.len()], Tally::default());
        links.iter().for_each(|link| tally.plus(&link.differs.tally));
        links.iter().filter(|link| !link.gone).for_each(|link| states[link.state as usize] += 1);
        let live = links.iter().find_map(|link| link.live.as_ref()).map(|(rank, _)| *rank);
        let alone = |id| board.end_of(id) == End::Peer(id);
        let holds = match links.as_slice() {
            [link] if from == End::Peer(link.from) && alone(link.from) => Holds::One(link),
            _ => Holds::All(links),
        };
        Self { from, to, via, states, tally, live, holds }
    }

    /// The link, if it is only one between two objects.
    pub(super) fn single(&self) -> Option<&'a Link> {
        match self.holds {
            Holds::One(link) => Some(link),
            Holds::All(_) | Holds::First(_) => None,
        }
    }

    /// How many links it stands for; those that a plan takes away are none.
    pub(super) fn len(&self) -> usize {
        self.states.iter().sum()
    }

    /// The states that its links are in, with how many are.
    pub(super) fn states(&self) -> impl Iterator<Item = (usize, State)> + Clone + '_ {
        self.states.into_iter().zip(State::ALL).filter(|(count, _)| *count > 0)
    }

    /// The state that most wants to be looked at.
    pub(super) fn state(&self) -> State {
        match self.single().filter(|link| link.gone) {
            Some(gone) => gone.state,
            None => worst(self.states().map(|(_, state)| state)),
        }
    }
}

/// The strands of a board.
pub(super) struct Strands<'a> {
    /// What is drawn, by the ids of their elements.
    pub(super) drawn: Vec<Strand<'a>>,
    /// How many there was no room for, and the links that those stand for.
    pub(super) left_out: (usize, usize),
}

impl Strands<'_> {
    /// How many links there are.
    pub(super) fn links(&self) -> usize {
        self.drawn.iter().map(Strand::len).sum::<usize>() + self.left_out.1
    }
}

impl Board {
    /// The links whose ends are objects of the intent.
    pub(super) fn shown_links(&self) -> impl Iterator<Item = &Link> {
        let has = |to| match to {
            Destination::Peer(id) => self.objects.get(id).is_some(),
            Destination::Route(id) => self.objects.get(id).is_some(),
            Destination::Address(_) => false,
        };
        self.links.values().filter(move |link| has(link.to) && self.objects.get(link.from).is_some())
    }

    /// Whether links are told apart by the frames of their ends alone.
    pub(super) fn bundles(&self) -> bool {
        self.shown_links().nth(MOST_LINKS).is_some()
    }

    /// What is drawn, and what there is no room for.
    pub(super) fn strands(&self) -> Strands<'_> {
        let mut strands = self.listed();
        if let Some(bundles) = self.counted() {
            strands.extend(bundles.iter().map(|(key, bundle)| self.of_crowd(key.clone(), bundle)));
        }
        let thickest = |strand: &Strand<'_>| (strand.tally.main().is_none(), std::cmp::Reverse(strand.len()));
        strands.sort_by_cached_key(|strand| (thickest(strand), self.strand_id(strand)));
        let rest = strands.split_off(strands.len().min(self.most_strands()));
        strands.sort_by_cached_key(|strand| self.strand_id(strand));
        Strands { drawn: strands, left_out: (rest.len(), rest.iter().map(Strand::len).sum()) }
    }

    /// The strands of links that are listed one by one.
    fn listed(&self) -> Vec<Strand<'_>> {
        let bundled = self.bundles();
        let mut strands: BTreeMap<_, Vec<&Link>> = BTreeMap::new();
        for link in self.shown_links() {
            let Some(to) = self.end_to(link.to) else { continue };
            let [from, to] = [self.end_of(link.from), to].map(|end| if bundled { self.hub(end) } else { end });
            strands.entry((from, to, self.stops_of(link.near, &link.via))).or_default().push(link);
        }
        strands.into_iter().map(|(key, links)| Strand::of(self, key, links)).collect()
    }

    fn of_crowd(&self, (from, to, via): (End, End, Stops), bundle: &Bundle) -> Strand<'_> {
        let way = via.hops(from, to);
        let is_live = |hop: &[End]| matches!(hop[1], End::Route(_)) || self.tunnels.contains(&(hop[0], hop[1]));
        let hops = way.windows(2).filter(|hop| hop[0] != hop[1]).chain((from == to).then_some(&way[..2]));
        let live = hops.clone().next().is_some() && hops.clone().all(is_live);
        let live = (live && !self.tunnels.is_empty()).then_some(0);
        Strand { from, to, via, states: bundle.states, tally: bundle.tally, live, holds: Holds::First(bundle.first) }
    }

    fn most_strands(&self) -> usize {
        if self.cards == Cards::Peers { MOST_STRANDS } else { MOST_COUNTED }
    }

    /// Where a peer's links come together on a board with many links: its frame, or its own card if it is a gateway.
    pub(super) fn hub(&self, end: End) -> End {
        match end {
            End::Peer(id) => match self.objects.get(id) {
                Some(peer) if self.objects.gateway_of(id).is_none() && self.cards == Cards::Peers => {
                    End::Hub(peer.networks().first().copied(), peer.groups().first().copied())
                }
                _ => end,
            },
            _ => end,
        }
    }

    /// The id of a strand's element; its label and its explanation have it too, behind a word of their own.
    pub(super) fn strand_id(&self, strand: &Strand<'_>) -> String {
        let (from, to) = (self.end_id(strand.from), self.end_id(strand.to));
        match strand.single() {
            Some(_) => format!("link.{}.{to}", from.trim_start_matches("peer.")),
            None => format!("bundle.{from}.{to}.{}", self.names(strand.via.all()).join(".")),
        }
    }

    /// A strand in words, for titles and for those who do not see it.
    pub(super) fn strand_label(&self, strand: &Strand<'_>) -> String {
        if let Some(link) = strand.single() {
            return self.link_label(link);
        }
        let (from, to) = (self.end_name(strand.from), self.end_name(strand.to));
        let states: Vec<_> = strand.states().map(|(n, state)| format!("{n} {state}")).collect();
        let links = if strand.len() == 1 { "link" } else { "links" };
        let (count, way) = (strand.len(), self.way(&strand.via));
        let states = if states.is_empty() { String::new() } else { format!(": {}", states.join(", ")) };
        let plan =
            if strand.tally.main().is_some() { format!("; plan: {}", strand.tally.words()) } else { String::new() };
        format!("{from} to {to}, {count} {links} {way}{states}{plan}")
    }

    /// A link in words.
    pub(super) fn link_label(&self, link: &Link) -> String {
        let to = match link.to {
            Destination::Peer(id) => self.word(id),
            Destination::Route(id) => self.word(id),
            Destination::Address(address) => address.to_string(),
        };
        let (from, via) = (self.word(link.from), self.stops_of(link.near, &link.via));
        let live = match &link.live {
            None => "not live".to_owned(),
            Some((0, evidence)) => format!("live: {evidence}"),
            Some((rank, evidence)) => {
                let by = self.names(via.ranks.iter().copied()).get(*rank).cloned().unwrap_or_default();
                format!("live by standby {by}: {evidence}")
            }
        };
        let plan: String = link.differs.lines.iter().map(|line| format!("; plan: {line}")).collect();
        format!("{from} to {to}, {}, {}, {}, {live}{plan}", link.services, self.way(&via), link.state)
    }

    fn way(&self, via: &Stops) -> String {
        let to = via.near.map(|near| format!("{} then ", self.end_name(near))).unwrap_or_default();
        match self.names(via.ranks.iter().copied()).as_slice() {
            [] => "direct".to_owned(),
            [used] => format!("via {to}{used}"),
            [used, standbys @ ..] => format!("via {to}{used}, standby {}", standbys.join(", ")),
        }
    }

    fn names(&self, ends: impl Iterator<Item = End>) -> Vec<String> {
        ends.map(|end| self.end_name(end)).collect()
    }

    /// What filters ask of a strand.
    pub(super) fn strand_data(&self, strand: &Strand<'_>) -> String {
        let (from, to) = (self.end_id(strand.from), self.end_id(strand.to));
        let path = if strand.via.ranks.is_empty() { "direct" } else { "gateway" };
        let stops: BTreeSet<_> = strand.via.all().map(|end| format!("{} ", self.end_id(end))).collect();
        let stops: String = stops.into_iter().collect();
        let states: String = strand.states().map(|(_, state)| format!("{state} ")).collect();
        let services = strand.single().map(|link| link.services.to_string()).unwrap_or_default();
        let names = format!("{} {} {services}", self.end_name(strand.from), self.end_name(strand.to));
        format!(
            " data-from=\"{from}\" data-to=\"{to}\" data-to-name=\"{}\" data-from-name=\"{}\" data-stops=\"{stops}\" data-path=\"{path}\" \
             data-status=\"{states}\" data-count=\"{}\" data-names=\"{}\"{}",
            Escaped(self.end_name(strand.to)),
            Escaped(self.end_name(strand.from)),
            strand.len(),
            Escaped(names),
            differences(&strand.tally)
        )
    }
}

/// What filters ask of what a plan does.
fn differences(tally: &Tally) -> String {
    let counts: String = tally.each().map(|(count, what)| format!(" data-{what}=\"{count}\"")).collect();
    let words: Vec<_> = tally.each().map(|(_, what)| what.to_string()).collect();
    if words.is_empty() { counts } else { format!("{counts} data-plan=\"{}\"", words.join(" ")) }
}

/// chosen: as many lines as a person can still follow with a filter.
pub(super) const MOST_LINKS: usize = 400;
/// chosen: a page of a few megabytes.
const MOST_STRANDS: usize = 2_000;
/// chosen: beside cards that stand for many, a picture of less than a megabyte.
const MOST_COUNTED: usize = 600;

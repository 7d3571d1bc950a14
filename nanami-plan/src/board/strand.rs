//! What is drawn as one line: a link, or on a crowded board all links between two groups that go one way.
//!
//! **Invariant**: every link is in exactly one strand, and a strand says how many links it stands for. Of more strands than a
//! picture can hold the thinnest are left out, and the picture says how many.

use std::collections::BTreeMap;

use nanami_model::{Destination, GatewayId, GroupId, NetworkId, PeerId, RouteId};

use super::observe::worst;
use super::state::State;
use super::xml::Escaped;
use super::{Board, Link};

/// Where a strand begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Peer(PeerId),
    Route(RouteId),
    /// The peers that stand in one frame.
    Hub(Option<NetworkId>, Option<GroupId>),
}

/// Links that are drawn as one line.
pub(super) struct Strand<'a> {
    pub(super) from: End,
    pub(super) to: End,
    /// Never empty.
    links: Vec<&'a Link>,
}

impl<'a> Strand<'a> {
    /// The link, if it is only one.
    pub(super) fn single(&self) -> Option<&'a Link> {
        match (self.from, self.links.as_slice()) {
            (End::Peer(_), [link]) => Some(link),
            _ => None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    pub(super) fn links(&self) -> impl Iterator<Item = &'a Link> + '_ {
        self.links.iter().copied()
    }

    pub(super) fn via(&self) -> &'a [GatewayId] {
        self.links.first().map(|link| link.via.as_slice()).unwrap_or_default()
    }

    pub(super) fn near(&self) -> Option<GatewayId> {
        self.links.first().and_then(|link| link.near)
    }

    /// The gateways on the way, the nearest first.
    fn all(&self) -> Vec<GatewayId> {
        self.near().into_iter().chain(self.via().iter().copied()).collect()
    }

    /// The state that most wants to be looked at.
    pub(super) fn state(&self) -> State {
        worst(self.links.iter().map(|link| link.state))
    }

    /// The rank of the gateway by which it is live, of a bundle that of the first live link; `None` if none is.
    pub(super) fn live(&self) -> Option<usize> {
        self.links.iter().find_map(|link| link.live.as_ref()).map(|(rank, _)| *rank)
    }
}

impl Board {
    /// The links whose ends are objects of the intent.
    pub(super) fn shown_links(&self) -> impl Iterator<Item = &Link> {
        let has = |to| match to {
            Destination::Peer(id) => self.intent.get(id).is_some(),
            Destination::Route(id) => self.intent.get(id).is_some(),
            Destination::Address(_) => false,
        };
        self.links.values().filter(move |link| has(link.to) && self.intent.get(link.from).is_some())
    }

    /// What is drawn, by the names of its ends, and how many strands there was no room for.
    pub(super) fn strands(&self) -> (Vec<Strand<'_>>, usize) {
        let bundled = self.shown_links().count() > MOST_LINKS;
        let mut strands: BTreeMap<_, Vec<&Link>> = BTreeMap::new();
        for link in self.shown_links() {
            let to = match link.to {
                Destination::Route(id) => End::Route(id),
                Destination::Peer(id) if bundled => self.hub(id),
                Destination::Peer(id) => End::Peer(id),
                Destination::Address(_) => continue,
            };
            let from = if bundled { self.hub(link.from) } else { End::Peer(link.from) };
            strands.entry((from, to, link.near, link.via.as_slice())).or_default().push(link);
        }
        let mut strands: Vec<_> =
            strands.into_iter().map(|((from, to, ..), links)| Strand { from, to, links }).collect();
        strands.sort_by_cached_key(|strand| (std::cmp::Reverse(strand.len()), self.strand_id(strand)));
        let left_out = strands.len().saturating_sub(MOST_STRANDS);
        strands.truncate(MOST_STRANDS);
        strands.sort_by_cached_key(|strand| self.strand_id(strand));
        (strands, left_out)
    }

    /// Where a peer's links come together on a crowded board: its frame, or its own card if it is a gateway.
    pub(super) fn hub(&self, id: PeerId) -> End {
        match self.intent.get(id) {
            Some(peer) if self.intent.gateway_of(id).is_none() => {
                End::Hub(peer.networks().first().copied(), peer.groups().first().copied())
            }
            _ => End::Peer(id),
        }
    }

    /// The name of an end, for people.
    pub(super) fn end_name(&self, end: End) -> String {
        let name = |id: nanami_model::ObjectId| self.intent.name_of(id).map(ToString::to_string).unwrap_or_default();
        match end {
            End::Peer(id) => name(id.into()),
            End::Route(id) => name(id.into()),
            End::Hub(network, group) => {
                let group = group.map_or("no group".to_owned(), |id| format!("group {}", name(id.into())));
                network.map_or(group.clone(), |id| format!("{group} in {}", name(id.into())))
            }
        }
    }

    /// The id of the element that an end is.
    pub(super) fn end_id(&self, end: End) -> String {
        let name = |id: nanami_model::ObjectId| self.intent.name_of(id).map(ToString::to_string).unwrap_or_default();
        match end {
            End::Peer(id) => format!("peer.{}", name(id.into())),
            End::Route(id) => format!("route.{}", name(id.into())),
            End::Hub(network, group) => {
                let part = |id: Option<nanami_model::ObjectId>| id.map(name).unwrap_or_default();
                format!("hub.{}.{}", part(network.map(Into::into)), part(group.map(Into::into)))
            }
        }
    }

    /// The id of a strand's element; its label and its explanation have it too, behind a word of their own.
    pub(super) fn strand_id(&self, strand: &Strand<'_>) -> String {
        let (from, to) = (self.end_id(strand.from), self.end_id(strand.to));
        match strand.single() {
            Some(_) => format!("link.{}.{to}", from.trim_start_matches("peer.")),
            None => format!("bundle.{from}.{to}.{}", self.via_names(&strand.all()).join(".")),
        }
    }

    /// A strand in words, for titles and for those who do not see it.
    pub(super) fn strand_label(&self, strand: &Strand<'_>) -> String {
        if let Some(link) = strand.single() {
            return self.link_label(link);
        }
        let (from, to) = (self.end_name(strand.from), self.end_name(strand.to));
        let in_state = |state: State| (strand.links().filter(|link| link.state == state).count(), state);
        let states: Vec<_> = State::ALL.into_iter().map(in_state).filter(|(n, _)| *n > 0).collect();
        let states: Vec<_> = states.into_iter().map(|(n, state)| format!("{n} {state}")).collect();
        format!(
            "{from} to {to}, {} links {}: {}",
            strand.len(),
            self.way(strand.near(), strand.via()),
            states.join(", ")
        )
    }

    /// A link in words.
    pub(super) fn link_label(&self, link: &Link) -> String {
        let to = match link.to {
            Destination::Peer(id) => self.end_name(End::Peer(id)),
            Destination::Route(id) => self.end_name(End::Route(id)),
            Destination::Address(address) => address.to_string(),
        };
        let from = self.end_name(End::Peer(link.from));
        let live = match &link.live {
            None => "not live".to_owned(),
            Some((0, evidence)) => format!("live: {evidence}"),
            Some((rank, evidence)) => {
                let by = self.via_names(&link.via).get(*rank).cloned().unwrap_or_default();
                format!("live by standby {by}: {evidence}")
            }
        };
        format!("{from} to {to}, {}, {}, {}, {live}", link.services, self.way(link.near, &link.via), link.state)
    }

    fn way(&self, near: Option<GatewayId>, via: &[GatewayId]) -> String {
        let to = near.and_then(|id| self.intent.name_of(id)).map(|near| format!("{near} then ")).unwrap_or_default();
        match self.via_names(via).as_slice() {
            [] => "direct".to_owned(),
            [used] => format!("via {to}{used}"),
            [used, standbys @ ..] => format!("via {to}{used}, standby {}", standbys.join(", ")),
        }
    }

    fn via_names(&self, via: &[GatewayId]) -> Vec<String> {
        via.iter().filter_map(|id| self.intent.name_of(*id)).map(ToString::to_string).collect()
    }

    /// What filters ask of a strand.
    pub(super) fn strand_data(&self, strand: &Strand<'_>) -> String {
        let (from, to) = (self.end_id(strand.from), self.end_id(strand.to));
        let path = if strand.via().is_empty() { "direct" } else { "gateway" };
        let stops: String = strand
            .all()
            .iter()
            .filter_map(|id| self.intent.get(*id))
            .map(|gateway| format!("{} ", self.end_id(End::Peer(gateway.peer()))))
            .collect();
        let states: String = State::ALL
            .into_iter()
            .filter(|state| strand.links().any(|link| link.state == *state))
            .map(|state| format!("{state} "))
            .collect();
        let services = strand.single().map(|link| link.services.to_string()).unwrap_or_default();
        let names = format!("{} {} {services}", self.end_name(strand.from), self.end_name(strand.to));
        format!(
            " data-from=\"{from}\" data-to=\"{to}\" data-to-name=\"{}\" data-from-name=\"{}\" data-stops=\"{stops}\" data-path=\"{path}\" \
             data-status=\"{states}\" data-count=\"{}\" data-names=\"{}\"",
            Escaped(self.end_name(strand.to)),
            Escaped(self.end_name(strand.from)),
            strand.len(),
            Escaped(names)
        )
    }
}

/// chosen: as many lines as a person can still follow with a filter.
const MOST_LINKS: usize = 400;
/// chosen: a page of a few megabytes.
const MOST_STRANDS: usize = 2_000;

//! How much of a workspace one card stands for.

use std::collections::BTreeSet;

use nanami_model::{GroupId, Intent, Peer};

use super::Board;

/// Which peers have cards of their own. Routes always have; gateways do until there are too many, then their regions have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cards {
    /// Every peer, in a workspace of at most 2,000; beyond that groups have.
    Peers,
    /// Each group within each network stands for its peers.
    Groups,
    /// Each network stands for its peers.
    Networks,
}

/// How much of a workspace a board shows card by card, and how much in counts.
///
/// By default every peer has a card while there are at most 400 of them. Beyond that each group in each network has one, and
/// beyond 400 of those each network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Detail {
    cards: Option<Cards>,
    opened: BTreeSet<GroupId>,
    unexplained: bool,
    document: Option<String>,
}

impl Detail {
    /// Sets which peers have cards of their own.
    pub fn by(self, cards: Cards) -> Self {
        Self { cards: Some(cards), ..self }
    }

    /// Shows the peers of a group card by card, where other groups have one card each.
    pub fn opening(mut self, group: GroupId) -> Self {
        self.opened.insert(group);
        self
    }

    /// Leaves out what `explain` says of each link. A page shows it, a picture never does.
    pub fn unexplained(self) -> Self {
        Self { unexplained: true, ..self }
    }

    /// Sets the document that the commands on a page ask, as a shell reads it; without it they ask the one that the command finds
    /// by itself.
    pub fn asking(self, document: impl Into<String>) -> Self {
        Self { document: Some(document.into()), ..self }
    }

    pub(super) fn document(&self) -> Option<&str> {
        self.document.as_deref()
    }

    pub(super) fn explains(&self) -> bool {
        !self.unexplained
    }

    /// Which peers of a workspace have cards of their own.
    pub(super) fn cards_of(&self, intent: &Intent) -> Cards {
        let peers = intent.peers().len();
        let asked = self.cards.filter(|cards| *cards != Cards::Peers || peers <= MOST_PEERS);
        let at = |peer: &Peer| (peer.networks().first().copied(), peer.groups().first().copied());
        let groups = || intent.peers().map(|(_, peer)| at(peer)).collect::<BTreeSet<_>>().len();
        match asked {
            Some(cards) => cards,
            None if self.opened.is_empty() && peers <= MOST_CARDS => Cards::Peers,
            None if !self.opened.is_empty() || groups() <= MOST_CARDS => Cards::Groups,
            None => Cards::Networks,
        }
    }
}

impl Board {
    /// Sets how much is shown card by card, before anything that was observed.
    pub(super) fn with_detail(self, detail: Detail) -> Self {
        let cards = detail.cards_of(self.objects.intent());
        Self { detail, cards, ..self }
    }

    /// Whether the peers of a group have cards of their own where groups have one.
    pub(super) fn opens(&self, group: Option<GroupId>) -> bool {
        group.is_some_and(|group| self.detail.opened.contains(&group))
    }

    /// Whether regions stand for their gateways.
    pub(super) fn by_region(&self) -> bool {
        self.cards != Cards::Peers && self.objects.intent().gateways().len() > MOST_GATEWAYS
    }
}

/// chosen: as many cards as a person finds their way among, in a picture of a few hundred kilobytes.
const MOST_CARDS: usize = 400;
/// chosen: a picture of a megabyte and a half.
const MOST_PEERS: usize = 2_000;
/// chosen: a few rows of gateways.
const MOST_GATEWAYS: usize = 60;

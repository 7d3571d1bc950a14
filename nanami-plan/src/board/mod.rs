//! The board: a workspace as one picture, desired beside observed.
//!
//! **Invariants**: the same board gives the same bytes. Where things stand follows from the objects and their names, not from
//! policies: one that comes or goes changes its own links and two counts, nothing else. Lines never pass through a node.
//! What a state's colour says, its shape and its word say too. Every text is escaped.
//!
//! Three tiers, from the top: the control plane with its policy engine, gateways by region with the routes behind them, peers
//! by network. Groups are shown by enclosure. A link is what one peer may reach, drawn along the way that its packets take:
//! the outline says planned, the fill says live. A crowded board bundles the links between two groups; from a few hundred peers
//! on one card stands for each group, beyond that for each network, with counts, and groups can be opened ([`Detail`]).
//! A plan is shown over the state that it leads to ([`View::board_of`](crate::View::board_of)).

mod crowd;
mod detail;
mod draw;
mod end;
mod facts;
mod layout;
mod lines;
mod mark;
mod members;
mod objects;
mod observe;
mod overlay;
mod page;
mod project;
mod state;
mod strand;
mod view;
mod wire;
mod xml;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::Duration;

use nanami_model::{Destination, GatewayId, Generation, Intent, PeerId, Services, Timestamp};

use crate::desired::Desired;
use crowd::Bundles;
pub use detail::{Cards, Detail};
use end::End;
use objects::Objects;
use overlay::{Differs, Overlay};
pub use state::State;

/// A workspace as one picture.
///
/// ```
/// use nanami_model::{Destination, Group, Intent, Network, Peer, Service, User, name};
/// use nanami_plan::board::{Board, Link};
///
/// let empty = Intent::new(name!("acme"), User::new(name!("netops")));
/// let mut draft = empty.draft();
/// let platform = draft.add(Group::new(name!("platform")));
/// let prod = draft.add(Network::new(name!("prod"), platform, ["10.42.0.0/16".parse()?]));
/// let [api, db] = [name!("api"), name!("db")].map(|n| draft.add(Peer::new(n).with_networks([prod])));
/// let acme = empty.apply(empty.owner(), &draft.into_changes())?;
///
/// let board = Board::new(&acme).with_link(Link::new(api, db.into(), Service::tcp(5432).into()));
/// assert!(board.to_svg().contains("tcp/5432"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Board {
    objects: Objects,
    now: Option<Timestamp>,
    postures: BTreeMap<PeerId, Posture>,
    /// The links that are listed one by one.
    links: BTreeMap<(PeerId, Destination), Link>,
    detail: Detail,
    cards: Cards,
    /// Whose links are counted, and not listed.
    crowd: Option<Desired>,
    /// Those counts, once they were asked for.
    counted: OnceLock<Bundles>,
    /// Between which ends there are tunnels that live.
    tunnels: BTreeSet<(End, End)>,
    /// Of links that are counted: what `explain` says of one, and the command that prints it.
    explanations: BTreeMap<(PeerId, Destination), (String, String)>,
    overlay: Option<Overlay>,
}

/// What is known of one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posture {
    /// Its state.
    pub state: State,
    /// The generation that it should run; `None` while there is no map for it.
    pub desired: Option<Generation>,
    /// The generation that it last said it runs.
    pub applied: Option<Generation>,
    /// How old that report is.
    pub age: Option<Duration>,
}

/// What one peer may reach, and what was seen of the way there.
#[derive(Debug, Clone)]
pub struct Link {
    from: PeerId,
    to: Destination,
    services: Services,
    /// The gateway before those, if two follow each other.
    near: Option<GatewayId>,
    via: Vec<GatewayId>,
    state: State,
    /// The rank of the gateway that carries it, 0 where there is none, and what says so.
    live: Option<(usize, String)>,
    explanation: Option<(String, String)>,
    /// What the plan does to it, if the board shows one.
    differs: Differs,
    /// Whether the plan takes it away.
    gone: bool,
    /// Whether nothing passed there before the plan.
    fresh: bool,
}

impl Link {
    /// A planned, direct link.
    pub fn new(from: PeerId, to: Destination, services: Services) -> Self {
        let (near, via, state) = (None, Vec::new(), State::Planned);
        let (live, explanation, differs, gone, fresh) = Default::default();
        Self { from, to, services, near, via, state, live, explanation, differs, gone, fresh }
    }

    /// Sets the gateways on the way: the one in use first, then the standbys.
    pub fn with_via(self, gateways: impl IntoIterator<Item = GatewayId>) -> Self {
        Self { via: gateways.into_iter().collect(), ..self }
    }

    /// Sets the gateway before those, which hands on to them.
    pub fn with_near(self, gateway: Option<GatewayId>) -> Self {
        Self { near: gateway, ..self }
    }

    /// Sets the state.
    pub fn with_state(self, state: State) -> Self {
        Self { state, ..self }
    }

    /// Says that the tunnels of the link have handshakes; `evidence` is a few words such as `handshake 9 s ago, 3 ms`.
    pub fn with_live(self, evidence: impl Into<String>) -> Self {
        Self { live: Some((0, evidence.into())), ..self }
    }

    /// Says the same of a standby that has taken over: the outline stays where the plan has it, the fill goes by this gateway.
    pub fn with_live_by(self, gateway: GatewayId, evidence: impl Into<String>) -> Self {
        let rank = self.via.iter().position(|id| *id == gateway).unwrap_or(0);
        Self { live: Some((rank, evidence.into())), ..self }
    }

    /// Sets the text of `explain` for the link, and the command that prints it.
    pub fn with_explanation(self, text: impl Into<String>, command: impl Into<String>) -> Self {
        Self { explanation: Some((text.into(), command.into())), ..self }
    }
}

impl Board {
    /// The board of an intent of which nothing was observed: every peer is planned. Links are added.
    pub fn new(intent: &Intent) -> Self {
        Self {
            objects: Objects::of(intent),
            now: None,
            postures: BTreeMap::new(),
            links: BTreeMap::new(),
            detail: Detail::default(),
            cards: Detail::default().cards_of(intent),
            crowd: None,
            counted: OnceLock::new(),
            tunnels: BTreeSet::new(),
            explanations: BTreeMap::new(),
            overlay: None,
        }
    }

    /// Sets the instant that the board shows.
    pub fn at(self, now: Timestamp) -> Self {
        Self { now: Some(now), ..self }
    }

    /// Sets what is known of a peer.
    pub fn with_posture(mut self, peer: PeerId, posture: Posture) -> Self {
        self.postures.insert(peer, posture);
        self.counted = OnceLock::new();
        self
    }

    /// Adds a link; of one pair there is one. A link whose ends are no objects of the intent is not shown.
    pub fn with_link(mut self, link: Link) -> Self {
        self.links.insert((link.from, link.to), link);
        self
    }

    /// The picture as SVG, which stands alone.
    pub fn to_svg(&self) -> String {
        draw::svg(self, &self.strands(), draw::Audience::Picture)
    }

    /// The picture in one self-contained page: it can be filtered, and each link shows its explanation.
    pub fn to_html(&self) -> String {
        page::html(self)
    }

    /// The links that are counted, if they are.
    fn counted(&self) -> Option<&Bundles> {
        let desired = self.crowd.as_ref()?;
        Some(self.counted.get_or_init(|| self.count(desired)))
    }

    fn state(&self, peer: PeerId) -> State {
        self.postures.get(&peer).map_or(State::Planned, |posture| posture.state)
    }
}

#[cfg(test)]
mod crowd_tests;
#[cfg(test)]
mod tests;

//! Steps: what changes at one peer, in one stage, for one reason.
//!
//! **Invariant**: a step names its reason and the steps that it waits for. Gates point to lower stages of other peers only, so
//! they have no circle (PLANNING.md T3). Peers take whole maps today, each at its own moment; gates say what must have been
//! taken elsewhere before for nothing to be interrupted, and nobody waits for them yet.

use std::fmt;

use nanami_model::{Cidr, Destination, Label, Name, PeerId, RouteId, Services};

use crate::names::Names;
use crate::stage::Stage;

/// What changes at one peer, in one stage, for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub(crate) peer: PeerId,
    pub(crate) name: Name,
    pub(crate) stage: Stage,
    pub(crate) actions: Vec<Action>,
    pub(crate) sentences: Vec<String>,
    pub(crate) reason: Reason,
    pub(crate) gates: Vec<Gate>,
}

/// One thing that a peer does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Action {
    /// Takes its addresses, and sends the overlay's ranges into the tunnel.
    Start,
    /// Takes other addresses.
    Renumber,
    /// Sends other ranges of the overlay into the tunnel.
    Ranges,
    /// Has a tunnel to another peer.
    Connect {
        /// The other end.
        to: PeerId,
    },
    /// Has no tunnel to another peer any more.
    Disconnect {
        /// The other end.
        to: PeerId,
    },
    /// Knows another peer by another key.
    Rekey {
        /// The other end.
        to: PeerId,
    },
    /// Sends what is for a destination to these peers, the first of which carries it.
    Route {
        /// What is reached.
        to: Destination,
        /// Who carries it; the others stand by.
        by: Vec<PeerId>,
    },
    /// Sends what is for a destination to another peer than before.
    Move {
        /// What is reached.
        to: Destination,
        /// Who carried it.
        from: PeerId,
        /// Who carries it now.
        by: PeerId,
    },
    /// Keeps further peers ready for a destination.
    StandBy {
        /// What is reached.
        to: Destination,
        /// Who stands by.
        by: Vec<PeerId>,
    },
    /// Keeps these peers ready for a destination no longer.
    StandDown {
        /// What is reached.
        to: Destination,
        /// Who stood by.
        by: Vec<PeerId>,
    },
    /// Sends nothing to a destination any more.
    Unroute {
        /// What was reached.
        to: Destination,
    },
    /// Lets a peer in.
    Accept {
        /// Who begins.
        from: PeerId,
        /// By which services.
        services: Services,
    },
    /// Lets a peer in no longer.
    Refuse {
        /// Who began.
        from: PeerId,
        /// By which services.
        services: Services,
    },
    /// Lets something pass as a gateway.
    Forward {
        /// Who begins.
        from: PeerId,
        /// What is reached.
        to: Destination,
        /// Of a route: the range that this is about; `None` is all of it.
        part: Option<Cidr>,
        /// By which services.
        services: Services,
    },
    /// Counts what it lets through under another policy.
    Attribute {
        /// Who begins.
        from: PeerId,
        /// What is reached.
        to: Destination,
        /// Of a route: the range that this is about; `None` is all of it.
        part: Option<Cidr>,
    },
    /// Lets something pass as a gateway no longer.
    StopForwarding {
        /// Who began.
        from: PeerId,
        /// What was reached.
        to: Destination,
        /// Of a route: the range that this is about; `None` is all of it.
        part: Option<Cidr>,
        /// By which services.
        services: Services,
    },
    /// Puts its own address, as a gateway, in the place of those who begin, so that answers come to it.
    Masquerade {
        /// What is reached.
        to: RouteId,
    },
    /// Lets what is behind a route see who begins.
    StopMasquerading {
        /// What is reached.
        to: RouteId,
    },
}

/// Why a step is there: the policy, network or peer that asks for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// This object asks for it, or asked until now.
    Because(Label),
    /// This peer joined with a key.
    Joined(Label),
    /// This peer has another key.
    Rekeyed(Label),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Because(label) => write!(f, "{label}"),
            Self::Joined(label) => write!(f, "{label} joined"),
            Self::Rekeyed(label) => write!(f, "{label} has another key"),
        }
    }
}

/// What must have happened elsewhere before a step, for nothing that stays allowed to be interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gate {
    /// The peer that must have taken a stage.
    pub peer: PeerId,
    /// The stage.
    pub stage: Stage,
}

/// What a step does to connections that are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Disruption {
    /// Nothing.
    None,
    /// Packets may be lost until the other ends have taken their maps too.
    Stall,
    /// The tunnel shakes hands anew.
    Handshake,
    /// They end: what carried them is no longer allowed.
    Ends,
}

impl Step {
    /// Whose step it is.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// In which stage.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// What the peer does.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Why.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// What it waits for; empty means nothing.
    pub fn gates(&self) -> &[Gate] {
        &self.gates
    }

    /// What it does to connections that are open.
    pub fn disruption(&self) -> Disruption {
        self.actions.iter().map(Action::disruption).max().unwrap_or(Disruption::None)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.sentences.join("; "))
    }
}

impl Action {
    fn disruption(&self) -> Disruption {
        match self {
            Self::Move { .. } | Self::Renumber => Disruption::Stall,
            Self::Rekey { .. } => Disruption::Handshake,
            Self::Refuse { .. } => Disruption::Ends,
            _ => Disruption::None,
        }
    }

    /// Whether its sentence is the same whoever does it.
    pub(crate) fn is_same_everywhere(&self) -> bool {
        !matches!(self, Self::Connect { .. } | Self::Disconnect { .. } | Self::Rekey { .. })
    }

    /// What it does, in words that are the same at both ends of a tunnel and at every hop.
    pub(crate) fn sentence(&self, at: PeerId, names: &Names) -> String {
        let pair = |other: PeerId| {
            let (a, b) = (names.of(at), names.of(other));
            if a <= b { format!("{a} - {b}") } else { format!("{b} - {a}") }
        };
        let to_name = |to: &Destination| names.destination(*to);
        match self {
            Self::Start => "bring its tunnel up".to_owned(),
            Self::Renumber => "take other addresses".to_owned(),
            Self::Ranges => "send other ranges of the overlay into the tunnel".to_owned(),
            Self::Connect { to } => format!("tunnel {}", pair(*to)),
            Self::Disconnect { to } => format!("drop tunnel {}", pair(*to)),
            Self::Rekey { to } => format!("new key for tunnel {}", pair(*to)),
            Self::Route { to, by } => match by.as_slice() {
                [first, rest @ ..] if !rest.is_empty() => {
                    format!("route {} by {}, standby {}", to_name(to), names.of(*first), names.list(rest))
                }
                [only] if *to == Destination::Peer(*only) => format!("route {} direct", to_name(to)),
                all => format!("route {} by {}", to_name(to), names.list(all)),
            },
            Self::Move { to, from, by } => {
                let named = |id: PeerId| if *to == Destination::Peer(id) { "direct".into() } else { names.of(id) };
                format!("move {} from {} to {}", to_name(to), named(*from), named(*by))
            }
            Self::StandBy { to, by } => format!("standby for {}: {}", to_name(to), names.list(by)),
            Self::StandDown { to, by } => format!("drop standby for {}: {}", to_name(to), names.list(by)),
            Self::Unroute { to } => format!("drop route {}", to_name(to)),
            Self::Accept { from, services } => format!("accept {services} from {}", names.of(*from)),
            Self::Refuse { from, services } => format!("stop accepting {services} from {}", names.of(*from)),
            Self::Forward { from, to, part, services } => {
                format!("forward {} -> {} {services}", names.of(*from), part_of(names, *to, *part))
            }
            Self::Attribute { from, to, part } => {
                format!("count {} -> {} under another policy", names.of(*from), part_of(names, *to, *part))
            }
            Self::StopForwarding { from, to, part, services } => {
                format!("stop forwarding {} -> {} {services}", names.of(*from), part_of(names, *to, *part))
            }
            Self::Masquerade { to } => format!("masquerade towards {}", to_name(&Destination::Route(*to))),
            Self::StopMasquerading { to } => {
                format!("stop masquerading towards {}", to_name(&Destination::Route(*to)))
            }
        }
    }
}

/// A destination, or a range of it, in words.
fn part_of(names: &Names, to: Destination, part: Option<Cidr>) -> String {
    let name = names.destination(to);
    part.map_or(name.clone(), |part| format!("{name} {part}"))
}

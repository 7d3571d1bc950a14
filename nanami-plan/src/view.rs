//! View: the desired state beside what was observed, at one moment.
//!
//! **Invariant**: an observation has its age; one older than its lease is unknown, never healthy. Nobody who was never heard of
//! has drifted: they are planned. Endpoints, handshakes and counters are evidence, never a difference (PLANNING.md I30).

use std::collections::BTreeMap;
use std::time::Duration;

use nanami_model::{Destination, Generation, LinkReport, Observed, PeerId, Sighting, Timestamp, Usage};

use crate::desired::Desired;
use crate::effect::Passage;
use crate::usage::{Used, used};

/// The desired state beside what was observed of it.
///
/// ```
/// use nanami_model::{Group, Intent, Network, Observed, Peer, Timestamp, User, name};
/// use nanami_plan::{Selection, State, compile};
///
/// let empty = Intent::new(name!("acme"), User::new(name!("netops")));
/// let mut draft = empty.draft();
/// let platform = draft.add(Group::new(name!("platform")));
/// let prod = draft.add(Network::new(name!("prod"), platform, ["10.42.0.0/16".parse()?]));
/// let api = draft.add(Peer::new(name!("api")).with_networks([prod]));
/// let acme = empty.apply(empty.owner(), &draft.into_changes())?;
///
/// let desired = compile(&acme, &Selection::default());
/// let view = desired.beside(Observed::none(), Timestamp::from_millis(0));
/// assert_eq!(view.status(api).expect("api is declared").state(), State::Planned);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    generations: Option<&'a BTreeMap<PeerId, Generation>>,
    now: Timestamp,
}

/// A tunnel without a handshake for longer than this is down: WireGuard refuses older keypairs (whitepaper section 6.1,
/// `Reject-After-Time`).
pub(crate) const LIVE: Duration = Duration::from_secs(180);

impl Desired {
    /// This state beside what was observed of it.
    pub fn beside<'a>(&'a self, observed: &'a Observed, now: Timestamp) -> View<'a> {
        View { desired: self, observed, generations: None, now }
    }
}

impl<'a> View<'a> {
    /// Says which generation of its map each peer should run. Without it only what maps say is compared.
    pub fn with_generations(self, generations: &'a BTreeMap<PeerId, Generation>) -> Self {
        Self { generations: Some(generations), ..self }
    }

    /// Another state beside what was observed.
    pub(crate) fn of<'b>(&self, desired: &'b Desired) -> View<'b>
    where
        'a: 'b,
    {
        View { desired, ..*self }
    }

    /// The state that is desired.
    pub fn desired(&self) -> &'a Desired {
        self.desired
    }

    /// What was observed.
    pub fn observed(&self) -> &'a Observed {
        self.observed
    }

    /// The moment of the view.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn generation(&self, peer: PeerId) -> Option<Generation> {
        self.generations?.get(&peer).copied()
    }

    pub(crate) fn believed(&self, peer: PeerId) -> Option<&'a Sighting> {
        self.observed.believed(peer, self.now)
    }

    /// What one end of a tunnel says of it, with the age of that report added; `None` if it is not believed or says nothing.
    pub(crate) fn link(&self, at: PeerId, to: PeerId) -> Option<LinkReport> {
        let key = self.desired.intent().get(to)?.key()?;
        let sighting = self.believed(at)?;
        let mut link = sighting.report.links.iter().find(|link| link.key == key)?.clone();
        link.handshake_age = link.handshake_age.map(|age| age + self.now.since(sighting.received));
        Some(link)
    }

    /// Whether one end of a tunnel says that it is up.
    pub(crate) fn is_live(&self, at: PeerId, to: PeerId) -> bool {
        self.link(at, to).and_then(|link| link.handshake_age).is_some_and(|age| age < LIVE)
    }

    /// Everything that may be reached, by the names of its ends.
    pub fn passages(&self) -> Vec<Passage> {
        crate::effect::Effect::between(None, self.desired).gained().iter().cloned().collect()
    }

    /// How much something that may be reached is used; `None` is unknown.
    pub fn usage(&self, passage: &Passage) -> Option<Used> {
        used(passage, self.desired.intent(), self.observed, self.now)
    }

    /// What was refused of a flow, where it would arrive.
    pub(crate) fn refused(
        &self,
        from: PeerId,
        to: Destination,
        covers: impl Fn(&nanami_model::Service) -> bool,
    ) -> Refusals {
        let mut refusals = Refusals::default();
        for (at, sighting) in self.observed.iter().filter(|(id, _)| self.believed(*id).is_some()) {
            let reached = |address| match to {
                Destination::Peer(id) => {
                    self.desired.intent().get(id).is_some_and(|p| p.addresses().contains(&address))
                }
                Destination::Route(id) => self.desired.territory(id).iter().any(|range| range.contains(address)),
                Destination::Address(at) => at == address,
            };
            let about = |a: &&nanami_model::Attempt| a.from == Some(from) && reached(a.to) && covers(&a.service);
            for attempt in sighting.report.attempts.iter().filter(about) {
                let age = attempt.last_age + self.now.since(sighting.received);
                refusals.count += attempt.count;
                refusals.latest = Some(refusals.latest.map_or(age, |latest| latest.min(age)));
                if !refusals.at.contains(&at) {
                    refusals.at.push(at);
                }
            }
        }
        refusals
    }
}

/// What was refused of a flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Refusals {
    pub(crate) count: u64,
    pub(crate) latest: Option<Duration>,
    pub(crate) at: Vec<PeerId>,
}

/// The usage in a report that is about a policy and a neighbor.
pub(crate) fn about<'u>(
    usage: &'u [Usage],
    policies: &'u [nanami_model::PolicyId],
    from: PeerId,
) -> impl Iterator<Item = &'u Usage> {
    usage.iter().filter(move |usage| policies.contains(&usage.policy) && usage.from == Some(from))
}

//! Drift: what runs on a machine differently from how it should, though its agent applied what it was told.
//!
//! **Invariants**: an entry is named only where the report that names it is borne out by the map: what was never applied is not
//! removed, and what is wanted is not foreign (PLANNING.md I28). Endpoints, handshakes and counters are in no map, and so
//! never among the entries (I30). A report that names none still says which parts differ, by their digests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use nanami_model::{Alteration, Cidr, Facet, Intent, Label, MapItem, NetworkMap, Observed, PeerId, PublicKey};
use nanami_model::{Sighting, Timestamp};

use crate::desired::Desired;
use crate::diff::{DiffClass, DiffEntry, Words, differing, items, name_in};

/// A part of a peer's map that runs differently from how it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    peer: Label,
    facet: Facet,
    since: Duration,
    entries: Vec<DriftEntry>,
}

/// One entry that somebody altered on a machine. `Display` is a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftEntry {
    difference: DiffEntry,
    seen: Timestamp,
    applied: Option<Timestamp>,
    now: Timestamp,
}

impl Drift {
    /// Which part.
    pub fn facet(&self) -> Facet {
        self.facet
    }

    /// How long ago the peer first reported what runs there now.
    pub fn since(&self) -> Duration {
        self.since
    }

    /// At whom.
    pub fn peer(&self) -> &Label {
        &self.peer
    }

    /// The entries of the part that were altered, as far as the peer names them.
    pub fn entries(&self) -> &[DriftEntry] {
        &self.entries
    }

    /// Each entry in a sentence that names the peer; one about the whole part if none is known.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let name = self.peer.name().map_or_else(|| self.peer.to_string(), ToString::to_string);
        if self.entries.is_empty() {
            return vec![format!("{name}: {} changed on the machine", self.facet)];
        }
        self.entries.iter().map(|entry| format!("{name}: {entry}")).collect()
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentences().join("; "))
    }
}

impl DriftEntry {
    /// How what is there differs from what should be: [`DiffClass::Drift`] or [`DiffClass::Foreign`].
    pub fn difference(&self) -> &DiffEntry {
        &self.difference
    }

    /// When its agent first saw it so, by control's clock.
    pub fn seen(&self) -> Timestamp {
        self.seen
    }

    /// When the map that was altered was applied, by control's clock; `None` if the agent does not say.
    pub fn applied(&self) -> Option<Timestamp> {
        self.applied
    }

    /// `missing`, `altered`, or `foreign`.
    pub(crate) fn word(&self) -> &'static str {
        match (self.difference.class, &self.difference.observed) {
            (DiffClass::Foreign, _) => "foreign",
            (_, None) => "missing",
            _ => "altered",
        }
    }

    /// What it is, with what it says or said.
    pub(crate) fn what(&self) -> String {
        let DiffEntry { entry, observed, desired, facet, .. } = &self.difference;
        let says = |value: &String| match (facet, value.as_str()) {
            // How a tunnel is kept is nothing to name it by.
            (_, "") | (Facet::Neighbors, _) => entry.clone(),
            (_, value) => format!("{entry} of {value}"),
        };
        match (observed, desired) {
            (Some(is), Some(should)) => format!("{entry}: {is}, should be {should}"),
            (is, should) => is.as_ref().or(should.as_ref()).map_or_else(|| entry.clone(), says),
        }
    }

    /// When it was seen, and when the map was applied that it differs from.
    pub(crate) fn when(&self) -> String {
        let applied = self.applied.map(|at| format!(" (applied at {})", clock(at, self.now)));
        format!("at {}{}", clock(self.seen, self.now), applied.unwrap_or_default())
    }
}

impl fmt::Display for DriftEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DiffEntry { entry, observed, desired, .. } = &self.difference;
        let when = self.when();
        match (self.word(), observed, desired) {
            ("altered", Some(is), Some(should)) => {
                write!(f, "{entry} was changed by somebody from {should} to {is} {when}")
            }
            ("foreign", ..) => write!(f, "{} was added by somebody {when}", self.what()),
            _ => write!(f, "{} was removed by somebody {when}", self.what()),
        }
    }
}

/// The time of day, with the date if that is another one than today.
fn clock(at: Timestamp, now: Timestamp) -> String {
    let (at, now) = (at.to_string(), now.to_string());
    // `2026-11-24 18:34:35 UTC`, without the seconds, which no reader needs.
    let (at, now) = (at.split_at(at.len() - ":00 UTC".len()).0, now.split(' ').next().unwrap_or_default());
    format!("{} UTC", at.strip_prefix(now).unwrap_or(at).trim_start())
}

/// What runs differently in these parts at a peer that applied this map.
pub(crate) fn drift(
    intent: &Intent,
    (peer, map): (PeerId, &NetworkMap),
    facets: &[Facet],
    sighting: &Sighting,
    now: Timestamp,
) -> Vec<Drift> {
    let entries = entries(intent, map, sighting, now);
    let of = |facet: &Facet| Drift {
        peer: intent.label(peer),
        facet: *facet,
        since: now.since(sighting.since),
        entries: entries.iter().filter(|entry| entry.difference.facet == *facet).cloned().collect(),
    };
    facets.iter().map(of).collect()
}

/// The parts whose digests differ from what was reported.
pub(crate) fn altered(map: &NetworkMap, sighting: &Sighting) -> Vec<Facet> {
    Facet::ALL.into_iter().filter(|facet| sighting.digest(*facet) != Some(map.digest(*facet))).collect()
}

/// What agents of a settled state say of entries that somebody altered, peer by peer.
pub(crate) fn of_all(desired: &Desired, observed: &Observed, now: Timestamp) -> Vec<Drift> {
    let told = observed
        .iter()
        .filter(|(_, sighting)| !sighting.report.altered.is_empty() || sighting.report.altered_overflow > 0);
    let told = told.filter(|(peer, _)| observed.believed(*peer, now).is_some());
    let drift = |(peer, sighting): (PeerId, &Sighting)| {
        let map = desired.map_for(peer)?;
        Some(drift(desired.intent(), (peer, &map), &altered(&map, sighting), sighting, now))
    };
    told.filter_map(drift).flatten().collect()
}

fn entries(intent: &Intent, map: &NetworkMap, sighting: &Sighting, now: Timestamp) -> Vec<DriftEntry> {
    let report = &sighting.report;
    if report.altered.is_empty() {
        return Vec::new();
    }
    let key = |key| name_in(map, &key).or_else(|| named(intent, key)).unwrap_or_else(|| key.to_string());
    let range = |range: Cidr| {
        // With its address: a peer has several, and one of them may be what was altered.
        let peer = range.is_host().then(|| intent.peer_at(range.address())).flatten();
        let name = peer.and_then(|peer| intent.name_of(peer));
        name.map_or_else(|| range.to_string(), |name| format!("{name} ({})", range.address()))
    };
    let words = Words { key: &key, range: &range };
    let of = |how| report.altered.iter().filter(move |altered| altered.how == how).map(|altered| &altered.item);
    let removed: BTreeSet<&MapItem> = of(Alteration::Removed).collect();
    let applied = words.entries(items(map));
    let left = items(map).filter(|item| !removed.contains(item));
    let observed = words.entries(left.chain(of(Alteration::Added).cloned()));
    let mut ages: BTreeMap<(Facet, String), Duration> = BTreeMap::new();
    for altered in &report.altered {
        let about = (altered.item.facet(), words.entry(&altered.item).0);
        ages.entry(about).and_modify(|age| *age = altered.age.min(*age)).or_insert(altered.age);
    }
    let ago = |age: Duration| {
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(sighting.received.as_millis().saturating_sub(age))
    };
    let entry = |difference: DiffEntry| {
        let age = ages.get(&(difference.facet, difference.entry.clone())).copied().unwrap_or_default();
        DriftEntry { seen: ago(age), applied: report.applied_age.map(ago), now, difference }
    };
    // What was applied is what should be: whoever runs an older map is behind, and no drift is told of them.
    differing(&applied, &observed, &applied).into_iter().map(entry).collect()
}

fn named(intent: &Intent, key: PublicKey) -> Option<String> {
    let (_, peer) = intent.peers().find(|(_, peer)| peer.key() == Some(key))?;
    Some(nanami_model::Entity::name(peer).to_string())
}

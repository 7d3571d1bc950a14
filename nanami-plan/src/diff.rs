//! Three-way difference: what somebody last applied, what is there, and what should be.
//!
//! **Invariants**: what is there and was neither applied by us nor is wanted is foreign, and never ours to remove (PLANNING.md
//! I28); endpoints, handshakes and counters are no part of a map and never make a difference (I30); between three equal maps
//! there is nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use nanami_model::{Cidr, Facet, MapItem, NetworkMap, PublicKey};

/// How one entry differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DiffClass {
    /// It should be there, was never applied, and is not there.
    Missing,
    /// We applied it, it is still there, and it should not be.
    Extra,
    /// It is there as we applied it, and should be another one.
    Changed,
    /// We applied it as it should be, and somebody else altered or removed it.
    Drift,
    /// It is there, we did not apply it, and nobody wants it: kept, and told.
    Foreign,
}

/// One entry of a map that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DiffEntry {
    /// How it differs.
    pub class: DiffClass,
    /// The entry, in words that do not name what may change of it.
    pub entry: String,
    /// What is there; `None` is nothing.
    pub observed: Option<String>,
    /// What should be there; `None` is nothing.
    pub desired: Option<String>,
    /// The facet of the map that it is in.
    pub facet: Facet,
}

impl fmt::Display for DiffClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Changed => "changed",
            Self::Drift => "drift",
            Self::Foreign => "foreign",
        })
    }
}

impl fmt::Display for DiffEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.class, self.entry)?;
        match (&self.observed, &self.desired) {
            (Some(is), Some(should)) if is != should => write!(f, ": {is}, should be {should}"),
            _ => Ok(()),
        }
    }
}

/// What differs between what is there and what should be, entry by entry, told apart by what we last applied.
pub fn diff(applied: &NetworkMap, observed: &NetworkMap, desired: &NetworkMap) -> Vec<DiffEntry> {
    // A name is who a neighbor is as long as it has one key; with another key it is another tunnel.
    let mut bearers: BTreeMap<String, BTreeSet<PublicKey>> = BTreeMap::new();
    for neighbor in [desired, applied, observed].into_iter().flat_map(|map| map.neighbors()) {
        let name = neighbor.name().map(ToString::to_string);
        bearers.entry(name.unwrap_or_else(|| neighbor.key().to_string())).or_default().insert(neighbor.key());
    }
    let names: BTreeMap<PublicKey, String> = bearers
        .iter()
        .flat_map(|(name, keys)| keys.iter().map(move |key| (*key, (name, keys.len()))))
        .map(|(key, (name, bearers))| (key, if bearers == 1 { name.clone() } else { format!("{name} ({key})") }))
        .collect();
    let key = |key| names.get(&key).cloned().unwrap_or_else(|| key.to_string());
    let words = Words { key: &key, range: &|range| range.to_string() };
    let all = |map| words.entries(items(map));
    differing(&all(applied), &all(observed), &all(desired))
}

/// Everything that a map says.
pub(crate) fn items(map: &NetworkMap) -> impl Iterator<Item = MapItem> + '_ {
    Facet::ALL.into_iter().flat_map(|facet| map.items(facet))
}

/// What a map calls a neighbor.
pub(crate) fn name_in(map: &NetworkMap, key: &PublicKey) -> Option<String> {
    map.neighbor(key)?.name().map(ToString::to_string)
}

/// What entries say, by what they are about.
pub(crate) type Entries = BTreeMap<(Facet, String), BTreeSet<String>>;

pub(crate) fn differing(applied: &Entries, observed: &Entries, desired: &Entries) -> Vec<DiffEntry> {
    let mut keys: Vec<_> = applied.keys().chain(observed.keys()).chain(desired.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let text = |values: &BTreeSet<String>| values.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let entry = |key: &(Facet, String)| {
        let (was, is, should) = (applied.get(key), observed.get(key), desired.get(key));
        let class = classify(was, is, should)?;
        let (facet, entry) = key.clone();
        Some(DiffEntry { class, entry, observed: is.map(text), desired: should.map(text), facet })
    };
    let mut differing: Vec<_> = keys.into_iter().filter_map(entry).collect();
    differing.sort();
    differing
}

fn classify<T: PartialEq>(was: Option<T>, is: Option<T>, should: Option<T>) -> Option<DiffClass> {
    if is == should {
        return None;
    }
    Some(match (&was, &is, &should) {
        (None, None, Some(_)) => DiffClass::Missing,
        (None, Some(_), None) => DiffClass::Foreign,
        // Somebody put something else where we wanted, or have, something.
        _ if was != is => DiffClass::Drift,
        (Some(_), _, None) => DiffClass::Extra,
        _ => DiffClass::Changed,
    })
}

/// What neighbors and ranges are called.
pub(crate) struct Words<'a> {
    pub(crate) key: &'a dyn Fn(PublicKey) -> String,
    pub(crate) range: &'a dyn Fn(Cidr) -> String,
}

impl Words<'_> {
    pub(crate) fn entries(&self, items: impl Iterator<Item = MapItem>) -> Entries {
        let mut entries = Entries::new();
        for item in items {
            let (about, says) = self.entry(&item);
            entries.entry((item.facet(), about)).or_default().insert(says);
        }
        entries
    }

    /// What an item is about, and what it says of it; nothing where there is nothing more to say.
    pub(crate) fn entry(&self, item: &MapItem) -> (String, String) {
        let (key, range) = (self.key, self.range);
        match item {
            MapItem::Address(address) => (format!("address {address}"), String::new()),
            MapItem::Neighbor { key: neighbor, keepalive, .. } => {
                let warm = keepalive.map(|every| format!("kept warm every {} s", every.as_secs()));
                (format!("tunnel to {}", key(*neighbor)), warm.unwrap_or_else(|| "at rest".to_owned()))
            }
            MapItem::AllowedIp { prefix, of } => (format!("allowed IP {prefix}"), key(*of)),
            MapItem::Standby { prefix, rank, of } => (format!("standby {rank} for {prefix}"), key(*of)),
            MapItem::Accepted { prefix, of } => (format!("{prefix} taken from {}", key(*of)), String::new()),
            MapItem::Accept(rule) => (format!("accept from {} {}", range(rule.from), rule.services), String::new()),
            MapItem::Forward(rule) => {
                let (from, to) = (range(rule.from), range(rule.to));
                (format!("forward {from} -> {to} {}", rule.services), String::new())
            }
            MapItem::Masquerade(prefix) => (format!("masquerade towards {}", range(*prefix)), String::new()),
            MapItem::Route(prefix) => (format!("route {prefix}"), String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nanami_model::{Neighbor, PrivateKey, PublicKey, name};

    use super::*;

    fn key(n: u8) -> PublicKey {
        PrivateKey::from_bytes([n; 32]).public()
    }

    fn map(owner: u8, routes: &[&str]) -> NetworkMap {
        let vpc = "10.60.0.0/16".parse().unwrap();
        let neighbor = |n: u8| Neighbor::new(key(n), if n == owner { vec![vpc] } else { Vec::new() });
        let all = [1, 2].map(neighbor);
        NetworkMap::new([]).with_neighbors(all).with_routes(routes.iter().map(|text| text.parse().unwrap()))
    }

    fn classes(applied: &NetworkMap, observed: &NetworkMap, desired: &NetworkMap) -> Vec<(DiffClass, String)> {
        diff(applied, observed, desired).into_iter().map(|d| (d.class, d.entry)).collect()
    }

    #[test]
    fn i28_each_class_has_its_cause_and_what_is_foreign_is_never_extra() {
        let none = NetworkMap::new([]);
        let (old, new) = (map(1, &["10.1.0.0/16"]), map(2, &["10.2.0.0/16"]));
        assert_eq!(classes(&old, &old, &old), []);
        let owner = "allowed IP 10.60.0.0/16".to_owned();
        let [one, two] = ["route 10.1.0.0/16", "route 10.2.0.0/16"].map(str::to_owned);
        assert_eq!(
            classes(&old, &old, &new),
            [(DiffClass::Missing, two.clone()), (DiffClass::Extra, one.clone()), (DiffClass::Changed, owner.clone())]
        );
        let altered = map(2, &["10.1.0.0/16", "10.9.0.0/16"]);
        let foreign = (DiffClass::Foreign, "route 10.9.0.0/16".to_owned());
        assert_eq!(classes(&old, &altered, &old), [(DiffClass::Drift, owner), foreign.clone()]);
        assert!(classes(&old, &altered, &new).contains(&foreign), "a new map does not make it ours");
        assert!(classes(&none, &none, &new).iter().all(|(class, _)| *class == DiffClass::Missing));
        assert!(classes(&none, &new, &none).iter().all(|(class, _)| *class == DiffClass::Foreign));
        assert!(classes(&old, &none, &old).iter().all(|(class, _)| *class == DiffClass::Drift));
    }

    #[test]
    fn another_key_under_the_same_name_is_another_tunnel() {
        let gate = |n| {
            let neighbor = Neighbor::new(key(n), ["10.42.0.2/32".parse().unwrap()]);
            NetworkMap::new([])
                .with_neighbor(neighbor.with_identity(nanami_model::PeerId::from_bytes([1; 10]), name!("gate")))
        };
        let (old, new) = (gate(1), gate(2));
        let found = classes(&old, &old, &new);
        let (was, is) = (format!("tunnel to gate ({})", key(1)), format!("tunnel to gate ({})", key(2)));
        let owner = (DiffClass::Changed, "allowed IP 10.42.0.2/32".to_owned());
        assert_eq!(found, [(DiffClass::Missing, is), (DiffClass::Extra, was), owner]);
    }

    #[test]
    fn i30_where_a_neighbor_is_makes_no_difference_and_how_it_is_kept_warm_does() {
        let neighbor =
            || Neighbor::new(key(1), []).with_identity(nanami_model::PeerId::from_bytes([1; 10]), name!("gate"));
        let with = |neighbor: Neighbor| NetworkMap::new([]).with_neighbor(neighbor);
        let cold = with(neighbor());
        let warm = with(neighbor().with_keepalive(Duration::from_secs(25)));
        let later = cold.clone().with_generation(nanami_model::Epoch::new(3), nanami_model::Generation::new(9));
        assert_eq!(classes(&cold, &later, &cold), []);
        let text: Vec<_> = diff(&cold, &cold, &warm).iter().map(ToString::to_string).collect();
        assert_eq!(text, ["changed tunnel to gate: at rest, should be kept warm every 25 s"]);
    }
}

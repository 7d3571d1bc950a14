//! Three-way difference: what somebody last applied, what is there, and what should be.
//!
//! **Invariants**: what is there and was neither applied by us nor is wanted is foreign, and never ours to remove (PLANNING.md
//! I28); endpoints, handshakes and counters are no part of a map and never make a difference (I30); between three equal maps
//! there is nothing.

use std::collections::BTreeMap;
use std::fmt;

use nanami_model::NetworkMap;

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
    let [applied, observed, desired] = [applied, observed, desired].map(entries);
    let mut keys: Vec<&String> = applied.keys().chain(observed.keys()).chain(desired.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let differing = keys.into_iter().filter_map(|key| {
        let (was, is, should) = (applied.get(key), observed.get(key), desired.get(key));
        let class = classify(was, is, should)?;
        Some(DiffEntry { class, entry: key.clone(), observed: is.cloned(), desired: should.cloned() })
    });
    let mut differing: Vec<_> = differing.collect();
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

/// The entries of a map: what each is about, with what it says.
fn entries(map: &NetworkMap) -> BTreeMap<String, String> {
    let mut entries: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut put = |key: String, value: String| entries.entry(key).or_default().push(value);
    for address in map.addresses() {
        put(format!("address {address}"), String::new());
    }
    for neighbor in map.neighbors() {
        let key = neighbor.key();
        let name = neighbor.name().map_or_else(|| key.to_string(), ToString::to_string);
        let keepalive = neighbor.keepalive().map(|every| format!("kept warm every {} s", every.as_secs()));
        let keepalive = keepalive.unwrap_or_else(|| "at rest".to_owned());
        put(format!("tunnel to {name}"), keepalive);
        neighbor.allowed_ips().iter().for_each(|prefix| put(format!("owner of {prefix}"), name.clone()));
        for standby in neighbor.standby() {
            put(format!("standby {} for {}", standby.rank, standby.prefix), name.clone());
        }
        neighbor.accepted().iter().for_each(|prefix| put(format!("{prefix} taken from {name}"), String::new()));
    }
    for rule in map.filter().rules() {
        put(format!("accept from {} {}", rule.from, rule.services), String::new());
    }
    for rule in map.forward() {
        put(format!("forward {} -> {} {}", rule.from, rule.to, rule.services), String::new());
    }
    map.routes().iter().for_each(|prefix| put(format!("route {prefix}"), String::new()));
    let joined = |mut values: Vec<String>| {
        values.sort_unstable();
        values.dedup();
        values.join(", ")
    };
    entries.into_iter().map(|(key, values)| (key, joined(values))).collect()
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
        let owner = "owner of 10.60.0.0/16".to_owned();
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

//! A selection as it is kept, so that whoever starts again moves nobody.
//!
//! **Invariant**: what is read is a selection that could have been written: each number names a list, and clients are sorted and
//! without duplicates. Routes that share an answer share it again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nanami_model::{Cidr, GatewayId, PeerId, RegionId, RouteId, Timestamp};
use serde::{Deserialize, Serialize};

use super::health::Standing;
use super::roster::{Roster, RosterForm};
use super::{Chosen, Selection};

/// What is written.
#[derive(Serialize, Deserialize)]
pub(super) struct Form {
    selection: u8,
    rosters: Vec<RosterForm>,
    /// Which roster is whose.
    of: BTreeMap<RouteId, usize>,
    standing: BTreeMap<GatewayId, Standing>,
    down: Vec<RouteId>,
    #[serde(default)]
    on_link: BTreeMap<PeerId, BTreeSet<Cidr>>,
}

/// Since when another region has been better for a client.
pub(super) type Better = BTreeMap<PeerId, (RegionId, Timestamp)>;

const FORMAT: u8 = 1;

impl From<Selection> for Form {
    fn from(selection: Selection) -> Self {
        let Chosen { rosters, standing, down, on_link } = &*selection.0;
        let mut different: Vec<&Arc<Roster>> = Vec::new();
        let mut number = |roster| {
            different.iter().position(|known| Arc::ptr_eq(known, roster)).unwrap_or_else(|| {
                different.push(roster);
                different.len() - 1
            })
        };
        let of = rosters.iter().map(|(route, roster)| (*route, number(roster))).collect();
        let rosters = different.into_iter().map(|roster| RosterForm::from(&**roster)).collect();
        let (standing, down, on_link) = (standing.clone(), down.iter().copied().collect(), on_link.clone());
        Self { selection: FORMAT, rosters, of, standing, down, on_link }
    }
}

impl TryFrom<Form> for Selection {
    type Error = String;

    fn try_from(form: Form) -> Result<Self, String> {
        if form.selection != FORMAT {
            return Err(format!("this is a selection of form {}; this release reads form {FORMAT}", form.selection));
        }
        let rosters = form.rosters.into_iter().map(|form| Roster::try_from(form).map(Arc::new));
        let rosters = rosters.collect::<Result<Vec<_>, _>>()?;
        let of = |(route, number): (RouteId, usize)| {
            let roster = rosters.get(number).ok_or_else(|| format!("there is no roster {number}"))?;
            Ok::<_, String>((route, roster.clone()))
        };
        let rosters = form.of.into_iter().map(of).collect::<Result<_, _>>()?;
        let Form { standing, down, on_link, .. } = form;
        Ok(Self::new(Chosen { rosters, standing, down: down.into_iter().collect(), on_link }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids<T>(from: impl Fn([u8; 10]) -> T, n: u8) -> Vec<T> {
        (1..=n).map(|n| from([n; 10])).collect()
    }

    fn selection() -> Selection {
        let (gateways, routes) = (ids(GatewayId::from_bytes, 3), ids(RouteId::from_bytes, 3));
        let clients: Arc<[PeerId]> = ids(PeerId::from_bytes, 4).into();
        let ranks = [vec![gateways[0], gateways[1]], vec![gateways[2]], vec![gateways[0], gateways[1]], vec![]];
        let mut each = Roster::of_each(&clients, ranks);
        each.moved = [(Some(clients[1]), Timestamp::from_millis(7))].into();
        each.over = [(gateways[0], Timestamp::from_millis(8))].into();
        each.better = [(clients[2], (RegionId::from_bytes([9; 10]), Timestamp::from_millis(9)))].into();
        let mut all = Roster::of_everybody([gateways[1]].as_slice().into());
        all.moved = [(None, Timestamp::from_millis(5))].into();
        let (each, all) = (Arc::new(each), Arc::new(all));
        let rosters = [(routes[0], each.clone()), (routes[1], all), (routes[2], each)].into();
        let standing = [(gateways[2], Standing::failed(None, Timestamp::from_millis(11)))].into();
        let on_link = [(clients[3], BTreeSet::from(["10.60.0.0/16".parse().unwrap()]))].into();
        Selection::new(Chosen { rosters, standing, down: BTreeSet::from([routes[1]]), on_link })
    }

    #[test]
    fn what_is_kept_comes_back_and_is_shared_again() {
        let text = serde_json::to_string(&selection()).unwrap();
        let again: Selection = serde_json::from_str(&text).unwrap();
        assert_eq!(again, selection());
        let rosters: Vec<_> = again.0.rosters.values().collect();
        assert!(Arc::ptr_eq(rosters[0], rosters[2]) && !Arc::ptr_eq(rosters[0], rosters[1]));
        let nothing = serde_json::to_string(&Selection::default()).unwrap();
        assert_eq!(serde_json::from_str::<Selection>(&nothing).unwrap(), Selection::default());
    }

    #[test]
    fn what_was_never_written_is_refused() {
        let value = serde_json::to_value(selection()).unwrap();
        let spoilt = |with: &dyn Fn(&mut serde_json::Value)| {
            let mut value = value.clone();
            with(&mut value);
            serde_json::from_value::<Selection>(value).unwrap_err().to_string()
        };
        assert!(spoilt(&|v| v["selection"] = 9.into()).contains("form 9"));
        let route = RouteId::from_bytes([1; 10]).to_string();
        assert!(spoilt(&|v| v["of"][&route] = 99.into()).contains("no roster 99"));
        assert!(spoilt(&|v| v["rosters"][0]["numbers"][0] = 99.into()).contains("no list 99"));
        assert!(spoilt(&|v| v["rosters"][0]["numbers"] = Vec::<u8>::new().into()).contains("clients"));
        assert!(spoilt(&|v| v["rosters"][0]["clients"].as_array_mut().unwrap().reverse()).contains("sorted"));
    }
}

//! The ranked gateways of the clients of one route.
//!
//! **Invariant**: each list names a gateway once; clients that have the same list share it.

use std::collections::BTreeMap;
use std::sync::Arc;

use nanami_model::{GatewayId, PeerId, Timestamp};
use serde::{Deserialize, Serialize};

use super::saved::Better;

/// Gateways, the one in use first.
pub(crate) type Ranks = Arc<[GatewayId]>;

/// Who has which ranked list, and since when something about it stays true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Roster {
    lists: Vec<Ranks>,
    of: Assigned,
    /// When each client last changed its first gateway, as long as that keeps it from changing again.
    pub(super) moved: BTreeMap<Option<PeerId>, Timestamp>,
    /// Since when a gateway has had more clients than its bound.
    pub(super) over: BTreeMap<GatewayId, Timestamp>,
    /// Since when another region has been better for a client.
    pub(super) better: Better,
}

/// A roster as it is written.
#[derive(Serialize, Deserialize)]
pub(super) struct RosterForm {
    lists: Vec<Vec<GatewayId>>,
    /// The clients, sorted, each with the number of its list; `None` where the first list is everybody's.
    clients: Option<Vec<PeerId>>,
    numbers: Vec<u32>,
    all_moved: Option<Timestamp>,
    moved: BTreeMap<PeerId, Timestamp>,
    over: BTreeMap<GatewayId, Timestamp>,
    better: Better,
}

impl From<&Roster> for RosterForm {
    fn from(roster: &Roster) -> Self {
        let (clients, numbers) = match &roster.of {
            Assigned::Everybody => (None, Vec::new()),
            Assigned::Each { clients, lists } => (Some(clients.to_vec()), lists.clone()),
        };
        let moved = roster.moved.iter().filter_map(|(client, at)| Some(((*client)?, *at)));
        Self {
            lists: roster.lists.iter().map(|ranks| ranks.to_vec()).collect(),
            clients,
            numbers,
            all_moved: roster.moved.get(&None).copied(),
            moved: moved.collect(),
            over: roster.over.clone(),
            better: roster.better.clone(),
        }
    }
}

impl TryFrom<RosterForm> for Roster {
    type Error = String;

    fn try_from(form: RosterForm) -> Result<Self, String> {
        let lists: Vec<Ranks> = form.lists.into_iter().map(Into::into).collect();
        let of = match form.clients {
            None => Assigned::Everybody,
            Some(clients) if clients.len() != form.numbers.len() => {
                return Err("a roster has more or fewer clients than numbers of lists".to_owned());
            }
            Some(clients) if !clients.is_sorted_by(|one, next| one < next) => {
                return Err("the clients of a roster are not sorted".to_owned());
            }
            Some(clients) => Assigned::Each { clients: clients.into(), lists: form.numbers },
        };
        if let Assigned::Each { lists: numbers, .. } = &of
            && let Some(number) = numbers.iter().find(|number| **number as usize >= lists.len())
        {
            return Err(format!("a roster has no list {number}"));
        }
        let moved = form.moved.into_iter().map(|(client, at)| (Some(client), at));
        let moved = moved.chain(form.all_moved.map(|at| (None, at))).collect();
        Ok(Self { lists, of, moved, over: form.over, better: form.better })
    }
}

/// Which list is whose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Assigned {
    /// The first list is everybody's.
    #[default]
    Everybody,
    /// By client, sorted; the numbers stand beside them.
    Each { clients: Arc<[PeerId]>, lists: Vec<u32> },
}

impl Roster {
    /// One list for everybody.
    pub(crate) fn of_everybody(ranks: Ranks) -> Self {
        Self { lists: vec![ranks], ..Self::default() }
    }

    /// A list for each of these clients, which are sorted.
    pub(super) fn of_each(clients: &Arc<[PeerId]>, ranks: impl IntoIterator<Item = Vec<GatewayId>>) -> Self {
        let mut known: BTreeMap<Vec<GatewayId>, u32> = BTreeMap::new();
        let mut lists = Vec::new();
        let numbers = ranks.into_iter().map(|ranks| {
            *known.entry(ranks).or_insert_with_key(|ranks| {
                lists.push(ranks.as_slice().into());
                u32::try_from(lists.len() - 1).expect("there are no more lists than clients, which ids count")
            })
        });
        let numbers = numbers.collect();
        Self { lists, of: Assigned::Each { clients: clients.clone(), lists: numbers }, ..Self::default() }
    }

    /// The different lists, in no order that means anything.
    pub(crate) fn lists(&self) -> &[Ranks] {
        &self.lists
    }

    /// The ranked list of a client; `None` if it has none.
    pub(crate) fn ranks(&self, client: PeerId) -> Option<&Ranks> {
        match &self.of {
            Assigned::Everybody => self.lists.first(),
            Assigned::Each { clients, lists } => self.lists.get(lists[clients.binary_search(&client).ok()?] as usize),
        }
    }

    /// Each client that has a list of its own, with the number of that list.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (PeerId, u32)> + '_ {
        let each = match &self.of {
            Assigned::Everybody => None,
            Assigned::Each { clients, lists } => Some(clients.iter().copied().zip(lists.iter().copied())),
        };
        each.into_iter().flatten()
    }

    /// Whether everybody has the same list in both.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        self.of == other.of && self.lists == other.lists
    }

    /// Everybody's list, if there is one list.
    pub(crate) fn shared(&self) -> Option<&Ranks> {
        matches!(self.of, Assigned::Everybody).then(|| self.lists.first()).flatten()
    }

    /// How many clients have each gateway first.
    pub(crate) fn load(&self) -> BTreeMap<GatewayId, usize> {
        let mut load = BTreeMap::new();
        if let Assigned::Each { lists, .. } = &self.of {
            for first in lists.iter().filter_map(|list| self.lists[*list as usize].first()) {
                *load.entry(*first).or_default() += 1;
            }
        }
        load
    }
}

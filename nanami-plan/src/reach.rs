//! Reach: who gets where, and which people that concerns.

use std::collections::BTreeSet;

use nanami_model::{Destination, PeerId, UserId};

use crate::effect::{Passage, networks_of};
use crate::names::Names;
use crate::usage::Used;
use crate::view::View;

/// Whose reach is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// What a peer reaches.
    From(PeerId),
    /// Who reaches something: a peer or a route.
    To(Destination),
    /// What the peers of a user's groups reach.
    User(UserId),
}

/// Who gets where. `Display` is the text for people, `{:#}` the unabridged one.
#[derive(Debug, Clone)]
pub struct Reach {
    pub(crate) who: Who,
    pub(crate) rows: Vec<(Passage, Option<Used>)>,
    pub(crate) people: Vec<String>,
    pub(crate) names: Names,
    pub(crate) revision: nanami_model::Revision,
}

impl Reach {
    /// What is reached, by the names of its ends, with how much it is used; `None` is unknown.
    pub fn passages(&self) -> impl ExactSizeIterator<Item = (&Passage, Option<Used>)> {
        self.rows.iter().map(|(passage, used)| (passage, *used))
    }
}

impl View<'_> {
    /// Who gets where.
    pub fn reach(&self, who: &Who) -> Reach {
        let intent = self.desired().intent();
        let members: BTreeSet<PeerId> = match who {
            Who::User(user) => {
                let groups = intent.get(*user).into_iter().flat_map(|user| user.roles()).map(|(group, _)| group);
                groups.flat_map(|group| intent.members(group.into())).collect()
            }
            _ => BTreeSet::new(),
        };
        let (desired, access) = (self.desired(), self.desired().access());
        let from = |peer: PeerId| access.from(peer).filter_map(move |(to, _)| Passage::of(desired, peer, to));
        let mut found: Vec<Passage> = match who {
            Who::From(peer) => from(*peer).collect(),
            Who::To(to) => access.to(*to).filter_map(|(peer, _)| Passage::of(desired, peer, *to)).collect(),
            Who::User(_) => members.iter().flat_map(|peer| from(*peer)).collect(),
        };
        found.retain(|passage| !passage.way.is_nowhere());
        crate::effect::sort(&mut found, &Names::new(intent, None));
        let rows: Vec<_> = found.into_iter().map(|passage| (self.usage(&passage), passage)).collect();
        let rows: Vec<_> = rows.into_iter().map(|(used, passage)| (passage, used)).collect();
        let names = Names::new(intent, None);
        let people = self.people(who, &rows);
        Reach { who: *who, rows, people, names, revision: intent.revision() }
    }

    /// Which group each peer belongs to, or owns what is reached, and who administers that group.
    fn people(&self, who: &Who, rows: &[(Passage, Option<Used>)]) -> Vec<String> {
        let intent = self.desired().intent();
        let names = Names::new(intent, None);
        let mut groups = BTreeSet::new();
        for (passage, _) in rows {
            match who {
                Who::To(_) => groups.extend(intent.get(passage.from).into_iter().flat_map(|peer| peer.groups())),
                _ => {
                    let networks = networks_of(intent, passage.to).into_iter().filter_map(|id| intent.get(id));
                    groups.extend(networks.map(|network| network.owner()));
                }
            }
        }
        let mut lines: Vec<_> = groups
            .into_iter()
            .map(|group| {
                let admins = intent.users().filter(|(_, user)| {
                    user.roles().any(|(on, role)| on == group && role.permits(nanami_model::Permission::WorkspaceWrite))
                });
                let admins: Vec<_> = admins.map(|(id, _)| names.of(id)).collect();
                match admins.as_slice() {
                    [] => format!("{}: nobody", names.of(group)),
                    [one] => format!("{}: {one} administers it", names.of(group)),
                    all => format!("{}: {} administer it", names.of(group), all.join(", ")),
                }
            })
            .collect();
        lines.sort();
        lines
    }
}

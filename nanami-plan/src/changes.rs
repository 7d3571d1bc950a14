//! What differs between two intents, object by object.
//!
//! **Invariant**: goes by ids; every object that is in one and not in the other, or not the same, is listed once, but for join
//! keys and regions: the former mean nothing for the network, the latter come and go with their gateways.

use std::sync::Arc;

use nanami_model::{Activity, Difference, Intent, Label, Name, Object, ObjectId, Selector, Verdict};

use crate::names::Names;

/// One object that comes, goes or becomes another.
#[derive(Debug, Clone)]
pub struct Edit {
    kind: EditKind,
    label: Label,
    name: Name,
    of: Arc<Revisions>,
}

/// The revision that has the objects of some edits, and what things are called there.
#[derive(Debug)]
struct Revisions {
    intent: Intent,
    names: Names,
}

impl PartialEq for Edit {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.label, self.object_itself()) == (other.kind, &other.label, other.object_itself())
    }
}

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EditKind {
    /// It comes.
    Add,
    /// It becomes another.
    Update,
    /// It goes.
    Remove,
}

impl Edit {
    /// What happens to the object.
    pub fn kind(&self) -> EditKind {
        self.kind
    }

    /// The object.
    pub fn object(&self) -> &Label {
        &self.label
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The place of its kind in the order in which people name them.
    pub(crate) fn rank(&self) -> usize {
        let kind = self.label.id().kind();
        KINDS.iter().position(|known| *known == kind).unwrap_or(KINDS.len())
    }

    fn object_itself(&self) -> Option<Object> {
        self.of.intent.object(self.label.id())
    }

    /// What it says, cell by cell, for texts.
    pub(crate) fn cells(&self) -> Vec<String> {
        let object = self.object_itself();
        object.map(|object| describe(&object, &self.of.intent, &self.of.names)).unwrap_or_default()
    }

    /// The object itself, for the id of a plan.
    pub(crate) fn print(&self) -> String {
        self.object_itself().map(|object| format!("{object:?}")).unwrap_or_default()
    }

    pub(crate) fn sign(&self) -> &'static str {
        match self.kind {
            EditKind::Add => "+",
            EditKind::Update => "~",
            EditKind::Remove => "-",
        }
    }
}

/// The edits that lead from one intent to another; without a former one, everything that is there but its owner.
pub(crate) fn between(before: Option<&Intent>, after: &Intent) -> Vec<Edit> {
    by(before.map(|before| (before, after.difference(before))).as_ref(), after)
}

/// The same where it is known which objects differ from the former one.
pub(crate) fn by(before: Option<&(&Intent, Difference)>, after: &Intent) -> Vec<Edit> {
    let (before, difference) = before.map(|(before, difference)| (*before, difference)).unzip();
    let names = Names::new(after, before);
    let owner = match after.owner() {
        nanami_model::Actor::User(id) if before.is_none() => Some(ObjectId::User(id)),
        _ => None,
    };
    let of = |intent: &Intent| Arc::new(Revisions { intent: intent.clone(), names: names.clone() });
    let (newer, older) = (of(after), before.map(of));
    let edit = |kind, id: &ObjectId, of: &Arc<Revisions>| {
        let name = of.intent.name_of(*id)?.clone();
        Some(Edit { kind, label: of.intent.label(*id), name, of: of.clone() })
    };
    let mut edits: Vec<Edit> = Vec::new();
    match difference {
        None => {
            let all = after.ids().filter(|id| is_listed(id) && Some(*id) != owner);
            edits.extend(all.filter_map(|id| edit(EditKind::Add, &id, &newer)));
        }
        Some(difference) => {
            let listed = |ids: &[ObjectId]| ids.iter().filter(|id| is_listed(id)).copied().collect::<Vec<_>>();
            edits.extend(listed(difference.added()).iter().filter_map(|id| edit(EditKind::Add, id, &newer)));
            edits.extend(listed(difference.changed()).iter().filter_map(|id| edit(EditKind::Update, id, &newer)));
            let removed = listed(difference.removed());
            edits.extend(
                older.iter().flat_map(|older| removed.iter().filter_map(|id| edit(EditKind::Remove, id, older))),
            );
        }
    }
    edits.sort_by_cached_key(|edit| (edit.kind, edit.rank(), edit.name.clone()));
    edits
}

fn is_listed(id: &ObjectId) -> bool {
    KINDS.contains(&id.kind())
}

/// The kinds that are listed, in the order in which people name them.
const KINDS: [&str; 8] = ["user", "group", "network", "peer", "gateway", "route", "policy", "assertion"];

/// What an object says, in cells that align with those of its like.
fn describe(object: &Object, intent: &Intent, names: &Names) -> Vec<String> {
    let list = |ids: &[nanami_model::GatewayId]| names.list(ids);
    match object {
        Object::Policy(_, policy) => {
            let deny = if policy.verdict() == Verdict::Deny { "deny " } else { "" };
            let arrow = if policy.direction() == nanami_model::Direction::BothWays { "<->" } else { "->" };
            let pair = format!("{} {arrow} {}", names.of(policy.from()), names.of(policy.to()));
            let behind = match policy.to() {
                Selector::Route(id) => Some(format!("behind {}", list(&intent.gateways_of(id)))),
                _ if !policy.via().is_empty() => Some(format!("via {}", list(policy.via()))),
                _ => None,
            };
            vec![pair, format!("{deny}{}", policy.services()), behind.unwrap_or_default()]
        }
        Object::Route(id, route) => {
            let prefixes = route.prefixes().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            vec![prefixes, String::new(), format!("behind {}", list(&intent.gateways_of(*id)))]
        }
        Object::Gateway(_, gateway) => {
            let activity = match gateway.activity() {
                Activity::Active => String::new(),
                other => other.to_string(),
            };
            vec![format!("in {}", names.of(gateway.region())), activity]
        }
        Object::Peer(_, peer) => {
            let key = if peer.key().is_some() { "" } else { "pending" };
            vec![format!("in {}", names.list(peer.networks())), key.to_owned()]
        }
        Object::Network(_, network) => {
            let pools = network.pools().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            vec![pools, String::new(), format!("owned by {}", names.of(network.owner()))]
        }
        _ => Vec::new(),
    }
}

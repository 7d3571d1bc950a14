//! The changes that turn a live workspace into a wanted one; see [`Intent::changes_to`].
//!
//! **Invariant**: names are identity. Where both intents came of one, only what differs between them is looked at, and what
//! names something that goes by another id here; the changes are the same as if everything were.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, ChangeSet};
use crate::entity::{Facts, Lifetime};
use crate::intent::Intent;
use crate::name::Name;
use crate::object::{Object, ObjectId};
use crate::rename::{self, Rename};

/// See [`Intent::changes_to`].
pub(crate) fn between(from: &Intent, wanted: &Intent) -> ChangeSet {
    let renames = rename::between(from, wanted);
    let comparison = Comparison::new(from, wanted, &renames);
    let (made, gone) = comparison.differing().unwrap_or_else(|| comparison.all());
    let changes = comparison.changes(made, gone);
    ChangeSet { renames, ..changes.into_iter().collect() }
}

struct Comparison<'a> {
    from: &'a Intent,
    wanted: &'a Intent,
    /// By kind and new name, what bears the old name here.
    renamed: BTreeMap<(&'static str, &'a Name), Option<ObjectId>>,
    /// What is renamed goes on, though nobody wants its old name.
    kept: BTreeSet<ObjectId>,
}

/// What may have to be made, of the wanted objects, and what may have to go, of those that are there.
type Candidates = (Vec<ObjectId>, Vec<ObjectId>);

impl<'a> Comparison<'a> {
    fn new(from: &'a Intent, wanted: &'a Intent, renames: &'a [Rename]) -> Self {
        let old =
            |rename: &'a Rename| ((rename.id().kind(), rename.to()), rename.id().of_name(rename.from(), from.tables()));
        // Of several that say the same the first counts.
        let renamed = renames.iter().rev().map(old).collect();
        Self { from, wanted, renamed, kept: renames.iter().map(Rename::id).collect() }
    }

    fn all(&self) -> Candidates {
        (self.wanted.tables().ids().collect(), self.from.tables().ids().collect())
    }

    /// What differs, if that can be told without a look at everything.
    fn differing(&self) -> Option<Candidates> {
        if !self.wanted.has_origin_of(self.from) || !self.renamed.is_empty() {
            return None;
        }
        let difference = self.wanted.difference(self.from);
        let changed: Vec<_> = difference.added().iter().chain(difference.changed()).copied().collect();
        let mut made: BTreeSet<_> = changed.iter().copied().collect();
        for id in changed.iter().copied().filter(|id| self.identity(*id) != *id) {
            made.extend(self.wanted.tables().referrers(id));
            match id {
                // Join keys only remember who came by them, and peers only remember the key.
                ObjectId::Peer(_) => made.extend(self.wanted.join_keys().map(|(id, _)| ObjectId::from(id))),
                ObjectId::JoinKey(_) => return None,
                _ => {}
            }
        }
        let gone = difference.removed().iter().chain(difference.changed()).copied().collect();
        Some((by_name(self.wanted, made.into_iter().collect()), by_name(self.from, gone)))
    }

    fn changes(&self, made: Vec<ObjectId>, gone: Vec<ObjectId>) -> Vec<Change> {
        let made = made.into_iter().filter_map(|id| self.made(id.object_in(self.wanted.tables())?));
        let gone = gone.into_iter().filter_map(|id| self.gone(id.object_in(self.from.tables())?));
        made.chain(gone).collect()
    }

    /// What a wanted object asks for.
    fn made(&self, mut object: Object) -> Option<Change> {
        if let Object::Session(..) = object {
            return None;
        }
        object.visit(&mut |_, id| self.identity(id));
        if let Object::Workspace(id, workspace) = object {
            object = Object::Workspace(id, workspace.named(self.from.name().clone()));
        }
        let Some(before) = object.id().object_in(self.from.tables()) else {
            return Some(Change::Add(unallocated(object)));
        };
        let object = keeping(object, &before);
        (object != before).then_some(Change::Update(object))
    }

    fn gone(&self, object: Object) -> Option<Change> {
        let id = object.id();
        let stays = !goes(&object) || self.kept.contains(&id);
        (!stays && id.of_name(object.name(), self.wanted.tables()).is_none()).then_some(Change::Remove(id))
    }

    /// The id by which a wanted object goes here.
    fn identity(&self, id: ObjectId) -> ObjectId {
        if let ObjectId::Workspace(_) = id {
            return self.from.workspace().into();
        }
        let Some(name) = id.name_in(self.wanted.tables()) else { return id };
        let kept = || self.renamed.get(&(id.kind(), name)).copied().flatten();
        match id.of_name(name, self.from.tables()).or_else(kept) {
            Some(known) => known,
            None => id.derive_like(self.from.name(), name, self.from.revision().next()),
        }
    }
}

/// In the order in which a workspace lists its objects.
fn by_name(intent: &Intent, mut ids: Vec<ObjectId>) -> Vec<ObjectId> {
    ids.sort_by_cached_key(|id| (id.kind_order(), intent.name_of(*id).cloned()));
    ids
}

/// Whether an object goes when a document does not mention it. Join keys, sessions and ephemeral peers come and go by
/// themselves.
fn goes(object: &Object) -> bool {
    match object {
        Object::JoinKey(..) | Object::Session(..) | Object::Workspace(..) => false,
        Object::Peer(_, peer) => peer.lifetime() == Lifetime::Lasting,
        _ => true,
    }
}

/// A peer as it was asked for: the addresses of another workspace mean nothing here, and facts are an agent's to report.
fn unallocated(object: Object) -> Object {
    match object {
        Object::Peer(id, mut peer) => {
            peer.set_addresses(Vec::new());
            Object::Peer(id, peer.with_facts(Facts::unknown()))
        }
        other => other,
    }
}

/// The wanted object with what only the live one knows.
fn keeping(wanted: Object, before: &Object) -> Object {
    match (wanted, before) {
        (Object::Peer(id, mut peer), Object::Peer(_, live)) => {
            if let (None, Some(key)) = (peer.key(), live.key()) {
                peer = peer.with_key(key);
            }
            // To ask for what it has anyway, as an exported document does, changes nothing.
            if peer.fixed_addresses().iter().all(|address| live.addresses().contains(address)) {
                peer = peer.with_addresses(live.fixed_addresses().to_vec());
            }
            peer.set_addresses(live.addresses().to_vec());
            Object::Peer(id, peer.with_facts(*live.facts()).with_history_of(live))
        }
        // A key that was revoked stays so: who wants it back says so in a change of its own.
        (Object::Workspace(id, workspace), Object::Workspace(_, live)) => {
            let all = [workspace.revoked_keys(), live.revoked_keys()].concat();
            Object::Workspace(id, workspace.with_revoked_keys(all))
        }
        (Object::JoinKey(id, key), Object::JoinKey(_, live)) => Object::JoinKey(id, key.with_history_of(live)),
        (wanted, _) => wanted,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::change::Actor;
    use crate::entity::{Group, JoinKey, Network, Peer, Policy, User};
    use crate::object::Id;
    use crate::service::Service;
    use crate::{GroupId, JoinKeyId, NetworkId, PeerId, PolicyId, name};

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Add(u8, u8),
        Remove(u8, u8),
        Rename(u8, u8, u8),
        Join(u8, u8),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let (kind, n) = (0..5u8, 0..4u8);
        let step = prop_oneof![
            3 => (kind.clone(), n.clone()).prop_map(|(kind, n)| Step::Add(kind, n)),
            2 => (kind.clone(), n.clone()).prop_map(|(kind, n)| Step::Remove(kind, n)),
            1 => (kind, n.clone(), n.clone()).prop_map(|(kind, n, to)| Step::Rename(kind, n, to)),
            1 => (n.clone(), n).prop_map(|(peer, key)| Step::Join(peer, key)),
        ];
        proptest::collection::vec(step, 1..40)
    }

    fn named(n: u8) -> Name {
        format!("n{n}").parse().unwrap()
    }

    fn start() -> Intent {
        let empty = Intent::new(name!("acme"), User::new(name!("netops")));
        let mut draft = empty.draft();
        draft.add(Group::new(name!("all")));
        empty.apply(empty.owner(), &draft.into_changes()).unwrap()
    }

    fn made(intent: &Intent, kind: u8, n: u8, name: Name) -> Option<Object> {
        let groups: Vec<GroupId> = intent.id(named(n).as_str()).into_iter().chain(intent.id("all")).collect();
        let networks: Vec<NetworkId> = intent.id(named(n).as_str()).into_iter().collect();
        let one = crate::Revision::new(u64::from(n));
        let workspace = intent.name();
        Some(match kind {
            0 => Object::Group(GroupId::derive(workspace, &name, one), Group::new(name)),
            1 => {
                let pool = format!("10.{n}.0.0/24").parse().unwrap();
                Object::Network(NetworkId::derive(workspace, &name, one), Network::new(name, groups[0], [pool]))
            }
            2 => {
                let peer = Peer::new(name.clone()).with_groups(groups).with_networks(networks);
                Object::Peer(PeerId::derive(workspace, &name, one), peer)
            }
            3 => {
                let peer: PeerId = intent.id(named(n).as_str()).ok()?;
                let policy = Policy::allow(name.clone(), peer, groups[0], Service::tcp(80));
                Object::Policy(PolicyId::derive(workspace, &name, one), policy)
            }
            _ => {
                let key = JoinKey::one_off(name.clone()).with_groups(groups);
                Object::JoinKey(JoinKeyId::derive(workspace, &name, one), key)
            }
        })
    }

    fn borne(intent: &Intent, kind: u8, n: u8) -> Option<ObjectId> {
        fn id<I: Id>(intent: &Intent, name: &Name) -> Option<ObjectId> {
            intent.find::<I>(name.as_str()).map(Into::into)
        }
        [id::<GroupId>, id::<NetworkId>, id::<PeerId>, id::<PolicyId>, id::<JoinKeyId>][usize::from(kind)](
            intent,
            &named(n),
        )
    }

    fn change(intent: &Intent, step: Step) -> Option<ChangeSet> {
        let change = match step {
            Step::Add(kind, n) => {
                let mut object = made(intent, kind, n, named(n))?;
                let own = object.id();
                let derived = own.derive_like(intent.name(), &named(n), intent.revision().next());
                object.visit(&mut |_, other| if other == own { derived } else { other });
                Change::Add(object)
            }
            Step::Remove(kind, n) => Change::Remove(borne(intent, kind, n)?),
            Step::Rename(kind, n, to) => {
                let id = borne(intent, kind, n)?;
                let mut object = made(intent, kind, n, named(to))?;
                let own = object.id();
                object.visit(&mut |_, other| if other == own { id } else { other });
                Change::Update(object)
            }
            Step::Join(peer, key) => {
                let (ObjectId::Peer(id), ObjectId::JoinKey(key)) = (borne(intent, 2, peer)?, borne(intent, 4, key)?)
                else {
                    return None;
                };
                Change::Update(Object::Peer(id, intent.get(id)?.clone().with_join_key(key)))
            }
        };
        Some([change].into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_differs_comes_to_the_same_changes_as_everything(steps in steps()) {
            let mut history = vec![start()];
            for step in steps {
                let last = &history[history.len() - 1];
                let Some(changes) = change(last, step) else { continue };
                if let Ok(next) = last.apply(Actor::Control, &changes.danger_allow_mass_removal()) {
                    history.push(next);
                }
            }
            for (from, wanted) in history.iter().flat_map(|from| history.iter().map(move |wanted| (from, wanted))) {
                let comparison = Comparison::new(from, wanted, &[]);
                let (all_made, all_gone) = comparison.all();
                let everything = comparison.changes(all_made, all_gone);
                if let Some((made, gone)) = comparison.differing() {
                    prop_assert_eq!(comparison.changes(made, gone), everything);
                }
            }
        }
    }

    #[test]
    fn one_change_is_found_without_a_look_at_the_rest() {
        let intent = start();
        let mut draft = intent.draft();
        (0..200).for_each(|n| _ = draft.add(Group::new(format!("g{n}").parse().unwrap())));
        let many = intent.apply(Actor::Control, &draft.into_changes()).unwrap();
        let mut draft = many.draft();
        draft.remove(many.id::<GroupId>("g77").unwrap());
        let less = many.apply(Actor::Control, &draft.into_changes()).unwrap();
        let (made, gone) = Comparison::new(&many, &less, &[]).differing().unwrap();
        assert_eq!((made.len(), gone.len()), (0, 1));
        assert!(Comparison::new(&many, &start(), &[]).differing().is_none(), "another workspace has other pages");
    }
}

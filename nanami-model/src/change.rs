//! Changes: what turns one revision into the next, who made it, and how to take it back.
//!
//! **Invariant**: a [`ChangeSet`] is data. It says completely what it does, so that it is at once the request, the audit
//! record and, by [`ChangeSet::inverse`], the way back. Whether it may be done is [`Intent::apply`]'s to say.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::entity::{JoinKey, Role, Scope, User};
use crate::generation::Revision;
use crate::id::UserId;
use crate::intent::Intent;
use crate::object::sealed::Stored;
use crate::object::{Entity, Id, Object, ObjectId};
use crate::rename::Rename;
use crate::secret::JoinSecretHash;

mod wanted;

pub(crate) use wanted::between;

/// Who makes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Actor {
    /// A user of the workspace.
    User(UserId),
    /// The control plane itself, when a peer joins.
    Control,
}

/// One change to one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// An object comes into being.
    Add(Object),
    /// An object becomes this.
    Update(Object),
    /// An object goes.
    Remove(ObjectId),
}

impl Change {
    /// The object that changes.
    pub fn id(&self) -> ObjectId {
        match self {
            Self::Add(object) | Self::Update(object) => object.id(),
            Self::Remove(id) => *id,
        }
    }
}

/// Changes that are made together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChangeSet {
    changes: Vec<Change>,
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    acknowledged: Option<Revision>,
    #[serde(default, skip_serializing_if = "is_default")]
    mass_removal: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    renames: Vec<Rename>,
}

impl ChangeSet {
    /// The changes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Change> {
        self.changes.iter()
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.acknowledged.is_none()
    }

    /// Why the changes are made; `None` if nobody said.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Says why the changes are made.
    pub fn with_reason(self, text: &str) -> Self {
        Self { reason: Some(text.to_owned()), ..self }
    }

    /// Says that every node that enforced what the revisions up to this one took away has let go of it, so that the addresses
    /// that they released may be given to other peers. Control says so when it has heard the acknowledgements.
    pub fn acknowledging(self, through: Revision) -> Self {
        Self { acknowledged: Some(through), ..self }
    }

    /// The revision up to which removals were acknowledged; `None` if nothing is said of them.
    pub fn acknowledged(&self) -> Option<Revision> {
        self.acknowledged
    }

    /// Says that it is meant to take away more than half of the peers, or of everything. Without it such a set is refused,
    /// for what it was made from may have been read badly, or not at all.
    pub fn danger_allow_mass_removal(self) -> Self {
        Self { mass_removal: true, ..self }
    }

    /// Whether it may take away more than half of the peers, or of everything.
    pub fn allows_mass_removal(&self) -> bool {
        self.mass_removal
    }

    /// Which objects keep their identity under another name. [`Intent::apply`] refuses if they cannot.
    pub fn renames(&self) -> &[Rename] {
        &self.renames
    }

    /// The set with other changes: reason and permissions stay.
    pub fn with_changes(self, changes: impl IntoIterator<Item = Change>) -> Self {
        Self { changes: changes.into_iter().collect(), ..self }
    }

    /// The changes that take these back, given the revision that these were made to; a session that went with its peer comes back
    /// with it, and the address of a peer whose network got other pools is given back. What was acknowledged stays so.
    pub fn inverse(&self, before: &Intent) -> Self {
        let mut ends = BTreeMap::new();
        for change in &self.changes {
            ends.insert(change.id(), !matches!(change, Change::Remove(_)));
        }
        let mut undo = |id: ObjectId| match (id.object_in(before.tables()), ends.remove(&id)?) {
            (None, true) => Some(Change::Remove(id)),
            (Some(object), true) => Some(Change::Update(object)),
            (Some(object), false) => Some(Change::Add(object)),
            (None, false) => None,
        };
        let mut changes: Vec<_> = self.changes.iter().rev().map(Change::id).filter_map(&mut undo).collect();
        let peers = changes
            .iter()
            .filter_map(|change| if let Change::Add(Object::Peer(id, _)) = change { Some(*id) } else { None });
        let sessions =
            peers.filter_map(|peer| before.tables().session_of(peer)).map(|(id, it)| Object::Session(id, it.clone()));
        let named: BTreeSet<_> = self.changes.iter().map(Change::id).collect();
        let with_them: Vec<_> = sessions.filter(|session| !named.contains(&session.id())).map(Change::Add).collect();
        changes.extend(with_them);
        changes.extend(self.renumbered(before).filter(|peer| !named.contains(&peer.id())).map(Change::Update));
        Self { changes, ..Self::default() }
    }

    /// The peers as they were that other pools of their networks leave without an address of theirs: once they have another, wider
    /// pools alone would not give the former one back.
    fn renumbered<'a>(&'a self, before: &'a Intent) -> impl Iterator<Item = Object> + 'a {
        let networks = self.changes.iter().filter_map(|change| match change {
            Change::Update(Object::Network(id, network)) => Some((*id, network.pools())),
            _ => None,
        });
        let members = networks.flat_map(move |(id, pools)| {
            let old = before.get(id).map(|network| network.pools().to_vec()).unwrap_or_default();
            let gone = move |at: &std::net::IpAddr| {
                old.iter().any(|pool| pool.contains(*at)) && !pools.iter().any(|pool| pool.contains(*at))
            };
            let peers = before.tables().members_of(id);
            peers
                .into_iter()
                .filter(move |peer| before.get(*peer).is_some_and(|peer| peer.addresses().iter().any(&gone)))
        });
        members.filter_map(move |peer| before.object(peer.into()))
    }
}

impl FromIterator<Change> for ChangeSet {
    fn from_iter<T: IntoIterator<Item = Change>>(changes: T) -> Self {
        Self { changes: changes.into_iter().collect(), ..Self::default() }
    }
}

/// Changes being collected. Collecting never fails; [`Intent::apply`] reports every mistake at once.
#[derive(Debug, Clone)]
pub struct Draft {
    base: Intent,
    objects: BTreeMap<ObjectId, Option<Object>>,
    order: Vec<ObjectId>,
}

impl Draft {
    pub(crate) fn new(base: Intent) -> Self {
        Self { base, objects: BTreeMap::new(), order: Vec::new() }
    }

    /// Adds an object, and says which id it will have.
    pub fn add<E: Entity>(&mut self, entity: E) -> E::Id {
        let id = E::derive_id(self.base.name(), entity.name(), self.base.revision().next());
        self.put(id.into(), Some(entity.wrap(id)));
        id
    }

    /// Adds a join key with the hash of its secret, which only whoever makes the secret knows: the secret's text holds the id.
    pub fn add_join_key(
        &mut self,
        key: JoinKey,
        hash: impl FnOnce(crate::JoinKeyId) -> JoinSecretHash,
    ) -> crate::JoinKeyId {
        let id = crate::JoinKeyId::derive(self.base.name(), Entity::name(&key), self.base.revision().next());
        self.put(id.into(), Some(key.with_hash(hash(id)).wrap(id)));
        id
    }

    /// Changes an object; nothing happens if there is none with this id.
    pub fn update<I: Id>(&mut self, id: I, with: impl FnOnce(I::Entity) -> I::Entity) {
        if let Some(entity) = self.current(id.into()).and_then(|object| unwrap::<I>(object)) {
            self.put(id.into(), Some(with(entity).wrap(id)));
        }
    }

    /// Removes an object. What others refer to stays: [`Intent::apply`] refuses with the list.
    pub fn remove<I: Id>(&mut self, id: I) {
        self.put(id.into(), None);
    }

    /// Removes an object and makes everything that needs it go without: lists leave it out, and what cannot be without it goes
    /// too. The change set spells all of it out. Says what goes beside the object itself, in the order of ids.
    pub fn remove_with_dependents<I: Id>(&mut self, id: I) -> Vec<ObjectId> {
        let (mut gone, mut open) = (BTreeSet::new(), vec![id.into()]);
        while let Some(next) = open.pop() {
            if !gone.insert(next) {
                continue;
            }
            self.put(next, None);
            let drafted = self.objects.values().flatten().filter(|object| names(object, next)).map(Object::id);
            let dependents: BTreeSet<_> = drafted.chain(self.base.tables().referrers(next)).collect();
            for dependent in dependents.into_iter().filter(|dependent| !gone.contains(dependent)) {
                let Some(object) = self.current(dependent).filter(|object| names(object, next)) else { continue };
                match crate::dependents::without(object, next) {
                    Some(object) => self.put(dependent, Some(object)),
                    None => open.push(dependent),
                }
            }
        }
        gone.remove(&id.into());
        gone.into_iter().collect()
    }

    /// Gives a user a role: on the workspace, or on one group.
    pub fn grant(&mut self, to: UserId, role: Role, on: impl Into<Scope>) {
        match on.into() {
            Scope::Workspace => self.update(to, |user| user.with_role(role)),
            Scope::Group(group) => self.update(to, |user| user.with_group_role(group, role)),
        }
    }

    /// Takes a user's role away: on the workspace, or on one group.
    pub fn revoke(&mut self, from: UserId, on: impl Into<Scope>) {
        match on.into() {
            Scope::Workspace => self.update(from, User::without_role),
            Scope::Group(group) => self.update(from, |user| user.without_group_role(group)),
        }
    }

    /// The changes that were collected, in the order in which their objects were first touched.
    pub fn into_changes(self) -> ChangeSet {
        let change = |id: &ObjectId| {
            let before = id.object_in(self.base.tables());
            match (before, self.objects.get(id).cloned().flatten()) {
                (None, Some(object)) => Some(Change::Add(object)),
                (Some(before), Some(object)) if before != object => Some(Change::Update(object)),
                (Some(_), None) => Some(Change::Remove(*id)),
                _ => None,
            }
        };
        self.order.iter().filter_map(change).collect()
    }

    fn current(&self, id: ObjectId) -> Option<Object> {
        match self.objects.get(&id) {
            Some(object) => object.clone(),
            None => id.object_in(self.base.tables()),
        }
    }

    fn put(&mut self, id: ObjectId, object: Option<Object>) {
        if self.objects.insert(id, object).is_none() {
            self.order.push(id);
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn names(object: &Object, id: ObjectId) -> bool {
    object.references().iter().any(|(_, target)| *target == id)
}

fn unwrap<I: Id>(object: Object) -> Option<I::Entity> {
    let mut tables = crate::intent::Tables::default();
    let id = I::of(object.id())?;
    object.put(&mut tables);
    I::Entity::table(&tables).get(&id).cloned()
}

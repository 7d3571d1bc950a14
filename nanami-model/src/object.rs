//! The twelve kinds of objects under one roof: what changes and rules speak about.
//!
//! **Invariant**: an id type and its entity type belong together (`PeerId` and [`Peer`]); the pair of sealed traits
//! [`Id`] and [`Entity`] says so to the compiler, so that there is one set of verbs instead of one per noun.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::entity::{
    Assertion, Gateway, Group, JoinKey, Network, Peer, Policy, Region, Route, Session, User, Workspace,
};
use crate::generation::Revision;
use crate::id::{
    AssertionId, GatewayId, GroupId, JoinKeyId, NetworkId, PeerId, PolicyId, RegionId, RouteId, SessionId, UserId,
    WorkspaceId,
};
use crate::intent::{Difference, Table, Tables};
use crate::name::Name;

/// An id of one kind of object. Sealed: the kinds are the model's.
pub trait Id: Copy + Ord + fmt::Display + Into<ObjectId> + sealed::Sealed + 'static {
    /// What it identifies.
    type Entity: Entity<Id = Self>;
    /// The word for the kind, as texts and errors say it.
    const KIND: &'static str;

    /// The id, if it is of this kind.
    fn of(id: ObjectId) -> Option<Self>;
}

/// An object of one kind. Sealed: the kinds are the model's.
pub trait Entity: Clone + PartialEq + sealed::Stored<Key = <Self as Entity>::Id> + 'static {
    /// What identifies it.
    type Id: Id<Entity = Self>;

    /// Its name, unique among the objects of its kind.
    fn name(&self) -> &Name;

    /// Shows every reference to another object, with the name of the field that holds it, and stores what comes back.
    #[doc(hidden)]
    fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId);

    /// Shows every reference, as [`visit`](Self::visit) does. An entity of which there are many does it without a copy of itself.
    #[doc(hidden)]
    fn refer(&self, with: &mut dyn FnMut(&'static str, ObjectId)) {
        self.clone().visit(&mut |field, id| {
            with(field, id);
            id
        });
    }
}

#[allow(unreachable_pub, missing_docs, reason = "sealed: nobody outside can name these")]
pub(crate) mod sealed {
    use super::{Name, Object, Revision, Table, Tables};

    pub trait Sealed {}

    pub trait Stored: Sized {
        type Key: Ord + Copy;
        fn table(tables: &Tables) -> &Table<Self::Key, Self>;
        fn table_mut(tables: &mut Tables) -> &mut Table<Self::Key, Self>;
        fn derive_id(workspace: &Name, name: &Name, revision: Revision) -> Self::Key;
        fn wrap(self, id: Self::Key) -> Object;
    }
}

/// Follows a reference of a known kind through a visitor. The kind never changes on the way.
pub(crate) fn follow<I: Id>(id: &mut I, field: &'static str, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
    if let Some(mapped) = I::of(with(field, (*id).into())) {
        *id = mapped;
    }
}

/// Leaves out what is only remembered, as a used join key remembers its peer: it need not be there any more.
fn needed(mut with: impl FnMut(&'static str, ObjectId)) -> impl FnMut(&'static str, ObjectId) {
    move |field, id| {
        if !field.is_empty() {
            with(field, id);
        }
    }
}

macro_rules! objects {
    ($($kind:ident, $id:ident, $table:ident, $word:literal;)*) => {
        /// An object of any kind, with its id.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(missing_docs, reason = "each variant bears the name of its type")]
        pub enum Object {
            $($kind($id, $kind),)*
        }

        /// An id of any kind.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(missing_docs, reason = "each variant bears the name of its type")]
        pub enum ObjectId {
            $($kind($id),)*
        }

        impl Object {
            /// The id.
            pub fn id(&self) -> ObjectId {
                match self { $(Self::$kind(id, _) => ObjectId::$kind(*id),)* }
            }

            /// The name.
            pub fn name(&self) -> &Name {
                match self { $(Self::$kind(_, entity) => entity.name(),)* }
            }

            pub(crate) fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
                match self { $(Self::$kind(id, entity) => {
                    follow(id, "", with);
                    entity.visit(with);
                })* }
            }

            /// What it refers to, each with the name of the field that does.
            pub(crate) fn references(&self) -> Vec<(&'static str, ObjectId)> {
                let mut found = Vec::new();
                let mut note = needed(|field, id| found.push((field, id)));
                match self { $(Self::$kind(_, entity) => entity.refer(&mut note),)* }
                drop(note);
                found
            }

            pub(crate) fn put(self, tables: &mut Tables) {
                match self { $(Self::$kind(id, entity) => tables.$table.put(id, entity),)* }
            }

            pub(crate) fn push(self, tables: &mut Tables) {
                match self { $(Self::$kind(id, entity) => tables.$table.push(id, entity),)* }
            }
        }

        impl ObjectId {
            /// The word for the kind.
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$kind(_) => $word,)* }
            }

            /// Where the kind stands among the kinds.
            pub(crate) fn kind_order(&self) -> usize {
                const KINDS: &[&str] = &[$($word),*];
                KINDS.iter().position(|word| *word == self.kind()).unwrap_or(KINDS.len())
            }

            pub(crate) fn name_in<'a>(&self, tables: &'a Tables) -> Option<&'a Name> {
                match self { $(Self::$kind(id) => tables.$table.get(id).map(Entity::name),)* }
            }

            pub(crate) fn object_in(&self, tables: &Tables) -> Option<Object> {
                match self { $(Self::$kind(id) => tables.$table.get(id).map(|e| Object::$kind(*id, e.clone())),)* }
            }

            /// Shows what the object with this id refers to, each with the name of the field that does.
            pub(crate) fn references_in(&self, tables: &Tables, with: impl FnMut(&'static str, ObjectId)) {
                let mut with = needed(with);
                match self { $(Self::$kind(id) => tables.$table.get(id).into_iter().for_each(|e| e.refer(&mut with)),)* }
            }

            pub(crate) fn remove_from(&self, tables: &mut Tables) {
                match self { $(Self::$kind(id) => tables.$table.remove(id),)* }
            }

            pub(crate) fn of_name(&self, name: &Name, tables: &Tables) -> Option<ObjectId> {
                match self { $(Self::$kind(_) => tables.$table.id(name.as_str()).map(ObjectId::$kind),)* }
            }

            /// All objects of this one's kind that bear a name; one, but while rules are being checked.
            pub(crate) fn namesakes(&self, name: &Name, tables: &Tables) -> Vec<ObjectId> {
                match self { $(Self::$kind(_) => tables.$table.of_name(name.as_str()).map(ObjectId::$kind).collect(),)* }
            }

            pub(crate) fn derive_like(&self, workspace: &Name, name: &Name, revision: Revision) -> ObjectId {
                match self { $(Self::$kind(_) => ObjectId::$kind($id::derive(workspace, name, revision)),)* }
            }
        }

        impl fmt::Display for ObjectId {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Self::$kind(id) => id.fmt(f),)* }
            }
        }

        impl Tables {
            pub(crate) fn objects(&self) -> impl Iterator<Item = Object> + '_ {
                std::iter::empty()
                    $(.chain(self.$table.iter().map(|(id, e)| Object::$kind(id, e.clone()))))*
            }

            /// All ids, kind by kind, by name.
            pub(crate) fn ids(&self) -> impl Iterator<Item = ObjectId> + '_ {
                std::iter::empty()$(.chain(self.$table.iter().map(|(id, _)| ObjectId::$kind(id))))*
            }

            /// Orders everything that was pushed; what shares its id or name with an earlier object of its kind is returned.
            pub(crate) fn order(&mut self) -> Vec<Label> {
                let mut rejected = Vec::new();
                $(rejected.extend(self.$table.order().into_iter().map(|(id, name)| Label::named(id, name)));)*
                rejected
            }

            /// Whether two objects of one kind have one name.
            pub(crate) fn have_namesakes(&self) -> bool {
                false $(|| self.$table.has_namesakes())*
            }

            /// How many objects there are.
            pub(crate) fn len(&self) -> usize {
                0 $(+ self.$table.len())*
            }

            pub(crate) fn note_difference(&self, older: &Tables, difference: &mut Difference) {
                $(self.$table.note_difference(&older.$table, difference);)*
            }
        }

        $(
            impl sealed::Sealed for $id {}

            impl Id for $id {
                type Entity = $kind;
                const KIND: &'static str = $word;

                fn of(id: ObjectId) -> Option<Self> {
                    Self::try_from(id).ok()
                }
            }

            impl From<$id> for ObjectId {
                fn from(id: $id) -> Self {
                    Self::$kind(id)
                }
            }

            impl TryFrom<ObjectId> for $id {
                type Error = ObjectId;

                fn try_from(id: ObjectId) -> Result<Self, ObjectId> {
                    match id {
                        ObjectId::$kind(id) => Ok(id),
                        other => Err(other),
                    }
                }
            }

            impl sealed::Stored for $kind {
                type Key = $id;

                fn table(tables: &Tables) -> &Table<$id, $kind> {
                    &tables.$table
                }

                fn table_mut(tables: &mut Tables) -> &mut Table<$id, $kind> {
                    &mut tables.$table
                }

                fn derive_id(workspace: &Name, name: &Name, revision: Revision) -> $id {
                    $id::derive(workspace, name, revision)
                }

                fn wrap(self, id: $id) -> Object {
                    Object::$kind(id, self)
                }
            }
        )*
    };
}

objects! {
    User, UserId, users, "user";
    Group, GroupId, groups, "group";
    Network, NetworkId, networks, "network";
    Region, RegionId, regions, "region";
    Peer, PeerId, peers, "peer";
    Gateway, GatewayId, gateways, "gateway";
    Route, RouteId, routes, "route";
    Policy, PolicyId, policies, "policy";
    JoinKey, JoinKeyId, join_keys, "join key";
    Assertion, AssertionId, assertions, "assertion";
    Session, SessionId, sessions, "session";
    Workspace, WorkspaceId, workspaces, "workspace";
}

/// An object as texts name it: its kind and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    id: ObjectId,
    name: Option<Name>,
}

impl Label {
    pub(crate) fn new(id: impl Into<ObjectId>, tables: &Tables) -> Self {
        let id = id.into();
        Self { id, name: id.name_in(tables).cloned() }
    }

    pub(crate) fn named(id: impl Into<ObjectId>, name: Name) -> Self {
        Self { id: id.into(), name: Some(name) }
    }

    /// The id of the object.
    pub fn id(&self) -> ObjectId {
        self.id
    }

    /// Its name; `None` of what is nobody's any more.
    pub fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} {name}", self.id.kind()),
            None => write!(f, "{}", self.id),
        }
    }
}

//! Groups: who belongs together, and who owns networks.

use serde::{Deserialize, Serialize};

use crate::id::GroupId;
use crate::name::Name;
use crate::object::{Entity, ObjectId, follow};

/// A named set of users and peers that policies speak about, and the owner of networks. Users and peers name their groups; a
/// group names the groups whose members are its members too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    name: Name,
    groups: Vec<GroupId>,
}

impl Group {
    /// A group without members.
    pub fn new(name: Name) -> Self {
        Self { name, groups: Vec::new() }
    }

    /// Sets the groups whose members are members of this one.
    pub fn with_groups(self, ids: impl IntoIterator<Item = GroupId>) -> Self {
        Self { groups: ids.into_iter().collect(), ..self }
    }

    /// The groups whose members are members of this one; never, directly or through others, itself.
    pub fn groups(&self) -> &[GroupId] {
        &self.groups
    }
}

impl Entity for Group {
    type Id = GroupId;

    fn name(&self) -> &Name {
        &self.name
    }

    fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        self.groups.iter_mut().for_each(|id| follow(id, "groups", with));
    }
}

//! Regions: where gateways stand.

use serde::{Deserialize, Serialize};

use crate::id::RegionId;
use crate::name::Name;
use crate::object::{Entity, ObjectId};

/// A place whose gateways fail together and are near to each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    name: Name,
}

impl Region {
    /// A region of this name.
    pub fn new(name: Name) -> Self {
        Self { name }
    }
}

impl Entity for Region {
    type Id = RegionId;

    fn name(&self) -> &Name {
        &self.name
    }

    fn visit(&mut self, _with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {}
}

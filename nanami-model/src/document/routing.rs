//! The section of routing preferences: four layers in one place of the document, each kept by the object that it is about.

use super::error::Problem;
use super::sections::{Reader, value, values};
use super::tree::{Node, Value};
use super::value::RoutingWord;
use super::walk::Part;
use crate::entity::{RoutingMode, RoutingPreference, Workspace};
use crate::generation::Revision;
use crate::id::{NetworkId, PeerId, UserId, WorkspaceId};
use crate::key::PublicKey;
use crate::name::Name;
use crate::object::sealed::Stored;
use crate::object::{Id, Object, ObjectId};

/// The layers that are spoken of by name: the field of the section, and the kind of object.
pub(super) const LAYERS: [(&str, &str); 3] =
    [("networks", NetworkId::KIND), ("users", UserId::KIND), ("peers", PeerId::KIND)];

impl<'t> Reader<'t> {
    /// Reads the whole section, before the objects that it is about.
    pub(super) fn read_preferences(&mut self, workspace: &Name) {
        let Some(section) = self.section("routing") else { return };
        if let Some(default) = section.get("default") {
            let id = WorkspaceId::derive(workspace, workspace, Revision::ZERO);
            let preference = self.read_preference(default);
            self.preferences.insert(id.into(), preference);
        }
        self.read_layer::<NetworkId>(section.get("networks"));
        self.read_layer::<UserId>(section.get("users"));
        self.read_layer::<PeerId>(section.get("peers"));
    }

    fn read_layer<I: Id>(&mut self, layer: Option<Node<'t>>) {
        let Some(layer) = layer.filter(|layer| matches!(layer.value(), Value::Table)) else { return };
        for entry in layer.children() {
            let id: Option<I> = self.names.resolve_text(&mut self.walker, entry, Part::Key, entry.key());
            let preference = self.read_preference(entry);
            if let Some(id) = id {
                self.preferences.insert(id.into(), preference);
            }
        }
    }

    fn read_preference(&mut self, node: Node<'t>) -> RoutingPreference {
        let mut preference = RoutingPreference::none();
        if let Some(traffic) = value(node, "traffic") {
            preference = preference.with_traffic(traffic);
        }
        let by_hand = [node.get("ingress"), node.get("egress")];
        match value(node, "mode") {
            Some(RoutingWord::Manual) => {
                let (ingress, egress) = (self.reference(node, "ingress"), self.reference(node, "egress"));
                preference.with_routing(RoutingMode::Manual { ingress, egress })
            }
            mode => {
                let (why, remedy) = ("gateways are chosen by hand or by the workspace", "write mode = \"manual\" too");
                for field in by_hand.into_iter().flatten() {
                    self.walker.report(field, Part::Key, Problem::Contradiction { why, remedy });
                }
                match mode {
                    Some(_) => preference.with_routing(RoutingMode::Auto),
                    None => preference,
                }
            }
        }
    }

    /// What the entry of this kind prefers.
    pub(super) fn preference<I: Id>(&self, entry: Node<'t>) -> Option<RoutingPreference> {
        if self.preferences.is_empty() {
            return None;
        }
        self.preferences.get(&self.names.bearer::<I>(entry.key())?.id).copied()
    }

    /// The workspace, if the document says more of it than its name.
    pub(super) fn workspace(&self) -> Option<Object> {
        let name = self.names.workspace();
        let id = WorkspaceId::derive(name, name, Revision::ZERO);
        let preference = self.preferences.get(&ObjectId::from(id)).copied();
        let revoked: Vec<PublicKey> =
            self.root.get("workspace").map(|node| values(node, "revoked_keys")).unwrap_or_default();
        if preference.is_none() && revoked.is_empty() {
            return None;
        }
        let workspace = Workspace::new(name.clone()).with_preference(preference.unwrap_or_default());
        Some(workspace.with_revoked_keys(revoked).wrap(id))
    }
}

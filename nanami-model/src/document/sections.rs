//! The second pass: section by section, entry by entry, into objects.
//!
//! **Invariant**: names are declared before any entry is read, so that the order of sections means nothing.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};

use super::error::Problem;
use super::names::Names;
use super::place::quoted;
use super::tree::{Node, Tree, Value};
use super::walk::{Fields, Part, Walker};
use crate::entity::Region;
use crate::id::{AssertionId, GatewayId, GroupId, NetworkId, PeerId, PolicyId, RegionId, RouteId, UserId};
use crate::name::Name;
use crate::object::{Entity, Id, Object, ObjectId};

/// What a document says: its objects, as far as they could be read, and where each of them stands.
pub(super) struct Reader<'t> {
    pub(super) walker: Walker,
    pub(super) names: Names<'t>,
    pub(super) objects: Vec<Object>,
    pub(super) origins: BTreeMap<ObjectId, Node<'t>>,
}

/// An entry of a section, with its name or a stand-in.
#[derive(Clone)]
pub(super) struct Entry<'t> {
    pub(super) name: Name,
    pub(super) node: Node<'t>,
}

/// The entries of every section.
struct Entries<'t> {
    users: Vec<Entry<'t>>,
    groups: Vec<Entry<'t>>,
    networks: Vec<Entry<'t>>,
    regions: Vec<Entry<'t>>,
    gateways: Vec<Entry<'t>>,
    peers: Vec<Entry<'t>>,
    routes: Vec<Entry<'t>>,
    policies: Vec<Entry<'t>>,
    assertions: Vec<Entry<'t>>,
}

/// Reads the whole tree. The name of the workspace comes first, for ids are derived from it.
pub(super) fn read<'t>(tree: &'t Tree<'t>, mut walker: Walker) -> (Name, Reader<'t>) {
    let sections = walker.fields(tree.root(), "a workspace");
    let mut sections = sections.unwrap_or_else(|| Fields::none(tree.root()));
    let workspace = workspace(&mut walker, &mut sections);
    let mut reader =
        Reader { walker, names: Names::new(workspace.clone()), objects: Vec::new(), origins: BTreeMap::new() };
    let entries = Entries {
        users: reader.declare::<UserId>(sections.get("users")),
        groups: reader.declare::<GroupId>(sections.get("groups")),
        networks: reader.declare::<NetworkId>(sections.get("networks")),
        regions: reader.declare::<RegionId>(sections.get("regions")),
        gateways: reader.declare::<GatewayId>(sections.get("gateways")),
        peers: reader.declare::<PeerId>(sections.get("peers")),
        routes: reader.declare::<RouteId>(sections.get("routes")),
        policies: reader.declare::<PolicyId>(sections.get("policies")),
        assertions: reader.declare::<AssertionId>(sections.get("assertions")),
    };
    sections.finish(&mut reader.walker, &["routing", "dns", "identity", "join_keys", "sessions", "relays"]);
    reader.declare_behind_gateways(&entries.gateways);
    reader.read_all(entries);
    (workspace, reader)
}

fn workspace(walker: &mut Walker, sections: &mut Fields<'_>) -> Name {
    let section = sections.need(walker, "workspace", "[workspace] with name = \"…\"");
    let name = section.and_then(|node| walker.fields(node, "the workspace")).and_then(|mut fields| {
        let name = fields.need(walker, "name", "name = \"acme\"").and_then(|node| walker.parse(node));
        fields.finish(walker, &[]);
        name
    });
    name.unwrap_or_else(|| stand_in(0))
}

impl<'t> Reader<'t> {
    /// Declares what a section holds.
    fn declare<I: Id>(&mut self, section: Option<Node<'t>>) -> Vec<Entry<'t>> {
        let Some(section) = section else { return Vec::new() };
        if self.walker.fields(section, "").is_none() {
            self.names.leave_open(I::KIND);
            return Vec::new();
        }
        let mut entries = Vec::new();
        for node in section.children() {
            let name = self.walker.parse_text(node, Part::Key, node.key()).unwrap_or_else(|| stand_in(node.index()));
            self.names.declare::<I>(&mut self.walker, node, node.key(), name.clone());
            entries.push(Entry { name, node });
        }
        entries
    }

    /// A gateway declares its peer, unless it names one, and its region, unless that is declared.
    fn declare_behind_gateways(&mut self, gateways: &[Entry<'t>]) {
        if self.names.is_open(GatewayId::KIND) {
            self.names.leave_open(PeerId::KIND);
        }
        for Entry { name, node } in gateways {
            if node.get("peer").is_none() {
                self.names.declare::<PeerId>(&mut self.walker, *node, node.key(), name.clone());
            }
            let Some(region) = node.get("region") else { continue };
            let Value::Text(text) = region.value() else { continue };
            if !self.names.is_declared::<RegionId>(text) {
                let name = self.walker.parse(region).unwrap_or_else(|| stand_in(region.index()));
                self.names.declare::<RegionId>(&mut self.walker, region, text, name.clone());
                self.put(region, Region::new(name));
            }
        }
    }

    fn read_all(&mut self, entries: Entries<'t>) {
        entries.users.into_iter().for_each(|entry| self.user(entry));
        entries.groups.into_iter().for_each(|entry| self.group(entry));
        entries.networks.into_iter().for_each(|entry| self.network(entry));
        entries.regions.into_iter().for_each(|entry| self.region(entry));
        entries.gateways.into_iter().for_each(|entry| self.gateway(entry));
        entries.peers.into_iter().for_each(|entry| self.peer(entry));
        entries.routes.into_iter().for_each(|entry| self.route(entry));
        entries.policies.into_iter().for_each(|entry| self.policy(entry));
        entries.assertions.into_iter().for_each(|entry| self.assertion(entry));
    }

    /// Keeps an object and where it stands. Of two with one name the first stays; that there are two is reported already.
    pub(super) fn put<E: Entity>(&mut self, node: Node<'t>, entity: E) {
        let id: E::Id = self.names.id(entity.name());
        if let Slot::Vacant(origin) = self.origins.entry(id.into()) {
            origin.insert(node);
            self.objects.push(entity.wrap(id));
        }
    }

    /// The objects that a field names; an absent field names none.
    pub(super) fn refs<I: Id>(&mut self, node: Option<Node<'t>>) -> Vec<I> {
        let elements = node.map_or_else(Vec::new, |node| self.walker.list(node));
        self.resolve_all(elements)
    }

    /// The objects that a field names, which names some if it is there.
    pub(super) fn filled_refs<I: Id>(&mut self, node: Option<Node<'t>>) -> Vec<I> {
        let elements = node.map_or_else(Vec::new, |node| self.walker.filled_list(node));
        self.resolve_all(elements)
    }

    fn resolve_all<I: Id>(&mut self, elements: Vec<Node<'t>>) -> Vec<I> {
        let (mut ids, mut seen) = (Vec::new(), BTreeSet::new());
        for element in elements {
            let Some(id) = self.names.resolve::<I>(&mut self.walker, element) else { continue };
            match seen.insert(id) {
                true => ids.push(id),
                false => {
                    let what = quoted(self.walker.text(element).unwrap_or_default());
                    self.walker.report(element, Part::Value, Problem::Duplicate { what, first: None });
                }
            }
        }
        ids
    }
}

/// A name for what has none, so that the rest of it can be read. The document is refused anyway.
fn stand_in(index: u32) -> Name {
    format!("unnamed-{index}").parse().expect("letters, digits and an inner '-', shorter than 63")
}

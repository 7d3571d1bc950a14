//! The third pass: section by section, entry by entry, into objects.
//!
//! **Invariant**: names are declared before any entry is read, so that the order of sections means nothing. Objects are made
//! one by one, as they are asked for: a document and all its objects are never both held twice. What has not the shape of its
//! field is passed over in silence, for it is reported already.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use super::error::Problem;
use super::names::Names;
use super::place::quoted;
use super::tree::{Node, Tree, Value};
use super::walk::{Part, Walker};
use crate::entity::{Region, RoutingPreference};
use crate::id::{
    AssertionId, GatewayId, GroupId, JoinKeyId, NetworkId, PeerId, PolicyId, RegionId, RouteId, UserId, WorkspaceId,
};
use crate::name::Name;
use crate::object::{Entity, Id, Object, ObjectId};

/// What a document says, while it is read.
pub(super) struct Reader<'t> {
    pub(super) walker: Walker,
    pub(super) names: Names<'t>,
    /// What peers, users, networks and the workspace prefer.
    pub(super) preferences: BTreeMap<ObjectId, RoutingPreference>,
    /// Which objects had another name so far.
    pub(super) renamed: Vec<(ObjectId, Name)>,
    /// The names that they had, kind by kind.
    former: BTreeSet<(&'static str, Name)>,
    pub(super) root: Node<'t>,
    /// Regions that only gateways name.
    regions: Vec<(Name, Node<'t>)>,
}

/// An entry of a section, with its name or a stand-in.
pub(super) struct Entry<'t> {
    pub(super) name: Name,
    pub(super) node: Node<'t>,
}

/// What an entry makes: at most a peer and its role.
pub(super) type Made = [Option<Object>; 2];

impl<'t> Reader<'t> {
    /// Declares every name. The name of the workspace comes first, for ids are derived from it.
    pub(super) fn new(tree: &'t Tree<'t>, walker: Walker) -> (Name, Self) {
        let root = tree.root();
        let workspace = root.get("workspace").and_then(|section| value(section, "name")).unwrap_or_else(|| stand_in(0));
        let names = Names::new(workspace.clone());
        let mut reader = Self {
            walker,
            names,
            preferences: BTreeMap::new(),
            renamed: Vec::new(),
            former: BTreeSet::new(),
            root,
            regions: Vec::new(),
        };
        reader.declare_all();
        reader.read_preferences(&workspace);
        (workspace, reader)
    }

    fn declare_all(&mut self) {
        self.declare::<UserId>("users");
        self.declare::<GroupId>("groups");
        self.declare::<NetworkId>("networks");
        self.declare::<RegionId>("regions");
        self.declare::<GatewayId>("gateways");
        self.declare::<PeerId>("peers");
        self.declare::<RouteId>("routes");
        self.declare::<PolicyId>("policies");
        self.declare::<JoinKeyId>("join_keys");
        self.declare::<AssertionId>("assertions");
        self.declare_behind_gateways();
    }

    fn declare<I: Id>(&mut self, section: &str) {
        let Some(section) = self.root.get(section) else { return };
        if !matches!(section.value(), Value::Table) {
            return self.names.leave_open(I::KIND);
        }
        for node in section.children() {
            self.names.declare::<I>(&mut self.walker, node, node.key(), name_of(node));
        }
    }

    /// A gateway declares its peer, unless it names one, and its region, unless that is declared.
    fn declare_behind_gateways(&mut self) {
        if self.names.is_open(GatewayId::KIND) {
            self.names.leave_open(PeerId::KIND);
        }
        for node in entries(self.root, "gateways") {
            if node.get("peer").is_none() {
                self.names.declare::<PeerId>(&mut self.walker, node, node.key(), name_of(node));
            }
            let Some((region, text)) = node.get("region").and_then(|region| Some((region, region.text()?))) else {
                continue;
            };
            if self.names.bearer::<RegionId>(text).is_none() {
                let name = text.parse().unwrap_or_else(|error| {
                    let problem = super::value::explained::<Name>(&error, text);
                    self.walker.report(region, Part::Value, problem);
                    stand_in(region.index())
                });
                self.names.declare::<RegionId>(&mut self.walker, region, text, name.clone());
                self.regions.push((name, region));
            }
        }
    }

    /// The objects of the document, in the order of its sections.
    pub(super) fn objects(&mut self) -> impl Iterator<Item = Object> {
        let root = self.root;
        let regions = std::mem::take(&mut self.regions);
        let entries =
            SECTIONS.iter().flat_map(move |(section, read)| entries(root, section).map(move |node| (node, read)));
        let workspace = self.workspace();
        let regions: Vec<_> = regions.into_iter().map(|(name, node)| self.object(node, Region::new(name))).collect();
        let read = move |(node, read): (Node<'t>, &Read)| read(self, Entry { name: name_of(node), node });
        workspace.into_iter().chain(regions.into_iter().flatten()).chain(entries.flat_map(read).flatten())
    }

    /// The entity as an object, unless another one bears its name, which is reported already.
    pub(super) fn object<E: Entity>(&mut self, node: Node<'t>, entity: E) -> Option<Object> {
        let bearer = self.names.bearer::<E::Id>(match node.key() {
            // A region that stands only in the field of a gateway.
            "region" if E::Id::KIND == RegionId::KIND => node.text().unwrap_or_default(),
            key => key,
        })?;
        (bearer.node.index() == node.index()).then(|| E::Id::of(bearer.id).map(|id| entity.wrap(id)))?
    }

    /// Keeps the name that an object had so far.
    pub(super) fn renamed<I: Id>(&mut self, entry: Node<'t>) {
        let Some((node, from)) = entry.get("renamed_from").and_then(|node| Some((node, node.text()?))) else { return };
        let Some(id) = self.names.bearer::<I>(entry.key()).map(|bearer| bearer.id) else { return };
        let Ok(name) = from.parse::<Name>() else { return };
        let (why, remedy) = if from == entry.key() {
            ("it bears that name still", "leave out renamed_from, or give it another name")
        } else if self.names.bearer::<I>(from).is_some() {
            ("another one bears that name", "leave out renamed_from, or the other one")
        } else if !self.former.insert((I::KIND, name.clone())) {
            ("two cannot both have been that one", "leave out renamed_from in one of them")
        } else {
            return self.renamed.push((id, name));
        };
        self.walker.report(node, Part::Value, Problem::Contradiction { why, remedy });
    }

    /// The objects that a field names; an absent field names none.
    pub(super) fn refs<I: Id>(&mut self, node: Node<'t>, field: &str) -> Vec<I> {
        node.get(field).map_or_else(Vec::new, |list| self.resolve_all(list))
    }

    /// The object that a field names.
    pub(super) fn reference<I: Id>(&mut self, node: Node<'t>, field: &str) -> Option<I> {
        self.names.resolve(&mut self.walker, node.get(field)?)
    }

    pub(super) fn resolve_all<I: Id>(&mut self, list: Node<'t>) -> Vec<I> {
        let mut ids = Vec::new();
        let mut seen = BTreeSet::new();
        for element in list.elements() {
            let Some(id) = self.names.resolve::<I>(&mut self.walker, element) else { continue };
            let again = if ids.len() < FEW { ids.contains(&id) } else { seen.contains(&id) };
            if again {
                let what = quoted(element.text().unwrap_or_default());
                self.walker.report(element, Part::Value, Problem::Duplicate { what, first: None });
                continue;
            }
            ids.push(id);
            if ids.len() == FEW {
                seen.extend(ids.iter().copied());
            } else if ids.len() > FEW {
                seen.insert(id);
            }
        }
        ids.shrink_to_fit();
        ids
    }

    pub(super) fn section(&self, name: &str) -> Option<Node<'t>> {
        self.root.get(name)
    }

    /// Where each object stands.
    pub(super) fn origins(&self) -> BTreeMap<ObjectId, Node<'t>> {
        let workspace = self.names.workspace();
        let tenant: ObjectId = WorkspaceId::derive(workspace, workspace, crate::generation::Revision::ZERO).into();
        let declared = self.names.bearers().map(|bearer| (bearer.id, bearer.node));
        declared.chain(self.root.get("workspace").map(|node| (tenant, node))).collect()
    }
}

/// chosen: up to so many, looking at each is faster than a set of them.
const FEW: usize = 16;

type Read = for<'r, 't> fn(&'r mut Reader<'t>, Entry<'t>) -> Made;

/// The sections and what reads their entries.
const SECTIONS: [(&str, Read); 10] = [
    ("users", |reader, entry| reader.user(entry)),
    ("groups", |reader, entry| reader.group(entry)),
    ("networks", |reader, entry| reader.network(entry)),
    ("regions", |reader, entry| reader.region(entry)),
    ("gateways", |reader, entry| reader.gateway(entry)),
    ("peers", |reader, entry| reader.peer(entry)),
    ("routes", |reader, entry| reader.route(entry)),
    ("policies", |reader, entry| reader.policy(entry)),
    ("join_keys", |reader, entry| reader.join_key(entry)),
    ("assertions", |reader, entry| reader.assertion(entry)),
];

/// The entries of a section, if it has some.
fn entries<'t>(root: Node<'t>, section: &str) -> impl Iterator<Item = Node<'t>> {
    let section = root.get(section).filter(|section| matches!(section.value(), Value::Table));
    section.into_iter().flat_map(Node::children)
}

/// The name under which an entry stands, or a stand-in, so that the rest of it can be read.
pub(super) fn name_of(entry: Node<'_>) -> Name {
    entry.key().parse().unwrap_or_else(|_| stand_in(entry.index()))
}

/// A name for what has none. The document is refused anyway.
fn stand_in(index: u32) -> Name {
    format!("unnamed-{index}").parse().expect("letters, digits and an inner '-', shorter than 63")
}

/// The value of a field, if it is there and of its type.
pub(super) fn value<T: FromStr>(node: Node<'_>, field: &str) -> Option<T> {
    node.get(field)?.text()?.parse().ok()
}

/// Whether a field is there and true.
pub(super) fn flag(node: Node<'_>, field: &str) -> bool {
    matches!(node.get(field).map(Node::value), Some(Value::Flag(true)))
}

/// The number of a field, if it is there and of its type.
pub(super) fn number<N: TryFrom<i128>>(node: Node<'_>, field: &str) -> Option<N> {
    match node.get(field)?.value() {
        Value::Number(Some(number)) => number.try_into().ok(),
        _ => None,
    }
}

/// The elements of a list that are of their type.
pub(super) fn values<T: FromStr>(node: Node<'_>, field: &str) -> Vec<T> {
    let list = node.get(field);
    list.iter().flat_map(|list| list.elements()).filter_map(|element| element.text()?.parse().ok()).collect()
}

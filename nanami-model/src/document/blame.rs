//! Which place of a document is to blame for a rule that its objects break together.
//!
//! **Invariant**: a mistake is reported once. What a rule finds only because something else could not be read is left out; it
//! comes back, if it is real, once that is repaired.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::error::Problem;
use super::routing::LAYERS;
use super::sections::Reader;
use super::tree::Node;
use super::walk::Part;
use crate::id::{GatewayId, NetworkId, PeerId};
use crate::object::{Label, ObjectId};
use crate::refused::Violation;

/// Where everything stands.
struct Origins<'a, 't> {
    reader: &'a Reader<'t>,
    nodes: BTreeMap<ObjectId, Node<'t>>,
    root: Node<'t>,
    lists: RefCell<Lists<'t>>,
}

/// For each list that was looked into, its elements by what they read; of equal ones the last. Every element of a list may be
/// at fault, so a list is read once.
type Lists<'t> = BTreeMap<u32, BTreeMap<String, Node<'t>>>;

/// Reports what the rules found, each at its place.
pub(super) fn report<'t>(reader: &mut Reader<'t>, root: Node<'t>, violations: &[Violation]) {
    let origins = Origins { nodes: reader.origins(), reader, root, lists: RefCell::default() };
    let own = violations.iter().filter(|violation| !origins.follows(violation));
    let found: Vec<_> = own.map(|violation| origins.place(origins.later_first(violation.clone()))).collect();
    for (node, part, violation) in found {
        reader.walker.report(node, part, Problem::Rule(violation));
    }
}

impl<'t> Origins<'_, 't> {
    fn place(&self, violation: Violation) -> (Node<'t>, Part, Violation) {
        let entry = violation.subject().and_then(|id| self.nodes.get(&id)).copied();
        let entry = entry.unwrap_or_else(|| self.root.get("users").unwrap_or(self.root));
        let field = violation.field().and_then(|field| self.field(entry, &violation, field));
        let element = field.and_then(|field| self.element(field, &violation)).or(field);
        let (node, part) = element.map_or((entry, Part::Key), |node| (node, Part::Value));
        (node, part, violation)
    }

    /// The element of a list that the rule is about.
    fn element(&self, list: Node<'t>, violation: &Violation) -> Option<Node<'t>> {
        let wanted = match violation {
            Violation::Overlap { pool, .. } => pool.to_string(),
            Violation::DuplicateAddress { address, .. } => address.to_string(),
            _ => return None,
        };
        let mut lists = self.lists.borrow_mut();
        let read = || list.elements().filter_map(|node| Some((canonical(node.text()?), node))).collect();
        lists.entry(list.index()).or_insert_with(read).get(&wanted).copied()
    }

    /// The field of an entry, or of what the document says about it in the section of routing preferences.
    fn field(&self, entry: Node<'t>, violation: &Violation, field: &str) -> Option<Node<'t>> {
        let own = || entry.get(field);
        if !ROUTING_FIELDS.contains(&field) {
            return own();
        }
        let routing = self.root.get("routing")?;
        let kind = violation.subject()?.kind();
        let preference = match LAYERS.into_iter().find(|(_, layer)| *layer == kind) {
            Some((layer, _)) => routing.get(layer)?.get(entry.key()),
            None => routing.get("default"),
        };
        preference.and_then(|preference| preference.get(field).or(Some(preference))).or_else(own)
    }

    /// Rules go by names, readers by the order of the document: of two that collide, the later one is at fault.
    fn later_first(&self, violation: Violation) -> Violation {
        let at = |label: &Label| self.nodes.get(&label.id()).map(|node| node.key_at());
        match violation {
            Violation::Overlap { subject, pool, other, other_pool } if at(&other) > at(&subject) => {
                Violation::Overlap { subject: other, pool: other_pool, other: subject, other_pool: pool }
            }
            Violation::DuplicateKey { subject, other } if at(&other) > at(&subject) => {
                Violation::DuplicateKey { subject: other, other: subject }
            }
            Violation::DuplicateAddress { subject, other, address } if at(&other) > at(&subject) => {
                Violation::DuplicateAddress { subject: other, other: subject, address }
            }
            violation => violation,
        }
    }

    /// Whether the rule may be broken only because of a mistake that is reported already.
    fn follows(&self, violation: &Violation) -> bool {
        let (walker, users) = (&self.reader.walker, self.root.get("users"));
        match violation {
            Violation::Dangling { .. } | Violation::DuplicateName { .. } => !walker.is_clean(),
            Violation::LastOwner => walker.is_incomplete() || users.is_some_and(|users| walker.is_damaged(users)),
            Violation::Contradiction { subject, field: "gateways" | "redundancy" | "addresses", .. } => {
                walker.is_incomplete() || self.leans_on_unread(subject.id())
            }
            _ => false,
        }
    }

    /// Whether the networks and gateways of an object could not be read completely: its own fields that name them, or theirs.
    fn leans_on_unread(&self, id: ObjectId) -> bool {
        let mut open = vec![id];
        for _ in 0..=STEPS {
            if open.iter().any(|id| self.is_unread(*id)) {
                return true;
            }
            open = open.iter().flat_map(|id| self.references(*id)).collect();
        }
        false
    }

    fn is_unread(&self, id: ObjectId) -> bool {
        let Some(node) = self.nodes.get(&id) else { return true };
        let damaged = |field: &str| node.get(field).is_some_and(|field| self.reader.walker.is_damaged(field));
        let lacks = |field: &str| node.get(field).is_none() || damaged(field);
        match id {
            ObjectId::Network(_) => lacks("pools"),
            ObjectId::Route(_) => lacks("network") || lacks("gateways"),
            _ => ["networks", "addresses", "peer"].into_iter().any(damaged),
        }
    }

    /// The networks, gateways and peers that an entry names.
    fn references(&self, id: ObjectId) -> Vec<ObjectId> {
        let Some(node) = self.nodes.get(&id) else { return Vec::new() };
        let names = &self.reader.names;
        let texts = |field| {
            let list = node.get(field);
            let one = list.and_then(Node::text);
            list.into_iter().flat_map(Node::elements).filter_map(Node::text).chain(one).collect::<Vec<_>>()
        };
        let network = |text: &&str| names.bearer::<NetworkId>(text).map(|bearer| bearer.id);
        let gateway = |text: &&str| names.bearer::<GatewayId>(text).map(|bearer| bearer.id);
        let mut found: Vec<_> =
            ["network", "networks"].into_iter().flat_map(texts).filter_map(|text| network(&text)).collect();
        found.extend(texts("gateways").iter().filter_map(gateway));
        if let ObjectId::Gateway(_) = id {
            let peer = node.get("peer").and_then(Node::text).unwrap_or(node.key());
            found.extend(names.bearer::<PeerId>(peer).map(|bearer| bearer.id));
        }
        found
    }
}

/// The fields of a routing preference.
const ROUTING_FIELDS: [&str; 4] = ["traffic", "routing", "ingress", "egress"];

/// The longest way: from a route to a gateway, its peer, its networks.
const STEPS: usize = 3;

/// A range or an address as it would be printed.
fn canonical(text: &str) -> String {
    let range = text.parse::<crate::cidr::Cidr>().map(|range| range.to_string());
    range.or_else(|_| crate::cidr::parse_address(text).map(|address| address.to_string())).unwrap_or_default()
}

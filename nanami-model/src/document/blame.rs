//! Which place of a document is to blame for a rule that its objects break together.
//!
//! **Invariant**: a mistake is reported once. What a rule finds only because something else could not be read is left out; it
//! comes back, if it is real, once that is repaired.

use super::error::Problem;
use super::sections::Reader;
use super::tree::{Node, Value};
use super::walk::Part;
use crate::object::{Label, Object, ObjectId};
use crate::refused::Violation;

/// Reports what the rules found, each at its place.
pub(super) fn report<'t>(reader: &mut Reader<'t>, root: Node<'t>, violations: &[Violation]) {
    let own: Vec<_> = violations.iter().filter(|violation| !follows(reader, root, violation)).collect();
    for violation in own {
        let violation = later_first(reader, violation.clone());
        let node = violation.subject().and_then(|id| reader.origins.get(&id)).copied();
        let node = node.unwrap_or_else(|| root.get("users").unwrap_or(root));
        let field = violation.field().and_then(|field| node.get(field));
        let element = field.and_then(|field| element(field, &violation)).or(field);
        let (node, part) = element.map_or((node, Part::Key), |node| (node, Part::Value));
        reader.walker.report(node, part, Problem::Rule(violation));
    }
}

/// Rules go by names, readers by the order of the document: of two that collide, the later one is at fault.
fn later_first(reader: &Reader<'_>, violation: Violation) -> Violation {
    let at = |label: &Label| reader.origins.get(&label.id()).map(|node| node.key_at());
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
fn follows(reader: &Reader<'_>, root: Node<'_>, violation: &Violation) -> bool {
    match violation {
        Violation::Dangling { .. } | Violation::DuplicateName { .. } => !reader.walker.is_clean(),
        Violation::LastOwner => {
            reader.walker.is_incomplete() || root.get("users").is_some_and(|users| reader.walker.is_damaged(users))
        }
        Violation::Contradiction { subject, field: "gateways" | "redundancy" | "addresses", .. } => {
            reader.walker.is_incomplete() || leans_on_unread(reader, subject.id())
        }
        _ => false,
    }
}

/// Whether the networks and gateways of an object could not be read completely: its own fields that name them, or theirs.
fn leans_on_unread(reader: &Reader<'_>, id: ObjectId) -> bool {
    let mut open = vec![id];
    for _ in 0..=STEPS {
        if open.iter().any(|id| is_unread(reader, *id)) {
            return true;
        }
        open = open.iter().flat_map(|id| references(&reader.objects, *id)).collect();
    }
    false
}

fn is_unread(reader: &Reader<'_>, id: ObjectId) -> bool {
    let Some(node) = reader.origins.get(&id) else { return true };
    let damaged = |field: &str| node.get(field).is_some_and(|field| reader.walker.is_damaged(field));
    let lacks = |field: &str| node.get(field).is_none() || damaged(field);
    match id {
        ObjectId::Network(_) => lacks("pools"),
        ObjectId::Route(_) => lacks("network") || lacks("gateways"),
        _ => ["networks", "addresses", "peer"].into_iter().any(damaged),
    }
}

/// The networks, gateways and peers that an object names.
fn references(objects: &[Object], id: ObjectId) -> Vec<ObjectId> {
    let mut found = Vec::new();
    if let Some(object) = objects.iter().find(|object| object.id() == id) {
        object.clone().visit(&mut |field, id| {
            let counts = matches!(id, ObjectId::Network(_) | ObjectId::Gateway(_) | ObjectId::Peer(_));
            if counts && !field.is_empty() {
                found.push(id);
            }
            id
        });
    }
    found
}

/// The longest way: from a route to a gateway, its peer, its networks.
const STEPS: usize = 3;

/// The element of a list that the rule is about.
fn element<'t>(list: Node<'t>, violation: &Violation) -> Option<Node<'t>> {
    let wanted = match violation {
        Violation::Overlap { pool, .. } => pool.to_string(),
        Violation::DuplicateAddress { address, .. } => address.to_string(),
        _ => return None,
    };
    let reads = |node: &Node<'t>| match node.value() {
        Value::Text(text) => canonical(text) == wanted,
        _ => false,
    };
    list.children().filter(reads).last()
}

/// A range or an address as it would be printed.
fn canonical(text: &str) -> String {
    let range = text.parse::<crate::cidr::Cidr>().map(|range| range.to_string());
    range.or_else(|_| crate::cidr::parse_address(text).map(|address| address.to_string())).unwrap_or_default()
}

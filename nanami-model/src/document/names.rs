//! Who bears which name in a document, and what a reference means.
//!
//! **Invariant**: whatever is declared can be referred to, also if the declaration itself has an error; a false `dangling` would
//! only repeat that error. References therefore go by the text of the key, and an entry whose key is no name gets a stand-in.

use std::collections::BTreeMap;

use super::error::Problem;
use super::sections::name_of;
use super::tree::Node;
use super::walk::{Part, Walker};
use crate::entity::Selector;
use crate::generation::Revision;
use crate::name::Name;
use crate::near::nearest;
use crate::object::sealed::Stored;
use crate::object::{Id, ObjectId};

/// The names of a document, kind by kind.
pub(super) struct Names<'t> {
    workspace: Name,
    kinds: BTreeMap<&'static str, Bearers<'t>>,
}

#[derive(Default)]
struct Bearers<'t> {
    by_text: BTreeMap<&'t str, Bearer<'t>>,
    /// Whether there may be more than could be read.
    open: bool,
}

/// Who bears a name.
#[derive(Clone)]
pub(super) struct Bearer<'t> {
    pub(super) id: ObjectId,
    /// Where it is declared.
    pub(super) node: Node<'t>,
}

impl<'t> Names<'t> {
    pub(super) fn new(workspace: Name) -> Self {
        Self { workspace, kinds: BTreeMap::new() }
    }

    pub(super) fn workspace(&self) -> &Name {
        &self.workspace
    }

    /// Declares an object of the kind under this text. Of two, the later one in the document is reported; the one that is
    /// declared first bears the name.
    pub(super) fn declare<I: Id>(&mut self, walker: &mut Walker, node: Node<'t>, text: &'t str, name: Name) {
        let bearers = self.kinds.entry(I::KIND).or_default();
        let Some(other) = bearers.by_text.get(text) else {
            let id = <I::Entity as Stored>::derive_id(&self.workspace, &name, Revision::new(1)).into();
            bearers.by_text.insert(text, Bearer { id, node });
            return;
        };
        let (first, second) = match other.node.key_at() < node.key_at() {
            true => (other.node, node),
            false => (node, other.node),
        };
        let what = format!("{} {name}", I::KIND);
        walker.report(second, Part::Key, Problem::Duplicate { what, first: Some(first.line()) });
    }

    /// Who bears the name of this kind.
    pub(super) fn bearer<I: Id>(&self, text: &str) -> Option<&Bearer<'t>> {
        self.of_kind(I::KIND, text)
    }

    /// Everybody who bears a name.
    pub(super) fn bearers(&self) -> impl Iterator<Item = &Bearer<'t>> {
        self.kinds.values().flat_map(|bearers| bearers.by_text.values())
    }

    /// Says that there may be more objects of the kind than could be read.
    pub(super) fn leave_open(&mut self, kind: &'static str) {
        self.kinds.entry(kind).or_default().open = true;
    }

    pub(super) fn is_open(&self, kind: &str) -> bool {
        self.kinds.get(kind).is_some_and(|bearers| bearers.open)
    }

    /// The object that a value names.
    pub(super) fn resolve<I: Id>(&self, walker: &mut Walker, node: Node<'_>) -> Option<I> {
        let text = node.text()?;
        self.resolve_text(walker, node, Part::Value, text)
    }

    pub(super) fn resolve_text<I: Id>(&self, walker: &mut Walker, node: Node<'_>, part: Part, text: &str) -> Option<I> {
        match self.bearer::<I>(text) {
            Some(bearer) => I::of(bearer.id),
            None => {
                self.dangling(walker, node, part, text, I::KIND, &[I::KIND]);
                None
            }
        }
    }

    /// One side of a policy or of an assertion: `KIND:NAME`, or the name of the one object that bears it.
    pub(super) fn side(&self, walker: &mut Walker, node: Node<'_>) -> Option<Selector> {
        let text = node.text()?;
        if let Some((kind, name)) = text.split_once(':') {
            let Some(kind) = SIDES.into_iter().find(|side| *side == kind) else {
                walker.report(node, Part::Value, not_a_side(kind, name, text));
                return None;
            };
            let Some(bearer) = self.of_kind(kind, name) else {
                self.dangling(walker, node, Part::Value, name, kind, &[kind]);
                return None;
            };
            return selector(bearer.id);
        }
        let readings: Vec<_> = SIDES.into_iter().filter_map(|kind| Some((kind, self.of_kind(kind, text)?))).collect();
        match readings.as_slice() {
            [] => {
                self.dangling(walker, node, Part::Value, text, "group, network, route or peer", &SIDES);
                None
            }
            [(_, bearer)] => selector(bearer.id),
            [(_, bearer), ..] => {
                let name = name_of(bearer.node);
                let readings = readings.iter().map(|(kind, _)| format!("{kind}:{name}")).collect();
                walker.report(node, Part::Value, Problem::Ambiguous { name, readings });
                None
            }
        }
    }

    fn of_kind(&self, kind: &str, text: &str) -> Option<&Bearer<'t>> {
        self.kinds.get(kind)?.by_text.get(text)
    }

    fn dangling(
        &self,
        walker: &mut Walker,
        node: Node<'_>,
        part: Part,
        text: &str,
        kind: &'static str,
        kinds: &[&'static str],
    ) {
        if walker.is_incomplete() || kinds.iter().any(|kind| self.is_open(kind)) {
            return;
        }
        let bearers = kinds.iter().filter_map(|kind| self.kinds.get(kind)).flat_map(|b| b.by_text.keys());
        let near = nearest(text, bearers.copied());
        let nearest = near.into_iter().filter_map(|name| name.parse().ok()).collect();
        walker.report(node, part, Problem::Dangling { kind, name: text.chars().take(80).collect(), nearest });
    }
}

fn selector(id: ObjectId) -> Option<Selector> {
    match id {
        ObjectId::Group(id) => Some(id.into()),
        ObjectId::Network(id) => Some(id.into()),
        ObjectId::Route(id) => Some(id.into()),
        ObjectId::Peer(id) => Some(id.into()),
        _ => None,
    }
}

fn not_a_side(kind: &str, name: &str, text: &str) -> Problem {
    let remedy = match kind {
        "gateway" => format!("write peer:{name} for the gateway itself, or name the route behind it"),
        "user" => "name a group of peers".to_owned(),
        _ => "write group:NAME, network:NAME, route:NAME or peer:NAME".to_owned(),
    };
    Problem::Value {
        kind: "side",
        text: text.chars().take(80).collect(),
        reason: "a side is a group, a network, a route or a peer".to_owned(),
        code: "value.side",
        remedy,
    }
}

/// The kinds that a side of a policy may be.
const SIDES: [&str; 4] = ["group", "network", "route", "peer"];

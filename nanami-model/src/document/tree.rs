//! The first pass: a TOML text as a tree in which every key and every value knows its place.
//!
//! **Invariant**: children stand in document order, and every node but the root knows its parent, so that the path of a node
//! is made only when an error wants it. Nesting is as deep as the parser allows, about 80 levels each of headers, dotted keys
//! and inline values; recursion over the tree is bounded by that.

use std::borrow::Cow;
use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::place::{Lines, Place, quoted};

/// What the text of a document consists of.
pub(super) struct Tree<'t> {
    nodes: Vec<Data<'t>>,
    lines: Lines<'t>,
}

/// Why the text could not be read at a place: the parser's words.
pub(super) struct SyntaxError {
    pub(super) at: usize,
    pub(super) message: String,
}

struct Data<'t> {
    parent: usize,
    step: Step<'t>,
    key_at: usize,
    value_at: usize,
    value: Value<'t>,
    children: Vec<usize>,
}

/// How a node is reached from its parent.
enum Step<'t> {
    Key(Cow<'t, str>),
    Element(usize),
}

/// What a node is. What a list or a table holds are its children.
pub(super) enum Value<'t> {
    Text(Cow<'t, str>),
    /// `None` if it does not fit.
    Number(Option<i64>),
    Fraction,
    Flag(bool),
    Date,
    List,
    Table,
}

impl<'t> Tree<'t> {
    /// Reads as much of the text as is TOML, and says where it is not.
    pub(super) fn read(text: &'t str) -> (Self, Vec<SyntaxError>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let root = Data {
            parent: 0,
            step: Step::Element(0),
            key_at: 0,
            value_at: 0,
            value: Value::Table,
            children: Vec::new(),
        };
        let mut tree = Self { nodes: vec![root], lines: Lines::of(text) };
        tree.add_table(0, table.into_inner());
        let mut seen = BTreeSet::new();
        let errors = errors.into_iter().map(|error| SyntaxError {
            at: error.span().map_or(0, |span| span.start),
            message: error.message().to_owned(),
        });
        (tree, errors.filter(|error| seen.insert((error.at, error.message.clone()))).collect())
    }

    pub(super) fn root(&'t self) -> Node<'t> {
        Node { tree: self, index: 0 }
    }

    /// The place of a byte that belongs to no node.
    pub(super) fn place(&self, at: usize) -> Place {
        let (line, column) = self.lines.position(at);
        Place::new(line, column, String::new())
    }

    fn add_table(&mut self, parent: usize, table: DeTable<'t>) {
        let mut entries: Vec<_> = table.into_iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let key_at = key.span().start;
            let value_at = value.span().start;
            self.add(parent, Step::Key(key.into_inner()), key_at, value_at, value.into_inner());
        }
    }

    fn add(&mut self, parent: usize, step: Step<'t>, key_at: usize, value_at: usize, value: DeValue<'t>) {
        let index = self.nodes.len();
        self.nodes[parent].children.push(index);
        let put = |tree: &mut Self, value| {
            tree.nodes.push(Data { parent, step, key_at, value_at, value, children: Vec::new() });
        };
        match value {
            DeValue::String(text) => put(self, Value::Text(text)),
            DeValue::Integer(number) => {
                put(self, Value::Number(i64::from_str_radix(number.as_str(), number.radix()).ok()));
            }
            DeValue::Float(_) => put(self, Value::Fraction),
            DeValue::Boolean(flag) => put(self, Value::Flag(flag)),
            DeValue::Datetime(_) => put(self, Value::Date),
            DeValue::Array(elements) => {
                put(self, Value::List);
                for (i, element) in elements.into_iter().enumerate() {
                    let at = element.span().start;
                    self.add(index, Step::Element(i), at, at, element.into_inner());
                }
            }
            DeValue::Table(table) => {
                put(self, Value::Table);
                self.add_table(index, table);
            }
        }
    }
}

/// One value of a document, with its key and its place.
#[derive(Clone, Copy)]
pub(super) struct Node<'t> {
    tree: &'t Tree<'t>,
    index: usize,
}

impl<'t> Node<'t> {
    fn data(self) -> &'t Data<'t> {
        &self.tree.nodes[self.index]
    }

    /// Tells nodes apart.
    pub(super) fn index(self) -> usize {
        self.index
    }

    /// The parent; the root is its own.
    pub(super) fn parent(self) -> Self {
        Self { index: self.data().parent, ..self }
    }

    pub(super) fn is_root(self) -> bool {
        self.index == 0
    }

    /// The key, empty for an element of a list.
    pub(super) fn key(self) -> &'t str {
        match &self.data().step {
            Step::Key(key) => key,
            Step::Element(_) => "",
        }
    }

    pub(super) fn value(self) -> &'t Value<'t> {
        &self.data().value
    }

    /// What a table or a list holds, in document order.
    pub(super) fn children(self) -> impl ExactSizeIterator<Item = Node<'t>> {
        self.data().children.iter().map(move |index| Node { index: *index, ..self })
    }

    /// The value of a field of a table.
    pub(super) fn get(self, field: &str) -> Option<Self> {
        self.children().find(|child| child.key() == field)
    }

    /// Where the key begins, in bytes.
    pub(super) fn key_at(self) -> usize {
        self.data().key_at
    }

    /// Where the value begins, in bytes. A table that is spread over headers begins at its key.
    pub(super) fn value_at(self) -> usize {
        match self.data().value {
            Value::Table => self.key_at(),
            _ => self.data().value_at,
        }
    }

    /// The place of a byte of this node.
    pub(super) fn place(self, at: usize) -> Place {
        let (line, column) = self.tree.lines.position(at);
        Place::new(line, column, self.path())
    }

    fn path(self) -> String {
        let mut steps = Vec::new();
        let mut node = self;
        while !node.is_root() {
            steps.push(&node.data().step);
            node = node.parent();
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Element(i) => path.push_str(&format!("[{i}]")),
                Step::Key(key) => {
                    let dot = if path.is_empty() { "" } else { "." };
                    let bare = !key.is_empty() && key.len() <= 63 && key.bytes().all(is_bare);
                    path.push_str(dot);
                    path.push_str(&if bare { key.to_string() } else { quoted(key) });
                }
            }
        }
        path
    }
}

/// Whether TOML allows the character in a key without quotes.
fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

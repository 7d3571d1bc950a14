//! The first pass: a text as a tree in which every key and every value knows its place; the same for both formats.
//!
//! **Invariant**: nodes stand in document order, a node before what it holds, and each knows where its part ends; parents and
//! paths are looked up only when an error wants them. A node has 32 bytes, and what it says stays in the text: only what is
//! written otherwise than it reads (an escape) is copied, so that a tree is never larger than a fixed multiple of its text.

use super::place::{Lines, Place, quoted};

/// What the text of a document consists of.
pub(super) struct Tree<'t> {
    text: &'t str,
    /// Texts that are not written as they read, one behind the other.
    copied: String,
    /// In blocks, so that growing never holds everything twice.
    blocks: Vec<Vec<Data>>,
    length: u32,
    lines: Lines<'t>,
}

#[derive(Clone, Copy)]
struct Data {
    /// Empty for the root and for elements of a list.
    key: Span,
    key_at: u32,
    value_at: u32,
    /// The index behind everything that the node holds.
    end: u32,
    content: Content,
}

const _: () = assert!(size_of::<Data>() <= 32, "a document of 100,000 peers has a million nodes");

/// A part of the text, or of what was copied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    start: u32,
    length: u32,
}

/// In the length of a span: it is a part of what was copied.
const COPIED: u32 = 1 << 31;
/// In the length of a key: the node is not shown.
const HIDDEN: u32 = 1 << 30;
/// The longest text that a tree can be of: lengths leave room for the two marks.
pub(super) const LONGEST_TEXT: usize = 1 << 28;

#[derive(Clone, Copy)]
pub(super) enum Content {
    Text(Span),
    Number(Span),
    Flag(bool),
    #[cfg(feature = "toml")]
    Date(Span),
    Null,
    List,
    Table,
}

/// What a node is. What a list or a table holds are its children.
pub(super) enum Value<'t> {
    Text(&'t str),
    /// `None` if it does not fit.
    Number(Option<i128>),
    Fraction,
    Flag(bool),
    #[cfg_attr(not(feature = "toml"), expect(dead_code, reason = "JSON has no dates"))]
    Date(&'t str),
    Null,
    List,
    Table,
}

/// Where the text cannot be read.
pub(super) struct Fault {
    pub(super) at: usize,
    /// Where the value begins that is spoiled by it, so that nobody complains about that value again.
    pub(super) value_at: usize,
    pub(super) what: What,
}

pub(super) enum What {
    /// The text breaks the syntax: the reader's words.
    Syntax(String),
    /// A key stands twice; the first time at this byte, if that is known.
    Duplicate { key: Option<String>, first: Option<usize> },
}

/// The key of a node that is about to be made.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) name: Span,
    pub(super) at: u32,
}

/// Building: [`Tree::put`] in document order, [`Tree::close`] where a list or a table ends.
impl<'t> Tree<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        debug_assert!(text.len() <= LONGEST_TEXT, "readers have limits below that");
        Self { text, copied: String::new(), blocks: Vec::new(), length: 0, lines: Lines::of(text) }
    }

    /// The part of the text from one byte to another.
    pub(super) fn span(start: usize, end: usize) -> Span {
        Span { start: narrow(start), length: narrow(end - start) }
    }

    /// A text that the document does not have as it reads.
    #[cfg(feature = "toml")]
    pub(super) fn copy(&mut self, text: &str) -> Span {
        let start = self.copied.len();
        self.copied.push_str(text);
        self.copied_since(start)
    }

    /// Where the next copy goes; what is written there becomes a span by [`copied_since`](Self::copied_since).
    pub(super) fn copying(&mut self) -> &mut String {
        &mut self.copied
    }

    pub(super) fn copied_since(&self, start: usize) -> Span {
        Span { start: narrow(start), length: narrow(self.copied.len() - start) | COPIED }
    }

    /// Adds a node; without a key it is the root or an element of a list.
    pub(super) fn put(&mut self, key: Option<Key>, value_at: usize, content: Content) -> u32 {
        let index = self.length;
        let value_at = narrow(value_at);
        let Key { name, at } = key.unwrap_or(Key { name: Span { start: 0, length: 0 }, at: value_at });
        self.length += 1;
        if self.blocks.last().is_none_or(|block| block.len() == BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        let block = self.blocks.last_mut().expect("there is one: it was just added");
        block.push(Data { key: name, key_at: at, value_at, end: self.length, content });
        index
    }

    /// Ends a list or a table.
    pub(super) fn close(&mut self, index: u32) {
        let end = self.length;
        self.data_mut(index).end = end;
    }

    /// Shows the node no more, nor what it holds.
    pub(super) fn hide(&mut self, index: u32) {
        self.data_mut(index).key.length |= HIDDEN;
    }

    pub(super) fn indexes(&self, parent: u32) -> impl Iterator<Item = u32> + '_ {
        let end = self.data(parent).end;
        let mut next = parent + 1;
        std::iter::from_fn(move || {
            let index = (next < end).then_some(next)?;
            next = self.data(index).end;
            Some(index)
        })
    }

    pub(super) fn key_of(&self, index: u32) -> &str {
        self.read(self.data(index).key)
    }

    pub(super) fn key_at(&self, index: u32) -> usize {
        self.data(index).key_at as usize
    }

    fn data(&self, index: u32) -> &Data {
        &self.blocks[index as usize / BLOCK][index as usize % BLOCK]
    }

    fn data_mut(&mut self, index: u32) -> &mut Data {
        &mut self.blocks[index as usize / BLOCK][index as usize % BLOCK]
    }

    fn read(&self, span: Span) -> &str {
        let start = span.start as usize;
        let end = start + (span.length & !(COPIED | HIDDEN)) as usize;
        if span.length & COPIED == 0 { &self.text[start..end] } else { &self.copied[start..end] }
    }
}

/// A place in a text that is no longer than [`LONGEST_TEXT`].
pub(super) fn narrow(at: usize) -> u32 {
    u32::try_from(at).expect("readers refuse longer texts")
}

/// chosen: 32 KiB a block.
const BLOCK: usize = 1024;

/// Reading.
impl<'t> Tree<'t> {
    pub(super) fn root(&'t self) -> Node<'t> {
        Node { tree: self, index: 0 }
    }

    /// The place of a byte that belongs to no node.
    pub(super) fn place(&self, at: usize) -> Place {
        let (line, column) = self.lines.position(at);
        Place::new(line, column, String::new())
    }
}

/// One value of a document, with its key and its place.
#[derive(Clone, Copy)]
pub(super) struct Node<'t> {
    tree: &'t Tree<'t>,
    index: u32,
}

impl<'t> Node<'t> {
    fn data(self) -> &'t Data {
        self.tree.data(self.index)
    }

    /// Tells nodes apart, in document order.
    pub(super) fn index(self) -> u32 {
        self.index
    }

    /// The indexes of the node and of all that it holds.
    pub(super) fn part(self) -> std::ops::Range<u32> {
        self.index..self.data().end
    }

    /// The key, empty for an element of a list.
    pub(super) fn key(self) -> &'t str {
        self.tree.read(self.data().key)
    }

    pub(super) fn value(self) -> Value<'t> {
        match self.data().content {
            Content::Text(span) => Value::Text(self.tree.read(span)),
            Content::Number(span) => number(self.tree.read(span)),
            Content::Flag(flag) => Value::Flag(flag),
            #[cfg(feature = "toml")]
            Content::Date(span) => Value::Date(self.tree.read(span)),
            Content::Null => Value::Null,
            Content::List => Value::List,
            Content::Table => Value::Table,
        }
    }

    /// What a table or a list holds, in document order.
    pub(super) fn children(self) -> impl Iterator<Item = Node<'t>> {
        let shown = move |index: &u32| self.tree.data(*index).key.length & HIDDEN == 0;
        self.tree.indexes(self.index).filter(shown).map(move |index| Node { index, ..self })
    }

    /// A text, or a date as it is written.
    pub(super) fn text(self) -> Option<&'t str> {
        match self.value() {
            Value::Text(text) | Value::Date(text) => Some(text),
            _ => None,
        }
    }

    /// What a list holds; nothing, if it is none.
    pub(super) fn elements(self) -> impl Iterator<Item = Node<'t>> {
        let is_list = matches!(self.value(), Value::List);
        self.children().take_while(move |_| is_list)
    }

    /// The value of a field of a table.
    pub(super) fn get(self, field: &str) -> Option<Self> {
        self.children().find(|child| child.key() == field)
    }

    /// Where the key begins, in bytes; the value, for an element of a list.
    pub(super) fn key_at(self) -> usize {
        self.data().key_at as usize
    }

    /// Where the value begins, in bytes.
    pub(super) fn value_at(self) -> usize {
        self.data().value_at as usize
    }

    /// The place of a byte of this node.
    pub(super) fn place(self, at: usize) -> Place {
        let (line, column) = self.tree.lines.position(at);
        Place::new(line, column, self.path())
    }

    /// The line in which the key begins.
    pub(super) fn line(self) -> usize {
        self.tree.lines.position(self.key_at()).0
    }

    fn path(self) -> String {
        let mut path = String::new();
        let mut node = self.tree.root();
        while node.index != self.index {
            let holds = |(_, child): &(usize, u32)| self.index < self.tree.data(*child).end;
            let (i, index) = self.tree.indexes(node.index).enumerate().find(holds).expect("the parts of a node are it");
            match node.data().content {
                Content::List => path.push_str(&format!("[{i}]")),
                _ => push_key(&mut path, self.tree.key_of(index)),
            }
            node = Node { index, ..self };
        }
        path
    }
}

fn push_key(path: &mut String, key: &str) {
    let bare = !key.is_empty() && key.len() <= 63 && key.bytes().all(is_bare);
    path.push_str(if path.is_empty() { "" } else { "." });
    path.push_str(&if bare { key.to_owned() } else { quoted(key) });
}

/// Whether TOML allows the character in a key without quotes.
fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// A number as JSON and TOML print it in decimals. What is whole is a whole number however it is written, as JSON Schema has it.
fn number(text: &str) -> Value<'static> {
    if text.bytes().skip(usize::from(text.starts_with('-'))).all(|byte| byte.is_ascii_digit()) {
        return Value::Number(text.parse().ok());
    }
    match text.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < EXACT => Value::Number(Some(number as i128)),
        Ok(number) if number.fract() == 0.0 => Value::Number(None),
        _ => Value::Fraction,
    }
}

/// Whole numbers below this one are exact as floating point (IEEE 754 binary64).
const EXACT: f64 = (1u64 << 53) as f64;

//! A JSON text as a tree: RFC 8259, strictly, and everything that is wrong with it at once.
//!
//! **Invariant**: the reader never calls itself, so that no text decides how deep it goes; it reads every byte a bounded number
//! of times and keeps no more than a fixed multiple of the text. After a mistake it goes on where a person would: behind the
//! next comma or bracket. What it had to guess is never taken for true, for a document with one mistake is refused.

#[cfg(test)]
mod tests;
mod text;

use super::tree::{Content, Fault, Key, Tree, What, narrow};

/// Reads as much of the text as is JSON, and says where it is not. `limit` faults are kept, the others only counted.
pub(super) fn read(text: &str, limit: usize) -> (Tree<'_>, Vec<Fault>, usize) {
    let tree = Tree::new(text);
    let mut reader = Reader { text, at: 0, tree, open: Vec::new(), faults: Vec::new(), limit, left_out: 0 };
    reader.document();
    (reader.tree, reader.faults, reader.left_out)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    tree: Tree<'t>,
    open: Vec<Open>,
    faults: Vec<Fault>,
    limit: usize,
    left_out: usize,
}

/// A list or an object that is being read.
struct Open {
    node: u32,
    at: usize,
    is_table: bool,
    before: Before,
}

/// What stands before the next item.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    Item,
    Comma(usize),
}

/// chosen: five times what the deepest value of a workspace needs.
const DEEPEST: usize = 40;

impl Reader<'_> {
    fn document(&mut self) {
        if self.text.starts_with('\u{feff}') {
            self.syntax(0, "the text begins with a byte order mark; save it without".to_owned());
            self.at = '\u{feff}'.len_utf8();
        }
        self.blank();
        match self.peek() {
            Some(_) => self.value(None),
            None => {
                self.syntax(self.at, "the text is empty".to_owned());
                self.tree.put(None, self.at, Content::Null);
            }
        }
        while !self.open.is_empty() {
            self.blank();
            self.item();
        }
        self.blank();
        if self.at < self.text.len() {
            self.syntax(self.at, "the document ends before this".to_owned());
        }
    }

    /// Reads the next item of the innermost list or object, or its end.
    fn item(&mut self) {
        let Some(open) = self.open.last() else { return };
        let (before, is_table) = (open.before, open.is_table);
        match self.peek() {
            None => {
                let what = if is_table { "this object is not closed" } else { "this list is not closed" };
                self.syntax(open.at, what.to_owned());
                self.close();
            }
            Some(closer @ (b'}' | b']')) => {
                if let Before::Comma(at) = before {
                    self.syntax(at, "no comma stands behind the last item".to_owned());
                }
                if (closer == b'}') != is_table {
                    let (found, wanted) = if is_table { (']', '}') } else { ('}', ']') };
                    self.syntax(self.at, format!("{found:?} closes what only {wanted:?} can close"));
                }
                self.at += 1;
                self.close();
            }
            Some(b',') => {
                if before != Before::Item {
                    self.syntax(self.at, "there is nothing before this comma".to_owned());
                }
                self.set_before(Before::Comma(self.at));
                self.at += 1;
            }
            Some(_) => {
                if before == Before::Item {
                    self.syntax(self.at, "a comma is missing before this".to_owned());
                }
                self.set_before(Before::Item);
                match is_table {
                    true => self.member(),
                    false => self.value(None),
                }
            }
        }
    }

    /// Reads `"key": value`.
    fn member(&mut self) {
        let at = self.at;
        let name = match self.peek() {
            Some(b'"') => self.string(),
            _ => match self.word() {
                "" => {
                    self.unexpected("a key in double quotes");
                    return self.skip();
                }
                _ => {
                    self.syntax(at, "a key stands in double quotes".to_owned());
                    Tree::span(at, self.at)
                }
            },
        };
        self.blank();
        match self.peek() {
            Some(b':') => self.at += 1,
            Some(b'=') => {
                self.syntax(self.at, "a colon stands between a key and its value".to_owned());
                self.at += 1;
            }
            _ => self.syntax(self.at, "a colon is missing behind the key".to_owned()),
        }
        self.blank();
        self.value(Some(Key { name, at: narrow(at) }));
    }

    /// Reads a value; of a list or an object, its beginning.
    fn value(&mut self, key: Option<Key>) {
        let at = self.at;
        let content = match self.peek() {
            Some(b'{' | b'[') if self.open.len() >= DEEPEST => {
                self.syntax(at, format!("this is nested deeper than {DEEPEST} times"));
                self.skip();
                Content::Null
            }
            Some(bracket @ (b'{' | b'[')) => {
                let is_table = bracket == b'{';
                let node = self.tree.put(key, at, if is_table { Content::Table } else { Content::List });
                self.open.push(Open { node, at, is_table, before: Before::Nothing });
                self.at += 1;
                return;
            }
            Some(b'"') => Content::Text(self.string()),
            Some(b'-' | b'+' | b'.' | b'0'..=b'9') => self.number(),
            _ => self.literal(),
        };
        self.tree.put(key, at, content);
    }

    fn literal(&mut self) -> Content {
        let at = self.at;
        match self.word() {
            "true" => return Content::Flag(true),
            "false" => return Content::Flag(false),
            "null" => return Content::Null,
            "" => {
                self.unexpected("a value");
                if !matches!(self.peek(), Some(b',' | b'}' | b']') | None) {
                    self.skip();
                }
                return Content::Null;
            }
            _ => {}
        }
        self.syntax(at, "a text stands in double quotes; other words are true, false and null".to_owned());
        Content::Null
    }

    /// Ends the innermost list or object, and reports keys that stand in it twice.
    fn close(&mut self) {
        let Some(open) = self.open.pop() else { return };
        self.tree.close(open.node);
        if !open.is_table {
            return;
        }
        let mut members: Vec<u32> = self.tree.indexes(open.node).collect();
        members.sort_by_key(|index| self.tree.key_of(*index));
        let twice: Vec<(u32, u32)> = members
            .chunk_by(|one, other| self.tree.key_of(*one) == self.tree.key_of(*other))
            .flat_map(|same| same[1..].iter().map(|again| (same[0], *again)))
            .collect();
        for (first, again) in twice {
            self.tree.hide(again);
            let key = Some(self.tree.key_of(again).to_owned());
            let (at, first) = (self.tree.key_at(again), Some(self.tree.key_at(first)));
            self.fault(Fault { at, value_at: at, what: What::Duplicate { key, first } });
        }
    }

    fn set_before(&mut self, before: Before) {
        if let Some(open) = self.open.last_mut() {
            open.before = before;
        }
    }

    fn unexpected(&mut self, wanted: &str) {
        let found = match self.text[self.at..].chars().next() {
            Some(character) => format!("{character:?}"),
            None => "the end of the text".to_owned(),
        };
        self.syntax(self.at, format!("expected {wanted}, found {found}"));
    }

    fn syntax(&mut self, at: usize, message: String) {
        self.fault(Fault { at, value_at: at, what: What::Syntax(message) });
    }

    fn fault(&mut self, fault: Fault) {
        match self.faults.len() < self.limit {
            true => self.faults.push(fault),
            false => self.left_out += 1,
        }
    }
}

//! A TOML text as a tree.
//!
//! **Invariant**: what is not TOML is reported and the rest is read. Nesting is as deep as the parser allows, about 80 levels
//! each of headers, dotted keys and inline values; recursion is bounded by that.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::tree::{Content, Fault, Key, Tree, What, narrow};

/// Reads as much of the text as is TOML, and says where it is not.
pub(super) fn read(text: &str) -> (Tree<'_>, Vec<Fault>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut tree = Tree::new(text);
    let root = tree.put(None, 0, Content::Table);
    add_table(&mut tree, root, table.into_inner());
    let mut seen = BTreeSet::new();
    let faults =
        errors.into_iter().map(|error| (error.span().map_or(0, |span| span.start), error.message().to_owned()));
    (tree, faults.filter(|fault| seen.insert(fault.clone())).map(|(at, message)| fault(at, message)).collect())
}

fn fault(at: usize, message: String) -> Fault {
    let what = match message.as_str() {
        "duplicate key" => What::Duplicate { key: None, first: None },
        _ => What::Syntax(message),
    };
    Fault { at, value_at: at, what }
}

fn add_table(tree: &mut Tree<'_>, index: u32, table: DeTable<'_>) {
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in entries {
        let key = (key.span().start, key.into_inner());
        add(tree, Some(key), value.span().start, value.into_inner());
    }
    tree.close(index);
}

fn add(tree: &mut Tree<'_>, key: Option<(usize, std::borrow::Cow<'_, str>)>, value_at: usize, value: DeValue<'_>) {
    let key = key.map(|(at, key)| Key { name: tree.copy(&key), at: narrow(at) });
    let content = match &value {
        DeValue::String(text) => Content::Text(tree.copy(text)),
        DeValue::Integer(number) => {
            let decimal = i128::from_str_radix(number.as_str(), number.radix()).map(|number| number.to_string());
            Content::Number(tree.copy(decimal.as_deref().unwrap_or(TOO_LARGE)))
        }
        DeValue::Float(number) => Content::Number(tree.copy(number.as_str())),
        DeValue::Boolean(flag) => Content::Flag(*flag),
        DeValue::Datetime(date) => Content::Date(tree.copy(&date.to_string())),
        DeValue::Array(_) => Content::List,
        DeValue::Table(_) => Content::Table,
    };
    // A table that is spread over headers begins at its key.
    let value_at = match (&value, key) {
        (DeValue::Table(_), Some(key)) => key.at as usize,
        _ => value_at,
    };
    let index = tree.put(key, value_at, content);
    match value {
        DeValue::Array(elements) => {
            for element in elements {
                add(tree, None, element.span().start, element.into_inner());
            }
            tree.close(index);
        }
        DeValue::Table(table) => add_table(tree, index, table),
        _ => {}
    }
}

/// What does not fit into 128 bits fits no more when it is read again.
const TOO_LARGE: &str = "1000000000000000000000000000000000000000";

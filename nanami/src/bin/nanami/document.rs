//! Edits of a document's text: what is not edited stays as somebody wrote it, comments and order too.

use nanami::model::Intent;
use toml_edit::{DocumentMut, InlineTable, Item, Key, Table, TableLike, Value};

use crate::failure::Failure;
use crate::source::{Document, Syntax};

/// One edit of a document, as the command line says it.
pub(crate) struct Edit {
    path: Vec<Key>,
    /// `None` takes the entry out.
    value: Option<Value>,
    text: String,
}

impl Edit {
    /// `PATH=VALUE`, both as the document writes them.
    pub(crate) fn set(text: &str) -> Result<Self, Failure> {
        let (path, value) = split(text).ok_or_else(|| {
            Failure::new(format!("the edit {text:?} has no `=`")).with_remedy(
                "write PATH=VALUE, such as 'gateways.us-east.activity=\"draining\"'; --remove takes a path out",
            )
        })?;
        let value = value.trim().parse::<Value>().map_err(|error| {
            let line = error.message().lines().next().unwrap_or_default().to_owned();
            Failure::new(format!("the value of the edit {text:?} is not TOML: {line}"))
                .with_remedy("quote texts: 'gateways.us-east.activity=\"draining\"'")
        })?;
        Ok(Self { path: path_of(path, text)?, value: Some(value), text: text.to_owned() })
    }

    /// A path that goes.
    pub(crate) fn remove(text: &str) -> Result<Self, Failure> {
        Ok(Self { path: path_of(text, text)?, value: None, text: text.to_owned() })
    }

    fn make(&self, document: &mut DocumentMut) -> Result<(), Failure> {
        let (last, parents) = self.path.split_last().ok_or_else(|| Failure::new("an edit has no path"))?;
        let mut table: &mut dyn TableLike = document.as_table_mut();
        for key in parents {
            table = inner(table, key, self.value.is_some())
                .ok_or_else(|| self.misses(&format!("{} is no table with entries", key.get())))?;
        }
        match &self.value {
            Some(value) => put(table, last, Item::Value(value.clone())),
            None => {
                table.remove(last.get()).ok_or_else(|| {
                    let known: Vec<_> = table.iter().map(|(name, _)| name.to_owned()).collect();
                    let failure = self.misses(&format!("there is no {}", last.get()));
                    if known.is_empty() {
                        failure
                    } else {
                        failure.with_remedy(format!("there is {}", known.join(", ")))
                    }
                })?;
            }
        }
        Ok(())
    }

    fn misses(&self, why: &str) -> Failure {
        Failure::new(format!("the edit {:?} leads nowhere: {why}", self.text))
    }
}

/// The text of a document after edits, as TOML.
pub(crate) fn edited(read: &Document, edits: &[Edit]) -> Result<String, Failure> {
    let mut document = match read.syntax {
        Syntax::Toml => parsed(&read.text)?,
        Syntax::Json | Syntax::Recording => parsed(&read.intent.to_toml())?,
    };
    edits.iter().try_for_each(|edit| edit.make(&mut document))?;
    Ok(document.to_string())
}

/// The text of a document with what the next revision changes, in the syntax of the document.
pub(crate) fn merged(read: &Document, next: &Intent) -> Result<String, Failure> {
    let mut document = match read.syntax {
        Syntax::Toml => parsed(&read.text)?,
        Syntax::Json => return Ok(next.to_json()),
        Syntax::Recording => return Ok(next.to_toml()),
    };
    let (before, after) = (parsed(&read.intent.to_toml())?, parsed(&next.to_toml())?);
    merge(document.as_table_mut(), before.as_table(), after.as_table());
    Ok(document.to_string())
}

fn merge(into: &mut dyn TableLike, before: &dyn TableLike, after: &dyn TableLike) {
    let gone = before.iter().map(|(name, _)| name).filter(|name| after.get(name).is_none());
    for name in gone.map(str::to_owned).collect::<Vec<_>>() {
        into.remove(&name);
    }
    for (name, item) in after.iter() {
        let was = before.get(name);
        if was.is_some_and(|was| same(was, item)) {
            continue;
        }
        let inner = into.get_mut(name).and_then(Item::as_table_like_mut);
        match (inner, was.and_then(Item::as_table_like), item.as_table_like()) {
            (Some(inner), Some(was), Some(is)) => merge(inner, was, is),
            _ => put(into, &Key::new(name), item.clone()),
        }
    }
}

fn same(a: &Item, b: &Item) -> bool {
    match (a.as_table_like(), b.as_table_like()) {
        (Some(a), Some(b)) => {
            a.len() == b.len() && a.iter().all(|(name, item)| b.get(name).is_some_and(|other| same(item, other)))
        }
        _ => a.to_string().trim() == b.to_string().trim(),
    }
}

/// Sets an entry. What stood there leaves its place, the comment behind it and the space before it.
fn put(table: &mut dyn TableLike, key: &Key, mut item: Item) {
    let Some(held) = table.get_mut(key.get()) else {
        table.insert(key.get(), item);
        return;
    };
    if let (Some(held), Some(value)) = (held.as_value(), item.as_value_mut()) {
        *value.decor_mut() = held.decor().clone();
    }
    *held = item;
}

/// The table behind a key; made if it is absent and wanted.
fn inner<'t>(table: &'t mut dyn TableLike, key: &Key, make: bool) -> Option<&'t mut dyn TableLike> {
    if make && table.get(key.get()).is_none() {
        let mut fresh = Table::new();
        fresh.set_implicit(true);
        let whole = table.iter().next().is_some_and(|(_, item)| item.is_table()) || table.is_empty();
        table.insert(
            key.get(),
            if whole { Item::Table(fresh) } else { Item::Value(Value::InlineTable(InlineTable::new())) },
        );
    }
    table.get_mut(key.get())?.as_table_like_mut()
}

/// Where the first `=` outside quotes stands.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let at = text.char_indices().find(|(_, c)| {
        match quote {
            None if *c == '"' || *c == '\'' => quote = Some(*c),
            Some(open) if open == *c => quote = None,
            _ => {}
        }
        quote.is_none() && *c == '='
    })?;
    Some((&text[..at.0], &text[at.0 + 1..]))
}

fn path_of(path: &str, edit: &str) -> Result<Vec<Key>, Failure> {
    Key::parse(path.trim()).map_err(|_| {
        Failure::new(format!("the path of the edit {edit:?} is none"))
            .with_remedy("write names with dots between them, such as policies.ci-to-vpc")
    })
}

fn parsed(text: &str) -> Result<DocumentMut, Failure> {
    text.parse().map_err(|error: toml_edit::TomlError| Failure::new(format!("this is not TOML: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document {
            intent: Intent::from_toml(text).unwrap(),
            text: text.to_owned(),
            syntax: Syntax::Toml,
            recording: None,
            selection: nanami::plan::Selection::default(),
        }
    }

    const ACME: &str = include_str!("../../../../examples/acme.toml");

    #[test]
    fn an_edit_touches_its_own_line_only() {
        let read = document(ACME);
        let edits = [
            Edit::set("gateways.us-east.activity = \"draining\"").unwrap(),
            Edit::set("policies.pings={ from = \"ci-runner\", to = \"api-gateway\", allow = [\"icmp\"] }").unwrap(),
            Edit::remove("policies.ci-to-vpc").unwrap(),
        ];
        let text = edited(&read, &edits).unwrap();
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
        let (before, after) = (lines(ACME), lines(&text));
        assert_eq!(before.difference(&after).count(), 2, "us-east and ci-to-vpc");
        assert_eq!(after.difference(&before).count(), 2, "us-east and pings");
        let next = Intent::from_toml(&text).unwrap();
        assert_eq!(next.policies().len(), read.intent.policies().len());
    }

    #[test]
    fn an_edit_that_leads_nowhere_says_what_there_is() {
        let read = document(ACME);
        let error = edited(&read, &[Edit::remove("policies.ci-to-vcp").unwrap()]).unwrap_err().to_string();
        assert!(error.contains("ci-to-vpc"), "{error}");
        for text in ["policies.x", "policies.x=draining", "=1", "a..b=1"] {
            assert!(Edit::set(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_merge_makes_the_next_revision_and_keeps_comments() {
        let read = document(ACME);
        let edits = [
            Edit::set("policies.pings={ from = \"ci-runner\", to = \"api-gateway\", allow = [\"icmp\"] }").unwrap(),
            Edit::set("routes.vpc.redundancy=1").unwrap(),
            Edit::remove("assertions.vpc-redundant").unwrap(),
        ];
        let wanted = Intent::from_toml(&edited(&read, &edits).unwrap()).unwrap();
        let next = read.intent.revised(&wanted).unwrap();
        let text = merged(&read, &next).unwrap();
        let again = Intent::from_toml(&text).unwrap();
        assert!(wanted.changes_to(&again).is_empty(), "{text}");
        let comments = |text: &str| text.lines().filter(|line| line.contains('#')).count();
        assert_eq!(comments(&text), comments(ACME));
    }
}

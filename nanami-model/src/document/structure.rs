//! The second pass: whether every value has the shape that the table of fields gives it.
//!
//! **Invariant**: everything that is wrong with single values is reported here, once, and nothing else; later passes read what
//! fits and pass over what does not, in silence. A document goes through here without a word exactly when the JSON Schema
//! that [`schema`](super::schema) makes of the same table accepts it.

use super::error::Problem;
use super::shape::{LONGEST_VALUE, Record, Shape};
use super::tree::{Node, Value};
use super::walk::{Part, Walker};
use crate::near::nearest;

/// Reports what is wrong with a value and with all that it holds.
pub(super) fn check(walker: &mut Walker, node: Node<'_>, shape: &Shape) {
    match (shape, node.value()) {
        (Shape::Text(text), Value::Text(value) | Value::Date(value)) => {
            if let Some(problem) = (text.check)(value) {
                walker.report(node, Part::Value, problem);
            }
        }
        (Shape::Reference | Shape::Prose, Value::Text(_)) | (Shape::Flag, Value::Flag(_)) => {}
        (Shape::True, Value::Flag(true)) => {}
        (Shape::Number { least, most }, Value::Number(Some(number)))
            if (i128::from(*least)..=i128::from(*most)).contains(&number) => {}
        (Shape::List { of, least, most }, Value::List) => list(walker, node, of, *least, *most),
        (Shape::Record(of), Value::Table) => record(walker, node, of),
        (Shape::Entries { keys, of }, Value::Table) => {
            for entry in node.children() {
                if let Some(problem) = keys.and_then(|keys| (keys.check)(entry.key())) {
                    walker.report(entry, Part::Key, problem);
                }
                check(walker, entry, of);
            }
        }
        (Shape::Either { of, .. }, value) => match of.iter().find(|shape| is_kind_of(shape, &value)) {
            Some(shape) => check(walker, node, shape),
            None => wrong_type(walker, node, shape),
        },
        _ => wrong_type(walker, node, shape),
    }
}

fn is_kind_of(shape: &Shape, value: &Value<'_>) -> bool {
    match value {
        Value::Text(_) | Value::Date(_) => matches!(shape, Shape::Text(_) | Shape::Reference | Shape::Prose),
        Value::Number(_) | Value::Fraction => matches!(shape, Shape::Number { .. }),
        Value::Flag(_) => matches!(shape, Shape::Flag | Shape::True),
        Value::List => matches!(shape, Shape::List { .. }),
        Value::Table => matches!(shape, Shape::Record(_) | Shape::Entries { .. }),
        Value::Null => false,
    }
}

fn wrong_type(walker: &mut Walker, node: Node<'_>, shape: &Shape) {
    let found = match node.value() {
        Value::Text(_) => "a text",
        Value::Number(_) if shape.is_number() => "another number",
        Value::Number(_) => "a number",
        Value::Fraction => "a fraction",
        Value::Flag(true) => "true",
        Value::Flag(false) => "false",
        Value::Date(_) => "a date",
        Value::Null => "null",
        Value::List => "a list",
        Value::Table => "a table",
    };
    walker.report(node, Part::Value, Problem::WrongType { wanted: shape.wanted(), found });
}

fn list(walker: &mut Walker, node: Node<'_>, of: &Shape, least: usize, most: usize) {
    // What is beyond the limit is not even looked at.
    match node.children().take(most.saturating_add(1)).count() {
        n if n < least => walker.report(node, Part::Value, Problem::Empty),
        n if n > most => walker.report(node, Part::Value, Problem::TooMany { limit: most }),
        _ => node.children().for_each(|element| check(walker, element, of)),
    }
}

fn record(walker: &mut Walker, node: Node<'_>, of: &'static Record) {
    // Fields that an unknown one may have been meant for: they are not missing, they are misspelt.
    let mut meant = Vec::new();
    for child in node.children() {
        match of.field(child.key()) {
            Some(field) => check(walker, child, &field.shape),
            None => meant.extend(unknown(walker, child, of)),
        }
    }
    for field in of.fields {
        let Some(example) = field.need else { continue };
        if node.get(field.name).is_none() && !meant.contains(&field.name) {
            let (parent, field) = (of.what, field.name);
            walker.report(node, Part::Key, Problem::Missing { parent, field, example });
        }
    }
    for choice in of.choices {
        let mut there = choice.of.iter().filter_map(|name| node.get(name));
        if there.next().is_none() && !choice.of.iter().any(|name| meant.contains(name)) {
            let (parent, field, example) = (of.what, choice.field, choice.example);
            walker.report(node, Part::Key, Problem::Missing { parent, field, example });
        }
        let (why, remedy) = (choice.why, choice.remedy);
        there.for_each(|child| walker.report(child, Part::Key, Problem::Contradiction { why, remedy }));
    }
    for exclusion in of.exclusions.iter().filter(|exclusion| node.get(exclusion.field).is_some()) {
        let (why, remedy) = (exclusion.why, exclusion.remedy);
        for child in exclusion.others.iter().filter_map(|name| node.get(name)) {
            walker.report(child, Part::Key, Problem::Contradiction { why, remedy });
        }
    }
}

/// Reports a field that is none, and says for which ones it may have been meant.
fn unknown(walker: &mut Walker, child: Node<'_>, of: &'static Record) -> Vec<&'static str> {
    let later = of.later.iter().find(|(name, _)| *name == child.key());
    let nearest = nearest(child.key(), of.fields.iter().map(|field| field.name));
    let never = of.never.iter().find(|(name, ..)| *name == child.key());
    let problem = match (never, later) {
        (Some((_, what, remedy)), _) => Problem::Never { what, remedy },
        (None, Some((name, remedy))) => Problem::Unsupported { what: name, remedy },
        (None, None) => Problem::UnknownField {
            parent: of.what,
            field: child.key().chars().take(LONGEST_VALUE).collect(),
            nearest: nearest.clone(),
        },
    };
    walker.report(child, Part::Key, problem);
    if never.is_some() || later.is_some() {
        of.choices.iter().flat_map(|choice| choice.of).copied().collect()
    } else {
        nearest
    }
}

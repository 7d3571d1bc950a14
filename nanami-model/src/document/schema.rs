//! The JSON Schema of the document (draft 2020-12), made of the same table that the structure is checked against.
//!
//! **Invariant**: a JSON text is valid by the schema exactly when [`structure`](super::structure) says nothing about it, given
//! that the formats `nanami-…` are what the types of those names read. What needs more than one value at a time (that a name is
//! somebody's, that pools are disjoint) is no structure, and only reading the document says it.

use super::shape::{Choice, Exclusion, Record, Shape, Text};
use super::table::DOCUMENT;

/// The JSON Schema of workspace documents (draft 2020-12), for editors: they complete fields and mark most mistakes while one
/// types. It ends with a newline; `docs/workspace.schema.json` is this text.
///
/// ```
/// let schema = nanami_model::document_schema();
/// assert!(schema.contains("\"$schema\": \"https://json-schema.org/draft/2020-12/schema\""));
/// ```
pub fn document_schema() -> String {
    let mut members = vec![
        ("$schema", Json::text("https://json-schema.org/draft/2020-12/schema")),
        ("title", Json::text("Nanami workspace")),
    ];
    members.extend(schema(&DOCUMENT));
    let mut text = String::new();
    Json::Table(members).print(&mut text, 0);
    text + "\n"
}

/// As much of JSON as a schema needs.
enum Json {
    Text(&'static str),
    Number(u64),
    Flag(bool),
    List(Vec<Json>),
    Table(Members),
}

type Members = Vec<(&'static str, Json)>;

fn schema(shape: &Shape) -> Members {
    match shape {
        Shape::Text(of) => text(of),
        Shape::Reference | Shape::Prose => vec![("type", Json::text("string"))],
        Shape::Flag => vec![("type", Json::text("boolean"))],
        Shape::True => vec![("const", Json::Flag(true))],
        Shape::Number { least, most } => {
            vec![("type", Json::text("integer")), ("minimum", Json::Number(*least)), ("maximum", Json::Number(*most))]
        }
        Shape::List { of, least, most } => {
            let mut members = vec![("type", Json::text("array")), ("items", Json::Table(schema(of)))];
            if *least > 0 {
                members.push(("minItems", Json::Number(*least as u64)));
            }
            if *most < usize::MAX {
                members.push(("maxItems", Json::Number(*most as u64)));
            }
            members
        }
        Shape::Record(of) => record(of),
        Shape::Entries { keys, of } => {
            let names = keys.iter().map(|keys| ("propertyNames", Json::Table(text(keys))));
            let own = [("type", Json::text("object")), ("additionalProperties", Json::Table(schema(of)))];
            own.into_iter().chain(names).collect()
        }
        Shape::Either { of, .. } => vec![("anyOf", Json::List(of.iter().map(|of| Json::Table(schema(of))).collect()))],
    }
}

fn text(of: &Text) -> Members {
    let mut members = vec![("type", Json::text("string"))];
    if !of.words.is_empty() {
        members.push(("enum", Json::texts(of.words)));
    }
    members.extend(of.pattern.map(|pattern| ("pattern", Json::text(pattern))));
    members.extend(of.format.map(|format| ("format", Json::text(format))));
    members
}

fn record(of: &Record) -> Members {
    let fields = of.fields.iter().map(|field| {
        let mut members = vec![("description", Json::text(field.about))];
        members.extend(schema(&field.shape).into_iter().filter(|(key, _)| *key != "description"));
        (field.name, Json::Table(members))
    });
    let needed: Vec<_> = of.fields.iter().filter(|field| field.need.is_some()).map(|field| field.name).collect();
    let mut members = vec![
        ("description", Json::text(of.about)),
        ("type", Json::text("object")),
        ("properties", Json::Table(fields.collect())),
        ("additionalProperties", Json::Flag(false)),
    ];
    if !needed.is_empty() {
        members.push(("required", Json::texts(&needed)));
    }
    members.extend(of.choices.iter().map(choice));
    if !of.exclusions.is_empty() {
        members.push(("dependentSchemas", Json::Table(of.exclusions.iter().map(exclusion).collect())));
    }
    members
}

fn choice(choice: &Choice) -> (&'static str, Json) {
    let one = |name: &&'static str| Json::Table(vec![("required", Json::texts(&[*name]))]);
    ("oneOf", Json::List(choice.of.iter().map(one).collect()))
}

fn exclusion(exclusion: &Exclusion) -> (&'static str, Json) {
    let never = exclusion.others.iter().map(|name| (*name, Json::Flag(false))).collect();
    (exclusion.field, Json::Table(vec![("properties", Json::Table(never))]))
}

impl Json {
    fn text(text: &'static str) -> Self {
        Self::Text(text)
    }

    fn texts(texts: &[&'static str]) -> Self {
        Self::List(texts.iter().copied().map(Self::Text).collect())
    }

    fn print(&self, text: &mut String, depth: usize) {
        match self {
            Self::Text(value) => super::write::quote(text, value),
            Self::Number(number) => text.push_str(&number.to_string()),
            Self::Flag(flag) => text.push_str(if *flag { "true" } else { "false" }),
            Self::List(elements) if elements.iter().all(|element| matches!(element, Self::Text(_))) => {
                text.push('[');
                for (i, element) in elements.iter().enumerate() {
                    text.push_str(if i == 0 { "" } else { ", " });
                    element.print(text, depth);
                }
                text.push(']');
            }
            Self::List(elements) => {
                text.push('[');
                for (i, element) in elements.iter().enumerate() {
                    new_line(text, i, depth + 1);
                    element.print(text, depth + 1);
                }
                close(text, depth, ']');
            }
            Self::Table(members) if members.is_empty() => text.push_str("{}"),
            Self::Table(members) => {
                text.push('{');
                for (i, (key, value)) in members.iter().enumerate() {
                    new_line(text, i, depth + 1);
                    super::write::quote(text, key);
                    text.push_str(": ");
                    value.print(text, depth + 1);
                }
                close(text, depth, '}');
            }
        }
    }
}

fn new_line(text: &mut String, i: usize, depth: usize) {
    text.push_str(if i == 0 { "\n" } else { ",\n" });
    text.push_str(&"  ".repeat(depth));
}

fn close(text: &mut String, depth: usize, bracket: char) {
    text.push('\n');
    text.push_str(&"  ".repeat(depth));
    text.push(bracket);
}

#[cfg(test)]
mod tests;

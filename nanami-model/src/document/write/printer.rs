//! How TOML and JSON spell the sections of a workspace and the fields of an entry.
//!
//! **Invariant**: what is printed is TOML 1.0 and RFC 8259, whatever the texts are; the same fields give the same bytes.

use std::borrow::Cow;
use std::fmt::Write as _;

/// What one entry says, in the order in which it is written.
#[derive(Default)]
pub(super) struct Fields(Vec<(Cow<'static, str>, Value)>);

pub(super) enum Value {
    Text(String),
    Number(u64),
    Flag(bool),
    List(Vec<String>),
    Table(Fields),
    Tables(Vec<Fields>),
}

impl Fields {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn text(self, key: impl Into<Cow<'static, str>>, value: &str) -> Self {
        self.with(key, Value::Text(value.to_owned()))
    }

    pub(super) fn number(self, key: &'static str, value: impl Into<u64>) -> Self {
        self.with(key, Value::Number(value.into()))
    }

    /// A field that is true; where it is not, it is left out.
    pub(super) fn flag(self, key: &'static str) -> Self {
        self.with(key, Value::Flag(true))
    }

    pub(super) fn list(self, key: &'static str, values: &[impl ToString]) -> Self {
        self.with(key, Value::List(values.iter().map(ToString::to_string).collect()))
    }

    pub(super) fn table(self, key: impl Into<Cow<'static, str>>, fields: Fields) -> Self {
        self.with(key, Value::Table(fields))
    }

    pub(super) fn tables(self, key: &'static str, elements: Vec<Fields>) -> Self {
        self.with(key, Value::Tables(elements))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(Cow<'static, str>, Value)> {
        self.0.iter()
    }

    fn with(mut self, key: impl Into<Cow<'static, str>>, value: Value) -> Self {
        self.0.push((key.into(), value));
        self
    }
}

/// A value as a sentence has it, on one line; nothing for what is only true.
pub(super) fn plain(value: &Value) -> String {
    let table = |fields: &Fields| {
        let parts = fields.iter().map(|(key, value)| match plain(value).as_str() {
            "" => key.to_string(),
            value => format!("{key} {value}"),
        });
        parts.collect::<Vec<_>>().join(", ")
    };
    match value {
        Value::Text(text) if text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) => text.clone(),
        // What people wrote may hold line ends, and characters that turn the line around.
        Value::Text(text) => format!("{text:?}"),
        Value::Number(number) => number.to_string(),
        Value::Flag(_) => String::new(),
        Value::List(values) => values.join(", "),
        Value::Table(fields) => format!("({})", table(fields)),
        Value::Tables(all) => all.iter().map(|fields| format!("({})", table(fields))).collect::<Vec<_>>().join(", "),
    }
}

/// How the entries of a section stand in TOML.
#[derive(Clone, Copy)]
pub(super) enum Layout {
    /// One line for each, the equals signs below each other.
    Lines,
    /// A table for each.
    Tables,
}

/// Spells a document, section by section.
pub(super) trait Printer {
    /// A section that has fields of its own instead of entries.
    fn table(&mut self, title: &'static str, fields: &Fields);
    /// Begins a section whose longest name has `width` characters.
    fn begin(&mut self, title: &'static str, layout: Layout, width: usize);
    fn entry(&mut self, name: &str, fields: &Fields);
    fn end(&mut self);
}

/// A document in TOML.
pub(super) struct Toml {
    text: String,
    section: (&'static str, Layout, usize),
}

impl Toml {
    pub(super) fn new() -> Self {
        Self { text: String::new(), section: ("", Layout::Lines, 0) }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn header(&mut self, title: std::fmt::Arguments<'_>) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        put(&mut self.text, format_args!("{gap}[{title}]\n"));
    }

    fn lines(&mut self, Fields(fields): &Fields) {
        let width = fields.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
        for (key, value) in fields {
            put(&mut self.text, format_args!("{key:width$} = "));
            toml(&mut self.text, value);
            self.text.push('\n');
        }
    }
}

impl Printer for Toml {
    fn table(&mut self, title: &'static str, fields: &Fields) {
        self.header(format_args!("{title}"));
        self.lines(fields);
    }

    fn begin(&mut self, title: &'static str, layout: Layout, width: usize) {
        self.section = (title, layout, width);
        if let Layout::Lines = layout {
            self.header(format_args!("{title}"));
        }
    }

    fn entry(&mut self, name: &str, fields: &Fields) {
        let (title, layout, width) = self.section;
        match layout {
            Layout::Lines => {
                put(&mut self.text, format_args!("{name:width$} = "));
                inline(&mut self.text, fields);
                self.text.push('\n');
            }
            Layout::Tables => {
                self.header(format_args!("{title}.{name}"));
                self.lines(fields);
            }
        }
    }

    fn end(&mut self) {}
}

fn toml(text: &mut String, value: &Value) {
    match value {
        Value::Text(value) => quote(text, value),
        Value::Number(number) => put(text, format_args!("{number}")),
        Value::Flag(flag) => put(text, format_args!("{flag}")),
        Value::List(values) => list(text, values),
        Value::Table(fields) => inline(text, fields),
        Value::Tables(elements) => all(text, elements, inline),
    }
}

fn inline(text: &mut String, Fields(fields): &Fields) {
    if fields.is_empty() {
        return text.push_str("{}");
    }
    for (i, (key, value)) in fields.iter().enumerate() {
        put(text, format_args!("{}{key} = ", if i == 0 { "{ " } else { ", " }));
        toml(text, value);
    }
    text.push_str(" }");
}

/// A document in JSON.
pub(super) struct Json {
    text: String,
    is_first: bool,
}

impl Json {
    pub(super) fn new() -> Self {
        Self { text: "{".to_owned(), is_first: true }
    }

    pub(super) fn into_text(self) -> String {
        self.text + "\n}\n"
    }

    fn title(&mut self, title: &str) {
        let comma = if self.text.len() == 1 { "" } else { "," };
        put(&mut self.text, format_args!("{comma}\n  \"{title}\": "));
    }
}

impl Printer for Json {
    fn table(&mut self, title: &'static str, fields: &Fields) {
        self.title(title);
        members(&mut self.text, fields);
    }

    fn begin(&mut self, title: &'static str, _: Layout, _: usize) {
        self.title(title);
        self.text.push('{');
        self.is_first = true;
    }

    fn entry(&mut self, name: &str, fields: &Fields) {
        let comma = if std::mem::take(&mut self.is_first) { "" } else { "," };
        put(&mut self.text, format_args!("{comma}\n    \"{name}\": "));
        members(&mut self.text, fields);
    }

    fn end(&mut self) {
        self.text.push_str("\n  }");
    }
}

fn json(text: &mut String, value: &Value) {
    match value {
        Value::Text(value) => quote(text, value),
        Value::Number(number) => put(text, format_args!("{number}")),
        Value::Flag(flag) => put(text, format_args!("{flag}")),
        Value::List(values) => list(text, values),
        Value::Table(fields) => members(text, fields),
        Value::Tables(elements) => all(text, elements, members),
    }
}

fn members(text: &mut String, Fields(fields): &Fields) {
    if fields.is_empty() {
        return text.push_str("{}");
    }
    for (i, (key, value)) in fields.iter().enumerate() {
        put(text, format_args!("{}\"{key}\": ", if i == 0 { "{ " } else { ", " }));
        json(text, value);
    }
    text.push_str(" }");
}

fn list(text: &mut String, values: &[String]) {
    all(text, values, |text, value| quote(text, value));
}

fn all<T>(text: &mut String, elements: &[T], one: impl Fn(&mut String, &T)) {
    text.push('[');
    for (i, element) in elements.iter().enumerate() {
        text.push_str(if i == 0 { "" } else { ", " });
        one(text, element);
    }
    text.push(']');
}

/// A TOML basic string (TOML 1.0, "String") that is a JSON string too (RFC 8259 section 7): quotes, backslashes and control
/// characters are escaped.
pub(in crate::document) fn quote(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            control if control.is_control() => put(text, format_args!("\\u{:04X}", u32::from(control))),
            other => text.push(other),
        }
    }
    text.push('"');
}

fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).expect("writing to a string does not fail");
}

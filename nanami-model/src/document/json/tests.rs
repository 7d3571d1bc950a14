use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::document::tree::{Node, Value};

fn faults(text: &str) -> Vec<(usize, String)> {
    let (_, faults, _) = read(text, 100);
    faults.into_iter().map(|fault| (fault.at, told(fault.what))).collect()
}

fn told(what: What) -> String {
    match what {
        What::Syntax(message) => message,
        What::Duplicate { key, .. } => format!("twice: {}", key.unwrap_or_default()),
    }
}

/// Whether the tree says what another reader of JSON says. How a number that is no `i64` is rounded is that reader's affair.
fn says(node: Node<'_>, json: &Json) -> bool {
    match (node.value(), json) {
        (Value::Text(text), Json::String(other)) => text == other,
        (Value::Number(number), Json::Number(other)) => {
            other.as_i64().is_none() || number == other.as_i64().map(i128::from)
        }
        (Value::Fraction, Json::Number(other)) => other.as_i64().is_none(),
        (Value::Flag(flag), Json::Bool(other)) => flag == *other,
        (Value::Null, Json::Null) => true,
        (Value::List, Json::Array(others)) => {
            node.children().count() == others.len()
                && node.children().zip(others).all(|(child, other)| says(child, other))
        }
        (Value::Table, Json::Object(others)) => {
            let alike = |child: Node<'_>| others.get(child.key()).is_some_and(|other| says(child, other));
            node.children().count() == others.len() && node.children().all(alike)
        }
        _ => false,
    }
}

#[test]
fn each_mistake_is_told_where_it_is_and_reading_goes_on() {
    for (text, expected) in [
        ("", vec![(0, "the text is empty")]),
        ("\u{feff}{}", vec![(0, "the text begins with a byte order mark; save it without")]),
        ("{} {}", vec![(3, "the document ends before this")]),
        ("[1, 2", vec![(0, "this list is not closed")]),
        (r#"{"a": {"b": 1"#, vec![(6, "this object is not closed"), (0, "this object is not closed")]),
        ("[1, 2,]", vec![(5, "no comma stands behind the last item")]),
        (r#"{"a": 1,}"#, vec![(7, "no comma stands behind the last item")]),
        ("[,1,,2]", vec![(1, "there is nothing before this comma"), (4, "there is nothing before this comma")]),
        ("[1 2]", vec![(3, "a comma is missing before this")]),
        (
            r#"{"a" 1, "b" = 2}"#,
            vec![(5, "a colon is missing behind the key"), (12, "a colon stands between a key and its value")],
        ),
        ("{a: 1}", vec![(1, "a key stands in double quotes")]),
        (
            "{'a': 1, \"b\": ?}",
            vec![(1, "expected a key in double quotes, found '\\''"), (14, "expected a value, found '?'")],
        ),
        (r#"{"a":}"#, vec![(5, "expected a value, found '}'")]),
        ("[1}", vec![(2, "'}' closes what only ']' can close")]),
        (
            "[yes, True, NaN, -Infinity]",
            vec![
                (1, "a text stands in double quotes; other words are true, false and null"),
                (6, "a text stands in double quotes; other words are true, false and null"),
                (12, "a text stands in double quotes; other words are true, false and null"),
                (17, "this is no number; a text stands in double quotes"),
            ],
        ),
        (
            "[01, +1, 1., .5, 1e, 10.42.0.0/16]",
            vec![
                (1, "a number does not begin with 0"),
                (5, "a number has no plus sign"),
                (9, "this is no number; a text stands in double quotes"),
                (13, "this is no number; a text stands in double quotes"),
                (17, "this is no number; a text stands in double quotes"),
                (21, "this is no number; a text stands in double quotes"),
                (30, "a comma is missing before this"),
                (30, "expected a value, found '/'"),
            ],
        ),
        (
            "[\"a\nb\"]",
            vec![
                (1, "this text has no closing quote in its line"),
                (4, "a comma is missing before this"),
                (4, "a text stands in double quotes; other words are true, false and null"),
                (5, "a comma is missing before this"),
                (5, "this text has no closing quote in its line"),
                (0, "this list is not closed"),
            ],
        ),
        ("[\"a\tb\"]", vec![(3, "a control character is written as \\u0009")]),
        (
            r#"["\x", "\u12g4", "\ud800", "\ud83d\ude00"]"#,
            vec![
                (2, "a backslash stands before one of \" \\ / b f n r t u, or is doubled"),
                (8, "behind \\u stand four digits of 0-9 and a-f"),
                (18, "half of a surrogate pair is no character"),
            ],
        ),
        ("[1] // done", vec![(4, "JSON has no comments")]),
        ("/* a */ [1, # b\n 2]", vec![(0, "JSON has no comments"), (12, "JSON has no comments")]),
        (r#"{"a": 1, "b": 2, "\u0061": 3}"#, vec![(17, "twice: a")]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|(at, message)| (at, message.to_owned())).collect();
        assert_eq!(faults(text), expected, "{text}");
    }
}

#[test]
fn depth_is_limited_and_what_stands_behind_it_is_read() {
    let deep = |n: usize| format!("[{}{}, 1]", "[".repeat(n), "]".repeat(n));
    assert!(faults(&deep(DEEPEST - 1)).is_empty());
    let text = deep(100_000);
    let (tree, faults, _) = read(&text, 100);
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].at, DEEPEST);
    assert!(matches!(tree.root().children().last().map(Node::value), Some(Value::Number(Some(1)))));
}

#[test]
fn faults_beyond_the_limit_are_counted() {
    let (_, faults, left_out) = read(&"?,".repeat(1000), 5);
    assert_eq!((faults.len(), left_out), (2, 0), "a bad value, and one fault for all that stands behind the document");
    let (_, faults, left_out) = read(&format!("[{}1]", "?,".repeat(1000)), 5);
    assert_eq!((faults.len(), left_out), (5, 995));
}

#[test]
fn whole_numbers_are_whole_however_they_are_written() {
    for (text, number) in [("10", 10), ("1.0", 1), ("1e3", 1000), ("-0", 0), ("-25.0E1", -250)] {
        let (tree, ..) = read(text, 1);
        assert!(matches!(tree.root().value(), Value::Number(Some(read)) if read == number), "{text}");
    }
    for (text, fits) in
        [("1e300", false), ("9223372036854775808", true), (&"9".repeat(40), false), ("9007199254740993.0", false)]
    {
        let (tree, ..) = read(text, 1);
        assert!(matches!(tree.root().value(), Value::Number(read) if read.is_some() == fits), "{text}");
    }
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1e15..1e15).prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_others_write_is_read_as_they_mean_it(value in json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let (tree, faults, _) = read(&text, 100);
        prop_assert!(faults.is_empty(), "{}", told(faults.into_iter().next().unwrap().what));
        prop_assert!(says(tree.root(), &value), "{text}");
    }

    /// Agrees with another strict reader about what is JSON. Numbers that are too large and keys that stand twice are texts
    /// of JSON all the same; those the two judge by rules of their own.
    #[test]
    fn a_changed_text_is_refused_exactly_when_others_refuse_it(
        value in json(),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..4, "[\\[\\]{}\",:0-9a-f\\\\\n etrun.+-]{0,3}"), 0..4),
    ) {
        let mut bytes = serde_json::to_vec(&value).unwrap();
        for (at, length, insert) in cuts {
            let at = at.index(bytes.len().max(1)).min(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, insert.into_bytes());
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (tree, faults, _) = read(&text, 1000);
        let syntax = faults.iter().any(|fault| matches!(fault.what, What::Syntax(_)));
        match serde_json::from_str::<Json>(&text) {
            Ok(other) => {
                prop_assert!(!syntax, "{text}: {}", told(faults.into_iter().next().unwrap().what));
                if faults.is_empty() {
                    prop_assert!(says(tree.root(), &other), "{text}");
                }
            }
            Err(error) => prop_assert!(syntax || error.to_string().contains("number out of range"), "{text}: {error}"),
        }
        for fault in &faults {
            prop_assert!(text.is_char_boundary(fault.at) && fault.at <= text.len());
        }
    }

    #[test]
    fn no_text_panics(text: String) {
        read(&text, 10);
    }
}

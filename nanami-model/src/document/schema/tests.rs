use std::collections::BTreeSet;

use jsonschema::Validator;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};

use super::super::shape::{Field, Record, Shape, Text};
use super::super::tree::Node;
use super::super::value::Written;
use super::super::{instant, json as reader, structure, walk};
use super::*;
use crate::{Cidr, DnsSuffix, Intent, PublicKey, Service, Version};

const FULL: &str = include_str!("../../../../examples/full.toml");

fn reads<T: Written>(text: &str) -> bool {
    text.parse::<T>().is_ok()
}

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(&document_schema()).unwrap();
    jsonschema::options()
        .should_validate_formats(true)
        .with_format("nanami-range", reads::<Cidr>)
        .with_format("nanami-address", reads::<super::super::value::Address>)
        .with_format("nanami-service", reads::<Service>)
        .with_format("nanami-public-key", reads::<PublicKey>)
        .with_format("nanami-version", reads::<Version>)
        .with_format("nanami-dns-suffix", reads::<DnsSuffix>)
        .with_format("nanami-instant", reads::<instant::Instant>)
        .build(&schema)
        .unwrap()
}

/// What the pass over the structure says about a text that is JSON.
fn structural(text: &str) -> Result<(), String> {
    let (tree, faults, _) = reader::read(text, 10);
    assert!(faults.is_empty(), "another reader wrote it: {text}");
    let mut walker = walk::Walker::new(&tree, "JSON", faults, 0);
    structure::check(&mut walker, tree.root(), &DOCUMENT);
    match walker.is_clean() {
        true => Ok(()),
        false => Err(walker.finish().0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

fn full() -> Value {
    let intent = Intent::from_toml(FULL).unwrap_or_else(|errors| panic!("{}", errors.with_file("examples/full.toml")));
    serde_json::from_str(&intent.to_json()).unwrap()
}

#[test]
fn the_schema_that_is_checked_in_is_the_one_of_this_version() {
    let checked_in = include_str!("../../../../docs/workspace.schema.json");
    assert_eq!(
        document_schema(),
        checked_in,
        "run `cargo run -p nanami-model --example schema > docs/workspace.schema.json`"
    );
}

#[test]
fn the_examples_are_valid_by_the_schema() {
    let validator = validator();
    for example in [include_str!("../../../../examples/acme.toml"), FULL] {
        let (tree, faults) = super::super::toml::read(example);
        assert!(faults.is_empty());
        let value = to_json(tree.root());
        if let Err(error) = validator.validate(&value) {
            panic!("{error} at {}", error.instance_path());
        }
        assert!(example.contains("#:schema ../docs/workspace.schema.json"), "where editors look for it");
    }
}

fn to_json(node: Node<'_>) -> Value {
    use super::super::tree::Value as Held;
    match node.value() {
        Held::Text(text) | Held::Date(text) => text.into(),
        Held::Number(number) => number.and_then(|number| i64::try_from(number).ok()).into(),
        Held::Fraction => 0.5.into(),
        Held::Flag(flag) => flag.into(),
        Held::Null => Value::Null,
        Held::List => node.children().map(to_json).collect(),
        Held::Table => node.children().map(|child| (child.key().to_owned(), to_json(child))).collect(),
    }
}

#[test]
fn the_full_example_has_every_field() {
    let (tree, _) = super::super::toml::read(FULL);
    let (mut all, mut used) = (BTreeSet::new(), BTreeSet::new());
    list(&DOCUMENT, "", &mut all);
    uses(&DOCUMENT, "", tree.root(), &mut used);
    all.remove(".$schema");
    // The layers of routing say the same things: each once is enough.
    let layered =
        |path: &String| path.strip_prefix(".routing.").and_then(|rest| Some(rest.split_once('.')?.1.to_owned()));
    let said: BTreeSet<_> = used.iter().filter_map(layered).collect();
    let unused: Vec<_> =
        all.difference(&used).filter(|path| layered(path).is_none_or(|field| !said.contains(&field))).collect();
    assert!(unused.is_empty(), "{unused:#?}");
}

fn list(shape: &Shape, path: &str, all: &mut BTreeSet<String>) {
    each(shape, &mut |record: &'static Record| {
        for Field { name, shape, .. } in record.fields {
            let path = format!("{path}.{name}");
            list(shape, &path, all);
            all.insert(path);
        }
    });
}

/// The records that a value of this shape may be, or hold.
fn each(shape: &Shape, with: &mut dyn FnMut(&'static Record)) {
    match shape {
        Shape::Record(record) => with(record),
        Shape::List { of, .. } | Shape::Entries { of, .. } => each(of, with),
        Shape::Either { of, .. } => of.iter().for_each(|of| each(of, with)),
        _ => {}
    }
}

fn uses(shape: &Shape, path: &str, node: Node<'_>, used: &mut BTreeSet<String>) {
    match shape {
        Shape::Record(record) => {
            for child in node.children() {
                let Some(field) = record.field(child.key()) else { continue };
                let path = format!("{path}.{}", field.name);
                uses(&field.shape, &path, child, used);
                used.insert(path);
            }
        }
        Shape::List { of, .. } | Shape::Entries { of, .. } => {
            node.children().for_each(|child| uses(of, path, child, used));
        }
        Shape::Either { of, .. } => of.iter().for_each(|of| uses(of, path, node, used)),
        _ => {}
    }
}

/// Each pattern takes every text that its type reads: it only helps editors, and never refuses what is right.
#[test]
fn patterns_refuse_nothing_that_is_right() {
    fn check(text: Text, good: &[&str]) {
        let schema = Value::Object(Map::from_iter([("pattern".to_owned(), text.pattern.unwrap().into())]));
        let validator = jsonschema::validator_for(&schema).unwrap();
        for good in good {
            assert!((text.check)(good).is_none(), "{good}");
            assert!(validator.is_valid(&json!(good)), "{good}");
        }
    }
    check(Text::of::<Cidr>(), &["0.0.0.0/0", "10.42.0.0/16", "::/0", "FD42::/48", "64:ff9b::1.2.3.4/128"]);
    check(Text::of::<super::super::value::Address>(), &["10.0.0.1", "fd42::1", "::", "::1.2.3.4"]);
    check(Text::of::<Service>(), &["any", "icmp", "tcp/1", "udp/1-65535"]);
    check(Text::of::<Version>(), &["0", "1.2.3.4", "4294967295"]);
    check(Text::of::<DnsSuffix>(), &["a", "prod.acme.internal"]);
    check(Text::of::<instant::Instant>(), &["2026-12-01T00:00:00Z", "2026-12-01T00:00:00.001Z"]);
    check(Text::of::<PublicKey>(), &["xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="]);
}

/// A change to one place of a document: the place is chosen among all values, the rest says what happens there.
#[derive(Debug, Clone)]
enum Mutation {
    Remove(Index, Index),
    Add(Index, String, Value),
    Replace(Index, Value),
    Swap(Index, Index),
}

fn word() -> impl Strategy<Value = String> {
    let known = [
        "",
        "owner",
        "active",
        "draining",
        "any",
        "all",
        "tcp/443",
        "tcp/0",
        "tcp/9-8",
        "10.42.0.0/16",
        "10.42.0.1/16",
        "01.2.3.4",
        "10.0.0.1",
        "::ffff:1.2.3.4",
        "fd42::/48",
        "14.5",
        "01",
        "2026-12-01T00:00:00Z",
        "2026-12-01",
        "one_off",
        "reusable",
        "linux",
        "declared",
        "manual",
        "limited",
        "prod.internal",
        "-a",
        "a",
        "Name",
        "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ];
    prop_oneof![4 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        3 => word().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => proptest::sample::select(vec![json!(0), json!(1), json!(2.0), json!(1.5), json!(255), json!(256), json!(-1)]),
        1 => any::<u64>().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(field_name(), inner, 0..3).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn field_name() -> impl Strategy<Value = String> {
    let mut known = BTreeSet::new();
    list(&DOCUMENT, "", &mut known);
    let known: Vec<_> = known.into_iter().map(|path| path.rsplit('.').next().unwrap().to_owned()).collect();
    prop_oneof![4 => proptest::sample::select(known), 1 => word()]
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<Index>(), any::<Index>()).prop_map(|(at, key)| Mutation::Remove(at, key)),
        (any::<Index>(), field_name(), value()).prop_map(|(at, key, value)| Mutation::Add(at, key, value)),
        (any::<Index>(), value()).prop_map(|(at, value)| Mutation::Replace(at, value)),
        (any::<Index>(), any::<Index>()).prop_map(|(one, other)| Mutation::Swap(one, other)),
    ]
}

fn pointers(value: &Value, path: &str, all: &mut Vec<String>) {
    all.push(path.to_owned());
    match value {
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(i, element)| pointers(element, &format!("{path}/{i}"), all));
        }
        Value::Object(members) => {
            for (key, member) in members {
                pointers(member, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        _ => {}
    }
}

fn mutate(document: &mut Value, mutation: Mutation) {
    let mut all = Vec::new();
    pointers(document, "", &mut all);
    let place = |at: Index| all[at.index(all.len())].as_str();
    match mutation {
        Mutation::Remove(at, key) => match document.pointer_mut(place(at)).unwrap() {
            Value::Object(members) if !members.is_empty() => {
                let key = members.keys().nth(key.index(members.len())).unwrap().clone();
                members.remove(&key);
            }
            Value::Array(elements) if !elements.is_empty() => _ = elements.remove(key.index(elements.len())),
            _ => {}
        },
        Mutation::Add(at, key, value) => match document.pointer_mut(place(at)).unwrap() {
            Value::Object(members) => _ = members.insert(key, value),
            Value::Array(elements) => elements.push(value),
            _ => {}
        },
        Mutation::Replace(at, value) => *document.pointer_mut(place(at)).unwrap() = value,
        Mutation::Swap(one, other) => {
            let value = document.pointer(place(one)).unwrap().clone();
            *document.pointer_mut(place(other)).unwrap() = value;
        }
    }
}

proptest! {
    /// In both directions, over changes that often leave a document valid and often do not.
    #[test]
    fn a_document_is_valid_by_the_schema_exactly_when_its_structure_is(
        mutations in proptest::collection::vec(mutation(), 0..3)
    ) {
        thread_local! {
            static START: (Value, Validator) = (full(), validator());
        }
        START.with(|(full, validator)| {
            let mut document = full.clone();
            mutations.into_iter().for_each(|mutation| mutate(&mut document, mutation));
            let structural = structural(&document.to_string());
            let by_schema = validator.validate(&document).map_err(|error| format!("{error} at {}", error.instance_path()));
            prop_assert_eq!(structural.is_ok(), by_schema.is_ok(), "{:?}\n{:?}\n{}", structural, by_schema, document);
            Ok(())
        })?;
    }
}

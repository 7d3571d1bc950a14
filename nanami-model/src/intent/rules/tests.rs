use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::generation::Revision;
use crate::intent::Intent;

/// A workspace in which every kind and every field occurs.
static BEFORE: LazyLock<Intent> =
    LazyLock::new(|| Intent::from_toml(include_str!("../../../../examples/full.toml")).expect("it is an example"));

/// What becomes of the object at a place in the listing.
#[derive(Debug, Clone)]
enum Step {
    Goes(usize),
    /// It refers to others of the same kinds, or to nobody.
    Rewired(usize, Vec<usize>),
    /// It says all that another of its kind says, name and key and range included.
    Copies(usize, usize),
    /// Another object says all that it says.
    Copied(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = 0..10_000usize;
    let step = prop_oneof![
        2 => at.clone().prop_map(Step::Goes),
        3 => (at.clone(), proptest::collection::vec(at.clone(), 1..6)).prop_map(|(n, to)| Step::Rewired(n, to)),
        3 => (at.clone(), at.clone()).prop_map(|(n, like)| Step::Copies(n, like)),
        1 => at.prop_map(Step::Copied),
    ];
    proptest::collection::vec(step, 1..6)
}

fn made(before: &Tables, steps: &[Step]) -> Vec<Touched> {
    let objects: Vec<_> = before.objects().collect();
    let stranger = Revision::new(77);
    let named = crate::name!("stranger");
    let mut new = BTreeMap::new();
    for step in steps {
        let (Step::Goes(n) | Step::Rewired(n, _) | Step::Copies(n, _) | Step::Copied(n)) = step;
        let object = objects[n % objects.len()].clone();
        let id = object.id();
        let like = |id: ObjectId| objects.iter().filter(move |other| other.id().kind() == id.kind());
        let other = id.derive_like(&named, object.name(), stranger);
        let (id, object) = match step {
            Step::Goes(_) => (id, None),
            Step::Rewired(_, to) => (id, Some(rewired(object, to, |id| like(id).map(Object::id).collect()))),
            Step::Copies(_, m) => (id, like(id).nth(m % like(id).count()).map(|other| under(other.clone(), id))),
            Step::Copied(_) => (other, Some(under(object, other))),
        };
        new.insert(id, object);
    }
    new.into_iter().map(|(id, new)| Touched { id, old: id.object_in(before), new }).collect()
}

fn rewired(mut object: Object, to: &[usize], like: impl Fn(ObjectId) -> Vec<ObjectId>) -> Object {
    let mut to = to.iter().cycle();
    object.visit(&mut |field, id| match like(id).as_slice() {
        // What has no field is the object itself, or what it only remembers.
        _ if field.is_empty() => id,
        others => match to.next().map(|n| others.get(n % (others.len() + 1))) {
            Some(Some(other)) => *other,
            _ => id.derive_like(&crate::name!("nobody"), &crate::name!("nobody"), Revision::ZERO),
        },
    });
    object
}

fn under(mut object: Object, id: ObjectId) -> Object {
    let own = object.id();
    object.visit(&mut |_, other| if other == own { id } else { other });
    object
}

/// In any order, without what is said of changes alone: that a retired network takes nobody in.
fn verdict(violations: Vec<Violation>, touched: &[Touched], tables: &Tables) -> Vec<String> {
    let mut entering = Vec::new();
    touched.iter().for_each(|change| peer::enters(tables, change, &mut entering));
    let others = violations.into_iter().filter(|violation| !entering.contains(violation));
    let mut texts: Vec<_> = others.map(|violation| format!("{violation:?}")).collect();
    texts.sort();
    texts
}

/// Whether something goes that others need. Then they are named as its users, and what follows for them is left unsaid.
fn is_in_use(violations: &[Violation], touched: &[Touched]) -> bool {
    let gone = |id: ObjectId| touched.iter().any(|change| change.id == id && change.new.is_none());
    violations.iter().any(|v| matches!(v, Violation::Dangling { reference, .. } if gone(reference.id())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_a_change_can_break_is_all_that_is_broken(steps in steps()) {
        let before = BEFORE.tables();
        let touched = made(before, &steps);
        let mut after = before.clone();
        after.make(before, &touched);
        let everything = all(&after);
        let in_use = is_in_use(&everything, &touched);
        let everything = verdict(everything, &touched, &after);
        let changed = verdict(changed(before, &after, &touched), &touched, &after);
        prop_assert!(changed.iter().all(|text| everything.contains(text)), "{:?}", changed);
        prop_assert!(in_use || changed == everything, "{:?}\nis not\n{:?}", changed, everything);
    }
}

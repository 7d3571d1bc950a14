//! Replays every corpus, and after it a bounded stream of mutations that is the same on every machine.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use nanami_fuzz::mutate::Mutator;
use nanami_fuzz::{Outcome, TARGETS, Target};

macro_rules! replays {
    ($($name:ident,)*) => {
        const REPLAYED: &[&str] = &[$(stringify!($name)),*];
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })*
    };
}

replays! {
    allowed_ips,
    change_set,
    channel,
    cidr,
    datagram,
    document,
    document_json,
    endpoint,
    engine,
    id,
    join_string,
    key,
    log,
    map_delta,
    message,
    name,
    network_map,
    packet,
    plan,
    report,
    secret,
    service,
    uapi,
    wg_quick,
    wg_quick_folder,
}

#[test]
fn every_target_has_its_test_and_every_corpus_its_target() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    let tests: BTreeSet<_> = REPLAYED.iter().map(|name| (*name).to_owned()).collect();
    let folders: BTreeSet<_> =
        fs::read_dir(corpora()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(targets, tests);
    assert_eq!(targets, folders);
}

#[test]
fn an_input_that_breaks_a_target_is_shown() {
    let broken = Target { name: "broken", run: |data| panic!("{} bytes", data.len()), rounds: 0 };
    let shown = panic::catch_unwind(|| check(&broken, &[0xab, 0xcd])).unwrap_err();
    assert_eq!(shown.downcast_ref::<String>().unwrap(), "broken breaks on 2 bytes, in hex: abcd");
}

fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a test names its target");
    let corpus = corpus(name);
    let outcomes: Vec<Outcome> = corpus.iter().map(|input| check(target, input)).collect();
    // A corpus that is refused as a whole, after a change of format perhaps, tests the front door only.
    assert!(outcomes.contains(&Outcome::Taken), "{name}: no input of its corpus is taken");
    assert!(outcomes.contains(&Outcome::Refused), "{name}: no input of its corpus is refused");
    let rounds = match std::env::var("FUZZ_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("FUZZ_ROUNDS is a number"),
        Err(_) => target.rounds,
    };
    let mut mutator = Mutator::new(name);
    for _ in 0..rounds {
        check(target, &mutator.next(&corpus));
    }
}

/// Runs a target; when something does not hold, the input comes with the failure.
fn check(target: &Target, input: &[u8]) -> Outcome {
    panic::catch_unwind(AssertUnwindSafe(|| (target.run)(input))).unwrap_or_else(|_| {
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        panic!("{} breaks on {} bytes, in hex: {hex}", target.name, input.len())
    })
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The inputs of a target, in the order of their names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = fs::read_dir(corpora().join(name)).expect("every target has a corpus");
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.expect("a folder can be read").path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).expect("an input can be read")).collect()
}

//! What a document costs: a JSON text of 100,000 peers, 1,000 groups and four memberships each, and of fewer.
//!
//! `cargo bench -p nanami-model --bench document`. "max alloc" is what a call holds at its peak, in allocations and in bytes; the
//! text itself, some 160 bytes for each peer, is the caller's and comes on top.

#![allow(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]

use std::fmt::Write as _;

use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher, black_box};
use nanami_model::{Intent, PublicKey};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// One group in this many peers.
const CROWD: usize = 100;

fn main() {
    divan::main();
}

/// Everybody has a key and is in four groups that a multiplication scatters; each group reaches the next.
fn document(peers: usize) -> String {
    let groups = peers / CROWD;
    let mut text =
        "{\n  \"workspace\": { \"name\": \"bench\" },\n  \"users\": { \"netops\": { \"role\": \"owner\" } }".to_owned();
    let mut section = |title: &str, entries: usize, entry: &dyn Fn(usize) -> String| {
        write!(text, ",\n  \"{title}\": {{").unwrap();
        for n in 0..entries {
            write!(text, "{}\n    {}", if n == 0 { "" } else { "," }, entry(n)).unwrap();
        }
        text.push_str("\n  }");
    };
    section("groups", groups, &|n| format!("\"group-{n}\": {{}}"));
    section("networks", 1, &|_| {
        "\"net\": { \"owner\": \"group-0\", \"pools\": [\"10.0.0.0/14\", \"fd00::/64\"] }".to_owned()
    });
    section("peers", peers, &|n| {
        let member = |k: usize| format!("\"group-{}\"", (n * 7919 + k * groups / 4) % groups);
        let key = key(n);
        let groups = [0, 1, 2, 3].map(member).join(", ");
        format!("\"peer-{n}\": {{ \"groups\": [{groups}], \"networks\": [\"net\"], \"key\": \"{key}\" }}")
    });
    section("policies", groups, &|n| {
        let next = (n + 1) % groups;
        format!("\"policy-{n}\": {{ \"from\": \"group-{n}\", \"to\": \"group-{next}\", \"allow\": [\"tcp/8080\"] }}")
    });
    text + "\n}\n"
}

/// As good as a key, and as long: no low-order point begins with a 7, and nobody has the private half.
fn key(n: usize) -> PublicKey {
    let scattered = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    PublicKey::from_bytes(std::array::from_fn(|at| if at == 0 { 7 } else { scattered[at % 8] ^ at as u8 })).unwrap()
}

#[divan::bench(args = SIZES, sample_count = 5, sample_size = 1)]
fn from_json(bencher: Bencher<'_, '_>, peers: usize) {
    let text = document(peers);
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| Intent::from_json(black_box(&text)).unwrap());
}

#[divan::bench(args = SIZES, sample_count = 5, sample_size = 1)]
fn to_json(bencher: Bencher<'_, '_>, peers: usize) {
    let intent = Intent::from_json(&document(peers)).unwrap();
    bencher.bench_local(|| black_box(&intent).to_json());
}

/// What a document that was read asks of a live workspace that says the same, but for one peer.
#[divan::bench(args = SIZES, sample_count = 5, sample_size = 1)]
fn changes_to(bencher: Bencher<'_, '_>, peers: usize) {
    let text = document(peers);
    let live = Intent::from_json(&text).unwrap();
    let wanted = Intent::from_json(&text.replace("\"peer-777\"", "\"another\"")).unwrap();
    bencher.bench_local(|| black_box(&live).changes_to(black_box(&wanted)));
}

/// A document with a mistake in every peer: all of them are found, and the first 200 told.
#[divan::bench(args = [100_000], sample_count = 3, sample_size = 1)]
fn from_json_with_mistakes(bencher: Bencher<'_, '_>, peers: usize) {
    let text = document(peers).replace("\"networks\": [\"net\"], \"key\"", "\"networks\": [\"nett\"], \"keys\"");
    bencher.bench_local(|| Intent::from_json(black_box(&text)).unwrap_err());
}

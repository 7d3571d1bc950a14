//! The measurements of PLANNING.md section 7, on one workload.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::{Duration, Instant};

use nanami_model::{
    Direction, Epoch, Flow, Generation, Intent, Observed, Peer, PeerId, Protocol, PublicKey, Selector, Service,
    Timestamp,
};
use nanami_plan::{Base, Desired, Entry, Expansion, Explanation, Selection, compile, plan};
use serde_json::{Value, json};

use crate::counting;
use crate::workload::{Kind, many_regrouped, peer_id, regrouped, workload};

/// Everything about one workload.
pub(crate) fn run(kind: Kind, peers: usize, groups: usize) -> Value {
    let empty = counting::live();
    let intent = workload(kind, peers, groups);
    let intent_bytes = counting::live() - empty;
    let (before, count) = (counting::live(), counting::allocations());
    let desired = compile(&intent, &Selection::default());
    let (state_bytes, allocations) = (counting::live().saturating_sub(before), counting::allocations() - count);
    let compile_time = median(9, || drop(black_box(compile(black_box(&intent), &Selection::default()))));
    let adversarial = kind == Kind::W4;
    let edits = edits(&intent, kind, peers, groups);
    let mut report = json!({
        "workload": format!("{kind:?}").to_lowercase(),
        "peers": peers,
        "groups": groups,
        "p1": one_node(&desired),
        "p2": all_nodes(&desired),
        "p3": if adversarial { Value::Null } else { milliseconds(compile_time) },
        "p4": if adversarial { milliseconds(compile_time) } else { Value::Null },
        "p5": one_edit(&desired, &edits),
        "p7": one_join(&desired),
        "p8": cold_bytes(&desired),
        "p9": { "value": 6 * 32, "unit": "bytes", "what": "a digest for each facet" },
        "p11": answers(&desired),
        "p12": what_if(&desired, &edits),
        "p13": sweep(kind, &desired),
        "p14": build_plan(&desired, &regrouped_peers(&intent, kind, peers, groups)),
        "allocations": allocations,
        "p10": { "value": state_bytes / peers.max(1), "unit": "bytes per peer" },
        "intent_bytes": intent_bytes,
        "state_bytes": state_bytes,
    });
    for n in 0..2 {
        let peer = peer_id(n);
        let seen = visible(&desired, peer);
        report[format!("peer-{n}")] =
            json!({ "visible_peers": seen.len(), "firewall_rules": firewall_rules(&intent, peer, &seen) });
    }
    report["peak_bytes"] = json!(counting::peak());
    report
}

/// The changes of one peer each that P5 and P12 are measured with, where the workload has groups that are not a pair's own.
pub(crate) fn edits(intent: &Intent, kind: Kind, peers: usize, groups: usize) -> Vec<Intent> {
    match kind {
        Kind::W1 | Kind::W2 | Kind::W4 => {
            (0..100).map(|n| regrouped(intent, n * peers / 101, n * 7 % groups)).collect()
        }
        _ => Vec::new(),
    }
}

/// P1: everything that one node must know, object by object, and what it allocates once it has its memory.
fn one_node(desired: &Desired) -> Value {
    let (mut expansion, mut objects) = (Expansion::default(), 0u64);
    let node = desired.node(peer_id(0)).unwrap();
    node.expand(&mut expansion, |_| objects += 1);
    let count = counting::allocations();
    let mut sum = 0;
    let time = median(31, || node.expand(&mut expansion, |entry| sum += weight(entry)));
    let steady = (counting::allocations() - count) / 31;
    black_box(sum);
    json!({ "value": micros(time), "unit": "us", "objects": objects, "allocations": steady })
}

/// P2: the same for every node.
fn all_nodes(desired: &Desired) -> Value {
    if desired.intent().peers().len() > 20_000 {
        return Value::Null; // as many objects as there are pairs
    }
    let (mut expansion, mut objects, mut sum) = (Expansion::default(), 0u64, 0);
    let peers: Vec<PeerId> = desired.intent().peers().map(|(id, _)| id).collect();
    let start = Instant::now();
    for node in peers.iter().filter_map(|id| desired.node(*id)) {
        node.expand(&mut expansion, |entry| {
            objects += 1;
            sum += weight(entry);
        });
    }
    let time = start.elapsed();
    black_box(sum);
    json!({ "value": time.as_secs_f64(), "unit": "s", "objects": objects })
}

/// Something of each entry that a wire encoder would have to read.
#[inline]
fn weight(entry: Entry<'_>) -> u64 {
    match entry {
        Entry::Neighbor { key, .. } => u64::from(key.as_bytes()[1]),
        Entry::Accept { from, policy, .. } => from.index() as u64 + u64::from(policy.to_bytes()[0]),
        Entry::Route(prefix) => u64::from(prefix.length()),
        _ => 1,
    }
}

/// P5: one peer goes to another group: the next state, and exactly who is told.
fn one_edit(desired: &Desired, edits: &[Intent]) -> Value {
    let mut recipients = 0;
    let mut times: Vec<_> = edits
        .iter()
        .map(|next| {
            let start = Instant::now();
            recipients = black_box(desired.what_if(black_box(next)).recipients().len());
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    // Of a hundred the last but one: 99 take no longer.
    let Some(late) = (times.len() * 99).div_ceil(100).checked_sub(1).map(|at| times[at]) else { return Value::Null };
    let middle = micros(times[times.len() / 2]);
    json!({ "value": micros(late), "median": middle, "unit": "us", "recipients": recipients })
}

/// P12: the same edit with its effect in counts and the groups that have to approve.
fn what_if(desired: &Desired, edits: &[Intent]) -> Value {
    let mut counts = (0, 0);
    let mut times: Vec<_> = edits
        .iter()
        .map(|next| {
            let start = Instant::now();
            let what_if = desired.what_if(black_box(next));
            let effect = what_if.effect();
            counts = black_box((effect.gained().count(), effect.lost().count()));
            black_box(effect.approvals().len());
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let Some(middle) = times.get(times.len() / 2) else { return Value::Null };
    json!({ "value": middle.as_nanos() as f64 / 1e6, "unit": "ms", "gained": counts.0, "lost": counts.1 })
}

/// P11: which policy lets a pair meet on a port; and why another pair does not, with everything that would change that.
fn answers(desired: &Desired) -> Value {
    let pairs: Vec<_> = (0..1000).map(|n| (peer_id(n * 7 % 1000), peer_id(n * 13 % 997))).collect();
    let time = median(9, || {
        for (from, to) in &pairs {
            black_box(desired.access().allows(*from, (*to).into(), Protocol::Tcp, 8080));
        }
    });
    json!({ "value": micros(time) / pairs.len() as f64, "unit": "us", "why_not": refusals(desired) })
}

/// What peer-0 may not begin.
pub(crate) fn refused(desired: &Desired) -> impl Iterator<Item = Flow> {
    let (service, from) = (Service::tcp(5432), peer_id(0));
    let others = (1..desired.intent().peers().len()).map(peer_id);
    let refused = move |to: &PeerId| desired.access().allows(from, (*to).into(), Protocol::Tcp, 5432).is_none();
    others.filter(refused).map(move |to| Flow { from, to: to.into(), service })
}

/// What one refused flow takes to explain; null where peer-0 may begin anything with everybody.
fn refusals(desired: &Desired) -> Value {
    let view = desired.beside(Observed::none(), Timestamp::from_millis(0));
    let mut fixes = 0;
    let mut times: Vec<_> = refused(desired)
        .take(9)
        .map(|flow| {
            let start = Instant::now();
            let explanation = black_box(view.explain(&flow));
            let time = start.elapsed();
            fixes = if let Explanation::Denied(denied) = explanation { denied.fixes().len() } else { 0 };
            time
        })
        .collect();
    times.sort_unstable();
    times
        .get(times.len() / 2)
        .map_or(Value::Null, |time| json!({ "value": micros(*time), "unit": "us", "fixes": fixes }))
}

/// P8: the whole map of one peer on the wire, for each peer that it sees.
fn cold_bytes(desired: &Desired) -> Value {
    let map = desired.map_for(peer_id(0)).unwrap();
    json!({ "value": map.encode().len() as f64 / map.neighbors().len().max(1) as f64, "unit": "bytes per visible peer" })
}

/// P7: what peer-0 is sent when one peer joins that it sees.
fn one_join(desired: &Desired) -> Value {
    let Some((_, peer)) = desired.intent().peers().find(|(id, _)| *id == peer_id(1)) else { return Value::Null };
    let mut draft = desired.intent().draft();
    let name = "newcomer".parse().unwrap();
    let key = PublicKey::from_bytes([9; 32]).unwrap();
    draft
        .add(Peer::new(name).with_key(key).with_groups(peer.groups().to_vec()).with_networks(peer.networks().to_vec()));
    let next = desired.intent().apply(desired.intent().owner(), &draft.into_changes()).unwrap();
    let after = desired.what_if(&next).desired().clone();
    let (was, is) = (desired.map_for(peer_id(0)).unwrap(), after.map_for(peer_id(0)).unwrap());
    let (first, second) = (Generation::new(1), Generation::new(2));
    let was = was.with_generation(Epoch::default(), first);
    let delta = was.delta_to(&is.with_generation(Epoch::default(), second));
    json!({ "value": delta.encode().len(), "unit": "bytes" })
}

/// P13: every gateway dies, one after the other.
fn sweep(kind: Kind, desired: &Desired) -> Value {
    if kind != Kind::W6 {
        return Value::Null;
    }
    milliseconds(median(5, || drop(black_box(desired.beside(Observed::none(), Timestamp::from_millis(0)).sweep()))))
}

/// One peer in a hundred goes to another group; `None` where there are no such groups.
pub(crate) fn regrouped_peers(intent: &Intent, kind: Kind, peers: usize, groups: usize) -> Option<Intent> {
    let many = (peers / 100).max(1);
    matches!(kind, Kind::W1 | Kind::W4).then(|| many_regrouped(intent, many, peers, groups))
}

/// P14: the plan of a change of one peer in a hundred: what differs, the steps and what they wait for.
fn build_plan(desired: &Desired, next: &Option<Intent>) -> Value {
    let Some(next) = next else { return Value::Null };
    let after = desired.what_if(next).desired().clone();
    let base = Base::settled(desired);
    let mut steps = 0;
    let time = median(9, || {
        let plan = plan(black_box(&base), &after, Observed::none(), Timestamp::from_millis(0));
        steps = black_box(plan.peers().len());
    });
    json!({ "value": time.as_nanos() as f64 / 1e6, "unit": "ms", "peers_with_steps": steps })
}

fn visible(desired: &Desired, peer: PeerId) -> BTreeSet<PeerId> {
    let mut seen = BTreeSet::new();
    if let Some(node) = desired.node(peer) {
        node.expand(&mut Expansion::default(), |entry| {
            if let Entry::Neighbor { peer, .. } = entry {
                seen.extend(desired.intent().in_slot(peer).map(|(id, _)| id));
            }
        });
    }
    seen
}

/// As NetBird counts: each policy once for each visible peer that it names and each direction, denies like allows, routes not.
fn firewall_rules(intent: &Intent, peer: PeerId, seen: &BTreeSet<PeerId>) -> usize {
    let mut rules = 0;
    for (_, policy) in intent.policies().filter(|(_, policy)| !matches!(policy.to(), Selector::Route(_))) {
        let both = policy.direction() == Direction::BothWays;
        let mut of: BTreeSet<(PeerId, bool)> = BTreeSet::new();
        for (own, other, out) in [(policy.from(), policy.to(), true), (policy.to(), policy.from(), false)] {
            if intent.is_member(peer, own) {
                let others = intent.members(other).into_iter().filter(|id| seen.contains(id));
                of.extend(others.flat_map(|id| [(id, out)].into_iter().chain(both.then_some((id, !out)))));
            }
        }
        rules += of.len();
    }
    rules
}

pub(crate) fn median(runs: usize, mut run: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[runs / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

fn milliseconds(time: Duration) -> Value {
    json!({ "value": time.as_nanos() as f64 / 1e6, "unit": "ms" })
}

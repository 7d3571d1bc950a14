//! What one change, one look-up and one build cost, at 1,000, 10,000 and 100,000 peers with four memberships each.
//!
//! `cargo bench -p nanami-model --bench intent`; the allocation columns are bytes per call. What does not grow with the
//! workspace is the same in all three columns of peers.

#![allow(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use divan::{AllocProfiler, Bencher, black_box};
use nanami_model::{
    Actor, ChangeSet, Group, GroupId, Intent, Name, Network, NetworkId, Object, Peer, PeerId, Policy, PolicyId,
    PrivateKey, PublicKey, Revision, Selector, Service, SlotSet, User, UserId, name,
};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// One group in this many peers.
const CROWD: usize = 100;

fn main() {
    divan::main();
}

fn named(kind: &str, n: usize) -> Name {
    format!("{kind}-{n}").parse().unwrap()
}

fn group(n: usize) -> GroupId {
    GroupId::derive(&name!("bench"), &named("group", n), Revision::new(1))
}

/// As many objects as peers ask for; `groups_of` says who is in which.
fn objects(peers: usize, groups_of: impl Fn(usize) -> Vec<usize>, policies: Vec<Policy>) -> Vec<Object> {
    let (bench, one) = (name!("bench"), Revision::new(1));
    let network = NetworkId::derive(&bench, &name!("net"), one);
    let owner = User::new(name!("netops")).with_role(nanami_model::Role::Owner);
    let mut all = vec![Object::User(UserId::derive(&bench, &name!("netops"), one), owner)];
    all.extend((0..=peers / CROWD).map(|n| Object::Group(group(n), Group::new(named("group", n)))));
    let pools = ["10.0.0.0/14", "fd00::/64"].map(|pool| pool.parse().unwrap());
    all.push(Object::Network(network, Network::new(name!("net"), group(0), pools)));
    all.extend((0..peers).map(|n| {
        let name = named("peer", n);
        let peer = Peer::new(name.clone()).with_key(key(n));
        let peer = peer.with_groups(groups_of(n).into_iter().map(group)).with_networks([network]);
        Object::Peer(PeerId::derive(&bench, &name, one), peer)
    }));
    let id = |policy: &Policy| PolicyId::derive(&bench, nanami_model::Entity::name(policy), one);
    all.extend(policies.into_iter().map(|policy| Object::Policy(id(&policy), policy)));
    all
}

/// Everybody in four groups that a multiplication scatters; each group reaches the next.
fn world_objects(peers: usize) -> Vec<Object> {
    let groups = peers / CROWD;
    let scattered = move |n: usize| (0..4).map(|k| (n * 7919 + k * k * 104_729 + k) % groups).collect();
    let next = |g: usize| Policy::allow(named("policy", g), group(g), group((g + 1) % groups), Service::tcp(8080));
    objects(peers, scattered, (0..groups).map(next).collect())
}

/// PLANNING's W1: everybody in `all` and in one group of neighbors.
fn w1_objects(peers: usize) -> Vec<Object> {
    let groups = peers / CROWD;
    let mut policies = vec![Policy::allow(name!("all"), group(groups), group(groups), Service::ANY).both_ways()];
    let next = |g: usize| Policy::allow(named("policy", g), group(g), group((g + 1) % groups), Service::tcp(8080));
    policies.extend((0..groups).map(next).map(Policy::both_ways));
    policies.push(Policy::deny(name!("deny"), group(0), group(1), Service::tcp(5432)).both_ways());
    objects(peers, move |n| vec![groups, n / CROWD], policies)
}

fn built(objects: Vec<Object>) -> Intent {
    Intent::from_objects(name!("bench"), objects).unwrap()
}

fn world(peers: usize) -> &'static Intent {
    static WORLDS: [OnceLock<Intent>; 3] = [const { OnceLock::new() }; 3];
    let at = SIZES.iter().position(|size| *size == peers).unwrap();
    WORLDS[at].get_or_init(|| built(world_objects(peers)))
}

fn w1(peers: usize) -> &'static Intent {
    static WORLDS: [OnceLock<Intent>; 3] = [const { OnceLock::new() }; 3];
    let at = SIZES.iter().position(|size| *size == peers).unwrap();
    WORLDS[at].get_or_init(|| built(w1_objects(peers)))
}

fn change(bencher: Bencher<'_, '_>, peers: usize, with: impl Fn(&Intent, PeerId) -> ChangeSet) {
    let intent = world(peers);
    let changes = with(intent, intent.id("peer-777").unwrap());
    bencher.bench(|| intent.apply(Actor::Control, black_box(&changes)).unwrap());
}

/// As good as a key, and as long: no low-order point begins with a 7, and nobody has the private half.
fn key(n: usize) -> PublicKey {
    let scattered = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    PublicKey::from_bytes(std::array::from_fn(|at| if at == 0 { 7 } else { scattered[at % 8] ^ at as u8 })).unwrap()
}

#[divan::bench(args = SIZES)]
fn change_add_peer(bencher: Bencher<'_, '_>, peers: usize) {
    change(bencher, peers, |intent, _| {
        let mut draft = intent.draft();
        let peer =
            Peer::new(name!("new")).with_groups([1, 2, 3, 4].map(group)).with_networks([intent.id("net").unwrap()]);
        draft.add(peer.with_key(PrivateKey::from_bytes([0xee; 32]).public()));
        draft.into_changes()
    });
}

#[divan::bench(args = SIZES)]
fn change_move_group(bencher: Bencher<'_, '_>, peers: usize) {
    change(bencher, peers, |intent, peer| {
        let mut draft = intent.draft();
        draft.update(peer, |peer| {
            let groups: Vec<_> = peer.groups().iter().skip(1).copied().chain([group(9)]).collect();
            peer.with_groups(groups)
        });
        draft.into_changes()
    });
}

#[divan::bench(args = SIZES)]
fn change_policy(bencher: Bencher<'_, '_>, peers: usize) {
    change(bencher, peers, |intent, _| {
        let mut draft = intent.draft();
        draft.update(intent.id::<PolicyId>("policy-5").unwrap(), Policy::both_ways);
        draft.into_changes()
    });
}

#[divan::bench(args = SIZES)]
fn change_remove_peer(bencher: Bencher<'_, '_>, peers: usize) {
    change(bencher, peers, |intent, peer| {
        let mut draft = intent.draft();
        draft.remove(peer);
        draft.into_changes()
    });
}

#[divan::bench(args = SIZES)]
fn difference_of_one_change(bencher: Bencher<'_, '_>, peers: usize) {
    let intent = world(peers);
    let mut draft = intent.draft();
    draft.remove(intent.id::<PeerId>("peer-777").unwrap());
    let next = intent.apply(Actor::Control, &draft.into_changes()).unwrap();
    bencher.bench(|| black_box(&next).difference(intent));
}

/// The way back from the next revision; the two share almost all of their pages.
#[divan::bench(args = SIZES)]
fn changes_to_of_one_change(bencher: Bencher<'_, '_>, peers: usize) {
    let intent = world(peers);
    let mut draft = intent.draft();
    draft.remove(intent.id::<PeerId>("peer-777").unwrap());
    let next = intent.apply(Actor::Control, &draft.into_changes()).unwrap();
    bencher.bench(|| black_box(&next).changes_to(intent));
}

#[divan::bench(args = SIZES)]
fn look_up_by_name(bencher: Bencher<'_, '_>, peers: usize) {
    let intent = world(peers);
    let names: Vec<_> = (0..64).map(|n| format!("peer-{}", n * 7919 % peers)).collect();
    let mut turn = 0;
    bencher.bench_local(|| {
        turn += 1;
        intent.id::<PeerId>(&names[turn % names.len()])
    });
}

#[divan::bench(args = SIZES)]
fn look_up_by_id(bencher: Bencher<'_, '_>, peers: usize) {
    let intent = world(peers);
    let ids: Vec<PeerId> = (0..64).map(|n| intent.id(&format!("peer-{}", n * 7919 % peers)).unwrap()).collect();
    let mut turn = 0;
    bencher.bench_local(|| {
        turn += 1;
        intent.get(ids[turn % ids.len()]).map(Peer::key)
    });
}

/// Its `alloc` less its `dealloc` bytes, over the peers, is the memory of a peer.
#[divan::bench(args = SIZES, sample_count = 3, sample_size = 1)]
fn build_from_objects(bencher: Bencher<'_, '_>, peers: usize) {
    bencher.with_inputs(|| world_objects(peers)).bench_local_values(built);
}

#[divan::bench(args = SIZES)]
fn compile_w1(bencher: Bencher<'_, '_>, peers: usize) {
    let intent = w1(peers);
    bencher.bench(|| compile(black_box(intent)));
}

#[divan::bench(args = SIZES)]
fn compile_scattered(bencher: Bencher<'_, '_>, peers: usize) {
    let intent = world(peers);
    bencher.bench(|| compile(black_box(intent)));
}

/// A throw-away compile to classes: rule sides as sets, then who is in the same sides is one class, refined side by side.
fn compile(intent: &Intent) -> (usize, usize) {
    let mut sides: BTreeMap<Selector, &SlotSet> = BTreeMap::new();
    for (_, _, policy) in intent.occupied::<PolicyId>() {
        for side in [policy.from(), policy.to()] {
            let Selector::Group(id) = side else { unreachable!("these worlds speak of groups") };
            sides.insert(side, intent.direct_members(intent.slot(id).unwrap()));
        }
    }
    let mut class_of = vec![0u32; intent.slot_bound::<PeerId>()];
    let mut classes = 1u32;
    let mut split = Vec::new();
    for set in sides.values() {
        split.clear();
        split.resize(classes as usize, 0);
        for slot in set.iter() {
            let class = &mut class_of[slot.index()];
            let known = &mut split[*class as usize];
            if *known == 0 {
                *known = classes;
                classes += 1;
            }
            *class = *known;
        }
    }
    (sides.len(), classes as usize)
}

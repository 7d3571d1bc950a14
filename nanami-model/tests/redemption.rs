//! SEC-04, SEC-05: redemption is one compare-and-append at a revision, so that a join key lets in as many as it may,
//! however many race, and whoever comes again after a lost reply is the same peer.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test, with threads of its own")]
#![expect(clippy::unwrap_used, reason = "tests panic")]

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::{Barrier, Mutex};
use std::thread;

use nanami_model::{
    Actor, Intent, JoinKey, JoinKeyId, JoinSecret, NotRedeemable, PeerId, PublicKey, Redemption, Revision, Timestamp,
    User, Uses, name,
};

/// What a store is to a redemption: the newest revision, and the one operation that makes the next.
struct Store(Mutex<Intent>);

impl Store {
    fn load(&self) -> Intent {
        self.0.lock().unwrap().clone()
    }

    /// Makes `next` the newest revision if `base` is it still.
    fn compare_and_append(&self, base: Revision, next: Intent) -> bool {
        let mut head = self.0.lock().unwrap();
        let same = head.revision() == base;
        if same {
            *head = next;
        }
        same
    }

    /// As control does it: look, decide, append; look again when somebody was faster.
    fn join(&self, secret: &JoinSecret, key: PublicKey) -> Result<PeerId, NotRedeemable> {
        loop {
            let intent = self.load();
            match intent.redeem(secret, key, NOW)? {
                Redemption::Again(peer) => return Ok(peer),
                Redemption::Admit { peer, changes, .. } => {
                    let next = intent.apply(Actor::Control, &changes).unwrap();
                    if self.compare_and_append(intent.revision(), next) {
                        return Ok(peer);
                    }
                }
            }
        }
    }
}

const NOW: Timestamp = Timestamp::from_millis(1000);
const THREADS: u8 = 64;

/// A public key whose private one nobody needs.
fn key(n: u8) -> PublicKey {
    PublicKey::from_bytes([n.max(2); 32]).unwrap()
}

fn store(keys: &[(&str, Uses)]) -> (Store, Vec<JoinSecret>) {
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut draft = empty.draft();
    let mut ids: Vec<JoinKeyId> = Vec::new();
    for (name, uses) in keys {
        let key = JoinKey::one_off(name.parse().unwrap()).with_uses(*uses);
        ids.push(draft.add_join_key(key, |id| JoinSecret::new(id, [7; 20]).hash()));
    }
    let secrets = ids.iter().map(|id| JoinSecret::new(*id, [7; 20])).collect();
    (Store(Mutex::new(empty.apply(empty.owner(), &draft.into_changes()).unwrap())), secrets)
}

#[test]
fn sec_04_of_64_threads_as_many_join_as_the_key_may_let_in_and_each_is_one_peer() {
    let five = Uses::Limited(NonZeroU32::new(5).unwrap());
    let (store, secrets) = store(&[("once", Uses::OneOff), ("five", five)]);
    for (secret, wanted) in secrets.iter().zip([1, 5]) {
        let gate = Barrier::new(THREADS.into());
        // Each key has its own key pairs, as one key pair is one peer.
        let first = if wanted == 1 { 2 } else { 100 };
        let outcomes: Vec<_> = thread::scope(|scope| {
            let join = |n| {
                let (store, gate) = (&store, &gate);
                scope.spawn(move || {
                    gate.wait();
                    let outcome = store.join(secret, key(n));
                    // The reply is lost, and the same key pair comes again.
                    assert_eq!(store.join(secret, key(n)), outcome);
                    outcome
                })
            };
            let threads: Vec<_> = (first..first + THREADS).map(join).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let joined: BTreeSet<PeerId> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).copied().collect();
        let refused = outcomes.iter().filter(|outcome| **outcome == Err(NotRedeemable::Used)).count();
        assert_eq!((joined.len(), refused), (wanted, usize::from(THREADS) - wanted));
        let listed: BTreeSet<PeerId> = store.load().admitted_by(secret.id()).collect();
        assert_eq!(listed, joined, "whoever takes the key back sees whom it let in");
    }
    assert_eq!(store.load().peers().len(), 6);
}

#[test]
fn sec_05_a_revocation_that_is_durable_first_wins() {
    let (store, secrets) = store(&[("once", Uses::OneOff)]);
    let before = store.load();
    let Ok(Redemption::Admit { changes, .. }) = before.redeem(&secrets[0], key(2), NOW) else { panic!("it is good") };
    let mut draft = before.draft();
    draft.update(secrets[0].id(), JoinKey::revoked);
    let revoked = before.apply(before.owner(), &draft.into_changes()).unwrap();
    assert!(store.compare_and_append(before.revision(), revoked));
    let late = before.apply(Actor::Control, &changes).unwrap();
    assert!(!store.compare_and_append(before.revision(), late), "it was decided on another revision");
    assert_eq!(store.join(&secrets[0], key(2)), Err(NotRedeemable::Revoked));
}

#[test]
fn sec_03_an_unknown_key_and_a_wrong_secret_are_told_apart_in_the_record_alone() {
    let (store, secrets) = store(&[("once", Uses::OneOff)]);
    let unknown = JoinSecret::new(JoinKeyId::from_bytes([9; 10]), [7; 20]);
    let wrong = JoinSecret::new(secrets[0].id(), [8; 20]);
    assert_eq!(store.join(&unknown, key(2)), Err(NotRedeemable::Unknown));
    assert_eq!(store.join(&wrong, key(2)), Err(NotRedeemable::WrongSecret));
    let peer = store.join(&secrets[0], key(2)).unwrap();
    assert_eq!(store.join(&wrong, key(2)), Err(NotRedeemable::WrongSecret), "a peer's own key helps nobody to guess");
    assert_eq!(store.join(&secrets[0], key(3)), Err(NotRedeemable::Used));
    assert_eq!(store.join(&secrets[0], key(2)), Ok(peer));
}

#[test]
fn sec_11_a_revoked_key_pair_is_let_in_by_no_join_key_and_uses_none_up() {
    let (store, secrets) = store(&[("laptop", Uses::Reusable)]);
    let intent = store.load();
    let mut draft = intent.draft();
    draft.update(intent.workspace(), |it| it.with_revoked_keys([key(9)]));
    let intent = intent.apply(Actor::Control, &draft.into_changes()).unwrap();
    assert_eq!(intent.redeem(&secrets[0], key(9), NOW).unwrap_err(), NotRedeemable::KeyRevoked);
    assert!(matches!(intent.redeem(&secrets[0], key(8), NOW), Ok(Redemption::Admit { .. })));
    let wrong = JoinSecret::new(secrets[0].id(), [0xee; 20]);
    assert_eq!(
        intent.redeem(&wrong, key(9), NOW).unwrap_err(),
        NotRedeemable::WrongSecret,
        "nobody learns what is revoked"
    );
}

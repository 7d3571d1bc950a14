//! A WireGuard peer of our own making: keys that are valid, messages made by hand (whitepaper section 5.4).
//!
//! Nothing here shares code with the adapter around boringtun, and nothing is checked before it is sent.

use blake2::digest::consts::U16;
use blake2::digest::{Digest, KeyInit, Mac};
use blake2::{Blake2s256, Blake2sMac};
use boringtun::x25519::{PublicKey, StaticSecret};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, XChaCha20Poly1305};

/// A key pair that speaks to one other.
pub(crate) struct Rogue {
    key: StaticSecret,
    victim: PublicKey,
    /// Seconds in the timestamps of its initiations.
    clock: u64,
}

/// What is on its way until a response comes.
pub(crate) struct Asked {
    chaining: [u8; 32],
    hash: [u8; 32],
    ephemeral: StaticSecret,
}

/// One keypair of transport keys.
pub(crate) struct Keys {
    send: [u8; 32],
    pub(crate) their_index: u32,
}

/// What is wrong with an initiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// Its ephemeral key is this point, of low order: what it agrees on is zero.
    LowOrder([u8; 32]),
    /// Its first mac is of another key.
    Mac,
}

impl Rogue {
    pub(crate) fn new(key: [u8; 32], victim: [u8; 32]) -> Self {
        Self { key: key.into(), victim: victim.into(), clock: 1 << 62 | 1_900_000_000 }
    }

    /// An initiation, a second later than the one before.
    pub(crate) fn initiation(&mut self, flaw: Flaw) -> (Vec<u8>, Asked) {
        self.clock += 1;
        self.initiation_at(self.clock, flaw)
    }

    /// An initiation with this timestamp.
    pub(crate) fn initiation_at(&mut self, clock: u64, flaw: Flaw) -> (Vec<u8>, Asked) {
        let mut secret = [7; 32];
        secret[..8].copy_from_slice(&self.clock.to_le_bytes());
        let ephemeral = StaticSecret::from(secret);
        let (public, agreed) = match flaw {
            Flaw::LowOrder(point) => (point, [0; 32]),
            _ => (PublicKey::from(&ephemeral).to_bytes(), ephemeral.diffie_hellman(&self.victim).to_bytes()),
        };
        let mut chaining = hash(&[CONSTRUCTION]);
        let mut digest = hash(&[&hash(&[&chaining, IDENTIFIER]), self.victim.as_bytes()]);
        let mut message = vec![1, 0, 0, 0];
        message.extend(OUR_INDEX.to_le_bytes());

        [chaining] = derive(&chaining, &public);
        message.extend(public);
        digest = hash(&[&digest, &public]);

        let [next, key] = derive(&chaining, &agreed);
        let sealed = seal(&key, 0, PublicKey::from(&self.key).as_bytes(), &digest);
        digest = hash(&[&digest, &sealed]);
        message.extend(&sealed);

        let [next, key] = derive(&next, self.key.diffie_hellman(&self.victim).as_bytes());
        let sealed = seal(&key, 0, &[&clock.to_be_bytes()[..], &[0; 4]].concat(), &digest);
        digest = hash(&[&digest, &sealed]);
        message.extend(&sealed);

        let right = mac(&hash(&[b"mac1----", self.victim.as_bytes()]), &message);
        message.extend(if flaw == Flaw::Mac { [9; 16] } else { right });
        message.extend([0; 16]);
        (message, Asked { chaining: next, hash: digest, ephemeral })
    }

    /// The keys that follow from this response.
    pub(crate) fn keys(&self, asked: &Asked, response: &[u8]) -> Keys {
        assert_eq!((response.len(), response[0], &response[8..12]), (92, 2, &OUR_INDEX.to_le_bytes()[..]));
        let public: [u8; 32] = response[12..44].try_into().unwrap();
        let theirs = PublicKey::from(public);
        let [chaining] = derive(&asked.chaining, &public);
        let digest = hash(&[&asked.hash, &public]);
        let [chaining] = derive(&chaining, asked.ephemeral.diffie_hellman(&theirs).as_bytes());
        let [chaining] = derive(&chaining, self.key.diffie_hellman(&theirs).as_bytes());
        let [chaining, preshared, key] = derive(&chaining, &[0; 32]);
        let digest = hash(&[&digest, &preshared]);
        let nothing = Payload { msg: &response[44..60], aad: &digest };
        ChaCha20Poly1305::new(&key.into()).decrypt(&nonce(0).into(), nothing).expect("an authentic response");
        let [send, _receive] = derive(&chaining, &[]);
        Keys { send, their_index: u32::from_le_bytes(response[4..8].try_into().unwrap()) }
    }

    /// A cookie in answer to this initiation of the victim, bound to that initiation's mac or to another one.
    pub(crate) fn cookie(&self, initiation: &[u8], is_bound: bool) -> Vec<u8> {
        let mac1: [u8; 16] = if is_bound { initiation[116..132].try_into().unwrap() } else { [3; 16] };
        let key = hash(&[b"cookie--", PublicKey::from(&self.key).as_bytes()]);
        let sealed = XChaCha20Poly1305::new(&key.into())
            .encrypt(&[5; 24].into(), Payload { msg: &[8; 16], aad: &mac1 })
            .unwrap();
        [&[3, 0, 0, 0], &initiation[4..8], &[5; 24], &sealed].concat()
    }
}

impl Keys {
    /// A transport message with this counter to this index of the victim's.
    pub(crate) fn data_to(&self, index: u32, counter: u64, packet: &[u8]) -> Vec<u8> {
        let sealed = seal(&self.send, counter, packet, &[]);
        [&[4, 0, 0, 0], &index.to_le_bytes()[..], &counter.to_le_bytes(), &sealed].concat()
    }

    /// A transport message with this counter.
    pub(crate) fn data(&self, counter: u64, packet: &[u8]) -> Vec<u8> {
        self.data_to(self.their_index, counter, packet)
    }
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Blake2s256::new();
    parts.iter().for_each(|part| Digest::update(&mut hasher, part));
    hasher.finalize().into()
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 16] {
    let mut mac = <Blake2sMac<U16> as KeyInit>::new_from_slice(key).unwrap();
    Mac::update(&mut mac, message);
    mac.finalize().into_bytes().into()
}

/// RFC 2104 over BLAKE2s, whose block is 64 bytes.
fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let pad = |with: u8| std::array::from_fn::<u8, 64, _>(|n| key.get(n).copied().unwrap_or(0) ^ with);
    hash(&[&pad(0x5c), &hash(&[&pad(0x36), message])])
}

/// The whitepaper's KDF.
fn derive<const N: usize>(chaining: &[u8; 32], input: &[u8]) -> [[u8; 32]; N] {
    let secret = hmac(chaining, input);
    let mut last: Vec<u8> = Vec::new();
    std::array::from_fn(|n| {
        last.push(n as u8 + 1);
        let next = hmac(&secret, &last);
        last = next.to_vec();
        next
    })
}

fn seal(key: &[u8; 32], counter: u64, message: &[u8], with: &[u8]) -> Vec<u8> {
    let payload = Payload { msg: message, aad: with };
    ChaCha20Poly1305::new(key.into()).encrypt(&nonce(counter).into(), payload).unwrap()
}

fn nonce(counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    nonce
}

const CONSTRUCTION: &[u8] = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
const IDENTIFIER: &[u8] = b"WireGuard v1 zx2c4 Jason@zx2c4.com";
/// The index that the victim answers to.
const OUR_INDEX: u32 = 0x5eed_0001;

//! The primitives of the handshake and of transport, on the very crates that boringtun links: Wycheproof's vectors, and the
//! self-test of RFC 7693, which Wycheproof does not cover.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use blake2::digest::consts::{U16, U20, U28, U32};
use blake2::digest::{Digest, FixedOutput, KeyInit as _, Mac, Update, VariableOutput};
use blake2::{Blake2s256, Blake2sMac, Blake2sVar};
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::AeadInPlace;
use nanami_model::PublicKey;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use wycheproof::TestResult;

/// The key exchange. Where the result is zero, the model refuses the public key.
#[test]
fn x25519_is_wycheproofs() {
    let set = wycheproof::xdh::TestSet::load(wycheproof::xdh::TestName::X25519).unwrap();
    let (mut agreed, mut refused) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let bytes = |text: &[u8]| <[u8; 32]>::try_from(text).ok();
        let Some(public) = bytes(&test.public_key) else {
            assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
            continue;
        };
        let secret = x25519_dalek::StaticSecret::from(bytes(&test.private_key).unwrap());
        let shared = secret.diffie_hellman(&x25519_dalek::PublicKey::from(public));
        assert_eq!(shared.as_bytes()[..], test.shared_secret[..], "{}: {}", test.tc_id, test.comment);
        match PublicKey::from_bytes(public) {
            Ok(_) => agreed += 1,
            Err(_) => refused += 1,
        }
        assert_eq!(PublicKey::from_bytes(public).is_err(), !shared.was_contributory(), "{}", test.tc_id);
    }
    assert!(agreed > 400 && refused > 10, "{agreed} and {refused}");
}

/// What seals packets, and the static key and timestamp of a handshake: ring.
#[test]
fn chacha20_poly1305_is_wycheproofs() {
    let set = wycheproof::aead::TestSet::load(wycheproof::aead::TestName::ChaCha20Poly1305).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let Ok(nonce) = <[u8; 12]>::try_from(&test.nonce[..]) else {
            assert_eq!(test.result, TestResult::Invalid, "{}: a nonce has 12 bytes", test.tc_id);
            continue;
        };
        let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &test.key).unwrap());
        let nonce = || Nonce::assume_unique_for_key(nonce);
        let mut sealed = [&test.ct[..], &test.tag[..]].concat();
        let opened = key.open_in_place(nonce(), Aad::from(&test.aad[..]), &mut sealed).map(|opened| opened.to_vec());
        if test.result == TestResult::Invalid {
            invalid += 1;
            assert!(opened.is_err(), "{}: {}", test.tc_id, test.comment);
            continue;
        }
        valid += 1;
        assert_eq!(opened.unwrap(), test.pt[..], "{}: {}", test.tc_id, test.comment);
        let mut sealed = test.pt.to_vec();
        key.seal_in_place_append_tag(nonce(), Aad::from(&test.aad[..]), &mut sealed).unwrap();
        assert_eq!(sealed, [&test.ct[..], &test.tag[..]].concat(), "{}", test.tc_id);
    }
    assert!(valid > 200 && invalid > 50, "{valid} and {invalid}");
}

/// What seals cookies: RustCrypto.
#[test]
fn xchacha20_poly1305_is_wycheproofs() {
    let set = wycheproof::aead::TestSet::load(wycheproof::aead::TestName::XChaCha20Poly1305).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let Ok(nonce) = <[u8; 24]>::try_from(&test.nonce[..]) else {
            assert_eq!(test.result, TestResult::Invalid, "{}: a nonce has 24 bytes", test.tc_id);
            continue;
        };
        let cipher = XChaCha20Poly1305::new_from_slice(&test.key).unwrap();
        let (mut text, nonce) = (test.ct.to_vec(), (&nonce).into());
        let opened = cipher.decrypt_in_place_detached(nonce, &test.aad, &mut text, test.tag[..].into());
        assert_eq!(opened.is_ok(), test.result != TestResult::Invalid, "{}: {}", test.tc_id, test.comment);
        if opened.is_err() {
            invalid += 1;
            continue;
        }
        valid += 1;
        assert_eq!(text, test.pt[..], "{}", test.tc_id);
        let tag = cipher.encrypt_in_place_detached(nonce, &test.aad, &mut text).unwrap();
        assert_eq!((text, tag.to_vec()), (test.ct.to_vec(), test.tag.to_vec()), "{}", test.tc_id);
    }
    assert!(valid > 200 && invalid > 50, "{valid} and {invalid}");
}

/// Hash and keyed hash: RFC 7693, appendices B and E.
#[test]
fn blake2s_is_rfc_7693s() {
    let abc = hex("508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
    assert_eq!(Blake2s256::digest(b"abc")[..], abc);
    let mut all = Blake2s256::new();
    for length in [16, 20, 28, 32] {
        for input in [0, 3, 64, 65, 255, 1024].map(sequence) {
            let mut unkeyed = Blake2sVar::new(length).unwrap();
            unkeyed.update(&input);
            let mut out = vec![0; length];
            unkeyed.finalize_variable(&mut out).unwrap();
            Digest::update(&mut all, &out);
            Digest::update(&mut all, keyed(length, &sequence(length), &input));
        }
    }
    assert_eq!(all.finalize()[..], hex("6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe"));
}

fn keyed(length: usize, key: &[u8], input: &[u8]) -> Vec<u8> {
    fn of<M: Mac + blake2::digest::KeyInit + FixedOutput>(key: &[u8], input: &[u8]) -> Vec<u8> {
        <M as blake2::digest::KeyInit>::new_from_slice(key).unwrap().chain_update(input).finalize_fixed().to_vec()
    }
    match length {
        16 => of::<Blake2sMac<U16>>(key, input),
        20 => of::<Blake2sMac<U20>>(key, input),
        28 => of::<Blake2sMac<U28>>(key, input),
        _ => of::<Blake2sMac<U32>>(key, input),
    }
}

/// The input of RFC 7693's self-test: a Fibonacci sequence, seeded by its length.
fn sequence(length: usize) -> Vec<u8> {
    let (mut a, mut b) = (0xdead_4bad_u32.wrapping_mul(length as u32), 1u32);
    let next = |_| {
        (a, b) = (b, a.wrapping_add(b));
        (b >> 24) as u8
    };
    (0..length).map(next).collect()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

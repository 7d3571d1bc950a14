use super::*;
use crate::{JoinKey, JoinKeyId, TokenId, name};

fn secret(n: u8) -> JoinSecret {
    JoinSecret::new(JoinKeyId::from_bytes([n; 10]), [n; 20])
}

/// Cheap and seeded: spreads test inputs, proves nothing by itself.
fn bytes<const N: usize>(seed: u64) -> [u8; N] {
    let hash = blake3::derive_key("test bytes", &seed.to_le_bytes());
    std::array::from_fn(|i| hash[i % 32])
}

#[test]
fn sec_01_text_round_trips_and_every_typing_error_is_caught() {
    let text = secret(0xa5).expose();
    assert_eq!(text.len(), 7 + 16 + 1 + 32 + 6);
    let back: JoinSecret = text.parse().unwrap();
    assert_eq!((back.hash(), back.id()), (secret(0xa5).hash(), secret(0xa5).id()));
    for at in 0..text.len() {
        for other in b"0123456789abcdefghjkmnpqrstvwxyz_A".iter().filter(|other| **other != text.as_bytes()[at]) {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = *other;
            assert!(String::from_utf8(changed).unwrap().parse::<JoinSecret>().is_err(), "position {at}");
        }
        if at > 0 && text.as_bytes()[at] != text.as_bytes()[at - 1] {
            let mut swapped = text.as_bytes().to_vec();
            swapped.swap(at, at - 1);
            assert!(String::from_utf8(swapped).unwrap().parse::<JoinSecret>().is_err(), "swapped at {at}");
        }
    }
    for bad in ["", "nnm_jk_", "nnm_jk__", "é", "nnm_jk_a_béééé", &text[1..], &format!("{text} "), &text.to_uppercase()]
    {
        assert!(bad.parse::<JoinSecret>().is_err());
    }
}

/// Of three kinds each: a million where the code is optimised, as it is in CI.
const SECRETS: u64 = if cfg!(debug_assertions) { 4_000 } else { 333_334 };

#[test]
fn sec_01_every_secret_is_recognised_and_no_kind_is_taken_for_another() {
    for seed in 0..SECRETS {
        let (join, token) = (JoinKeyId::from_bytes(bytes(seed)), TokenId::from_bytes(bytes(seed)));
        let secret = bytes(!seed);
        let texts = [
            JoinSecret::new(join, secret).expose(),
            SessionToken::new(token, secret).expose(),
            ApiToken::new(token, secret).expose(),
        ];
        for (i, text) in texts.iter().enumerate() {
            let read = [
                text.parse::<JoinSecret>().map(|_| ()),
                text.parse::<SessionToken>().map(|_| ()),
                text.parse::<ApiToken>().map(|_| ()),
            ];
            for (j, outcome) in read.into_iter().enumerate() {
                match i == j {
                    true => assert_eq!(outcome, Ok(())),
                    false => assert_eq!(outcome.unwrap_err().code(), "value.secret.wrong_kind"),
                }
            }
        }
        let forged = texts[0].replacen("nnm_jk_", "nnm_api_", 1);
        assert_eq!(forged.parse::<ApiToken>().unwrap_err().code(), "value.secret.malformed", "the check is the kind's");
    }
    let (one, other) = (SessionToken::new(TokenId::from_bytes([1; 10]), [1; 20]), [1; 20]);
    assert_ne!(one.hash(), ApiToken::new(TokenId::from_bytes([1; 10]), other).hash());
}

#[test]
fn sec_02_what_is_stored_does_not_redeem_and_the_secret_does_not_print() {
    let key = JoinKey::one_off(name!("laptop")).with_hash(secret(1).hash());
    let hidden = secret(1).expose();
    let stored = format!("{key:?} {:?} {:?} {:?}", secret(1), secret(1).expose(), secret(1).hash().as_bytes());
    assert!(!stored.contains(&hidden[24..56]), "{stored}");
    assert!(
        stored.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').all(|word| word.parse::<JoinSecret>().is_err())
    );
}

#[test]
fn an_error_about_a_secret_holds_nothing_of_it() {
    let text = secret(7).expose();
    let mistyped = format!("{}x", &text[..text.len() - 1]);
    for error in [mistyped.parse::<JoinSecret>().unwrap_err(), text.parse::<ApiToken>().unwrap_err()] {
        let said = format!("{error} {error:?}");
        assert!(!said.contains(&text[24..56]) && !said.contains(&text[7..23]), "{said}");
    }
}

//! `wg-quick` files, as people bring them, and what we print of them, read by a second, naive reader.

use nanami_model::wg_quick::WgQuick;
use nanami_model::{NetworkMap, PrivateKey};

use super::Outcome;

pub(super) fn target(data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return Outcome::Refused };
    let config: WgQuick = match text.parse() {
        Ok(config) => config,
        Err(errors) => {
            let lines = text.split('\n').count();
            assert!(errors.iter().next().is_some(), "refused without a reason");
            for error in &errors {
                assert!((1..=lines).contains(&error.line()) && error.column() >= 1, "{error} is outside the text");
                assert!(error.code().contains('.') && !error.to_string().is_empty() && !error.remedy().is_empty());
            }
            return Outcome::Refused;
        }
    };
    let printed = config.expose();
    let again: WgQuick = match printed.parse() {
        Ok(again) => again,
        Err(errors) => panic!("what was printed is refused: {errors}"),
    };
    assert_eq!(&*again.expose(), &*printed, "what was printed prints otherwise");
    let plain = config.clone().without_hooks();
    assert_eq!(again, plain, "what was printed reads as something else");
    lines_are_expected(&printed, &config);
    if let Some(key) = config.interface().private_key() {
        assert!(!format!("{config:?}").contains(&*key.expose_text()), "a private key prints");
    }
    if let Ok((key, map)) = config.into_parts() {
        assert_eq!(key.public(), PrivateKey::from_bytes(*key.expose()).public());
        assert_eq!(NetworkMap::decode(&map.encode()).as_ref(), Ok(&map), "a map that nobody can send");
    }
    Outcome::Taken
}

/// Reads the text as `wg` does, by lines, and counts (SEC-22).
fn lines_are_expected(text: &str, config: &WgQuick) {
    let mut sections = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match line.split_once(" = ") {
            None => sections.push(line),
            Some((key, value)) => {
                let keys = match sections.last() {
                    Some(&"[Interface]") => INTERFACE,
                    _ => PEER,
                };
                assert!(keys.contains(&key), "the key {key} of {:?}", sections.last());
                assert!(!value.is_empty() && !value.contains(['\n', '\r', '#', '[', ';']) || key == "Endpoint");
            }
        }
    }
    let peers = sections.iter().filter(|section| **section == "[Peer]").count();
    assert_eq!((sections.first(), sections.len(), peers), (Some(&"[Interface]"), peers + 1, config.peers().len()));
}

/// No `PreUp`, `PostUp`, `PreDown` or `PostDown` among them.
const INTERFACE: &[&str] = &["PrivateKey", "Address", "ListenPort", "DNS", "MTU", "Table", "FwMark", "SaveConfig"];
const PEER: &[&str] = &["PublicKey", "PresharedKey", "AllowedIPs", "Endpoint", "PersistentKeepalive"];

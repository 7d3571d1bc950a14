use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{PeerId, PolicyId};

const ACME_JSON: &str = include_str!("write/acme.json");
const ACME: &str = include_str!("../../../examples/acme.toml");

#[test]
fn acme_is_read() {
    let acme = Intent::from_toml(ACME).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(acme.name().as_str(), "acme");
    let counts = [acme.users().len(), acme.groups().len(), acme.networks().len(), acme.peers().len()];
    assert_eq!(counts, [4, 3, 2, 8]);
    let counts = [acme.gateways().len(), acme.regions().len(), acme.routes().len()];
    assert_eq!(counts, [3, 3, 2]);
    assert_eq!([acme.policies().len(), acme.assertions().len()], [5, 3]);
    let ci = acme.get(acme.id::<PeerId>("ci-runner").unwrap()).unwrap();
    let addresses: Vec<_> = ci.addresses().iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["10.43.0.1", "fd43::1"]);
    let exit = acme.get(acme.id::<PolicyId>("edge-exit").unwrap()).unwrap();
    assert_eq!(acme.label(exit.to()).to_string(), "route exit");
}

/// The listing is what a reader sees; look at it when it changes.
#[test]
fn every_mistake_of_a_document_is_listed_with_place_code_and_remedy() {
    let errors = Intent::from_toml(include_str!("tests/mistakes.toml")).unwrap_err();
    let listing = errors.with_file("mistakes.toml").to_string();
    assert_eq!(listing, include_str!("tests/mistakes.txt").trim_end(), "\n{listing}");
    assert!(errors.iter().map(DocumentError::code).collect::<BTreeSet<_>>().len() > 10);
}

/// The same for JSON: one of each mistake that the other listing has not, with the same codes and paths.
#[test]
fn every_mistake_of_a_json_document_is_listed_with_place_code_and_remedy() {
    let errors = Intent::from_json(include_str!("tests/mistakes.json")).unwrap_err();
    let listing = errors.with_file("mistakes.json").to_string();
    assert_eq!(listing, include_str!("tests/mistakes_json.txt").trim_end(), "\n{listing}");
    assert!(errors.len() >= 25, "{}", errors.len());
}

#[test]
fn sec_60_a_document_never_carries_secrets_and_what_it_carries_is_not_quoted() {
    let secret = "MARKER+5LxHgn4htodjb6e697QjLERt1NAB4mZqp8Dg=";
    for (what, at) in [
        ("secrets", "join_keys.k.secret"),
        ("the hash of a secret", "join_keys.k.hash"),
        ("sessions", "sessions"),
        ("private keys", "peers.p.private_key"),
        ("preshared keys", "gateways.g.preshared_key"),
    ] {
        let errors = Intent::from_toml(&format!("workspace.name = 'a'\n{at} = '{secret}'")).unwrap_err();
        let error = errors.iter().find(|error| error.code() == "document.never").unwrap();
        assert_eq!(error.to_string(), format!("{at}: a document never carries {what}"));
        assert!(error.remedy().starts_with("remove it") && !format!("{errors} {errors:?}").contains("MARKER"));
    }
}

#[test]
fn each_format_says_the_same_of_the_same_mistakes() {
    let text = r#"{ "workspace": { "name": "a" }, "users": { "o": { "role": "owner" } }, "groups": { "g": {} },
        "networks": { "n": { "owner": "g", "pools": ["10.0.0.0/24"] }, "m": { "owner": "h", "pools": ["10.0.0.0/25"] } } }"#;
    let same = "workspace.name = 'a'\nusers.o.role = 'owner'\ngroups.g = {}\nnetworks.n = { owner = 'g', pools = ['10.0.0.0/24'] }\n\
        networks.m = { owner = 'h', pools = ['10.0.0.0/25'] }\n";
    let said = |errors: DocumentErrors| {
        errors.iter().map(|e| (e.code(), e.place().path().to_owned(), e.remedy().to_owned())).collect::<Vec<_>>()
    };
    let json = said(Intent::from_json(text).unwrap_err());
    assert_eq!(json, said(Intent::from_toml(same).unwrap_err()));
    let found: Vec<_> = json.iter().map(|(code, path, _)| (*code, path.as_str())).collect();
    assert_eq!(found, [("document.dangling", "networks.m.owner"), ("document.overlap", "networks.m.pools[0]")]);
}

#[test]
fn a_text_that_is_no_toml_says_where_and_nothing_that_only_follows_from_it() {
    let text = ACME.replace("[gateways] ", "[gateways").replace("redundancy  = 2", "redundancy  = two");
    let errors = Intent::from_toml(&text).unwrap_err();
    let found: Vec<_> = errors.iter().map(|e| (e.place().to_string(), e.code())).collect();
    assert_eq!(found, [("28:10".to_owned(), "document.syntax"), ("44:15".to_owned(), "document.syntax")], "{errors}");
}

#[test]
fn a_key_that_stands_twice_is_a_duplicate() {
    let errors = Intent::from_toml(&ACME.replace("[users]", "[users]\nnetops = {}")).unwrap_err();
    let found: Vec<_> = errors.iter().map(|e| (e.place().to_string(), e.code())).collect();
    assert_eq!(found, [("11:1".to_owned(), "document.duplicate")], "{errors}");
}

#[test]
fn the_order_of_sections_means_nothing() {
    let (head, tail) = ACME.split_at(ACME.find("[policies]").unwrap());
    let (policies, assertions) = tail.split_at(tail.find("[assertions]").unwrap());
    let turned =
        Intent::from_toml(&format!("{assertions}{policies}{head}")).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(Intent::from_toml(ACME).unwrap().changes_to(&turned).is_empty());
}

#[test]
fn nobody_reads_a_document_without_end() {
    let errors = Intent::from_toml(&"#".repeat(LONGEST_TOML + 1)).unwrap_err();
    assert_eq!(errors.code(), "document.too_large");
    let errors = Intent::from_toml(&"a=\n".repeat(100_000)).unwrap_err();
    assert!(errors.len() <= 200 && errors.left_out() > 99_000, "{} {}", errors.len(), errors.left_out());
}

/// Each of these once cost a stack, a square of time or all memory.
#[test]
fn hostile_documents_end_soon_with_errors() {
    let head = "[workspace]\nname='a'\n[users]\no={role='owner'}\n[networks.n]\nowner='g'\npools=";
    let groups = |n: usize| (1..n).map(|i| format!("g{i}={{groups=['g{}']}}\n", i - 1)).collect::<String>();
    let peers = |n: usize| (0..n).map(|i| format!("p{i}={{networks=['n']}}\n")).collect::<String>();
    let chain = format!("{head}['10.0.0.0/8']\n[groups]\ng={{}}\ng0={{groups=['g29999']}}\n{}", groups(30_000));
    let pools = format!("{head}[{}]\n[groups]\ng={{}}\n", "'10.0.0.0/24',".repeat(100_000));
    let full = format!("{head}['10.0.0.0/18']\n[groups]\ng={{}}\n[peers]\n{}", peers(30_000));
    let dotted = format!("{}b = 1", "a.".repeat(1_000_000));
    let nested = format!("a = {}", "[".repeat(1_000_000));
    let tables = "[a]\n".repeat(500_000);
    for (text, code) in [
        (chain, "change.contradiction"),
        (pools, "document.too_many"),
        (full, "change.exhausted"),
        (dotted, "document.syntax"),
        (nested, "document.syntax"),
        (tables, "document.duplicate"),
    ] {
        let errors = Intent::from_toml(&text).unwrap_err();
        assert!(errors.iter().any(|e| e.code() == code), "{code}: {}", errors.iter().next().unwrap());
    }
}

proptest! {
    #[test]
    fn no_text_panics(text: String) {
        let _ = Intent::from_toml(&text);
    }

    #[test]
    fn no_json_that_is_cut_or_changed_panics_and_every_place_is_in_it(
        end in 0..ACME_JSON.len(),
        cuts in proptest::collection::vec((0..ACME_JSON.len(), 0usize..12, "[a-z0-9 :\\[\\]{}\",./\\\\\n-]{0,6}"), 0..4)
    ) {
        let mut bytes = ACME_JSON.as_bytes().to_vec();
        for (at, length, insert) in cuts {
            let at = at.min(bytes.len());
            bytes.splice(at..(at + length).min(bytes.len()), insert.into_bytes());
        }
        if end % 2 == 0 {
            bytes.truncate(end);
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Err(errors) = Intent::from_json(&text) else { return Ok(()) };
        for error in &errors {
            let (line, column) = (error.place().line(), error.place().column());
            let length = text.split('\n').nth(line - 1).map(|l| l.chars().count());
            prop_assert!(length.is_some_and(|length| column <= length + 1), "{line}:{column}");
            prop_assert!(!error.remedy().is_empty() && !error.code().is_empty());
        }
    }

    #[test]
    fn no_change_to_a_good_document_panics_and_every_place_is_in_it(
        cuts in proptest::collection::vec((0..ACME.len(), 0usize..12, "[a-z0-9 =\\[\\]{}\",./:#\n-]{0,6}"), 1..6)
    ) {
        let mut bytes = ACME.as_bytes().to_vec();
        for (at, length, insert) in cuts {
            let at = at.min(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, insert.into_bytes());
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Err(errors) = Intent::from_toml(&text) else { return Ok(()) };
        prop_assert!(errors.len() > 0);
        let places: Vec<_> = errors.iter().map(|e| (e.place().line(), e.place().column())).collect();
        prop_assert!(places.is_sorted(), "{errors}");
        for (line, column) in places {
            let length = text.split('\n').nth(line - 1).map(|l| l.chars().count());
            prop_assert!(length.is_some_and(|length| column <= length + 1), "{line}:{column}");
        }
    }
}

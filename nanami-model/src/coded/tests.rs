//! One page of all codes, `docs/errors.md`, written from the tables beside the errors. `NANAMI_BLESS=1` writes it again.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests read and write the page, and look at the sources"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::{Coded, Fault};
use crate::wg_quick::*;
use crate::*;

/// An error type: its name, who can repair it (`None`: it passes others on), and its codes with the patterns that bear them.
struct Row {
    name: &'static str,
    fault: Option<Fault>,
    codes: Vec<(&'static str, &'static str)>,
}

macro_rules! rows {
    ($($type:ident),* $(,)?) => {{
        fn coded<T: Coded + Send + Sync + 'static>() {}
        $(coded::<$type>();)*
        vec![$(Row { name: stringify!($type), fault: $type::FAULT, codes: $type::CODES.concat() }),*]
    }};
}

fn rows() -> Vec<Row> {
    rows![
        DocumentError,
        DocumentErrors,
        FolderErrors,
        MapMismatch,
        MessageError,
        NoDuties,
        NoServices,
        NotRedeemable,
        NotRunnable,
        ParseAddressError,
        ParseCidrError,
        ParseDnsSuffixError,
        ParseEndpointError,
        ParseHostNameError,
        ParseIdError,
        ParseIdentityError,
        ParseJoinStringError,
        ParseKeyError,
        ParseMtuError,
        ParseNameError,
        ParseRoleError,
        ParseSecretError,
        ParseServiceError,
        ParseVersionError,
        Problem,
        RecordingError,
        Refused,
        StaleReport,
        TokenRefused,
        UnknownName,
        UnknownWord,
        Violation,
        WgQuickError,
        WgQuickErrors,
        WgQuickProblem,
    ]
}

/// `Self::HostBits { network }` of `ParseCidrError` as `ParseCidrError::HostBits`.
fn bearer(name: &str, pattern: &str) -> String {
    let variant = pattern.strip_prefix("Self::").map(|rest| rest.split([' ', '(']).next().unwrap_or(rest));
    variant.map_or_else(|| name.to_owned(), |variant| format!("{name}::{variant}"))
}

fn page() -> String {
    let mut lines = BTreeMap::new();
    for row in rows() {
        for (code, pattern) in &row.codes {
            let fault = row.fault.map(|fault| fault.to_string()).unwrap_or_default();
            let line = format!("| `{code}` | `{}` | {fault} |", bearer(row.name, pattern));
            let twice = lines.insert(*code, line);
            assert_eq!(twice, None, "two errors have the code {code}");
        }
    }
    let mut page = HEAD.to_owned();
    lines.values().for_each(|line| writeln!(page, "{line}").unwrap());
    page
}

const HEAD: &str = "\
# Codes of errors

Every error of `nanami-model` has a code that stays as it is from release to release, in every language and over HTTP; the text of its message may change. `fault` says who can repair it, `is_retryable` whether the same call may
succeed later by itself (here: addresses that wait for acknowledgement), `remedy` what to do. An error that passes another one on, such as `ParseEndpointError::Address`, has that one's code; one that holds several
(`DocumentErrors`, `Refused`, `WgQuickErrors`, `FolderErrors`) the first one's. The values of a document and of a `wg-quick` file have the codes of their types.

This page is written by the tests (`NANAMI_BLESS=1 cargo test -p nanami-model --lib coded`).

| code | error | who can repair it |
|---|---|---|
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn every_code_is_one_errors_and_stands_in_the_page_of_codes() {
    let (path, page) = (root().join("docs/errors.md"), page());
    if std::env::var_os("NANAMI_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    for (n, (ours, theirs)) in page.lines().zip(written.lines()).enumerate() {
        assert_eq!(ours, theirs, "docs/errors.md:{}: a code that was released stays; new ones are added", n + 1);
    }
    assert_eq!(page.lines().count(), written.lines().count(), "docs/errors.md lacks codes");
}

#[test]
fn a_code_is_two_or_three_words_with_dots_between() {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    for (code, _) in rows().iter().flat_map(|row| &row.codes) {
        assert!((2..=3).contains(&code.split('.').count()) && code.split('.').all(part), "{code}");
    }
}

/// Whoever adds an error gives it a code: the sources have no other.
#[test]
fn every_public_error_is_in_the_list() {
    let (mut found, mut said) = (BTreeSet::new(), BTreeSet::new());
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let source = std::fs::read_to_string(path).unwrap();
            errors_in(&source, &mut found);
            codes_in(&source, &mut said);
        }
    }
    let listed: BTreeSet<_> = rows().iter().map(|row| row.name.to_owned()).collect();
    assert_eq!(found, listed);
    let codes: BTreeSet<_> = rows().iter().flat_map(|row| &row.codes).map(|(code, _)| (*code).to_owned()).collect();
    let unknown: Vec<_> = said.difference(&codes).collect();
    assert!(unknown.is_empty() && said.len() > 50, "codes that no table has: {unknown:?}");
}

/// What carries a code of its own says one that the page has.
fn codes_in(source: &str, found: &mut BTreeSet<String>) {
    let areas = ["change.", "document.", "map.", "message.", "value.", "wg_quick."];
    let texts = source.split('"').skip(1).step_by(2);
    let code = |text: &&str| text.bytes().all(|b| b.is_ascii_lowercase() || b"._".contains(&b)) && !text.ends_with('.');
    found.extend(texts.filter(|text| areas.iter().any(|area| text.starts_with(area))).filter(code).map(str::to_owned));
}

fn errors_in(source: &str, found: &mut BTreeSet<String>) {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric()).collect::<String>();
    let lines: Vec<_> = source.lines().collect();
    for (n, line) in lines.iter().enumerate() {
        if line.starts_with("#[derive(") && line.contains("thiserror::Error") {
            let item =
                lines[n..].iter().find_map(|line| line.strip_prefix("pub enum ").or(line.strip_prefix("pub struct ")));
            let next = lines[n..].iter().position(|line| line.starts_with('}') || line.ends_with(';'));
            let own = lines[n..n + next.unwrap_or_default() + 1].iter().any(|line| line.starts_with("pub "));
            found.extend(item.filter(|_| own).map(word));
        }
        if let Some(rest) = line.strip_prefix("impl std::error::Error for ") {
            found.insert(word(rest));
        }
    }
}

#[test]
fn several_errors_go_by_the_first_and_are_worth_another_try_if_all_are() {
    let quarantined = |n: u64| Violation::Exhausted {
        subject: Label::named(PeerId::from_bytes([1; 10]), name!("a")),
        network: Label::named(NetworkId::from_bytes([1; 10]), name!("n")),
        left: 0,
        size: 6,
        quarantined: n,
    };
    let (waits, full) = (Refused::new(vec![quarantined(1)]), Refused::new(vec![quarantined(1), quarantined(0)]));
    assert_eq!((waits.code(), waits.fault(), waits.is_retryable()), ("change.exhausted", Fault::Caller, true));
    assert_eq!((full.code(), full.is_retryable(), full.remedy()), ("change.exhausted", false, waits.remedy()));
    let errors = Intent::from_toml("[workspace]\nname = \"Acme\"").unwrap_err();
    let first = errors.iter().next().unwrap();
    assert_eq!((errors.code(), errors.remedy()), (first.code(), first.remedy()));
}

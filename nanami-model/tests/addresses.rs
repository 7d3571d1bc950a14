//! Addresses and ranges against two other readers (SEC-20): Python's `ipaddress` and Go's `net/netip`, by a table that
//! `addresses/table.py` wrote. Whatever we read, both read, as the same value; whatever they read and we do not, we refuse for a
//! reason that has a name here.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use nanami_model::{Cidr, parse_address};

/// Why we refuse what another reader takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stricter {
    /// An IPv4 address inside IPv6 is the same host under two names.
    Mapped,
    /// A zone means something on one machine only.
    Zone,
    /// A range names itself, not an address in it: `10.0.0.0/8`, not `10.0.0.1/8`.
    HostBits,
    /// A range always says its length: `10.0.0.1/32`, not `10.0.0.1`.
    NoLength,
    /// A length is a number, not a mask: `/16`, not `/255.255.0.0`.
    Mask,
    /// A length has one text: `/8`, not `/08`.
    LeadingZero,
}

struct Case {
    kind: String,
    text: String,
    python: Option<String>,
    go: Option<String>,
}

#[test]
fn sec_20_whatever_is_read_python_and_go_read_as_the_same() {
    let mut read = 0;
    for case in table() {
        let Some(ours) = ours(&case) else { continue };
        read += 1;
        assert_eq!(case.python.as_ref(), Some(&ours), "Python reads {:?} otherwise", case.text);
        assert_eq!(case.go.as_ref(), Some(&ours), "Go reads {:?} otherwise", case.text);
    }
    assert!(read > 1000, "the table has {read} cases that are read");
}

#[test]
fn sec_20_whatever_is_refused_alone_is_refused_for_a_named_reason() {
    let mut seen = BTreeMap::<Stricter, usize>::new();
    for case in table().into_iter().filter(|case| ours(case).is_none()) {
        for theirs in [&case.python, &case.go].into_iter().flatten() {
            let Some(reason) = reason(&case, theirs) else {
                panic!("{:?} is refused, and read by others as {theirs}", case.text);
            };
            *seen.entry(reason).or_default() += 1;
        }
    }
    use Stricter::{HostBits, LeadingZero, Mapped, Mask, NoLength, Zone};
    for reason in [Mapped, Zone, HostBits, NoLength, Mask, LeadingZero] {
        assert!(seen.contains_key(&reason), "no case needs {reason:?}");
    }
}

/// Our reading, printed.
fn ours(case: &Case) -> Option<String> {
    match case.kind.as_str() {
        "address" => parse_address(&case.text).ok().map(|address| address.to_string()),
        _ => case.text.parse::<Cidr>().ok().map(|range| range.to_string()),
    }
}

/// The reason by our own error, and that it is true of the text.
fn reason(case: &Case, theirs: &str) -> Option<Stricter> {
    let code = match case.kind.as_str() {
        "address" => parse_address(&case.text).unwrap_err().code(),
        _ => case.text.parse::<Cidr>().unwrap_err().code(),
    };
    let (_, length) = case.text.split_once('/').unwrap_or_default();
    let v6 = |text: &str| text.split(['%', '/']).next().unwrap().parse::<std::net::Ipv6Addr>();
    match code {
        "value.address.mapped" if v6(theirs).unwrap().to_ipv4_mapped().is_some() => Some(Stricter::Mapped),
        "value.address.zone" if theirs.contains('%') => Some(Stricter::Zone),
        "value.cidr.host_bits" if case.python.is_none() => Some(Stricter::HostBits),
        "value.cidr.no_length" if !case.text.contains('/') => Some(Stricter::NoLength),
        "value.cidr.length" if length.contains('.') => Some(Stricter::Mask),
        "value.cidr.length" if length.starts_with('0') && length.len() > 1 => Some(Stricter::LeadingZero),
        _ => None,
    }
}

fn table() -> Vec<Case> {
    let cases: Vec<_> = include_str!("addresses/table.txt").lines().map(case).collect();
    assert!(cases.len() > 4000, "the table has {} cases", cases.len());
    cases
}

fn case(line: &str) -> Case {
    let columns: Vec<_> = line.split('\t').map(unescaped).collect();
    let [kind, text, python, go] = columns.try_into().unwrap();
    let reading = |text: String| (text != "-").then_some(text);
    Case { kind, text, python: reading(python), go: reading(go) }
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split("\\u{");
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        let (hex, rest) = part.split_once('}').unwrap();
        plain.push(char::from_u32(u32::from_str_radix(hex, 16).unwrap()).unwrap());
        plain.push_str(rest);
    }
    plain
}

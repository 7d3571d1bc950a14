//! The types that documents write as texts, and how their errors are explained to whoever writes one.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::error::Problem;
use super::shape::LONGEST_VALUE;
use crate::cidr::{Cidr, ParseAddressError, ParseCidrError, parse_address};
use crate::entity::words::{UnknownWord, Word};
use crate::entity::{DnsSuffix, Identity, ParseDnsSuffixError, ParseIdentityError, ParseRoleError, ParseVersionError};
use crate::entity::{Role, Version};
use crate::key::{ParseKeyError, PublicKey};
use crate::name::{Name, ParseNameError};
use crate::near::nearest;
use crate::service::{ParseServiceError, Service};

/// A type that documents write as a text.
pub(super) trait Written: FromStr<Err: fmt::Display> {
    /// What it is, in messages.
    const KIND: &'static str;
    /// All texts there are, if they are few.
    const WORDS: &'static [&'static str] = &[];
    /// A regular expression that every text of the type matches.
    const PATTERN: Option<&'static str> = None;
    /// The name of the type, if the expression alone does not say it all.
    const FORMAT: Option<&'static str> = None;

    /// The stable code of the error, and what to write instead.
    fn explain(error: &Self::Err, text: &str) -> (&'static str, String);
}

/// What is wrong with a text that is none of this type.
pub(super) fn explained<T: Written>(error: &T::Err, text: &str) -> Problem {
    let (code, remedy) = T::explain(error, text);
    let (text, reason) = (text.chars().take(LONGEST_VALUE).collect(), error.to_string());
    Problem::Value { kind: T::KIND, text, reason, code, remedy }
}

/// A type that is one of a few words.
impl<T: Word + FromStr<Err = UnknownWord>> Written for T {
    const KIND: &'static str = T::WHAT;
    const WORDS: &'static [&'static str] = T::WORDS;

    fn explain(error: &UnknownWord, text: &str) -> (&'static str, String) {
        (error.code(), word_remedy(text, T::WORDS))
    }
}

fn word_remedy(text: &str, words: &[&str]) -> String {
    match (nearest(text, words.iter().copied()).first(), words) {
        (Some(word), _) => format!("did you mean {word}?"),
        (None, [word]) => format!("write {word}, or leave it out"),
        (None, _) => "write one of them".to_owned(),
    }
}

/// Words that stand only in documents, where the model has a richer type.
macro_rules! document_words {
    ($($(#[$doc:meta])* $type:ident, $what:literal: $($variant:ident = $word:literal),+;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) enum $type { $($variant),+ }

        impl Word for $type {
            const WHAT: &'static str = $what;
            const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl FromStr for $type {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord::new(<Self as Word>::WHAT, <Self as Word>::WORDS)),
                }
            }
        }
    )* };
}

document_words! {
    /// The one way that answers from behind a gateway can be declared to take.
    Declared, "return path": Declared = "declared";
    /// What runs on a peer.
    ModeWord, "mode": Managed = "managed", Limited = "limited";
    /// Who chooses the gateways of a peer.
    RoutingWord, "routing mode": Auto = "auto", Manual = "manual";
    /// How often a join key lets somebody in, where that is no number.
    UsesWord, "number of uses": OneOff = "one_off", Reusable = "reusable";
    /// All gateways.
    Everything, "selection of gateways": All = "all";
}

impl Written for Name {
    const KIND: &'static str = "name";
    const PATTERN: Option<&'static str> = Some("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$");

    fn explain(error: &ParseNameError, text: &str) -> (&'static str, String) {
        let lower = text.to_ascii_lowercase().replace(['_', ' ', '.'], "-");
        let remedy = match lower.parse::<Self>() {
            Ok(name) => format!("write {name}"),
            Err(_) => "write a name such as api-gateway".to_owned(),
        };
        (error.code(), remedy)
    }
}

impl Written for Role {
    const KIND: &'static str = "role";
    const WORDS: &'static [&'static str] = &["owner", "admin", "member", "viewer"];

    fn explain(error: &ParseRoleError, text: &str) -> (&'static str, String) {
        let remedy = match nearest(text, Self::WORDS.iter().copied()).first() {
            Some(role) => format!("did you mean {role}?"),
            None => "write one of the four".to_owned(),
        };
        (error.code(), remedy)
    }
}

impl Written for Cidr {
    const KIND: &'static str = "range";
    const PATTERN: Option<&'static str> = Some("^[0-9a-f.:A-F]+/[0-9]+$");
    const FORMAT: Option<&'static str> = Some("nanami-range");

    fn explain(error: &ParseCidrError, text: &str) -> (&'static str, String) {
        let remedy = match error {
            ParseCidrError::NoLength => match parse_address(text) {
                Ok(address) => format!("write {} for the one address", Self::host(address)),
                Err(_) => "write a range such as 10.42.0.0/16 or fd42::/48".to_owned(),
            },
            ParseCidrError::Address(error) => address_remedy(error, text),
            ParseCidrError::Length { .. } => "write a length such as the 16 of 10.42.0.0/16".to_owned(),
            ParseCidrError::HostBits { network } => format!("write {network}"),
        };
        (error.code(), remedy)
    }
}

/// An address, read as strictly as everywhere: without leading zeros, without IPv4 inside IPv6.
pub(super) struct Address(pub(super) IpAddr);

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, ParseAddressError> {
        parse_address(text).map(Self)
    }
}

impl Written for Address {
    const KIND: &'static str = "address";
    const PATTERN: Option<&'static str> = Some("^[0-9a-f.:A-F]+$");
    const FORMAT: Option<&'static str> = Some("nanami-address");

    fn explain(error: &ParseAddressError, text: &str) -> (&'static str, String) {
        (error.code(), address_remedy(error, text))
    }
}

/// The corrected text where there is just one way to correct it.
fn address_remedy(error: &ParseAddressError, text: &str) -> String {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let fixed = match error {
        ParseAddressError::LeadingZero => {
            let plain = |part: &str| match part.trim_start_matches('0') {
                "" => "0".to_owned(),
                digits => digits.to_owned(),
            };
            let fixed = address.split('.').map(plain).collect::<Vec<_>>().join(".");
            parse_address(&fixed).ok()
        }
        ParseAddressError::Mapped { plain } if length.is_none() => Some(IpAddr::V4(*plain)),
        _ => None,
    };
    match (fixed, length) {
        (Some(address), Some(length)) => format!("write {address}/{length}, if the numbers are decimal"),
        (Some(address), None) => format!("write {address}"),
        (None, _) => "write an address such as 10.42.0.9 or fd42::9".to_owned(),
    }
}

impl Written for Service {
    const KIND: &'static str = "service";
    const PATTERN: Option<&'static str> = Some("^(any|icmp|(tcp|udp)/[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?)$");
    const FORMAT: Option<&'static str> = Some("nanami-service");

    fn explain(error: &ParseServiceError, _: &str) -> (&'static str, String) {
        let remedy = match error {
            ParseServiceError::NoPorts { protocol } => format!("write {protocol}"),
            _ => "write a service such as tcp/443, udp/8000-8010, icmp or any".to_owned(),
        };
        (error.code(), remedy)
    }
}

impl Written for PublicKey {
    const KIND: &'static str = "public key";
    const PATTERN: Option<&'static str> = Some("^[A-Za-z0-9+/]{43}=$");
    const FORMAT: Option<&'static str> = Some("nanami-public-key");

    fn explain(error: &ParseKeyError, _: &str) -> (&'static str, String) {
        (error.code(), "write what `wg pubkey` prints, or leave the key out until a node joins".to_owned())
    }
}

impl Written for Version {
    const KIND: &'static str = "version";
    const PATTERN: Option<&'static str> = Some("^(0|[1-9][0-9]*)(\\.(0|[1-9][0-9]*)){0,3}$");
    const FORMAT: Option<&'static str> = Some("nanami-version");

    fn explain(error: &ParseVersionError, _: &str) -> (&'static str, String) {
        (error.code(), "write a version such as 14.5".to_owned())
    }
}

impl Written for DnsSuffix {
    const KIND: &'static str = "DNS suffix";
    const PATTERN: Option<&'static str> = Some("^[a-z0-9-]+(\\.[a-z0-9-]+)*$");
    const FORMAT: Option<&'static str> = Some("nanami-dns-suffix");

    fn explain(error: &ParseDnsSuffixError, _: &str) -> (&'static str, String) {
        (error.code(), "write a suffix such as prod.acme.internal".to_owned())
    }
}

/// One half of an identity.
pub(super) struct IssuerOrSubject;

impl FromStr for IssuerOrSubject {
    type Err = ParseIdentityError;

    fn from_str(text: &str) -> Result<Self, ParseIdentityError> {
        Identity::new(text, "subject").map(|_| Self)
    }
}

impl Written for IssuerOrSubject {
    const KIND: &'static str = "part of an identity";
    const PATTERN: Option<&'static str> = Some("^[!-~]{1,255}$");

    fn explain(error: &ParseIdentityError, _: &str) -> (&'static str, String) {
        (error.code(), "write what the provider's tokens say in iss or sub".to_owned())
    }
}

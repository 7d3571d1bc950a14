//! Values of single keys: numbers, switches, tables and resolvers, each read one way only.

use std::num::NonZeroU32;
use std::str::FromStr;

use super::section::Table;
use crate::cidr::parse_address;
use crate::endpoint::Host;

/// Why a value is refused, in its type's words.
pub(super) struct Said {
    pub(super) reason: String,
    pub(super) code: &'static str,
}

pub(super) fn said<E: std::fmt::Display>(error: &E, code: impl Fn(&E) -> &'static str) -> Said {
    Said { reason: error.to_string(), code: code(error) }
}

pub(super) fn number<T: FromStr>(text: &str) -> Result<T, Said> {
    let canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    let wrong =
        || Said { reason: "not a number in its range without leading zeros".to_owned(), code: "wg_quick.number" };
    text.parse().ok().filter(|_| canonical).ok_or_else(wrong)
}

pub(super) fn keepalive(text: &str) -> Result<u16, Said> {
    if text.eq_ignore_ascii_case("off") { Ok(0) } else { number(text) }
}

pub(super) fn mark(text: &str) -> Result<u32, Said> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(0);
    }
    let Some(digits) = text.strip_prefix("0x") else { return number(text) };
    let hex = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let wrong = || Said { reason: "not a number of 32 bits".to_owned(), code: "wg_quick.number" };
    u32::from_str_radix(digits, 16).ok().filter(|_| hex).ok_or_else(wrong)
}

pub(super) fn table(text: &str) -> Result<Table, Said> {
    match text {
        _ if text.eq_ignore_ascii_case("auto") => Ok(Table::Auto),
        _ if text.eq_ignore_ascii_case("off") => Ok(Table::Off),
        _ => number::<NonZeroU32>(text).map(Table::Number),
    }
}

pub(super) fn boolean(text: &str) -> Result<bool, Said> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Ok(true),
        _ if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Said { reason: "neither true nor false".to_owned(), code: "wg_quick.boolean" }),
    }
}

/// A resolver's address, or a search domain. What consists of digits and dots, or holds a colon, was meant as an address.
pub(super) fn resolver(text: &str) -> Result<Host, Said> {
    let address = text.contains(':') || text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match address && !text.is_empty() {
        true => parse_address(text).map(Host::Address).map_err(|e| said(&e, crate::ParseAddressError::code)),
        false => text.parse().map(Host::Name).map_err(|e| said(&e, crate::ParseHostNameError::code)),
    }
}

//! Literals that the compiler checks: [`cidr!`](crate::cidr!) and [`service!`](crate::service!).
//!
//! **Invariant**: what is a literal here is read by the type's own parser, which alone makes values; and every value that is
//! printed is a literal.

/// A [`Cidr`](crate::Cidr) from a literal that the compiler checks.
///
/// ```
/// assert_eq!(nanami_model::cidr!("10.42.0.0/16").length(), 16);
/// ```
///
/// ```compile_fail
/// nanami_model::cidr!("10.42.0.1/16"); // host bits
/// ```
#[macro_export]
macro_rules! cidr {
    ($text:literal) => {{
        const _: () = assert!(
            $crate::is_cidr_literal($text),
            "not a range: an address, a slash and a length, without host bits, such as 10.42.0.0/16 or fd42::/48"
        );
        $text.parse::<$crate::Cidr>().expect("checked when this was compiled")
    }};
}

/// A [`Service`](crate::Service) from a literal that the compiler checks.
///
/// ```
/// use nanami_model::{Service, service};
///
/// assert_eq!(service!("tcp/443"), Service::tcp(443));
/// ```
///
/// ```compile_fail
/// nanami_model::service!("tcp/0");
/// ```
#[macro_export]
macro_rules! service {
    ($text:literal) => {{
        const _: () = assert!($crate::is_service_literal($text), "not a service: tcp/443, udp/8000-8010, icmp or any");
        $text.parse::<$crate::Service>().expect("checked when this was compiled")
    }};
}

/// Whether `text` is a service.
#[doc(hidden)]
pub const fn is_service_literal(text: &str) -> bool {
    let bytes = text.as_bytes();
    match bytes {
        b"any" | b"icmp" => true,
        [b't', b'c', b'p', b'/', ports @ ..] | [b'u', b'd', b'p', b'/', ports @ ..] => is_ports(ports),
        _ => false,
    }
}

const fn is_ports(bytes: &[u8]) -> bool {
    let (first, next) = decimal(bytes, 0);
    if first == 0 || first > 65535 {
        return false;
    }
    if next == bytes.len() {
        return true;
    }
    let (last, end) = decimal(bytes, next + 1);
    bytes[next] == b'-' && end == bytes.len() && first <= last && last <= 65535
}

/// Whether `text` is a range of addresses.
#[doc(hidden)]
pub const fn is_cidr_literal(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut slash = 0;
    while slash < bytes.len() && bytes[slash] != b'/' {
        slash += 1;
    }
    if slash >= bytes.len() {
        return false;
    }
    let (length, end) = decimal(bytes, slash + 1);
    if end != bytes.len() || end == slash + 1 {
        return false;
    }
    let address = bytes.split_at(slash).0;
    match (v4(address), v6(address)) {
        (Some(bits), _) => length <= 32 && (length == 32 || bits << length == 0 || length == 0 && bits == 0),
        (None, Some(bits)) => length <= 128 && (length == 128 || bits << length == 0),
        (None, None) => false,
    }
}

/// The number without leading zeros that begins at `at`, and where it ends; a number that is none or too large is beyond what
/// any caller takes, or ends where it began.
const fn decimal(bytes: &[u8], at: usize) -> (u32, usize) {
    let (mut value, mut end) = (0, at);
    while end < bytes.len() && bytes[end].is_ascii_digit() {
        if end > at && value == 0 || end - at > 5 {
            return (u32::MAX, at);
        }
        value = value * 10 + (bytes[end] - b'0') as u32;
        end += 1;
    }
    (value, end)
}

const fn v4(bytes: &[u8]) -> Option<u32> {
    let (mut bits, mut at, mut part) = (0, 0, 0);
    while part < 4 {
        let (value, end) = decimal(bytes, at);
        if end == at || value > 255 {
            return None;
        }
        bits = bits << 8 | value;
        at = end;
        part += 1;
        if part < 4 {
            if at >= bytes.len() || bytes[at] != b'.' {
                return None;
            }
            at += 1;
        }
    }
    if at == bytes.len() { Some(bits) } else { None }
}

/// RFC 4291 section 2.2, without its third form, which writes an IPv4 address inside.
const fn v6(bytes: &[u8]) -> Option<u128> {
    const NONE: usize = 9;
    let (mut groups, mut count, mut gap, mut at) = ([0u16; 8], 0, NONE, 0);
    if bytes.len() >= 2 && bytes[0] == b':' && bytes[1] == b':' {
        (gap, at) = (0, 2);
    }
    while at < bytes.len() {
        let start = at;
        let mut value = 0u32;
        while at < bytes.len() && at - start < 4 && bytes[at].is_ascii_hexdigit() {
            value = value << 4 | hex(bytes[at]) as u32;
            at += 1;
        }
        if at == start || count == 8 {
            return None;
        }
        groups[count] = value as u16;
        count += 1;
        if at == bytes.len() {
            break;
        }
        if bytes[at] != b':' || at + 1 == bytes.len() {
            return None;
        }
        at += 1;
        if bytes[at] == b':' {
            if gap != NONE {
                return None;
            }
            gap = count;
            at += 1;
        }
    }
    let full = if gap == NONE { count == 8 } else { count < 8 };
    if !full {
        return None;
    }
    let (mut bits, mut n) = (0u128, 0);
    while n < 8 {
        let missing = 8 - count;
        let group = match n {
            _ if n < gap => groups[n],
            _ if n < gap + missing => 0,
            _ => groups[n - missing],
        };
        bits = bits << 16 | group as u128;
        n += 1;
    }
    // An IPv4 address inside IPv6 is refused in every form.
    if bits >> 32 == 0xffff { None } else { Some(bits) }
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Cidr, Service};

    #[test]
    fn literals_are_what_the_parsers_read() {
        for text in [
            "10.0.0.0/8",
            "0.0.0.0/0",
            "::/0",
            "10.0.0.1/32",
            "fd42::/48",
            "fd42:1:2:3:4:5:6:7/128",
            "::1/128",
            "1::/16",
            "1:2:3:4:5:6:7::/112",
            "FD42::/16",
            "0fd4::/16",
            "",
            "/",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "10.0.0/8",
            "010.0.0.0/8",
            "10.0.0.0/08",
            "10.0.0.0.0/8",
            "256.0.0.0/8",
            "::1/64",
            ":::/0",
            "1:::/16",
            ":1/128",
            "1:/16",
            "1::2::3/128",
            "::ffff:0:0/96",
            "::ffff:1:2/128",
            "::ffff:1.2.3.4/128",
            "1:2:3:4:5:6:7:8::/128",
            "12345::/16",
            "::/129",
            "fe80::%1/64",
            "128.0.0.0/0",
            "8000::/0",
            "1:2:3:4:5:6:7:8:9/128",
            "0:0:0:0:0:0:0:0/0",
            "::g/128",
            "10.0.0.0/+8",
        ] {
            assert_eq!(is_cidr_literal(text), text.parse::<Cidr>().is_ok(), "{text}");
        }
        for text in [
            "any",
            "icmp",
            "tcp/1",
            "udp/65535",
            "tcp/1-65535",
            "tcp/80-80",
            "",
            "tcp",
            "tcp/",
            "tcp/0",
            "tcp/01",
            "tcp/65536",
            "tcp/9-8",
            "tcp/1-",
            "tcp/-1",
            "tcp/1-2-3",
            "tcp/999999",
            "tcp/1-999999",
            "any/1",
            "icmp/1",
            "sctp/1",
            "TCP/1",
            "tcp/1 ",
            "tcp/1x",
            "tcp/1x2",
        ] {
            assert_eq!(is_service_literal(text), text.parse::<Service>().is_ok(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_looks_like_one_is_one_exactly_if_the_parser_says_so(
            range in "[0-9a-f.:/]{0,20}",
            v4 in "[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}",
            v6 in "[0-9a-f]{0,4}(:[0-9a-f]{0,4}){1,8}/[0-9]{1,3}",
            service in "(tcp|udp|icmp|any)/?[0-9]{0,6}-?[0-9]{0,6}",
        ) {
            for text in [range, v4, v6] {
                prop_assert_eq!(is_cidr_literal(&text), text.parse::<Cidr>().is_ok(), "{}", text);
            }
            prop_assert_eq!(is_service_literal(&service), service.parse::<Service>().is_ok(), "{}", service);
        }

        #[test]
        fn every_range_that_is_printed_is_a_literal(bits: u128, v4: bool, length in 0u8..=128) {
            use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
            let (bits4, bits6) = (Ipv4Addr::from_bits(bits as u32), Ipv6Addr::from_bits(bits));
            let address: IpAddr = if v4 { bits4.into() } else { bits6.into() };
            let length = if v4 { length % 33 } else { length };
            let cidr = match Cidr::new(address, length) {
                Ok(cidr) => cidr,
                Err(crate::ParseCidrError::HostBits { network }) => network,
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            };
            let text = cidr.to_string();
            prop_assert_eq!(is_cidr_literal(&text), text.parse::<Cidr>().is_ok());
        }
    }
}

//! Values of keys: as they are read, and as they are written.
//!
//! **Invariant**: what is written reads as the same value. Reading is as lenient as wireguard-go's (which the model, made for
//! people's texts, is not): host bits of a range are dropped, leading zeros of a decimal number do not matter.

use std::fmt;
use std::io::{self, Write};
#[cfg(target_os = "linux")]
use std::net::SocketAddrV6;
use std::net::{IpAddr, SocketAddr};

use nanami_model::{Cidr, ParseCidrError, PresharedKey, PrivateKey, PublicKey};
use zeroize::Zeroizing;

use super::errno::Errno;

/// 64 hexadecimal digits.
pub(super) fn key(text: &str) -> Result<Zeroizing<[u8; 32]>, Errno> {
    let mut key = Zeroizing::new([0; 32]);
    if text.len() != 64 {
        return Err(Errno::INVALID);
    }
    for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = [digits[0], digits[1]].map(|digit| char::from(digit).to_digit(16));
        let value = high.zip(low).map(|(high, low)| high << 4 | low).ok_or(Errno::INVALID)?;
        *byte = u8::try_from(value).expect("two hexadecimal digits are a byte");
    }
    Ok(key)
}

pub(super) fn public_key(text: &str) -> Result<PublicKey, Errno> {
    PublicKey::from_bytes(*key(text)?).map_err(|_| Errno::KEY_REJECTED)
}

/// `None` is all zeros, which takes the key away.
pub(super) fn private_key(text: &str) -> Result<Option<PrivateKey>, Errno> {
    let key = PrivateKey::from_bytes(*key(text)?);
    Ok((key != PrivateKey::from_bytes([0; 32])).then_some(key))
}

/// `None` is all zeros, which takes the key away.
pub(super) fn preshared_key(text: &str) -> Result<Option<PresharedKey>, Errno> {
    Ok(PresharedKey::from_bytes(*key(text)?).ok())
}

/// Decimal digits, and nothing before them.
pub(super) fn number<N: std::str::FromStr>(text: &str) -> Result<N, Errno> {
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse().map_err(|_| Errno::INVALID),
        false => Err(Errno::INVALID),
    }
}

/// A flag, which is set by being there.
pub(super) fn truth(text: &str) -> Result<bool, Errno> {
    if text == "true" { Ok(true) } else { Err(Errno::INVALID) }
}

/// `ADDRESS:PORT`, with brackets around an IPv6 address, which may have a zone: a number, or on Linux an interface of the
/// network namespace that this process is in.
pub(super) fn endpoint(text: &str) -> Result<SocketAddr, Errno> {
    let mut endpoint: SocketAddr = text.parse().or_else(|_| endpoint_in_a_zone(text))?;
    if let IpAddr::V4(plain) = endpoint.ip().to_canonical() {
        endpoint.set_ip(plain.into());
    }
    Ok(endpoint)
}

/// `[ADDRESS%INTERFACE]:PORT`.
#[cfg(target_os = "linux")]
fn endpoint_in_a_zone(text: &str) -> Result<SocketAddr, Errno> {
    use rustix::net::{AddressFamily, SocketType, netdevice::name_to_index, socket};

    let (address, rest) = text.strip_prefix('[').and_then(|text| text.split_once('%')).ok_or(Errno::INVALID)?;
    let (zone, port) = rest.split_once("]:").ok_or(Errno::INVALID)?;
    let (address, port) = (address.parse().map_err(|_| Errno::INVALID)?, number(port)?);
    let asked = socket(AddressFamily::INET, SocketType::DGRAM, None);
    let zone = asked.and_then(|asked| name_to_index(&asked, zone)).map_err(|_| Errno::INVALID)?;
    Ok(SocketAddrV6::new(address, port, 0, zone).into())
}

#[cfg(not(target_os = "linux"))]
fn endpoint_in_a_zone(_: &str) -> Result<SocketAddr, Errno> {
    Err(Errno::INVALID)
}

/// `ADDRESS/LENGTH`, whose host bits do not count.
pub(super) fn cidr(text: &str) -> Result<Cidr, Errno> {
    let (address, length) = text.split_once('/').ok_or(Errno::INVALID)?;
    match Cidr::new(address.parse().map_err(|_| Errno::INVALID)?, number(length)?) {
        Ok(range) | Err(ParseCidrError::HostBits { network: range }) => Ok(range),
        Err(_) => Err(Errno::INVALID),
    }
}

/// Writes `name=` and a key in hexadecimal. No copy of it stays behind in the memory of this process.
pub(super) fn write_key(to: &mut dyn Write, name: &str, key: &[u8; 32]) -> io::Result<()> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Zeroizing::new([b'\n'; 65]);
    for (digits, byte) in text.chunks_exact_mut(2).zip(key) {
        digits.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    to.write_all(name.as_bytes())?;
    to.write_all(b"=")?;
    to.write_all(&*text)
}

/// Writes `name=value`.
pub(super) fn write_line(to: &mut dyn Write, name: &str, value: impl fmt::Display) -> io::Result<()> {
    writeln!(to, "{name}={value}")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_number_or_an_interface_that_is_there() {
        let loopback = endpoint("[fe80::1%lo]:51820").unwrap();
        assert_eq!(loopback, endpoint("[fe80::1%1]:51820").unwrap());
        assert!(matches!(loopback, SocketAddr::V6(v6) if v6.scope_id() == 1));
        for wrong in [
            "[fe80::1%no-such-one]:51820",
            "[fe80::1%]:51820",
            "[fe80::1%lo]",
            "[fe80::1%lo]:65536",
            "fe80::1%lo:51820",
            "[192.0.2.1%lo]:51820",
            "[fe80::1%a-name-that-is-much-too-long-for-one]:51820",
            "[fe80::1%l\0o]:1",
        ] {
            assert_eq!(endpoint(wrong), Err(Errno::INVALID), "{wrong:?}");
        }
    }
}

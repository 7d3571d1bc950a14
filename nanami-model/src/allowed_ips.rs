//! AllowedIPs: WireGuard's cryptokey routes of one peer.
//!
//! **Invariant**: sorted, without duplicates, and never aggregated: two halves stay two halves and a range inside another
//! stays there, because longest match across the peers of a device gives each of them its own meaning.

use std::fmt;
use std::str::FromStr;

use crate::cidr::{Cidr, ParseCidrError, parse_address};

/// The ranges that are sent to one peer and taken from it. Reads and prints as `wg` does: `10.42.0.7/32, fd42::7/128`.
///
/// ```
/// use nanami_model::{AllowedIps, ParseCidrError};
///
/// let allowed: AllowedIps = "10.42.0.0/16, 10.42.0.7, fd42::/48".parse()?;
/// assert_eq!(allowed.to_string(), "10.42.0.0/16, 10.42.0.7/32, fd42::/48");
/// # Ok::<(), ParseCidrError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AllowedIps(Vec<Cidr>);

impl AllowedIps {
    /// The ranges, sorted: IPv4 first, then by address, the wider of two that begin alike first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Cidr> + '_ {
        self.0.iter().copied()
    }

    /// The same as a slice.
    pub fn as_slice(&self) -> &[Cidr] {
        &self.0
    }

    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is sent to the peer and nothing taken from it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this very range is among them; one that covers it does not count.
    pub fn has(&self, range: &Cidr) -> bool {
        self.0.binary_search(range).is_ok()
    }

    /// The narrowest of the ranges around this address.
    pub fn longest_match(&self, address: std::net::IpAddr) -> Option<Cidr> {
        self.iter().filter(|range| range.contains(address)).max_by_key(Cidr::length)
    }
}

impl FromIterator<Cidr> for AllowedIps {
    fn from_iter<T: IntoIterator<Item = Cidr>>(ranges: T) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().collect();
        ranges.sort_unstable();
        ranges.dedup();
        Self(ranges)
    }
}

/// One range as WireGuard writes it: an address without a length is that address alone.
pub(crate) fn parse_range(text: &str) -> Result<Cidr, ParseCidrError> {
    match text.contains('/') {
        true => text.parse(),
        false => Ok(Cidr::host(parse_address(text)?)),
    }
}

impl FromStr for AllowedIps {
    type Err = ParseCidrError;

    fn from_str(text: &str) -> Result<Self, ParseCidrError> {
        match text {
            "" => Ok(Self::default()),
            text => text.split(',').map(|part| parse_range(part.trim_matches(' '))).collect(),
        }
    }
}

impl fmt::Display for AllowedIps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, range) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{range}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for AllowedIps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&self.0).finish()
    }
}

crate::text::text_serde!(AllowedIps);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn halves_and_nested_ranges_stay_what_they_are() {
        let text = "0.0.0.0/1, 10.0.0.0/8, 10.42.0.0/16, 10.42.0.7/32, 128.0.0.0/1, ::/1, 8000::/1";
        let allowed: AllowedIps = text.parse().unwrap();
        assert_eq!((allowed.to_string().as_str(), allowed.len()), (text, 7));
        let narrowest = |address: &str| allowed.longest_match(address.parse().unwrap()).unwrap().to_string();
        assert_eq!(narrowest("10.42.0.7"), "10.42.0.7/32");
        assert_eq!(narrowest("10.42.0.8"), "10.42.0.0/16");
        assert!(allowed.has(&"10.0.0.0/8".parse().unwrap()) && !allowed.has(&"10.1.0.0/16".parse().unwrap()));
    }

    #[test]
    fn each_part_is_read_as_strictly_as_any_range() {
        for bad in
            [",", "10.0.0.0/8,", "10.0.0.1/8", "+10.0.0.0/8", "10.0.0.0/8;::/0", " ", "10.0.0.0/ 8", "10.0.0.0/8\t"]
        {
            assert!(bad.parse::<AllowedIps>().is_err(), "{bad:?}");
        }
        assert_eq!("".parse(), Ok(AllowedIps::default()));
    }

    proptest! {
        #[test]
        fn text_round_trips_and_nothing_is_lost(parts in prop::collection::vec((any::<u32>(), 0u8..=32), 0..20)) {
            let range = |(bits, length): (u32, u8)| match Cidr::new(bits.to_be_bytes().into(), length) {
                Ok(range) | Err(ParseCidrError::HostBits { network: range }) => range,
                Err(error) => panic!("{error}"),
            };
            let ranges: Vec<Cidr> = parts.into_iter().map(range).collect();
            let allowed: AllowedIps = ranges.iter().copied().collect();
            prop_assert_eq!(allowed.to_string().parse::<AllowedIps>(), Ok(allowed.clone()));
            prop_assert!(ranges.iter().all(|range| allowed.has(range)));
            prop_assert!(allowed.iter().all(|range| ranges.contains(&range)));
            prop_assert!(allowed.as_slice().is_sorted_by(|a, b| a < b));
        }
    }
}

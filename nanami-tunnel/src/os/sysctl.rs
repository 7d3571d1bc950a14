//! Settings of the kernel that an interface may need, and what they were before.
//!
//! **Invariant**: what a setting was is written down, in the comment of our nft table, before it is changed; so whoever comes
//! after a process that was killed can put it back.

use std::collections::BTreeMap;
use std::fmt;

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sysctl {
    /// Packets of IPv4 are forwarded.
    ForwardIpv4,
    /// Packets of IPv6 are forwarded.
    ForwardIpv6,
    /// The mark of a packet counts when the way back to its source is checked.
    MarkedSources,
}

/// Settings with what they were before they were changed.
pub(super) type Before = BTreeMap<Sysctl, u8>;

impl Sysctl {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::ForwardIpv4, Self::ForwardIpv6, Self::MarkedSources];

    /// As `sysctl` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ForwardIpv4 => "net.ipv4.ip_forward",
            Self::ForwardIpv6 => "net.ipv6.conf.all.forwarding",
            Self::MarkedSources => "net.ipv4.conf.all.src_valid_mark",
        }
    }

    pub(super) fn path(self) -> String {
        format!("/proc/sys/{}", self.name().replace('.', "/"))
    }
}

impl fmt::Display for Sysctl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One word for each: `net.ipv4.ip_forward=0`.
pub(super) fn write_before(before: &Before) -> String {
    before.iter().map(|(sysctl, value)| format!(" {sysctl}={value}")).collect()
}

/// The words of a comment that say what was before; others mean nothing.
pub(super) fn read_before(comment: &str) -> Before {
    let entry = |word: &str| {
        let (name, value) = word.split_once('=')?;
        let sysctl = Sysctl::ALL.into_iter().find(|sysctl| sysctl.name() == name)?;
        Some((sysctl, value.parse().ok()?))
    };
    comment.split(' ').filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_is_read_back_as_it_was_written() {
        let before = Before::from([(Sysctl::ForwardIpv4, 0), (Sysctl::MarkedSources, 2)]);
        let written = write_before(&before);
        assert_eq!(written, " net.ipv4.ip_forward=0 net.ipv4.conf.all.src_valid_mark=2");
        assert_eq!(read_before(&written), before);
        assert_eq!(read_before("nanami net.ipv4.ip_forward=yes kernel.x=1 =1 net.ipv4.ip_forward"), Before::new());
    }
}

//! Which of the kernel's offloads a device uses, and which of them a kernel gets wrong.
//!
//! An offload lets one system call carry many packets. Each can be switched off by itself; what a kernel refuses while a
//! device runs goes packet by packet without being told ([`Tun`](super::tun::Tun), [`Sockets`](super::udp::Sockets)).

use std::fmt;
use std::str::FromStr;

/// One of the kernel's offloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Offload {
    /// `tun`: all of the interface's.
    Tun,
    /// `tun-udp`: the interface hands over and takes joined UDP datagrams, not only joined TCP segments (USO).
    TunUdp,
    /// `udp-gso`: the socket takes many datagrams at once.
    UdpGso,
    /// `udp-gro`: the socket hands over many datagrams at once.
    UdpGro,
}

/// The offloads that are used.
///
/// ```
/// use nanami_tunnel::device::{Offload, Offloads};
///
/// let offloads: Offloads = "no-udp-gso,no-tun-udp".parse()?;
/// assert!(offloads.has(Offload::Tun) && !offloads.has(Offload::UdpGso));
/// assert_eq!("off".parse(), Ok(Offloads::NONE));
/// # Ok::<(), nanami_tunnel::device::ParseOffloadsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offloads {
    tun: bool,
    tun_udp: bool,
    udp_gso: bool,
    udp_gro: bool,
}

/// Why a text does not say which offloads are used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{word:?} switches no offload off: write `off`, or some of no-tun, no-tun-udp, no-udp-gso, no-udp-gro with commas"
)]
pub struct ParseOffloadsError {
    word: String,
}

impl Offload {
    const EACH: [Self; 4] = [Self::Tun, Self::TunUdp, Self::UdpGso, Self::UdpGro];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tun => "tun",
            Self::TunUdp => "tun-udp",
            Self::UdpGso => "udp-gso",
            Self::UdpGro => "udp-gro",
        }
    }
}

impl Offloads {
    /// Every one.
    pub const ALL: Self = Self { tun: true, tun_udp: true, udp_gso: true, udp_gro: true };
    /// None: each system call carries one packet.
    pub const NONE: Self = Self { tun: false, tun_udp: false, udp_gso: false, udp_gro: false };

    /// All but this one.
    pub const fn without(mut self, offload: Offload) -> Self {
        match offload {
            Offload::Tun => (self.tun, self.tun_udp) = (false, false),
            Offload::TunUdp => self.tun_udp = false,
            Offload::UdpGso => self.udp_gso = false,
            Offload::UdpGro => self.udp_gro = false,
        }
        self
    }

    /// Whether this one is used.
    pub const fn has(self, offload: Offload) -> bool {
        match offload {
            Offload::Tun => self.tun,
            Offload::TunUdp => self.tun_udp,
            Offload::UdpGso => self.udp_gso,
            Offload::UdpGro => self.udp_gro,
        }
    }

    /// Those that a kernel of this release (`uname -r`) is not known to get wrong.
    ///
    /// Up to 6.8.4 VXLAN inside joined UDP datagrams is lost (tailscale/tailscale#11026). From 7.0 to 7.1.4 the last datagram of
    /// many is mangled on its way to some network cards (tailscale/tailscale#19777), and nobody can tell which.
    pub fn of_kernel(release: &str) -> Self {
        let version = version(release);
        let mut offloads = Self::ALL;
        if version < (6, 8, 5) {
            offloads = offloads.without(Offload::TunUdp);
        }
        if ((7, 0, 0)..=(7, 1, 4)).contains(&version) {
            offloads = offloads.without(Offload::UdpGso);
        }
        offloads
    }

    /// Those of the kernel that runs.
    pub fn of_this_kernel() -> Self {
        Self::of_kernel(&rustix::system::uname().release().to_string_lossy())
    }
}

/// A number that is absent, or none, is 0.
fn version(release: &str) -> (u32, u32, u32) {
    let numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    let mut numbers = numbers.take(3);
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

impl Default for Offloads {
    /// [`Offloads::of_this_kernel`].
    fn default() -> Self {
        Self::of_this_kernel()
    }
}

impl FromStr for Offloads {
    type Err = ParseOffloadsError;

    /// Reads `off`, or names of those that are off, each behind `no-`; they are off beside those that this kernel gets wrong.
    fn from_str(text: &str) -> Result<Self, ParseOffloadsError> {
        if text == "off" {
            return Ok(Self::NONE);
        }
        text.split(',').filter(|word| !word.is_empty()).try_fold(Self::of_this_kernel(), |offloads, word| {
            let off = Offload::EACH.into_iter().find(|offload| word.strip_prefix("no-") == Some(offload.name()));
            off.map(|off| offloads.without(off)).ok_or_else(|| ParseOffloadsError { word: word.to_owned() })
        })
    }
}

impl fmt::Display for Offloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used: Vec<_> = Offload::EACH.into_iter().filter(|offload| self.has(*offload)).map(Offload::name).collect();
        f.write_str(if used.is_empty() { "none" } else { "" })?;
        f.write_str(&used.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_that_get_an_offload_wrong_go_without_it() {
        let lacks = |release: &str| {
            let offloads = Offloads::of_kernel(release);
            Offload::EACH.into_iter().filter(|offload| !offloads.has(*offload)).map(Offload::name).collect::<Vec<_>>()
        };
        for release in ["5.10.0-32-cloud-amd64", "6.8.4", "6.8", "6.1.0-13"] {
            assert_eq!(lacks(release), ["tun-udp"], "{release}");
        }
        for release in ["6.8.5-060805-generic", "6.18.44", "7.1.5", "7.2.0-rc1", "10.0"] {
            assert!(lacks(release).is_empty(), "{release}");
        }
        for release in ["7.0.2-6-pve", "7.0-rc1", "7.1.4"] {
            assert_eq!(lacks(release), ["udp-gso"], "{release}");
        }
        assert_eq!(lacks("of my own"), ["tun-udp"], "what says nothing is taken for old");
    }

    #[test]
    fn each_is_switched_off_by_its_name_and_another_word_is_named() {
        let offloads: Offloads = "no-udp-gro,no-tun".parse().unwrap();
        let left = Offloads::of_this_kernel().without(Offload::Tun).without(Offload::UdpGro);
        assert_eq!((offloads, "".parse()), (left, Ok(Offloads::of_this_kernel())));
        assert_eq!(Offloads::ALL.to_string(), "tun, tun-udp, udp-gso, udp-gro");
        assert_eq!(Offloads::NONE.to_string(), "none");
        for wrong in ["on", "no-", "udp-gso", "no-gso", "no-tun no-udp-gso"] {
            let error = wrong.parse::<Offloads>().unwrap_err();
            assert!(error.to_string().contains(&format!("{wrong:?}")), "{error}");
        }
    }
}

//! Error numbers, as both ends of the control socket exchange them.
//!
//! **Invariant**: never 0, which says that nothing went wrong; held positive, and written negative, which is what `wg` reads
//! after a `set`.

use std::fmt;
use std::io;

/// Why a request was refused, as a number of the operating system: positive, such as 98 for an address in use.
#[derive(Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", io::Error::from_raw_os_error(*.0))]
pub struct Errno(i32);

impl Errno {
    /// A value that is no value of its key, or a key that does not exist (`EINVAL`).
    pub const INVALID: Self = Self::of(rustix::io::Errno::INVAL);
    /// A line that is not `key=value`, or a request cut short (`EPROTO`).
    pub const PROTOCOL: Self = Self::of(rustix::io::Errno::PROTO);
    /// An operation that is neither `get=1` nor `set=1` (`EOPNOTSUPP`).
    pub const UNKNOWN_OPERATION: Self = Self::of(rustix::io::Errno::OPNOTSUPP);
    /// A version of the WireGuard protocol other than 1 (`EPFNOSUPPORT`).
    pub const UNKNOWN_VERSION: Self = Self::of(rustix::io::Errno::PFNOSUPPORT);
    /// A public key that is one of the low-order points, all zeros among them (`EKEYREJECTED`; `EINVAL` where that is unknown).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub const KEY_REJECTED: Self = Self::of(rustix::io::Errno::KEYREJECTED);
    /// A public key that is one of the low-order points, all zeros among them (`EKEYREJECTED`; `EINVAL` where that is unknown).
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub const KEY_REJECTED: Self = Self::INVALID;
    /// A line or a request beyond the bounds (`EMSGSIZE`).
    pub const TOO_LONG: Self = Self::of(rustix::io::Errno::MSGSIZE);
    /// A port that somebody else listens on (`EADDRINUSE`).
    pub const IN_USE: Self = Self::of(rustix::io::Errno::ADDRINUSE);
    /// Something below failed, without a number of its own (`EIO`).
    pub const IO: Self = Self::of(rustix::io::Errno::IO);

    const fn of(errno: rustix::io::Errno) -> Self {
        Self(errno.raw_os_error())
    }

    /// The error with this number, whatever its sign; `None` for 0, and for what no operating system's number is.
    pub fn new(number: i64) -> Option<Self> {
        i32::try_from(number.unsigned_abs()).ok().filter(|number| *number != 0).map(Self)
    }

    /// The number, positive.
    pub fn number(&self) -> i32 {
        self.0
    }
}

/// The operating system's number of an error, or [`Errno::IO`] if it has none.
impl From<&io::Error> for Errno {
    fn from(error: &io::Error) -> Self {
        error.raw_os_error().and_then(|number| Self::new(number.into())).unwrap_or(Self::IO)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Errno({}: {self})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errno_is_never_zero_and_has_no_sign() {
        assert_eq!(Errno::new(0), None);
        assert_eq!(Errno::new(i64::MIN), None);
        assert_eq!((Errno::new(-98), Errno::new(98)), (Some(Errno::IN_USE), Some(Errno::IN_USE)));
        assert_eq!(Errno::from(&io::Error::from_raw_os_error(98)), Errno::IN_USE);
        assert_eq!(Errno::from(&io::Error::other("made up")), Errno::IO);
    }
}

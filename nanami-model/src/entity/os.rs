//! Operating systems, as agents report them.

use super::words::words;

/// The operating system of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Os {
    /// Android.
    Android,
    /// FreeBSD.
    Freebsd,
    /// iOS and iPadOS.
    Ios,
    /// Linux, whatever the distribution.
    Linux,
    /// macOS.
    Macos,
    /// Windows.
    Windows,
}

words!(
    Os, "operating system":
    Android = "android", Freebsd = "freebsd", Ios = "ios", Linux = "linux", Macos = "macos", Windows = "windows",
);

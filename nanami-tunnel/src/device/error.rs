//! Why a device does not start.

use std::io;

use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, socket};

/// Why a device does not start. Nothing of it is left behind then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The name cannot be one of an interface.
    #[error(
        "{name:?} cannot be the name of an interface: 1 to 15 visible ASCII characters, none of them `/`, `:` or `%`"
    )]
    Name {
        /// What was asked for.
        name: String,
    },
    /// This program may not make an interface.
    #[error("making the interface {name} is not permitted: run as root, or with CAP_NET_ADMIN")]
    NotPermitted {
        /// What was asked for.
        name: String,
    },
    /// There is no TUN driver.
    #[error("this system has no TUN driver: load it with `modprobe tun`, or give the container /dev/net/tun")]
    NoTun,
    /// The name is taken.
    #[error("there is an interface {name} already: choose another name, or remove it with `ip link delete {name}`")]
    InUse {
        /// What was asked for.
        name: String,
    },
    /// The operating system refuses for another reason.
    #[error("making the interface {name}")]
    Unavailable {
        /// What was asked for.
        name: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl DeviceError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "host.interface_name",
            Self::NotPermitted { .. } => "host.not_permitted",
            Self::NoTun => "host.no_tun",
            Self::InUse { .. } => "host.interface_in_use",
            Self::Unavailable { .. } => "host.unavailable",
        }
    }

    pub(super) fn of(name: &str, source: io::Error) -> Self {
        let name = name.to_owned();
        match source.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::PERM | rustix::io::Errno::ACCESS) => Self::NotPermitted { name },
            Some(rustix::io::Errno::NOENT | rustix::io::Errno::NODEV | rustix::io::Errno::NXIO) => Self::NoTun,
            Some(rustix::io::Errno::BUSY | rustix::io::Errno::EXIST) => Self::InUse { name },
            // What the TUN driver says about interfaces that are not its own.
            Some(rustix::io::Errno::INVAL) if is_there(&name) => Self::InUse { name },
            _ => Self::Unavailable { name, source },
        }
    }
}

fn is_there(name: &str) -> bool {
    let asked = socket(AddressFamily::INET, SocketType::DGRAM, None);
    asked.and_then(|socket| name_to_index(&socket, name)).is_ok()
}

//! Why a host is not brought to what it should be.

use std::net::IpAddr;

use nanami_model::Cidr;

use crate::device::DeviceError;

/// Why a host is not brought to what it should be. What was done before is taken back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The name cannot be one of an interface here.
    #[error("{name:?} cannot be the name of an interface here: 1 to 15 letters, digits, `-`, `_` or `.`")]
    Name {
        /// What was asked for.
        name: String,
    },
    /// The interface cannot be made.
    #[error(transparent)]
    Interface(#[from] DeviceError),
    /// The host has the address already.
    #[error(
        "{address}, which {name} should have, is an address of {by} already: remove it with `ip address del {address} dev {by}`, or give the peer another address"
    )]
    AddressTaken {
        /// Our interface.
        name: String,
        /// The address.
        address: IpAddr,
        /// The interface that has it.
        by: String,
    },
    /// Somebody else uses the routing table.
    #[error(
        "routing table {table}, which {name} should have, holds somebody else's route to {prefix}: choose another table, or remove the route with `ip route del {prefix} table {table}`"
    )]
    TableTaken {
        /// Our interface.
        name: String,
        /// The number of the table.
        table: u32,
        /// One of the routes.
        prefix: Cidr,
    },
    /// What the host is like cannot be read.
    #[error("reading {what} of this host")]
    Look {
        /// What is read.
        what: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A step is refused.
    #[error("cannot `{step}`{remedy}")]
    Step {
        /// The command that would do the same; of a table its first line.
        step: String,
        /// What to do, as the end of the sentence; empty when nothing is known.
        remedy: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl HostError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "host.interface_name",
            Self::Interface(error) => error.code(),
            Self::AddressTaken { .. } => "host.address_taken",
            Self::TableTaken { .. } => "host.table_taken",
            Self::Look { .. } => "host.unavailable",
            Self::Step { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => "host.not_permitted",
            Self::Step { .. } => "host.step",
        }
    }
}

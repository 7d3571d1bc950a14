//! How an interface stands on its host.

use std::net::SocketAddr;

use super::HostError;
use crate::device::Offloads;

/// How an interface stands on its host: its name, its routing table, and what the map does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostOptions {
    pub(super) name: String,
    pub(super) table: u32,
    pub(super) direct: Vec<SocketAddr>,
    pub(super) offloads: Offloads,
}

impl HostOptions {
    /// An interface of this name: 1 to 15 letters, digits, `-`, `_` and `.`, because the name also stands in texts for nft.
    ///
    /// # Errors
    /// [`HostError::Name`].
    pub fn named(name: &str) -> Result<Self, HostError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !crate::interface_name::is_interface_name(name) || !name.bytes().all(is_plain) {
            return Err(HostError::Name { name: name.to_owned() });
        }
        Ok(Self { name: name.to_owned(), table: table_of(name), direct: Vec::new(), offloads: Offloads::default() })
    }

    /// Sets the number of the routing table that holds the interface's routes. By default it follows from the name, so that
    /// the next process finds what one that was killed has left.
    pub fn with_table(self, table: u32) -> Self {
        Self { table, ..self }
    }

    /// TCP to these addresses never enters the tunnel, whatever its routes cover: where control listens.
    pub fn with_direct(self, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self { direct: addresses.into_iter().collect(), ..self }
    }

    /// Sets which of the kernel's offloads the interface and the tunnel's sockets use; if nothing is said, those that this kernel
    /// gets right.
    pub fn with_offloads(self, offloads: Offloads) -> Self {
        Self { offloads, ..self }
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A table of its own for each name: the kernel's numbers have 32 bits, and people use small ones.
fn table_of(name: &str) -> u32 {
    let [a, b, c, ..] = *blake3::hash(name.as_bytes()).as_bytes();
    u32::from_be_bytes([TABLES, a, b, c])
}

/// The first byte of our tables' numbers: `N`.
const TABLES: u8 = 0x4e;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_say_something_to_nft_is_refused() {
        for bad in ["", "a\"b", "wg*", "a{b", "a;b", "sixteen-letters-", "a b", "\\a"] {
            let error = HostOptions::named(bad).unwrap_err();
            assert!(matches!(&error, HostError::Name { name } if name == bad), "{error}");
        }
        assert_eq!(HostOptions::named("nanami-0.7_x").unwrap().name(), "nanami-0.7_x");
    }

    #[test]
    fn a_name_always_has_the_same_table_and_another_name_another_one() {
        let table = |name| HostOptions::named(name).unwrap().table;
        assert_eq!(table("nanami0"), table("nanami0"));
        assert_ne!(table("nanami0"), table("nanami1"));
        assert_eq!(table("nanami0") >> 24, 0x4e);
    }
}

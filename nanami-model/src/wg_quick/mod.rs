//! `wg-quick` files: read strictly, printed without commands, imported into a workspace, exported for plain devices.
//!
//! **Invariants**: what is read prints as a text that reads as the same. Commands (`PostUp` and its kin) are recognised, never kept,
//! run or printed. Secrets print as `…` unless somebody asks for the text that has them. Every text that is printed is read by
//! `wg-quick strip` and by `wg` as what was meant. Sources: wg(8), wg-quick(8).
//!
//! ```
//! use nanami_model::wg_quick::WgQuick;
//!
//! let text = "\
//! [Interface]
//! PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
//! Address = 10.42.0.7/24
//! [Peer]
//! PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
//! AllowedIPs = 10.42.0.0/24, 10.60.0.0/16
//! Endpoint = vpn.example.org:51820
//! ";
//! let config: WgQuick = text.parse()?;
//! assert!(!format!("{config:?}").contains("yAnz5TF"));
//! assert_eq!(config.expose().parse::<WgQuick>()?, config);
//! let (key, map) = config.into_parts()?; // what a tunnel runs
//! assert_eq!(map.neighbors().len(), 1);
//!
//! let errors = text.replace("10.42.0.0/24", "10.42.0.7/24").parse::<WgQuick>().unwrap_err();
//! assert_eq!(
//!     errors.to_string(),
//!     "6:14: AllowedIPs: the address has bits beyond the length; the range itself is 10.42.0.0/24 [value.cidr.host_bits]\n\
//!      \x20 help: write ranges such as 10.42.0.7/32, several with commas"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod error;
mod export;
mod folder;
mod hook;
mod import;
mod parts;
mod print;
mod read;
mod section;
mod value;

pub use address::InterfaceAddress;
pub use error::{WgQuickError, WgQuickErrors, WgQuickProblem};
pub use export::Export;
pub use folder::{FolderErrors, read_files};
pub use hook::{Hook, Moment, Purpose};
pub use import::{Certainty, Dropped, Guess, Imported, Source, import};
pub use parts::NotRunnable;
pub use section::{InterfaceSection, PeerSection, Table};

/// One `wg-quick` file: an interface and its peers. `FromStr` reads it, [`WgQuick::expose`] prints it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WgQuick {
    interface: InterfaceSection,
    peers: Vec<PeerSection>,
}

impl WgQuick {
    /// What the device is.
    pub fn interface(&self) -> &InterfaceSection {
        &self.interface
    }

    /// Whom it knows, in the order of the file.
    pub fn peers(&self) -> &[PeerSection] {
        &self.peers
    }

    /// The same without hooks, which is what its printed text reads as.
    pub fn without_hooks(mut self) -> Self {
        self.interface.hooks.clear();
        self
    }
}

#[cfg(test)]
mod tests;

//! Where the control socket of an interface is.

use std::path::{Path, PathBuf};

use crate::interface_name::is_interface_name;

/// Where `wg` and every userspace implementation look.
pub(super) const DIRECTORY: &str = "/var/run/wireguard";

/// The control socket of this interface, where `wg` and every userspace implementation look; `None` if no interface can have
/// this name, which thus never leads out of that directory.
pub fn socket_path(interface: &str) -> Option<PathBuf> {
    socket_path_in(DIRECTORY.as_ref(), interface)
}

/// The same, in another directory.
pub(super) fn socket_path_in(directory: &Path, interface: &str) -> Option<PathBuf> {
    is_interface_name(interface).then(|| directory.join(format!("{interface}.sock")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leads_out_of_the_directory() {
        assert_eq!(socket_path("wg0"), Some("/var/run/wireguard/wg0.sock".into()));
        assert_eq!(socket_path("../wg0"), None);
    }
}

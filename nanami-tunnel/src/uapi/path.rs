//! Where the control socket of an interface is.
//!
//! **Invariant**: a name of an interface never leads out of the directory.

use std::path::{Path, PathBuf};

/// Where `wg` and every userspace implementation look.
pub(super) const DIRECTORY: &str = "/var/run/wireguard";

/// The socket of this interface; `None` if no interface can have this name.
pub(super) fn socket_path(directory: &Path, interface: &str) -> Option<PathBuf> {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'/';
    let is_name = (1..=MAX_NAME_BYTES).contains(&interface.len()) && interface.bytes().all(allowed);
    (is_name && ![".", ".."].contains(&interface)).then(|| directory.join(format!("{interface}.sock")))
}

/// Linux's `IFNAMSIZ`, without the zero at its end.
const MAX_NAME_BYTES: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leads_out_of_the_directory() {
        let path = |name| socket_path(Path::new(DIRECTORY), name);
        assert_eq!(path("wg0"), Some("/var/run/wireguard/wg0.sock".into()));
        assert_eq!(path("fifteen-letters"), Some("/var/run/wireguard/fifteen-letters.sock".into()));
        for bad in ["", ".", "..", "../wg0", "a/b", "sixteen-letters-", "wg 0", "wg\n0", "wg\0", "wgß"] {
            assert_eq!(path(bad), None, "{bad:?}");
        }
    }
}

//! What a file says that has no place in a workspace: host settings, commands, secrets.

use super::Notes;
use super::report::Source;
use crate::name::Name;
use crate::wg_quick::{Purpose, Table, WgQuick};

pub(super) fn everything_else(files: &[(Name, WgQuick)], notes: &mut Notes) {
    for (file, config) in files {
        interface(file, config, notes);
        for section in config.peers() {
            let source = || Source { file: file.clone(), line: section.line() };
            if section.preshared_key().is_some() {
                notes.drop("PresharedKey", "a secret stays on its devices; tunnels do not support it yet", source());
            }
            if let Some(endpoint) = section.endpoint() {
                let why = "agents report where they are reached; until then write it into the gateway's own settings";
                notes.drop(format!("Endpoint {endpoint}"), why, source());
            }
            if section.keepalive_seconds().is_some() {
                notes.drop("PersistentKeepalive", "a plan sets it where a tunnel needs it", source());
            }
        }
    }
}

fn interface(file: &Name, config: &WgQuick, notes: &mut Notes) {
    let interface = config.interface();
    let source = |line| Source { file: file.clone(), line };
    let said = [
        ("ListenPort", interface.listen_port().is_some(), "a node takes a port when it starts; say it there"),
        ("DNS", !interface.dns().is_empty(), "resolvers are the host's own settings"),
        ("MTU", interface.mtu().is_some(), "a node finds it out"),
        ("Table", interface.table() != Table::Auto, "routes of the host are the node's own settings"),
        ("FwMark", interface.firewall_mark().is_some(), "marks are the host's own settings"),
        ("SaveConfig", interface.save_config(), "nothing writes into these files"),
    ];
    for (what, _, why) in said.into_iter().filter(|(_, is_said, _)| *is_said) {
        notes.drop(what, why, source(interface.line()));
    }
    for hook in interface.hooks() {
        let why = match hook.purpose() {
            Purpose::Forwarding => "WARNING: no command is kept or run; it was read as a sign of forwarding",
            Purpose::Masquerade => "WARNING: no command is kept or run; it was read as a sign of forwarding with SNAT",
            Purpose::Other => "WARNING: no command is kept or run; see to it yourself that nothing is missed",
        };
        notes.drop(hook.moment().key(), why, source(hook.line()));
    }
}

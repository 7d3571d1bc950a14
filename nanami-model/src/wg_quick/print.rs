//! Prints a configuration: one key a line, in a fixed order, with nothing that was not read into a type (SEC-22).

use std::fmt;

use super::WgQuick;
use super::section::{InterfaceSection, PeerSection, Table};
use crate::secret::Exposed;

impl WgQuick {
    /// The text with all secrets, for a file that only its owner may read. Hooks are left out: no command is ever printed.
    pub fn expose(&self) -> Exposed {
        // Measured first, so that the text never moves and leaves a copy behind.
        let mut counter = Counter(0);
        write(self, &mut counter).expect("counting never fails");
        let mut text = String::with_capacity(counter.0);
        write(self, &mut text).expect("a string takes everything");
        Exposed::new(text)
    }
}

struct Counter(usize);

impl fmt::Write for Counter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

fn write(config: &WgQuick, out: &mut impl fmt::Write) -> fmt::Result {
    interface(&config.interface, out)?;
    config.peers.iter().try_for_each(|section| peer(section, out))
}

fn interface(section: &InterfaceSection, out: &mut impl fmt::Write) -> fmt::Result {
    out.write_str("[Interface]\n")?;
    if let Some(key) = &section.private_key {
        writeln!(out, "PrivateKey = {}", &*key.expose_text())?;
    }
    list(out, "Address", &section.addresses)?;
    line(out, "ListenPort", section.listen_port)?;
    if !section.dns.is_empty() {
        let plain = section.dns.iter().map(|host| match host {
            crate::Host::Address(address) => address.to_string(),
            crate::Host::Name(name) => name.to_string(),
        });
        list(out, "DNS", &plain.collect::<Vec<_>>())?;
    }
    line(out, "MTU", section.mtu)?;
    match section.table {
        Table::Auto => {}
        Table::Off => out.write_str("Table = off\n")?,
        Table::Number(number) => writeln!(out, "Table = {number}")?,
    }
    if let Some(mark) = section.firewall_mark {
        writeln!(out, "FwMark = 0x{mark:x}")?;
    }
    if section.save_config {
        out.write_str("SaveConfig = true\n")?;
    }
    Ok(())
}

fn peer(section: &PeerSection, out: &mut impl fmt::Write) -> fmt::Result {
    write!(out, "\n[Peer]\nPublicKey = {}\n", section.public_key)?;
    if let Some(key) = &section.preshared_key {
        writeln!(out, "PresharedKey = {}", &*key.expose_text())?;
    }
    list(out, "AllowedIPs", section.allowed_ips.as_slice())?;
    line(out, "Endpoint", section.endpoint.as_ref())?;
    line(out, "PersistentKeepalive", section.keepalive)
}

fn line(out: &mut impl fmt::Write, key: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| writeln!(out, "{key} = {value}"))
}

/// Several values in one line; none, no line.
fn list(out: &mut impl fmt::Write, key: &str, values: &[impl fmt::Display]) -> fmt::Result {
    for (i, value) in values.iter().enumerate() {
        match i {
            0 => write!(out, "{key} = {value}")?,
            _ => write!(out, ", {value}")?,
        }
    }
    if values.is_empty() { Ok(()) } else { out.write_char('\n') }
}

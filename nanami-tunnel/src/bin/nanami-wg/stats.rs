//! What happened at an interface, for people: the answer of its socket, read and told.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use nanami_tunnel::uapi::socket_path;

use crate::failure::Failure;

/// Asks the process that serves this interface, and prints what it says.
pub(crate) fn show(name: &str) -> Result<(), Failure> {
    let Some(path) = socket_path(name) else {
        return Err(Failure::Usage(format!("{name:?} cannot be the name of an interface")));
    };
    let mut socket =
        UnixStream::connect(&path).map_err(|source| Failure::NotServed { name: name.to_owned(), source })?;
    socket.write_all(b"stats=1\n\n").map_err(Failure::at("asking"))?;
    let mut told = Told::default();
    for line in BufReader::new(socket).lines() {
        let line = line.map_err(Failure::at("reading the answer"))?;
        match line.split_once('=') {
            Some(("errno", "0")) => {
                print!("{}", told.text(name));
                return Ok(());
            }
            Some(("errno", _)) => return Err(Failure::Refused(name.to_owned())),
            Some((key, value)) => told.take(key, value),
            None => {}
        }
    }
    Err(Failure::Refused(name.to_owned()))
}

/// What was answered.
#[derive(Default)]
struct Told {
    dropped: Vec<String>,
    peers: Vec<Peer>,
}

#[derive(Default)]
struct Peer {
    key: String,
    endpoint: Option<String>,
    handshakes: u64,
    handshake_age_ms: Option<u64>,
    heard_age_ms: Option<u64>,
    rtt_us: Option<u64>,
    rx_bytes: u64,
    tx_bytes: u64,
}

impl Told {
    fn take(&mut self, key: &str, value: &str) {
        if let Some(reason) = key.strip_prefix("dropped_") {
            self.dropped.push(format!("{value} {}", reason.replace('_', " ")));
            return;
        }
        if key == "public_key" {
            self.peers.push(Peer { key: value.to_owned(), ..Peer::default() });
            return;
        }
        let Some(peer) = self.peers.last_mut() else { return };
        let number = value.parse().ok();
        match key {
            "endpoint" => peer.endpoint = Some(value.to_owned()),
            "handshakes" => peer.handshakes = number.unwrap_or_default(),
            "handshake_age_ms" => peer.handshake_age_ms = number,
            "heard_age_ms" => peer.heard_age_ms = number,
            "rtt_us" => peer.rtt_us = number,
            "rx_bytes" => peer.rx_bytes = number.unwrap_or_default(),
            "tx_bytes" => peer.tx_bytes = number.unwrap_or_default(),
            // A newer one says more.
            _ => {}
        }
    }

    fn text(&self, name: &str) -> String {
        let mut text = format!("interface: {name}\n");
        let dropped = if self.dropped.is_empty() { "nothing".to_owned() } else { self.dropped.join(", ") };
        let _ = writeln!(text, "  dropped: {dropped}");
        for peer in &self.peers {
            peer.tell(&mut text);
        }
        text
    }
}

impl Peer {
    fn tell(&self, text: &mut String) {
        let known = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
        let handshake = match self.handshake_age_ms {
            Some(age) => format!("{}, {} in all", ago(age), self.handshakes),
            None => "never".to_owned(),
        };
        let rtt = known(self.rtt_us.map(|us| format!("{}.{:03} ms", us / 1000, us % 1000)));
        let heard = self.heard_age_ms.map_or_else(|| "never".to_owned(), ago);
        let _ = write!(
            text,
            "\npeer: {}\n  endpoint: {}\n  handshake: {handshake}\n  heard: {heard}\n  round trip: {rtt}\n  \
             transfer: {} received, {} sent\n",
            self.key,
            known(self.endpoint.clone()),
            bytes(self.rx_bytes),
            bytes(self.tx_bytes)
        );
    }
}

fn ago(ms: u64) -> String {
    match ms / 1000 {
        0 => "now".to_owned(),
        s @ 1..60 => format!("{s} s ago"),
        s @ 60..3600 => format!("{} min {} s ago", s / 60, s % 60),
        s => format!("{} h {} min ago", s / 3600, s / 60 % 60),
    }
}

fn bytes(count: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let Some(place) = (0..units.len()).rev().find(|place| count >> (10 * (place + 1)) > 0) else {
        return format!("{count} B");
    };
    let tenths = u128::from(count) * 10 / (1u128 << (10 * (place + 1)));
    format!("{}.{} {}", tenths / 10, tenths % 10, units[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read_by_people() {
        let mut told = Told::default();
        let lines = [
            ("dropped_no_route", "3"),
            ("dropped_source_mismatch", "1"),
            ("public_key", "abc="),
            ("endpoint", "[fd77::2]:51820"),
            ("handshakes", "2"),
            ("handshake_age_ms", "61000"),
            ("heard_age_ms", "300"),
            ("rtt_us", "1234"),
            ("rx_bytes", "1572864"),
            ("tx_bytes", "17"),
            ("of_another_day", "1"),
            ("public_key", "def="),
            ("handshakes", "0"),
        ];
        lines.iter().for_each(|(key, value)| told.take(key, value));
        let expected = "interface: wg0
  dropped: 3 no route, 1 source mismatch

peer: abc=
  endpoint: [fd77::2]:51820
  handshake: 1 min 1 s ago, 2 in all
  heard: now
  round trip: 1.234 ms
  transfer: 1.5 MiB received, 17 B sent

peer: def=
  endpoint: unknown
  handshake: never
  heard: never
  round trip: unknown
  transfer: 0 B received, 0 B sent
";
        assert_eq!(told.text("wg0"), expected);
    }
}

//! Limited-mode files against the real `wg-quick strip` and the real `wg`, which nobody here wrote.
//!
//! Needs root (`wg-quick` asks for it), `wg-quick` and `wg`, hence `#[ignore]`: run with `-- --ignored`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test, with files for the real programs"
)]

use std::fs;
use std::process::Command;

use nanami_model::wg_quick::{Export, WgQuick};
use nanami_model::{Host, Mtu, PrivateKey, name};

fn exports() -> Vec<Export> {
    let address = |text: &str| text.parse().unwrap();
    let gateway = PrivateKey::from_bytes([1; 32]).public();
    let export = |addresses: &[&str], allowed: &str| {
        let addresses = addresses.iter().map(|text| address(text)).collect::<Vec<_>>();
        Export::new(name!("phone"), addresses, name!("us-east"), gateway, allowed.parse().unwrap())
    };
    let full = export(&["10.42.0.9", "fd42::9"], "0.0.0.0/0, 10.42.0.0/16, 10.42.0.5/32, ::/0, fd42::/48")
        .with_endpoint("us-east.example.org:51820".parse().unwrap())
        .with_keepalive(std::time::Duration::from_secs(25))
        .with_dns([Host::Address(address("10.42.0.1")), Host::Name("acme.internal".parse().unwrap())])
        .with_mtu(Mtu::new(1380).unwrap());
    vec![
        export(&["10.42.0.9"], ""),
        export(&["fd42::9"], "fd42::/48").with_endpoint("[2001:db8::1]:1".parse().unwrap()),
        export(&[], "10.0.0.0/9, 10.128.0.0/9").with_endpoint("192.0.2.1:65535".parse().unwrap()),
        full,
    ]
}

/// What `wg-quick` hands to `wg`, of a file with this text.
fn strip(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("phone.conf");
    fs::write(&path, text).unwrap();
    let output = Command::new("wg-quick").arg("strip").arg(&path).output().expect("`wg-quick` runs");
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The lines that say something, as `wg` takes them apart.
fn said(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap().replace(' ', ""));
    lines.filter(|line| !line.is_empty()).collect()
}

#[test]
#[ignore = "needs root, wg-quick and wg"]
fn wg_quick_strip_takes_every_export_and_yields_what_was_written() {
    for export in exports() {
        for text in [export.to_string(), export.expose_with(&PrivateKey::from_bytes([2; 32])).to_string()] {
            let stripped = strip(&text);
            let own = ["Address=", "DNS=", "MTU="];
            let wanted: Vec<_> =
                said(&text).into_iter().filter(|line| !own.iter().any(|key| line.starts_with(key))).collect();
            assert_eq!(said(&stripped), wanted);
            // What is left reads as the same peers, and names no command.
            let read: WgQuick = stripped.parse().unwrap();
            assert_eq!(read.peers(), export.config().peers());
            assert!(read.interface().hooks().is_empty());
        }
    }
}

#[test]
#[ignore = "needs root, wg-quick and wg"]
fn wg_derives_the_public_keys_that_we_derive() {
    use std::io::Write as _;
    for n in 0..8u8 {
        let key = PrivateKey::from_bytes([n.wrapping_mul(37) ^ 0xa5; 32]);
        let mut wg = Command::new("wg")
            .arg("pubkey")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        wg.stdin.take().unwrap().write_all(key.expose_text().as_bytes()).unwrap();
        let output = wg.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), key.public().to_string());
    }
}

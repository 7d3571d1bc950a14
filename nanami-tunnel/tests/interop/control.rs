//! The real `wg` against our control socket, with an interface in memory behind it.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use nanami_model::PublicKey;
use nanami_tunnel::uapi::{Changes, Config, Device, Errno, InterfaceState, PeerConfig, PeerState, Server};

use super::common::{key, private};

/// An interface that remembers what it was told. Somebody else listens on port 53.
#[derive(Default)]
struct InMemory(Mutex<(Config, BTreeMap<PublicKey, SocketAddr>)>);

impl Device for InMemory {
    fn interface(&self) -> InterfaceState {
        let (config, _) = &*self.0.lock().unwrap();
        let private_key = config.private_key().cloned();
        InterfaceState { private_key, listen_port: config.listen_port(), fwmark: config.fwmark() }
    }

    fn peers(&self, after: Option<&PublicKey>, limit: usize) -> Vec<PeerState> {
        let (config, endpoints) = &*self.0.lock().unwrap();
        let state = |(key, peer): (PublicKey, &PeerConfig)| PeerState {
            preshared_key: peer.preshared_key.clone(),
            endpoint: endpoints.get(&key).copied(),
            keepalive: peer.keepalive,
            allowed_ips: config.allowed_ips(&key).collect(),
            ..PeerState::new(key)
        };
        config.peers(after).take(limit).map(state).collect()
    }

    fn change(&self, changes: Changes) -> Result<(), Errno> {
        if changes.listen_port == Some(53) {
            return Err(Errno::IN_USE);
        }
        let (config, endpoints) = &mut *self.0.lock().unwrap();
        let applied = config.apply(changes);
        endpoints.retain(|key, _| !applied.went.contains(key));
        endpoints.extend(applied.endpoints);
        Ok(())
    }
}

/// What `wg` prints, and whether it is content.
fn wg(arguments: &[&str], input: &str) -> (bool, String) {
    let mut wg = Command::new("wg");
    let wg = wg.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut wg = wg.spawn().unwrap();
    wg.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = wg.wait_with_output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(printed).unwrap())
}

fn done(arguments: &[&str], input: &str) -> String {
    let (content, printed) = wg(arguments, input);
    assert!(content, "wg {arguments:?}: {printed}");
    printed
}

/// `wg setconf`, `showconf`, `syncconf`, `set` and `show`, in a `/var/run/wireguard` that nobody else sees.
pub(crate) async fn wg_says_what_it_says_to_the_kernel() {
    std::fs::create_dir_all("/var/run/wireguard").unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "none", "/var/run/wireguard"]).status().unwrap();
    assert!(mounted.success());
    let device = Arc::new(InMemory::default());
    let server = Server::bind("nnmwg").unwrap();
    let path = server.path().to_owned();
    let serving = server.serve(device.clone()).unwrap();
    assert_eq!(done(&["show", "interfaces"], ""), "nnmwg\n");

    let own = private(0).expose_text();
    let mut keys = [1, 2].map(|n| key(n).to_string());
    keys.sort_by_key(|text| text.parse::<PublicKey>().unwrap());
    let [a, b] = &keys;
    let interface = format!("[Interface]\nListenPort = 51820\nFwMark = 0xca6c\nPrivateKey = {}\n", &*own);
    let one = format!(
        "\n[Peer]\nPublicKey = {a}\nPresharedKey = {}\nAllowedIPs = 10.42.0.2/32, fd42::2/128\nEndpoint = 192.0.2.1:51820\nPersistentKeepalive = 25\n",
        &*own
    );
    let two = format!("\n[Peer]\nPublicKey = {b}\nAllowedIPs = 10.42.0.3/32\nEndpoint = [fd00::1]:51820\n");
    let whole = format!("{interface}{one}{two}");
    done(&["setconf", "nnmwg", "/dev/stdin"], &whole);
    assert_eq!(done(&["showconf", "nnmwg"], "").trim(), whole.trim());

    // What is the same already changes nothing; who is not in the file goes, and a prefix moves.
    let before = device.0.lock().unwrap().0.clone();
    done(&["syncconf", "nnmwg", "/dev/stdin"], &whole);
    assert_eq!(device.0.lock().unwrap().0, before);
    let synced = format!("{interface}{}", one.replace("fd42::2/128", "10.42.0.3/32"));
    done(&["syncconf", "nnmwg", "/dev/stdin"], &synced);
    let held = device.0.lock().unwrap().0.clone();
    let ranges: Vec<_> = held.allowed_ips(&a.parse().unwrap()).map(|range| range.to_string()).collect();
    assert_eq!((held.peers(None).count(), ranges), (1, vec!["10.42.0.2/32".to_owned(), "10.42.0.3/32".to_owned()]));

    // One thing at a time, and a refusal in words.
    done(&["set", "nnmwg", "peer", b, "allowed-ips", "10.42.0.3/32", "persistent-keepalive", "off"], "");
    done(&["set", "nnmwg", "fwmark", "off", "peer", a, "preshared-key", "/dev/null"], "");
    assert_eq!(done(&["show", "nnmwg", "allowed-ips"], ""), format!("{a}\t10.42.0.2/32\n{b}\t10.42.0.3/32\n"));
    assert_eq!(done(&["show", "nnmwg", "preshared-keys"], ""), format!("{a}\t(none)\n{b}\t(none)\n"));
    assert_eq!(done(&["show", "nnmwg", "fwmark"], ""), "off\n");
    let (content, printed) = wg(&["set", "nnmwg", "listen-port", "53", "peer", a, "remove"], "");
    assert_eq!((content, printed.trim()), (false, "Unable to modify interface: Address already in use"));
    done(&["set", "nnmwg", "peer", a, "remove"], "");
    assert_eq!(done(&["show", "nnmwg", "peers"], ""), format!("{b}\n"));
    assert_eq!(done(&["show", "nnmwg", "listen-port"], ""), "51820\n");

    drop(serving);
    assert!(!path.exists());
    let (content, _) = wg(&["show", "nnmwg"], "");
    assert!(!content, "it is still there");
}

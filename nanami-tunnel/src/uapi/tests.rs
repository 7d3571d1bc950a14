//! The parts together: a device in memory, asked as a client asks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use nanami_model::{PrivateKey, PublicKey};

use super::device::answer;
use super::*;

mod reading;
mod reference;
mod table;

/// An interface that remembers what it was told, and for which one port is taken.
#[derive(Default)]
pub(super) struct InMemory {
    pub(super) config: Mutex<Config>,
    endpoints: Mutex<BTreeMap<PublicKey, SocketAddr>>,
}

/// Somebody else listens here.
const TAKEN: u16 = 53;

impl Device for InMemory {
    fn interface(&self) -> InterfaceState {
        let config = self.config.lock().unwrap();
        InterfaceState {
            private_key: config.private_key().cloned(),
            listen_port: config.listen_port(),
            fwmark: config.fwmark(),
        }
    }

    fn peers(&self, after: Option<&PublicKey>, limit: usize) -> Vec<PeerState> {
        let config = self.config.lock().unwrap();
        let state = |(key, peer): (PublicKey, &PeerConfig)| PeerState {
            preshared_key: peer.preshared_key.clone(),
            endpoint: self.endpoints.lock().unwrap().get(&key).copied(),
            keepalive: peer.keepalive,
            allowed_ips: config.allowed_ips(&key).collect(),
            ..PeerState::new(key)
        };
        config.peers(after).take(limit).map(state).collect()
    }

    fn change(&self, changes: Changes) -> Result<(), Errno> {
        if changes.listen_port == Some(TAKEN) {
            return Err(Errno::IN_USE);
        }
        let applied = self.config.lock().unwrap().apply(changes);
        let mut endpoints = self.endpoints.lock().unwrap();
        endpoints.retain(|key, _| !applied.went.contains(key));
        endpoints.extend(applied.endpoints);
        Ok(())
    }
}

fn private(n: u8) -> PrivateKey {
    PrivateKey::from_bytes([n; 32])
}

fn key(n: u8) -> PublicKey {
    private(n).public()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything that a connection with these bytes on it is answered.
fn answers(device: &dyn Device, mut input: &[u8]) -> Vec<u8> {
    let (mut reader, mut out) = (RequestReader::default(), Vec::new());
    while let Some(request) = reader.read(&mut input) {
        answer(device, request, &mut out).unwrap();
    }
    out
}

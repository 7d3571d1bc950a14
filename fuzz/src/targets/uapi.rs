//! Requests to the control socket, in one piece and in many, and what becomes of the interface behind it.

use std::sync::Mutex;

use nanami_model::{Generation, PublicKey};
use nanami_tunnel::uapi::{Changes, Config, Device, Errno, InterfaceState, PeerConfig, PeerState, Request};
use nanami_tunnel::uapi::{RequestReader, answer};

use super::Outcome;

/// An interface that remembers what it was told, but for endpoints.
#[derive(Default)]
struct InMemory(Mutex<Config>);

impl Device for InMemory {
    fn interface(&self) -> InterfaceState {
        let config = self.0.lock().expect("nobody panics");
        let private_key = config.private_key().cloned();
        InterfaceState { private_key, listen_port: config.listen_port(), fwmark: config.fwmark() }
    }

    fn peers(&self, after: Option<&PublicKey>, limit: usize) -> Vec<PeerState> {
        let config = self.0.lock().expect("nobody panics");
        let state = |(key, peer): (PublicKey, &PeerConfig)| {
            let mut state = PeerState::new(key);
            state.preshared_key.clone_from(&peer.preshared_key);
            state.keepalive = peer.keepalive;
            state.allowed_ips = config.allowed_ips(&key).collect();
            state
        };
        config.peers(after).take(limit).map(state).collect()
    }

    fn change(&self, changes: Changes) -> Result<(), Errno> {
        self.0.lock().expect("nobody panics").apply(changes);
        Ok(())
    }
}

pub(super) fn target(data: &[u8]) -> Outcome {
    // In one piece and byte by byte, the same requests come out.
    let whole = requests(std::iter::once(data));
    assert_eq!(whole, requests(data.chunks(1)), "pieces say something else");
    let device = InMemory::default();
    let mut outcome = Outcome::Refused;
    for request in whole {
        let before = told(&device);
        let refused = request.as_ref().is_err();
        if matches!(request, Ok(Request::Set(_))) {
            outcome = Outcome::Taken;
        }
        let mut answered = Vec::new();
        answer(&device, request, &mut answered).expect("memory takes everything");
        assert!(answered.ends_with(b"\n\n"), "an answer without end");
        assert!(!refused || told(&device) == before, "a refused request changed something");
    }
    // What is answered, read as a request, makes the same interface.
    let other = InMemory::default();
    let again = requests(std::iter::once(told(&device).as_bytes()));
    let [Ok(Request::Set(changes))] = &again[..] else { panic!("an answer that is no request: {again:?}") };
    other.change(changes.clone()).expect("it takes everything");
    let (config, again) = (device.0.lock().expect("nobody panics"), other.0.lock().expect("nobody panics"));
    assert_eq!(*config, *again);
    let map = config.to_map(Generation::default());
    for neighbor in map.neighbors() {
        assert_eq!(config.neighbor(&neighbor.key()).as_ref(), Some(neighbor));
    }
    outcome
}

fn requests<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Result<Request, nanami_tunnel::uapi::RequestError>> {
    let (mut reader, mut requests) = (RequestReader::default(), Vec::new());
    for mut piece in pieces {
        requests.extend(std::iter::from_fn(|| reader.read(&mut piece)));
    }
    requests
}

/// What the interface was told, as a request that tells another one the same.
fn told(device: &InMemory) -> String {
    let mut answered = Vec::new();
    answer(device, Ok(Request::Get), &mut answered).expect("memory takes everything");
    let answered = String::from_utf8(answered).expect("an answer is text");
    let counted = ["last_handshake_time_", "rx_bytes", "tx_bytes", "errno"];
    let lines = answered.lines().filter(|line| !counted.iter().any(|key| line.starts_with(key)));
    std::iter::once("set=1").chain(lines).map(|line| format!("{line}\n")).collect()
}

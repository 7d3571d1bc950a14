//! An interface that is configured through the standard control socket.
//!
//! **Invariants**: a request is applied whole or not at all: what may be refused, port and mark, comes first and is put
//! back; peers that a request does not name notice nothing.

use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use nanami_model::{Generation, NetworkMap, PublicKey};

use super::{Device, stats};
use crate::engine::{Link, lock};
use crate::uapi::{self, Applied, Changes, Config, Errno, InterfaceState, PeerState};

/// A [`Device`] and the configuration that `wg` gave it.
#[derive(Debug)]
pub struct Configured {
    device: Device,
    told: Mutex<Told>,
    /// The same moment by both clocks, so that what happened once is always said to have happened at the same time.
    started: (SystemTime, Instant),
}

/// What the interface was told so far.
#[derive(Debug, Default)]
struct Told {
    config: Config,
    generation: Generation,
}

impl Told {
    fn next_map(&mut self) -> NetworkMap {
        self.generation = self.generation.next();
        self.config.to_map(self.generation)
    }
}

impl Configured {
    /// The device, with an empty configuration.
    pub fn new(device: Device) -> Self {
        Self { device, told: Mutex::default(), started: (SystemTime::now(), Instant::now()) }
    }

    /// Readable when the interface went away by itself.
    pub fn ended(&self) -> BorrowedFd<'_> {
        self.device.ended()
    }

    /// Port and mark, which the operating system may refuse.
    fn bind(&self, config: &Config, changes: &Changes) -> io::Result<()> {
        let before = config.listen_port();
        if let Some(port) = changes.listen_port {
            self.device.listen(port)?;
        }
        let marked = changes.fwmark.map_or(Ok(()), |mark| self.device.set_mark(mark));
        if marked.is_err() && changes.listen_port.is_some() {
            // It listened there a moment ago; if somebody took the port meanwhile, there is nothing better to do.
            let _ = self.device.listen(before);
        }
        marked
    }

    fn enforce(&self, told: &mut Told, applied: &Applied) {
        if applied.private_key {
            self.device.set_private_key(told.config.private_key());
        }
        let preshared = applied.came.iter().chain(&applied.preshared_key);
        let preshared: Vec<_> =
            preshared.map(|key| (*key, told.config.peer(key).and_then(|peer| peer.preshared_key.clone()))).collect();
        let anew: Vec<_> = applied.went.iter().filter(|key| applied.came.binary_search(key).is_ok()).collect();
        let between = (!anew.is_empty()).then(|| without(told.next_map(), &anew));
        let after = applied.changes_map().then(|| told.next_map());
        self.device.control(|control, now| {
            let mut apply = |map: Option<NetworkMap>, preshared: Vec<_>| {
                control.handle_preshared_keys(now, preshared);
                if let Some(map) = map {
                    control.take_map(now, map).expect("each map is newer than the one before");
                }
            };
            apply(between, Vec::new());
            apply(after, preshared);
            for (key, endpoint) in &applied.endpoints {
                control.handle_endpoint(now, *key, *endpoint);
            }
        });
    }

    fn wall(&self, at: Instant) -> SystemTime {
        let (wall, instant) = self.started;
        wall + at.saturating_duration_since(instant)
    }

    fn state(&self, config: &Config, key: PublicKey, link: Option<Link>) -> PeerState {
        let told = config.peer(&key);
        PeerState {
            key,
            preshared_key: told.and_then(|peer| peer.preshared_key.clone()),
            endpoint: link.and_then(|link| link.endpoint),
            last_handshake: link.and_then(|link| link.last_handshake).map(|at| self.wall(at)),
            rx_bytes: link.map_or(0, |link| link.rx_datagram_bytes),
            tx_bytes: link.map_or(0, |link| link.tx_datagram_bytes),
            keepalive: told.map_or(0, |peer| peer.keepalive),
            allowed_ips: config.allowed_ips(&key).collect(),
        }
    }
}

fn without(map: NetworkMap, peers: &[&PublicKey]) -> NetworkMap {
    let (epoch, generation) = (map.epoch(), map.generation());
    let stay = map.neighbors().iter().filter(|neighbor| peers.binary_search(&&neighbor.key()).is_err()).cloned();
    NetworkMap::default().with_neighbors(stay).with_generation(epoch, generation)
}

impl uapi::Device for Configured {
    fn interface(&self) -> InterfaceState {
        let told = lock(&self.told);
        InterfaceState {
            private_key: told.config.private_key().cloned(),
            listen_port: self.device.port(),
            fwmark: told.config.fwmark(),
        }
    }

    fn peers(&self, after: Option<&PublicKey>, limit: usize) -> Vec<PeerState> {
        let told = lock(&self.told);
        let keys: Vec<_> = told.config.peers(after).take(limit).map(|(key, _)| key).collect();
        let links: Vec<_> = self.device.look(|control| keys.iter().map(|key| control.link(key)).collect());
        keys.into_iter().zip(links).map(|(key, link)| self.state(&told.config, key, link)).collect()
    }

    fn write_stats(&self, to: &mut dyn Write) -> io::Result<()> {
        let (counters, links) = self.device.look(|control| (control.counters(), control.links().collect::<Vec<_>>()));
        stats::write(Instant::now(), &counters, &links, to)
    }

    fn change(&self, changes: Changes) -> Result<(), Errno> {
        let mut told = lock(&self.told);
        self.bind(&told.config, &changes).map_err(|error| Errno::from(&error))?;
        let applied = told.config.apply(changes);
        self.enforce(&mut told, &applied);
        Ok(())
    }
}

//! Numbered datagrams at a steady pace in the background: what arrived, where, and what did not.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::lab::*;

/// Sends until it is stopped or dropped.
pub(crate) struct Sender {
    next: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sender {
    /// So many a second from this host, of a kilobyte each.
    pub(crate) fn start(host: &'static str, to: SocketAddr, a_second: u64) -> Self {
        let (next, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (number, stopped) = (next.clone(), stop.clone());
        let socket = on(host, || UdpSocket::bind(if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).unwrap());
        let thread = std::thread::spawn(move || {
            let start = Instant::now();
            let mut datagram = [0; 1000];
            while !stopped.load(Ordering::SeqCst) {
                while number.load(Ordering::SeqCst) < start.elapsed().as_micros() as u64 * a_second / 1_000_000 {
                    let n = number.fetch_add(1, Ordering::SeqCst);
                    datagram[..8].copy_from_slice(&n.to_be_bytes());
                    // Where nobody carries it, that is what the test wants to see.
                    let _ = socket.send_to(&datagram, to);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Self { next, stop, thread: Some(thread) }
    }

    /// This number and all above are sent from now on.
    pub(crate) fn next(&self) -> u64 {
        self.next.load(Ordering::SeqCst)
    }

    /// How many there were.
    pub(crate) fn stop(mut self) -> u64 {
        self.end();
        self.next()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.end();
    }
}

/// What arrived at one host.
pub(crate) struct Receiver {
    at: SocketAddr,
    arrived: Arc<Mutex<BTreeSet<u64>>>,
    stop: Arc<AtomicBool>,
}

impl Receiver {
    /// Listens on this address of this host; port 0 for any.
    pub(crate) fn start(host: &'static str, at: IpAddr, port: u16) -> Self {
        let socket = on(host, || UdpSocket::bind((at, port)).unwrap());
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let (arrived, stop) = (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(AtomicBool::new(false)));
        let (into, stopped, at) = (arrived.clone(), stop.clone(), socket.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut datagram = [0; 2000];
            while !stopped.load(Ordering::SeqCst) {
                let Ok((length, _)) = socket.recv_from(&mut datagram) else { continue };
                assert_eq!(length, 1000);
                let n = u64::from_be_bytes(datagram[..8].try_into().unwrap());
                assert!(into.lock().unwrap().insert(n), "{n} arrived twice");
            }
        });
        Self { at, arrived, stop }
    }

    pub(crate) fn at(&self) -> SocketAddr {
        self.at
    }

    pub(crate) fn arrived(&self) -> BTreeSet<u64> {
        self.arrived.lock().unwrap().clone()
    }

    pub(crate) fn count_from(&self, first: u64) -> usize {
        self.arrived.lock().unwrap().range(first..).count()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

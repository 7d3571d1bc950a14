//! A running tunnel: the engine on one UDP socket, on the caller's tokio runtime; where it has an interface of a Linux host, on
//! the threads of [`device`](crate::device).
//!
//! **Invariants**: no protocol decision is made here; nothing listens before [`Tunnel::start`]; when the last handle is
//! dropped, the socket closes and task and threads end, without a word to anybody.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use nanami_model::{Cidr, NetworkMap, PrivateKey, PublicKey};
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;
use tracing::{debug, warn};

use crate::engine::{Applied, Attempt, ControlHalf, Counters, Engine, Event, Link, MapError, Usage, lock};
use crate::interface::{Inside, Interface};
use crate::random;

mod buffers;
mod driving;
mod events;
mod options;
mod run;
mod socket;
#[cfg(all(feature = "os", target_os = "linux"))]
mod threads;

use driving::Driver;

pub use events::EventStream;
pub use options::{Sockets, StartError, TunnelOptions};

/// A tunnel that runs until it is stopped, or until its last handle is dropped.
///
/// ```no_run
/// # async fn example(map: nanami_model::NetworkMap) -> Result<(), Box<dyn std::error::Error>> {
/// use nanami_tunnel::{Netstack, Tunnel, TunnelOptions, generate_key};
///
/// let (net, interface) = Netstack::new();
/// let tunnel = Tunnel::start(generate_key()?, interface, &map, TunnelOptions::default()).await?;
/// let stream = net.dial(([10, 42, 0, 7], 80)).await?;
/// # Ok(()) }
/// ```
///
/// A plain `wg-quick` file runs as it is. A map names no endpoints; the caller resolves them, and says where peers may be reached:
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use nanami_model::wg_quick::WgQuick;
/// use nanami_tunnel::{Netstack, Tunnel, TunnelOptions};
///
/// let config: WgQuick = std::fs::read_to_string("wg0.conf")?.parse()?;
/// let endpoints: Vec<_> = config.endpoints().map(|(key, at)| (key, at.to_string())).collect();
/// let (key, map) = config.into_parts()?;
/// let (net, interface) = Netstack::new();
/// let tunnel = Tunnel::start(key, interface, &map, TunnelOptions::default()).await?;
/// for (key, at) in endpoints {
///     tunnel.hints(key, tokio::net::lookup_host(at).await?.collect());
/// }
/// let stream = net.dial(([10, 42, 0, 7], 80)).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Tunnel {
    handle: Arc<Handle>,
}

/// What all clones share; dropping it ends the task.
struct Handle {
    core: Arc<Core>,
    task: AbortHandle,
    ended: watch::Receiver<bool>,
}

/// What handle and driver share.
struct Core {
    control: Arc<Mutex<ControlHalf>>,
    /// Wakes the driver, when the control half was changed by somebody else.
    wake: Box<dyn Fn() + Send + Sync>,
    stop: watch::Sender<bool>,
    inside: Arc<dyn Inside>,
    /// The tunnel's addresses, for whoever stands at the other end of the interface.
    addresses: watch::Sender<Vec<IpAddr>>,
    events: broadcast::Sender<Event>,
    public: PublicKey,
    local: Mutex<SocketAddr>,
    /// The driver makes another socket.
    network_changed: AtomicBool,
    mark: u32,
    options: TunnelOptions,
}

impl Tunnel {
    /// Binds a socket, applies the map and runs.
    ///
    /// # Errors
    /// [`StartError`] if the socket cannot be bound or the operating system has no randomness.
    ///
    /// # Cancel safety
    /// Dropped before it completes, nothing has started.
    pub async fn start(
        key: PrivateKey,
        interface: Interface,
        map: &NetworkMap,
        options: TunnelOptions,
    ) -> Result<Self, StartError> {
        let Interface { crossing, inside, mark } = interface;
        let socket = socket::bind(&options, options.listen, mark)?;
        let local = socket.local_addr().map_err(StartError::Unavailable)?;
        let (now, public) = (Instant::now(), key.public());
        let engine = Engine::new(now, key, random::bytes().map_err(|error| StartError::Randomness(error.to_string()))?)
            .with_mtu(options.mtu);
        let (mut control, outbound, inbound) = engine.split();
        control.apply(now, map).map_err(StartError::Map)?;
        let (stop, stopping) = watch::channel(false);
        let (end, ended) = watch::channel(false);
        let driver = Driver::new(crossing);
        let core = Arc::new(Core {
            control: Arc::new(Mutex::new(control)),
            wake: driver.bell(),
            stop,
            inside,
            addresses: driver.addresses(),
            events: broadcast::Sender::new(options.buffers.events),
            public,
            local: Mutex::new(local),
            network_changed: AtomicBool::new(false),
            mark,
            options,
        });
        core.configure(map).map_err(StartError::Map)?;
        let driving = driver.start(&core, socket, (outbound, inbound)).map_err(StartError::Driver)?;
        let ending = core.clone();
        let task = tokio::spawn(async move {
            driving.until(stopping).await;
            ending.inside.ended();
            // Only a task that ends in order says so; `stop` on an aborted one finds the sender gone.
            end.send_replace(true);
        });
        Ok(Self { handle: Arc::new(Handle { core, task: task.abort_handle(), ended }) })
    }

    /// Enforces a map from now on; keypairs of neighbors that stay are kept.
    ///
    /// # Errors
    /// [`MapError`] if the map is older than the one that is held or contradicts it, or the tunnel was stopped.
    ///
    /// # Cancel safety
    /// Once polled, it has completed.
    pub async fn apply(&self, map: &NetworkMap) -> Result<Applied, MapError> {
        let core = &self.handle.core;
        if self.is_stopped() {
            return Err(MapError::Stopped);
        }
        let applied = lock(&core.control).apply(Instant::now(), map)?;
        (core.wake)();
        core.configure(map)?;
        Ok(applied)
    }

    /// Says where a neighbor may be reached, best first.
    pub fn hints(&self, key: PublicKey, hints: Vec<SocketAddr>) {
        self.change(|control, now| control.handle_hints(now, key, &hints));
    }

    /// Pins a neighbor to an address, where everything goes that is sent to it, whatever is heard from elsewhere; `None` follows
    /// it again.
    pub fn pin(&self, key: PublicKey, at: Option<SocketAddr>) {
        self.change(|control, now| control.handle_pin(now, key, at));
    }

    /// Measures the link to a neighbor at once; [`Tunnel::links`] shows the result when it is there.
    pub fn probe_now(&self, key: PublicKey) {
        self.change(|control, now| control.handle_probe(now, key));
    }

    /// The network under this host changed, for example from Wi-Fi to a mobile network: the tunnel has another socket from now
    /// on, and every neighbor that it speaks to is told at once, with a handshake, so that either end knows the way. A port that
    /// was asked for is kept if it can be. An interface of the host looks anew at what the host is attached to, and has no
    /// routes to there.
    pub fn network_changed(&self) {
        self.handle.core.inside.network_changed();
        self.handle.core.network_changed.store(true, Ordering::Release);
        (self.handle.core.wake)();
    }

    /// Nobody looks at this host, or somebody does again. Idle, links are not measured, so that no standby takes over; a neighbor
    /// that should be reachable and is not is tried once a minute. Traffic passes and keepalives go on as always: without
    /// keypairs and neighbors with a keepalive nothing wakes an idle tunnel.
    pub fn set_idle(&self, idle: bool) {
        self.change(|control, now| control.handle_idle(now, idle));
    }

    /// What happens from now on.
    pub fn events(&self) -> EventStream<Event> {
        EventStream::new(self.handle.core.events.subscribe())
    }

    /// What did not go through, by reason.
    pub fn counters(&self) -> Counters {
        lock(&self.handle.core.control).counters()
    }

    /// The links to all neighbors, by key.
    pub fn links(&self) -> Vec<Link> {
        lock(&self.handle.core.control).links().collect()
    }

    /// The prefixes that a standby carries now, each with that standby.
    pub fn owners(&self) -> Vec<(Cidr, PublicKey)> {
        lock(&self.handle.core.control).owners()
    }

    /// What policies carried, for each neighbor.
    pub fn usage(&self) -> Vec<Usage> {
        lock(&self.handle.core.control).usage()
    }

    /// What neighbors attempted and were refused.
    pub fn attempts(&self) -> Vec<Attempt> {
        lock(&self.handle.core.control).attempts()
    }

    /// The map that is enforced.
    pub fn map(&self) -> NetworkMap {
        lock(&self.handle.core.control).map().clone()
    }

    /// Who this end is on the wire.
    pub fn public_key(&self) -> PublicKey {
        self.handle.core.public
    }

    /// Where the socket listens.
    pub fn local_addr(&self) -> SocketAddr {
        *lock(&self.handle.core.local)
    }

    /// Ends in order: open sockets inside fail with `Stopped`, the UDP socket is closed when this returns. Again is harmless.
    ///
    /// # Cancel safety
    /// Once polled, the tunnel ends also when this is dropped.
    pub async fn stop(&self) {
        self.handle.core.stop.send_replace(true);
        let mut ended = self.handle.ended.clone();
        // An error says that the task is gone already, which is what was asked for.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    fn is_stopped(&self) -> bool {
        *self.handle.core.stop.borrow()
    }

    fn change(&self, change: impl FnOnce(&mut ControlHalf, Instant)) {
        change(&mut lock(&self.handle.core.control), Instant::now());
        (self.handle.core.wake)();
    }
}

impl Core {
    fn configure(&self, map: &NetworkMap) -> Result<(), MapError> {
        self.addresses.send_replace(map.addresses().to_vec());
        self.inside.configure(map, self.options.mtu)
    }

    /// Tells everybody what happened.
    fn tell(&self, event: Event) {
        debug!(?event, "event");
        if let Event::OwnerChanged { prefix, .. } = &event {
            self.inside.rerouted(*prefix);
        }
        // Nobody listening is no error.
        let _ = self.events.send(event);
    }

    /// Makes other sockets, which `take` puts in the place of the one before. That one is closed before a port that was asked
    /// for is asked for again; where that is not to be had, any port is better than none.
    fn rebind(&self, now: Instant, mut take: impl FnMut(UdpSocket) -> io::Result<()>) {
        let any = SocketAddr::new(self.options.listen.ip(), 0);
        let listen = self.options.listen;
        for at in [any, listen].into_iter().take(if listen.port() == 0 { 1 } else { 2 }) {
            let taken = socket::bind(&self.options, at, self.mark).and_then(|socket| {
                let local = socket.local_addr();
                take(socket).and(local).map_err(StartError::Unavailable)
            });
            match taken {
                Ok(local) => *lock(&self.local) = local,
                Err(error) => warn!(%at, %error, "no other socket"),
            }
        }
        lock(&self.control).handle_network_changed(now);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.stop.send_replace(true);
        self.task.abort();
    }
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tunnel").field("key", &self.handle.core.public).field("local", &self.local_addr()).finish()
    }
}

/// A new private key, from the operating system's randomness.
///
/// # Errors
/// The operating system has none, which no program that runs normally ever sees.
pub fn generate_key() -> io::Result<PrivateKey> {
    random::bytes().map(PrivateKey::from_bytes)
}

//! A peer in the process: the agent and a tunnel, wired together.
//!
//! **Invariants**: nothing is decided here. Maps and hints go from the agent to the tunnel, reports the other way; control
//! away means that no new map comes, and nothing else. A node that is dropped is gone without a word, as a machine that
//! loses power.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nanami_control::agent::{Agent, AgentOptions, AgentView, JoinError};
use nanami_model::{Cidr, JoinString, NetworkMap, PeerId};
#[cfg(all(feature = "os", target_os = "linux"))]
use nanami_tunnel::os::{Host, HostError, HostOptions};
use nanami_tunnel::{
    DialError, Event, EventStream, Interface, Link, Netstack, StartError, TcpListener, TcpStream, Tunnel, TunnelOptions,
};
use tokio::sync::watch;
use tokio::task::AbortHandle;

mod report;
mod run;

pub use nanami_control::agent::ControlLink;

/// A peer that runs. Clones share it; dropping the last one ends it.
#[derive(Clone)]
pub struct Node {
    handle: Arc<Handle>,
}

struct Handle {
    agent: Agent,
    tunnel: Tunnel,
    /// `None` when packets enter somewhere else.
    netstack: Option<Netstack>,
    task: AbortHandle,
    applied: watch::Receiver<Applied>,
    on_link: watch::Sender<Vec<Cidr>>,
}

/// What the node's task last did with a map.
#[derive(Debug, Clone)]
struct Applied {
    map: Arc<NetworkMap>,
    refused: Option<String>,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The workspace did not let the node in, or the node cannot keep its state.
    #[error("joining the workspace")]
    Join(#[source] JoinError),
    /// The tunnel cannot be started.
    #[error("starting the tunnel")]
    Start(#[source] StartError),
    /// The host cannot have the node's interface.
    #[cfg(all(feature = "os", target_os = "linux"))]
    #[error("making the interface of the node")]
    Host(#[source] HostError),
    /// Control welcomed the node and went away before it sent a map.
    #[error("control sent no map within {} s", FIRST_MAP.as_secs())]
    NoMap,
}

impl NodeError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Join(error) => error.code(),
            Self::Start(error) => error.code(),
            #[cfg(all(feature = "os", target_os = "linux"))]
            Self::Host(error) => error.code(),
            Self::NoMap => "join.no_map",
        }
    }
}

/// How long a node that has just joined waits for its first map (chosen: control makes it before it answers).
const FIRST_MAP: Duration = Duration::from_secs(20);

/// How a node keeps its state and runs its tunnel.
#[derive(Debug)]
pub struct NodeOptions {
    agent: AgentOptions,
    tunnel: TunnelOptions,
    inside: Inside,
    on_link: Vec<Cidr>,
}

/// Where inner packets enter and leave.
#[derive(Debug)]
enum Inside {
    /// At sockets of the process, which the node makes.
    Sockets,
    Netstack(Netstack, Interface),
    Interface(Interface),
    #[cfg(all(feature = "os", target_os = "linux"))]
    Host(HostOptions),
}

impl NodeOptions {
    /// Key and state in this directory (0700, files 0600), sockets inside the process.
    pub fn in_dir(state: impl Into<PathBuf>) -> Self {
        let (agent, tunnel) = (AgentOptions::in_dir(state), TunnelOptions::default());
        Self { agent, tunnel, inside: Inside::Sockets, on_link: Vec::new() }
    }

    /// Sets where and how the tunnel listens.
    pub fn with_tunnel(self, options: TunnelOptions) -> Self {
        Self { tunnel: options, ..self }
    }

    /// Inner packets go to this netstack; a gateway's comes from [`Segment::gateway`](nanami_tunnel::Segment::gateway).
    pub fn with_netstack(self, (netstack, interface): (Netstack, Interface)) -> Self {
        Self { inside: Inside::Netstack(netstack, interface), ..self }
    }

    /// Inner packets enter and leave at this interface; [`Node::dial`] and [`Node::listen`] are for nodes with sockets inside.
    pub fn with_interface(self, interface: Interface) -> Self {
        Self { inside: Inside::Interface(interface), ..self }
    }

    /// Inner packets enter and leave at an interface of this host, which the node makes, and the host follows the node's map:
    /// see [`Host`]. The node's connections to control never enter the tunnel. Unless [`NodeOptions::with_on_link`] said them,
    /// the ranges that the host is attached to at the start are told to control.
    #[cfg(all(feature = "os", target_os = "linux"))]
    pub fn with_host(self, options: HostOptions) -> Self {
        Self { inside: Inside::Host(options), ..self }
    }
}

impl NodeOptions {
    /// Says which ranges the machine is attached to without a tunnel: see [`Node::set_on_link`].
    pub fn with_on_link(self, ranges: impl IntoIterator<Item = Cidr>) -> Self {
        Self { on_link: ranges.into_iter().collect(), ..self }
    }
}

impl Inside {
    /// The interface to start the tunnel with, with the sockets behind it, if there are any; and what the host is attached to.
    #[cfg_attr(
        not(all(feature = "os", target_os = "linux")),
        expect(unused_variables, reason = "only an interface of the host asks where control is")
    )]
    async fn open(
        self,
        agent: &Agent,
        on_link: Vec<Cidr>,
    ) -> Result<((Option<Netstack>, Interface), Vec<Cidr>), NodeError> {
        let with_sockets = |(netstack, interface)| (Some(netstack), interface);
        Ok(match self {
            Self::Sockets => (with_sockets(Netstack::new()), on_link),
            Self::Netstack(netstack, interface) => (with_sockets((netstack, interface)), on_link),
            Self::Interface(interface) => ((None, interface), on_link),
            #[cfg(all(feature = "os", target_os = "linux"))]
            Self::Host(options) => {
                let (interface, attached) = at_host(agent, options).await?;
                ((None, interface), if on_link.is_empty() { attached } else { on_link })
            }
        })
    }
}

/// An interface of the host, and what the host is attached to.
#[cfg(all(feature = "os", target_os = "linux"))]
async fn at_host(agent: &Agent, options: HostOptions) -> Result<(Interface, Vec<Cidr>), NodeError> {
    // A name that cannot be resolved now is tried again by the agent, then by way of the tunnel.
    let control = tokio::net::lookup_host(agent.control()).await.into_iter().flatten();
    let options = options.with_direct(control);
    let attached = Host::attached(&options).map_err(NodeError::Host)?;
    let host = Host::open(options).map_err(NodeError::Host)?;
    let unavailable = |error| NodeError::Start(StartError::Unavailable(error));
    Ok((Interface::host(host).map_err(unavailable)?, attached))
}

/// Where a dial goes: a neighbor's name with a port, or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialTarget {
    /// The neighbor that bears this name.
    Name(String, u16),
    /// An address in the overlay, or behind a route.
    Address(SocketAddr),
}

impl From<(&str, u16)> for DialTarget {
    fn from((name, port): (&str, u16)) -> Self {
        match name.parse::<IpAddr>() {
            Ok(address) => Self::Address(SocketAddr::new(address, port)),
            Err(_) => Self::Name(name.to_owned(), port),
        }
    }
}

impl From<SocketAddr> for DialTarget {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

/// How a node stands, at one moment.
#[derive(Debug, Clone)]
pub struct NodeStatus {
    /// The map that is enforced.
    pub map: Arc<NetworkMap>,
    /// How it stands with control.
    pub control: ControlLink,
    /// The links to its neighbors.
    pub links: Vec<Link>,
    /// Why the last map was not applied; `None` when it was.
    pub refused_map: Option<String>,
}

impl Node {
    /// Joins the workspace of the join string, or resumes if this state has joined it already; returns when the first map runs.
    ///
    /// # Errors
    /// [`NodeError`]: the workspace does not let it in, the state cannot be kept, or the tunnel cannot be started.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn join(with: &JoinString, options: NodeOptions) -> Result<Self, NodeError> {
        let agent = Agent::join(with, options.agent.clone()).await.map_err(NodeError::Join)?;
        Self::start(agent, options).await
    }

    /// Starts again from saved state, with control up or down.
    ///
    /// # Errors
    /// [`NodeError`]: there is no state, it cannot be read, or the tunnel cannot be started.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn resume(options: NodeOptions) -> Result<Self, NodeError> {
        let agent = Agent::resume(options.agent.clone()).await.map_err(NodeError::Join)?;
        Self::start(agent, options).await
    }

    async fn start(agent: Agent, options: NodeOptions) -> Result<Self, NodeError> {
        let mut views = agent.watch();
        let has_map = |view: &AgentView| view.map.is_some();
        let first = tokio::time::timeout(FIRST_MAP, views.wait_for(has_map)).await;
        let map = first.ok().and_then(|view| view.ok()?.map.clone()).ok_or(NodeError::NoMap)?;
        let (inside, on_link) = (options.inside, options.on_link);
        let ((netstack, interface), on_link) = inside.open(&agent, on_link).await?;
        let tunnel =
            Tunnel::start(agent.key().clone(), interface, &map, options.tunnel).await.map_err(NodeError::Start)?;
        let (applied, watched) = watch::channel(Applied { map, refused: None });
        let (on_link, attached) = watch::channel(on_link);
        let task = tokio::spawn(run::run(agent.clone(), tunnel.clone(), applied, attached)).abort_handle();
        Ok(Self { handle: Arc::new(Handle { agent, tunnel, netstack, task, applied: watched, on_link }) })
    }

    /// Says which ranges the machine is attached to without a tunnel, those of its own links, and takes the place of what was said
    /// before. Of a route that one of these covers the map has no host route until the machine leaves: whoever sits in the
    /// office reaches it directly, and not by the office's gateway. At most [`Report::MAX_ON_LINK`](nanami_model::Report) ranges are told.
    ///
    /// How a system lists its links differs by system, so the embedder says it, whenever the network below the machine changes.
    pub fn set_on_link(&self, ranges: impl IntoIterator<Item = Cidr>) {
        self.handle.on_link.send_replace(ranges.into_iter().collect());
    }

    /// Which peer this is.
    pub fn peer(&self) -> PeerId {
        self.handle.agent.peer()
    }

    /// Connects to a TCP port of a neighbor, or of a host behind a gateway.
    ///
    /// # Errors
    /// [`DialError::Denied`] if a filter refuses; [`DialError::NoRoute`] if no neighbor bears the name or carries the address;
    /// [`DialError::AtHost`] if the node has an interface of the host, where everybody's sockets reach; and the others of
    /// [`Netstack::dial`].
    ///
    /// # Cancel safety
    /// Dropping the future gives the connection up.
    pub async fn dial(&self, to: impl Into<DialTarget>) -> Result<TcpStream, DialError> {
        let address = match to.into() {
            DialTarget::Address(address) => address,
            DialTarget::Name(name, port) => SocketAddr::new(self.address_of(&name).ok_or(DialError::NoRoute)?, port),
        };
        self.netstack()?.dial(address).await
    }

    fn netstack(&self) -> Result<&Netstack, DialError> {
        self.handle.netstack.as_ref().ok_or(DialError::AtHost)
    }

    /// The first overlay address of the neighbor that bears this name.
    fn address_of(&self, name: &str) -> Option<IpAddr> {
        let map = self.map();
        let neighbor = map.neighbors().iter().find(|n| n.name().is_some_and(|own| own.as_str() == name))?;
        neighbor.allowed_ips().iter().find(|prefix| prefix.is_host()).map(|prefix| prefix.address())
    }

    /// Listens on a TCP port of this node's overlay addresses; who may connect is the map's to say.
    ///
    /// # Errors
    /// [`DialError`] if the port is in use, the node has stopped or has an interface of the host.
    pub fn listen(&self, port: u16) -> Result<TcpListener, DialError> {
        self.netstack()?.listen(port)
    }

    /// What the tunnel notices, from now on.
    pub fn events(&self) -> EventStream<Event> {
        self.handle.tunnel.events()
    }

    /// How the node stands.
    pub fn status(&self) -> NodeStatus {
        let Applied { map, refused } = self.handle.applied.borrow().clone();
        let control = self.handle.agent.watch().borrow().control;
        NodeStatus { map, control, links: self.handle.tunnel.links(), refused_map: refused }
    }

    /// The map that is enforced.
    pub fn map(&self) -> Arc<NetworkMap> {
        self.handle.applied.borrow().map.clone()
    }

    /// Waits until a map satisfies the condition.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn map_where(&self, mut condition: impl FnMut(&NetworkMap) -> bool) -> Arc<NetworkMap> {
        let mut applied = self.handle.applied.clone();
        let waited = applied.wait_for(|applied| condition(&applied.map)).await.map(|applied| applied.map.clone());
        match waited {
            Ok(map) => map,
            Err(_) => std::future::pending().await,
        }
    }

    /// The tunnel.
    pub fn tunnel(&self) -> &Tunnel {
        &self.handle.tunnel
    }

    /// Ends in order: the tunnel is closed, the last state written. Again is harmless.
    ///
    /// # Cancel safety
    /// Once polled, the node ends also when this is dropped.
    pub async fn stop(&self) {
        self.handle.task.abort();
        self.handle.tunnel.stop().await;
        self.handle.agent.stop().await;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("peer", &self.peer()).finish_non_exhaustive()
    }
}

//! An interface at home on its host: addresses, routes, policy routing, forwarding and NAT of Linux, from a peer's map.
//!
//! [`HostDesired`] says what the host should be like, [`HostObserved`] what is found, [`HostPlan`] the steps in between; its
//! text is commands that do the same, to look at before anything happens. [`Host`] makes the interface and does the steps:
//! ```no_run
//! # async fn example(key: nanami_model::PrivateKey, map: nanami_model::NetworkMap) -> Result<(), Box<dyn std::error::Error>> {
//! use nanami_tunnel::os::{Host, HostOptions};
//! use nanami_tunnel::{Interface, Tunnel, TunnelOptions};
//!
//! let host = HostOptions::named("nanami0")?;
//! print!("{}", Host::preview(&map, 1420, &host)?);                    // what it would do
//! let interface = Interface::host(Host::open(host)?)?;
//! let tunnel = Tunnel::start(key, interface, &map, TunnelOptions::default()).await?;
//! # Ok(()) }
//! ```
//! **Invariants**: whatever is ours bears our mark (a protocol number, a table, a name), and nothing else is ever changed or
//! removed (PLANNING.md, I28). A step that is refused takes back those before it. When a [`Host`] is dropped, nothing of it is
//! left; what a process that was killed has left is found by the next one with the same name.

mod closed;
mod desired;
mod error;
mod host;
mod inside;
mod look;
mod message;
mod netlink;
mod nft;
mod observed;
mod options;
mod perform;
mod plan;
mod rule;
mod step;
mod sysctl;
mod watch;

pub use desired::HostDesired;
pub use error::HostError;
pub use host::Host;
pub use nft::HostTable;
pub use observed::HostObserved;
pub use options::HostOptions;
pub use plan::HostPlan;
pub use rule::{HostRoute, HostRule, RouteTo};
pub use step::HostStep;
pub use sysctl::Sysctl;

/// The protocol number of our routes and rules (`rtm_protocol`): nobody's in iproute2's list. Chosen: nana is seven.
const PROTOCOL: u8 = 77;
/// The group of our interfaces; by default an interface is in group 0.
const GROUP: u32 = 77;
/// The mark of the tunnels' own datagrams, `Na`. One for all of our interfaces: no tunnel carries another one's datagrams by
/// accident. It has none of the bits that Kubernetes (0xc000) and Tailscale (0x0c0000) look at.
const MARK: u32 = 0x4e61_0000;

//! The front door to Nanami: a WireGuard control plane that other products embed.
//!
//! One dependency gives the model, the planner, the tunnel and the control plane under short names; features choose which.
//! With the feature `node`, [`Node`] is a peer in the process: it joins a workspace with a join string, and dials and listens
//! through its tunnels without root, VPN permission or anything that the rest of the machine sees. With the feature `os` it may
//! have an interface of a Linux host instead, and be a gateway for what stands behind it.
//!
//! ```no_run
//! # #[cfg(feature = "node")]
//! # async fn example(join: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use nanami::{Node, NodeOptions};
//!
//! let node = Node::join(&join.parse()?, NodeOptions::in_dir("/var/lib/nanami")).await?;
//! let database = node.dial(("db-cluster", 5432)).await?;
//! # Ok(()) }
//! ```

#[cfg(any(feature = "control", feature = "node", feature = "client"))]
pub use nanami_control as control;
pub use nanami_model as model;
#[cfg(feature = "plan")]
pub use nanami_plan as plan;
#[cfg(feature = "node")]
pub use nanami_tunnel as tunnel;

#[cfg(feature = "node")]
mod node;

#[cfg(feature = "node")]
pub use node::{ControlLink, DialTarget, Node, NodeError, NodeOptions, NodeStatus};

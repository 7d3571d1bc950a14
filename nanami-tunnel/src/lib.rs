//! Nanami.

#[cfg(feature = "tokio")]
mod interface;
#[cfg(feature = "netstack")]
mod netstack;
#[cfg(feature = "netstack")]
mod segment;

#[cfg(feature = "tokio")]
pub use interface::Interface;
#[cfg(feature = "netstack")]
pub use netstack::{DialError, Netstack, StreamStats, TcpListener, TcpStream};
#[cfg(feature = "netstack")]
pub use segment::{Segment, SegmentHost};

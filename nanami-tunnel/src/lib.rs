//! Nanami's embeddable WireGuard tunnel: a sans-IO engine, a thin tokio driver, and TCP sockets inside the process.
//!
//! The engine is one value that splits into three parts; a driver is a loop around them:
//! ```no_run
//! # use std::{net::SocketAddr, time::Instant};
//! # use nanami_tunnel::engine::{ControlHalf, Datagrams, Event, Inbound, Outbound, Output, Packets};
//! # enum Input { Packets(Packets), Datagrams(Datagrams), Timeout }
//! # fn wait_for_one_input(_: Option<Instant>) -> std::io::Result<Input> { Ok(Input::Timeout) }
//! # fn send(_: SocketAddr, _: &[u8]) {}
//! # fn on_event(_: Event) {}
//! # fn run(mut control: ControlHalf, mut outbound: Outbound, mut inbound: Inbound) -> std::io::Result<()> {
//! # let (mut out, mut packets, mut refusals) = (Datagrams::new(), Packets::new(), Packets::new());
//! loop {                                                     // one thread, all three parts in turn
//!     let deadline = loop {
//!         match control.poll_output() {                      // drain first …
//!             Output::Transmit(datagram) => send(datagram.address(), datagram.contents()),
//!             Output::Event(event) => on_event(event),
//!             Output::Wait(until) => break until,            // … until it only wants to wait
//!         }
//!     };
//!     let input = wait_for_one_input(deadline)?;             // then change it exactly once
//!     let now = Instant::now();
//!     match input {
//!         Input::Packets(batch) => outbound.seal(now, &batch, &mut out, &mut refusals),
//!         Input::Datagrams(batch) => inbound.open(now, &batch, &mut packets, &mut out),
//!         Input::Timeout => control.handle_timeout(now),
//!     }
//!     // send `out`; hand `packets` and `refusals` to the interface
//! }
//! # }
//! ```
//! [`Tunnel`] is that loop on a UDP socket, with an interface of a Linux host a thread for each part; [`Netstack`] is an interface that needs neither root nor a TUN device.

pub mod engine;

#[cfg(all(feature = "tun", target_os = "linux"))]
pub mod device;
#[cfg(any(all(feature = "tun", target_os = "linux"), all(feature = "uapi", unix)))]
mod interface_name;
#[cfg(any(feature = "tokio", feature = "tun"))]
mod random;

#[cfg(feature = "tokio")]
mod driver;
#[cfg(all(feature = "tokio", unix))]
mod fd;
#[cfg(feature = "tokio")]
mod interface;
#[cfg(feature = "netstack")]
mod netstack;
#[cfg(all(feature = "os", target_os = "linux"))]
pub mod os;
#[cfg(feature = "tokio")]
mod packet_port;
#[cfg(feature = "netstack")]
mod segment;
#[cfg(all(feature = "uapi", unix))]
pub mod uapi;

#[cfg(feature = "tokio")]
pub use driver::{EventStream, Sockets, StartError, Tunnel, TunnelOptions, generate_key};
pub use engine::{Applied, Attempt, Counters, Event, Link, MapError, Usage};
#[cfg(feature = "tokio")]
pub use interface::Interface;
#[cfg(feature = "netstack")]
pub use netstack::{DialError, Netstack, StreamStats, TcpListener, TcpStream, UdpSocket};
#[cfg(feature = "tokio")]
pub use packet_port::{BatchError, PacketPort};
#[cfg(feature = "netstack")]
pub use segment::{Segment, SegmentHost};

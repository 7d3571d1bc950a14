//! The UDP socket of a tunnel.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use super::{StartError, TunnelOptions};

/// A socket with buffers for bursts, which does not block.
pub(super) fn bind(options: &TunnelOptions, at: SocketAddr, mark: u32) -> Result<UdpSocket, StartError> {
    open(options, at, mark).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => StartError::AddressInUse { at },
        ErrorKind::PermissionDenied => StartError::NotPermitted { at },
        _ => StartError::Unavailable(error),
    })
}

fn open(options: &TunnelOptions, at: SocketAddr, mark: u32) -> std::io::Result<UdpSocket> {
    let socket = match &options.sockets {
        Some(sockets) => sockets.udp(at)?.into(),
        None => Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?,
    };
    // One that heard IPv4 as well could not say anything there by itself, and its neighbors would have addresses in two forms.
    if options.sockets.is_none() && at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    // The kernel gives what its limit allows; a smaller buffer only drops more of a burst.
    let _ = socket.set_recv_buffer_size(options.buffers.socket);
    let _ = socket.set_send_buffer_size(options.buffers.socket);
    #[cfg(all(feature = "os", target_os = "linux"))]
    if mark != 0 {
        socket.set_mark(mark)?;
    }
    #[cfg(not(all(feature = "os", target_os = "linux")))]
    debug_assert_eq!(mark, 0, "only a host's interface has a mark");
    if options.sockets.is_none() {
        socket.bind(&at.into())?;
    }
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn one_that_listens_on_all_of_ipv6_hears_nothing_of_ipv4() {
        let socket = bind(&TunnelOptions::default(), (Ipv6Addr::UNSPECIFIED, 0).into(), 0).unwrap();
        assert!(socket2::SockRef::from(&socket).only_v6().unwrap());
    }
}

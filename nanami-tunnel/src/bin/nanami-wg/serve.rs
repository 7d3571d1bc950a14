//! One interface, from its making to its end.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use nanami_tunnel::device::{Configured, Device, DeviceOptions, Offloads};
use nanami_tunnel::uapi::Server;
use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use tracing::info;

use crate::failure::Failure;
use crate::{detached, log};

/// Makes the interface and serves it until it is told to end, or its interface or socket is gone.
pub(crate) fn run(name: &str) -> Result<(), Failure> {
    detached::leave_session();
    log::start();
    let options = options()?;
    // Before anything is there that a signal could leave behind.
    let signals = signals().map_err(Failure::at("listening for signals"))?;
    let server = Server::bind(name)?;
    let watch = server.watch().map_err(Failure::at("watching the socket"))?;
    let device = Arc::new(Configured::new(Device::open(name, &options)?));
    let _serving = server.serve(device.clone()).map_err(Failure::at("serving the socket"))?;
    detached::say_ready().map_err(Failure::at("going on in the background"))?;
    info!(interface = name, "ready");
    loop {
        let (signal, removed, ended) = wait([signals.as_fd(), watch.as_fd(), device.ended()])?;
        if signal || ended || (removed && watch.is_gone()) {
            info!(interface = name, signal, removed, ended, "ending");
            return Ok(());
        }
    }
}

fn options() -> Result<DeviceOptions, Failure> {
    let options = DeviceOptions::default();
    let Some(text) = std::env::var_os("NANAMI_WG_OFFLOADS") else { return Ok(options) };
    let offloads = text.to_string_lossy().parse();
    let offloads: Offloads = offloads.map_err(|error| Failure::Usage(format!("NANAMI_WG_OFFLOADS: {error}")))?;
    info!(%offloads, "offloads that are used");
    Ok(options.with_offloads(offloads))
}

/// Becomes readable when this process is told to end.
fn signals() -> io::Result<UnixStream> {
    let (told, tell) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT] {
        signal_hook::low_level::pipe::register(signal, tell.try_clone()?)?;
    }
    Ok(told)
}

fn wait(fds: [std::os::fd::BorrowedFd<'_>; 3]) -> Result<(bool, bool, bool), Failure> {
    let mut polled = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    match poll(&mut polled, None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(Failure::at("waiting")(error.into())),
    }
    let [a, b, c] = polled.map(|fd| !fd.revents().is_empty());
    Ok((a, b, c))
}

//! Network namespaces: that of an interface, and visits to it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use rustix::ioctl::{self, Ioctl, IoctlOutput, Opcode};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The network namespace of a TUN interface, wherever it was moved.
#[allow(unsafe_code, reason = "no crate has this call")]
pub(super) fn of(tun: &impl AsFd) -> io::Result<OwnedFd> {
    // SAFETY: `TunGetDevNetNs` describes `TUNGETDEVNETNS` of linux/if_tun.h: it takes no argument and returns a new file
    // descriptor or an error; on any other descriptor than a TUN interface's it is refused with ENOTTY.
    Ok(unsafe { ioctl::ioctl(tun, TunGetDevNetNs)? })
}

/// The network namespace of the thread that asks.
pub(crate) fn of_this_thread() -> io::Result<OwnedFd> {
    Ok(File::open("/proc/thread-self/ns/net")?.into())
}

/// Does something in another network namespace, if one is given, and comes home.
pub(super) fn visit<T>(home: &OwnedFd, there: Option<&OwnedFd>, visit: impl FnOnce() -> T) -> io::Result<T> {
    let enter = |namespace: &OwnedFd| move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network));
    let Some(there) = there else { return Ok(visit()) };
    enter(there)?;
    let seen = visit();
    enter(home)?;
    Ok(seen)
}

/// Does something in this network namespace, wherever the thread is.
#[cfg(feature = "os")]
pub(crate) fn inside<T>(there: &OwnedFd, work: impl FnOnce() -> T) -> io::Result<T> {
    let here = of_this_thread()?;
    let is = |one: &OwnedFd| rustix::fs::fstat(one).map(|stat| (stat.st_dev, stat.st_ino));
    let is_here = is(&here)? == is(there)?;
    visit(&here, (!is_here).then_some(there), work)
}

struct TunGetDevNetNs;

// SAFETY: the opcode is that of `TUNGETDEVNETNS`, which neither reads nor writes memory.
#[allow(unsafe_code, reason = "no crate has this call")]
unsafe impl Ioctl for TunGetDevNetNs {
    type Output = OwnedFd;

    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        ioctl::opcode::none(b'T', 227)
    }

    fn as_ptr(&mut self) -> *mut rustix::ffi::c_void {
        std::ptr::null_mut()
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut rustix::ffi::c_void) -> rustix::io::Result<OwnedFd> {
        // SAFETY: the call succeeded, so `out` is a descriptor that nobody else has.
        Ok(unsafe { OwnedFd::from_raw_fd(out) })
    }
}

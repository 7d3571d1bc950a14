//! The network namespace in which an interface is.

use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use rustix::ioctl::{self, Ioctl, IoctlOutput, Opcode};

/// The network namespace of a TUN interface, wherever it was moved.
#[allow(unsafe_code, reason = "no crate has this call")]
pub(super) fn of(tun: &impl AsFd) -> io::Result<OwnedFd> {
    // SAFETY: `TunGetDevNetNs` describes `TUNGETDEVNETNS` of linux/if_tun.h: it takes no argument and returns a new file
    // descriptor or an error; on any other descriptor than a TUN interface's it is refused with ENOTTY.
    Ok(unsafe { ioctl::ioctl(tun, TunGetDevNetNs)? })
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

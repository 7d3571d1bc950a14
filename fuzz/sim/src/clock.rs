//! A machine's clocks and randomness, simulated for one thread.
//!
//! boringtun reads `CLOCK_BOOTTIME`, `CLOCK_REALTIME` and the operating system's randomness itself (docs/boringtun.md, fact
//! 18), and `std::time::Instant` has no constructor. So this crate defines `clock_gettime`, `getrandom` and `syscall`
//! (getrandom 0.2 asks by number): the linker finds them here before it looks into libc. A thread that is inside
//! [`Machine::run`] gets the machine's readings; every other one gets what libc says.
//!
//! **Invariant**: outside [`Machine::run`] nothing differs from libc, so that the test harness, backtraces and locks see the
//! real machine. Linux only.

#![expect(unsafe_code, reason = "the symbols that libc would answer, and the way to libc's own")]

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_long, c_uint, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Duration;

use libc::{clockid_t, size_t, ssize_t, timespec};

/// What the clocks of one machine show, and the state of its randomness.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    /// `CLOCK_BOOTTIME`: counts while the machine sleeps.
    pub boot: Duration,
    /// `CLOCK_MONOTONIC`, and so `Instant`: stands still while the machine sleeps.
    pub monotonic: Duration,
    /// `CLOCK_REALTIME`, since 1970: may be set to anything.
    pub wall: Duration,
    random: u64,
}

thread_local! {
    // Without a destructor, so that it can be read at any moment of a thread's life.
    static MACHINE: Cell<Option<Machine>> = const { Cell::new(None) };
}

impl Machine {
    /// A machine whose clocks all show `since` (wall: after 2026 began), with randomness that follows from a seed.
    pub fn new(since: Duration, seed: u64) -> Self {
        Self { boot: since, monotonic: since, wall: WALL + since, random: seed }
    }

    /// Runs `work` on this machine. Its randomness goes on where it stopped.
    pub fn run<R>(&mut self, work: impl FnOnce() -> R) -> R {
        /// Ends it also when `work` panics: what tells of the panic lives outside.
        struct Guard<'a>(&'a mut Machine);
        impl Drop for Guard<'_> {
            fn drop(&mut self) {
                if let Some(machine) = MACHINE.take() {
                    self.0.random = machine.random;
                }
            }
        }
        MACHINE.set(Some(*self));
        let _guard = Guard(self);
        work()
    }
}

/// The machine's randomness: SplitMix64 (Steele et al. 2014), a word for every eight bytes.
fn fill(machine: &mut Machine, buffer: &mut [u8]) {
    for piece in buffer.chunks_mut(8) {
        machine.random = machine.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = crate::random::mix(machine.random).to_le_bytes();
        piece.copy_from_slice(&word[..piece.len()]);
    }
}

/// Fills from the machine that this thread is on. `None` outside a machine.
///
/// # Safety
/// `buffer` is valid for writes of `length` bytes, as for getrandom(2).
unsafe fn simulated_random(buffer: *mut c_void, length: usize) -> Option<usize> {
    let mut machine = MACHINE.get()?;
    if length > 0 {
        // SAFETY: the caller's promise; the bytes are only written.
        fill(&mut machine, unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) });
        MACHINE.set(Some(machine));
    }
    Some(length)
}

/// Where libc has its own function of a name that is defined here.
fn libc_own(cache: &AtomicPtr<c_void>, name: &CStr) -> *mut c_void {
    let known = cache.load(Ordering::Relaxed);
    if !known.is_null() {
        return known;
    }
    // SAFETY: `name` ends with a null byte; RTLD_NEXT asks the objects after this one.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    assert!(!found.is_null(), "libc has no {name:?}");
    cache.store(found, Ordering::Relaxed);
    found
}

/// Stands in for clock_gettime(2).
///
/// # Safety
/// As in libc: `at` is valid for the write of a `timespec`.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: clockid_t, at: *mut timespec) -> c_int {
    static OWN: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    let reading = MACHINE.get().and_then(|machine| match clock {
        libc::CLOCK_BOOTTIME => Some(machine.boot),
        libc::CLOCK_MONOTONIC => Some(machine.monotonic),
        libc::CLOCK_REALTIME => Some(machine.wall),
        _ => None,
    });
    let Some(reading) = reading else {
        type Own = unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int;
        // SAFETY: libc's function of this name has this type.
        let own = unsafe { std::mem::transmute::<*mut c_void, Own>(libc_own(&OWN, c"clock_gettime")) };
        // SAFETY: the caller's promise is passed on.
        return unsafe { own(clock, at) };
    };
    let shown =
        timespec { tv_sec: reading.as_secs() as libc::time_t, tv_nsec: c_long::from(reading.subsec_nanos() as i32) };
    // SAFETY: the caller's promise.
    unsafe { at.write(shown) };
    0
}

/// Stands in for getrandom(2).
///
/// # Safety
/// As in libc: `buffer` is valid for writes of `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut c_void, length: size_t, flags: c_uint) -> ssize_t {
    static OWN: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    // SAFETY: the caller's promise is passed on.
    if let Some(written) = unsafe { simulated_random(buffer, length) } {
        return written as ssize_t;
    }
    type Own = unsafe extern "C" fn(*mut c_void, size_t, c_uint) -> ssize_t;
    // SAFETY: libc's function of this name has this type.
    let own = unsafe { std::mem::transmute::<*mut c_void, Own>(libc_own(&OWN, c"getrandom")) };
    // SAFETY: the caller's promise is passed on.
    unsafe { own(buffer, length, flags) }
}

/// Stands in for syscall(2), of which only getrandom is answered here. libc's is variadic; on the platforms of this crate a
/// call with six words of arguments is the same call, and what the caller did not give is not looked at.
///
/// # Safety
/// As in libc: the arguments are what the call of this number wants.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(number: c_long, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> c_long {
    static OWN: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    if number == libc::SYS_getrandom {
        // SAFETY: the caller's promise: the first two arguments of getrandom(2) are a buffer and its length.
        if let Some(written) = unsafe { simulated_random(a as *mut c_void, b) } {
            return written as c_long;
        }
    }
    type Own = unsafe extern "C" fn(c_long, usize, usize, usize, usize, usize, usize) -> c_long;
    // SAFETY: libc's function takes a number and up to six words.
    let own = unsafe { std::mem::transmute::<*mut c_void, Own>(libc_own(&OWN, c"syscall")) };
    // SAFETY: the caller's promise is passed on.
    unsafe { own(number, a, b, c, d, e, f) }
}

/// The beginning of 2026, since 1970.
const WALL: Duration = Duration::from_secs(1_767_225_600);

//! An allocator that counts what the thread that asks has allocated, so that tests run side by side.
#![allow(dead_code, reason = "of those who share this file each asks for a part")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator, with counters.
pub(crate) struct Counting;

// SAFETY: every call goes to the system's allocator with the arguments that the caller vouches for.
#[allow(unsafe_code, reason = "a global allocator is an unsafe trait")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        BYTES.with(|bytes| bytes.set(bytes.get() - layout.size() as i64));
        // SAFETY: the caller keeps the contract of `dealloc`, and `at` came from the system's allocator.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64 - layout.size() as i64);
        // SAFETY: the caller keeps the contract of `realloc`, and `at` came from the system's allocator.
        unsafe { System.realloc(at, layout, size) }
    }
}

fn count(more: i64) {
    ALLOCATIONS.with(|count| count.set(count.get() + 1));
    let bytes = BYTES.with(|bytes| bytes.replace(bytes.get() + more)) + more;
    PEAK.with(|peak| peak.set(peak.get().max(bytes)));
}

/// How many allocations this thread made.
pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

/// How many bytes it has allocated now.
pub(crate) fn bytes() -> i64 {
    BYTES.with(Cell::get)
}

/// The most bytes that it had at once since this was asked last.
pub(crate) fn peak() -> i64 {
    PEAK.with(|peak| peak.replace(bytes()))
}

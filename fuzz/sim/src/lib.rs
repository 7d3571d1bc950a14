//! Nanami's tunnel engine on simulated machines, whose clocks and randomness follow from a seed.
//!
//! A program of its own, never published, that nothing depends on: it stands in for symbols of libc ([`clock`]).
#![cfg(target_os = "linux")]

pub mod clock;
pub mod node;
mod random;

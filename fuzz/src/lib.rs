//! Nanami's fuzz targets as plain functions, with their corpora.
//!
//! Every boundary where untrusted bytes become types is a [`Target`]: a function of bytes that states what must hold for
//! any of them, by panicking when it does not. `corpus/NAME/` holds its inputs; one that once broke something stays there
//! for ever (SEC-74). The crate's test replays each corpus on stable Rust, and after it a bounded stream of mutations
//! that is the same on every machine. To search for longer: `FUZZ_ROUNDS=1000000 cargo test --release -p nanami-fuzz`.
//!
//! `cargo run -p nanami-fuzz --bin seeds` writes the inputs of binary formats again after a format has changed.

pub mod mutate;
pub mod targets;

pub use targets::{Outcome, TARGETS, Target};

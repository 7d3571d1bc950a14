//! Nanami's examples. Each is a program of its own: `cargo run --release --example quickstart`.

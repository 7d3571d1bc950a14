#![forbid(unsafe_code)]
//! Nanami.

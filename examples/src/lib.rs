//! Nanami's examples.

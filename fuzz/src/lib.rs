//! Nanami.

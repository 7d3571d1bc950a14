//! What several tests draw from.

pub(crate) mod dice;
pub(crate) mod world;

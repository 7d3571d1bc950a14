//! Collections that old revisions go on holding while a new one is made of them.
//!
//! **Invariant**: a clone is a pointer, and a change copies one path from the root to what changes; what nobody else holds is
//! changed in place. Work and bytes of a change grow with the logarithm of the size.

mod pages;
mod tree;

pub(crate) use pages::Pages;
pub(crate) use tree::Tree;

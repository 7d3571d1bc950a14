//! Secrets that people hand over as text: join keys, and the tokens of operators (SEC-01, SEC-02, SEC-60).
//!
//! **Invariants**: a text is of one kind, and no kind is taken for another; a secret prints as `…`, is wiped when it is
//! dropped, and is neither cloned nor serialised; what is stored of it is a [hash](JoinSecretHash) that redeems nothing
//! and is compared in constant time.

mod exposed;
mod kinds;
mod text;

pub use exposed::Exposed;
pub use kinds::{ApiToken, JoinSecret, JoinSecretHash, SessionToken, TokenHash};
pub use text::ParseSecretError;

#[cfg(test)]
mod tests;

//! Why an agent did not start.

use std::io;

/// Why a peer did not join, or did not start again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// Control will not have us. Whether the join key is used, expired, unknown or another workspace's is not said.
    #[error("control refused to let this peer in")]
    Refused,
    /// What answered does not hold the key that the join string pins.
    #[error("{authority} did not prove that it holds the key in the join string")]
    WrongControl {
        /// Where we connected to.
        authority: String,
    },
    /// Control could not be reached.
    #[error("could not reach control at {authority}")]
    Unreachable {
        /// Where we tried.
        authority: String,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// Key or state cannot be read or kept, or are of another workspace.
    #[error("{what}")]
    State {
        /// What cannot be done.
        what: &'static str,
        /// What happened.
        #[source]
        source: io::Error,
    },
}

impl JoinError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            JoinError::Refused => "join.refused",
            JoinError::WrongControl { .. } => "join.wrong_control",
            JoinError::Unreachable { .. } => "join.unreachable",
            JoinError::State { .. } => "join.state",
        }
    }

    /// Whether the same call may succeed later without anybody's doing.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, JoinError::Unreachable { .. })
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            JoinError::Refused => "ask who runs the workspace for a new join string",
            JoinError::WrongControl { .. } => {
                "check that the join string was copied whole, and that nothing stands in between"
            }
            JoinError::Unreachable { .. } => "check that control runs and that its address can be reached from here",
            JoinError::State { .. } => "check the rights on the state directory; to join elsewhere, use an empty one",
        }
    }
}

//! What an agent reports about the machine that it runs on.

use serde::{Deserialize, Serialize};

use super::words::is_default;
use super::{Os, Version};

/// What is known of a peer's machine. `None` means that nobody reported it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Facts {
    #[serde(default, skip_serializing_if = "is_default")]
    os: Option<Os>,
    #[serde(default, skip_serializing_if = "is_default")]
    os_version: Option<Version>,
    #[serde(default, skip_serializing_if = "is_default")]
    agent_version: Option<Version>,
}

impl Facts {
    /// Nothing is known.
    pub const fn unknown() -> Self {
        Self { os: None, os_version: None, agent_version: None }
    }

    /// Sets the operating system.
    pub fn with_os(self, os: Os) -> Self {
        Self { os: Some(os), ..self }
    }

    /// Sets the version of the operating system.
    pub fn with_os_version(self, version: Version) -> Self {
        Self { os_version: Some(version), ..self }
    }

    /// Sets the version of the agent.
    pub fn with_agent_version(self, version: Version) -> Self {
        Self { agent_version: Some(version), ..self }
    }

    /// The operating system.
    pub fn os(&self) -> Option<Os> {
        self.os
    }

    /// The version of the operating system.
    pub fn os_version(&self) -> Option<Version> {
        self.os_version
    }

    /// The version of the agent.
    pub fn agent_version(&self) -> Option<Version> {
        self.agent_version
    }
}

//! Conditions of policies, on what agents report.
//!
//! **Invariant**: a fact that nobody reported satisfies no condition.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Facts, Os, Version};

/// What must be known of whoever begins, for a policy to count for them.
///
/// ```
/// use nanami_model::{Condition, Facts, Os};
///
/// let linux = Condition::os([Os::Linux]);
/// assert!(linux.holds(&Facts::unknown().with_os(Os::Linux)));
/// assert!(!linux.holds(&Facts::unknown()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Condition {
    /// The operating system is one of these.
    Os(Vec<Os>),
    /// The operating system has at least this version.
    MinOsVersion(Version),
    /// The agent has at least this version.
    MinAgentVersion(Version),
}

impl Condition {
    /// That the operating system is one of these; sorted, each once.
    pub fn os(systems: impl IntoIterator<Item = Os>) -> Self {
        let mut systems: Vec<_> = systems.into_iter().collect();
        systems.sort_unstable();
        systems.dedup();
        Self::Os(systems)
    }

    /// The same conditions with one for each fact, in the order of the facts, so that what means the same reads the same.
    pub(crate) fn combined(conditions: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let (mut systems, mut os, mut agent) = (None::<Vec<Os>>, None, None);
        for condition in conditions {
            match condition {
                Self::Os(others) => {
                    let both = systems.map_or(others.clone(), |mut known| {
                        known.retain(|os| others.contains(os));
                        known
                    });
                    systems = Some(both);
                }
                Self::MinOsVersion(least) => os = os.max(Some(least)),
                Self::MinAgentVersion(least) => agent = agent.max(Some(least)),
            }
        }
        let systems = systems.map(Self::os);
        systems.into_iter().chain(os.map(Self::MinOsVersion)).chain(agent.map(Self::MinAgentVersion)).collect()
    }

    /// Whether these facts satisfy it. What nobody reported does not.
    pub fn holds(&self, facts: &Facts) -> bool {
        match self {
            Self::Os(systems) => facts.os().is_some_and(|os| systems.contains(&os)),
            Self::MinOsVersion(least) => facts.os_version().is_some_and(|version| version >= *least),
            Self::MinAgentVersion(least) => facts.agent_version().is_some_and(|version| version >= *least),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Os(systems) => {
                let words: Vec<_> = systems.iter().map(|os| os.as_str()).collect();
                write!(f, "os {}", words.join(" or "))
            }
            Self::MinOsVersion(least) => write!(f, "os version at least {least}"),
            Self::MinAgentVersion(least) => write!(f, "agent version at least {least}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_that_nobody_reported_satisfies_no_condition() {
        let (old, new) = (Version::new(14, 4, 0), Version::new(14, 5, 0));
        let all =
            [Condition::os([Os::Macos, Os::Linux]), Condition::MinOsVersion(new), Condition::MinAgentVersion(new)];
        assert!(all.iter().all(|condition| !condition.holds(&Facts::unknown())));
        let known = |version| Facts::unknown().with_os(Os::Linux).with_os_version(version).with_agent_version(version);
        assert!(all.iter().all(|condition| condition.holds(&known(new))));
        assert_eq!(all.iter().filter(|condition| condition.holds(&known(old))).count(), 1);
        assert!(!all[0].holds(&known(new).with_os(Os::Windows)));
        assert!(!Condition::os([]).holds(&known(new)));
    }
}

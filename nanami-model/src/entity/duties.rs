//! Duties: what a gateway does for its networks.
//!
//! **Invariant**: a set of duties is never empty.

use std::fmt;
use std::ops::BitOr;

use serde::{Deserialize, Serialize};

use super::words::words;

/// Something that a gateway does for its networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duty {
    /// Lets limited peers in: it is the one tunnel that they have, and enforces everything for them.
    Ingress,
    /// Lets traffic out to what is behind it: it may stand in routes.
    Egress,
    /// Carries traffic between peers: it may stand in `via`.
    Transit,
}

words!(Duty, "duty": Ingress = "ingress", Egress = "egress", Transit = "transit");

/// What a gateway does; at least one thing.
///
/// ```
/// use nanami_model::{Duties, Duty};
///
/// let duties = Duty::Ingress | Duty::Egress;
/// assert!(duties.contains(Duty::Egress) && !duties.contains(Duty::Transit));
/// assert_eq!(duties.to_string(), "ingress, egress");
/// assert_eq!(Duties::default(), Duties::ALL);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Duty>", into = "Vec<Duty>")]
pub struct Duties(u8);

/// A list of duties was empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a gateway has at least one duty: ingress, egress or transit")]
pub struct NoDuties;

crate::coded! { NoDuties: Caller;
    _ => ("value.duties.none", "name a duty, or disable the gateway");
}

impl Duties {
    /// Ingress, egress and transit.
    pub const ALL: Self = Self(0b111);

    /// The duties of the list.
    ///
    /// # Errors
    /// [`NoDuties`] if there is none.
    pub fn new(duties: impl IntoIterator<Item = Duty>) -> Result<Self, NoDuties> {
        match duties.into_iter().fold(0, |bits, duty| bits | bit(duty)) {
            0 => Err(NoDuties),
            bits => Ok(Self(bits)),
        }
    }

    /// Whether this is one of them.
    pub const fn contains(self, duty: Duty) -> bool {
        self.0 & bit(duty) != 0
    }

    /// The duties in order.
    pub fn iter(self) -> impl Iterator<Item = Duty> {
        Duty::ALL.iter().copied().filter(move |duty| self.contains(*duty))
    }
}

const fn bit(duty: Duty) -> u8 {
    1 << duty as u8
}

impl Default for Duties {
    fn default() -> Self {
        Self::ALL
    }
}

impl From<Duty> for Duties {
    fn from(duty: Duty) -> Self {
        Self(bit(duty))
    }
}

impl BitOr for Duty {
    type Output = Duties;

    fn bitor(self, other: Self) -> Duties {
        Duties(bit(self) | bit(other))
    }
}

impl BitOr<Duty> for Duties {
    type Output = Self;

    fn bitor(self, other: Duty) -> Self {
        Self(self.0 | bit(other))
    }
}

impl TryFrom<Vec<Duty>> for Duties {
    type Error = NoDuties;

    fn try_from(duties: Vec<Duty>) -> Result<Self, NoDuties> {
        Self::new(duties)
    }
}

impl From<Duties> for Vec<Duty> {
    fn from(duties: Duties) -> Self {
        duties.iter().collect()
    }
}

impl fmt::Display for Duties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.iter().map(Duty::as_str).collect();
        f.pad(&words.join(", "))
    }
}

impl fmt::Debug for Duties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_duties_is_never_empty_and_has_no_order() {
        assert_eq!(Duties::new([]), Err(NoDuties));
        assert_eq!(Duties::new([Duty::Transit, Duty::Ingress, Duty::Transit]), Ok(Duty::Ingress | Duty::Transit));
        assert_eq!(Duty::Ingress | Duty::Egress | Duty::Transit, Duties::ALL);
        for duty in Duty::ALL {
            assert_eq!(Duties::from(*duty).iter().collect::<Vec<_>>(), [*duty]);
        }
    }
}

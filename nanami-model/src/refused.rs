//! Why a change is refused: every rule that it breaks, all at once.

use std::fmt;
use std::net::IpAddr;

use crate::cidr::Cidr;
use crate::entity::Permission;
use crate::generation::Revision;
use crate::name::Name;
use crate::object::{Label, ObjectId};

/// A change set that was not made, with everything that stands against it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", summary(.violations))]
pub struct Refused {
    violations: Vec<Violation>,
}

impl Refused {
    pub(crate) fn new(violations: Vec<Violation>) -> Self {
        Self { violations }
    }

    /// What stands against the change; never empty.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }
}

crate::coded! { list Refused: |refused| refused.violations.iter() }

fn summary(violations: &[Violation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A rule that a change breaks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The actor may not make this change.
    #[error("{by} may not change {what}: that takes {permission}")]
    Forbidden {
        /// Who tried.
        by: Label,
        /// What would change.
        what: Label,
        /// The permission that is missing.
        permission: Permission,
    },
    /// The actor would give away more than they hold.
    #[error("{by} may not give {to} a role higher than their own")]
    Escalation {
        /// Who tried.
        by: Label,
        /// Who would get it.
        to: Label,
    },
    /// Nobody would own the workspace.
    #[error("the workspace would have no owner")]
    LastOwner,
    /// What is to be changed or removed is not there.
    #[error("there is no {what}")]
    Missing {
        /// What is not there.
        what: Label,
    },
    /// Another object of the kind has the name.
    #[error("there are two: {what}")]
    DuplicateName {
        /// The name that two would have.
        what: Label,
    },
    /// A field names an object that is not there.
    #[error("{subject}: {field} names {reference}, which does not exist")]
    Dangling {
        /// Whose field it is.
        subject: Label,
        /// The field.
        field: &'static str,
        /// What it names.
        reference: Label,
    },
    /// What is to be removed is needed by others.
    #[error("{what} is needed by {}", list(by))]
    InUse {
        /// What is to be removed.
        what: Label,
        /// Who needs it.
        by: Vec<Label>,
    },
    /// Two pools share addresses.
    #[error("{subject}: pool {pool} overlaps {other_pool} of {other}")]
    Overlap {
        /// The second network.
        subject: Label,
        /// Its pool.
        pool: Cidr,
        /// The first network, or the same one.
        other: Label,
        /// Its pool.
        other_pool: Cidr,
    },
    /// Two peers have one key.
    #[error("{subject} has the key of {other}")]
    DuplicateKey {
        /// The second peer.
        subject: Label,
        /// The first.
        other: Label,
    },
    /// Two peers have one address.
    #[error("{subject} has the address {address} of {other}")]
    DuplicateAddress {
        /// The second peer.
        subject: Label,
        /// The first.
        other: Label,
        /// The address.
        address: IpAddr,
    },
    /// A network has no address left for a peer.
    #[error("{subject} gets no address: {network} has {left} of {size} left{}", waiting(*.quarantined))]
    Exhausted {
        /// The peer.
        subject: Label,
        /// The network.
        network: Label,
        /// How many addresses were left for this change in the pool that gave out.
        left: u64,
        /// How many that pool has.
        size: u64,
        /// How many of them were released and wait until nobody names them any more.
        quarantined: u64,
    },
    /// An address was another peer's, and somebody may still name it as that.
    #[error(
        "{subject} gets the address {address}, which was released at revision {since} and waits for acknowledgement"
    )]
    Quarantined {
        /// The peer that would have it.
        subject: Label,
        /// The address.
        address: IpAddr,
        /// The revision that released it.
        since: Revision,
    },
    /// An object cannot have been the one that it is said to have been.
    #[error("{subject} is said to have been {from}, {}", if *both { "but both are there" } else { "which is not there" })]
    NotRenamed {
        /// The object under its new name.
        subject: Label,
        /// The name that it is said to have had.
        from: Name,
        /// Whether objects of both names are there; else there is none of the old name.
        both: bool,
    },
    /// So much would go at once that it may be a mistake.
    #[error("{removed} of {of} objects would go, {peers} of {of_peers} peers among them")]
    MassRemoval {
        /// How many objects would go.
        removed: usize,
        /// How many there are.
        of: usize,
        /// How many peers would go.
        peers: usize,
        /// How many there are.
        of_peers: usize,
    },
    /// The actor may not say that removals were acknowledged.
    #[error("{by} may not say that removals were acknowledged: that takes {}", Permission::WorkspaceWrite)]
    ForbiddenAcknowledgement {
        /// Who tried.
        by: Label,
    },
    /// Two things that are asked for exclude each other.
    #[error("{subject}: {why}")]
    Contradiction {
        /// What is asked for.
        subject: Label,
        /// The field that says so.
        field: &'static str,
        /// What stands against it, in words.
        why: String,
        /// What to do about it.
        remedy: String,
    },
}

fn waiting(quarantined: u64) -> String {
    if quarantined == 0 { String::new() } else { format!(", and {quarantined} wait until nobody names them any more") }
}

fn list(labels: &[Label]) -> String {
    labels.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Violation {
    /// So many objects may always go in one change set (chosen: a person can look over ten).
    pub const FEW_REMOVALS: usize = 10;

    /// The object that it is about; `None` if it is about the workspace.
    pub fn subject(&self) -> Option<ObjectId> {
        match self {
            Self::LastOwner | Self::MassRemoval { .. } => None,
            Self::ForbiddenAcknowledgement { by } => Some(by.id()),
            Self::Forbidden { what, .. } | Self::InUse { what, .. } => Some(what.id()),
            Self::Missing { what } | Self::DuplicateName { what } => Some(what.id()),
            Self::Escalation { to, .. } => Some(to.id()),
            Self::Dangling { subject, .. }
            | Self::Overlap { subject, .. }
            | Self::DuplicateKey { subject, .. }
            | Self::DuplicateAddress { subject, .. }
            | Self::Exhausted { subject, .. }
            | Self::Quarantined { subject, .. }
            | Self::NotRenamed { subject, .. }
            | Self::Contradiction { subject, .. } => Some(subject.id()),
        }
    }

    /// The field of the object that it is about, as documents spell it; `None` if it is about the whole object.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Dangling { field, .. } | Self::Contradiction { field, .. } => Some(field),
            Self::Overlap { .. } => Some("pools"),
            Self::DuplicateKey { .. } => Some("key"),
            Self::DuplicateAddress { .. } | Self::Quarantined { .. } => Some("addresses"),
            _ => None,
        }
    }
}

crate::coded! { Violation: Caller, again if (Self::Quarantined { .. } | Self::Exhausted { quarantined: 1.., .. });
    Self::Forbidden { .. } => ("change.forbidden", "ask an admin or an owner");
    Self::Escalation { .. } => ("change.escalation", "ask somebody who holds that role");
    Self::LastOwner => ("change.last_owner", "give somebody the role owner first");
    Self::Missing { .. } => ("change.missing", "look at the current revision, and try again");
    Self::DuplicateName { .. } => ("change.duplicate_name", "choose another name");
    Self::Dangling { reference, .. } => ("change.dangling", format!("declare {reference}, or name one that exists"));
    Self::InUse { by, .. } => ("change.in_use", format!("change or remove {} first", list(by)));
    Self::Overlap { other, .. } => ("change.overlap", format!("choose a pool outside those of {other}"));
    Self::DuplicateKey { .. } => ("change.duplicate_key", "make a key pair of its own on each machine");
    Self::DuplicateAddress { .. } => ("change.duplicate_address", "choose another address, or leave the choice to the workspace");
    Self::Exhausted { network, quarantined, .. } => ("change.exhausted", match quarantined {
        0 => format!("give {network} a larger pool, or remove peers"),
        _ => format!("wait until every node has acknowledged the removals, or give {network} a larger pool"),
    });
    Self::Quarantined { .. } => ("change.quarantined", "wait until every node has acknowledged the removal, or choose another address");
    Self::NotRenamed { both, .. } => ("change.not_renamed", match both {
        true => "leave out renamed_from, or remove one of the two first",
        false => "name what is there now, or leave out renamed_from",
    });
    Self::MassRemoval { .. } => ("change.mass_removal", "look at what the change was made from; if it is meant, allow the mass removal");
    Self::ForbiddenAcknowledgement { .. } => ("change.forbidden_acknowledgement", "leave it to control, which hears the acknowledgements");
    Self::Contradiction { remedy, .. } => ("change.contradiction", remedy.as_str());
}

impl fmt::Display for crate::change::Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::Control => f.write_str("control"),
        }
    }
}

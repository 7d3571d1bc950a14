//! The records of the log: who did what, when, and what followed for whom. The audit trail and the source of all state.
//!
//! **Invariant: state is a fold over records.** A record holds the changes *and* the generations that followed from them, so
//! that a replay gives the same generations and digests without compiling anything. No secret is in a record: join keys
//! are there as hashes.
//!
//! The form is a version byte, then JSON: a log is read more often by people in trouble than it is written.

use nanami_model::{Actor, ChangeSet, Digest, Epoch, Generation, Name, PeerId, Revision, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::store::Entry;

/// One entry of a workspace's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When control decided, by its clock.
    pub at: Timestamp,
    /// Who asked for it.
    pub by: Actor,
    /// What was done.
    pub act: Act,
    /// The changes that made the next revision; empty when only generations moved.
    pub changes: ChangeSet,
    /// The peers whose map changed, with what it became.
    pub touched: Vec<Touched>,
    /// How the workspace began; in the record of revision 1 alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub founded: Option<Founded>,
}

/// What a record stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Act {
    /// A plan was applied.
    Applied {
        /// The plan's id, as people say it.
        plan: String,
        /// Who approved it.
        approvals: Vec<Approval>,
    },
    /// A join key was made or taken back.
    JoinKey,
    /// A key pair became a peer.
    Joined {
        /// The peer.
        peer: PeerId,
    },
    /// Another version of Nanami compiles the same intent to other maps.
    Recompiled,
    /// Clients go by other gateways, because of what was reported of these.
    Rechosen,
    /// The store was restored from a backup, and the epoch raised so that every peer takes its map again.
    Restored {
        /// The new epoch.
        epoch: Epoch,
    },
}

/// Somebody's consent to a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

/// A peer whose map changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touched {
    /// The peer.
    pub peer: PeerId,
    /// The generation of its new map.
    pub generation: Generation,
    /// The digest of that map's content.
    pub digest: Digest,
}

/// How a workspace began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Founded {
    /// The workspace.
    pub workspace: Name,
    /// Its first owner.
    pub owner: Name,
}

/// The bytes of an entry are no record.
#[derive(Debug, thiserror::Error)]
#[error("entry {revision} of the log is damaged: {what}")]
pub struct BadRecord {
    pub(super) revision: Revision,
    pub(super) what: String,
}

impl Record {
    /// The record as the entry of `revision`.
    #[must_use]
    pub(crate) fn to_entry(&self, revision: Revision) -> Entry {
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, self).expect("records hold strings, numbers and lists only");
        Entry::new(revision, bytes)
    }

    /// The record in an entry.
    ///
    /// # Errors
    /// [`BadRecord`] for an unknown version or damaged bytes.
    pub(crate) fn from_entry(entry: &Entry) -> Result<Record, BadRecord> {
        let bad = |what| BadRecord { revision: entry.revision(), what };
        match entry.bytes().split_first() {
            Some((&VERSION, json)) => serde_json::from_slice(json).map_err(|error| bad(error.to_string())),
            Some((version, _)) => Err(bad(format!("version {version} is not known here"))),
            None => Err(bad("it is empty".into())),
        }
    }
}

/// Digests have no text form of their own: hexadecimal, as people compare them.
#[derive(Serialize, Deserialize)]
struct TouchedText {
    peer: PeerId,
    generation: Generation,
    digest: String,
}

impl Serialize for Touched {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digest = self.digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        TouchedText { peer: self.peer, generation: self.generation, digest }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Touched {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Touched, D::Error> {
        let text = TouchedText::deserialize(deserializer)?;
        let digest = blake3::Hash::from_hex(&text.digest).map_err(serde::de::Error::custom)?;
        Ok(Touched { peer: text.peer, generation: text.generation, digest: Digest::from_bytes(*digest.as_bytes()) })
    }
}

const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use nanami_model::{Draft, Intent, JoinKey, JoinSecret, Peer, User, name};

    use super::*;

    fn record() -> Record {
        let empty = Intent::new(name!("acme"), User::new(name!("netops")));
        let mut draft: Draft = empty.draft();
        let peer = draft.add(Peer::new(name!("api")));
        draft.add_join_key(JoinKey::one_off(name!("api")).for_peer(peer), |id| JoinSecret::new(id, [9; 20]).hash());
        let digest = Digest::from_bytes([0xa5; 32]);
        Record {
            at: Timestamp::from_millis(5),
            by: empty.owner(),
            act: Act::Applied { plan: "p-1".into(), approvals: Vec::new() },
            changes: draft.into_changes().with_reason("first"),
            touched: vec![Touched { peer, generation: Generation::new(1), digest }],
            founded: Some(Founded { workspace: name!("acme"), owner: name!("netops") }),
        }
    }

    #[test]
    fn a_record_comes_back() {
        let entry = record().to_entry(Revision::new(1));
        assert_eq!(Record::from_entry(&entry).unwrap(), record());
    }

    #[test]
    fn damaged_bytes_name_their_revision_and_never_panic() {
        let bytes = record().to_entry(Revision::new(7)).bytes().to_vec();
        for length in 0..bytes.len() {
            let error = Record::from_entry(&Entry::new(Revision::new(7), bytes[..length].to_vec())).unwrap_err();
            assert!(error.to_string().contains("entry 7"));
        }
        let newer = Record::from_entry(&Entry::new(Revision::new(7), vec![9])).unwrap_err();
        assert!(newer.to_string().contains("version 9"), "{newer}");
    }

    #[test]
    fn sec_02_no_record_holds_a_string_that_redeems() {
        let peer_key = JoinSecret::new(nanami_model::JoinKeyId::from_bytes([1; 10]), [9; 20]).expose();
        let text = String::from_utf8(record().to_entry(Revision::new(1)).bytes().to_vec()).unwrap();
        assert!(!text.contains("nnm_jk_") && !text.contains(&peer_key[24..50]), "{text}");
    }
}

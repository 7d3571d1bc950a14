//! What operators and control say to each other over HTTP, as JSON. Both ends use these types.
//!
//! **Invariant: names, not ids, identify objects to people**; ages are in the unit that their name ends with. Fields are added,
//! never renamed. No answer but [`JoinKeyMade`] holds a secret, and that one does not print it.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use nanami_model::{Epoch, Generation, Name, PeerId, PublicKey, Revision, Timestamp};
use serde::{Deserialize, Serialize};

/// A proposed plan, beside the current revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanView {
    /// What `approve` and `apply` take.
    pub plan: String,
    /// The revision on which its effect was shown.
    pub base: Revision,
    /// Why it was proposed.
    pub reason: Option<String>,
    /// How many objects change.
    pub changes: usize,
    /// How many flows become possible, end, take another way, may stall, and stay.
    pub gained: usize,
    /// See `gained`.
    pub lost: usize,
    /// See `gained`.
    pub rerouted: usize,
    /// See `gained`.
    pub disturbed: usize,
    /// See `gained`.
    pub kept: usize,
    /// The peers whose map changes.
    pub peers: Vec<Name>,
    /// Assertions that would not hold; `apply` refuses while there are any.
    pub broken_assertions: Vec<String>,
    /// Who has approved.
    pub approved_by: Vec<Name>,
    /// Whose consent is missing; empty when it may be applied.
    pub waiting_for: Vec<WaitingView>,
    /// The same for people.
    pub text: String,
}

/// A group whose consent is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingView {
    /// The group.
    pub group: Name,
    /// Who could give it.
    pub could: Vec<Name>,
}

/// A plan that became a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedView {
    /// The plan.
    pub plan: String,
    /// The revision that it made.
    pub revision: Revision,
    /// The peers that have not taken their new map over yet.
    pub waiting: Vec<Name>,
}

/// A workspace: desired beside observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The workspace.
    pub workspace: Name,
    /// The current revision.
    pub revision: Revision,
    /// The epoch of every map.
    pub epoch: Epoch,
    /// Control's time.
    pub at: Timestamp,
    /// The peers, by name.
    pub peers: Vec<PeerStatus>,
}

/// A peer: desired beside observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Its name.
    pub name: Name,
    /// Its id.
    pub peer: PeerId,
    /// Its key; `None` while it is pending.
    pub key: Option<PublicKey>,
    /// Its overlay addresses.
    pub addresses: Vec<IpAddr>,
    /// `planned`, `matching`, `behind`, `altered` or `unknown`.
    pub state: String,
    /// The generation that it should run; `None` while there is no map for it.
    pub desired: Option<Generation>,
    /// The generation that it last said it runs.
    pub applied: Option<Generation>,
    /// How old that report is.
    pub report_age_ms: Option<u64>,
    /// Where it listens, as it reported.
    pub endpoints: Vec<SocketAddr>,
    /// Its tunnels.
    pub links: Vec<LinkStatus>,
    /// Prefixes that a standby carries for it.
    pub takeovers: Vec<TakeoverStatus>,
    /// Packets that it refused, and that are named in `attempts` or beyond them.
    pub refused_packets: u64,
    /// Who tried what in vain, the busiest first.
    pub attempts: Vec<AttemptStatus>,
    /// What somebody altered there, a sentence for each part or entry.
    #[serde(default)]
    pub altered: Vec<String>,
}

/// One tunnel, as one end reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// The neighbor; `None` when the peer names one that the workspace does not know.
    pub to: Option<Name>,
    /// Whether the neighbor is a gateway.
    pub gateway: bool,
    /// Where datagrams go.
    pub endpoint: Option<SocketAddr>,
    /// How long ago the last handshake was, when the report was made.
    pub handshake_age_ms: Option<u64>,
    /// How many handshakes there were.
    pub handshakes: u64,
    /// Round trip of the last probe inside the tunnel.
    pub rtt_us: Option<u64>,
    /// Bytes that came out of the tunnel.
    pub received_bytes: u64,
    /// Bytes that went into it.
    pub sent_bytes: u64,
}

/// A prefix that a standby carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeoverStatus {
    /// The prefix.
    pub prefix: String,
    /// Who carries it; `None` when that is nobody in the map.
    pub by: Option<Name>,
    /// Its rank in the map: a choice inside the plan. `None` is drift.
    pub rank: Option<u8>,
}

/// Something that was tried in vain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptStatus {
    /// Who tried; `None` when the source is nobody's.
    pub from: Option<Name>,
    /// The address that was wanted.
    pub to: IpAddr,
    /// The service that was wanted.
    pub service: String,
    /// How many packets were refused.
    pub count: u64,
    /// How long ago the last one was, when the report was made.
    pub last_age_ms: u64,
}

/// Why a flow passes, or does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplanationView {
    /// Whether it may pass.
    pub allowed: bool,
    /// The whole explanation for people: every link of the chain, what blocks, what would repair.
    pub text: String,
}

/// Asks for a join key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinKeyRequest {
    /// Its name.
    pub name: Name,
    /// The pending peer that it fills; `None` makes a peer of the key's name.
    #[serde(default)]
    pub peer: Option<Name>,
    /// How long it works; `None` for ever.
    #[serde(default)]
    pub expires_in_ms: Option<u64>,
}

/// A join key that was made. The string is a secret and shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinKeyMade {
    /// What a peer joins with.
    pub join_string: String,
}

impl fmt::Debug for JoinKeyMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinKeyMade(…)")
    }
}

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryView {
    /// The revision that it made.
    pub revision: Revision,
    /// When.
    pub at: Timestamp,
    /// Who: a user, or `control`.
    pub by: String,
    /// What: `applied`, `join_key`, `joined`, `recompiled`, `restored`.
    pub act: String,
    /// The plan that was applied.
    pub plan: Option<String>,
    /// Who approved it.
    pub approved_by: Vec<String>,
    /// Why.
    pub reason: Option<String>,
    /// How many objects changed.
    pub changes: usize,
    /// How many peers got a new map.
    pub touched: usize,
}

/// Why a request was not fulfilled: a problem document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail} [{code}]; {remedy}")]
pub struct Problem {
    /// The stable code of the error.
    #[serde(rename = "type")]
    pub code: String,
    /// What could not be done, in short.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What stands against it.
    pub detail: String,
    /// What to do about it.
    pub remedy: String,
    /// Every single reason, when there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemEntry>,
}

/// One of several reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemEntry {
    /// Its stable code.
    pub code: String,
    /// What stands against the request.
    pub detail: String,
    /// What to do about it.
    pub remedy: String,
    /// Where in the document: line, column and path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

//! Recordings: a workspace as it was at one moment, with all that was reported, to be read again elsewhere.
//!
//! **Invariants**: what is read keeps every rule of an [`Intent`], ids and revision are those that were recorded, and no report is
//! longer than one that a peer may send. Join keys and sessions are not recorded: whoever explains a network needs neither.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::generation::{Generation, Revision};
use crate::id::PeerId;
use crate::intent::Intent;
use crate::name::Name;
use crate::object::{Object, ObjectId};
use crate::observed::{Observed, Sighting};
use crate::refused::Refused;
use crate::report::Report;
use crate::time::Timestamp;
use crate::tlv::MessageError;

/// A workspace as it was at one moment. `serde` writes and reads it; as JSON it is what a control plane hands out.
///
/// ```
/// use nanami_model::{Intent, Observed, Recording, Timestamp, User, name};
/// use std::collections::BTreeMap;
///
/// let (acme, at) = (Intent::new(name!("acme"), User::new(name!("netops"))), Timestamp::from_millis(1_764_000_000_000));
/// let recording = Recording::new(&acme, Observed::none(), BTreeMap::new(), at);
/// let again: Recording = serde_json::from_str(&serde_json::to_string(&recording)?)?;
/// assert_eq!((again.intent().revision(), again.at()), (acme.revision(), at));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct Recording {
    intent: Intent,
    observed: Observed,
    generations: BTreeMap<PeerId, Generation>,
    selection: Option<String>,
    at: Timestamp,
}

/// A recording that cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// It was written in a form that this release does not know.
    #[error("this is a recording of form {found}; this release reads form {FORMAT}")]
    Format {
        /// The form that it says.
        found: u8,
    },
    /// Its objects are no workspace.
    #[error("the recorded objects are no workspace: {0}")]
    Refused(#[from] Refused),
    /// A report in it cannot be read.
    #[error("the report of {peer} cannot be read: {cause}")]
    Report {
        /// Whose report.
        peer: PeerId,
        /// What is wrong with it.
        cause: MessageError,
    },
    /// A report in it is no base64.
    #[error("the report of {peer} is no base64")]
    Encoding {
        /// Whose report.
        peer: PeerId,
    },
}

crate::coded! { RecordingError: Caller;
    Self::Format { .. } => ("recording.format", "read it with the release that wrote it, or record the workspace again");
    Self::Refused(refused) => (of refused);
    Self::Report { .. } => ("recording.report", "record the workspace again; whoever changed the file broke the report");
    Self::Encoding { .. } => ("recording.encoding", "record the workspace again; whoever changed the file broke the report");
}

const FORMAT: u8 = 1;

impl Recording {
    /// Whether a text is a recording, or would be if nothing is wrong with it: its first field says so.
    pub fn is_in(text: &str) -> bool {
        text.trim_start().strip_prefix('{').is_some_and(|rest| rest.trim_start().starts_with("\"recording\""))
    }

    /// Records a workspace: the intent, what was last reported, which generation each peer should run, and when that was.
    pub fn new(intent: &Intent, observed: &Observed, generations: BTreeMap<PeerId, Generation>, at: Timestamp) -> Self {
        Self { intent: intent.clone(), observed: observed.clone(), generations, selection: None, at }
    }

    /// Adds which gateways serve whom, in the planner's own words: the model does not read them.
    pub fn with_selection(self, selection: String) -> Self {
        Self { selection: Some(selection), ..self }
    }

    /// Which gateways serve whom, in the planner's own words; `None` where nobody chose, and the order of the document holds.
    pub fn selection(&self) -> Option<&str> {
        self.selection.as_deref()
    }

    /// What people asked for.
    pub fn intent(&self) -> &Intent {
        &self.intent
    }

    /// What was last reported.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Which generation of its map each peer should run.
    pub fn generations(&self) -> &BTreeMap<PeerId, Generation> {
        &self.generations
    }

    /// When it was recorded, by control's clock. Ages are ages at this moment.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

/// What is written.
#[derive(Serialize, Deserialize)]
struct Form {
    recording: u8,
    at: Timestamp,
    workspace: Name,
    revision: Revision,
    objects: Vec<Object>,
    generations: BTreeMap<PeerId, Generation>,
    reports: Vec<Reported>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    selection: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Reported {
    peer: PeerId,
    received: Timestamp,
    /// [`Report::encode`] in base64: the form that is versioned.
    report: String,
}

impl From<Recording> for Form {
    fn from(recording: Recording) -> Self {
        let intent = &recording.intent;
        let reported = |(peer, sighting): (PeerId, &Sighting)| Reported {
            peer,
            received: sighting.received,
            report: STANDARD.encode(sighting.report.encode()),
        };
        Self {
            recording: FORMAT,
            at: recording.at,
            workspace: intent.name().clone(),
            revision: intent.revision(),
            objects: recorded(intent).filter_map(|id| intent.object(id)).collect(),
            reports: recording.observed.iter().map(reported).collect(),
            generations: recording.generations,
            selection: recording.selection,
        }
    }
}

/// Everything but join keys and sessions.
fn recorded(intent: &Intent) -> impl Iterator<Item = ObjectId> {
    intent.ids().filter(|id| !matches!(id, ObjectId::JoinKey(_) | ObjectId::Session(_)))
}

impl TryFrom<Form> for Recording {
    type Error = RecordingError;

    fn try_from(form: Form) -> Result<Self, RecordingError> {
        if form.recording != FORMAT {
            return Err(RecordingError::Format { found: form.recording });
        }
        let intent = Intent::from_objects(form.workspace, form.objects)?.at_revision(form.revision);
        let mut observed = Observed::none().clone();
        for Reported { peer, received, report } in form.reports {
            let bytes = STANDARD.decode(report).map_err(|_| RecordingError::Encoding { peer })?;
            let report = Report::decode(&bytes).map_err(|cause| RecordingError::Report { peer, cause })?;
            // Of two reports of one peer the newer one stays, as when they came.
            let _ = observed.record(peer, report, received);
        }
        let Form { generations, selection, at, .. } = form;
        Ok(Self { intent, observed, generations, selection, at })
    }
}

#[cfg(test)]
#[cfg(feature = "toml")]
mod tests {
    use super::*;
    use crate::generation::Epoch;
    use crate::{Actor, JoinKey, JoinSecret, NetworkId, PrivateKey, Redemption, name};

    fn recording() -> Recording {
        let acme = Intent::from_toml(include_str!("sample/acme.toml")).unwrap();
        let (peer, _) = acme.peers().next().unwrap();
        let mut observed = Observed::none().clone();
        let report = Report { epoch: Epoch::new(1), generation: Generation::new(7), ..Report::default() };
        observed.record(peer, report, Timestamp::from_millis(5)).unwrap();
        let generations = BTreeMap::from([(peer, Generation::new(8))]);
        Recording::new(&acme, &observed, generations, Timestamp::from_millis(9)).with_selection("chosen".to_owned())
    }

    #[test]
    fn what_is_recorded_reads_as_it_was() {
        assert!(Recording::is_in(&serde_json::to_string(&recording()).unwrap()));
        assert!(!Recording::is_in(include_str!("sample/acme.toml")) && !Recording::is_in("{ \"workspace\": {} }"));
        let was = recording();
        let is: Recording = serde_json::from_str(&serde_json::to_string(&was).unwrap()).unwrap();
        assert_eq!((is.at(), is.intent().revision()), (was.at(), was.intent().revision()));
        assert_eq!((is.observed(), is.generations()), (was.observed(), was.generations()));
        assert_eq!(is.selection(), Some("chosen"));
        let objects = |r: &Recording| recorded(r.intent()).filter_map(|id| r.intent().object(id)).collect::<Vec<_>>();
        assert_eq!(objects(&is), objects(&was));
        assert_eq!(objects(&is).len(), 34);
    }

    #[test]
    fn who_came_by_a_join_key_is_recorded_without_it() {
        let (acme, secret) = (Intent::from_toml(include_str!("sample/acme.toml")).unwrap(), [3; 20]);
        let mut draft = acme.draft();
        let build = acme.id::<NetworkId>("build").unwrap();
        let key = JoinKey::one_off(name!("fleet")).with_networks([build]);
        let id = draft.add_join_key(key, |id| JoinSecret::new(id, secret).hash());
        let acme = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
        let (key, now) = (PrivateKey::from_bytes([5; 32]).public(), Timestamp::from_millis(1));
        let Ok(Redemption::Admit { peer, changes, .. }) = acme.redeem(&JoinSecret::new(id, secret), key, now) else {
            panic!("the key is good");
        };
        let acme = acme.apply(Actor::Control, &changes).unwrap();
        assert_eq!(acme.get(peer).unwrap().join_key(), Some(id));
        let text = serde_json::to_string(&Recording::new(&acme, Observed::none(), BTreeMap::new(), now)).unwrap();
        let is: Recording = serde_json::from_str(&text).unwrap();
        assert_eq!((is.intent().get(peer), is.intent().join_keys().len()), (acme.get(peer), 0));
        assert!(!text.contains("hash"), "{text}");
    }

    #[test]
    fn what_is_wrong_with_a_recording_is_said() {
        let value = serde_json::to_value(recording()).unwrap();
        let spoilt = |with: &dyn Fn(&mut serde_json::Value)| {
            let mut value = value.clone();
            with(&mut value);
            serde_json::from_value::<Recording>(value).unwrap_err().to_string()
        };
        assert!(spoilt(&|v| v["recording"] = 9.into()).contains("form 9"));
        assert!(spoilt(&|v| v["reports"][0]["report"] = "!".into()).contains("base64"));
        assert!(spoilt(&|v| v["reports"][0]["report"] = "AAAA".into()).contains("the report of peer_"));
        assert!(spoilt(&|v| v["objects"] = Vec::<u8>::new().into()).contains("no workspace"));
    }
}

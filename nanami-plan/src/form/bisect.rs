//! Bisections: what each document says, and where that turned.

use serde::{Serialize, Serializer};

use super::comparison::ComparisonForm;
use super::{Head, Kind};
use crate::bisect::{Bisected, Verdict};

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct BisectedForm {
    #[serde(flatten)]
    head: Head,
    flow: String,
    last: VerdictForm,
    turn: Option<TurnForm>,
    documents: Vec<Asked>,
}

/// What one document says of the flow.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum VerdictForm {
    Allowed,
    Denied,
    /// One of its ends is not there.
    Unknown,
}

/// Where the verdict turned last.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct TurnForm {
    before: String,
    after: String,
    #[cfg_attr(feature = "schema", schemars(with = "crate::Comparison"))]
    culprit: ComparisonForm,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Asked {
    file: String,
    verdict: VerdictForm,
}

impl From<Verdict> for VerdictForm {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Allowed => Self::Allowed,
            Verdict::Denied => Self::Denied,
            Verdict::Unknown => Self::Unknown,
        }
    }
}

impl Serialize for Bisected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let turn = self.turn.as_ref().map(|turn| TurnForm {
            before: turn.before.clone(),
            after: turn.after.clone(),
            culprit: ComparisonForm::of(&turn.culprit),
        });
        let asked = |(file, verdict): &(String, Verdict)| Asked { file: file.clone(), verdict: (*verdict).into() };
        let documents = self.documents.iter().map(asked).collect();
        BisectedForm {
            head: Head::of(Kind::Bisected),
            flow: self.flow.clone(),
            last: self.last().into(),
            turn,
            documents,
        }
        .serialize(serializer)
    }
}

//! Assertions: which hold, and what breaks the others.

use serde::{Serialize, Serializer};

use super::{Head, Kind};
use crate::assertion::{AssertionsFailed, Broken};
use crate::judgement::Judgement;

/// How many hold, and the others.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Judged {
    total: usize,
    held: usize,
    broken: Vec<BrokenForm>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct BrokenForm {
    assertion: String,
    cause: String,
    others: usize,
}

impl Judged {
    pub(super) fn of(total: usize, checked: &Result<(), AssertionsFailed>) -> Self {
        let broken: &[Broken] = checked.as_ref().err().map(AssertionsFailed::broken).unwrap_or_default();
        let form = |broken: &Broken| BrokenForm {
            assertion: broken.assertion.to_string(),
            cause: broken.cause.clone(),
            others: broken.others,
        };
        Self { total, held: total.saturating_sub(broken.len()), broken: broken.iter().map(form).collect() }
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct JudgementForm {
    #[serde(flatten)]
    head: Head,
    workspace: String,
    #[serde(flatten)]
    judged: Judged,
}

impl Serialize for Judgement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let judged = Judged::of(self.names.len(), &self.checked);
        JudgementForm { head: Head::of(Kind::Assertions), workspace: self.workspace.to_string(), judged }
            .serialize(serializer)
    }
}

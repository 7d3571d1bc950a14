//! Reach: who gets where.

use serde::{Serialize, Serializer};

use super::passage::{End, PassageForm};
use super::{Head, Kind, Listed};
use crate::reach::{Reach, Who};

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct ReachForm<'a> {
    #[serde(flatten)]
    head: Head,
    revision: u64,
    who: WhoForm,
    passages: Listed<PassageForm>,
    people: &'a [String],
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum WhoForm {
    From(String),
    To(End),
    User(String),
}

impl Serialize for Reach {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = &self.names;
        let form = ReachForm {
            head: Head::of(Kind::Reach),
            revision: self.revision.value(),
            who: match self.who {
                Who::From(peer) => WhoForm::From(names.of(peer)),
                Who::To(to) => WhoForm::To(End::of(to, names)),
                Who::User(user) => WhoForm::User(names.of(user)),
            },
            passages: Listed::of(self.rows.iter(), |(passage, used)| PassageForm::of(passage, names, *used)),
            people: &self.people,
        };
        form.serialize(serializer)
    }
}

//! The verbs: what each of them asks of a workspace.

pub(crate) mod bisect;
pub(crate) mod board;
pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod impact;
pub(crate) mod import;
pub(crate) mod manual;
pub(crate) mod plan;
pub(crate) mod reach;
pub(crate) mod status;
pub(crate) mod what_if;

use nanami::model::Intent;
use nanami::plan::{Desired, Selection, compile};

/// The state that an intent leads to, where nobody chose gateways and the order of the document holds.
fn desired(intent: &Intent) -> Desired {
    compile(intent, &Selection::default())
}

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
pub(crate) mod what_if;

use std::time::{SystemTime, UNIX_EPOCH};

use nanami::model::{Intent, Timestamp};
use nanami::plan::{Desired, Selection, compile};

/// The state that an intent leads to.
fn desired(intent: &Intent) -> Desired {
    compile(intent, &Selection::default())
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

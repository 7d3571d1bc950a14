//! Notices: what is legal and still suspicious, with its remedy.

use serde::Serialize;

use super::Listed;
use crate::notice::Notice;

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct NoticeForm {
    /// The stable code, such as `notice.empty_side`.
    code: &'static str,
    /// The kind and the name of what it is about.
    subject: String,
    field: &'static str,
    text: String,
    remedy: &'static str,
}

impl NoticeForm {
    pub(super) fn list(notices: &[Notice]) -> Listed<Self> {
        Listed::of(notices.iter(), |notice| Self {
            code: notice.code(),
            subject: notice.subject().to_string(),
            field: notice.field(),
            text: notice.text().to_owned(),
            remedy: notice.remedy(),
        })
    }
}

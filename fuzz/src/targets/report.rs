//! Reports, as peers send them: hostile ones too.

use nanami_model::Report;

use super::Outcome;

pub(super) fn target(data: &[u8]) -> Outcome {
    let Ok(report) = Report::decode(data) else { return Outcome::Refused };
    assert_eq!(Report::decode(&report.encode()).as_ref(), Ok(&report));
    assert!(report.links.len() <= Report::MAX_LINKS);
    assert!(report.attempts.len() <= Report::MAX_ATTEMPTS && report.usage.len() <= Report::MAX_ATTEMPTS);
    assert!(report.altered.len() <= Report::MAX_ALTERED);
    Outcome::Taken
}

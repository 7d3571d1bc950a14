//! Typed ids, as people paste them.

use nanami_model::{
    AssertionId, GatewayId, GroupId, JoinKeyId, NetworkId, PeerId, PolicyId, RegionId, RouteId, SessionId, TokenId,
    UserId, WorkspaceId,
};

use super::{Outcome, text};

pub(super) fn target(data: &[u8]) -> Outcome {
    let outcomes = [
        text::prints_as_read::<AssertionId>(data),
        text::prints_as_read::<GatewayId>(data),
        text::prints_as_read::<GroupId>(data),
        text::prints_as_read::<JoinKeyId>(data),
        text::prints_as_read::<NetworkId>(data),
        text::prints_as_read::<PeerId>(data),
        text::prints_as_read::<PolicyId>(data),
        text::prints_as_read::<RegionId>(data),
        text::prints_as_read::<RouteId>(data),
        text::prints_as_read::<SessionId>(data),
        text::prints_as_read::<TokenId>(data),
        text::prints_as_read::<UserId>(data),
        text::prints_as_read::<WorkspaceId>(data),
    ];
    match outcomes.iter().filter(|outcome| **outcome == Outcome::Taken).count() {
        0 => Outcome::Refused,
        1 => Outcome::Taken,
        kinds => panic!("one text is an id of {kinds} kinds"),
    }
}

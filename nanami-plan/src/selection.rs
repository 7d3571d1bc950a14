//! Which gateways carry what, and in which order.
//!
//! **Invariant**: a rank is a gateway of the list that was asked for; ranks are distinct; a list that names a gateway gets one,
//! so that a choice of gateways never takes access away (access is policies' to decide).

use nanami_model::{Activity, GatewayId, Intent};

/// How gateways are chosen. The default takes each list in the order of the document. A gateway that is draining is taken
/// only where no other is left: emptying one must not cut anybody off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selection {}

impl Selection {
    /// The gateways of the list that serve, best first; at most `limit`.
    pub(crate) fn rank(&self, intent: &Intent, listed: &[GatewayId], limit: usize) -> Vec<GatewayId> {
        let with = |activity| {
            let is = move |id: &&GatewayId| intent.get(**id).is_some_and(|g| g.activity() == activity);
            listed.iter().filter(is).copied().take(limit).collect::<Vec<_>>()
        };
        let active = with(Activity::Active);
        if active.is_empty() { with(Activity::Draining) } else { active }
    }
}

//! The files of limited-mode peers: plain WireGuard devices that stand behind a gateway.
//!
//! **Invariant**: a file names exactly the addresses that the device exchanges packets with: what it may reach, what may reach it,
//! and its gateway's own, from which its health is asked. The gateway enforces policies; a file that says more gains nothing.

use std::collections::BTreeSet;

use nanami_model::wg_quick::Export;
use nanami_model::{Cidr, Destination, Entity as _, PeerId};

use crate::base::Base;
use crate::desired::{Desired, KEEPALIVE};

impl Desired {
    /// The file of a limited-mode peer, without its private key and without the endpoint of its gateway, which no intent knows.
    /// `None` for a managed peer, for one that is not there, and while its gateway is pending.
    pub fn wg_quick_for(&self, peer: PeerId) -> Option<Export> {
        let intent = self.intent();
        let device = intent.get(peer)?;
        let gateway = intent.get(device.mode().gateway()?)?;
        let bearer = intent.get(gateway.peer())?;
        let mut ranges: BTreeSet<Cidr> = bearer.addresses().iter().copied().map(Cidr::host).collect();
        for (to, _) in self.access().from(peer) {
            ranges.extend(self.ranges_of(to));
        }
        for (from, _) in self.access().to(Destination::Peer(peer)) {
            ranges.extend(self.ranges_of(Destination::Peer(from)));
        }
        let families = |range: &Cidr| device.addresses().iter().any(|own| own.is_ipv4() == range.is_ipv4());
        ranges.retain(families);
        let (name, addresses) = (device.name().clone(), device.addresses().iter().copied());
        let file = Export::new(name, addresses, bearer.name().clone(), bearer.key()?, ranges.into_iter().collect());
        Some(file.with_keepalive(KEEPALIVE))
    }

    fn ranges_of(&self, destination: Destination) -> Vec<Cidr> {
        match destination {
            Destination::Peer(id) => {
                let addresses = self.intent().get(id).map(|peer| peer.addresses()).unwrap_or_default();
                addresses.iter().copied().map(Cidr::host).collect()
            }
            Destination::Route(id) => self.intent().get(id).map(|route| route.prefixes().to_vec()).unwrap_or_default(),
            Destination::Address(_) => Vec::new(),
        }
    }
}

/// The peers whose files say something else, or nothing, after the change, by name.
pub(crate) fn stale(base: &Base, desired: &Desired) -> Vec<PeerId> {
    let Some(before) = &base.desired else { return Vec::new() };
    let limited = before.intent().peers().filter(|(_, peer)| peer.mode().gateway().is_some());
    let mark = |state: &Desired, id| state.wg_quick_for(id).map(|file| file.digest());
    let held = limited.filter_map(|(id, _)| Some((id, mark(before, id)?)));
    held.filter(|(id, was)| mark(desired, *id) != Some(*was)).map(|(id, _)| id).collect()
}

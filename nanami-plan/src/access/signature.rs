//! Signatures: which sides a peer is on, the same list for all peers on the same sides.
//!
//! **Invariant**: a signature is a path in a tree, its sides in ascending order from the root; a path is there once, so peers on
//! the same sides have the same signature.

use nanami_model::{PeerId, Slot};

use super::side::SideId;
use crate::paged::Paged;

/// A signature: a node of the tree; 0 is the root, on no side.
pub(crate) type SignatureId = u32;

const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Node {
    parent: SignatureId,
    side: SideId,
    /// The last child that was added.
    child: SignatureId,
    /// The sibling that was added before.
    next: SignatureId,
}

/// The signature of every peer.
#[derive(Debug, Clone)]
pub(crate) struct Signatures {
    nodes: Paged<Node>,
    of: Paged<SignatureId>,
}

/// Makes the signatures of many peers, side by side.
pub(crate) struct Signing {
    nodes: Vec<Node>,
    of: Vec<SignatureId>,
}

impl Signing {
    pub(crate) fn new(bound: usize) -> Self {
        let root = Node { parent: NONE, side: NONE, child: NONE, next: NONE };
        Self { nodes: vec![root], of: vec![0; bound] }
    }

    /// Puts these peers on a side; sides come in ascending order.
    pub(crate) fn put(&mut self, side: SideId, members: impl Iterator<Item = Slot<PeerId>>) {
        // A child that was added since is the one for this side. Where hardly two peers are alike, looking at a node is most of what
        // this takes: each is far from the one before.
        let since = self.nodes.len() as u32;
        for slot in members {
            let Some(own) = self.of.get_mut(slot.index()) else { continue };
            let new = self.nodes.len() as u32;
            let parent = &mut self.nodes[*own as usize];
            if parent.child >= since && parent.child != NONE {
                *own = parent.child;
                continue;
            }
            let node = Node { parent: *own, side, child: NONE, next: parent.child };
            parent.child = new;
            self.nodes.push(node);
            *own = new;
        }
    }

    pub(crate) fn finish(self) -> Signatures {
        Signatures { nodes: self.nodes.into(), of: self.of.into() }
    }
}

impl Signatures {
    /// The signature of a peer.
    pub(crate) fn of(&self, peer: Slot<PeerId>) -> SignatureId {
        self.of.get(peer.index()).copied().unwrap_or(0)
    }

    /// The sides of a signature, the highest number first.
    pub(crate) fn sides(&self, signature: SignatureId) -> impl Iterator<Item = SideId> + '_ {
        let mut at = signature;
        std::iter::from_fn(move || {
            let node = self.nodes.get(at as usize).filter(|_| at != 0)?;
            at = node.parent;
            Some(node.side)
        })
    }

    /// Puts a peer on exactly these sides, which ascend. Adds what was looked at to `work`.
    pub(crate) fn set(&mut self, peer: Slot<PeerId>, sides: impl IntoIterator<Item = SideId>, work: &mut u64) {
        let mut at = 0;
        for side in sides {
            *work += 1;
            at = self.child(at, side, work);
        }
        self.take(peer, at);
    }

    /// Gives a peer a signature that is there.
    pub(crate) fn take(&mut self, peer: Slot<PeerId>, signature: SignatureId) {
        self.of.put(peer.index(), signature, &0);
    }

    fn child(&mut self, parent: SignatureId, side: SideId, work: &mut u64) -> SignatureId {
        let first = self.nodes.get(parent as usize).map_or(NONE, |node| node.child);
        let mut at = first;
        while let Some(node) = self.nodes.get(at as usize) {
            *work += 1;
            if node.side == side {
                return at;
            }
            at = node.next;
        }
        let new = self.nodes.len() as u32;
        self.nodes.push(Node { parent, side, child: NONE, next: first });
        if let Some(node) = self.nodes.get_mut(parent as usize) {
            node.child = new;
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_on_the_same_sides_share_a_signature_however_they_came_there() {
        let slots = |list: &[u32]| list.iter().map(|n| Slot::new(*n)).collect::<Vec<_>>().into_iter();
        let mut signing = Signing::new(5);
        signing.put(0, slots(&[0, 1, 2, 3]));
        signing.put(1, slots(&[1, 3]));
        signing.put(2, slots(&[1, 2, 3]));
        let mut signatures = signing.finish();
        let of = |signatures: &Signatures, n| signatures.of(Slot::new(n));
        assert_eq!(of(&signatures, 1), of(&signatures, 3));
        assert_ne!(of(&signatures, 1), of(&signatures, 2));
        assert_eq!(of(&signatures, 4), 0);
        assert_eq!(signatures.sides(of(&signatures, 1)).collect::<Vec<_>>(), [2, 1, 0]);
        let mut work = 0;
        signatures.set(Slot::new(0), [0, 1, 2], &mut work);
        signatures.set(Slot::new(4), [0, 3], &mut work);
        assert_eq!(of(&signatures, 0), of(&signatures, 1));
        assert_eq!(signatures.sides(of(&signatures, 4)).collect::<Vec<_>>(), [3, 0]);
        signatures.set(Slot::new(4), [], &mut work);
        assert_eq!(of(&signatures, 4), 0);
    }
}

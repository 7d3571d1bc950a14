//! The answer: who is told, in an order.

use nanami_model::{Entity, Intent, PeerId};

use crate::bitmap::Bitmap;

/// Those whose map a change makes another one: by the names of those who are there after it, then of those who are not. How many
/// they are is known without looking at their names.
#[derive(Debug)]
pub(crate) struct Recipients<'a> {
    after: &'a Intent,
    stay: Bitmap,
    gone: Vec<PeerId>,
    left: usize,
    /// In the order in which they come, once one was asked for.
    sorted: Option<std::vec::IntoIter<PeerId>>,
}

impl<'a> Recipients<'a> {
    pub(super) fn new(after: &'a Intent, stay: Bitmap, gone: Vec<PeerId>) -> Self {
        let left = stay.count() + gone.len();
        Self { after, stay, gone, left, sorted: None }
    }

    fn sort(&mut self) -> std::vec::IntoIter<PeerId> {
        let stay = self.stay.iter().filter_map(|slot| self.after.in_slot(slot));
        let mut stay: Vec<_> = stay.map(|(id, peer)| (peer.name(), id)).collect();
        stay.sort_unstable();
        let stay = stay.into_iter().map(|(_, id)| id);
        stay.chain(self.gone.drain(..)).collect::<Vec<_>>().into_iter()
    }
}

impl Iterator for Recipients<'_> {
    type Item = PeerId;

    fn next(&mut self) -> Option<PeerId> {
        if self.sorted.is_none() {
            self.sorted = Some(self.sort());
        }
        let next = self.sorted.as_mut()?.next()?;
        self.left -= 1;
        Some(next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Recipients<'_> {}

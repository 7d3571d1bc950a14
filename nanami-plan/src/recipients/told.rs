//! The answer: who is told, in an order.

use std::borrow::Cow;

use nanami_model::{Entity, Intent, PeerId};

use crate::bitmap::Bitmap;

/// Those whose map a change makes another one. How many they are is known without looking at their names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recipients {
    stay: Bitmap,
    gone: Vec<PeerId>,
    work: u64,
}

/// The recipients by the names of those who are there after the change, then of those who are not.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    after: &'a Intent,
    all: Cow<'a, Recipients>,
    left: usize,
    /// In the order in which they come, once one was asked for.
    sorted: Option<std::vec::IntoIter<PeerId>>,
}

impl Recipients {
    pub(crate) fn new(stay: Bitmap, gone: Vec<PeerId>, work: u64) -> Self {
        Self { stay, gone, work }
    }

    /// How much was looked at to find them.
    pub(crate) fn work(&self) -> u64 {
        self.work
    }

    /// All of them; `after` is the intent after the change.
    pub(crate) fn told<'a>(&'a self, after: &'a Intent) -> Told<'a> {
        Told { after, all: Cow::Borrowed(self), left: self.stay.count() + self.gone.len(), sorted: None }
    }

    /// The same, which keeps them.
    pub(crate) fn into_told(self, after: &Intent) -> Told<'_> {
        let left = self.stay.count() + self.gone.len();
        Told { after, all: Cow::Owned(self), left, sorted: None }
    }
}

impl Told<'_> {
    fn sort(&self) -> std::vec::IntoIter<PeerId> {
        let stay = self.all.stay.iter().filter_map(|slot| self.after.in_slot(slot));
        let mut stay: Vec<_> = stay.map(|(id, peer)| (peer.name(), id)).collect();
        stay.sort_unstable();
        let stay = stay.into_iter().map(|(_, id)| id);
        stay.chain(self.all.gone.iter().copied()).collect::<Vec<_>>().into_iter()
    }
}

impl Iterator for Told<'_> {
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

impl ExactSizeIterator for Told<'_> {}

//! The board of a view: every peer with its status, every link with what was seen of it and the explanation of it.

use nanami_model::Flow;

use super::{Board, Posture};
use crate::explain::Explanation;
use crate::view::View;

impl View<'_> {
    /// The desired state beside what was observed, as one picture. A link that is chosen shows exactly what
    /// [`View::explain`] says of its first service.
    pub fn board(&self) -> Board {
        let mut board = Board::of(self.desired());
        for (id, _) in self.desired().intent().peers() {
            let Some(status) = self.status(id) else { continue };
            let (desired, applied, age) = (status.desired(), status.applied(), status.age());
            board = board.with_posture(id, Posture { state: status.state(), desired, applied, age });
        }
        let explained = board.links.values().cloned().map(|link| {
            let service = link.services.iter().next().copied();
            let flow = service.map(|service| Flow { from: link.from, to: link.to, service });
            match flow.map(|flow| self.explain(&flow)) {
                Some(Explanation::Allowed(why)) => link.with_explanation(why.to_string(), String::new()),
                _ => link,
            }
        });
        let explained: Vec<_> = explained.collect();
        explained.into_iter().fold(board, Board::with_link).beside(self.observed(), self.now())
    }
}

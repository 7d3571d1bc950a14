//! The board of a view: every peer with its status, every link with what was seen of it and the explanation of it.

use nanami_model::{Destination, Flow, PeerId, Service};

use super::strand::Holds;
use super::{Board, Detail, Posture};
use crate::explain::Explanation;
use crate::view::View;

impl View<'_> {
    /// The desired state beside what was observed, as one picture. A link that is chosen shows exactly what
    /// [`View::explain`] says of its first service, and the command that prints it; links that are counted show one of them.
    pub fn board(&self) -> Board {
        self.board_in(Detail::default())
    }

    /// The same, with so much detail.
    pub fn board_in(&self, detail: Detail) -> Board {
        let mut board = Board::in_detail(self.desired(), detail);
        for (id, _) in self.desired().intent().peers() {
            let Some(status) = self.status(id) else { continue };
            let (desired, applied, age) = (status.desired(), status.applied(), status.age());
            board = board.with_posture(id, Posture { state: status.state(), desired, applied, age });
        }
        if !board.detail.explains() {
            return board.beside(self.observed(), self.now());
        }
        // Who looks at bundles of links looks at few of these.
        let single = if board.bundles() { Vec::new() } else { board.links.values().cloned().collect() };
        for link in single {
            let service = link.services.iter().next().copied();
            if let Some((text, command)) = self.told(link.from, link.to, service) {
                board = board.with_link(link.with_explanation(text, command));
            }
        }
        board.explanations = self.examples(&board);
        board.beside(self.observed(), self.now())
    }

    /// The explanations of those links that are shown for all that are counted with them.
    fn examples(&self, board: &Board) -> std::collections::BTreeMap<(PeerId, Destination), (String, String)> {
        let drawn = board.strands().drawn;
        let first = drawn.iter().filter_map(|strand| if let Holds::First(first) = strand.holds { first } else { None });
        let told = first.filter_map(|(from, to)| {
            let service = self.desired().access().grants(from, to).first()?.services.iter().next().copied();
            Some(((from, to), self.told(from, to, service)?))
        });
        told.collect()
    }

    /// What `explain` says of a flow that is allowed, and the command that prints it.
    fn told(&self, from: PeerId, to: Destination, service: Option<Service>) -> Option<(String, String)> {
        let flow = Flow { from, to, service: service? };
        let Explanation::Allowed(why) = self.explain(&flow) else { return None };
        let intent = self.desired().intent();
        let to = match to {
            Destination::Peer(id) => intent.name_of(id)?.to_string(),
            Destination::Route(id) => intent.name_of(id)?.to_string(),
            Destination::Address(address) => address.to_string(),
        };
        Some((why.to_string(), format!("nanami explain {} {to} {}", intent.name_of(from)?, flow.service)))
    }
}

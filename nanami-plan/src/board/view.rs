//! The board of a view: every peer with its status, every link with what was seen of it and the explanation of it.

use nanami_model::{Destination, Flow, PeerId, Service};

use super::strand::Holds;
use super::{Board, Detail, Posture};
use crate::explain::Explanation;
use crate::plan::Plan;
use crate::view::View;

impl View<'_> {
    /// The desired state beside what was observed, as one picture. A link that is chosen shows exactly what
    /// [`View::explain`] says of its first service, and the command that prints it; links that are counted show one of them.
    pub fn board(&self) -> Board {
        self.board_in(Detail::default())
    }

    /// The same, with so much detail.
    pub fn board_in(&self, detail: Detail) -> Board {
        self.dressed(Board::in_detail(self.desired(), detail), self)
    }

    /// The board of the state that a plan leads to, with the plan over it: links that are gained, lost, rerouted and disturbed are
    /// told apart by shape and word, counted as the plan counts them, and the page has the plan's text. What the plan takes away is
    /// still shown. The view is of what the plan starts from; what was observed is of that, and what the plan brings is planned.
    pub fn board_of(&self, plan: &Plan, detail: Detail) -> Board {
        let board = Board::in_detail(plan.desired(), detail).with_plan(plan);
        self.dressed(board, &self.of(plan.desired()))
    }

    /// A board with what was observed, and what is explained of the state that it is of.
    fn dressed(&self, mut board: Board, shown: &View<'_>) -> Board {
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
            if let Some((text, command)) = shown.told(&board, link.from, link.to, service) {
                board = board.with_link(link.with_explanation(text, command));
            }
        }
        board.explanations = shown.examples(&board);
        board.beside(self.observed(), self.now())
    }

    /// The explanations of those links that are shown for all that are counted with them.
    fn examples(&self, board: &Board) -> std::collections::BTreeMap<(PeerId, Destination), (String, String)> {
        let drawn = board.strands().drawn;
        let first = drawn.iter().filter_map(|strand| if let Holds::First(first) = strand.holds { first } else { None });
        let told = first.filter_map(|(from, to)| {
            let service = self.desired().access().grants(from, to).first()?.services.iter().next().copied();
            Some(((from, to), self.told(board, from, to, service)?))
        });
        told.collect()
    }

    /// What `explain` says of a flow that is drawn, and the command that prints it. What has a line is allowed, unless a plan takes
    /// it away.
    fn told(&self, board: &Board, from: PeerId, to: Destination, service: Option<Service>) -> Option<(String, String)> {
        let flow = Flow { from, to, service: service? };
        let intent = self.desired().intent();
        intent.get(from)?;
        let why = match self.explain(&flow) {
            Explanation::Allowed(why) => why.to_string(),
            Explanation::Denied(why_not) if board.overlay.is_some() => why_not.to_string(),
            Explanation::Denied(_) => return None,
        };
        let to = match to {
            Destination::Peer(id) => intent.name_of(id)?.to_string(),
            Destination::Route(id) => intent.name_of(id)?.to_string(),
            Destination::Address(address) => address.to_string(),
        };
        let of = board.detail.document().map(|file| format!(" -f {file}")).unwrap_or_default();
        Some((why, format!("nanami explain {} {to} {}{of}", intent.name_of(from)?, flow.service)))
    }
}

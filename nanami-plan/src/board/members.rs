//! Who stands behind the cards that stand for many, for the page: a card that is chosen lists them, and filters count them.

use std::collections::BTreeMap;

use nanami_model::{Entity, PeerId};

use super::Board;
use super::detail::Cards;
use super::end::End;
use super::state::State;

impl Board {
    /// The peers behind each card that stands for several, by name.
    pub(super) fn members(&self) -> BTreeMap<End, Vec<PeerId>> {
        let mut members: BTreeMap<End, Vec<PeerId>> = BTreeMap::new();
        if self.cards == Cards::Peers {
            return members;
        }
        for (id, _) in self.objects.peers() {
            match self.end_of(id) {
                End::Peer(_) => {}
                end => members.entry(end).or_default().push(id),
            }
        }
        members
    }

    /// How many peers are in each state, those states that occur.
    pub(super) fn states_of(&self, peers: &[PeerId]) -> Vec<(usize, State)> {
        let mut counts = [0; State::ALL.len()];
        peers.iter().for_each(|id| counts[self.state(*id) as usize] += 1);
        counts.into_iter().zip(State::ALL).filter(|(count, _)| *count > 0).collect()
    }
}

/// Each such card with its peers, in lines: the card's id behind `=`, then a line for each peer, its fields parted by tabs: its name
/// and addresses, its groups, networks, their owners, its state, and what a plan that is shown does to it.
pub(super) fn lines(board: &Board) -> String {
    let mut text = String::new();
    for (end, peers) in board.members() {
        text += &format!("={}\n", board.end_id(end));
        peers.iter().filter_map(|id| row(board, *id)).for_each(|row| text += &(row.join("\t") + "\n"));
    }
    text
}

fn row(board: &Board, id: PeerId) -> Option<[String; 6]> {
    let peer = board.objects.get(id)?;
    let addresses: String = peer.addresses().iter().map(|address| format!(" {address}")).collect();
    let groups: Vec<_> = board.objects.groups_of(id).into_iter().map(|id| board.word(id)).collect();
    let networks: Vec<_> = peer.networks().iter().map(|id| board.word(*id)).collect();
    let state = board.state(id).to_string();
    let plan = board.comes_or_goes(id).trim_start_matches(", ").to_owned();
    let name = format!("{}{addresses}", Entity::name(peer));
    Some([name, groups.join(" "), networks.join(" "), board.owners(peer), state, plan])
}

//! The shape of each state, told apart without colour.

use super::state::State;
use crate::effect::Difference;

/// The mark of a state around a point, twelve pixels wide; colours come from the picture's style.
pub(super) fn mark(state: State, x: i32, y: i32) -> String {
    let shape = match state {
        State::Planned => "<circle class=\"m\" r=\"4.75\"/>",
        State::Matching => "<circle class=\"m full\" r=\"5.5\"/><path class=\"cut\" d=\"M-2.6 .2L-.8 2 2.7-1.9\"/>",
        State::Behind => "<circle class=\"m\" r=\"4.75\"/><path class=\"full\" d=\"M0-4.75A4.75 4.75 0 0 0 0 4.75Z\"/>",
        State::Altered => {
            "<path class=\"m full\" d=\"M0-5.2L5.6 4.6H-5.6Z\"/><path class=\"cut\" d=\"M0-1.8V1.3M0 3V3.2\"/>"
        }
        State::Foreign => "<path class=\"m\" d=\"M-4.5-4.5H4.5V4.5H-4.5ZM-4.5-4.5L4.5 4.5M4.5-4.5L-4.5 4.5\"/>",
        State::Unknown => {
            "<circle class=\"m gone\" r=\"5\"/><path class=\"ask\" d=\"M-1.7-1.3A1.75 1.75 0 1 1 .3 .3L0 1M0 2.8V3\"/>"
        }
    };
    format!("<g class=\"mark {state}\" transform=\"translate({x} {y})\">{shape}</g>")
}

/// The sign of what a plan does to a link, twelve pixels wide: plus, minus, a bend, a bolt.
pub(super) fn sign(what: Difference, x: i32, y: i32) -> String {
    let shape = match what {
        Difference::Gained => "<circle class=\"full\" r=\"6\"/><path class=\"cut\" d=\"M-3 0H3M0-3V3\"/>",
        Difference::Lost => "<path class=\"full\" d=\"M-5.5-5.5H5.5V5.5H-5.5Z\"/><path class=\"cut\" d=\"M-3 0H3\"/>",
        Difference::Rerouted => "<path class=\"way\" d=\"M-5 5V-1.5H4M1-5L4.6-1.5 1 2\"/>",
        Difference::Disturbed => "<path class=\"full\" d=\"M1.5-6.5L-4.5 1H-.5L-1.5 6.5 4.5-1.5H.5Z\"/>",
    };
    format!("<g class=\"sign {what}\" transform=\"translate({x} {y})\">{shape}</g>")
}

/// What a state means, in a few words.
pub(super) fn meaning(state: State) -> &'static str {
    match state {
        State::Planned => "not there yet",
        State::Matching => "equals desired",
        State::Behind => "runs an older map",
        State::Altered => "changed by others",
        State::Foreign => "not ours, kept",
        State::Unknown => "no recent report",
    }
}

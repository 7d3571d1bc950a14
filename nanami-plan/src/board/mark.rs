//! The shape of each state, told apart without colour.

use super::state::State;

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

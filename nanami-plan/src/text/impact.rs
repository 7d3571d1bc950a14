//! What a failure means, as people read it.

use std::fmt;

use super::{Limit, Table, count, duration, wrap};
use crate::impact::{Crowded, Fate, Impact, Loss, Outcome, Sweep, Toll};

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unaffected => f.write_str("unaffected"),
            Self::LocalFailover { name, slower: None, .. } => write!(f, "goes to {name} by itself"),
            Self::LocalFailover { name, slower: Some(slower), .. } => {
                write!(f, "goes to {name} by itself, {} slower", duration(*slower))
            }
            Self::NeedsControl { name, .. } => write!(f, "goes on by {name} once control has sent new maps"),
            Self::Lost(loss) => write!(f, "lost: {loss}"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End(name) => write!(f, "{name} is dead itself"),
            Self::NoGateway => f.write_str("no gateway is left"),
            Self::ControlAway(name) => write!(f, "{name} could carry it, but control is away"),
            Self::OnlyTunnel(name) => write!(f, "the one tunnel of {name} leads to a dead gateway"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, to] = &self.text;
        write!(f, "{from} -> {to}")
    }
}

impl fmt::Display for Impact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = wrap("", &heading(self));
        let crowded: Vec<_> = self.crowded.iter().map(crowd).collect();
        let bare = self.outcomes.iter().filter(|o| o.lost_its_last_standby()).map(|o| o.from().len()).sum::<usize>();
        let mut notes = Vec::new();
        if bare > 0 {
            notes.push(format!("Standby       {} left without one", count(bare, "flow")));
        }
        let shown = if f.alternate() { crowded.len() } else { crowded.len().min(3) };
        notes.extend(crowded[..shown].iter().map(|text| format!("Capacity      {text}")));
        if shown < crowded.len() {
            notes.push(format!("Capacity      and {} more", count(crowded.len() - shown, "gateway")));
        }
        let room = 21usize.saturating_sub(lines.len() + notes.len());
        let limit = if f.alternate() { Limit::NONE } else { Limit::rows(room) };
        let rows = table(self, limit, f.alternate());
        for section in [rows, notes].into_iter().filter(|section| !section.is_empty()) {
            lines.push(String::new());
            lines.extend(section);
        }
        f.write_str(&lines.join("\n"))
    }
}

/// What stops, moves, waits and stays, of all flows: also of those that no gateway carries.
fn heading(impact: &Impact) -> String {
    let sum = |with: fn(&Fate) -> bool| -> usize {
        impact.outcomes.iter().filter(|o| with(o.fate())).map(|o| o.from().len()).sum()
    };
    let lost = sum(|fate| matches!(fate, Fate::Lost(_)));
    let waits = sum(|fate| matches!(fate, Fate::NeedsControl { .. }));
    let moves = sum(|fate| matches!(fate, Fate::LocalFailover { .. }));
    let stays = sum(|fate| *fate == Fate::Unaffected) + impact.direct();
    let total = count(lost + waits + moves + stays, "flow");
    let verbs = |n: usize, one: &str, many: &str| format!("{n} of {total} {}", if n == 1 { one } else { many });
    let mut parts = vec![match lost {
        0 => "nothing stops".to_owned(),
        n => verbs(n, "stops", "stop"),
    }];
    // The total is said once.
    let mut then = |n: usize, one: &str, many: &str| {
        let said = parts.iter().any(|part| part.contains(" of "));
        match n {
            0 => {}
            n if said => parts.push(format!("{n} {}", if n == 1 { one } else { many })),
            n => parts.push(verbs(n, one, many)),
        }
    };
    then(moves, "goes to a standby", "go to a standby");
    then(waits, "waits for control", "wait for control");
    then(stays, "goes on as before", "go on as before");
    let what = impact.failure.describe(&impact.names);
    format!("Without {what}: {}, at revision {}", parts.join(", "), impact.revision)
}

fn table(impact: &Impact, limit: Limit, all: bool) -> Vec<String> {
    let affected = |outcome: &&Outcome| all || *outcome.fate() != Fate::Unaffected;
    let outcomes: Vec<&Outcome> = impact.outcomes.iter().filter(affected).collect();
    let (shown, more) = limit.split(outcomes.len());
    let mut table = Table::new(2);
    for outcome in &outcomes[..shown] {
        let was = impact.names.way(outcome.way());
        let fate = match outcome.lost_its_last_standby() {
            true => format!("{}, no standby left", outcome.fate()),
            false => outcome.fate().to_string(),
        };
        table.row([outcome.to_string(), was, fate]);
    }
    if more > 0 {
        table.row([format!("… and {more} more")]);
    }
    table.lines()
}

fn crowd(crowded: &Crowded) -> String {
    let Crowded { name, before, after, capacity, .. } = crowded;
    format!("{name} has {} instead of {before}, and is made for {capacity}", count(*after, "client"))
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tolls = self.tolls();
        let fatal = tolls.iter().filter(|toll| toll.lost > 0).count();
        let verdict = match fatal {
            0 => "no single loss stops anything".to_owned(),
            1 => "the loss of 1 alone stops something".to_owned(),
            n => format!("the loss of {n} of them alone stops something"),
        };
        let of = count(tolls.len(), "gateway");
        let mut lines =
            vec![format!("{of}, one dead at a time: {verdict}, at revision {}", self.revision), String::new()];
        let limit = if f.alternate() { Limit::NONE } else { Limit::rows(18) };
        let (shown, more) = limit.split(tolls.len());
        let mut table = Table::new(2).right([1, 2, 3, 4, 5]);
        table.row([
            "without",
            "stop",
            "wait for control",
            "go to a standby",
            "unaffected",
            "without standby",
            "capacity",
        ]);
        for toll in &tolls[..shown] {
            table.row(row(toll));
        }
        if more > 0 {
            table.row([format!("… and {more} more")]);
        }
        lines.extend(table.lines());
        let direct = self.direct();
        if direct > 0 {
            let flows = count(direct, "flow");
            let (go, stop, them) = if direct == 1 { ("goes", "stops", "it") } else { ("go", "stop", "them") };
            let text = format!("{flows} {go} by no gateway, and {stop} only where an end of {them} dies");
            lines.extend([String::new()].into_iter().chain(wrap("Direct        ", &text)));
        }
        f.write_str(&lines.join("\n"))
    }
}

fn row(toll: &Toll) -> [String; 7] {
    let crowded: Vec<_> = toll.crowded.iter().map(|(name, load)| format!("{name} {load}")).collect();
    let crowded = if crowded.is_empty() { String::new() } else { format!("too many at {}", crowded.join(", ")) };
    let numbers = [toll.lost, toll.needs_control, toll.fails_over, toll.unaffected, toll.without_standby];
    let [a, b, c, d, e] = numbers.map(|n| n.to_string());
    [toll.name.to_string(), a, b, c, d, e, crowded]
}

//! The status of a workspace as people read it.

use std::fmt;

use super::plan::notice_lines;
use super::{Limit, Table, count, duration, none_or, wrap};
use crate::board::State;
use crate::drift::Drift;
use crate::overview::Overview;
use crate::status::Status;

impl fmt::Display for Overview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = wrap("", &heading(self));
        lines.push(String::new());
        lines.extend(altered(self, f.alternate()));
        let notices = notice_lines(&self.notices, if f.alternate() { Limit::NONE } else { Limit::rows(2) });
        let room = 20usize.saturating_sub(lines.len() + notices.len());
        let limit = if f.alternate() { Limit::NONE } else { Limit::rows(room) };
        lines.extend(table(self, limit));
        lines.extend(wrap("Reachability  ", &reachability(self)));
        if !self.failovers.is_empty() {
            lines.extend(wrap("Standby       ", &some(&self.failovers, f.alternate())));
        }
        lines.extend(notices);
        f.write_str(&lines.join("\n"))
    }
}

fn some(texts: &[String], all: bool) -> String {
    if all || texts.len() <= 2 {
        return texts.join("; ");
    }
    format!("{}; and {} more", texts[..2].join("; "), texts.len() - 2)
}

fn heading(overview: &Overview) -> String {
    let total = overview.peers.len();
    let states = State::ALL.into_iter().filter(|state| *state != State::Matching);
    let others = states.filter(|state| overview.count(*state) > 0);
    let others: Vec<_> = others.map(|state| format!(", {} {state}", overview.count(state))).collect();
    let matching = overview.count(State::Matching);
    let (workspace, revision, now) = (&overview.workspace, overview.revision, overview.now);
    let of = count(total, "peer");
    format!("{workspace}, revision {revision}, {now}: {matching} of {of} matching{}", others.concat())
}

/// What somebody changed, entry by entry, before everything else; at most three peers, then how many.
fn altered(overview: &Overview, all: bool) -> Vec<String> {
    let altered: Vec<&Status> = overview.peers.iter().map(|(_, s)| s).filter(|s| s.state() == State::Altered).collect();
    let (shown, more) = if all { Limit::NONE } else { Limit::rows(3) }.split(altered.len());
    // One altered peer is shown with more of what was altered than each of three.
    let entries = if all { Limit::NONE } else { Limit::rows([5, 5, 3, 2][shown.min(3)]) };
    let mut lines = Vec::new();
    for status in &altered[..shown] {
        let facets: Vec<_> = status.drift().iter().map(|drift| drift.facet().to_string()).collect();
        let since = status.drift().iter().map(Drift::since).max().map(duration);
        let since = since.map(|since| format!(", first seen {since} ago")).unwrap_or_default();
        let text = format!("{} changed on the machine{since}", facets.join(", "));
        lines.extend(wrap(&format!("ALTERED {}   ", status.name()), &text));
        lines.extend(entry_lines(status, entries));
    }
    if more > 0 {
        lines.push(format!("ALTERED … and {more} more"));
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// The entries that were altered at a peer, each with what it is and when.
fn entry_lines(status: &Status, limit: Limit) -> Vec<String> {
    let entries: Vec<_> = status.drift().iter().flat_map(Drift::entries).collect();
    let (shown, more) = limit.split(entries.len());
    let more = more as u64 + status.unlisted();
    let mut table = Table::new(8);
    for entry in &entries[..shown] {
        table.row([entry.word().to_owned(), format!("{}, {}", entry.what(), entry.when())]);
    }
    if more > 0 && !entries.is_empty() {
        table.row([format!("… and {more} more")]);
    }
    table.lines()
}

fn table(overview: &Overview, limit: Limit) -> Vec<String> {
    let mut table = Table::new(2).right([1, 2]);
    table.row(["peer", "desired", "applied", "state", "reported", "links"]);
    // What needs a person comes first where not everything fits.
    let mut peers: Vec<&Status> = overview.peers.iter().map(|(_, status)| status).collect();
    let (shown, more) = limit.split(peers.len());
    if more > 0 {
        peers.sort_by_key(|status| (status.state() == State::Matching, status.state() == State::Planned));
    }
    for status in &peers[..shown] {
        let number =
            |generation: Option<nanami_model::Generation>| generation.map(|g| g.to_string()).unwrap_or_default();
        let age = status.age().map(|age| format!("{} ago", duration(age))).unwrap_or_default();
        let links = status.links().map(|(up, of)| format!("{up} of {of}")).unwrap_or_default();
        let (desired, applied) = (number(status.desired()), number(status.applied()));
        table.row([status.name().to_string(), desired, applied, status.state().to_string(), age, links]);
    }
    if more > 0 {
        table.row([format!("… and {more} more")]);
    }
    table.lines()
}

fn reachability(overview: &Overview) -> String {
    let reach = overview.reachable();
    let total = reach.direct + reach.via_gateway;
    let unknown = total - reach.used - reach.idle;
    let mut use_of = vec![format!("{} used in the last hour", none_or(reach.used))];
    if reach.idle > 0 {
        use_of.push(format!("{} idle", reach.idle));
    }
    if unknown > 0 {
        use_of.push(format!("use of {unknown} unknown"));
    }
    let ways = format!("{} direct, {} via gateway", reach.direct, reach.via_gateway);
    format!("{total} planned: {ways}; {}", use_of.join(", "))
}

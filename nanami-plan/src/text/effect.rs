//! `Reachability`: what is gained, lost, rerouted, disturbed and kept.

use std::fmt;

use super::{Limit, Table, none_or};
use crate::effect::{Disturbance, Effect, Flows, Passage};
use crate::names::Names;
use crate::usage::InUse;

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = if f.alternate() { Limit::NONE } else { Limit::rows(5) };
        let lines = lines(self, limit, &|_| None, None);
        f.write_str(&lines.join("\n"))
    }
}

/// The section, with evidence about what is lost, and how much of all of it was used.
pub(crate) fn lines(
    effect: &Effect,
    limit: Limit,
    evidence: &dyn Fn(&Passage) -> Option<String>,
    in_use: Option<InUse>,
) -> Vec<String> {
    let names = effect.names();
    let mut table = Table::new(2);
    let gained = |p: &Passage| names.way(&p.way);
    let lost = |p: &Passage| evidence(p).unwrap_or_else(|| names.way(&p.way));
    list(&mut table, names, limit, "gained".into(), effect.gained(), &gained);
    if names.is_first() {
        // Before the first revision there is nothing that could be lost or kept.
        return std::iter::once("Reachability".to_owned()).chain(table.lines()).collect();
    }
    // Those who used it may be among those that are not listed.
    let of_all = in_use
        .map(|InUse { count, last }| format!("; {count} of all were used, the latest {} ago", super::duration(last)));
    let head = Head { label: "lost", of_all: of_all.unwrap_or_default() };
    list(&mut table, names, limit, head, effect.lost(), &lost);
    if !effect.rerouted().is_empty() {
        let moved = |p: &Passage| {
            let before = p.before.as_ref().map(|way| names.way(way)).unwrap_or_default();
            format!("{}; was {before}", names.way(&p.way))
        };
        list(&mut table, names, limit, "rerouted".into(), effect.rerouted(), &moved);
    }
    let others: Vec<_> = effect.disturbed().iter().filter(|p| p.before.is_none()).cloned().collect();
    if !others.is_empty() {
        let why = |p: &Passage| p.disturbance.map(|d| describe(names, d)).unwrap_or_default();
        rows(&mut table, names, limit, "disturbed".into(), others.len(), &others, &why);
    }
    let (kept, rerouted, disturbed) = (effect.kept().count(), effect.rerouted().count(), effect.disturbed().count());
    let interrupted =
        if disturbed == 0 { "none interrupted".to_owned() } else { format!("{disturbed} may be interrupted") };
    let what = if kept == 0 { String::new() } else { format!("{} rerouted, {interrupted}", none_or(rerouted)) };
    table.row(["kept".to_owned(), kept.to_string(), what]);
    std::iter::once("Reachability".to_owned()).chain(table.lines()).collect()
}

/// Why a flow may be interrupted, in words.
pub(crate) fn describe(names: &Names, disturbance: Disturbance) -> String {
    match disturbance {
        Disturbance::Moves => "moves to another gateway".to_owned(),
        Disturbance::Renumbered(peer) => format!("{} has other addresses", names.of(peer)),
        Disturbance::Rekeyed(peer) => format!("{} has another key", names.of(peer)),
    }
}

/// What a list is of, and what is said of all of it where it is cut.
struct Head<'a> {
    label: &'a str,
    of_all: String,
}

impl<'a> From<&'a str> for Head<'a> {
    fn from(label: &'a str) -> Self {
        Self { label, of_all: String::new() }
    }
}

fn list(
    table: &mut Table,
    names: &Names,
    limit: Limit,
    head: Head<'_>,
    flows: Flows<'_>,
    last: &dyn Fn(&Passage) -> String,
) {
    let total = flows.count();
    let shown = flows.first(limit.split(total).0);
    rows(table, names, limit, head, total, &shown, last);
}

fn rows(
    table: &mut Table,
    names: &Names,
    limit: Limit,
    Head { label, of_all }: Head<'_>,
    total: usize,
    flows: &[Passage],
    last: &dyn Fn(&Passage) -> String,
) {
    let (shown, more) = limit.split(total);
    if total == 0 {
        table.row([label, "0"]);
    }
    for (n, passage) in flows.iter().take(shown).enumerate() {
        let (label, count) = if n == 0 { (label.to_owned(), total.to_string()) } else { Default::default() };
        let part = passage.part.map(|range| format!(" {range}")).unwrap_or_default();
        let pair = format!("{} -> {}{part}", names.of(passage.from), names.destination(passage.to));
        table.row([label, count, pair, passage.services.to_string(), last(passage)]);
    }
    if more > 0 {
        let (label, count) = if shown == 0 { (label.to_owned(), total.to_string()) } else { Default::default() };
        table.row([label, count, format!("… and {more} more{of_all}")]);
    }
}

//! Fixes as people read them, in the room that is left.

use super::wrap;
use crate::explain::Fix;

/// The fixes, then what was rejected, in at most so many lines: the first fix whole, then as many as there is room for.
pub(crate) fn lines(fixes: &[Fix], rejected: &[Fix], room: usize) -> Vec<String> {
    let whole = room == usize::MAX;
    let rejected = rejected_lines(rejected, whole);
    let mut lines: Vec<String> = Vec::new();
    for (n, fix) in fixes.iter().enumerate() {
        let short = fix_lines(n + 1, fix);
        let document: Vec<_> =
            fix.document().into_iter().flat_map(str::lines).map(|l| format!("          {l}")).collect();
        let document = document.iter().all(|line| line.chars().count() <= super::COLUMNS).then_some(document);
        let document = document.filter(|_| n == 0 || whole).unwrap_or_default();
        // One line stays for the count of what is left out.
        let left = room.saturating_sub(lines.len() + rejected.len() + 1);
        if short.len() > left {
            lines.push(format!("          … and {} more", fixes.len() - n));
            break;
        }
        let fits = short.len() + document.len() <= left;
        lines.extend(short);
        lines.extend(document.into_iter().filter(|_| fits));
    }
    lines.extend(rejected);
    lines
}

fn fix_lines(n: usize, fix: &Fix) -> Vec<String> {
    let opens = match fix.others() {
        0 => "opens only this flow".to_owned(),
        1 => "opens 1 other pair too".to_owned(),
        n => format!("opens {n} other pairs too"),
    };
    let lost = fix.effect().lost().count();
    let closes = if lost > 0 { format!("; closes {lost}") } else { String::new() };
    let rerouted = fix.effect().rerouted().count();
    let reroutes = if rerouted > 0 { format!("; reroutes {rerouted}") } else { String::new() };
    let (held, of) = fix.assertions;
    let asserts = if of == 0 { String::new() } else { format!("; {held} of {of} assertions hold") };
    let approvals = fix.effect().approvals();
    let names = fix.effect().names();
    let approval = match approvals.len() {
        0 => String::new(),
        1..=3 => format!("; {} must approve", names.list(approvals)),
        n => format!("; {n} groups must approve"),
    };
    let mut lines = wrap(&format!("{:<10}", format!("Fix {n}")), &fix.sentence);
    lines.extend(wrap("          ", &format!("{opens}{closes}{reroutes}{asserts}{approval}")));
    lines
}

fn rejected_lines(rejected: &[Fix], whole: bool) -> Vec<String> {
    let shown = if whole || rejected.len() <= 2 { rejected.len() } else { 1 };
    let mut lines = Vec::new();
    for fix in &rejected[..shown] {
        let noun = if fix.breaks().len() == 1 { "assertion" } else { "assertions" };
        let names = fix.breaks().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        lines.extend(wrap("Rejected  ", &format!("{}: breaks {noun} {names}", fix.sentence)));
    }
    if shown < rejected.len() {
        lines.push(format!("Rejected  … and {} more", rejected.len() - shown));
    }
    lines
}

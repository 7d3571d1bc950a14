//! Who gets where, as people read it.

use std::fmt;

use super::{Limit, Table, count, used, wrap};
use crate::reach::{Reach, Who};

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![heading(self)];
        let people = match self.people.len() {
            0 => Vec::new(),
            n if n > 3 && !f.alternate() => {
                wrap("People        ", &format!("{}; and {} more groups", self.people[..2].join("; "), n - 2))
            }
            _ => wrap("People        ", &self.people.join("; ")),
        };
        let limit = if f.alternate() { Limit::NONE } else { Limit::rows(20usize.saturating_sub(people.len())) };
        let rows = table(self, limit);
        for section in [rows, people].into_iter().filter(|section| !section.is_empty()) {
            lines.push(String::new());
            lines.extend(section);
        }
        f.write_str(&lines.join("\n"))
    }
}

fn heading(reach: &Reach) -> String {
    let (n, at) = (reach.rows.len(), format!("at revision {}", reach.revision));
    let peers = count(n, "peer");
    let verb = |n: usize| if n == 1 { "reaches" } else { "reach" };
    match reach.who {
        Who::To(to) if n == 0 => format!("nobody reaches {}, {at}", reach.names.destination(to)),
        Who::To(to) => format!("{peers} {} {}, {at}", verb(n), reach.names.destination(to)),
        Who::From(peer) => format!("{} reaches {}, {at}", reach.names.of(peer), count(n, "destination")),
        Who::User(user) => {
            format!("peers of {}'s groups reach {}, {at}", reach.names.of(user), count(n, "destination"))
        }
    }
}

fn table(reach: &Reach, limit: Limit) -> Vec<String> {
    let mut table = Table::new(2);
    let (shown, more) = limit.split(reach.rows.len());
    for (passage, seen) in &reach.rows[..shown] {
        let (from, to) = (reach.names.of(passage.from), reach.names.destination(passage.to));
        let pair = match reach.who {
            Who::To(_) => from,
            Who::From(_) => to,
            Who::User(_) => format!("{from} -> {to}"),
        };
        let policies = format!("policy {}", reach.names.list(&passage.policies));
        let seen = seen.map_or_else(|| "use unknown".to_owned(), used);
        table.row([pair, passage.services.to_string(), reach.names.way(&passage.way), policies, seen]);
    }
    if more > 0 {
        table.row([format!("… and {more} more")]);
    }
    table.lines()
}

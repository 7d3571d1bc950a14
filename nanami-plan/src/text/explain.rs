//! An explanation as people read it: the verdict, its cause, the evidence, what would change it.

use std::fmt;

use super::{Table, count, duration, fix, wrap};
use crate::explain::{Explanation, Ground, Judged, Subject, Why, WhyNot, replies};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed(why) => why.fmt(f),
            Self::Denied(why_not) => why_not.fmt(f),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = format!("   {}", self.subject.names.way(&self.way));
        let mut lines = vec![verdict("ALLOWED", &self.subject, &way)];
        let text = |topic: &str| self.chain.iter().find(|ground| ground.topic() == topic).map(Ground::text);
        lines.extend(wrap("Because   ", &format!("policy {}", text("policy").unwrap_or_default())));
        lines.push(String::new());
        lines.extend(hops(self));
        lines.push(String::new());
        let mut rest: Vec<(&str, String)> = Vec::new();
        if let Some(first) = self.way.gateways().first() {
            let names = &self.subject.names;
            let near = self.way.near().map(|near| names.of(near)).zip(self.chosen_near.as_ref());
            let topic = if near.is_some() { "then" } else { "chosen" };
            rest.extend(near.map(|(near, why)| ("chosen", format!("{near}: {why}"))));
            rest.push((topic, format!("{}: {}", names.of(*first), self.chosen)));
            if let Some(now) = self.carrying.filter(|now| now != first) {
                rest.push(("now", format!("{}: a standby, which took over", self.subject.names.of(now))));
            }
            let standbys = if self.standbys.is_empty() { "none".to_owned() } else { self.standbys.join("; ") };
            rest.push(("standby", standbys));
        }
        rest.push(("replies", replies(self.subject.flow.service.protocol()).to_owned()));
        for topic in ["path", "observed"] {
            rest.extend(text(topic).map(|text| (topic, text.to_owned())));
        }
        lines.extend(rest.into_iter().flat_map(|(topic, text)| wrap(&format!("  {topic:<11}  "), &text)));
        f.write_str(&lines.join("\n"))
    }
}

fn hops(why: &Why) -> Vec<String> {
    let mut table = Table::new(2).right([2, 3]);
    table.row(["hop", "address", "desired", "applied", "handshake", "rtt", "does"]);
    for hop in &why.hops {
        let number =
            |generation: Option<nanami_model::Generation>| generation.map(|g| g.to_string()).unwrap_or_default();
        let handshake = hop.handshake.map(|age| format!("{} ago", duration(age))).unwrap_or_default();
        let rtt = hop.rtt.map(duration).unwrap_or_default();
        let (desired, applied) = (number(hop.desired), number(hop.applied));
        table.row([hop.name.clone(), hop.address.clone(), desired, applied, handshake, rtt, hop.does.clone()]);
    }
    table.lines()
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![verdict("DENIED", &self.subject, "")];
        lines.extend(wrap("Because   ", &self.because()));
        lines.push(String::new());
        for ground in &self.chain {
            let judged = match ground.judged() {
                Judged::Pass => "pass   ",
                Judged::Fail => "FAIL   ",
                Judged::Seen => "",
            };
            lines.extend(wrap(&format!("  {:<11} {judged}", ground.topic()), ground.text()));
        }
        if !self.fixes.is_empty() || !self.rejected.is_empty() {
            lines.push(String::new());
            let room = if f.alternate() { usize::MAX } else { LINES.saturating_sub(lines.len()) };
            lines.extend(fix::lines(&self.fixes, &self.rejected, room));
        }
        f.write_str(&lines.join("\n"))
    }
}

/// The longest text that is not asked to be complete.
const LINES: usize = 24;

impl WhyNot {
    /// The first thing that fails, in words.
    fn because(&self) -> String {
        let failing: Vec<_> = self.blockers().collect();
        let Some(first) = failing.first() else { return "nothing allows it".to_owned() };
        let text = match first.topic() {
            "policy" if first.text().contains(" allows ") => "no policy allows all of it".to_owned(),
            "policy" => "no policy allows it".to_owned(),
            _ => first.text().to_owned(),
        };
        match failing.len() {
            1 => text,
            n => format!("{text}; {} stand in the way", count(n, "thing")),
        }
    }
}

fn verdict(word: &str, subject: &Subject, way: &str) -> String {
    let flow = subject.flow;
    let (from, to) = (subject.names.of(flow.from), subject.names.destination(flow.to));
    let line = format!("{word:<9} {from} -> {to}  {}{way}   at revision {}", flow.service, subject.revision);
    super::table::clip(&line, super::COLUMNS)
}

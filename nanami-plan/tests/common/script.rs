//! Scripts: what a scenario can say and ask.
//!
//! | line | does |
//! |---|---|
//! | `document acme` | begins with examples/acme.toml, everybody joined |
//! | `document` and an indented document | begins with that |
//! | `edit` and indented edits | makes the next revision; one that is refused answers in a comment below it |
//! | `wait 60s` | time passes |
//! | `report PEER: GATEWAY up [12ms], GATEWAY down, PREFIX by GATEWAY, at SOCKET, in RANGE, away` | what a peer says of its tunnels, and of itself |
//! | `$ select` | chooses gateways, and says who has which |
//! | `$ plan`, `$ explain FROM TO SERVICE`, `$ reach to X`, `$ reach from X` | the texts of these names |
//! | `$ impact [gateway G] [region R] [host H] [control]`, `$ sweep`, `$ single points` | the same |
//! | `$ map PEER` | the map of a peer in lines |
//! | `$ file PEER` | the file of a plain device |
//! | `$ check`, `$ assertions`, `$ notices` | what they find |
#![allow(clippy::unwrap_used, reason = "test helpers")]

use std::fmt::Write;
use std::time::Duration;

use nanami_model::{
    Destination, GatewayId, Intent, LinkReport, NetworkMap, Observed, PeerId, Report, RouteId, Service, TakenOver,
    Timestamp,
};
use nanami_plan::{Base, Desired, Failure, Selection, Who, compile, plan, select};

use crate::{common, edit};

pub(crate) struct Script {
    intent: Intent,
    base: Base,
    selection: Selection,
    observed: Observed,
    now: Timestamp,
}

/// A block whose indented lines belong to it.
enum Block {
    None,
    Document,
    Edit,
}

impl Script {
    /// Plays a transcript; the same one with the answers that are given now.
    pub(crate) fn play(text: &str) -> String {
        let mut script = Self {
            intent: common::acme(),
            base: Base::nothing(),
            selection: Selection::default(),
            observed: Observed::none().clone(),
            now: Timestamp::from_millis(1_795_545_275_000),
        };
        let (mut out, mut block, mut indented, mut answering) = (String::new(), Block::None, Vec::new(), false);
        for line in text.lines().chain([""]) {
            if answering && !line.is_empty() {
                continue;
            }
            answering = false;
            if let (Some(rest), false) = (line.strip_prefix("    "), matches!(block, Block::None)) {
                indented.push(rest.to_owned());
                writeln!(out, "{line}").unwrap();
                continue;
            }
            let refused = script.end(&std::mem::replace(&mut block, Block::None), &std::mem::take(&mut indented));
            if let Some(refused) = refused {
                // Refusals are answers too.
                refused.lines().for_each(|line| writeln!(out, "{line}").unwrap());
                answering = true;
                if !line.is_empty() {
                    continue;
                }
                answering = false;
            }
            writeln!(out, "{line}").unwrap();
            match line {
                "document acme" => script.begin(common::joined(&common::acme())),
                "document" => block = Block::Document,
                "edit" => block = Block::Edit,
                _ => {
                    if let Some(question) = line.strip_prefix("$ ") {
                        writeln!(out, "{}", script.answer(question)).unwrap();
                        answering = true;
                    } else if let Some(time) = line.strip_prefix("wait ") {
                        let seconds: u64 = time.trim_end_matches('s').parse().unwrap();
                        script.now = script.now.after(Duration::from_secs(seconds));
                    } else if let Some(report) = line.strip_prefix("report ") {
                        script.report(report);
                    }
                }
            }
        }
        out.trim_end().to_owned() + "\n"
    }

    fn begin(&mut self, intent: Intent) {
        self.intent = intent;
        self.base = Base::settled(&self.desired());
    }

    /// What the lines of a block come to; a refusal in words.
    fn end(&mut self, block: &Block, lines: &[String]) -> Option<String> {
        match block {
            Block::None => None,
            Block::Document => match Intent::from_toml(&lines.join("\n")) {
                Ok(intent) => {
                    self.begin(common::joined(&intent));
                    None
                }
                Err(errors) => {
                    Some(errors.iter().map(|e| format!("! {}: {e}", e.place())).collect::<Vec<_>>().join("\n"))
                }
            },
            Block::Edit => {
                let mut draft = self.intent.draft();
                lines.iter().for_each(|line| edit::apply(&self.intent, line, &mut draft));
                match self.intent.apply(self.intent.owner(), &draft.into_changes()) {
                    Ok(next) => {
                        let all = next.peers().all(|(_, peer)| peer.key().is_some());
                        self.intent = if all { next } else { common::joined(&next) };
                        None
                    }
                    Err(refused) => {
                        let lines = refused.violations().iter().map(|violation| format!("! {violation}"));
                        Some(lines.collect::<Vec<_>>().join("\n"))
                    }
                }
            }
        }
    }

    fn desired(&self) -> Desired {
        compile(&self.intent, &self.selection)
    }

    fn gateway(&self, name: &str) -> GatewayId {
        self.intent.id(name).unwrap()
    }

    fn key_of(&self, gateway: &str) -> nanami_model::PublicKey {
        let peer = self.intent.get(self.gateway(gateway)).unwrap().peer();
        self.intent.get(peer).unwrap().key().unwrap()
    }

    fn report(&mut self, line: &str) {
        let (peer, says) = line.split_once(": ").unwrap();
        let mut report = Report::default();
        for part in says.split(", ") {
            let words: Vec<&str> = part.split_whitespace().collect();
            let link = |key, age: u64, rtt: Option<u64>| LinkReport {
                key,
                endpoint: None,
                handshake_age: Some(Duration::from_secs(age)),
                handshakes: 1,
                probes: 0,
                answered: 0,
                rtt: rtt.map(Duration::from_millis),
                received_bytes: 0,
                sent_bytes: 0,
            };
            match words.as_slice() {
                [gateway, "up"] => report.links.push(link(self.key_of(gateway), 5, None)),
                [gateway, "up", rtt] => {
                    let rtt = rtt.trim_end_matches("ms").parse().unwrap();
                    report.links.push(link(self.key_of(gateway), 5, Some(rtt)));
                }
                [gateway, "down"] => report.links.push(link(self.key_of(gateway), 600, None)),
                ["in", range] => report.on_link.push(range.parse().unwrap()),
                ["away"] => {}
                ["at", socket] => report.endpoints.push(socket.parse().unwrap()),
                [prefix, "by", gateway] => {
                    report.taken_over.push(TakenOver { prefix: prefix.parse().unwrap(), by: self.key_of(gateway) });
                }
                _ => panic!("not a report: {part}"),
            }
        }
        self.observed.record(self.intent.id(peer).unwrap(), report, self.now).unwrap();
    }

    fn answer(&mut self, question: &str) -> String {
        let words: Vec<&str> = question.split_whitespace().collect();
        let desired = self.desired();
        let view = desired.beside(&self.observed, self.now);
        match words.as_slice() {
            ["plan"] => {
                let text = plan(&self.base, &desired, &self.observed, self.now).to_string();
                self.base = Base::settled(&desired);
                // An empty line ends an answer, so those inside are marked.
                marked(&text)
            }
            ["select"] => {
                self.selection = select(&self.intent, &self.observed, &self.selection, self.now);
                self.chosen()
            }
            ["explain", from, to, service] => {
                let flow = self.intent.flow(from, to, service.parse::<Service>().unwrap()).unwrap();
                marked(&view.explain(&flow).to_string())
            }
            ["reach", "to", to] => marked(&view.reach(&Who::To(self.destination(to))).to_string()),
            ["reach", "from", from] => marked(&view.reach(&Who::From(self.intent.id(from).unwrap())).to_string()),
            ["impact", of @ ..] => marked(&view.impact(&self.failure(of)).to_string()),
            ["sweep"] => marked(&view.sweep().to_string()),
            ["single", "points"] => {
                let points: Vec<_> = view.single_points().iter().map(ToString::to_string).collect();
                if points.is_empty() { "none".to_owned() } else { points.join("\n") }
            }
            ["map", peer] => self.map(&desired, peer),
            ["file", peer] => match desired.wg_quick_for(self.intent.id(peer).unwrap()) {
                Some(file) => marked(file.to_string().trim_end()),
                None => "none".to_owned(),
            },
            ["check"] => {
                desired.check().map_or_else(|findings| findings.to_string(), |()| "every promise holds".to_owned())
            }
            ["notices"] => {
                let notices: Vec<_> = view.notices().iter().map(ToString::to_string).collect();
                if notices.is_empty() { "nothing is suspicious".to_owned() } else { notices.join("\n") }
            }
            ["assertions"] => {
                desired.check_assertions(&[]).map_or_else(|failed| failed.to_string(), |()| "all hold".to_owned())
            }
            _ => panic!("not a question: {question}"),
        }
    }

    fn destination(&self, name: &str) -> Destination {
        self.intent
            .id::<PeerId>(name)
            .map(Destination::Peer)
            .unwrap_or_else(|_| Destination::Route(self.intent.id(name).unwrap()))
    }

    fn failure(&self, words: &[&str]) -> Failure {
        let mut failure = Failure::default();
        let mut words = words.iter();
        while let Some(kind) = words.next() {
            let one = match *kind {
                "gateway" => Failure::gateway(self.gateway(words.next().unwrap())),
                "region" => Failure::region(self.intent.id(words.next().unwrap()).unwrap()),
                "host" => Failure::host(words.next().unwrap().parse().unwrap()),
                "control" => Failure::control(),
                other => panic!("{other} does not fail"),
            };
            failure = failure.and(one);
        }
        failure
    }

    /// For each route: who goes by which gateways, as far as there are clients.
    fn chosen(&self) -> String {
        let desired = self.desired();
        let mut lines = Vec::new();
        for (id, _) in self.intent.routes() {
            let id: RouteId = id;
            let mut ways: Vec<(String, Vec<String>)> = Vec::new();
            for (client, _) in desired.access().to(Destination::Route(id)) {
                let way = desired.way(client, Destination::Route(id));
                let ranks: Vec<_> =
                    way.gateways().iter().map(|id| self.intent.name_of(*id).unwrap().to_string()).collect();
                let ranks = if way.is_nowhere() { "nobody".to_owned() } else { ranks.join(", ") };
                let client = self.intent.name_of(client).unwrap().to_string();
                match ways.iter_mut().find(|(known, _)| *known == ranks) {
                    Some((_, clients)) => clients.push(client),
                    None => ways.push((ranks, vec![client])),
                }
            }
            ways.sort();
            for (ranks, mut clients) in ways {
                clients.sort();
                lines.push(format!("{}: {ranks} for {}", self.intent.name_of(id).unwrap(), clients.join(", ")));
            }
        }
        let dead: Vec<_> = self.selection.dead().map(|id| self.intent.name_of(id).unwrap().to_string()).collect();
        if !dead.is_empty() {
            lines.push(format!("dead: {}", dead.join(", ")));
        }
        lines.join("\n")
    }

    fn map(&self, desired: &Desired, peer: &str) -> String {
        let Some(map) = desired.map_for(self.intent.id(peer).unwrap()) else { return "no map".to_owned() };
        lines_of(&map).join("\n")
    }
}

fn lines_of(map: &NetworkMap) -> Vec<String> {
    let list = |items: Vec<String>| items.join(", ");
    let mut lines = Vec::new();
    let mut neighbors: Vec<_> = map.neighbors().iter().collect();
    neighbors.sort_by_key(|neighbor| neighbor.name().cloned());
    for neighbor in neighbors {
        let owns = list(neighbor.allowed_ips().iter().map(ToString::to_string).collect());
        let standby = list(neighbor.standby().iter().map(|s| format!("{} at rank {}", s.prefix, s.rank)).collect());
        let standby = if standby.is_empty() { standby } else { format!("; stands by for {standby}") };
        let warm = neighbor.keepalive().map(|every| format!("; kept warm every {} s", every.as_secs()));
        lines.push(format!("neighbor {}: {owns}{standby}{}", neighbor.name().unwrap(), warm.unwrap_or_default()));
    }
    lines.extend(map.filter().rules().iter().map(|rule| format!("accept {} {}", rule.from, rule.services)));
    lines.extend(map.forward().iter().map(|rule| format!("forward {} -> {} {}", rule.from, rule.to, rule.services)));
    lines.push(format!("routes {}", list(map.routes().iter().map(ToString::to_string).collect())));
    lines
}

/// An empty line would end the answer.
fn marked(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "." } else { line }).collect::<Vec<_>>().join("\n")
}

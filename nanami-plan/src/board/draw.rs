//! The picture: frames, lines, cards, labels, in this order, one element on each line.

use std::fmt::{self, Write as _};

use nanami_model::{Entity, PeerId, Role};

use super::Board;
use super::end::End;
use super::layout::{Frame, FrameKind, LEFT, LEGEND_H, Layout, Rect};
use super::mark::{mark, meaning, sign};
use super::observe::worst;
use super::state::State;
use super::strand::Strands;
use super::wire::{Lanes, wire};
use super::xml::{Escaped, shortened};
use crate::effect::Difference;

/// Where a picture is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// By itself.
    Picture,
    /// In the page, where links and nodes can be chosen.
    Page,
}

/// The whole picture.
pub(super) fn svg(board: &Board, strands: &Strands<'_>, audience: Audience) -> String {
    let layout = Layout::of(board);
    let mut picture = Picture { board, layout, audience, out: String::new() };
    picture.open(strands.links());
    picture.control_plane();
    picture.frames();
    picture.serves();
    let mut drawn: Vec<_> = strands.drawn.iter().filter_map(|strand| Some((strand, picture.ways(strand)?))).collect();
    // What a plan changes lies over what it keeps.
    drawn.sort_by_key(|(strand, _)| strand.tally.main().is_some());
    drawn.iter().for_each(|(strand, ways)| picture.strand(strand, ways));
    picture.cards();
    drawn.iter().for_each(|(strand, ways)| picture.tag(strand, ways));
    picture.left_out(strands.left_out);
    picture.legend();
    picture.line(format_args!("</svg>"));
    picture.out
}

pub(super) struct Picture<'a> {
    pub(super) board: &'a Board,
    pub(super) layout: Layout,
    pub(super) audience: Audience,
    out: String,
}

impl Picture<'_> {
    pub(super) fn line(&mut self, text: fmt::Arguments<'_>) {
        self.out.write_fmt(text).expect("writing to a string does not fail");
        self.out.push('\n');
    }

    fn open(&mut self, links: usize) {
        let intent = self.board.objects.intent();
        let (width, height) = (self.layout.width, self.layout.height);
        let (name, dense) = (intent.name(), if self.layout.roomy { "" } else { " dense" });
        let (plan, under) = match &self.board.overlay {
            None => ("", String::new()),
            Some(overlay) => (" overlay", format!(" under plan {}", overlay.id)),
        };
        self.line(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"board{dense}{plan}\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"group\" aria-label=\"Board of the workspace {name}{under}\">"
        ));
        self.line(format_args!("<style>\n{}</style>", include_str!("picture.css")));
        self.line(format_args!("<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>"));
        self.line(format_args!("<text class=\"title\" x=\"32\" y=\"54\">{name}</text>"));
        let (revision, time) = (intent.revision(), self.board.now);
        let time = time.map_or_else(|| "planned from the document".to_owned(), |now| now.to_string());
        self.line(format_args!("<text class=\"sub count\" x=\"32\" y=\"80\">revision {revision}, {time}</text>"));
        if let Some(overlay) = &self.board.overlay {
            let (id, from, total) = (&overlay.id, overlay.from, overlay.total.sentence());
            self.line(format_args!(
                "<text class=\"sub count\" x=\"32\" y=\"102\">plan {id} from revision {from}, not applied: {total}</text>"
            ));
        }
        let right = width - 32;
        let counts = self.board.counts(links);
        self.line(format_args!(
            "<text class=\"sub count\" x=\"{right}\" y=\"54\" text-anchor=\"end\">{}</text>",
            Escaped(counts)
        ));
        let summary = self.board.summary();
        self.line(format_args!(
            "<text class=\"sub\" x=\"{right}\" y=\"80\" text-anchor=\"end\">{}</text>",
            Escaped(summary)
        ));
    }

    fn control_plane(&mut self) {
        let Rect { x, y, w, h } = self.layout.control;
        let intent = self.board.objects.intent();
        let (policies, assertions) = (intent.policies().len(), intent.assertions().len());
        let maps = intent.peers().len();
        let same = |posture: &&super::Posture| posture.applied.is_some() && posture.applied == posture.desired;
        let ours = self.board.postures.values().filter(same).count();
        let owners = intent.users().filter(|(_, user)| user.role() == Some(Role::Owner)).count();
        self.line(format_args!(
            "<g class=\"plane\"><rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"10\"/>"
        ));
        let boxes = [
            ("Policy engine", format!("{}, default deny", many(policies, "policy", "policies"))),
            ("Assertions", format!("{assertions} checked on every change")),
            ("Maps", format!("{ours} of {maps} acknowledged")),
            ("People", format!("{}, {}", many(intent.users().len(), "user", "users"), many(owners, "owner", "owners"))),
        ];
        let pitch = (w - 12) / 4;
        for (i, (title, text)) in (0i32..).zip(boxes) {
            let left = x + 12 + i * pitch;
            let (width, height) = (pitch - 12, h - 24);
            self.line(format_args!(
                "<rect class=\"box\" x=\"{left}\" y=\"{}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>",
                y + 12
            ));
            self.line(format_args!("<text class=\"name\" x=\"{}\" y=\"{}\">{title}</text>", left + 14, y + 34));
            self.line(format_args!("<text class=\"sub count\" x=\"{}\" y=\"{}\">{text}</text>", left + 14, y + 52));
        }
        self.line(format_args!("</g>"));
        self.rail();
    }

    /// Maps go down and reports come up along the margin; each tier has its heading there.
    fn rail(&mut self) {
        let (rail, top) = (LEFT - 22, self.layout.control.bottom());
        let bottom = self.layout.height - LEGEND_H - 40;
        self.line(format_args!("<path class=\"rail\" d=\"M{rail} {top}V{bottom}\"/>"));
        self.line(format_args!(
            "<text class=\"order\" x=\"32\" y=\"{}\">maps \u{2193}  reports \u{2191}</text>",
            top - 12
        ));
        for tier in self.layout.tiers.clone() {
            let words: Vec<_> = tier.title.split(' ').collect();
            let (first, rest) = words.split_at(words.len().div_ceil(2));
            self.line(format_args!("<text class=\"tier\" x=\"32\" y=\"{}\">{}</text>", tier.y, first.join(" ")));
            self.line(format_args!("<text class=\"tier\" x=\"32\" y=\"{}\">{}</text>", tier.y + 16, rest.join(" ")));
            if tier.y > top {
                let y = tier.y - 4;
                self.line(format_args!("<path class=\"rail\" d=\"M{rail} {y}H{}\"/>", LEFT - 6));
            }
        }
    }

    fn frames(&mut self) {
        for Frame { kind, title, note, rect } in self.layout.frames.clone() {
            if title.is_empty() {
                continue;
            }
            let Rect { x, y, w, h } = rect;
            let (class, baseline, radius) = match kind {
                FrameKind::Region(_) => ("region", y + 22, 8),
                FrameKind::Network(_) => ("network", y + h - 28, 12),
                FrameKind::Group(_) => ("group", y + 22, 8),
            };
            // 11.5 px of a common face are about 6.2 px wide; lines go up at the right of a card, so titles end before.
            let room = usize::try_from((w - 28) * 10 / 62).unwrap_or(0);
            let title = shortened(&title, if class == "network" { room } else { room.min(19) });
            let mut words = title.splitn(3, ' ');
            let (word, name, rest) = (words.next().unwrap_or(""), words.next().unwrap_or(""), words.next());
            let rest = rest.map_or(String::new(), |rest| format!(" {}", Escaped(rest)));
            let left = x + 14;
            let note = match note.as_str() {
                "" => String::new(),
                note => {
                    let note = shortened(note, room);
                    format!("<text class=\"mono\" x=\"{left}\" y=\"{}\">{}</text>", baseline + 17, Escaped(note))
                }
            };
            self.line(format_args!(
                "<g class=\"frame {class}\"><rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"{radius}\"/>\
                 <text x=\"{left}\" y=\"{baseline}\">{word} <tspan>{}</tspan>{rest}</text>{note}</g>",
                Escaped(name)
            ));
        }
    }

    /// Which gateways a route is behind.
    fn serves(&mut self) {
        let objects = &self.board.objects;
        let mut lines = Vec::new();
        for (id, _) in objects.routes() {
            let Some(to) = self.layout.cards.get(&End::Route(id)) else { continue };
            let gateways = self.board.ends_of(&objects.gateways_of(id)).into_iter().filter_map(|end| self.card(end));
            lines.extend(gateways.map(|from| wire(&self.layout, &from, to, Lanes::middle()).path));
        }
        for path in lines {
            self.line(format_args!("<path class=\"serves\" d=\"{path}\"/>"));
        }
    }

    fn cards(&mut self) {
        let mut cards: Vec<_> = self.layout.cards.iter().map(|(end, card)| (*end, card.rect)).collect();
        cards.sort_by_key(|(_, rect)| (rect.y, rect.x));
        let members = self.board.members();
        for (end, rect) in cards {
            match end {
                End::Peer(id) => self.peer(id, rect),
                End::Route(id) => self.route(id, rect),
                End::Hub(..) | End::Network(_) | End::Region(_) => {
                    self.many(end, members.get(&end).map(Vec::as_slice).unwrap_or_default(), rect);
                }
            }
        }
    }

    /// A card that stands for several peers: their number, and how many are in the state that most wants to be looked at.
    fn many(&mut self, end: End, peers: &[PeerId], rect: Rect) {
        let states = self.board.states_of(peers);
        let state = worst(states.iter().map(|(_, state)| *state));
        let count = states.iter().find(|(_, other)| *other == state).map_or(0, |(count, _)| *count);
        let mut others = if states.len() > 1 { format!(", {} others", peers.len() - count) } else { String::new() };
        let plan = self.board.members_change(peers);
        if !plan.is_empty() {
            others = format!("; {plan}");
        }
        let Rect { x, y, w, h } = rect;
        let data = match self.audience {
            Audience::Page => self.board.members_data(end, peers),
            Audience::Picture => String::new(),
        };
        // Within its network's frame a group needs no other name.
        let name = match end {
            End::Hub(_, Some(group)) => self.board.word(group),
            _ => self.board.end_name(end),
        };
        let (label, left) = (Escaped(self.board.members_label(end, peers)).to_string(), x + 31);
        let (mark, count_word) = (mark(state, x + 17, y + 19), many(peers.len(), "peer", "peers"));
        let text = format!(
            "<g class=\"card many {state}\"{data} aria-label=\"{label}\"><title>{label}</title>\
             <rect class=\"pile\" x=\"{}\" y=\"{}\" width=\"{w}\" height=\"{h}\" rx=\"7\"/>\
             <rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"7\"/>{mark}\
             <text class=\"name\" x=\"{left}\" y=\"{}\">{}</text><text class=\"soft part\" x=\"{left}\" y=\"{}\">{count_word}</text>\
             <text class=\"word\" x=\"{left}\" y=\"{}\">{count} {state}<tspan class=\"soft\">{others}</tspan></text></g>",
            x + 4,
            y + 4,
            y + 24,
            Escaped(shortened(&name, 18)),
            y + 41,
            y + 57,
        );
        self.line(format_args!("{text}"));
    }

    fn peer(&mut self, id: PeerId, rect: Rect) {
        let objects = &self.board.objects;
        let Some(peer) = objects.get(id) else { return };
        let state = self.board.state(id);
        let Rect { x, y, w, h } = rect;
        let name = Entity::name(peer).to_string();
        let address = peer.addresses().first().map(ToString::to_string).unwrap_or_default();
        let generations = format!("{}{}", self.board.generations(id), self.board.comes_or_goes(id));
        let data = if self.audience == Audience::Page { self.board.peer_data(id) } else { String::new() };
        let (label, left) = (Escaped(self.board.peer_label(id)).to_string(), x + 31);
        let text = format!(
            "<g class=\"card {state}\"{data}><title>{label}</title><rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"7\"/>{}\
             <text class=\"name\" x=\"{left}\" y=\"{}\">{}</text><text class=\"mono soft\" x=\"{left}\" y=\"{}\">{}</text>\
             <text class=\"word\" x=\"{left}\" y=\"{}\">{state} <tspan class=\"soft\">{}</tspan></text></g>",
            mark(state, x + 17, y + 19),
            y + 24,
            Escaped(shortened(&name, 18)),
            y + 41,
            Escaped(shortened(&address, 20)),
            y + 57,
            generations.trim_start_matches(", "),
        );
        self.line(format_args!("{text}"));
    }

    fn route(&mut self, id: nanami_model::RouteId, rect: Rect) {
        let objects = &self.board.objects;
        let (Some(route), Some(name)) = (objects.get(id), objects.name_of(id)) else { return };
        let Rect { x, y, w, h } = rect;
        let what = match route.is_exit() {
            true => "exit, everywhere else".to_owned(),
            false => route.prefixes().iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        let data = match self.audience {
            Audience::Page => self.board.route_data(id),
            Audience::Picture => String::new(),
        };
        let text = format!(
            "<g class=\"card route\"{data}><title>route {name}: {what}</title><rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"{}\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\"><tspan class=\"soft\">route</tspan> <tspan class=\"name\">{}</tspan></text>\
             <text class=\"mono soft\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text></g>",
            h / 2,
            x + w / 2,
            y + 20,
            shortened(name.as_str(), 14),
            x + w / 2,
            y + 36,
            Escaped(shortened(&what, 24)),
        );
        self.line(format_args!("{text}"));
    }

    fn legend(&mut self) {
        let top = self.layout.height - LEGEND_H + 36;
        let pitch = self.layout.control.w / 4;
        self.line(format_args!("<text class=\"tier\" x=\"32\" y=\"{}\">Legend</text>", top + 4));
        for (i, state) in (0i32..).zip(State::ALL) {
            let (x, y) = (LEFT + 6 + i / 2 * pitch, top + i % 2 * 26);
            let (mark, meaning, left) = (mark(state, x, y), meaning(state), x + 14);
            self.line(format_args!(
                "{mark}<text x=\"{left}\" y=\"{}\"><tspan class=\"name\">{state}</tspan> <tspan class=\"soft\">{meaning}</tspan></text>",
                y + 4
            ));
        }
        let x = LEFT + 3 * pitch;
        let samples = [
            ("planned", &["tube", "bore"][..], "outline: planned"),
            ("matching", &["tube", "bore", "live"], "fill: live"),
            ("planned", &["standby"], "standby"),
        ];
        for (i, (state, strokes, meaning)) in (0i32..).zip(samples) {
            let y = top + i * 26;
            let strokes: String =
                strokes.iter().map(|class| format!("<path class=\"{class}\" d=\"M{x} {y}H{}\"/>", x + 30)).collect();
            self.line(format_args!(
                "<g class=\"link {state}\">{strokes}</g><text class=\"soft\" x=\"{}\" y=\"{}\">{meaning}</text>",
                x + 40,
                y + 4
            ));
        }
        if self.board.overlay.is_some() {
            self.differences(top + 52, pitch * 3 / 4);
        }
    }

    /// The signs of what a plan does, with how much of it there is.
    fn differences(&mut self, y: i32, pitch: i32) {
        let total = self.board.overlay.as_ref().map(|overlay| overlay.total).unwrap_or_default();
        for (i, what) in (0i32..).zip(Difference::ALL) {
            let x = LEFT + 6 + i * pitch;
            let (sign, count, left) = (sign(what, x, y), total.of(what), x + 14);
            self.line(format_args!(
                "{sign}<text class=\"count\" x=\"{left}\" y=\"{}\"><tspan class=\"name\">{what}</tspan> <tspan class=\"soft\">{count}</tspan></text>",
                y + 4
            ));
        }
    }
}

fn many(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

//! The picture: frames, lines, cards, labels, in this order, one element on each line.

use std::fmt::{self, Write as _};

use nanami_model::{Destination, Entity, GatewayId, PeerId, Role};

use super::layout::{Card, Frame, FrameKind, LEFT, LEGEND_H, Layout, Rect, Spot};
use super::mark::{mark, meaning};
use super::state::State;
use super::wire::{HEAD, Lanes, Wire, wire};
use super::xml::{Escaped, shortened};
use super::{Board, Link};

/// Where a picture is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// By itself.
    Picture,
    /// In the page, where links and nodes can be chosen.
    Page,
}

/// The whole picture.
pub(super) fn svg(board: &Board, audience: Audience) -> String {
    let layout = Layout::of(&board.intent);
    let mut picture = Picture { board, layout, audience, out: String::new() };
    picture.open();
    picture.control_plane();
    picture.frames();
    picture.serves();
    let links: Vec<_> = board.sorted_links().filter_map(|link| Some((link, picture.ways(link)?))).collect();
    links.iter().for_each(|(link, ways)| picture.link(link, ways));
    picture.cards();
    links.iter().for_each(|(link, ways)| picture.tag(link, ways));
    picture.legend();
    picture.line(format_args!("</svg>"));
    picture.out
}

struct Picture<'a> {
    board: &'a Board,
    layout: Layout,
    audience: Audience,
    out: String,
}

impl Picture<'_> {
    fn line(&mut self, text: fmt::Arguments<'_>) {
        self.out.write_fmt(text).expect("writing to a string does not fail");
        self.out.push('\n');
    }

    fn open(&mut self) {
        let intent = &self.board.intent;
        let (width, height) = (self.layout.width, self.layout.height);
        let (name, dense) = (intent.name(), if self.layout.roomy { "" } else { " dense" });
        self.line(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"board{dense}\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"group\" aria-label=\"Board of the workspace {name}\">"
        ));
        self.line(format_args!("<style>\n{}</style>", include_str!("picture.css")));
        self.line(format_args!("<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>"));
        self.line(format_args!("<text class=\"title\" x=\"32\" y=\"54\">{name}</text>"));
        let (revision, time) = (intent.revision(), self.board.now);
        let time = time.map_or_else(|| "planned from the document".to_owned(), |now| now.to_string());
        self.line(format_args!("<text class=\"sub count\" x=\"32\" y=\"80\">revision {revision}, {time}</text>"));
        let right = width - 32;
        let counts = self.board.counts();
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
        let intent = &self.board.intent;
        let (policies, assertions) = (intent.policies().len(), intent.assertions().len());
        let maps = self.board.intent.peers().len();
        let same = |posture: &&super::Posture| posture.applied.is_some() && posture.applied == posture.desired;
        let ours = self.board.postures.values().filter(same).count();
        let owners = intent.users().filter(|(_, user)| user.role() == Some(Role::Owner)).count();
        self.line(format_args!(
            "<g class=\"plane\"><rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"10\"/>"
        ));
        let boxes = [
            ("Policy engine", format!("{}, everything else denied", many(policies, "policy", "policies"))),
            ("Assertions", format!("{} checked on every change", many(assertions, "claim", "claims"))),
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

    /// Which gateways a route is behind, and in which order they are used.
    fn serves(&mut self) {
        let intent = &self.board.intent;
        let mut lines = Vec::new();
        for (id, route) in intent.routes() {
            let Some(to) = self.layout.cards.get(&Spot::Route(id)) else { continue };
            for (rank, gateway) in (1..).zip(route.gateways()) {
                let Some(from) = self.gateway_card(*gateway) else { continue };
                let wire = wire(&self.layout, &from, to, Lanes::middle());
                lines.push((wire, rank));
            }
        }
        for (Wire { path, .. }, _) in &lines {
            self.line(format_args!("<path class=\"serves\" d=\"{path}\"/>"));
        }
    }

    fn gateway_card(&self, id: GatewayId) -> Option<Card> {
        let peer = self.board.intent.get(id)?.peer();
        self.layout.cards.get(&Spot::Peer(peer)).copied()
    }

    /// The lines of a link: the way in use first, then those of standbys.
    fn ways(&self, link: &Link) -> Option<Vec<Vec<Wire>>> {
        let to = match link.to {
            Destination::Peer(id) => Spot::Peer(id),
            Destination::Route(id) => Spot::Route(id),
            Destination::Address(_) => return None,
        };
        let (from, to) = (self.layout.cards.get(&Spot::Peer(link.from))?, self.layout.cards.get(&to)?);
        let lanes = Lanes::between(from, to);
        let by = |gateway: &GatewayId| match self.gateway_card(*gateway) {
            // A gateway that begins a flow itself is its own first hop.
            Some(gateway) if gateway.rect != from.rect => {
                vec![wire(&self.layout, from, &gateway, lanes), wire(&self.layout, &gateway, to, Lanes::middle())]
            }
            _ => vec![wire(&self.layout, from, to, Lanes::middle())],
        };
        Some(match link.via.as_slice() {
            [] => vec![vec![wire(&self.layout, from, to, lanes)]],
            via => via.iter().map(by).collect(),
        })
    }

    fn link(&mut self, link: &Link, ways: &[Vec<Wire>]) {
        let path = |wires: &Vec<Wire>| wires.iter().map(|wire| wire.path.as_str()).collect::<String>();
        let used = ways.first().map(path).unwrap_or_default();
        let standbys: String = ways.iter().skip(1).map(path).collect();
        let label = Escaped(self.board.label(link)).to_string();
        let (own, hit) = match self.audience {
            Audience::Picture => (String::new(), String::new()),
            Audience::Page => (
                format!(
                    " id=\"{}\" tabindex=\"0\" role=\"button\" aria-label=\"{label}\"{}",
                    link_id(self.board, link),
                    self.board.link_data(link)
                ),
                format!("<path class=\"hit\" d=\"{used}\"/>"),
            ),
        };
        let standby = match standbys.as_str() {
            "" => String::new(),
            path => format!("<path class=\"standby\" d=\"{path}\"/>"),
        };
        let live = link.live.as_ref().map_or(String::new(), |_| format!("<path class=\"live\" d=\"{used}\"/>"));
        let heads: String = ways.first().into_iter().flatten().map(arrow).collect();
        self.line(format_args!(
            "<g class=\"link {}\"{own}><title>{label}</title>{hit}{standby}<path class=\"tube\" d=\"{used}\"/>\
             <path class=\"bore\" d=\"{used}\"/>{live}{heads}</g>",
            link.state
        ));
    }

    /// What is written on a link, above every line and card.
    fn tag(&mut self, link: &Link, ways: &[Vec<Wire>]) {
        let Some(Wire { label: (x, y), .. }) = ways.first().and_then(|wires| wires.first()) else { return };
        let pill = self.pill(link, (*x, *y));
        let (own, stub) = match self.audience {
            Audience::Picture => (String::new(), String::new()),
            Audience::Page => {
                let stub = format!("<text class=\"stub\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\"/>");
                (format!(" id=\"tag.{}\"", link_id(self.board, link)), stub)
            }
        };
        self.line(format_args!("<g class=\"tag {}\"{own}>{pill}{stub}</g>", link.state));
    }

    /// The service and the state, on the line. A crowded board shows the state alone.
    fn pill(&self, link: &Link, (x, y): (i32, i32)) -> String {
        if !self.layout.roomy {
            return format!("<circle class=\"pill\" cx=\"{x}\" cy=\"{y}\" r=\"8\"/>{}", mark(link.state, x, y));
        }
        let services: Vec<_> = link.services.iter().map(ToString::to_string).collect();
        let first = services.first().map(String::as_str).unwrap_or_default();
        let more = if services.len() > 1 { format!(" +{}", services.len() - 1) } else { String::new() };
        let text = shortened(first, 13 - more.len()) + &more;
        // 11 px of any monospace face are about 6.65 px wide.
        let width = 30 + i32::try_from(text.chars().count()).unwrap_or(0) * 27 / 4;
        let left = x - width / 2;
        format!(
            "<rect class=\"pill\" x=\"{left}\" y=\"{}\" width=\"{width}\" height=\"20\" rx=\"10\"/>{}\
             <text class=\"mono\" x=\"{}\" y=\"{}\">{}</text>",
            y - 10,
            mark(link.state, left + 12, y),
            left + 22,
            y + 4,
            Escaped(text)
        )
    }

    fn cards(&mut self) {
        let mut cards: Vec<_> = self.layout.cards.iter().map(|(spot, card)| (*spot, card.rect)).collect();
        cards.sort_by_key(|(_, rect)| (rect.y, rect.x));
        for (spot, rect) in cards {
            match spot {
                Spot::Peer(id) => self.peer(id, rect),
                Spot::Route(id) => self.route(id, rect),
            }
        }
    }

    fn peer(&mut self, id: PeerId, rect: Rect) {
        let intent = &self.board.intent;
        let Some(peer) = intent.get(id) else { return };
        let state = self.board.state(id);
        let Rect { x, y, w, h } = rect;
        let name = Entity::name(peer).to_string();
        let address = peer.addresses().first().map(ToString::to_string).unwrap_or_default();
        let generations = self.board.generations(id);
        let data = if self.audience == Audience::Page { self.board.peer_data(id) } else { String::new() };
        let (label, left) = (Escaped(self.board.peer_label(id)).to_string(), x + 31);
        let text = format!(
            "<g class=\"card {state}\"{data}><title>{label}</title><rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"7\"/>{}\
             <text class=\"name\" x=\"{left}\" y=\"{}\">{}</text><text class=\"mono soft\" x=\"{left}\" y=\"{}\">{}</text>\
             <text class=\"word\" x=\"{left}\" y=\"{}\">{state} <tspan class=\"soft\">{generations}</tspan></text></g>",
            mark(state, x + 17, y + 19),
            y + 24,
            Escaped(shortened(&name, 18)),
            y + 41,
            Escaped(shortened(&address, 20)),
            y + 57,
        );
        self.line(format_args!("{text}"));
    }

    fn route(&mut self, id: nanami_model::RouteId, rect: Rect) {
        let intent = &self.board.intent;
        let (Some(route), Some(name)) = (intent.get(id), intent.name_of(id)) else { return };
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
    }
}

fn arrow(wire: &Wire) -> String {
    let (x, y) = wire.end;
    let back = if wire.upwards { y + HEAD } else { y - HEAD };
    format!("<path class=\"head\" d=\"M{x} {y}L{} {back}H{}Z\"/>", x - 5, x + 5)
}

/// The id of a link's element; its label and its explanation have it too, behind a word of their own.
pub(super) fn link_id(board: &Board, link: &Link) -> String {
    let (from, to) = board.ends(link);
    let kind = if matches!(link.to, Destination::Route(_)) { "route" } else { "peer" };
    format!("link.{from}.{kind}.{to}")
}

fn many(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

//! Drawing strands: outline and fill, arrow heads, and what is written on them.

use super::detail::Cards;
use super::draw::{Audience, Picture};
use super::end::End;
use super::layout::Card;
use super::mark::{mark, sign};
use super::strand::Strand;
use super::wire::{HEAD, Lanes, Wire, wire};
use super::xml::{Escaped, shortened};

impl Picture<'_> {
    pub(super) fn card(&self, end: End) -> Option<Card> {
        match end {
            End::Hub(network, group) if self.board.cards == Cards::Peers => self.layout.hubs.get(&(network, group)),
            _ => self.layout.cards.get(&end),
        }
        .copied()
    }

    /// The lines of a strand: the way in use first, then those of standbys. Within one frame there is none.
    pub(super) fn ways(&self, strand: &Strand<'_>) -> Option<Vec<Vec<Wire>>> {
        let (from, to) = (self.card(strand.from)?, self.card(strand.to)?);
        let lanes = Lanes::between(&from, &to);
        let near = strand.via.near.and_then(|near| self.card(near));
        let by = |gateway: &End| match self.card(*gateway) {
            Some(gateway) if near.is_some() => {
                let stops = [Some(from), near, Some(gateway), Some(to)];
                let stops: Vec<Card> = stops.into_iter().flatten().collect();
                let lanes = |leg: usize| if leg == 0 { lanes } else { Lanes::middle() };
                stops.windows(2).enumerate().map(|(n, leg)| wire(&self.layout, &leg[0], &leg[1], lanes(n))).collect()
            }
            // A gateway that begins a flow itself is its own first hop.
            Some(gateway) if gateway.rect != from.rect => {
                vec![wire(&self.layout, &from, &gateway, lanes), wire(&self.layout, &gateway, &to, Lanes::middle())]
            }
            _ => vec![wire(&self.layout, &from, &to, Lanes::middle())],
        };
        Some(match strand.via.ranks.as_slice() {
            [] if from.rect == to.rect => vec![vec![Wire::none(&from)]],
            [] => vec![vec![wire(&self.layout, &from, &to, lanes)]],
            via => via.iter().map(by).collect(),
        })
    }

    pub(super) fn strand(&mut self, strand: &Strand<'_>, ways: &[Vec<Wire>]) {
        let path = |wires: &Vec<Wire>| wires.iter().map(|wire| wire.path.as_str()).collect::<String>();
        let used = ways.first().map(path).unwrap_or_default();
        let standbys: String = ways.iter().skip(1).map(path).collect();
        let label = Escaped(self.board.strand_label(strand)).to_string();
        let (own, hit) = match self.audience {
            Audience::Picture => (String::new(), String::new()),
            Audience::Page => {
                let (id, data) = (self.board.strand_id(strand), self.board.strand_data(strand));
                let own = format!(" id=\"{id}\" tabindex=\"0\" role=\"button\" aria-label=\"{label}\"{data}");
                (own, format!("<path class=\"hit\" d=\"{used}\"/>"))
            }
        };
        let standby = match standbys.as_str() {
            "" => String::new(),
            path => format!("<path class=\"standby\" d=\"{path}\"/>"),
        };
        let live = |wire: &Wire| format!("<path class=\"live\" d=\"{}\"/>", wire.path);
        let stroke = |wire: &Wire| {
            let live = if strand.live == Some(0) { live(wire) } else { String::new() };
            format!("<path class=\"tube\" d=\"{0}\"/><path class=\"bore\" d=\"{0}\"/>{live}", wire.path)
        };
        // A standby that has taken over: its line is filled beside the outline that stays planned.
        let standing_in = strand.live.filter(|rank| *rank > 0).and_then(|rank| ways.get(rank));
        let standing_in: String = standing_in.into_iter().flatten().map(live).collect();
        let strokes: String = ways.first().into_iter().flatten().map(stroke).collect();
        let heads: String = ways.first().into_iter().flatten().map(arrow).collect();
        self.line(format_args!(
            "<g class=\"link {}{}\"{own}><title>{label}</title>{hit}{standby}{strokes}{standing_in}{heads}</g>",
            strand.state(),
            self.differing(strand)
        ));
    }

    /// What is written on a strand, above every line and card.
    pub(super) fn tag(&mut self, strand: &Strand<'_>, ways: &[Vec<Wire>]) {
        let Some(Wire { label: (x, y), .. }) = ways.first().and_then(|wires| wires.first()) else { return };
        let pill = self.pill(strand, (*x, *y));
        let (own, stub) = match self.audience {
            Audience::Picture => (String::new(), String::new()),
            Audience::Page => {
                let stub = format!("<text class=\"stub\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\"/>");
                (format!(" id=\"tag.{}\"", self.board.strand_id(strand)), stub)
            }
        };
        self.line(format_args!("<g class=\"tag {}{}\"{own}>{pill}{stub}</g>", strand.state(), self.differing(strand)));
    }

    /// The service and the state, on the line; of a bundle, how many links it is. A crowded board shows the state alone.
    fn pill(&self, strand: &Strand<'_>, (x, y): (i32, i32)) -> String {
        let state = strand.state();
        let text = match strand.single() {
            None => format!("\u{d7}{}", strand.len()),
            Some(_) if !self.layout.roomy && strand.tally.main().is_none() => {
                return format!("<circle class=\"pill\" cx=\"{x}\" cy=\"{y}\" r=\"8\"/>{}", mark(state, x, y));
            }
            Some(link) => {
                let services: Vec<_> = link.services.iter().map(ToString::to_string).collect();
                let first = services.first().map(String::as_str).unwrap_or_default();
                let more = if services.len() > 1 { format!(" +{}", services.len() - 1) } else { String::new() };
                shortened(first, 13 - more.len()) + &more
            }
        };
        // 11 px of any monospace face are about 6.65 px wide.
        let wide = |text: &str| i32::try_from(text.chars().count()).unwrap_or(0) * 27 / 4;
        let count =
            |count: usize| if strand.single().is_some() && count == 1 { String::new() } else { format!("{count} ") };
        let words: Vec<_> = strand.tally.each().map(|(n, what)| (what, format!("{}{what}", count(n)))).collect();
        let width = 30 + wide(&text) + words.iter().map(|(_, word)| 24 + wide(word)).sum::<i32>();
        let left = x - width / 2;
        let (mut at, mut signs) = (left + 34 + wide(&text), String::new());
        for (what, word) in &words {
            let sign = sign(*what, at, y);
            signs += &format!("{sign}<text class=\"mono does\" x=\"{}\" y=\"{}\">{word}</text>", at + 10, y + 4);
            at += 24 + wide(word);
        }
        format!(
            "<rect class=\"pill\" x=\"{left}\" y=\"{}\" width=\"{width}\" height=\"20\" rx=\"10\"/>{}\
             <text class=\"mono\" x=\"{}\" y=\"{}\">{}</text>{signs}",
            y - 10,
            mark(state, left + 12, y),
            left + 22,
            y + 4,
            Escaped(text)
        )
    }

    /// The classes by which the style tells apart what a plan does to strands.
    fn differing(&self, strand: &Strand<'_>) -> String {
        match (strand.tally.main(), &self.board.overlay) {
            (Some(what), _) => format!(" does {what}"),
            (None, Some(_)) => " kept".to_owned(),
            (None, None) => String::new(),
        }
    }

    /// Says what there was no room for.
    pub(super) fn left_out(&mut self, (strands, links): (usize, usize)) {
        if strands > 0 {
            let right = self.layout.width - 32;
            self.line(format_args!(
                "<text class=\"sub count\" x=\"{right}\" y=\"100\" text-anchor=\"end\">the thinnest {strands} bundles, of {links} links, are not drawn</text>"
            ));
        }
    }
}

fn arrow(wire: &Wire) -> String {
    if wire.path.is_empty() {
        return String::new();
    }
    let (x, y) = wire.end;
    let back = if wire.upwards { y + HEAD } else { y - HEAD };
    format!("<path class=\"head\" d=\"M{x} {y}L{} {back}H{}Z\"/>", x - 5, x + 5)
}

//! Where everything stands.
//!
//! **Invariant**: a function of the intent without its policies. Everything is ordered by name. Cards stand in rows with free
//! channels between them and free gaps beside them, which is where lines run.

use std::collections::BTreeMap;

use nanami_model::{GroupId, NetworkId, RegionId, RouteId};

use super::Board;
use super::end::End;
use clusters::{Band, Cluster, NetworkBox, bands, networks, regions};

mod clusters;

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) w: i32,
    pub(super) h: i32,
}

impl Rect {
    pub(super) fn center(&self) -> i32 {
        self.x + self.w / 2
    }

    pub(super) fn right(&self) -> i32 {
        self.x + self.w
    }

    pub(super) fn bottom(&self) -> i32 {
        self.y + self.h
    }
}

/// A card in its row; a frame with several rows of cards counts as a card too, where lines end at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Card {
    pub(super) rect: Rect,
    pub(super) row: usize,
    pub(super) last_row: usize,
    pub(super) column: i32,
}

/// A frame around cards.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    pub(super) title: String,
    /// A second line, or nothing.
    pub(super) note: String,
    pub(super) rect: Rect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    Region(RegionId),
    Network(Option<NetworkId>),
    Group(Option<GroupId>),
}

/// Cards beside each other, with the free channel below them.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub(super) top: i32,
    pub(super) bottom: i32,
    /// The channel: from the last frame around the cards to whatever comes next.
    pub(super) channel: (i32, i32),
    /// From left to right: where cards begin and end.
    pub(super) taken: Vec<(i32, i32)>,
}

/// A heading in the left margin.
#[derive(Debug, Clone)]
pub(super) struct Tier {
    pub(super) title: &'static str,
    pub(super) y: i32,
}

/// The whole board.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) control: Rect,
    pub(super) tiers: Vec<Tier>,
    pub(super) frames: Vec<Frame>,
    pub(super) cards: BTreeMap<End, Card>,
    pub(super) rows: Vec<Row>,
    /// The frames of groups, each by its network and itself.
    pub(super) hubs: BTreeMap<(Option<NetworkId>, Option<GroupId>), Card>,
    /// Whether there is room for a label on each link.
    pub(super) roomy: bool,
}

impl Layout {
    pub(super) fn of(board: &Board) -> Self {
        let intent = board.objects.intent();
        let mut layout = Self {
            width: 0,
            height: 0,
            control: Rect { x: LEFT, y: HEAD, w: 0, h: CONTROL_H },
            tiers: vec![Tier { title: "Control plane", y: HEAD + 22 }],
            frames: Vec::new(),
            cards: BTreeMap::new(),
            rows: Vec::new(),
            hubs: BTreeMap::new(),
            roomy: intent.peers().len() <= ROOMY_PEERS,
        };
        let regions = regions(board);
        let networks = networks(board);
        let regions_width = regions.iter().map(|cluster| cluster.width() + REGION_GAP).sum::<i32>() - REGION_GAP;
        let bands = bands(networks);
        let content = bands.iter().map(Band::width).chain([regions_width.min(WIDEST), NARROWEST]).max().unwrap_or(0);
        layout.control.w = content;
        layout.width = LEFT + content + MARGIN;
        let mut y = HEAD + CONTROL_H + 56;
        y = layout.place_routes_and_gateways(board, &regions, content, y);
        y = layout.place_peers(&bands, y);
        layout.height = y + LEGEND_H;
        layout
    }

    /// Routes stand above the gateways that they are behind.
    fn place_routes_and_gateways(&mut self, board: &Board, regions: &[Cluster], content: i32, top: i32) -> i32 {
        if regions.is_empty() {
            return top;
        }
        let per_row = usize::try_from(content / PITCH).unwrap_or(1).max(1);
        let route_rows = board.objects.routes().len().div_ceil(per_row) as i32;
        let gateway_top = top + route_rows * (ROUTE_H + ROUTE_CHANNEL);
        let (mut x, mut y, mut end) = (0, gateway_top, 0);
        let mut lines: Vec<Vec<(&Cluster, i32)>> = vec![Vec::new()];
        for cluster in regions {
            if x > 0 && x + cluster.width() > content {
                lines.push(Vec::new());
                x = 0;
            }
            lines.last_mut().expect("there is a line").push((cluster, x));
            x += cluster.width() + REGION_GAP;
        }
        let first_row = self.rows.len() + route_rows as usize;
        let mut rows = Vec::new();
        for line in &lines {
            let width = line.last().map_or(0, |(cluster, x)| x + cluster.width());
            let (left, mut row) = (LEFT + (content - width) / 2, Row::default());
            for (cluster, x) in line {
                let rect = Rect { x: left + x, y, w: cluster.width(), h: TITLE + CARD_H + PAD };
                self.frames.push(Frame { kind: cluster.kind, title: cluster.title.clone(), note: String::new(), rect });
                for (i, end) in cluster.cards.iter().enumerate() {
                    let card = Rect { x: rect.x + PAD + i as i32 * PITCH, y: y + TITLE, w: CARD_W, h: CARD_H };
                    self.put(*end, card, first_row + rows.len(), &mut row);
                }
                end = rect.bottom();
            }
            let channel = if self.roomy { GATEWAY_CHANNEL } else { CHANNEL };
            row.channel = (end, end + channel);
            rows.push(row);
            y = end + channel;
        }
        self.tiers.push(Tier { title: "Gateways by region", y: gateway_top + 22 });
        if route_rows > 0 {
            self.tiers.push(Tier { title: "Routes", y: top + 22 });
            let rows = self.place_routes(board, content, top, route_rows as usize);
            self.rows.extend(rows);
        }
        self.rows.extend(rows);
        y
    }

    fn place_routes(&mut self, board: &Board, content: i32, top: i32, count: usize) -> Vec<Row> {
        let center = |layout: &Self, route: RouteId| {
            let gateways = board.ends_of(&board.objects.gateways_of(route));
            let cards = gateways.iter().filter_map(|end| layout.cards.get(end));
            let centers: Vec<i32> = cards.map(|card| card.rect.center()).collect();
            centers.iter().sum::<i32>() / i32::try_from(centers.len().max(1)).unwrap_or(1)
        };
        let mut routes: Vec<_> = board.objects.routes().map(|(id, _)| (center(self, id), id)).collect();
        routes.sort_by_key(|(center, id)| (*center, board.objects.name_of(*id).cloned()));
        let mut rows = Vec::new();
        for line in 0..count {
            // Neighbors go into different rows, so that each row is spread over its gateways.
            let routes: Vec<_> = routes.iter().skip(line).step_by(count).collect();
            let y = top + line as i32 * (ROUTE_H + ROUTE_CHANNEL);
            let (mut row, mut left, mut room) = (Row::default(), LEFT, LEFT + content - routes.len() as i32 * PITCH);
            for (center, id) in routes {
                let x = (center - CARD_W / 2).min(room).max(left);
                let rect = Rect { x, y, w: CARD_W, h: ROUTE_H };
                self.put(End::Route(*id), rect, self.rows.len() + line, &mut row);
                (left, room) = (x + PITCH, room + PITCH);
            }
            row.channel = (y + ROUTE_H, y + ROUTE_H + ROUTE_CHANNEL);
            rows.push(row);
        }
        rows
    }

    fn place_peers(&mut self, bands: &[Band], top: i32) -> i32 {
        self.tiers.push(Tier { title: "Peers by network", y: top + 22 });
        let single = bands.len() == 1 && bands[0].shelves() == 1;
        let mut y = top;
        for band in bands {
            let mut x = LEFT;
            let deepest = band.networks.iter().map(|network| network.cards()).sum::<i32>();
            let channel = if single && self.roomy { ARC + ARC_STEP * (deepest - 1) + 26 } else { CHANNEL };
            let mut end = y;
            let first_row = self.rows.len();
            for network in &band.networks {
                let bottom = self.place_network(network, x, y, channel, first_row);
                end = end.max(bottom);
                x += network.width() + NETWORK_GAP;
            }
            y = end + BAND_GAP;
        }
        y
    }

    /// A network: its shelves of groups below each other, each with a channel; its title at the foot, out of the way of lines.
    fn place_network(&mut self, network: &NetworkBox, x: i32, top: i32, channel: i32, first_row: usize) -> i32 {
        let mut y = top + PAD;
        let mut row_index = first_row;
        for shelf in &network.shelves {
            let mut left = x + NETWORK_PAD;
            let lines = shelf.iter().map(|group| group.lines()).max().unwrap_or(1);
            let height = TITLE + lines * CARD_H + (lines - 1) * CHANNEL + PAD;
            for group in shelf {
                let rect = Rect { x: left, y, w: group.width(), h: height };
                self.frames.push(Frame { kind: group.kind, title: group.title.clone(), note: String::new(), rect });
                for (i, end) in (0i32..).zip(&group.cards) {
                    let (line, column) = (i / group.columns(), i % group.columns());
                    let card_y = y + TITLE + line * (CARD_H + CHANNEL);
                    let card = Rect { x: left + PAD + column * PITCH, y: card_y, w: CARD_W, h: CARD_H };
                    let index = row_index + line as usize;
                    if self.rows.len() <= index {
                        self.rows.resize(index + 1, Row::default());
                    }
                    let mut row = std::mem::take(&mut self.rows[index]);
                    self.put(*end, card, index, &mut row);
                    row.channel = (card.bottom(), card.bottom() + CHANNEL);
                    self.rows[index] = row;
                }
                if let (FrameKind::Network(network), FrameKind::Group(group)) = (network.kind, group.kind) {
                    let column = (left - LEFT) / PITCH;
                    let last_row = row_index + lines as usize - 1;
                    self.hubs.insert((network, group), Card { rect, row: row_index, last_row, column });
                }
                left += group.width() + GROUP_GAP;
            }
            row_index += lines as usize;
            y += height;
            if let Some(row) = self.rows.get_mut(row_index - 1) {
                row.channel = (y, y + channel);
            }
            y += channel;
        }
        let rect = Rect { x, y: top, w: network.width(), h: y + FOOT - top };
        let (title, note) = (network.title.clone(), network.note.clone());
        self.frames.insert(0, Frame { kind: network.kind, title, note, rect });
        rect.bottom()
    }

    fn put(&mut self, end: End, rect: Rect, row_index: usize, row: &mut Row) {
        let column = i32::try_from(row.taken.len()).unwrap_or(i32::MAX);
        (row.top, row.bottom) = (rect.y, rect.bottom());
        row.taken.push((rect.x, rect.right()));
        self.cards.insert(end, Card { rect, row: row_index, last_row: row_index, column });
    }
}

// Sizes in pixels, chosen by eye at 8 and at 200 peers.
pub(super) const LEFT: i32 = 168;
const MARGIN: i32 = 32;
const HEAD: i32 = 116;
const CONTROL_H: i32 = 76;
const CARD_W: i32 = 176;
const CARD_H: i32 = 68;
const GAP: i32 = 24;
const PITCH: i32 = CARD_W + GAP;
const PAD: i32 = 14;
const TITLE: i32 = 34;
const FOOT: i32 = 50;
const ROUTE_H: i32 = 46;
const ROUTE_CHANNEL: i32 = 64;
const GATEWAY_CHANNEL: i32 = 150;
const CHANNEL: i32 = 64;
/// The depth of an arc between neighbors, and how much deeper each further column makes it.
pub(super) const ARC: i32 = 34;
pub(super) const ARC_STEP: i32 = 22;
const GROUP_GAP: i32 = 20;
const NETWORK_PAD: i32 = 16;
const NETWORK_GAP: i32 = 28;
const BAND_GAP: i32 = 40;
const REGION_GAP: i32 = 40;
const WIDEST: i32 = 1440;
const NARROWEST: i32 = 960;
pub(super) const LEGEND_H: i32 = 124;
/// As many cards as the widest network has room for.
const PER_LINE: i32 = (WIDEST - 2 * NETWORK_PAD - 2 * PAD + GAP) / PITCH;
const ROOMY_PEERS: usize = 24;

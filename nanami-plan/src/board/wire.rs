//! The lines of links: the way that packets take, as curves that pass no node.
//!
//! **Invariant**: a line depends on its own ends and on where cards stand, never on other lines, so that one link more moves
//! nothing. Within a row lines are arcs below it; between neighboring rows they are S-curves in the free channel; further
//! away they run through channels and gaps.

use std::fmt::Write as _;

use super::layout::{ARC, ARC_STEP, Card, Layout, Row};

/// A line from one card to another.
pub(super) struct Wire {
    /// The path, as the `d` attribute has it.
    pub(super) path: String,
    /// Where a label has room.
    pub(super) label: (i32, i32),
    /// Where it ends, and whether it ends upwards.
    pub(super) end: (i32, i32),
    pub(super) upwards: bool,
}

impl Wire {
    /// No line: what stays within one frame has just a label, at the frame's upper right corner.
    pub(super) fn none(frame: &Card) -> Self {
        let at = (frame.rect.right() - 34, frame.rect.y + 2);
        Self { path: String::new(), label: at, end: at, upwards: true }
    }
}

/// By what lines with an end in common keep apart: where the way of the whole link ends and begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lanes {
    start: i32,
    end: i32,
}

impl Lanes {
    /// Lanes by the columns of the link's ends, for they are different where the links are.
    pub(super) fn between(from: &Card, to: &Card) -> Self {
        let of = |card: &Card| card.column + i32::try_from(card.row).unwrap_or(0);
        Self { start: of(to), end: of(from) }
    }

    /// The middle of both ends.
    pub(super) fn middle() -> Self {
        Self { start: 0, end: 2 }
    }
}

/// Draws the line.
pub(super) fn wire(layout: &Layout, from: &Card, to: &Card, lanes: Lanes) -> Wire {
    if to.last_row < from.row {
        up(layout, from, to, lanes)
    } else if to.row > from.last_row {
        down(layout, from, to, lanes)
    } else {
        arc(layout, from, to)
    }
}

/// Below the row: the further, the deeper, so that arcs over one another keep apart.
fn arc(layout: &Layout, from: &Card, to: &Card) -> Wire {
    let rightwards = to.rect.x > from.rect.x;
    let columns = (to.column - from.column).abs() + i32::from(!rightwards);
    let sign = if rightwards { 1 } else { -1 };
    // Of arcs with one end in common the deeper goes around the others there too.
    let far = (to.column - from.column).abs().min(4);
    let (x1, x2) = (from.rect.center() + sign * (56 - 7 * far), to.rect.center() - sign * (26 - 6 * far));
    let y = from.rect.bottom();
    let channel = layout.rows.get(from.last_row).map_or((y, y + ARC), |row| row.channel);
    let room = channel.1 - y - 14;
    let depth = (channel.0 - y + ARC + ARC_STEP * (columns - 1)).min(room);
    // A cubic whose controls hang at 4/3 of the depth reaches just the depth.
    let control = y + depth * 4 / 3;
    let lean = (x2 - x1) / 6;
    let path = format!("M{x1} {y}C{} {control} {} {control} {x2} {}", x1 + lean, x2 - lean, y + HEAD);
    Wire { path, label: ((x1 + x2) / 2, y + depth), end: (x2, y), upwards: true }
}

fn up(layout: &Layout, from: &Card, to: &Card, lanes: Lanes) -> Wire {
    let lane = lanes.start;
    let start = (from.rect.right() - 16 - lane % 4 * 10, from.rect.y);
    let end = (to.rect.center() + (lanes.end % 5 - 2) * 14, to.rect.bottom());
    let between: Vec<&Row> = layout.rows[to.last_row + 1..from.row].iter().rev().collect();
    let mut pen = Pen::at(start);
    let mut at = start;
    for row in between {
        let gap = beside(row, at.0, end.0, lane);
        let turn = row.channel.1.min(at.1 - 6) - 8 - lane % 4 * 5;
        pen.elbow(turn, gap);
        at = (gap, row.top - 6);
        pen.line(at);
    }
    let label = pen.swing(at, (end.0, end.1 + HEAD), [22, 36, 50][usize::try_from(lane % 3).unwrap_or(0)]);
    Wire { path: pen.path, label, end, upwards: true }
}

fn down(layout: &Layout, from: &Card, to: &Card, lanes: Lanes) -> Wire {
    let lane = lanes.start;
    let start = (from.rect.center() + (lane % 5 - 2) * 14, from.rect.bottom());
    let end = (to.rect.right() - 54 - lanes.end % 3 * 8, to.rect.y);
    let mut pen = Pen::at(start);
    let mut at = start;
    for (row, next) in layout.rows[from.last_row..to.row].iter().zip(&layout.rows[from.last_row + 1..to.row]) {
        let gap = beside(next, at.0, end.0, lane);
        pen.elbow(row.channel.0 + 10 + lane % 4 * 5, gap);
        at = (gap, next.bottom + 6);
        pen.line(at);
    }
    let label = pen.swing(at, (end.0, end.1 - HEAD), [70, 58, 46][usize::try_from(lane % 3).unwrap_or(0)]);
    Wire { path: pen.path, label, end, upwards: false }
}

/// Where a line passes a row on its way from one x to another: straight on if nothing stands there, else by the gap that makes
/// the shortest way.
fn gap(row: &Row, from: i32, to: i32) -> i32 {
    let free = |x: i32| !row.taken.iter().any(|(left, right)| left - 5 < x && x < right + 5);
    if free(from) {
        return from;
    }
    let first = row.taken.first().map_or(from, |(left, _)| left - 12);
    let last = row.taken.last().map_or(from, |(_, right)| right + 12);
    let inner = row.taken.windows(2).map(|pair| (pair[0].1 + pair[1].0) / 2);
    let way = |x: &i32| ((x - from).abs() + (to - x).abs(), (to - x).abs());
    inner.chain([first, last]).min_by_key(way).unwrap_or(from)
}

/// The same, with a little room for other lines in the gap.
fn beside(row: &Row, from: i32, to: i32, lane: i32) -> i32 {
    let gap = gap(row, from, to);
    if gap == from { gap } else { gap + lane % 5 * 3 - 6 }
}

/// How long an arrow head is.
pub(super) const HEAD: i32 = 8;

struct Pen {
    path: String,
    at: (i32, i32),
}

impl Pen {
    fn at(at: (i32, i32)) -> Self {
        Self { path: format!("M{} {}", at.0, at.1), at }
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.path.write_fmt(text).expect("writing to a string does not fail");
    }

    fn line(&mut self, to: (i32, i32)) {
        self.put(format_args!("L{} {}", to.0, to.1));
        self.at = to;
    }

    /// Vertically to `y`, horizontally to `x`, with round corners, ready to go on vertically in the same direction.
    fn elbow(&mut self, y: i32, x: i32) {
        let (x0, y0) = self.at;
        let vertical = (y - y0).signum();
        let horizontal = (x - x0).signum();
        let radius = 8.min((x - x0).abs() / 2).min((y - y0).abs());
        if radius > 0 {
            self.line((x0, y - vertical * radius));
            self.put(format_args!("Q{x0} {y} {} {y}", x0 + horizontal * radius));
            self.line((x - horizontal * radius, y));
            self.put(format_args!("Q{x} {y} {x} {}", y + vertical * radius));
            self.at = (x, y + vertical * radius);
        } else {
            self.line((x, y));
        }
    }

    /// An S-curve; gives back the point on it that is `percent` of the way.
    fn swing(&mut self, from: (i32, i32), to: (i32, i32), percent: i32) -> (i32, i32) {
        let middle = (from.1 + to.1) / 2;
        self.put(format_args!("C{} {middle} {} {middle} {} {}", from.0, to.0, to.0, to.1));
        let t = f64::from(percent) / 100.0;
        let (u, mixed) = (1.0 - t, 3.0 * t * (1.0 - t));
        let x = f64::from(from.0) * (u * u * u + mixed * u) + f64::from(to.0) * (t * t * t + mixed * t);
        let y = f64::from(from.1) * u * u * u + f64::from(middle) * mixed + f64::from(to.1) * t * t * t;
        self.at = to;
        (x.round() as i32, y.round() as i32)
    }
}

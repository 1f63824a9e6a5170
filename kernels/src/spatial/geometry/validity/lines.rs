//! Lines: no two parts may overlap along a length.

use robust::Coord;

use super::{Budget, Meeting, Point, meeting, order, point};
use crate::spatial::geometry::Position;

/// A part of a line between two different positions; the first in [`order`] is stored first.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    a: Point,
    b: Point,
}

impl Segment {
    /// The segment between two positions; `None` where they are equal.
    pub(super) fn new(a: Point, b: Point) -> Option<Segment> {
        match order(a, b) {
            std::cmp::Ordering::Less => Some(Segment { a, b }),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(Segment { a: b, b: a }),
        }
    }
}

/// Adds a line's segments; returns whether there are any.
pub(super) fn segments(line: &[Position], out: &mut Vec<Segment>) -> bool {
    let before = out.len();
    out.extend(line.windows(2).filter_map(|pair| Segment::new(point(&pair[0]), point(&pair[1]))));
    out.len() > before
}

pub(super) fn are_valid(lines: &[&[Position]], budget: &mut Budget) -> bool {
    let mut all = Vec::new();
    lines.iter().all(|line| line.is_empty() || segments(line, &mut all)) && share_no_length(&mut all, budget)
}

/// Whether no two segments overlap along a length.
pub(super) fn share_no_length(all: &mut [Segment], budget: &mut Budget) -> bool {
    on_one_line(all, &mut |group| is_apart(group, budget))
}

fn turned(p: Point) -> Point {
    Coord { x: p.y, y: p.x }
}

/// Calls `each` with the groups of segments that may be collinear, until it returns false. Only those can overlap along
/// a length, however many of the others cross.
fn on_one_line(all: &mut [Segment], each: &mut impl FnMut(&mut [Segment]) -> bool) -> bool {
    // Differences of doubles are rounded once, so slopes of collinear segments differ by a few units in the last place.
    const CLOSE: f64 = 16.0 * f64::EPSILON;
    let slope = |s: &Segment| (s.b.y - s.a.y) / (s.b.x - s.a.x);
    let alike = |a: f64, b: f64| a == b || (b - a).abs() <= CLOSE * a.abs().min(b.abs());
    all.sort_unstable_by(|s, t| slope(s).total_cmp(&slope(t)));
    all.chunk_by_mut(|s, t| alike(slope(s), slope(t))).all(|parallel| {
        let [least, most] = [parallel.first(), parallel.last()].map(|s| s.map_or(0.0, slope));
        let largest = |of: fn(&Segment) -> f64| parallel.iter().map(of).fold(0.0, f64::max);
        let (x, y) = (largest(|s| s.a.x.abs()), largest(|s| s.a.y.abs()));
        // Where the line meets the axis; for vertical segments this is their x, exactly.
        let upright = least.is_infinite();
        let close = if upright { 0.0 } else { 2.0 * (most - least) * x + CLOSE * (least.abs() * x + y) };
        let offset = |s: &Segment| if upright { s.a.x } else { s.a.y - least * s.a.x };
        parallel.sort_unstable_by(|s, t| offset(s).total_cmp(&offset(t)));
        parallel.chunk_by_mut(|s, t| offset(t) - offset(s) <= close).all(|group| {
            if upright {
                // The search goes along x, where all vertical segments would be in the same place.
                group.iter_mut().for_each(|s| (s.a, s.b) = (turned(s.a), turned(s.b)));
            }
            each(group)
        })
    })
}

/// Whether no two of these segments overlap along a length, as far as the budget allows to decide.
fn is_apart(group: &mut [Segment], budget: &mut Budget) -> bool {
    group.sort_unstable_by(|s, t| s.a.x.total_cmp(&t.a.x));
    let mut open: Vec<usize> = Vec::new();
    for i in 0..group.len() {
        let s = &group[i];
        if !budget.spend(open.len() as u64 * Budget::PASSED) {
            return false;
        }
        open.retain(|&j| group[j].b.x >= s.a.x);
        let [low, high] = [s.a.y.min(s.b.y), s.a.y.max(s.b.y)];
        for t in open.iter().map(|&j| &group[j]) {
            if t.a.y.max(t.b.y) < low || t.a.y.min(t.b.y) > high {
                continue;
            }
            if !budget.spend(Budget::COMPARED) || meeting((s.a, s.b), (t.a, t.b)) == Meeting::Length {
                return false;
            }
        }
        open.push(i);
    }
    true
}

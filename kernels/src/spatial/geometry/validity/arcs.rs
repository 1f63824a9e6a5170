//! Curves: arcs of one circle, and straight parts, may not overlap along a length.

use robust::incircle;

use super::lines::{self, Segment};
use super::{Budget, Point, order, point, side};
use crate::spatial::geometry::{Curve, Piece, Position, curves, present};

/// A circular arc through three positions that are not collinear.
struct Arc {
    a: Point,
    b: Point,
    c: Point,
    /// The side of the line from `a` to `c` on which it lies.
    turn: i8,
    /// Its bounding box; infinite where computing it would need the circle.
    low: Point,
    high: Point,
}

impl Arc {
    fn new(a: Point, b: Point, c: Point, turn: i8) -> Arc {
        let from_b = |p: Point| (p.x - b.x, p.y - b.y);
        let (u, v) = (from_b(a), from_b(c));
        let (dot, lengths) = (u.0 * v.0 + u.1 * v.1, u.0.hypot(u.1) * v.0.hypot(v.1));
        // An arc of at most a semicircle sees its chord at a right angle or more, so it lies in the circle around the
        // chord (Thales). A rounded semicircle lies in a slightly larger one.
        let radius = if dot <= 1e-9 * lengths {
            (c.x - a.x).hypot(c.y - a.y) * (0.5 + 1e-6) + f64::EPSILON * (a.x.abs() + a.y.abs())
        } else {
            f64::INFINITY
        };
        let middle = Point { x: a.x / 2.0 + c.x / 2.0, y: a.y / 2.0 + c.y / 2.0 };
        let low = Point { x: middle.x - radius, y: middle.y - radius };
        let high = Point { x: middle.x + radius, y: middle.y + radius };
        Arc { a, b, c, turn, low, high }
    }

    fn is_on_circle(&self, other: &Arc) -> bool {
        [other.a, other.b, other.c].into_iter().all(|p| incircle(self.a, self.b, self.c, p) == 0.0)
    }

    /// Whether a position on its circle lies on the arc between its ends.
    fn goes_over(&self, p: Point) -> bool {
        side(self.a, self.c, p) == self.turn
    }

    /// Whether two arcs overlap along a length. Then one passes over an end of the other, or both have the same ends
    /// and pass over each other's middles.
    fn overlaps(&self, other: &Arc) -> bool {
        self.is_on_circle(other)
            && ([other.a, other.b, other.c].into_iter().any(|p| self.goes_over(p))
                || [self.a, self.c].into_iter().any(|p| other.goes_over(p)))
    }
}

/// The arcs and straight parts of pieces; `None` where one cannot be classified for certain.
fn split<'a>(pieces: impl Iterator<Item = (bool, &'a [Position])>) -> Option<(Vec<Arc>, Vec<Segment>)> {
    let (mut arcs, mut straight) = (Vec::new(), Vec::new());
    for (circular, positions) in pieces {
        if !circular {
            if !lines::segments(positions, &mut straight) {
                return None;
            }
            continue;
        }
        for three in positions.windows(3).step_by(2) {
            let [a, b, c] = [&three[0], &three[1], &three[2]].map(point);
            let turn = side(a, c, b);
            if a == c {
                // Not an arc: the server takes two equal ends for a whole circle.
                return None;
            } else if turn != 0 {
                arcs.push(Arc::new(a, b, c, turn));
            } else if order(a, b) == order(b, c) || b == a || b == c {
                // Straight, unless the middle is the turning point of a way there and back.
                straight.extend(Segment::new(a, c));
            } else {
                return None;
            }
        }
    }
    Some((arcs, straight))
}

fn are_apart(arcs: &mut [Arc], budget: &mut Budget) -> bool {
    arcs.sort_unstable_by(|s, t| s.low.x.total_cmp(&t.low.x));
    let mut open: Vec<usize> = Vec::new();
    for i in 0..arcs.len() {
        let s = &arcs[i];
        if !budget.spend(open.len() as u64 * Budget::PASSED) {
            return false;
        }
        open.retain(|&j| arcs[j].high.x >= s.low.x);
        for t in open.iter().map(|&j| &arcs[j]) {
            if t.high.y < s.low.y || t.low.y > s.high.y {
                continue;
            }
            if !budget.spend(Budget::COMPARED) || s.overlaps(t) {
                return false;
            }
        }
        open.push(i);
    }
    true
}

pub(super) fn is_string_valid(arcs: &[Position], budget: &mut Budget) -> bool {
    are_pieces_valid(std::iter::once((true, arcs)), budget)
}

pub(super) fn is_compound_valid(pieces: &[Piece], budget: &mut Budget) -> bool {
    let height = curves::stored(pieces).next().and_then(|p| present(p.z));
    // "All points in a CompoundCurve instance must have either no Z value or the same Z value."
    curves::stored(pieces).all(|p| present(p.z) == height)
        && are_pieces_valid(pieces.iter().map(parts), budget)
}

fn parts(piece: &Piece) -> (bool, &[Position]) {
    (matches!(piece, Piece::Arcs(_)), piece.positions())
}

fn are_pieces_valid<'a>(pieces: impl Iterator<Item = (bool, &'a [Position])>, budget: &mut Budget) -> bool {
    split(pieces).is_some_and(|(mut arcs, mut straight)| {
        lines::share_no_length(&mut straight, budget) && are_apart(&mut arcs, budget)
    })
}

/// Whether a ring is a circle: arcs of one circle in one direction that do not overlap.
pub(super) fn is_circle(ring: &Curve, budget: &mut Budget) -> bool {
    let Some((mut arcs, straight)) = split(ring.pieces().iter().map(parts)) else { return false };
    let Some(first) = arcs.first() else { return false };
    straight.is_empty()
        && arcs.iter().all(|arc| arc.turn == first.turn && first.is_on_circle(arc))
        && are_apart(&mut arcs, budget)
}

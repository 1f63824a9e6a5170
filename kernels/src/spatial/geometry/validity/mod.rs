//! Which shapes are valid beyond doubt.

mod arcs;
mod lines;
mod rings;

use robust::{Coord, orient2d};

use super::{Piece, Position, Shape, curves};

type Point = Coord<f64>;

/// What may be spent on the lines of one value, its members together, before the answer is that there is a doubt: less than two
/// seconds. Rings need no bound.
struct Budget(u64);

impl Budget {
    const WHOLE: u64 = 1 << 28;
    /// Two segments that have been passed over, and two that were compared with exact arithmetic.
    const PASSED: u64 = 1;
    const COMPARED: u64 = 16;

    /// Whether that much was left.
    fn spend(&mut self, work: u64) -> bool {
        let left = self.0.checked_sub(work);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// See [`super::Geometry::is_surely_valid`].
pub(super) fn is_surely_valid(shape: &Shape) -> bool {
    is_valid(shape, &mut Budget(Budget::WHOLE))
}

fn is_valid(shape: &Shape, budget: &mut Budget) -> bool {
    match shape {
        Shape::Point(_) | Shape::MultiPoint(_) | Shape::FullGlobe => true,
        Shape::Collection(members) => members.iter().all(|member| is_valid(member, budget)),
        // Beyond, products leave the range of doubles, and the orientation tests are no longer exact.
        _ if !within(shape, 1e-100..=1e100) => false,
        Shape::CurvePolygon(rings) => {
            let straight = |piece: &Piece| matches!(piece, Piece::Line(_));
            if rings.iter().all(|ring| ring.pieces().iter().all(straight)) {
                let stored = |pieces| curves::stored(pieces).copied().collect::<Vec<_>>();
                let rings: Vec<Vec<Position>> = rings.iter().map(|ring| stored(ring.pieces())).collect();
                return rings::are_valid(&rings::of(0, &rings).collect::<Vec<_>>());
            }
            // Where circles meet is no number that doubles hold, so that only one that meets nothing is beyond doubt.
            within(shape, CIRCLES) && rings.len() == 1 && arcs::is_circle(&rings[0], budget)
        }
        Shape::CircularString(arcs) => within(shape, CIRCLES) && arcs::is_string_valid(arcs, budget),
        Shape::CompoundCurve(pieces) => within(shape, CIRCLES) && arcs::is_compound_valid(pieces, budget),
        Shape::LineString(line) => lines::are_valid(&[line], budget),
        Shape::MultiLineString(all) => {
            lines::are_valid(&all.iter().map(Vec::as_slice).collect::<Vec<_>>(), budget)
        }
        Shape::Polygon(rings) => rings::are_valid(&rings::of(0, rings).collect::<Vec<_>>()),
        Shape::MultiPolygon(all) => {
            let rings = all.iter().enumerate().flat_map(|(i, rings)| rings::of(i, rings));
            rings::are_valid(&rings.collect::<Vec<_>>())
        }
    }
}

/// Where the test of four positions on a circle, whose products have four factors, is exact.
const CIRCLES: std::ops::RangeInclusive<f64> = 1e-50..=1e50;

/// Whether all coordinates are 0 or of a magnitude in that range.
fn within(shape: &Shape, range: std::ops::RangeInclusive<f64>) -> bool {
    let mut within = true;
    shape.for_each(&mut |p| {
        within &= [p.x, p.y].iter().all(|v| *v == 0.0 || range.contains(&v.abs()));
    });
    within
}

/// The position in the plane, with −0 as 0.
fn point(p: &Position) -> Point {
    Coord { x: p.x + 0.0, y: p.y + 0.0 }
}

/// By x, then y: the order in which a sweep meets positions, and along every line. Coordinates are finite.
fn order(a: Point, b: Point) -> std::cmp::Ordering {
    a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y))
}

/// On which side of the line from `a` to `b` a position is: 1 on the left, −1 on the right, 0 on it.
fn side(a: Point, b: Point, p: Point) -> i8 {
    let turn = orient2d(a, b, p);
    i8::from(turn > 0.0) - i8::from(turn < 0.0)
}

/// How two segments meet, each from the end that comes first in [`order`].
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meeting {
    /// Nowhere.
    Apart,
    /// In one position, which is an end of one of them.
    End,
    /// In one position between their ends.
    Cross,
    /// For a length.
    Length,
}

fn meeting((a, b): (Point, Point), (c, d): (Point, Point)) -> Meeting {
    let others = [side(a, b, c), side(a, b, d)];
    if others == [0, 0] {
        // On one straight line, where the order of positions is the order along it.
        let (from, to) =
            (std::cmp::max_by(a, c, |a, b| order(*a, *b)), std::cmp::min_by(b, d, |a, b| order(*a, *b)));
        return match order(from, to) {
            std::cmp::Ordering::Less => Meeting::Length,
            std::cmp::Ordering::Equal => Meeting::End,
            std::cmp::Ordering::Greater => Meeting::Apart,
        };
    }
    if others[0] * others[1] > 0 {
        return Meeting::Apart;
    }
    let own = [side(c, d, a), side(c, d, b)];
    match own[0] * own[1] {
        1 => Meeting::Apart,
        // Two lines that are not one share one position at most: an end on the other's line is that one.
        product if product == 0 || others.contains(&0) => Meeting::End,
        _ => Meeting::Cross,
    }
}

//! Decides which shapes are certainly valid.

mod arcs;
mod lines;
mod rings;

use robust::{Coord, orient2d};

use super::{Piece, Position, Shape, curves};

type Point = Coord<f64>;

/// The work allowed on the lines of one value, all members together, before it is called doubtful: less than two
/// seconds. Rings need no bound.
struct Budget(u64);

impl Budget {
    const WHOLE: u64 = 1 << 28;
    /// The cost of skipping a pair of segments, and of comparing one with exact arithmetic.
    const PASSED: u64 = 1;
    const COMPARED: u64 = 16;

    /// Spends that much; false if not enough was left.
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
        // Beyond this, products leave the range of doubles, and the orientation tests are no longer exact.
        _ if !within(shape, 1e-100..=1e100) => false,
        Shape::CurvePolygon(rings) => {
            let straight = |piece: &Piece| matches!(piece, Piece::Line(_));
            if rings.iter().all(|ring| ring.pieces().iter().all(straight)) {
                let stored = |pieces| curves::stored(pieces).copied().collect::<Vec<_>>();
                let rings: Vec<Vec<Position>> = rings.iter().map(|ring| stored(ring.pieces())).collect();
                return rings::are_valid(&rings::of(0, &rings).collect::<Vec<_>>());
            }
            // Intersections of circles are not representable in doubles, so only a circle that meets nothing is
            // certain.
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

/// The range in which the test of four positions on a circle, whose products have four factors, is exact.
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

/// The side of the line from `a` to `b` on which a position lies: 1 left, −1 right, 0 on it.
fn side(a: Point, b: Point, p: Point) -> i8 {
    let turn = orient2d(a, b, p);
    i8::from(turn > 0.0) - i8::from(turn < 0.0)
}

/// How two segments meet, each starting at the end that comes first in [`order`].
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meeting {
    /// Nowhere.
    Apart,
    /// In one position that is an end of one of them.
    End,
    /// In one position that is an end of neither.
    Cross,
    /// Along a length.
    Length,
}

fn meeting((a, b): (Point, Point), (c, d): (Point, Point)) -> Meeting {
    let others = [side(a, b, c), side(a, b, d)];
    if others == [0, 0] {
        // Collinear: the order of positions is the order along the line.
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
        // Segments on different lines share at most one position: an end on the other's line is that position.
        product if product == 0 || others.contains(&0) => Meeting::End,
        _ => Meeting::Cross,
    }
}

//! Which shapes are valid beyond doubt.

use robust::{Coord, orient2d};

use super::{Position, Shape};

type Point = Coord<f64>;

/// See [`super::Geometry::is_surely_valid`].
pub(super) fn is_surely_valid(shape: &Shape) -> bool {
    let mut in_range = true;
    // Outside of these bounds products leave the range of doubles, and the orientation tests are no longer exact.
    shape.for_each(&mut |p| {
        in_range &= [p.x, p.y].iter().all(|v| *v == 0.0 || (1e-100..=1e100).contains(&v.abs()));
    });
    match shape {
        Shape::Point(_) | Shape::MultiPoint(_) | Shape::FullGlobe => true,
        Shape::Collection(members) => members.iter().all(is_surely_valid),
        _ if !in_range => false,
        Shape::LineString(line) => lines(std::slice::from_ref(line)),
        Shape::MultiLineString(all) => lines(all),
        Shape::Polygon(rings) => polygons(std::slice::from_ref(rings)),
        Shape::MultiPolygon(all) => polygons(all),
    }
}

/// A part of a line between two different positions, the smaller x first.
struct Segment {
    a: Point,
    b: Point,
    /// The ring or line it belongs to, its number there, and how many there are.
    line: usize,
    number: usize,
    count: usize,
}

fn segments(line: &[Position], index: usize, out: &mut Vec<Segment>) {
    let first = out.len();
    for pair in line.windows(2) {
        let [a, b] = [&pair[0], &pair[1]].map(|p| Coord { x: p.x, y: p.y });
        if a != b {
            let (a, b) = if (a.x, a.y) <= (b.x, b.y) { (a, b) } else { (b, a) };
            out.push(Segment { a, b, line: index, number: out.len() - first, count: 0 });
        }
    }
    let count = out.len() - first;
    out[first..].iter_mut().for_each(|s| s.count = count);
}

/// How two segments meet.
#[derive(Clone, Copy, PartialEq)]
enum Meeting {
    Apart,
    /// In one position.
    Point,
    /// For a length.
    Length,
}

fn meeting(s: &Segment, t: &Segment) -> Meeting {
    let side = |p: Point, s: &Segment| {
        let turn = orient2d(s.a, s.b, p);
        i8::from(turn > 0.0) - i8::from(turn < 0.0)
    };
    let of_t = [side(t.a, s), side(t.b, s)];
    if of_t == [0, 0] {
        // On one straight line, where the order by x, then y, is the order along it.
        let from = if (s.a.x, s.a.y) >= (t.a.x, t.a.y) { s.a } else { t.a };
        let to = if (s.b.x, s.b.y) <= (t.b.x, t.b.y) { s.b } else { t.b };
        return match (from.x, from.y).partial_cmp(&(to.x, to.y)) {
            Some(std::cmp::Ordering::Less) => Meeting::Length,
            Some(std::cmp::Ordering::Equal) => Meeting::Point,
            _ => Meeting::Apart,
        };
    }
    let of_s = [side(s.a, t), side(s.b, t)];
    let apart = of_t[0] * of_t[1] > 0 || of_s[0] * of_s[1] > 0;
    if apart { Meeting::Apart } else { Meeting::Point }
}

/// Whether no two segments meet in a way that `allowed` refuses.
fn meet_as_allowed(mut all: Vec<Segment>, allowed: impl Fn(&Segment, &Segment, Meeting) -> bool) -> bool {
    all.sort_by(|s, t| s.a.x.total_cmp(&t.a.x));
    let mut open: Vec<usize> = Vec::new();
    for i in 0..all.len() {
        let s = &all[i];
        open.retain(|&j| all[j].b.x >= s.a.x);
        let [low, high] = [s.a.y.min(s.b.y), s.a.y.max(s.b.y)];
        for t in open.iter().map(|&j| &all[j]) {
            let beside = t.a.y.max(t.b.y) < low || t.a.y.min(t.b.y) > high;
            if !beside && !allowed(s, t, meeting(s, t)) {
                return false;
            }
        }
        open.push(i);
    }
    true
}

fn lines(lines: &[Vec<Position>]) -> bool {
    let mut all = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let before = all.len();
        segments(line, i, &mut all);
        if all.len() == before && !line.is_empty() {
            return false;
        }
    }
    meet_as_allowed(all, |_, _, meeting| meeting != Meeting::Length)
}

fn polygons(polygons: &[Vec<Vec<Position>>]) -> bool {
    let rings: Vec<&Vec<Position>> = polygons.iter().flatten().collect();
    let mut all = Vec::new();
    for (i, ring) in rings.iter().enumerate() {
        let before = all.len();
        segments(ring, i, &mut all);
        if all.len() < before + 3 {
            return false;
        }
    }
    let simple = meet_as_allowed(all, |s, t, meeting| {
        let distance = s.number.abs_diff(t.number);
        let neighbours = s.line == t.line && (distance == 1 || distance + 1 == s.count);
        meeting == Meeting::Apart || (neighbours && meeting == Meeting::Point)
    });
    if !simple {
        return false;
    }
    // The rings do not touch, so that one position of a ring tells where all of it lies.
    let inside = |ring: &[Position], other: &[Position]| is_inside(&ring[0], other);
    let holes_fit = polygons.iter().all(|rings| {
        let Some((outer, holes)) = rings.split_first() else { return true };
        let apart = |(i, hole): (usize, &Vec<Position>)| {
            holes.iter().enumerate().all(|(j, other)| i == j || !inside(hole, other))
        };
        holes.iter().all(|hole| inside(hole, outer)) && holes.iter().enumerate().all(apart)
    });
    holes_fit
        && polygons.iter().enumerate().all(|(i, p)| {
            let Some(outer) = p.first() else { return true };
            polygons.iter().enumerate().filter(|(j, _)| i != *j).all(|(_, other)| {
                let Some((around, holes)) = other.split_first() else { return true };
                !inside(outer, around) || holes.iter().any(|hole| inside(outer, hole))
            })
        })
}

/// Whether a position that is not on the ring lies within it: the number of edges that a ray to the right crosses is odd.
fn is_inside(p: &Position, ring: &[Position]) -> bool {
    let point = Coord { x: p.x, y: p.y };
    let mut inside = false;
    for pair in ring.windows(2) {
        let [a, b] = [&pair[0], &pair[1]].map(|p| Coord { x: p.x, y: p.y });
        if (a.y > point.y) != (b.y > point.y) {
            let turn = orient2d(a, b, point);
            inside ^= if b.y > a.y { turn > 0.0 } else { turn < 0.0 };
        }
    }
    inside
}

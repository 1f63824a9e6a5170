//! Which shapes are valid beyond doubt.

use std::collections::BTreeMap;
use std::ops::Range;

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
    /// In one position, which is an end of one of them.
    End(Point),
    /// In one position between their ends.
    Cross,
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
            Some(std::cmp::Ordering::Equal) => Meeting::End(from),
            _ => Meeting::Apart,
        };
    }
    let of_s = [side(s.a, t), side(s.b, t)];
    if of_t[0] * of_t[1] > 0 || of_s[0] * of_s[1] > 0 {
        return Meeting::Apart;
    }
    // Two lines that are not one share one position at most: an end on the other's line is that one.
    let ends = [(of_t[0], t.a), (of_t[1], t.b), (of_s[0], s.a), (of_s[1], s.b)];
    ends.into_iter().find(|(side, _)| *side == 0).map_or(Meeting::Cross, |(_, end)| Meeting::End(end))
}

/// Pairs of segments that are looked at before the answer is that there is a doubt: a second's work.
const MOST_PAIRS: usize = 1 << 28;

/// Whether no two segments meet in a way that `allowed` refuses, as far as `pairs` may be looked at.
fn meet_as_allowed(
    all: &mut [Segment],
    pairs: &mut usize,
    mut allowed: impl FnMut(&Segment, &Segment, Meeting) -> bool,
) -> bool {
    all.sort_by(|s, t| s.a.x.total_cmp(&t.a.x));
    let mut open: Vec<usize> = Vec::new();
    for i in 0..all.len() {
        let s = &all[i];
        let Some(left) = pairs.checked_sub(open.len()) else { return false };
        *pairs = left;
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
    let mut pairs = MOST_PAIRS;
    let mut apart = |group: &mut [Segment]| {
        meet_as_allowed(group, &mut pairs, |_, _, meeting| meeting != Meeting::Length)
    };
    on_one_line(&mut all, &mut apart)
}

fn turned(p: Point) -> Point {
    Coord { x: p.y, y: p.x }
}

/// Calls `each` with the segments that may lie on one straight line, until one answer is no. Only those can share a length, however
/// many of the others cross one another.
fn on_one_line(all: &mut [Segment], each: &mut impl FnMut(&mut [Segment]) -> bool) -> bool {
    // Differences of doubles are rounded once, so the slopes of segments of one line differ by a few units in the last place.
    const CLOSE: f64 = 16.0 * f64::EPSILON;
    let slope = |s: &Segment| (s.b.y - s.a.y) / (s.b.x - s.a.x);
    let alike = |a: f64, b: f64| a == b || (b - a).abs() <= CLOSE * a.abs().min(b.abs());
    all.sort_by(|s, t| slope(s).total_cmp(&slope(t)));
    all.chunk_by_mut(|s, t| alike(slope(s), slope(t))).all(|parallel| {
        let [least, most] = [parallel.first(), parallel.last()].map(|s| s.map_or(0.0, slope));
        let largest = |of: fn(&Segment) -> f64| parallel.iter().map(of).fold(0.0, f64::max);
        let (x, y) = (largest(|s| s.a.x.abs()), largest(|s| s.a.y.abs()));
        // Where the line meets the axis: of upright ones that is their x, exactly.
        let upright = least.is_infinite();
        let close = if upright { 0.0 } else { 2.0 * (most - least) * x + CLOSE * (least.abs() * x + y) };
        let offset = |s: &Segment| if upright { s.a.x } else { s.a.y - least * s.a.x };
        parallel.sort_by(|s, t| offset(s).total_cmp(&offset(t)));
        parallel.chunk_by_mut(|s, t| offset(t) - offset(s) <= close).all(|group| {
            if upright {
                // The search goes along x, where all of these would stand at once.
                group.iter_mut().for_each(|s| (s.a, s.b) = (turned(s.a), turned(s.b)));
            }
            each(group)
        })
    })
}

fn polygons(polygons: &[Vec<Vec<Position>>]) -> bool {
    let rings: Vec<&Vec<Position>> = polygons.iter().flatten().collect();
    let mut end = 0;
    let ranges: Vec<Range<usize>> = polygons
        .iter()
        .map(|rings| {
            end += rings.len();
            end - rings.len()..end
        })
        .collect();
    let owners: Vec<usize> = ranges.iter().enumerate().flat_map(|(i, r)| r.clone().map(move |_| i)).collect();
    let mut all = Vec::new();
    for (i, ring) in rings.iter().enumerate() {
        let before = all.len();
        segments(ring, i, &mut all);
        if all.len() < before + 3 {
            return false;
        }
    }
    // Where two rings of a polygon touch. Closed lines that share a single position do not cross there.
    let mut touches: BTreeMap<[usize; 2], Point> = BTreeMap::new();
    let mut pairs = MOST_PAIRS;
    let simple = meet_as_allowed(&mut all, &mut pairs, |s, t, meeting| match meeting {
        Meeting::Apart => true,
        Meeting::End(_) if s.line == t.line => {
            let distance = s.number.abs_diff(t.number);
            distance == 1 || distance + 1 == s.count
        }
        Meeting::End(at) if owners[s.line] == owners[t.line] => {
            *touches.entry([s.line.min(t.line), s.line.max(t.line)]).or_insert(at) == at
        }
        _ => false,
    });
    if !simple || has_circle(rings.len(), touches.keys()) {
        return false;
    }
    // One position of a ring that is not on the other ring tells where all of it lies.
    let inside = |ring: usize, other: usize| {
        let touch = touches.get(&[ring.min(other), ring.max(other)]);
        let free = |p: &&Position| touch.is_none_or(|touch| (p.x, p.y) != (touch.x, touch.y));
        rings[ring].iter().find(free).is_some_and(|p| is_inside(p, rings[other]))
    };
    let holes_fit = ranges.iter().all(|range| {
        let mut rings = range.clone();
        let Some(outer) = rings.next() else { return true };
        let apart = |hole| rings.clone().all(|other| hole == other || !inside(hole, other));
        rings.clone().all(|hole| inside(hole, outer) && apart(hole))
    });
    let outers: Vec<usize> = ranges.iter().filter(|r| !r.is_empty()).map(|r| r.start).collect();
    let in_a_hole =
        |outer, around: usize| ranges[owners[around]].clone().skip(1).any(|hole| inside(outer, hole));
    let apart = |outer, around| outer == around || !inside(outer, around) || in_a_hole(outer, around);
    holes_fit && outers.iter().all(|outer| outers.iter().all(|around| apart(*outer, *around)))
}

/// Whether rings that touch one another form a circle, which would cut what lies between them in two.
fn has_circle<'a>(rings: usize, touches: impl Iterator<Item = &'a [usize; 2]>) -> bool {
    let mut group: Vec<usize> = (0..rings).collect();
    for [i, j] in touches {
        let (kept, joined) = (group[*i], group[*j]);
        if kept == joined {
            return true;
        }
        group.iter_mut().filter(|g| **g == joined).for_each(|g| *g = kept);
    }
    false
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

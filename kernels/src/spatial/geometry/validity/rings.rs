//! Rings of polygons: whether they are simple, meet in single positions at most, and nest as outer rings and holes
//! must.
//!
//! One sweep over all rings of a value answers this exactly, in n·log n steps for any shape. The sweep goes from
//! position to position by x, then y, and keeps the segments that are open there ordered from below. Two segments that
//! cross are neighbours before they do (Shamos & Hoey 1976, "Geometric intersection problems"), so comparing neighbours
//! finds the first crossing, and up to there the order is valid. Where a ring begins, the segment below it tells which
//! ring contains it.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::{Meeting, Point, meeting, order, point, side};
use crate::spatial::geometry::Position;

/// A closed ring, the index of its polygon, and whether it is a hole.
pub(super) struct Ring<'a> {
    polygon: usize,
    is_hole: bool,
    positions: &'a [Position],
}

/// The rings of polygon number `polygon`.
pub(super) fn of<R: AsRef<[Position]>>(polygon: usize, rings: &[R]) -> impl Iterator<Item = Ring<'_>> {
    rings.iter().enumerate().map(move |(i, ring)| Ring { polygon, is_hole: i > 0, positions: ring.as_ref() })
}

pub(super) fn are_valid(rings: &[Ring<'_>]) -> bool {
    let mut segments = Vec::new();
    let mut counts = Vec::with_capacity(rings.len());
    for (i, ring) in rings.iter().enumerate() {
        let before = segments.len();
        for pair in ring.positions.windows(2) {
            let [from, to] = [&pair[0], &pair[1]].map(point);
            let (a, b) = if order(from, to) == Ordering::Less { (from, to) } else { (to, from) };
            if a != b {
                let number = segments.len() - before;
                segments.push(Segment { a, b, forward: a == from, ring: i as u32, number: number as u32 });
            }
        }
        counts.push((segments.len() - before) as u32);
    }
    if counts.iter().any(|count| *count < 3) {
        return false;
    }
    let Some(parents) = parents(&segments, rings, &counts) else { return false };
    // A hole lies directly in its outer ring; an outer ring lies in nothing, or directly in a hole.
    rings.iter().zip(parents).all(|(ring, parent)| match parent.map(|p| &rings[p as usize]) {
        None => !ring.is_hole,
        Some(parent) if ring.is_hole => !parent.is_hole && parent.polygon == ring.polygon,
        Some(parent) => parent.is_hole,
    })
}

/// A side of a ring; the end that comes first in [`order`] is stored first.
struct Segment {
    a: Point,
    b: Point,
    /// Whether the ring runs from `a` to `b`.
    forward: bool,
    ring: u32,
    /// Its number in the ring.
    number: u32,
}

impl Segment {
    fn ends(&self) -> (Point, Point) {
        (self.a, self.b)
    }

    /// Where a position at the sweep line lies relative to the open segment.
    fn compare(&self, p: Point) -> Ordering {
        // Most cases are decided without arithmetic.
        let (low, high) = if self.a.y <= self.b.y { (self.a.y, self.b.y) } else { (self.b.y, self.a.y) };
        if p.y < low {
            Ordering::Less
        } else if p.y > high {
            Ordering::Greater
        } else {
            side(self.a, self.b, p).cmp(&0)
        }
    }
}

/// The sort key of open segments: from below. For equal x, y decides, as if the plane were turned by an infinitesimal
/// angle, so vertical segments need no special case: above one is to its left.
#[derive(Clone, Copy)]
enum Key<'a> {
    Open(&'a Segment),
    /// Just below all segments through this position.
    Below(Point),
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Key::Open(s), Key::Open(t)) if std::ptr::eq(*s, *t) => Ordering::Equal,
            // Both are open from the later of their starts on. Segments that lie on one another compare equal.
            (Key::Open(s), Key::Open(t)) if order(s.a, t.a).is_le() => {
                s.compare(t.a).then_with(|| side(s.a, s.b, t.b).cmp(&0)).reverse()
            }
            (Key::Open(s), Key::Open(t)) => t.compare(s.a).then_with(|| side(t.a, t.b, s.b).cmp(&0)),
            (Key::Below(p), Key::Open(s)) => s.compare(*p).then(Ordering::Less),
            (Key::Open(_), Key::Below(_)) => other.cmp(self).reverse(),
            (Key::Below(p), Key::Below(q)) => order(*p, *q),
        }
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key<'_> {}

/// Groups of rings that touch: union-find with halved paths.
struct Touching(Vec<u32>);

impl Touching {
    fn group(&mut self, mut ring: u32) -> u32 {
        while self.0[ring as usize] != ring {
            let above = self.0[self.0[ring as usize] as usize];
            self.0[ring as usize] = above;
            ring = above;
        }
        ring
    }

    /// Joins two rings; false if other touching rings have joined them already.
    fn join(&mut self, i: u32, j: u32) -> bool {
        let (i, j) = (self.group(i), self.group(j));
        self.0[i as usize] = j;
        i != j
    }
}

/// For each ring the ring that directly contains it; `None` in place of the list where rings meet in a forbidden way.
fn parents(segments: &[Segment], rings: &[Ring<'_>], counts: &[u32]) -> Option<Vec<Option<u32>>> {
    let mut starts: Vec<&Segment> = segments.iter().collect();
    let mut ends = starts.clone();
    starts.sort_unstable_by(|s, t| order(s.a, t.a));
    ends.sort_unstable_by(|s, t| order(s.b, t.b));
    let (mut starts, mut ends) = (&starts[..], &ends[..]);
    let mut open: BTreeSet<Key<'_>> = BTreeSet::new();
    let mut touching = Touching((0..rings.len() as u32).collect());
    let mut parents = vec![None; rings.len()];
    // Whether the lowest segment at the ring's start runs forward; then the inside lies above all segments that run
    // forward.
    let mut lowest: Vec<Option<bool>> = vec![None; rings.len()];
    let mut here: Vec<&Segment> = Vec::new();
    while let Some(end) = ends.first() {
        let at = starts.first().map_or(end.b, |start| std::cmp::min_by(start.a, end.b, |a, b| order(*a, *b)));
        let beginning = cut(&mut starts, |s| s.a == at);
        let ending = cut(&mut ends, |s| s.b == at);
        let through = |key: &Key<'_>| matches!(key, Key::Open(s) if s.compare(at).is_eq());
        here.clear();
        here.extend(
            open.range(Key::Below(at)..).take_while(|key| through(key)).filter_map(|key| key.segment()),
        );
        if here.iter().filter(|s| s.b == at).count() != ending.len() {
            return None;
        }
        here.extend(beginning);
        if !may_meet(&mut here, at, rings, counts, &mut touching) {
            return None;
        }
        for segment in ending {
            open.remove(&Key::Open(segment));
        }
        for segment in beginning {
            // A segment that compares equal lies on this one.
            if !open.insert(Key::Open(segment)) {
                return None;
            }
        }
        // Segments that pass through this position share only it, and have new neighbours.
        let mut below = open.range(..Key::Below(at)).next_back().and_then(|key| key.segment());
        let mut above = open.range(Key::Below(at)..);
        let mut is_neighbour = true;
        loop {
            let next = above.next();
            let goes_through = next.is_some_and(through);
            let next = next.and_then(|key| key.segment());
            if (is_neighbour || !goes_through)
                && let Some((s, t)) = below.zip(next)
                && matches!(meeting(s.ends(), t.ends()), Meeting::Cross | Meeting::Length)
            {
                return None;
            }
            let Some(next) = next.filter(|_| goes_through) else { break };
            let ring = next.ring as usize;
            if lowest[ring].is_none() {
                lowest[ring] = Some(next.forward);
                parents[ring] = below.and_then(|s| {
                    let is_inside = lowest[s.ring as usize] == Some(s.forward);
                    if is_inside { Some(s.ring) } else { parents[s.ring as usize] }
                });
            }
            (below, is_neighbour) = (Some(next), false);
        }
    }
    Some(parents)
}

impl<'a> Key<'a> {
    fn segment(&self) -> Option<&'a Segment> {
        match self {
            Key::Open(segment) => Some(segment),
            Key::Below(_) => None,
        }
    }
}

/// Takes the leading segments for which `holds` is true off the rest.
fn cut<'a, 'b>(rest: &mut &'b [&'a Segment], holds: impl Fn(&Segment) -> bool) -> &'b [&'a Segment] {
    let count = rest.iter().take_while(|s| holds(s)).count();
    let (taken, left) = rest.split_at(count);
    *rest = left;
    taken
}

/// Whether the segments that share a position may do so: two successive segments of one ring, and beside them those of
/// one other ring of the polygon. Closed lines that share a single position do not cross there; sharing a second one,
/// or a cycle of touching rings, would cut the region between them in two.
fn may_meet(
    here: &mut [&Segment],
    at: Point,
    rings: &[Ring<'_>],
    counts: &[u32],
    touching: &mut Touching,
) -> bool {
    here.sort_unstable_by_key(|s| (s.ring, s.number));
    let mut own = here.chunk_by(|s, t| s.ring == t.ring).map(|own| {
        let simple = match own {
            [s] => s.a != at && s.b != at,
            [s, t] => t.number - s.number == 1 || t.number - s.number + 1 == counts[s.ring as usize],
            _ => false,
        };
        simple.then_some(own[0].ring)
    });
    match (own.next(), own.next(), own.next()) {
        (Some(Some(_)), None, _) => true,
        (Some(Some(i)), Some(Some(j)), None) => {
            rings[i as usize].polygon == rings[j as usize].polygon && touching.join(i, j)
        }
        _ => false,
    }
}

//! The computed flag V against exact arithmetic on whole numbers and against the crate `geo`.

use crate::common;

use common::hash;
use geo::Validation;
use hart_kernels::spatial::geometry::{Geometry, Position, Shape, interchange, wkt};

type Point = (i64, i64);

fn cross(o: Point, a: Point, b: Point) -> i64 {
    (a.0 - o.0) * (b.1 - o.1) - (a.1 - o.1) * (b.0 - o.0)
}

/// Whether two segments share more than one position.
fn overlap([a, b]: [Point; 2], [c, d]: [Point; 2]) -> bool {
    if a == b || c == d || cross(a, b, c) != 0 || cross(a, b, d) != 0 {
        return false;
    }
    let sorted = |p: Point, q: Point| (p.min(q), p.max(q));
    let ((a, b), (c, d)) = (sorted(a, b), sorted(c, d));
    a.max(c) < b.min(d)
}

fn walk(seed: u32, n: u32, size: u32) -> Vec<Point> {
    (0..n)
        .map(|i| (hash(seed, 2 * i) % size, hash(seed, 2 * i + 1) % size))
        .map(|(x, y)| (x.into(), y.into()))
        .collect()
}

fn positions(points: &[Point]) -> Vec<Position> {
    points.iter().map(|p| Position::new(p.0 as f64, p.1 as f64)).collect()
}

/// The same lines far from the middle, on a finer grid: still exact.
fn moved(line: &[Position]) -> Vec<Position> {
    line.iter().map(|p| Position::new(p.x / 1024.0 + 1e9, p.y / 512.0 - 1e7)).collect()
}

#[test]
fn lines_are_valid_where_no_parts_lie_on_one_another() {
    let (mut valid, mut invalid) = (0, 0);
    for seed in 0..20_000u32 {
        let lines: Vec<Vec<Point>> =
            (0..1 + seed % 2).map(|l| walk(seed * 2 + l, 2 + seed % 6, 2 + seed % 5)).collect();
        let segments: Vec<[Point; 2]> =
            lines.iter().flat_map(|l| l.windows(2).map(|w| [w[0], w[1]])).collect();
        let pairs = || (0..segments.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
        let expected = !pairs().any(|(i, j)| overlap(segments[i], segments[j]))
            && lines.iter().all(|l| l.iter().any(|p| *p != l[0]));
        let all: Vec<Vec<Position>> = lines.iter().map(|l| positions(l)).collect();
        let far = all.iter().map(|line| moved(line)).collect();
        for all in [all, far] {
            let shape = match &all[..] {
                [line] => Shape::LineString(line.clone()),
                _ => Shape::MultiLineString(all),
            };
            assert_eq!(Geometry::is_surely_valid(&shape), expected, "{}", wkt::write(&shape).unwrap());
        }
        *(if expected { &mut valid } else { &mut invalid }) += 1;
    }
    assert!(valid > 2000 && invalid > 2000, "{valid} {invalid}");
}

/// A million parts that cross one another a hundred billion times, and a comb whose teeth all stand side by side.
#[test]
fn long_lines_are_no_work_without_end() {
    let mut line = positions(&walk(7, 1_000_000, 1 << 30));
    assert!(Geometry::is_surely_valid(&Shape::LineString(line.clone())));
    let back = line[499_999];
    line[500_001] = back;
    assert!(!Geometry::is_surely_valid(&Shape::LineString(line)));
    let tooth = |i: i64| [(0, 2 * i), (1000, 2 * i), (1000, 2 * i + 1), (0, 2 * i + 1)];
    let comb: Vec<Point> = (0..50_000).flat_map(tooth).collect();
    assert!(Geometry::is_surely_valid(&Shape::LineString(positions(&comb))));
    let mut ring = positions(&comb);
    ring.extend([Position::new(-1.0, 99_999.0), Position::new(-1.0, 0.0), Position::new(0.0, 0.0)]);
    assert!(Geometry::is_surely_valid(&Shape::Polygon(vec![ring])));
}

/// Lines so nearly on one another that only exact arithmetic tells them apart, pair by pair: a doubt after a while, for all
/// members of a value together.
#[test]
fn what_lines_may_cost_is_bounded_for_a_whole_value() {
    let fan = |n: i64| {
        let line =
            |i: i64| vec![Position::new(1.0, 1.0), Position::new(2.0, 2.0 + i as f64 * 4.0 * f64::EPSILON)];
        Shape::MultiLineString((0..n).map(line).collect())
    };
    assert!(Geometry::is_surely_valid(&fan(1000)));
    assert!(!Geometry::is_surely_valid(&fan(100_000)));
    let members = |n: usize| Shape::Collection(vec![fan(1000); n]);
    assert!(Geometry::is_surely_valid(&members(10)));
    assert!(!Geometry::is_surely_valid(&members(1000)));
}

/// Tens of thousands of parts and holes, however they lie: what would take minutes pair by pair.
#[test]
fn many_rings_are_no_work_without_end() {
    const N: i64 = 20_000;
    let square = |x: i64, y: i64, size: i64| {
        positions(&[(x, y), (x + size, y), (x + size, y + size), (x, y + size), (x, y)])
    };
    let diamond = |x: i64, y: i64| positions(&[(x - 1, y), (x, y - 1), (x + 1, y), (x, y + 1), (x - 1, y)]);
    let around = |rings: Vec<Vec<Position>>| Shape::Polygon([vec![square(-9, -9, 10 * N)], rings].concat());
    let apart =
        |rings: Vec<Vec<Position>>| Shape::MultiPolygon(rings.into_iter().map(|ring| vec![ring]).collect());
    let row: Vec<_> = (0..N).map(|i| square(3 * i, 0, 1)).collect();
    let column: Vec<_> = (0..N).map(|i| square(0, 3 * i, 1)).collect();
    let nested: Vec<_> = (0..N).map(|i| square(i, i, 3 * N - 2 * i)).collect();
    let chain: Vec<_> = (0..N).map(|i| diamond(2 * i, 0)).collect();
    let fan: Vec<_> =
        (0..N).map(|i| positions(&[(0, 0), (5 * N, 2 * i), (5 * N, 2 * i + 1), (0, 0)])).collect();
    let bars: Vec<_> = (0..N / 2)
        .flat_map(|i| [[(2 * i, -1), (N, 1)], [(-1, 2 * i), (1, N)]])
        .map(|[(x, y), (w, h)]| [(x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y)])
        .map(|bar| positions(&bar))
        .collect();
    let islands = Shape::MultiPolygon(nested.chunks(2).map(<[_]>::to_vec).collect());
    let mut circle = chain.clone();
    // From the first diamond of the chain to the last.
    circle.push(positions(&[
        (-1, 0),
        (-1, 9),
        (2 * N - 1, 9),
        (2 * N - 1, 0),
        (2 * N - 2, 5),
        (0, 5),
        (-1, 0),
    ]));
    for (name, shape, expected) in [
        ("holes in a row", around(row.clone()), true),
        ("parts in a row", apart(row), true),
        ("holes in a column", around(column.clone()), true),
        ("parts in a column", apart(column), true),
        ("holes in holes", around(nested.clone()), false),
        ("parts in parts", apart(nested), false),
        ("islands in lakes", islands, true),
        ("holes that touch in a row", around(chain.clone()), true),
        ("holes that touch in a circle", around(circle), false),
        ("parts that touch", apart(chain), false),
        ("holes that touch in one position", around(fan.clone()), false),
        ("parts that touch in one position", apart(fan), false),
        ("bars that cross", apart(bars), false),
    ] {
        assert_eq!(Geometry::is_surely_valid(&shape), expected, "{name}");
    }
}

/// How two segments meet: nowhere, in a position that is an end of one, across, or for a length.
#[derive(PartialEq)]
enum Meeting {
    Apart,
    End(Point),
    Bad,
}

fn meeting([a, b]: [Point; 2], [c, d]: [Point; 2]) -> Meeting {
    if overlap([a, b], [c, d]) {
        return Meeting::Bad;
    }
    let on = |p: Point, [a, b]: [Point; 2]| cross(a, b, p) == 0 && p >= a.min(b) && p <= a.max(b);
    let ends = [(a, [c, d]), (b, [c, d]), (c, [a, b]), (d, [a, b])];
    if let Some((end, _)) = ends.into_iter().find(|(p, segment)| on(*p, *segment)) {
        return Meeting::End(end);
    }
    let parted =
        |[a, b]: [Point; 2], c: Point, d: Point| cross(a, b, c).signum() * cross(a, b, d).signum() < 0;
    if parted([a, b], c, d) && parted([c, d], a, b) { Meeting::Bad } else { Meeting::Apart }
}

/// Whether a position lies within a ring that it is not on.
fn within(p: Point, ring: &[Point]) -> bool {
    let crossed = ring.windows(2).filter(|w| {
        let (low, high) = if w[0].1 <= w[1].1 { (w[0], w[1]) } else { (w[1], w[0]) };
        low.1 <= p.1 && p.1 < high.1 && cross(low, high, p) > 0
    });
    crossed.count() % 2 == 1
}

/// The rules of polygons one after the other, each for every pair, in whole numbers.
fn polygons_are_valid(polygons: &[Vec<Vec<Point>>]) -> bool {
    let rings: Vec<(usize, bool, &Vec<Point>)> = polygons
        .iter()
        .enumerate()
        .flat_map(|(i, rings)| rings.iter().enumerate().map(move |(j, ring)| (i, j > 0, ring)))
        .collect();
    let sides = |ring: &[Point]| -> Vec<[Point; 2]> {
        ring.windows(2).map(|w| [w[0], w[1]]).filter(|[a, b]| a != b).collect()
    };
    let sides: Vec<_> = rings.iter().map(|(.., ring)| sides(ring)).collect();
    let mut touches: Vec<(usize, usize, Point)> = Vec::new();
    for (i, own) in sides.iter().enumerate() {
        if own.len() < 3 {
            return false;
        }
        for (n, s) in own.iter().enumerate() {
            for (m, t) in own.iter().enumerate().take(n) {
                let neighbours = n - m == 1 || n - m + 1 == own.len();
                match meeting(*s, *t) {
                    Meeting::Apart => {}
                    Meeting::End(_) if neighbours => {}
                    _ => return false,
                }
            }
            for (j, other) in sides.iter().enumerate().take(i) {
                for t in other {
                    match meeting(*s, *t) {
                        Meeting::Apart => {}
                        Meeting::End(at) if rings[i].0 == rings[j].0 => touches.push((i, j, at)),
                        _ => return false,
                    }
                }
            }
        }
    }
    touches.sort_unstable();
    touches.dedup();
    // Two touches of one pair are a circle as well.
    let mut groups: Vec<usize> = (0..rings.len()).collect();
    for (i, j, _) in &touches {
        let (i, j) = (groups[*i], groups[*j]);
        if i == j {
            return false;
        }
        groups.iter_mut().filter(|group| **group == j).for_each(|group| *group = i);
    }
    let inside = |i: usize, j: usize| {
        let touch = touches.iter().find(|(a, b, _)| (*a.min(b), *a.max(b)) == (i.min(j), i.max(j)));
        let free = rings[i].2.iter().find(|p| touch.is_none_or(|(.., at)| at != *p));
        free.is_some_and(|p| within(*p, rings[j].2))
    };
    let of = |polygon: usize, hole: bool| {
        let rings = &rings;
        (0..rings.len()).filter(move |j| (rings[*j].0, rings[*j].1) == (polygon, hole))
    };
    rings.iter().enumerate().all(|(i, (polygon, is_hole, _))| {
        if *is_hole {
            of(*polygon, false).all(|outer| inside(i, outer))
                && of(*polygon, true).all(|j| i == j || !inside(i, j))
        } else {
            let mut others = (0..rings.len()).filter(|j| *j != i && !rings[*j].1);
            others.all(|j| !inside(i, j) || of(rings[j].0, true).any(|hole| inside(i, hole)))
        }
    })
}

/// A ring on whole numbers: any walk, or an upright or slanting square or triangle, which touch one another often.
fn some_ring(seed: u32, size: u32) -> Vec<Point> {
    let number = |i: u32, below: u32| i64::from(hash(seed, 100 + i) % below);
    let (x, y) = (number(0, size), number(1, size));
    let side = 1 + number(2, 1 + size / 3);
    let mut ring = match number(3, 5) {
        0 => walk(seed, 3 + seed % 4, size),
        1 => vec![(x, y), (x + side, y), (x + side, y + side), (x, y + side)],
        2 => vec![(x - side, y), (x, y - side), (x + side, y), (x, y + side)],
        3 => vec![(x, y), (x + side, y), (x, y + side)],
        _ => vec![(x, y), (x + side, y + 1), (x + 1, y + side + 1)],
    };
    if number(4, 2) == 0 {
        ring.reverse();
    }
    let start = number(5, ring.len() as u32) as usize;
    ring.rotate_left(start);
    // A position twice is no side.
    if number(6, 4) == 0 {
        ring.insert(1, ring[0]);
    }
    ring.push(ring[0]);
    ring
}

#[test]
fn polygons_are_called_valid_by_the_rules_of_every_pair() {
    let mut counts = [[0; 2]; 4];
    for seed in 0..10_000u32 {
        let size = 4 + hash(seed, 0) % 14;
        let square =
            |low: i64, high: i64| vec![(low, low), (high, low), (high, high), (low, high), (low, low)];
        let rings = |first: u32, n: u32| (first..first + n).map(|i| some_ring(hash(seed, i), size));
        let (low, high) = (-2, i64::from(size) + 2);
        let kind = seed as usize % 4;
        let polygons: Vec<Vec<Vec<Point>>> = match kind {
            0 => vec![rings(1, 1).collect()],
            // Holes in a square.
            1 => vec![std::iter::once(square(low, high)).chain(rings(1, 1 + seed % 5)).collect()],
            // Polygons beside one another, each with a hole now and then.
            2 => (0..2 + seed % 3).map(|i| rings(10 * i, 1 + hash(seed, 50 + i) % 2).collect()).collect(),
            // Polygons in a hole of another.
            _ => {
                let lake = [square(low - 2, high + 2), square(low, high)];
                let islands = (0..1 + seed % 3).map(|i| rings(10 * i, 1 + hash(seed, 50 + i) % 2).collect());
                let mut polygons: Vec<_> = std::iter::once(lake.to_vec()).chain(islands).collect();
                let first = seed as usize / 4 % polygons.len();
                polygons.rotate_left(first);
                polygons
            }
        };
        let expected = polygons_are_valid(&polygons);
        counts[kind][usize::from(expected)] += 1;
        let shape = |point: fn(&Point) -> Point| {
            let ring = |ring: &Vec<Point>| positions(&ring.iter().map(point).collect::<Vec<_>>());
            Shape::MultiPolygon(polygons.iter().map(|rings| rings.iter().map(ring).collect()).collect())
        };
        // As it is, on its side, mirrored, and far from the middle where differences are still exact.
        for shape in [
            shape(|p| *p),
            shape(|p| (p.1, p.0)),
            shape(|p| (-p.0, p.1)),
            shape(|p| (7 * p.0 + 3 * p.1 + (1 << 40), 2 * p.0 + p.1 - (1 << 41))),
        ] {
            let found = Geometry::is_surely_valid(&shape);
            assert_eq!(found, expected, "seed {seed}: {}", wkt::write(&shape).unwrap());
        }
    }
    assert!(counts.iter().flatten().all(|n| *n > 100), "{counts:?}");
}

#[test]
fn what_is_called_valid_is_valid() {
    let (mut valid, mut doubtful, mut refused) = (0, 0, 0);
    for seed in 0..20_000u32 {
        let ring = |seed: u32, low: i64, size: u32| {
            let mut ring: Vec<Point> =
                walk(seed, 3 + seed % 3, size).iter().map(|p| (p.0 + low, p.1 + low)).collect();
            ring.push(ring[0]);
            positions(&ring)
        };
        let shape = match seed % 3 {
            0 => Shape::Polygon(vec![ring(seed, 0, 6)]),
            1 => Shape::Polygon(vec![
                positions(&[(0, 0), (9, 0), (9, 9), (0, 9), (0, 0)]),
                ring(seed, 0, 8),
                ring(seed + 50_000, 1, 8),
            ]),
            _ => Shape::MultiPolygon(vec![vec![ring(seed, 0, 6)], vec![ring(seed + 50_000, 3, 6)]]),
        };
        let ours = Geometry::is_surely_valid(&shape);
        let theirs = interchange::to_geo(&shape).unwrap().is_valid();
        assert!(!ours || theirs, "{}", wkt::write(&shape).unwrap());
        match (ours, theirs) {
            (true, _) => valid += 1,
            (false, true) => doubtful += 1,
            (false, false) => refused += 1,
        }
    }
    // Rings that touch at single points are doubtful; most valid polygons are not.
    assert!(valid > 1000 && refused > 1000 && doubtful < valid, "{valid} {doubtful} {refused}");
}

#[test]
fn known_shapes() {
    for (text, expected) in [
        ("POINT (1 1)", true),
        ("MULTIPOINT ((1 1), (1 1))", true),
        ("LINESTRING EMPTY", true),
        ("LINESTRING (1 1, 1 1)", false),
        ("LINESTRING (0 0, 2 2, 0 2, 2 0)", true),
        ("LINESTRING (1 4, 3 4, 2 4, 2 0)", false),
        ("LINESTRING (0 2, 1 1, 1 0, 1 1, 2 2)", false),
        ("LINESTRING (0 0, 2 0, 2 2, 1 0)", true),
        ("MULTILINESTRING ((0 0, 2 0), (1 0, 3 0))", false),
        ("MULTILINESTRING ((0 0, 2 0), (2 0, 3 0))", true),
        ("POLYGON EMPTY", true),
        ("POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0))", true),
        ("POLYGON ((0 0, 0 4, 4 4, 4 0, 0 0))", true),
        ("POLYGON ((0 0, 4 4, 4 0, 0 4, 0 0))", false),
        ("POLYGON ((0 0, 4 0, 4 4, 4 0, 0 0))", false),
        ("POLYGON ((0 0, 4 0, 4 0, 4 4, 0 0))", true),
        ("POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (1 1, 2 1, 1 2, 1 1), (5 5, 6 5, 5 6, 5 5))", true),
        ("POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (1 1, 8 1, 8 8, 1 8, 1 1), (5 5, 6 5, 5 6, 5 5))", false),
        ("POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (11 1, 12 1, 11 2, 11 1))", false),
        ("MULTIPOLYGON (((0 0, 9 0, 9 9, 0 9, 0 0)), ((1 1, 2 1, 1 2, 1 1)))", false),
        (
            "MULTIPOLYGON (((0 0, 9 0, 9 9, 0 9, 0 0), (1 1, 8 1, 8 8, 1 8, 1 1)), ((2 2, 3 2, 2 3, 2 2)))",
            true,
        ),
        (
            "MULTIPOLYGON (((2 2, 3 2, 2 3, 2 2)), ((0 0, 9 0, 9 9, 0 9, 0 0), (1 1, 8 1, 8 8, 1 8, 1 1)))",
            true,
        ),
        // Rings that touch in one position: at a corner, on an edge, corner to corner; a hole and a hole.
        ("POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (0 0, 2 1, 1 2, 0 0))", true),
        ("POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (3 0, 4 2, 2 2, 3 0))", true),
        ("POLYGON ((0 0, 9 0, 5 5, 9 9, 0 9, 0 0), (1 4, 5 5, 1 6, 1 4))", true),
        ("POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (1 1, 2 1, 2 2, 1 1), (2 2, 3 2, 3 3, 2 2))", true),
        // In two, along an edge, from outside, through the outer ring.
        ("POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (0 4, 9 4, 4 6, 0 4))", false),
        ("POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (3 0, 5 0, 4 2, 3 0))", false),
        ("POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (9 4, 12 3, 12 5, 9 4))", false),
        ("POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (4 4, 12 4, 4 5, 4 4))", false),
        // A circle of touching rings cuts the inside in two: three holes around a triangle, and two from side to side.
        (
            "POLYGON ((0 0, 20 0, 20 20, 0 20, 0 0), (5 5, 10 5, 7 3, 5 5), (10 5, 8 9, 12 9, 10 5), (5 5, 8 9, 3 9, 5 5))",
            false,
        ),
        ("POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (0 4, 4 4, 4 5, 0 4), (4 4, 9 4, 9 5, 4 4))", false),
        ("POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (0 4, 4 4, 2 5, 0 4), (4 4, 9 4, 6 5, 4 4))", false),
        ("POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (0 4, 4 4, 2 5, 0 4), (4 4, 8 4, 6 5, 4 4))", true),
        // Polygons of a MULTIPOLYGON that touch stay doubtful.
        ("MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((1 1, 2 1, 2 2, 1 1)))", false),
        ("GEOMETRYCOLLECTION (POINT (1 1), LINESTRING (1 1, 1 1))", false),
        ("GEOMETRYCOLLECTION (POINT (1 1), LINESTRING (1 1, 1 2))", true),
        // Beyond what the orientation test can decide.
        ("LINESTRING (0 0, 1E+200 1)", false),
        ("LINESTRING (0 0, 1E-200 1)", false),
        ("POINT (1E+300 1)", true),
    ] {
        assert_eq!(Geometry::from_wkt(text, 0).unwrap().valid, expected, "{text}");
    }
    // One last bit beside the line, which rounded arithmetic would not see.
    let near = |y: f64| vec![Position::new(0.0, 0.0), Position::new(3.0, 1.0), Position::new(1.5, y)];
    assert!(!Geometry::is_surely_valid(&Shape::LineString(near(0.5))));
    for y in [0.5f64.next_up(), 0.5f64.next_down()] {
        assert!(Geometry::is_surely_valid(&Shape::LineString(near(y))));
    }
}

//! The computed flag V against exact arithmetic on whole numbers and against the crate `geo`.

mod common;

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
    // As a ring its teeth are looked at one by one, until it is in doubt.
    let mut ring = positions(&comb);
    ring.extend([Position::new(-1.0, 99_999.0), Position::new(-1.0, 0.0), Position::new(0.0, 0.0)]);
    let _ = Geometry::is_surely_valid(&Shape::Polygon(vec![ring]));
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

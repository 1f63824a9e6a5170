//! Curves and FULLGLOBE: bytes of version 2, WKT, WKB, what can be said of their validity, and the kernels that meet them.

use crate::common;

use common::{call_columns, compute, hash, text};
use hart_kernels::registry::{Input, Values};
use hart_kernels::spatial::geometry::{Curve, Geometry, Piece, Position, Shape, SpatialType, wkb, wkt};

/// Version 2: a CURVEPOLYGON of these figures, each with an attribute and its positions, and these segments.
fn curve_polygon(figures: &[(u8, &[(f64, f64)])], segments: &[u8]) -> Vec<u8> {
    let positions = figures.iter().flat_map(|(_, positions)| positions.iter());
    let mut bytes = vec![0, 0, 0, 0, 2, 0];
    bytes.extend((positions.clone().count() as u32).to_le_bytes());
    positions.for_each(|(x, y)| bytes.extend([x.to_le_bytes(), y.to_le_bytes()].concat()));
    bytes.extend((figures.len() as u32).to_le_bytes());
    let mut start = 0u32;
    for (attribute, positions) in figures {
        bytes.push(*attribute);
        bytes.extend(start.to_le_bytes());
        start += positions.len() as u32;
    }
    bytes.extend([1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 10]);
    if !segments.is_empty() {
        bytes.extend((segments.len() as u32).to_le_bytes());
        bytes.extend(segments);
    }
    bytes
}

const CIRCLE: [(f64, f64); 5] = [(0.0, 4.0), (4.0, 0.0), (8.0, 4.0), (4.0, 8.0), (0.0, 4.0)];
const SQUARE: [(f64, f64); 5] = [(3.0, 3.0), (5.0, 3.0), (5.0, 5.0), (3.0, 5.0), (3.0, 3.0)];
const SLICE: [(f64, f64); 4] = [(1.0, 4.0), (2.0, 5.0), (3.0, 4.0), (1.0, 4.0)];

#[test]
fn rings_of_all_kinds_are_stored_as_figures_of_theirs() {
    let text = "CURVEPOLYGON (CIRCULARSTRING (0 4, 4 0, 8 4, 4 8, 0 4), (3 3, 5 3, 5 5, 3 5, 3 3), \
                COMPOUNDCURVE (CIRCULARSTRING (1 4, 2 5, 3 4), (3 4, 1 4)))";
    let bytes = curve_polygon(&[(2, &CIRCLE), (1, &SQUARE), (3, &SLICE)], &[3, 2]);
    for kind in [SpatialType::Geometry, SpatialType::Geography] {
        let value = Geometry::decode(&bytes, kind).unwrap().unwrap();
        if kind == SpatialType::Geometry {
            assert_eq!(wkt::write(&value.shape).unwrap(), text);
            assert_eq!(wkt::read(text).unwrap(), value.shape);
            assert_eq!(wkb::read(&wkb::write(&value.shape).unwrap()).unwrap(), value.shape);
        }
        assert_eq!(Geometry { srid: 4326, ..value }.encode(kind).unwrap()[4..], bytes[4..]);
    }
    // Two compound curves share the segments out, and pieces of one kind may follow one another.
    let two = "GEOMETRYCOLLECTION (COMPOUNDCURVE ((0 0, 1 0), (1 0, 2 0, 3 0)), POINT (9 9), \
               COMPOUNDCURVE (CIRCULARSTRING (0 0, 1 1, 2 0, 3 1, 4 0), CIRCULARSTRING (4 0, 5 1, 6 0)))";
    let value = Geometry::from_wkt(two, 0).unwrap();
    let bytes = value.encode(SpatialType::Geometry).unwrap();
    assert!(bytes.ends_with(&[6, 0, 0, 0, 2, 2, 0, 3, 1, 3]), "{bytes:?}");
    assert_eq!(Geometry::decode(&bytes, SpatialType::Geometry).unwrap().unwrap(), value);
}

#[test]
fn figures_and_segments_that_do_not_fit_are_refused() {
    let compound = |segments: &[u8]| curve_polygon(&[(3, &SLICE)], segments);
    let decode = |bytes: &[u8]| Geometry::decode(bytes, SpatialType::Geometry);
    assert!(decode(&compound(&[3, 2])).is_ok());
    // A piece ends where the kind of its segments does, whether the next one says that it is the first or not.
    assert_eq!(decode(&compound(&[1, 0])), decode(&compound(&[3, 2])));
    for (segments, expected) in [
        (&[][..], "figure 0: 4 positions that the segments from 0 on do not end at"),
        (&[3], "do not end at"),
        (&[3, 3], "do not end at"),
        (&[3, 2, 2], "1 segments of no compound curve"),
        (&[4, 2], "segment 0: type 4"),
    ] {
        let error = decode(&compound(segments)).unwrap_err().to_string();
        assert!(error.contains(expected), "{segments:?}: {error}");
    }
    let error = decode(&curve_polygon(&[(1, &SQUARE)], &[2])).unwrap_err().to_string();
    assert!(error.contains("segments of no compound curve"), "{error}");
    let error = decode(&curve_polygon(&[(2, &SLICE)], &[])).unwrap_err().to_string();
    assert!(error.contains("a CIRCULARSTRING of 4 positions"), "{error}");
    let mut claimed = compound(&[3, 2]);
    let at = claimed.len() - 6;
    claimed[at..at + 4].fill(0xFF);
    let error = decode(&claimed).unwrap_err().to_string();
    assert!(error.contains("4294967295 segments, but 2 bytes left"), "{error}");
    // The type of the shape and the kind of its figure.
    for (shape_type, expected) in [
        (2, "figure 0 of arcs; expected arcs in curves only"),
        (3, "figure 0 of arcs"),
        (9, "a COMPOUNDCURVE whose figure is not compound"),
    ] {
        let mut bytes = curve_polygon(&[(2, &CIRCLE)], &[]);
        *bytes.last_mut().unwrap() = shape_type;
        let error = decode(&bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{shape_type}: {error}");
    }
    let mut straight = curve_polygon(&[(1, &SQUARE)], &[]);
    *straight.last_mut().unwrap() = 8;
    let error = decode(&straight).unwrap_err().to_string();
    assert!(error.contains("a CIRCULARSTRING whose figure is not of arcs"), "{error}");
}

#[test]
fn texts_of_curves() {
    for (given, written) in [
        ("circularstring(0 0,1 1,2 0)", "CIRCULARSTRING (0 0, 1 1, 2 0)"),
        ("CIRCULARSTRING EMPTY", "CIRCULARSTRING EMPTY"),
        ("COMPOUNDCURVE EMPTY", "COMPOUNDCURVE EMPTY"),
        ("CURVEPOLYGON EMPTY", "CURVEPOLYGON EMPTY"),
        ("COMPOUNDCURVE (LINESTRING (0 0, 1 1), (1 1, 2 0))", "COMPOUNDCURVE ((0 0, 1 1), (1 1, 2 0))"),
        (
            "CompoundCurveZ (CircularStringZ (0 0 1, 1 1 1, 1 0 1), (1 0 1, 0 1 1))",
            "COMPOUNDCURVE (CIRCULARSTRING (0 0 1, 1 1 1, 1 0 1), (1 0 1, 0 1 1))",
        ),
        (
            "CURVEPOLYGON M ((0 0 1, 1 0 1, 1 1 1, 0 0 1))",
            "CURVEPOLYGON ((0 0 NULL 1, 1 0 NULL 1, 1 1 NULL 1, 0 0 NULL 1))",
        ),
        ("FULLGLOBE", "FULLGLOBE"),
    ] {
        let shape = wkt::read(given).unwrap();
        assert_eq!(wkt::write(&shape).unwrap(), written);
        assert_eq!(wkb::read(&wkb::write(&shape).unwrap()).unwrap(), shape);
    }
    let tagged = "CURVEPOLYGON Z (COMPOUNDCURVE Z (CIRCULARSTRING Z (0 0 1, 1 1 1, 2 0 1), (2 0 1, 0 0 1)))";
    assert_eq!(wkt::write_iso(&wkt::read_iso(tagged).unwrap()).unwrap(), tagged);
    for (given, expected) in [
        ("CIRCULARSTRING (0 0)", "a CIRCULARSTRING of 1 position; expected 3, 5, 7"),
        ("CIRCULARSTRING (1 1, 2 0, 2 0, 1 1)", "a CIRCULARSTRING of 4 positions"),
        (
            "COMPOUNDCURVE ((0 0, 1 1), (1 2, 2 2))",
            "begins at (1.0 2.0 NULL NULL) after one that ends at (1.0 1.0",
        ),
        ("COMPOUNDCURVE ((0 0 1, 1 1 1), (1 1 2, 2 2 2))", "in Z and M too"),
        ("COMPOUNDCURVE ((0 0, 1 1), EMPTY)", "an empty part of a COMPOUNDCURVE"),
        ("CURVEPOLYGON (CIRCULARSTRING (0 0, 1 1, 0 0))", "a ring of 3 positions"),
        ("CURVEPOLYGON (CIRCULARSTRING (0 0, 1 1, 2 0, 3 1, 4 0))", "rings that end where they start"),
        ("CURVEPOLYGON (POINT (0 0))", "expected `(` or EMPTY"),
    ] {
        let error = wkt::read(given).unwrap_err().to_string();
        assert!(error.contains(expected), "{given}: {error}");
    }
    let hex = |shape: &str| -> String {
        wkb::write(&wkt::read(shape).unwrap()).unwrap().iter().map(|byte| format!("{byte:02X}")).collect()
    };
    // As mssql-jdbc and SQL Server write them.
    assert_eq!(hex("FULLGLOBE"), "017E000000");
    assert_eq!(hex("CIRCULARSTRING EMPTY"), "010800000000000000");
    assert!(hex("CIRCULARSTRING (0 0 1, 1 1 1, 2 0 1)").starts_with("01F003000003000000"));
    assert!(hex("COMPOUNDCURVE ((0 0, 1 1))").starts_with("0109000000010000000102000000"));
    assert!(hex("CURVEPOLYGON ((0 0, 1 0, 1 1, 0 0))").starts_with("010A000000010000000102000000"));
}

#[test]
fn what_can_be_said_of_curves() {
    for (text, expected) in [
        ("CIRCULARSTRING EMPTY", true),
        ("CURVEPOLYGON EMPTY", true),
        ("CIRCULARSTRING (1 1, 2 0, -1 1)", true),
        // Microsoft's examples of what is accepted, but not valid.
        ("CIRCULARSTRING (1 1, 2 0, 1 1)", false),
        ("CIRCULARSTRING (0 0, 0 0, 0 0)", false),
        ("CIRCULARSTRING (1 1, 2 0, 2 0, 2 0, 1 1)", false),
        // A circle, one and a half, and back.
        ("CIRCULARSTRING (0 4, 4 0, 8 4, 4 8, 0 4)", true),
        ("CIRCULARSTRING (0 4, 4 0, 8 4, 4 8, 0 4, 4 0, 8 4)", false),
        ("CIRCULARSTRING (0 4, 4 0, 8 4, 4 0, 0 4)", false),
        ("CIRCULARSTRING (-5 0, 0 -5, 5 0, 4 -3, 0 -5)", false),
        // Other circles through the same ends.
        ("CIRCULARSTRING (0 4, 4 0, 8 4, 4 3, 0 4)", true),
        // Straight ones, also over one another.
        ("CIRCULARSTRING (0 0, 1 1, 2 2)", true),
        ("CIRCULARSTRING (0 0, 2 2, 1 1)", false),
        ("COMPOUNDCURVE (CIRCULARSTRING (0 0, 1 1, 2 2), (2 2, 1 1))", false),
        ("COMPOUNDCURVE (CIRCULARSTRING (0 0, 1 1, 2 0), (2 0, 0 0, 1 3))", true),
        ("COMPOUNDCURVE (CIRCULARSTRING (0 0 5, 1 1 5, 2 0 5), (2 0 5, 3 0 5))", true),
        ("COMPOUNDCURVE (CIRCULARSTRING (0 0 5, 1 1 5, 2 0 5), (2 0 5, 3 0 6))", false),
        ("CURVEPOLYGON (CIRCULARSTRING (0 4, 4 0, 8 4, 4 8, 0 4))", true),
        (
            "CURVEPOLYGON (COMPOUNDCURVE (CIRCULARSTRING (0 4, 4 0, 8 4), CIRCULARSTRING (8 4, 4 8, 0 4)))",
            true,
        ),
        ("CURVEPOLYGON (CIRCULARSTRING (0 4, 4 0, 8 4, 4 0, 0 4))", false),
        ("CURVEPOLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 1))", true),
        ("CURVEPOLYGON ((0 0, 4 4, 4 0, 0 4, 0 0))", false),
        ("CURVEPOLYGON (COMPOUNDCURVE ((0 0, 4 0), (4 0, 4 4, 0 0)))", true),
        // Valid, but not beyond our doubt.
        ("CURVEPOLYGON (COMPOUNDCURVE (CIRCULARSTRING (0 4, 4 0, 8 4), (8 4, 0 4)))", false),
        ("CIRCULARSTRING (0 0, 1 1E+60, 2 0)", false),
    ] {
        assert_eq!(Geometry::from_wkt(text, 0).unwrap().valid, expected, "{text}");
    }
}

/// The 36 whole numbers on the circle of radius 65 around a centre, in their order around it.
fn around(cx: i64, cy: i64) -> Vec<Position> {
    let mut all: Vec<(i64, i64)> = (-65..=65)
        .flat_map(|x| (-65..=65).map(move |y| (x, y)))
        .filter(|(x, y)| x * x + y * y == 65 * 65)
        .collect();
    let below = |p: &(i64, i64)| p.1 < 0 || (p.1 == 0 && p.0 < 0);
    all.sort_by(|a, b| below(a).cmp(&below(b)).then((b.0 * a.1).cmp(&(a.0 * b.1))));
    all.iter().map(|(x, y)| Position::new((x + cx) as f64, (y + cy) as f64)).collect()
}

/// Arcs of one circle against the gaps between 36 positions that they go over.
#[test]
fn arcs_are_valid_where_none_goes_over_a_part_twice() {
    let (mut counts, mut circles) = ([0; 2], 0);
    for seed in 0..20_000u32 {
        let number = |i: u32, below: u32| hash(seed, i) % below;
        let circle = around(i64::from(number(0, 1 << 20)), -i64::from(number(1, 1 << 20)));
        let n = circle.len() as u32;
        let mut arcs = vec![number(2, n)];
        let mut covered = vec![0; n as usize];
        let (mut whole, turn) = (0, number(3, 2) == 0);
        for i in 0..1 + number(4, 4) {
            let from = *arcs.last().unwrap();
            // Mostly onwards, so that some go just around.
            let left = n - whole % n;
            let length = if whole > 0 && left > 1 && number(10 + i, 3) == 0 {
                left
            } else {
                2 + number(20 + i, n - 3)
            };
            let middle = 1 + number(30 + i, length - 1);
            let onwards = turn ^ (number(40 + i, 10) == 0);
            let step = |by: u32| if onwards { (from + by) % n } else { (from + n - by) % n };
            arcs.extend([step(middle), step(length)]);
            (0..length).for_each(|k| covered[if onwards { step(k) } else { step(k + 1) } as usize] += 1);
            whole += length;
        }
        let positions: Vec<Position> = arcs.iter().map(|i| circle[*i as usize]).collect();
        let expected = covered.iter().all(|times| *times < 2);
        let string = Shape::CircularString(positions.clone());
        assert_eq!(Geometry::is_surely_valid(&string), expected, "{}", wkt::write(&string).unwrap());
        counts[usize::from(expected)] += 1;
        if arcs.first() == arcs.last() && arcs.len() > 3 {
            let ring = Curve::Simple(Piece::Arcs(positions));
            let round = covered.iter().all(|times| *times == 1);
            assert_eq!(Geometry::is_surely_valid(&Shape::CurvePolygon(vec![ring])), round);
            circles += usize::from(round);
        }
    }
    assert!(counts[0] > 2000 && counts[1] > 2000 && circles > 50, "{counts:?} {circles}");
}

#[test]
fn many_arcs_are_no_work_without_end() {
    let far = |n: u32| {
        let position = |i: u32| Position::new(f64::from(hash(1, 2 * i)), f64::from(hash(1, 2 * i + 1)));
        Shape::CircularString((0..2 * n + 1).map(position).collect())
    };
    assert!(Geometry::is_surely_valid(&far(1000)));
    assert!(!Geometry::is_surely_valid(&far(100_000)));
    let wave = |i: i32| Position::new(f64::from(i), f64::from([0, 1, 0, -1][i as usize % 4]));
    assert!(Geometry::is_surely_valid(&Shape::CircularString((0..200_001).map(wave).collect())));
}

fn bytes(text: &str) -> Vec<u8> {
    Geometry::from_wkt(text, 0).unwrap().encode(SpatialType::Geometry).unwrap()
}

#[test]
fn kernels_take_curves_or_name_the_remedy() {
    let arc = bytes("COMPOUNDCURVE ((0 0, 3 4), CIRCULARSTRING (3 4, 4 5, 5 4))");
    let line = bytes("COMPOUNDCURVE ((0 0, 3 4), (3 4, 3 5))");
    let one = |name: &str, value: &Vec<u8>, more: &[f64]| {
        let mut inputs = vec![Input::Binary(vec![Some(value)])];
        inputs.extend(more.iter().map(|v| Input::Floats(vec![Some(*v)])));
        call_columns(name, compute(), inputs, &[])
            .map(|output| output.columns)
            .map_err(|error| error.to_string())
    };
    let remedy = "column geometry, row 1: a CIRCULARSTRING; expected straight segments";
    assert!(one("spatial_length", &arc, &[]).unwrap_err().starts_with(remedy));
    assert_eq!(one("spatial_length", &line, &[]), Ok(vec![Values::Float(vec![Some(6.0)])]));
    for value in [&arc, &line] {
        let error = one("spatial_distance_along", value, &[0.0, 0.0, 0.0]).unwrap_err();
        assert!(error.contains("a COMPOUNDCURVE; expected straight segments"), "{error}");
    }
    let error = one("spatial_weights_inverse", &arc, &[]).unwrap_err();
    assert!(error.contains("a curve; expected the LINESTRING"), "{error}");
    let positions = one("spatial_coordinates", &arc, &[]).unwrap();
    let floats = |v: [f64; 4]| Values::Float(v.map(Some).to_vec());
    assert_eq!(positions[1..3], [floats([0.0, 3.0, 4.0, 5.0]), floats([0.0, 4.0, 5.0, 4.0])]);
    // Through text and WKB and back.
    for value in [&arc, &line] {
        let texts = match one("spatial_to_wkt", value, &[]).unwrap().remove(0) {
            Values::Text(texts) => texts,
            other => panic!("{other:?}"),
        };
        let wkb = match one("spatial_to_wkb", value, &[]).unwrap().remove(0) {
            Values::Packed(wkb) => wkb,
            other => panic!("{other:?}"),
        };
        for (name, input) in [
            ("spatial_from_wkt", Input::Texts(texts)),
            ("spatial_from_wkb", Input::Binary(wkb.rows().collect())),
        ] {
            let output = call_columns(name, compute(), vec![input], &[]).unwrap();
            let Values::Packed(back) = &output.columns[0] else { panic!("{output:?}") };
            assert_eq!(back.rows().next(), Some(Some(value.as_slice())), "{name}");
        }
    }
    let iso = [("dialect", text("iso")), ("type", text("geography"))];
    let globe = Geometry { srid: 4326, valid: true, larger_than_hemisphere: true, shape: Shape::FullGlobe };
    let globe = globe.encode(SpatialType::Geography).unwrap();
    let error = call_columns("spatial_to_wkt", compute(), vec![Input::Binary(vec![Some(&globe)])], &iso);
    assert!(
        error.unwrap_err().to_string().contains("FULLGLOBE; expected a shape that ISO's WKT has a word for")
    );
}

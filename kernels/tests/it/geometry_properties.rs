//! Laws of the codec, of WKT and of WKB, on shapes chosen at random and on bytes changed at random.

use hart_kernels::spatial::geometry::{
    Curve, Geometry, Piece, Position, Shape, SpatialType, interchange, wkb, wkt,
};
use proptest::prelude::*;

/// Positions on a small lattice, so that everything touches now and then, with Z and M.
fn position() -> impl Strategy<Value = Position> {
    let ordinate = || {
        prop_oneof![
            6 => (-3i8..4).prop_map(f64::from),
            2 => -1e6f64..1e6,
            1 => any::<f64>().prop_filter("finite", |v| v.is_finite()),
        ]
    };
    let optional = || proptest::option::weighted(0.3, ordinate());
    (ordinate(), ordinate(), optional(), optional()).prop_map(|(x, y, z, m)| Position { x, y, z, m })
}

fn line_of(least: usize) -> impl Strategy<Value = Vec<Position>> {
    proptest::collection::vec(position(), least..6).prop_map(|mut line| {
        if line.len() == 1 {
            line.push(line[0]);
        }
        line
    })
}

fn polygon() -> impl Strategy<Value = Vec<Vec<Position>>> {
    let ring = line_of(3).prop_map(|mut ring| {
        ring.push(Position { z: None, ..ring[0] });
        ring
    });
    proptest::collection::vec(ring, 0..3)
}

/// An odd number of positions, three or more.
fn arcs() -> impl Strategy<Value = Vec<Position>> {
    proptest::collection::vec(position(), 3..8).prop_map(|mut arcs| {
        arcs.truncate((arcs.len() - 1) / 2 * 2 + 1);
        arcs
    })
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![line_of(2).prop_map(Piece::Line), arcs().prop_map(Piece::Arcs)]
}

fn ends(piece: &mut Piece) -> [&mut Position; 2] {
    let (Piece::Line(positions) | Piece::Arcs(positions)) = piece;
    let [first, .., last] = &mut positions[..] else { panic!() };
    [first, last]
}

/// Pieces, each of which begins where the one before ends.
fn pieces(least: usize) -> impl Strategy<Value = Vec<Piece>> {
    proptest::collection::vec(piece(), least..4).prop_map(|mut pieces| {
        for i in 1..pieces.len() {
            let end = *ends(&mut pieces[i - 1])[1];
            *ends(&mut pieces[i])[0] = end;
        }
        pieces
    })
}

fn curve() -> impl Strategy<Value = Curve> {
    let closed = prop_oneof![
        line_of(4).prop_map(Piece::Line),
        proptest::collection::vec(position(), 5).prop_map(Piece::Arcs)
    ];
    let compound = pieces(3).prop_map(|mut pieces| {
        *ends(pieces.last_mut().unwrap())[1] = *ends(&mut pieces[0])[0];
        Curve::Compound(pieces)
    });
    let simple = closed.prop_map(|mut piece| {
        *ends(&mut piece)[1] = Position { z: None, ..*ends(&mut piece)[0] };
        Curve::Simple(piece)
    });
    prop_oneof![simple, compound]
}

fn shape() -> impl Strategy<Value = Shape> {
    let point = || proptest::option::weighted(0.8, position());
    let leaf = prop_oneof![
        point().prop_map(Shape::Point),
        line_of(0).prop_map(Shape::LineString),
        polygon().prop_map(Shape::Polygon),
        proptest::collection::vec(point(), 0..4).prop_map(Shape::MultiPoint),
        proptest::collection::vec(line_of(0), 0..3).prop_map(Shape::MultiLineString),
        proptest::collection::vec(polygon(), 0..3).prop_map(Shape::MultiPolygon),
        prop_oneof![Just(vec![]), arcs()].prop_map(Shape::CircularString),
        pieces(0).prop_map(Shape::CompoundCurve),
        proptest::collection::vec(curve(), 0..3).prop_map(Shape::CurvePolygon),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| proptest::collection::vec(inner, 0..4).prop_map(Shape::Collection))
}

/// A shape in which all positions have Z and M, or none has.
fn complete(mut shape: Shape, z: bool, m: bool) -> Shape {
    fn fill(p: &mut Position, z: bool, m: bool) {
        p.z = z.then(|| p.z.unwrap_or(p.x));
        p.m = m.then(|| p.m.unwrap_or(p.y));
    }
    fn fill_piece(piece: &mut Piece, z: bool, m: bool) {
        let (Piece::Line(positions) | Piece::Arcs(positions)) = piece;
        positions.iter_mut().for_each(|p| fill(p, z, m));
    }
    match &mut shape {
        Shape::Point(p) => p.iter_mut().for_each(|p| fill(p, z, m)),
        Shape::CompoundCurve(pieces) => pieces.iter_mut().for_each(|p| fill_piece(p, z, m)),
        Shape::CurvePolygon(rings) => rings.iter_mut().for_each(|ring| match ring {
            Curve::Simple(piece) => fill_piece(piece, z, m),
            Curve::Compound(pieces) => pieces.iter_mut().for_each(|p| fill_piece(p, z, m)),
        }),
        Shape::LineString(line) | Shape::CircularString(line) => line.iter_mut().for_each(|p| fill(p, z, m)),
        Shape::Polygon(lines) | Shape::MultiLineString(lines) => {
            lines.iter_mut().flatten().for_each(|p| fill(p, z, m));
        }
        Shape::MultiPoint(points) => points.iter_mut().flatten().for_each(|p| fill(p, z, m)),
        Shape::MultiPolygon(polygons) => polygons.iter_mut().flatten().flatten().for_each(|p| fill(p, z, m)),
        Shape::Collection(members) => {
            members.iter_mut().for_each(|s| *s = complete(s.clone(), z, m));
        }
        Shape::FullGlobe => {}
    }
    shape
}

/// What WKB makes of empty points that are no members of a MULTIPOINT.
fn as_in_wkb(shape: &Shape) -> Shape {
    match shape {
        Shape::Point(None) => Shape::MultiPoint(vec![]),
        Shape::Collection(members) => Shape::Collection(members.iter().map(as_in_wkb).collect()),
        other => other.clone(),
    }
}

/// The same value in big-endian bytes.
fn big_endian(wkb: &[u8], at: &mut usize, out: &mut Vec<u8>) {
    rewritten(wkb, at, out, &|code| code, true);
}

/// The same value with PostGIS's codes.
fn extended(wkb: &[u8], at: &mut usize, out: &mut Vec<u8>) {
    rewritten(
        wkb,
        at,
        out,
        &|code| code % 1000 + [0, 1 << 31, 1 << 30, 3 << 30][code as usize / 1000],
        false,
    );
}

fn rewritten(wkb: &[u8], at: &mut usize, out: &mut Vec<u8>, code_of: &dyn Fn(u32) -> u32, big: bool) {
    let word = |at: &mut usize, out: &mut Vec<u8>, of: &dyn Fn(u32) -> u32| {
        let value = u32::from_le_bytes(wkb[*at..*at + 4].try_into().unwrap());
        *at += 4;
        let written = of(value);
        out.extend(if big { written.to_be_bytes() } else { written.to_le_bytes() });
        value
    };
    let count = |at: &mut usize, out: &mut Vec<u8>| word(at, out, &|count| count) as usize;
    let doubles = |at: &mut usize, out: &mut Vec<u8>, count: usize| {
        for _ in 0..count {
            let own = &wkb[*at..*at + 8];
            if big {
                out.extend(own.iter().rev())
            } else {
                out.extend(own)
            }
            *at += 8;
        }
    };
    *at += 1;
    out.push(u8::from(!big));
    let code = word(at, out, code_of);
    let size = [2, 3, 3, 4][code as usize / 1000];
    match code % 1000 {
        1 => doubles(at, out, size),
        2 | 8 => {
            let positions = count(at, out);
            doubles(at, out, positions * size);
        }
        3 => {
            for _ in 0..count(at, out) {
                let positions = count(at, out);
                doubles(at, out, positions * size);
            }
        }
        _ => {
            for _ in 0..count(at, out) {
                rewritten(wkb, at, out, code_of, big);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_come_back(shape in shape(), srid in 0i32..1_000_000, valid: bool, globe: bool, large: bool) {
        let kind = if globe { SpatialType::Geography } else { SpatialType::Geometry };
        let geometry = Geometry { srid, valid, larger_than_hemisphere: large && globe, shape };
        if let Ok(bytes) = geometry.encode(kind) {
            prop_assert_eq!(Geometry::decode(&bytes, kind).unwrap(), Some(geometry));
        } else {
            // Only latitudes and longitudes can be out of range.
            prop_assert!(geometry.encode(SpatialType::Geometry).is_ok() || large);
        }
    }

    #[test]
    fn texts_come_back(shape in shape(), z: bool, m: bool) {
        prop_assert_eq!(&wkt::read(&wkt::write(&shape).unwrap()).unwrap(), &shape);
        let complete = complete(shape, z, m);
        let text = wkt::write_iso(&complete).unwrap();
        prop_assert_eq!(&wkt::read_iso(&text).unwrap(), &complete, "{}", text);
        prop_assert_eq!(wkt::read(&text).unwrap(), complete, "{}", text);
    }

    #[test]
    fn well_known_bytes_come_back(shape in shape()) {
        let written = wkb::write(&shape).unwrap();
        let expected = as_in_wkb(&shape);
        prop_assert_eq!(&wkb::read(&written).unwrap(), &expected);
        for variant in [big_endian, extended] {
            let mut bytes = Vec::new();
            variant(&written, &mut 0, &mut bytes);
            prop_assert_eq!(&wkb::read(&bytes).unwrap(), &expected);
        }
        for end in 0..written.len() {
            prop_assert!(wkb::read(&written[..end]).is_err());
        }
    }

    #[test]
    fn planar_types_come_back(shape in shape()) {
        let flat = shape.flat();
        match interchange::to_geo(&flat) {
            Ok(geo) => prop_assert_eq!(interchange::from_traits(&geo).unwrap(), flat),
            Err(error) => {
                let error = error.to_string();
                prop_assert!(error.contains("an empty point") || error.contains("straight segments"), "{}", error);
            }
        }
    }

    /// Whatever is read can be written, and reads the same again.
    #[test]
    fn changed_bytes_never_panic(shape in shape(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), globe: bool) {
        let kind = if globe { SpatialType::Geography } else { SpatialType::Geometry };
        let mut bytes = Geometry::new(0, shape).encode(SpatialType::Geometry).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(Some(geometry)) = Geometry::decode(&bytes, kind) {
            // Written are only those that the server knows.
            let geometry = Geometry { srid: 4326, ..geometry };
            let again = geometry.encode(kind).unwrap();
            let twice = Geometry::decode(&again, kind).unwrap().unwrap();
            prop_assert_eq!(twice.encode(kind).unwrap(), again);
            let _ = (wkt::write(&geometry.shape), wkb::write(&geometry.shape), interchange::to_geo(&geometry.shape));
        }
        let _ = wkb::read(&bytes);
    }

    #[test]
    fn numbers_read_back_exactly(v in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
        let text = wkt::write(&Shape::Point(Some(Position::new(v, 0.0)))).unwrap();
        let Shape::Point(Some(p)) = wkt::read(&text).unwrap() else { panic!("{text}") };
        prop_assert_eq!(p.x, v, "{}", text);
    }
}

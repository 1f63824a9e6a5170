//! The codec of GEOMETRY and GEOGRAPHY values, WKT and WKB against values that SQL Server and other implementations wrote.

use crate::common;

use std::fmt::Write;

use common::{call_columns, compute, hash, text};
use hart_kernels::registry::{Input, Output, Value, Values};
use hart_kernels::spatial::geometry::{
    Geometry, Position, Shape, SpatialType, interchange, points, series, wkb, wkt,
};
use hart_kernels::{Error, Vectors};

struct Example {
    wkt: String,
    kind: SpatialType,
    srid: i32,
    bytes: Vec<u8>,
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02X}").unwrap();
        out
    })
}

/// Values written by SQL Server and other implementations, each confirmed by two or more; the file names the sources.
fn examples() -> Vec<Example> {
    let json: serde_json::Value =
        serde_json::from_str(include_str!("../data/sqlgeometry-examples.json")).unwrap();
    let example = |e: &serde_json::Value| Example {
        wkt: e["wkt"].as_str().unwrap().into(),
        kind: SpatialType::parse(e["type"].as_str().unwrap()).unwrap(),
        srid: e["srid"].as_i64().unwrap() as i32,
        bytes: bytes_of(e["hex"].as_str().unwrap()),
    };
    let all: Vec<Example> = json.as_array().unwrap().iter().map(example).collect();
    assert_eq!(all.len(), 35);
    all
}

fn decode(bytes: &[u8]) -> Result<Option<Geometry>, Error> {
    Geometry::decode(bytes, SpatialType::Geometry)
}

#[test]
fn every_example_decodes_and_encodes_byte_for_byte() {
    for e in examples() {
        let geometry = Geometry::decode(&e.bytes, e.kind).unwrap().unwrap();
        let shape = wkt::read(&e.wkt).unwrap();
        assert_eq!((geometry.srid, &geometry.shape), (e.srid, &shape), "{}", e.wkt);
        // From the text, with the two flags, which text cannot say.
        let again = Geometry { shape, srid: e.srid, ..geometry };
        assert_eq!(hex_of(&again.encode(e.kind).unwrap()), hex_of(&e.bytes), "{}", e.wkt);
        // A trailing NULL is not written: what it says is said by its absence.
        if !e.wkt.contains("NULL,") {
            assert_eq!(wkt::write(&again.shape).unwrap(), e.wkt);
        }
        if e.kind == SpatialType::Geometry {
            assert_eq!(Geometry::is_surely_valid(&again.shape), again.valid, "{}", e.wkt);
        }
    }
}

#[test]
fn every_beginning_of_an_example_is_refused_and_so_is_a_byte_more() {
    for e in examples() {
        for end in 0..e.bytes.len() {
            assert!(Geometry::decode(&e.bytes[..end], e.kind).is_err(), "{}: {end} bytes", e.wkt);
        }
        let mut longer = e.bytes.clone();
        longer.push(0);
        assert!(Geometry::decode(&longer, e.kind).is_err(), "{}", e.wkt);
    }
}

/// A line of three positions, whose tables lie at known places: positions from 10, figures from 58, shapes from 67.
fn line() -> Vec<u8> {
    Geometry::from_wkt("LINESTRING (0 0, 1 1, 2 0)", 0).unwrap().encode(SpatialType::Geometry).unwrap()
}

#[test]
fn hostile_bytes_are_refused_by_name() {
    let changed = |at: usize, bytes: &[u8]| {
        let mut value = line();
        value[at..at + bytes.len()].copy_from_slice(bytes);
        decode(&value).unwrap_err().to_string()
    };
    let huge = u32::MAX.to_le_bytes();
    let cases: [(usize, &[u8], &str); 19] = [
        (4, &[3], "version 3; expected version 1 or 2"),
        (4, &[0], "version 0;"),
        (5, &[0x24], "properties 0x24 of version 1"),
        (5, &[0x1C], "properties 0x1C"),
        (5, &[0x44], "properties 0x44"),
        (6, &huge, "4294967295 positions, but 70 bytes left at byte 10"),
        (58, &huge, "4294967295 figures, but 18 bytes left"),
        (58, &[2], "16777215 shapes, but 4 bytes left"),
        (67, &huge, "4294967295 shapes, but 9 bytes left"),
        (67, &[0, 0, 0, 0], "no shapes"),
        (62, &[3], "figure 0: attribute 3"),
        (63, &[1], "figure 0: first position 1"),
        (63, &huge, "figure 0: first position -1"),
        (71, &[0, 0, 0, 0], "shape 0: parent 0"),
        (71, &[5, 0, 0, 0], "shape 0: parent 5"),
        (75, &[1], "shape 0: first figure 1"),
        (79, &[12], "shape 0: type 12"),
        (79, &[8], "shape 0: type 8; expected types 1 to 7 in version 1"),
        (79, &[1], "a POINT of several positions"),
    ];
    for (at, bytes, expected) in cases {
        let error = changed(at, bytes);
        assert!(error.contains(expected), "{at} {bytes:?}: {error}");
        assert!(error.starts_with("column geometry: "), "{error}");
    }
    for (at, bad) in [(10, f64::NAN), (18, f64::INFINITY), (50, f64::NEG_INFINITY)] {
        assert!(changed(at, &bad.to_le_bytes()).contains("expected finite coordinates"));
    }
    // With the figure that belongs to the line unused.
    assert!(changed(75, &huge).contains("figures of no shape"));
    // In version 2 the bit H is known, and means nothing in the plane; version 1 says the same value.
    let mut second = line();
    second[4..6].copy_from_slice(&[2, 0x24]);
    assert_eq!(decode(&second).unwrap().unwrap().encode(SpatialType::Geometry).unwrap(), line());
    assert!(decode(&[]).is_err() && decode(&[0xFF; 3]).is_err());
    assert_eq!(decode(&[0xFF; 4]).unwrap(), None);
}

/// Tables with shapes of these parents and types, without positions.
fn shapes(rows: &[(i32, u8)]) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0];
    out.extend((rows.len() as u32).to_le_bytes());
    for (parent, shape_type) in rows {
        out.extend(parent.to_le_bytes());
        out.extend((-1i32).to_le_bytes());
        out.push(*shape_type);
    }
    out
}

#[test]
fn cycles_second_roots_and_deep_nesting_are_refused() {
    assert!(decode(&shapes(&[(-1, 7), (0, 7), (1, 1)])).is_ok());
    for rows in [
        &[(-1, 7), (1, 7)][..],
        &[(-1, 7), (2, 7), (1, 7)],
        &[(-1, 7), (-1, 7)],
        &[(-1, 7), (-2, 7)],
        &[(-1, 7), (i32::MIN, 7)],
        &[(1, 7), (0, 7)],
    ] {
        let error = decode(&shapes(rows)).unwrap_err().to_string();
        assert!(error.contains("parent"), "{rows:?}: {error}");
    }
    assert!(
        decode(&shapes(&[(-1, 4), (0, 2)]))
            .unwrap_err()
            .to_string()
            .contains("a LINESTRING among its members")
    );
    assert!(decode(&shapes(&[(-1, 2), (0, 1)])).unwrap_err().to_string().contains("holds no shapes"));
    let nested = |depth: i32| (-1..depth).map(|parent| (parent, 7)).collect::<Vec<_>>();
    for (depth, fits) in [(98, true), (99, true), (101, false), (5000, false)] {
        let value = shapes(&nested(depth));
        match decode(&value) {
            Ok(geometry) => {
                assert!(fits, "{depth}");
                let geometry = geometry.unwrap();
                assert_eq!(geometry.encode(SpatialType::Geometry).unwrap(), value);
                assert_eq!(wkt::read(&wkt::write(&geometry.shape).unwrap()).unwrap(), geometry.shape);
            }
            Err(error) => assert!(!fits && error.to_string().contains("nest"), "{depth}: {error}"),
        }
    }
    for depth in [200, 100_000] {
        let text = "GEOMETRYCOLLECTION (".repeat(depth) + &")".repeat(depth);
        assert!(wkt::read(&text).is_err() && wkt::read_iso(&text).is_err());
        let wkb = [1, 7, 0, 0, 0, 1, 0, 0, 0].repeat(depth);
        assert!(wkb::read(&wkb).is_err());
    }
}

#[test]
fn other_writers_values_are_read() {
    // Breadth first, as some write collections: the points of the MULTIPOINT come after its sibling.
    let breadth = "0000000001040300000000000000000000000000000000000000000000000000F03F000000000000F03F00000000000000400000000000000040\
                   03000000010000000001010000000102000000\
                   05000000FFFFFFFF0000000007000000000000000004000000000000000001010000000100000001010000000200000001";
    let geometry = decode(&bytes_of(breadth)).unwrap().unwrap();
    assert_eq!(
        wkt::write(&geometry.shape).unwrap(),
        "GEOMETRYCOLLECTION (MULTIPOINT ((1 1), (2 2)), POINT (0 0))"
    );
    // A first figure of 0 where a collection has none.
    let mut empty = shapes(&[(-1, 7), (0, 7)]);
    empty[22..26].fill(0);
    assert!(decode(&empty).is_ok());
    // A count of no segments at the end of version 2, and version 2's attribute for all rings.
    let globe = bytes_of("E61000000224000000000000000001000000FFFFFFFFFFFFFFFF0B");
    let longer: Vec<u8> = globe.iter().copied().chain([0; 4]).collect();
    let decoded = Geometry::decode(&longer, SpatialType::Geography).unwrap().unwrap();
    assert_eq!(decoded.shape, Shape::FullGlobe);
    assert_eq!(decoded.encode(SpatialType::Geography).unwrap(), globe);
    assert!(decode(&globe).unwrap_err().to_string().contains("FULLGLOBE"));
}

#[test]
fn impossible_shapes_are_not_written() {
    let p = |x, y| Position::new(x, y);
    let error = |shape: Shape, kind| Geometry::new(0, shape).encode(kind).unwrap_err().to_string();
    let plane = SpatialType::Geometry;
    assert!(error(Shape::Point(Some(p(f64::NAN, 0.0))), plane).contains("x NaN"));
    assert!(error(Shape::LineString(vec![p(0.0, 0.0)]), plane).contains("a line of 1 position"));
    let ring = vec![p(0.0, 0.0), p(1.0, 0.0), p(0.0, 1.0), p(0.0, 2.0)];
    assert!(error(Shape::Polygon(vec![ring.clone()]), plane).contains("from (0.0 0.0) to (0.0 2.0)"));
    assert!(error(Shape::Polygon(vec![ring[..3].to_vec()]), plane).contains("a ring of 3 positions"));
    assert!(error(Shape::Polygon(vec![vec![]]), plane).contains("a ring without positions"));
    assert!(error(Shape::FullGlobe, plane).contains("FULLGLOBE"));
    let globe = SpatialType::Geography;
    assert!(error(Shape::Point(Some(p(0.0, 90.5))), globe).contains("latitude 90.5"));
    assert!(error(Shape::Point(Some(p(15_070.0, 0.0))), globe).contains("longitude 15070.0"));
}

#[test]
fn numbers_are_spelled_as_on_the_server() {
    let spelled = |v: f64| {
        let text = wkt::write(&Shape::Point(Some(Position::new(v, 0.0)))).unwrap();
        text.strip_prefix("POINT (").unwrap().strip_suffix(" 0)").unwrap().to_string()
    };
    for (v, expected) in [
        (0.0, "0"),
        (-0.0, "0"),
        (1e10, "10000000000"),
        (1e-6, "1E-06"),
        (1e30, "1E+30"),
        (-1.5e300, "-1.5E+300"),
        (1e14, "100000000000000"),
        (1e15, "1E+15"),
        (1e-4, "0.0001"),
        (-12.5e-5, "-0.000125"),
        (1e-5, "1E-05"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1234567890123456.0, "1234567890123456"),
        (12345678901234567.0, "12345678901234568"),
        (123456789012345678.0, "1.2345678901234568E+17"),
        (1.7976931348623157e308, "1.7976931348623157E+308"),
        (5e-324, "4.94065645841247E-324"),
    ] {
        assert_eq!(spelled(v), expected);
    }
}

#[test]
fn texts_that_the_server_takes_or_refuses() {
    for (given, written) in [
        (" point ( 1\t2 ) ", "POINT (1 2)"),
        ("POINT(1e3 -1E-2 +.5 NULL)", "POINT (1000 -0.01 0.5)"),
        ("MULTIPOINT (1 2, 3 4)", "MULTIPOINT ((1 2), (3 4))"),
        ("MultiPoint ((1 2 NULL 4), EMPTY)", "MULTIPOINT ((1 2 NULL 4), EMPTY)"),
        ("MULTIPOINT EMPTY", "MULTIPOINT EMPTY"),
        ("GEOMETRYCOLLECTION (POINT EMPTY,POLYGON EMPTY)", "GEOMETRYCOLLECTION (POINT EMPTY, POLYGON EMPTY)"),
        ("POINT (-0 0)", "POINT (0 0)"),
    ] {
        assert_eq!(wkt::write(&wkt::read(given).unwrap()).unwrap(), written);
    }
    for (given, expected) in [
        ("", "the end at byte 0; expected POINT"),
        ("POINT", "the end at byte 5; expected `(` or EMPTY"),
        ("POINT Z (1 2 3 4)", "`4)` at byte 15; expected `,` or `)`"),
        ("POINT ZM (1 2 3)", "`)` at byte 15; expected a number or NULL"),
        ("POINT (1)", "`)` at byte 8; expected a number"),
        ("POINT (1 NaN)", "`NaN)` at byte 9; expected a number"),
        ("POINT (1 inf)", "expected a number"),
        ("POINT (1 1e999)", "expected a number"),
        ("POINT (NULL 1)", "expected a number"),
        ("POINT (1 2 3 4 5)", "`5)` at byte 15; expected `,` or `)`"),
        ("POINT (1 2, 3 4)", "a POINT of 2 positions"),
        ("POINT (1 2) x", "`x` at byte 12; expected the end"),
        ("LINESTRING (1 2)", "a line of 1 position"),
        ("POLYGON ((0 0, 1 1, 2 2, 0 1))", "rings that end where they start"),
        ("SRID=4326;POINT (1 2)", "SRID=4326;; expected text without SRID"),
        ("SRID=x;POINT (1 2)", "`SRID=x;POINT (1 2)` at byte 0; expected a number and `;` after SRID="),
        ("SRID=1 POINT (1 2)", "expected a number and `;` after SRID="),
        ("SRID=1", "the end at byte 6; expected `;` after the SRID"),
        ("MULTISURFACE (((0 0, 1 0, 1 1, 0 0)))", "a GEOMETRYCOLLECTION of the members"),
        ("MultiCurveZ ((0 0 1, 1 1 1))", "a GEOMETRYCOLLECTION of the members"),
        ("POINTZZ (1 2 3)", "`POINTZZ (1 2 3)` at byte 0; expected POINT, LINESTRING"),
        ("PÖINT (1 2)", "expected POINT, LINESTRING"),
        ("GEOMETRYCOLLECTION (FULLGLOBE)", "FULLGLOBE"),
    ] {
        let error = wkt::read(given).unwrap_err().to_string();
        assert!(error.contains(expected), "{given}: {error}");
    }
}

#[test]
fn texts_of_other_systems() {
    for (given, written) in [
        ("POINT Z(1 2 3)", "POINT Z (1 2 3)"),
        ("point m (1 2 4)", "POINT M (1 2 4)"),
        ("LINESTRING ZM (1 2 3 4,5 6 7 8)", "LINESTRING ZM (1 2 3 4, 5 6 7 8)"),
        ("POINT Z EMPTY", "POINT EMPTY"),
        (
            "GEOMETRYCOLLECTION Z (POINT Z (1 2 3), LINESTRING EMPTY)",
            "GEOMETRYCOLLECTION Z (POINT Z (1 2 3), LINESTRING Z EMPTY)",
        ),
        ("MULTIPOINT (1 2, EMPTY)", "MULTIPOINT ((1 2), EMPTY)"),
    ] {
        assert_eq!(wkt::write_iso(&wkt::read_iso(given).unwrap()).unwrap(), written);
    }
    for (given, expected) in [
        (
            "POINT (1 2 3)",
            "`3)` at byte 11; expected `,` or `)`: in ISO's WKT a tag Z, M or ZM stands before",
        ),
        ("POINT Z (1 2)", "`)` at byte 12; expected a number"),
        ("POINT ZMZ (1 2)", "expected `(` or EMPTY"),
    ] {
        let error = wkt::read_iso(given).unwrap_err().to_string();
        assert!(error.contains(expected), "{given}: {error}");
    }
    // The server's spelling can say that one position has a Z and another has none; the tagged one cannot.
    let mixed = wkt::read("LINESTRING (0 0 1, 1 1)").unwrap();
    assert!(wkt::write_iso(&mixed).unwrap_err().to_string().contains("a missing or infinite Z or M"));
    let planar = interchange::from_traits(&"LINESTRING (0 0, 1 1)".parse::<::wkt::Wkt<f64>>().unwrap());
    assert_eq!(wkt::write(&planar.unwrap()).unwrap(), "LINESTRING (0 0, 1 1)");
}

#[test]
fn well_known_bytes_as_the_server_writes_them() {
    let written = |text: &str| hex_of(&wkb::write(&wkt::read(text).unwrap()).unwrap());
    assert_eq!(
        written("POINT (1 1 2 3)"),
        "01B90B0000000000000000F03F000000000000F03F00000000000000400000000000000840"
    );
    assert_eq!(written("POINT EMPTY"), "010400000000000000");
    assert_eq!(written("POINT (-122 47)"), "01010000000000000000805EC00000000000804740");
    for (hex, expected) in [
        ("0108000000", "0 bytes where a WKB value should be"),
        ("010B000000", "code 11, a MULTICURVE; expected 1 to 10"),
        ("0110000080", "code 2147483664, a TIN"),
        ("0166040000", "code 1126;"),
        ("01000000A0E6100000", "code 2684354560;"),
        ("01F90F0000", "code 4089;"),
        ("01F90F0080", "code 2147487737;"),
        (
            "0101000020E6100000000000000000F03F0000000000000040",
            "EWKB of SRID 4326; expected WKB without SRID",
        ),
        (
            "0107000020E61000000100000001010000200F0000000000000000000000000000000000000000",
            "a member of SRID 15; expected one SRID",
        ),
        (
            "00000000010C000000000000F03F0000000000000040",
            "a serialized geometry; expected WKB, not the serialized value",
        ),
        ("0201000000", "byte order 2"),
        ("0102000000FFFFFFFF", "4294967295 parts"),
        ("0103000000FFFFFFFF", "4294967295 parts"),
        ("0107000000FFFFFFFF", "4294967295 parts"),
        (
            "010400000001000000010200000000000000",
            "a member of code 2 in one of code 4; expected members of code 1",
        ),
        ("010900000001000000010900000000000000", "members of code 2, 8"),
        ("010100000000000000000000000000000000000000FF", "1 bytes after the end"),
    ] {
        let error = wkb::read(&bytes_of(hex)).unwrap_err().to_string();
        assert!(error.contains(expected), "{hex}: {error}");
    }
}

#[test]
fn columns_of_points_are_written_as_single_points_are() {
    let n = 300_000;
    let column = |seed: u32| (0..n).map(|i| f64::from(hash(seed, i)) - 2f64.powi(31)).collect::<Vec<_>>();
    let [mut x, y, z, m] = [1, 2, 3, 4].map(column);
    x[7] = -0.0;
    for (has_z, has_m) in [(false, false), (true, false), (false, true), (true, true)] {
        let points = points::Points { x: &x, y: &y, z: has_z.then_some(&z), m: has_m.then_some(&m) };
        let stride = points.stride();
        assert_eq!(stride, 22 + 8 * usize::from(has_z) + 8 * usize::from(has_m));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut out = vec![0; n as usize * stride];
            pool.install(|| points::encode(points, 4326, SpatialType::Geometry, &mut out)).unwrap();
            out
        };
        let bytes = run(1);
        assert!(bytes == run(2));
        for i in (0..n as usize).step_by(997).chain([7]) {
            let p = Position { x: x[i], y: y[i], z: has_z.then(|| z[i]), m: has_m.then(|| m[i]) };
            let expected = Geometry::new(4326, Shape::Point(Some(p))).encode(SpatialType::Geometry).unwrap();
            assert_eq!(bytes[i * stride..][..stride], expected);
        }
        let geography = points::Points {
            x: &[-87.6],
            y: &[41.8],
            z: points.z.map(|z| &z[..1]),
            m: points.m.map(|m| &m[..1]),
        };
        let mut out = vec![0; stride];
        points::encode(geography, 4326, SpatialType::Geography, &mut out).unwrap();
        assert_eq!(out[6..22], [41.8f64.to_le_bytes(), (-87.6f64).to_le_bytes()].concat());
    }
    // The first of two bad rows, in a part that another thread writes.
    let encode = |x: &[f64], z: Option<&[f64]>| {
        let points = points::Points { x, y: &y, z, m: None };
        points::encode(points, 0, SpatialType::Geometry, &mut vec![0; x.len() * points.stride()])
            .unwrap_err()
            .to_string()
    };
    (x[290_000], x[250_000]) = (f64::NAN, f64::INFINITY);
    assert_eq!(encode(&x, None), "column x, row 250001: inf; expected a finite number");
    let mut z = z;
    z[5] = f64::NAN;
    assert!(encode(&x, Some(&z)).starts_with("column z, row 6: NaN; expected numbers"));
    assert!(encode(&x[1..], None).contains("parameter y is 300000 values; expected 299999"));
}

fn packed(output: &Output) -> Vec<Option<&[u8]>> {
    let [Values::Packed(bytes)] = output.columns.as_slice() else { panic!("{output:?}") };
    bytes.rows().collect()
}

#[test]
fn kernels_agree_with_the_library() {
    let texts = ["POINT (1 2 3)", "POLYGON ((0 0, 4 0, 4 4, 0 0), (1 1, 2 1, 1 2, 1 1))", "POINT EMPTY"];
    let column = texts.map(|t| Some(t.to_string())).into_iter().chain([None]).collect::<Vec<_>>();
    let output = call_columns(
        "spatial_from_wkt",
        compute(),
        vec![Input::Texts(column.clone())],
        &[("srid", Value::Int(7))],
    )
    .unwrap();
    let expected = texts.map(|t| Geometry::from_wkt(t, 7).unwrap().encode(SpatialType::Geometry).unwrap());
    let values = packed(&output);
    assert_eq!(values, [Some(&*expected[0]), Some(&*expected[1]), Some(&*expected[2]), None]);
    let flags = |word: &str| {
        let params = [("validity", text(word))];
        let output =
            call_columns("spatial_from_wkt", compute(), vec![Input::Texts(column.clone())], &params).unwrap();
        packed(&output).iter().flatten().map(|v| v[5] & 4).collect::<Vec<_>>()
    };
    assert_eq!(
        (flags("computed"), flags("valid"), flags("invalid")),
        (vec![4, 0, 4], vec![4; 3], vec![0; 3])
    );
    let values: Vec<Option<&[u8]>> = values.into_iter().chain([Some(&[0xFF; 4][..])]).collect();
    let to_wkt = |params: &[(&str, Value)]| {
        let output =
            call_columns("spatial_to_wkt", compute(), vec![Input::Binary(values.clone())], params).unwrap();
        let [Values::Text(texts)] = output.columns.as_slice() else { panic!() };
        texts.clone()
    };
    let back = texts.map(|t| Some(t.to_string())).into_iter().chain([None, None]).collect::<Vec<_>>();
    assert_eq!(to_wkt(&[]), back);
    assert_eq!(to_wkt(&[("ordinates", text("xy"))])[0].as_deref(), Some("POINT (1 2)"));
    assert_eq!(to_wkt(&[("dialect", text("iso"))])[0].as_deref(), Some("POINT Z (1 2 3)"));
    let output =
        call_columns("spatial_to_wkb", compute(), vec![Input::Binary(values[..2].to_vec())], &[]).unwrap();
    let again = call_columns(
        "spatial_from_wkb",
        compute(),
        vec![Input::Binary(packed(&output))],
        &[("srid", Value::Int(7))],
    )
    .unwrap();
    assert_eq!(packed(&again), values[..2]);
    // Latitude and longitude.
    let chicago = bytes_of("E6100000010C6666666666E644406666666666E655C0");
    let geography = [("type", text("geography"))];
    let output =
        call_columns("spatial_to_wkt", compute(), vec![Input::Binary(vec![Some(&chicago)])], &geography)
            .unwrap();
    assert_eq!(output.columns, [Values::Text(vec![Some("POINT (-87.6 41.8)".into())])]);
    let floats = |v| Input::Floats(vec![Some(v)]);
    let params = [("type", text("geography")), ("srid", Value::Int(4326))];
    let none = || Input::Floats(vec![None]);
    let output =
        call_columns("spatial_point", compute(), vec![floats(-87.6), floats(41.8), none(), none()], &params)
            .unwrap();
    assert_eq!(packed(&output), [Some(&*chicago)]);
}

#[test]
fn errors_name_the_row() {
    let good = line();
    let mut bad = good.clone();
    bad[4] = 3;
    let rows = vec![Some(&*good), None, Some(&*bad), Some(&[][..])];
    for name in [
        "spatial_to_wkt",
        "spatial_to_wkb",
        "spatial_coordinates",
        "spatial_weights_inverse",
        "spatial_length",
    ] {
        let error =
            call_columns(name, compute(), vec![Input::Binary(rows.clone())], &[]).unwrap_err().to_string();
        assert_eq!(error, "column geometry, row 3: version 3; expected version 1 or 2", "{name}");
    }
    let texts = vec![Some("POINT (1 2)".to_string()), Some("POINT (1".to_string())];
    let error =
        call_columns("spatial_from_wkt", compute(), vec![Input::Texts(texts)], &[]).unwrap_err().to_string();
    assert_eq!(error, "column wkt, row 2: the end at byte 8; expected a number");
    let wkb: Vec<Option<&[u8]>> = vec![None, Some(&[1, 2])];
    let error =
        call_columns("spatial_from_wkb", compute(), vec![Input::Binary(wkb)], &[]).unwrap_err().to_string();
    assert!(error.starts_with("column wkb, row 2: "), "{error}");
    let x = || Input::Floats(vec![Some(0.0), Some(f64::NAN)]);
    let error =
        call_columns("spatial_point", compute(), vec![x(), x(), x(), x()], &[]).unwrap_err().to_string();
    assert_eq!(error, "column x, row 2: NaN; expected a finite number");
}

#[test]
fn weights_come_back_in_any_pieces() {
    for n in (0..40).chain([1998, 100_001]) {
        let weights = common::uniform(n as u32, n);
        let doubles: Vec<f64> = weights.iter().map(|w| f64::from(*w)).collect();
        for most in [3, 4, 7, 100, 100_000, i32::MAX as usize] {
            let bytes = series::encode(&doubles, most, 0).unwrap();
            assert_eq!(series::decode(&bytes).unwrap().unwrap(), doubles);
            // What is written by hand here is what the codec writes for the same shape.
            let geometry = decode(&bytes).unwrap().unwrap();
            assert_eq!(geometry.encode(SpatialType::Geometry).unwrap(), bytes, "{n} by {most}");
            assert!(geometry.valid && Geometry::is_surely_valid(&geometry.shape));
            let mut index = 0.0;
            geometry.shape.for_each(&mut |p| {
                assert_eq!((p.x, p.y), (index, doubles[index as usize]));
                index += 1.0;
            });
            if let Shape::MultiLineString(lines) = &geometry.shape {
                assert!(
                    lines.len() == n.div_ceil(most) && lines.iter().all(|l| (2..=most).contains(&l.len()))
                );
            }
        }
    }
    assert!(series::encode(&[1.0], 2, 0).is_err());
    let column = Vectors::matrix(&[1.0, 2.0, f32::NAN, 4.0], 2).unwrap();
    let error = call_columns("spatial_weights", compute(), vec![Input::Vectors(column)], &[])
        .unwrap_err()
        .to_string();
    assert!(error.contains("row 2: NaN at index 0; expected finite numbers"), "{error}");
    let large = series::encode(&[1e300, 1.0], 3, 0).unwrap();
    let inverse = |params: &[(&str, Value)]| {
        call_columns("spatial_weights_inverse", compute(), vec![Input::Binary(vec![Some(&large)])], params)
    };
    assert!(
        inverse(&[])
            .unwrap_err()
            .to_string()
            .starts_with("column geometry, row 1: y 1e300; expected values that f32 holds")
    );
    let output = inverse(&[("element", text("f64"))]).unwrap();
    assert_eq!(packed(&output), [Some(&*[1e300f64.to_le_bytes(), 1f64.to_le_bytes()].concat())]);
}

#[test]
fn coordinates_are_those_of_the_shape() {
    let texts =
        ["GEOMETRYCOLLECTION (POINT (1 2), LINESTRING (0 0 5, 1 1 NULL 7))", "POINT EMPTY", "POINT (9 8)"];
    let values = texts.map(|t| Geometry::from_wkt(t, 0).unwrap().encode(SpatialType::Geometry).unwrap());
    let column = values.iter().map(|v| Some(v.as_slice())).collect();
    let output = call_columns("spatial_coordinates", compute(), vec![Input::Binary(column)], &[]).unwrap();
    let floats = |v: [Option<f64>; 4]| Values::Float(v.to_vec());
    assert_eq!(output.picked, Some(vec![0, 0, 0, 2]));
    assert_eq!(
        output.columns,
        [
            Values::Int(vec![Some(0), Some(1), Some(2), Some(0)]),
            floats([1.0, 0.0, 1.0, 9.0].map(Some)),
            floats([2.0, 0.0, 1.0, 8.0].map(Some)),
            floats([None, Some(5.0), None, None]),
            floats([None, None, Some(7.0), None]),
        ]
    );
}

//! Values as other systems write them: GEOS 3.14 (shapely 2.2), PostGIS, QGIS, GDAL, H2GIS and old JTS.

use crate::common;

use common::{call_columns, compute, text};
use hart_kernels::registry::{Input, Value, Values};
use hart_kernels::spatial::geometry::wkt::{self, Dialect};
use hart_kernels::spatial::geometry::{Geometry, SpatialType, wkb};

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

#[test]
fn texts() {
    for (given, srid, written) in [
        // shapely.
        ("POINT Z (1 2 3)", None, "POINT (1 2 3)"),
        ("POINT M (1 2 3)", None, "POINT (1 2 NULL 3)"),
        ("POINT ZM (1 2 3 4)", None, "POINT (1 2 3 4)"),
        ("POINT Z (1 2 NaN)", None, "POINT (1 2)"),
        ("POINT Z EMPTY", None, "POINT EMPTY"),
        ("POINT (1.5 2e+20)", None, "POINT (1.5 2E+20)"),
        ("LINEARRING (0 0, 1 0, 1 1, 0 0)", None, "LINESTRING (0 0, 1 0, 1 1, 0 0)"),
        (
            "MULTIPOLYGON (EMPTY, ((0 0, 1 0, 1 1, 0 0)))",
            None,
            "MULTIPOLYGON (EMPTY, ((0 0, 1 0, 1 1, 0 0)))",
        ),
        (
            "GEOMETRYCOLLECTION Z (POINT Z (1 2 3), POINT Z (1 2 NaN))",
            None,
            "GEOMETRYCOLLECTION (POINT (1 2 3), POINT (1 2))",
        ),
        // PostGIS: ST_AsEWKT and ST_AsText.
        ("SRID=4326;POINT(-71.06 42.28)", Some(4326), "POINT (-71.06 42.28)"),
        ("SRID=4269;POINTM(1 2 3)", Some(4269), "POINT (1 2 NULL 3)"),
        ("SRID=0;POINT(1 2 3 4)", Some(0), "POINT (1 2 3 4)"),
        (" srid = 4326;POINT(1 2)", None, ""),
        (" srid=4326 ; point(1 2)", Some(4326), "POINT (1 2)"),
        (
            "GEOMETRYCOLLECTIONM(POINTM(1 2 3),LINESTRINGM(0 0 1,1 1 2))",
            None,
            "GEOMETRYCOLLECTION (POINT (1 2 NULL 3), LINESTRING (0 0 NULL 1, 1 1 NULL 2))",
        ),
        (
            "SRID=4326;COMPOUNDCURVE Z (CIRCULARSTRING Z (0 0 0,1 1 0,2 0 0),(2 0 0,3 0 0))",
            Some(4326),
            "COMPOUNDCURVE (CIRCULARSTRING (0 0 0, 1 1 0, 2 0 0), (2 0 0, 3 0 0))",
        ),
        ("MULTIPOINT(0 0,1 1)", None, "MULTIPOINT ((0 0), (1 1))"),
        // QGIS.
        ("PointZ (1 2 3)", None, "POINT (1 2 3)"),
        (
            "MultiPolygonZM (((0 0 1 2, 1 0 1 2, 1 1 1 2, 0 0 1 2)))",
            None,
            "MULTIPOLYGON (((0 0 1 2, 1 0 1 2, 1 1 1 2, 0 0 1 2)))",
        ),
        ("LineString25D (0 0 1, 1 1 1)", None, ""),
        (
            "CurvePolygon (CompoundCurve (CircularString (0 0, 1 1, 2 0),(2 0, 0 0)))",
            None,
            "CURVEPOLYGON (COMPOUNDCURVE (CIRCULARSTRING (0 0, 1 1, 2 0), (2 0, 0 0)))",
        ),
        // GDAL.
        (
            "GEOMETRYCOLLECTION Z (LINESTRING Z (0 0 1,1 1 1),POLYGON EMPTY)",
            None,
            "GEOMETRYCOLLECTION (LINESTRING (0 0 1, 1 1 1), POLYGON EMPTY)",
        ),
        // A tag of the collection only.
        ("GEOMETRYCOLLECTION M (POINT (1 2 3))", None, "GEOMETRYCOLLECTION (POINT (1 2 NULL 3))"),
        ("POINT(1 2)\r\n", None, "POINT (1 2)"),
    ] {
        for dialect in [Dialect::SqlServer, Dialect::Iso] {
            let read = wkt::read_extended(given, dialect);
            if written.is_empty() {
                assert!(read.is_err(), "{given}");
            } else if dialect == Dialect::Iso && given == "SRID=0;POINT(1 2 3 4)" {
                assert!(read.unwrap_err().to_string().contains("a tag Z, M or ZM"));
            } else {
                let (own, shape) = read.unwrap();
                assert_eq!((own, wkt::write(&shape).unwrap().as_str()), (srid, written), "{given}");
            }
        }
    }
}

#[test]
fn well_known_bytes() {
    const EMPTY: &str = "000000000000F87F";
    let cases: [(String, Option<i32>, &str); 19] = [
        // shapely: ISO and its default, EWKB, little- and big-endian.
        ("01E9030000000000000000F03F00000000000000400000000000000840".into(), None, "POINT (1 2 3)"),
        ("00000003E93FF000000000000040000000000000004008000000000000".into(), None, "POINT (1 2 3)"),
        ("0101000080000000000000F03F00000000000000400000000000000840".into(), None, "POINT (1 2 3)"),
        ("00800000013FF000000000000040000000000000004008000000000000".into(), None, "POINT (1 2 3)"),
        ("01D1070000000000000000F03F00000000000000400000000000000840".into(), None, "POINT (1 2 NULL 3)"),
        ("0101000040000000000000F03F00000000000000400000000000000840".into(), None, "POINT (1 2 NULL 3)"),
        (
            "01010000C0000000000000F03F000000000000004000000000000008400000000000001040".into(),
            None,
            "POINT (1 2 3 4)",
        ),
        (
            "00C00000013FF0000000000000400000000000000040080000000000004010000000000000".into(),
            None,
            "POINT (1 2 3 4)",
        ),
        (format!("0101000000{EMPTY}{EMPTY}"), None, "POINT EMPTY"),
        (format!("0101000080{EMPTY}{EMPTY}{EMPTY}"), None, "POINT EMPTY"),
        ("00000000017FF80000000000007FF8000000000000".into(), None, "POINT EMPTY"),
        (
            format!("0107000000020000000101000000{EMPTY}{EMPTY}010200000000000000"),
            None,
            "GEOMETRYCOLLECTION (POINT EMPTY, LINESTRING EMPTY)",
        ),
        ("010300000000000000".into(), None, "POLYGON EMPTY"),
        (
            "0106000000020000000103000000000000000103000000010000000400000000000000000000000000000000000000000000000000F03F0000000000000000000000000000F03F000000000000F03F00000000000000000000000000000000".into(),
            None,
            "MULTIPOLYGON (EMPTY, ((0 0, 1 0, 1 1, 0 0)))",
        ),
        (
            format!(
                "0107000080020000000101000080000000000000F03F000000000000004000000000000008400101000080000000000000F03F0000000000000040{EMPTY}"
            ),
            None,
            "GEOMETRYCOLLECTION (POINT (1 2 3), POINT (1 2))",
        ),
        // With a SRID: of a point, and of a collection whose member has none.
        (
            "01010000A0E6100000000000000000F03F00000000000000400000000000000840".into(),
            Some(4326),
            "POINT (1 2 3)",
        ),
        (
            "0107000020E6100000010000000101000000000000000000F03F0000000000000040".into(),
            Some(4326),
            "GEOMETRYCOLLECTION (POINT (1 2))",
        ),
        // Old JTS: an empty polygon of one empty ring. Members without the Z that the whole announces, in another byte order.
        ("01030000000100000000000000".into(), None, "POLYGON EMPTY"),
        ("010400008001000000000000000100000000000000004000000000000000".into(), None, "MULTIPOINT ((0 2))"),
    ];
    for (hex, srid, written) in cases {
        let (own, shape) =
            wkb::read_extended(&bytes_of(&hex)).unwrap_or_else(|error| panic!("{hex}: {error}"));
        assert_eq!((own, wkt::write(&shape).unwrap().as_str()), (srid, written), "{hex}");
    }
}

#[test]
fn a_value_keeps_the_srid_that_it_names() {
    let texts = ["SRID=4326;POINT (1 2)", "POINT (1 2)"].map(|t| Some(t.to_string())).to_vec();
    let wkb = ["01010000A0E6100000000000000000F03F00000000000000400000000000000840"].map(bytes_of);
    let srids = |name: &str, input: Input<'_>, srid: i64| {
        let output = call_columns(name, compute(), vec![input], &[("srid", Value::Int(srid))]);
        output.map_err(|error| error.to_string()).map(|output| {
            let [Values::Packed(values)] = output.columns.as_slice() else { panic!() };
            let srid = |v: &[u8]| Geometry::decode(v, SpatialType::Geometry).unwrap().unwrap().srid;
            values.rows().flatten().map(srid).collect::<Vec<_>>()
        })
    };
    let from_texts = |srid| srids("spatial_from_wkt", Input::Texts(texts.clone()), srid);
    assert_eq!(from_texts(0), Ok(vec![4326, 0]));
    assert_eq!(from_texts(4326), Ok(vec![4326, 4326]));
    let expected = "row 1: SRID 4326; expected SRID 3857, as srid says; without srid each value has its own";
    assert_eq!(from_texts(3857), Err(format!("column wkt, {expected}")));
    let from_wkb =
        |srid| srids("spatial_from_wkb", Input::Binary(wkb.iter().map(|v| Some(&v[..])).collect()), srid);
    assert_eq!(from_wkb(0), Ok(vec![4326]));
    assert_eq!(from_wkb(3857), Err(format!("column wkb, {expected}")));
    // Geography needs one that the server knows, wherever it comes from.
    let globe = [("type", text("geography"))];
    let geography = |t: &str| {
        call_columns("spatial_from_wkt", compute(), vec![Input::Texts(vec![Some(t.into())])], &globe)
            .map_err(|error| error.to_string())
    };
    assert!(geography("SRID=4326;POINT (1 2)").is_ok());
    assert!(geography("POINT (1 2)").unwrap_err().contains("such as 4326"));
    assert!(geography("SRID=5;POINT (1 2)").unwrap_err().contains("such as 4326"));
}

/// Each is easily taken for the other.
#[test]
fn bytes_of_the_wrong_kind_are_named() {
    let stored =
        Geometry::from_wkt("LINESTRING (0 0, 1 1)", 0).unwrap().encode(SpatialType::Geometry).unwrap();
    let error = wkb::read(&stored).unwrap_err().to_string();
    assert!(error.contains("a serialized geometry; expected WKB, not the serialized value"), "{error}");
    let point = bytes_of("0101000000000000000000F03F0000000000000040");
    let error = Geometry::decode(&point, SpatialType::Geometry).unwrap_err().to_string();
    assert!(
        error.contains("WKB; expected a serialized geometry, which spatial_from_wkb makes of it"),
        "{error}"
    );
}

//! Serialized values as kernels read and write them: whole and broken columns, other writers' rings, geography.

use crate::common;

use common::{call_columns, compute};
use hart_kernels::registry::{Input, Output, Value, Values};
use hart_kernels::spatial::geometry::{Geometry, SpatialType, wkb, wkt};

fn packed(output: &Output) -> Vec<Option<&[u8]>> {
    let [Values::Packed(bytes)] = output.columns.as_slice() else { panic!("{output:?}") };
    bytes.rows().collect()
}

/// Columns with and without NULLs go different ways to the same bytes and errors.
#[test]
fn points_of_whole_and_of_broken_columns_are_the_same() {
    let run = |columns: &[Vec<Option<f64>>; 4], kind: &str| {
        let inputs = columns.iter().map(|c| Input::Floats(c.clone())).collect();
        call_columns(
            "spatial_point",
            compute(),
            inputs,
            &[("type", Value::Text(kind.into())), ("srid", Value::Int(4326))],
        )
    };
    let n = 50;
    let numbers = |seed: u32| -> Vec<Option<f64>> {
        common::uniform(seed, n).into_iter().map(|v| Some(f64::from(v) * 90.0)).collect()
    };
    for (z, m) in [(false, false), (true, false), (false, true), (true, true)] {
        let optional = |there: bool, seed| if there { numbers(seed) } else { vec![None; n] };
        let whole = [numbers(1), numbers(2), optional(z, 3), optional(m, 4)];
        // A last row without x breaks the columns.
        let mut broken = whole.clone();
        broken.iter_mut().for_each(|column| column.push(None));
        for kind in ["geometry", "geography"] {
            let (one, other) = (run(&whole, kind).unwrap(), run(&broken, kind).unwrap());
            assert_eq!(packed(&one), packed(&other)[..n], "{kind} {z} {m}");
            assert_eq!(packed(&one)[0].unwrap().len(), 22 + 8 * usize::from(z) + 8 * usize::from(m));
            for (axis, value) in [(0, f64::INFINITY), (1, 90.5)] {
                let bad = |columns: &[Vec<Option<f64>>; 4]| {
                    let mut columns = columns.clone();
                    columns[axis][7] = Some(value);
                    run(&columns, kind).map_err(|error| error.to_string())
                };
                assert_eq!(bad(&whole).err(), bad(&broken).err());
                if axis == 0 {
                    let error = bad(&whole).unwrap_err();
                    assert_eq!(error, "column x, row 8: inf; expected a finite number");
                } else if kind == "geography" {
                    let error = bad(&whole).unwrap_err();
                    assert_eq!(error, "column y, row 8: latitude 90.5; expected a latitude from -90 to 90");
                }
            }
        }
    }
    // NaN in Z counts as missing, in a whole column too.
    let nan = [numbers(1), numbers(2), vec![Some(f64::NAN); n], vec![None; n]];
    assert_eq!(packed(&run(&nan, "geometry").unwrap())[0].unwrap().len(), 22);
}

/// Polygons of other writers, whose hole comes first and says so.
#[test]
fn the_ring_that_is_marked_as_the_outer_one_comes_first() {
    let given = "POLYGON ((0 0, 9 0, 9 9, 0 0), (5 1, 6 1, 6 2, 5 1), (7 1, 8 1, 8 2, 7 1))";
    let mut bytes = Geometry::from_wkt(given, 0).unwrap().encode(SpatialType::Geometry).unwrap();
    // 12 positions; then three figures of an attribute and a first position, of which the first is marked.
    let figure = |i: usize| 6 + 4 + 12 * 16 + 4 + 5 * i;
    assert_eq!([0, 1, 2].map(|i| bytes[figure(i)]), [2, 0, 0]);
    let read = |bytes: &[u8]| {
        wkt::write(&Geometry::decode(bytes, SpatialType::Geometry).unwrap().unwrap().shape).unwrap()
    };
    assert_eq!(read(&bytes), given);
    (bytes[figure(0)], bytes[figure(2)]) = (0, 2);
    let moved = "POLYGON ((7 1, 8 1, 8 2, 7 1), (0 0, 9 0, 9 9, 0 0), (5 1, 6 1, 6 2, 5 1))";
    assert_eq!(read(&bytes), moved);
    // Where none or two are marked, the first is the outer one.
    for marks in [[0, 0, 0], [0, 2, 2]] {
        for (i, mark) in marks.into_iter().enumerate() {
            bytes[figure(i)] = mark;
        }
        assert_eq!(read(&bytes), given);
    }
}

#[test]
fn texts_and_wkb_become_geography() {
    let texts = ["POINT (-87.6 41.8)", "LINESTRING (10 50, 11 51, 12 50)", "FULLGLOBE"];
    for text in texts {
        let params = |validity: &str| {
            [("type", "geography"), ("validity", validity), ("srid", "4326")]
                .map(|(name, value)| (name, Value::Text(value.into())))
        };
        let column = || vec![Input::Texts(vec![Some(text.to_string())])];
        let one = |validity: &str| {
            let output = call_columns("spatial_from_wkt", compute(), column(), &params(validity)).unwrap();
            packed(&output)[0].unwrap().to_vec()
        };
        let bytes = one("computed");
        let read = Geometry::decode(&bytes, SpatialType::Geography).unwrap().unwrap();
        assert_eq!((wkt::write(&read.shape).unwrap().as_str(), read.srid), (text, 4326));
        // Of the globe's lines nothing is known.
        assert_eq!(read.valid, !text.starts_with("LINE"), "{text}");
        let flags = ["valid", "invalid"]
            .map(|validity| Geometry::decode(&one(validity), SpatialType::Geography).unwrap().unwrap().valid);
        assert_eq!(flags, [true, false]);
        let back = [("type", Value::Text("geography".into()))];
        let output =
            call_columns("spatial_to_wkt", compute(), vec![Input::Binary(vec![Some(&bytes)])], &back);
        assert_eq!(output.unwrap().columns, [Values::Text(vec![Some(text.into())])]);
        let wkb = wkb::write(&read.shape).unwrap();
        let output = call_columns(
            "spatial_from_wkb",
            compute(),
            vec![Input::Binary(vec![Some(&wkb)])],
            &params("computed"),
        );
        assert_eq!(packed(&output.unwrap()), [Some(&*bytes)]);
    }
    let bad = vec![Input::Texts(vec![Some("POINT (1 91)".into())])];
    let params = [("type", Value::Text("geography".into()))];
    let error = call_columns("spatial_from_wkt", compute(), bad, &params).unwrap_err().to_string();
    assert_eq!(error, "column wkt, row 1: latitude 91.0; expected a latitude from -90 to 90");
}

//! The spatial kernels against what was recorded from the functions that they replace, and what was wrong with those.

use crate::common;

use common::recorded::golden;
use common::{call_columns, compute};
use hart_kernels::registry::{Input, Output, Value, Values};
use hart_kernels::spatial::convex_hull::convex_hull;
use hart_kernels::spatial::curve::{Grid, Outside};
use hart_kernels::spatial::geometry::{Geometry, Shape, SpatialType, series, wkt};
use hart_kernels::spatial::{hilbert, morton, morton::BitOrder};
use serde_json::Value as Json;

fn floats(values: &[f64]) -> Input<'static> {
    Input::Floats(values.iter().copied().map(Some).collect())
}

fn column(output: &Output, n: usize) -> Vec<f64> {
    let Values::Float(values) = &output.columns[n] else { panic!("{output:?}") };
    values.iter().map(|v| v.unwrap()).collect()
}

fn bigints(output: &Output, n: usize) -> Vec<i64> {
    let Values::BigInt(values) = &output.columns[n] else { panic!("{output:?}") };
    values.iter().map(|v| v.unwrap()).collect()
}

fn whole(bits: u32) -> Grid {
    Grid::new([0.0; 3], [(1u32 << bits) as f64; 3], bits, Outside::Error).unwrap()
}

fn list(json: &Json) -> &Vec<Json> {
    json.as_array().unwrap()
}

fn numbers(json: &Json) -> Vec<f64> {
    list(json).iter().map(|v| v.as_f64().unwrap()).collect()
}

fn key(json: &Json) -> i64 {
    json.as_str().unwrap().parse().unwrap()
}

#[test]
fn curves() {
    let golden = golden();
    let curves = &golden["space_filling_curves"];
    for (name, bits) in [("bits21", 21), ("bits10", 10)] {
        let (mut same, mut swapped) = (0, 0);
        for row in list(&curves[name]) {
            let p = numbers(&row["p"]);
            let grid = whole(bits);
            let ours = morton::keys(&grid, BitOrder::XLowest, &p[..1], &p[1..2], &p[2..]).unwrap()[0];
            // Right: the Morton keys.
            assert_eq!(ours, key(&row["morton"]), "{p:?}");
            let [x, y, z] = morton::positions(&grid, BitOrder::XLowest, &[ours]).unwrap();
            assert_eq!([x[0] - 0.5, y[0] - 0.5, z[0] - 0.5], p[..]);
            // Wrong: their inverse, which kept nine bits an axis.
            let nine: Vec<f64> = p.iter().map(|v| f64::from(*v as u32 & 511)).collect();
            assert_eq!(numbers(&row["inverse_morton"]), nine);
            // Wrong: the keys called Hilbert, and their inverse, which exchanged x and y for about half of them.
            let ours = hilbert::keys(&grid, &p[..1], &p[1..2], &p[2..]).unwrap()[0];
            same += i32::from(ours == key(&row["hilbert"]));
            let inverse = numbers(&row["inverse_hilbert"]);
            swapped += i32::from(inverse == [p[1], p[0], p[2]] && p[0] != p[1]);
            assert!(inverse == p || inverse == [p[1], p[0], p[2]]);
        }
        assert!(same <= 2 && swapped >= 15, "{same} {swapped}");
    }
    // Of the 63 steps of the order-2 cube, 32 go to a neighbour with the original, and all with ours.
    let order: Vec<i64> = list(&curves["hilbert3d_order2_cube_xyz_x_fastest"]).iter().map(key).collect();
    let mut walk = vec![[0i64; 3]; 64];
    for (i, at) in order.iter().enumerate() {
        walk[*at as usize] = [i as i64 % 4, i as i64 / 4 % 4, i as i64 / 16];
    }
    let steps = walk.windows(2).filter(|w| (0..3).map(|a| (w[0][a] - w[1][a]).abs()).sum::<i64>() == 1);
    assert_eq!(steps.count(), 32);
}

#[test]
fn points_weights_and_helpers() {
    let golden = golden();
    // The serialized points.
    for row in list(&golden["landmark"]["projections"]) {
        let hex = row["geometry_udt_hex"].as_str().unwrap();
        let bytes: Vec<u8> =
            (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect();
        let point = Geometry::decode(&bytes, SpatialType::Geometry).unwrap().unwrap();
        let Shape::Point(Some(p)) = point.shape else { panic!("{point:?}") };
        let inputs = vec![floats(&[p.x]), floats(&[p.y]), floats(&[p.z.unwrap()]), Input::Floats(vec![None])];
        let output = call_columns("spatial_point", compute(), inputs, &[]).unwrap();
        let Values::Packed(packed) = &output.columns[0] else { panic!() };
        assert_eq!(packed.bytes, bytes);
    }
    // Texts: all that was read is read the same; a third coordinate, once refused, is one now.
    for row in list(&golden["vector_utilities"]["parse_point_wkt"]) {
        let text = row["wkt"].as_str().unwrap();
        match wkt::read(text) {
            Ok(Shape::Point(Some(p))) if p.z.is_none() => {
                assert_eq!(numbers(&row["result"]), [p.x, p.y], "{text}");
            }
            Ok(shape) => {
                assert!(row["result"].is_null(), "{text}");
                assert!(["POINT(1 2 3)", "LINESTRING(0 0,1 1)", "POINT EMPTY"].contains(&text), "{shape:?}");
            }
            Err(_) => assert!(row["result"].is_null(), "{text}"),
        }
    }
    // Weights that were neither cut nor thinned.
    let mut compared = 0;
    for row in list(&golden["tensor_io"]["weights_to_linestring"]) {
        let hex = row["bytes_hex"].as_str().unwrap_or_default();
        let whole = !row["points"].is_null() && list(&row["points"]).len() == hex.len() / 8;
        if !whole || !row["data_type"].as_str().is_some_and(|t| t.eq_ignore_ascii_case("f32")) {
            continue;
        }
        let weights: Vec<f64> = (0..hex.len() / 8)
            .map(|i| u32::from_str_radix(&hex[8 * i..8 * i + 8], 16).unwrap().swap_bytes())
            .map(|bits| f64::from(f32::from_bits(bits)))
            .collect();
        let bytes = series::encode(&weights, usize::MAX, 0).unwrap();
        let mut points = Vec::new();
        let line = Geometry::decode(&bytes, SpatialType::Geometry).unwrap().unwrap();
        line.shape.for_each(&mut |p| points.push(vec![p.x, p.y]));
        let expected: Vec<Vec<f64>> = list(&row["points"]).iter().map(numbers).collect();
        assert_eq!(points, expected);
        compared += 1;
    }
    assert!(compared >= 3, "{compared}");
    // Neighbours, hull and distance from a segment.
    let recorded = &golden["later_snapshot_ml"]["geometry"];
    let points: Vec<Vec<f64>> = list(&recorded["points"]).iter().map(numbers).collect();
    let hull = convex_hull(&points.iter().map(|p| [p[0], p[1]]).collect::<Vec<_>>()).unwrap();
    let mut expected: Vec<_> = list(&recorded["convex_hull_indices"])
        .iter()
        .map(|i| points[i.as_u64().unwrap() as usize].clone())
        .collect();
    // Clockwise from the same corner.
    expected[1..].reverse();
    assert_eq!(hull.iter().map(|p| p.to_vec()).collect::<Vec<_>>(), expected);
    let axis = |i: usize| floats(&points.iter().map(|p| p[i]).chain([0.0]).collect::<Vec<_>>());
    let z = floats(&vec![0.0; points.len() + 1]);
    let output =
        call_columns("spatial_nearest", compute(), vec![axis(0), axis(1), z], &[("k", Value::Int(4))])
            .unwrap();
    let origin = points.len() * 4;
    for (rank, row) in list(&recorded["knn4_from_origin"]).iter().enumerate() {
        // Ids are counted from 1.
        assert_eq!(bigints(&output, 1)[origin + rank], row[0].as_i64().unwrap() + 1);
        let (ours, theirs) = (column(&output, 2)[origin + rank], row[1].as_f64().unwrap());
        // The original's coordinates were singles.
        assert!((ours - theirs).abs() < 1e-6, "{ours} {theirs}");
    }
    for row in list(&recorded["segment"]) {
        let [p, a, b] = ["p", "a", "b"].map(|name| numbers(&row[name]));
        let line = format!("LINESTRING ({} {} {}, {} {} {})", a[0], a[1], a[2], b[0], b[1], b[2]);
        let line = Geometry::from_wkt(&line, 0).unwrap().encode(SpatialType::Geometry).unwrap();
        let inputs =
            vec![Input::Binary(vec![Some(&line)]), floats(&p[..1]), floats(&p[1..2]), floats(&p[2..])];
        let output = call_columns("spatial_distance_along", compute(), inputs, &[]).unwrap();
        assert_eq!(column(&output, 1)[0], row["distance"].as_f64().unwrap());
    }
}

/// The aggregates: the hull is the same to their six decimals where they gave one; the grid had no cells, and no valid JSON.
#[test]
fn aggregates() {
    let golden = golden();
    let (mut hulls, mut grids) = (0, 0);
    for row in list(&golden["aggregates"]) {
        let texts = || list(&row["rows"]).iter().map(|r| wkt::read(r[0].as_str().unwrap()).unwrap());
        let points = || -> Vec<[f64; 2]> {
            let point =
                |shape| if let Shape::Point(Some(p)) = shape { [p.x, p.y] } else { panic!("{shape:?}") };
            texts().map(point).collect()
        };
        match row["aggregate"].as_str().unwrap() {
            "SpatialConvexHull" => {
                let hull = convex_hull(&points()).unwrap();
                match row["output"].as_str() {
                    None => assert!(hull.len() < 3),
                    Some(text) => {
                        // One pair of parentheses short of WKT.
                        let text = text.replace("POLYGON((", "LINESTRING (").replace("))", ")");
                        let Shape::LineString(ring) = wkt::read(&text).unwrap() else { panic!("{text}") };
                        let ring: Vec<[f64; 2]> = ring[..ring.len() - 1].iter().map(|p| [p.x, p.y]).collect();
                        assert_eq!(hull, ring);
                    }
                }
                hulls += 1;
            }
            "SpatialDensityGrid" => {
                assert!(serde_json::from_str::<Json>(row["output"].as_str().unwrap()).is_err());
                let points = points();
                let [x, y] = [0, 1].map(|i| floats(&points.iter().map(|p| p[i]).collect::<Vec<_>>()));
                let z = floats(&vec![0.0; points.len()]);
                let output = call_columns("spatial_centroid", compute(), vec![x, y, z], &[]).unwrap();
                assert!((column(&output, 0)[0] - 0.057917).abs() < 1e-6);
                assert_eq!(bigints(&output, 3), [12]);
                grids += 1;
            }
            _ => {}
        }
    }
    assert_eq!((hulls, grids), (4, 1));
}

//! Key ranges, buckets, hull, density, path, centroid, neighbours and lengths against brute force and other implementations.

use crate::common;

use std::collections::BTreeMap;

use common::{call_columns, compute, hash, same_bits};
use geo::ConvexHull;
use hart_kernels::Error;
use hart_kernels::registry::{Input, Output, Value, Values};
use hart_kernels::spatial::buckets;
use hart_kernels::spatial::convex_hull::convex_hull;
use hart_kernels::spatial::curve::{Grid, Outside};
use hart_kernels::spatial::geometry::{Geometry, SpatialType, wkt};
use hart_kernels::spatial::{hilbert, ranges};
use proptest::prelude::*;

/// A number in [−1, 1) from a seed.
fn unit(seed: u32, i: u32) -> f64 {
    f64::from(hash(seed, i)) / 2f64.powi(31) - 1.0
}

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

fn geometry(output: &Output, n: usize) -> Geometry {
    let Values::Binary(values) = &output.columns[n] else { panic!("{output:?}") };
    Geometry::decode(values[0].as_deref().unwrap(), SpatialType::Geometry).unwrap().unwrap()
}

/// The keys of all cells that a box of cells holds, and their runs.
fn brute_force(bits: u32, low: [u32; 3], high: [u32; 3]) -> Vec<(i64, i64)> {
    let grid = whole(bits);
    let (mut x, mut y, mut z) = (vec![], vec![], vec![]);
    for a in low[0]..=high[0] {
        for b in low[1]..=high[1] {
            for c in low[2]..=high[2] {
                x.push(f64::from(a));
                y.push(f64::from(b));
                z.push(f64::from(c));
            }
        }
    }
    let mut keys = hilbert::keys(&grid, &x, &y, &z).unwrap();
    keys.sort_unstable();
    keys.chunk_by(|a, b| a + 1 == *b).map(|run| (run[0], run[run.len() - 1])).collect()
}

fn whole(bits: u32) -> Grid {
    Grid::new([0.0; 3], [(1u32 << bits) as f64; 3], bits, Outside::Error).unwrap()
}

fn size(ranges: &[(i64, i64)]) -> i64 {
    ranges.iter().map(|(first, last)| last - first + 1).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ranges_are_exactly_the_cells_of_the_box(
        bits in 1u32..=5, corners in prop::array::uniform6(0u32..32), inside in prop::array::uniform6(0.0f64..0.999), most in 1usize..40,
    ) {
        let cell = |i: usize| corners[i] >> (5 - bits);
        let low = [0, 1, 2].map(|i| cell(i).min(cell(i + 3)));
        let high = [0, 1, 2].map(|i| cell(i).max(cell(i + 3)));
        let mut corner = [low, high].map(|c| c.map(f64::from));
        for axis in 0..3 {
            corner[0][axis] += inside[axis].min(inside[axis + 3]);
            corner[1][axis] += inside[axis].max(inside[axis + 3]);
        }
        let exact = brute_force(bits, low, high);
        prop_assert_eq!(ranges::hilbert(&whole(bits), corner[0], corner[1], 1 << 15).unwrap(), exact.clone());
        // Fewer ranges still cover all, and add as few keys as closing gaps can.
        let few = ranges::hilbert(&whole(bits), corner[0], corner[1], most).unwrap();
        prop_assert_eq!(few.len() <= most, true);
        prop_assert!(few.windows(2).all(|w| w[0].1 + 1 < w[1].0));
        for (first, last) in &exact {
            prop_assert!(few.iter().any(|(f, l)| f <= first && last <= l));
        }
        let mut gaps: Vec<i64> = exact.windows(2).map(|w| w[1].0 - w[0].1 - 1).collect();
        gaps.sort_unstable();
        let closed: i64 = gaps.iter().take(exact.len().saturating_sub(most)).sum();
        // Cubes at the surface are looked into while there are no more than 16 · most of them.
        if bits <= 3 && most >= 4 {
            prop_assert_eq!(size(&few), size(&exact) + closed);
        } else {
            prop_assert!(size(&few) >= size(&exact) + closed);
        }
    }

    #[test]
    fn every_position_of_a_box_is_in_its_ranges(
        a in prop::array::uniform3(-1.0f64..1.0), b in prop::array::uniform3(-1.0f64..1.0), at in prop::array::uniform3(0.0f64..=1.0),
        bits in 1u32..=21, most in 1usize..200,
    ) {
        let grid = Grid::new([-1.0; 3], [1.0; 3], bits, Outside::Error).unwrap();
        let [low, high] = [[0, 1, 2].map(|i| a[i].min(b[i])), [0, 1, 2].map(|i| a[i].max(b[i]))];
        let found = ranges::hilbert(&grid, low, high, most).unwrap();
        prop_assert!(found.len() <= most);
        let p = [0, 1, 2].map(|i| (low[i] + at[i] * (high[i] - low[i])).clamp(low[i], high[i]));
        for p in [p, low, high] {
            let key = hilbert::keys(&grid, &[p[0]], &[p[1]], &[p[2]]).unwrap()[0];
            prop_assert!(found.iter().any(|(first, last)| (*first..=*last).contains(&key)), "{:?}", p);
        }
    }

    #[test]
    fn the_hull_is_that_of_geo(points in prop::collection::vec((-5i8..6, -5i8..6), 3..40), scale in prop::sample::select(vec![1.0, 2f64.powi(-100), 2f64.powi(100)])) {
        let points: Vec<[f64; 2]> = points.iter().map(|(x, y)| [f64::from(*x) * scale, f64::from(*y) * scale]).collect();
        let hull = convex_hull(&points).unwrap();
        let mut expected: Vec<[f64; 2]> = geo::MultiPoint::from(points.clone())
            .convex_hull().exterior().0.iter().map(|c| [c.x + 0.0, c.y + 0.0]).collect();
        expected.dedup();
        if hull.len() >= 3 {
            expected.pop();
            // It keeps some positions on the edges, which are no corners. Products of small whole numbers are exact.
            let n = expected.len();
            let turns = |i: usize| {
                let [a, b, c] = [i + n - 1, i, i + 1].map(|i| expected[i % n].map(|v| v / scale));
                (b[0] - a[0]) * (c[1] - b[1]) != (b[1] - a[1]) * (c[0] - b[0])
            };
            expected = (0..n).filter(|i| turns(*i)).map(|i| expected[i]).collect();
            let start = expected.iter().position(|p| *p == hull[0]).expect("the first corner");
            expected.rotate_left(start);
            prop_assert_eq!(&hull, &expected);
        } else {
            for p in &hull {
                prop_assert!(expected.contains(p));
            }
        }
        // The order of the positions does not matter.
        let mut turned = points.clone();
        turned.reverse();
        prop_assert_eq!(convex_hull(&turned).unwrap(), hull);
    }
}

#[test]
fn ranges_of_rows() {
    let corner = |a: f64, b: f64| Input::Floats(vec![Some(a), None, Some(b)]);
    let run = |params: &[(&str, Value)], high: f64| {
        let (low, top) = (|| corner(0.0, -0.5), || corner(0.25, high));
        call_columns(
            "spatial_hilbert_ranges",
            compute(),
            vec![low(), low(), low(), top(), top(), top()],
            params,
        )
    };
    let text = |s: &str| Value::Text(s.into());
    let error = run(&[], 0.5).unwrap_err().to_string();
    assert_eq!(error, "column min_x, row 3: -0.5; expected a number from 0.0 to 1.0, or outside = clamp");
    let output = run(&[("outside", text("clamp")), ("bits", Value::Int(2))], -0.25).unwrap();
    // The box outside is that of the cell at the edge, to which positions there are clamped.
    assert_eq!(output.picked, Some(vec![0, 2]));
    assert_eq!((bigints(&output, 0), bigints(&output, 1)), (vec![0, 0], vec![7, 0]));
    let error = run(&[("min", text("-1"))], -0.75).unwrap_err().to_string();
    assert_eq!(error, "column max_x, row 3: -0.75; expected a number ≥ -0.5, the lower corner");
    // A corner outside of the bounds is named by its own column.
    let grid = Grid::new([0.0; 3], [1.0; 3], 4, Outside::Error).unwrap();
    for (low, high, wrong) in
        [(-2.0, 0.5, "column min_z, row 1: -2.0;"), (0.5, 2.0, "column max_z, row 1: 2.0;")]
    {
        let error = ranges::hilbert(&grid, [0.5, 0.5, low], [0.5, 0.5, high], 9).unwrap_err().to_string();
        assert!(error.starts_with(wrong), "{error}");
    }
    assert!(ranges::hilbert(&whole(2), [0.0; 3], [1.0; 3], 0).is_err());
    assert_eq!(ranges::hilbert(&whole(21), [0.0; 3], [2097152.0; 3], 1).unwrap(), [(0, i64::MAX)]);
    // Far more ranges than are asked for: a thin plate of 2⁴² cells.
    let plate = ranges::hilbert(&whole(21), [0.0, 0.0, 1e6], [2097152.0, 2097152.0, 1e6], 100).unwrap();
    assert_eq!(plate.len(), 100);
}

#[test]
fn buckets_are_floors_and_coarser_ones_hold_eight() {
    let n = 5000;
    let values: Vec<f64> =
        (0..n).map(|i| unit(3, i) * 1000.0).chain([0.0, -0.0, 0.25, -0.25, 7.0, -7.0]).collect();
    let params = [("cell_size", Value::Float(0.25)), ("levels", Value::Int(6))];
    let output = call_columns(
        "spatial_buckets",
        compute(),
        vec![floats(&values), floats(&values), floats(&values)],
        &params,
    )
    .unwrap();
    let picked = output.picked.clone().unwrap();
    let Values::Int(levels) = &output.columns[0] else { panic!() };
    assert_eq!(levels.len(), values.len() * 6);
    for axis in 1..4 {
        for (i, cell) in bigints(&output, axis).into_iter().enumerate() {
            let edge = 0.25 * f64::from(1 << levels[i].unwrap());
            assert_eq!(cell, (values[picked[i]] / edge).floor() as i64);
        }
    }
    for bad in [f64::NAN, f64::INFINITY, 1e300, -1e16] {
        assert_eq!(buckets::cell(bad, 0.25), None);
        let error = call_columns(
            "spatial_buckets",
            compute(),
            vec![floats(&[0.0]), floats(&[bad]), floats(&[0.0])],
            &params,
        );
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with(&format!("column y, row 1: {bad:?}; expected a finite number")), "{error}");
    }
    let zero = [("cell_size", Value::Int(0))];
    let error = call_columns(
        "spatial_buckets",
        compute(),
        vec![floats(&[0.0]), floats(&[0.0]), floats(&[0.0])],
        &zero,
    );
    let error = error.unwrap_err().to_string();
    assert_eq!(error, "parameter cell_size is 0; expected a finite number ≥ 2.2250738585072014e-308");
}

#[test]
fn hulls_of_few_and_straight_positions() {
    let run = |points: &[(f64, f64)]| {
        let [x, y] = [points.iter().map(|p| p.0).collect::<Vec<_>>(), points.iter().map(|p| p.1).collect()];
        call_columns(
            "spatial_convex_hull",
            compute(),
            vec![floats(&x), floats(&y)],
            &[("srid", Value::Int(5))],
        )
    };
    let text = |points: &[(f64, f64)]| wkt::write(&geometry(&run(points).unwrap(), 0).shape).unwrap();
    assert_eq!(text(&[(1.0, 2.0), (1.0, 2.0)]), "POINT (1 2)");
    assert_eq!(text(&[(1.0, 1.0), (3.0, 3.0), (2.0, 2.0), (0.0, 0.0)]), "LINESTRING (0 0, 3 3)");
    let square = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.5, 0.5), (0.5, 0.0), (-0.0, 0.0)];
    assert_eq!(text(&square), "POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))");
    let output = run(&square).unwrap();
    assert_eq!((&output.columns[1], column(&output, 2)), (&Values::Int(vec![Some(4)]), vec![1.0]));
    let hull = geometry(&output, 0);
    assert!(hull.valid && hull.srid == 5);
    let none = run(&[]).unwrap();
    assert_eq!(
        none.columns,
        [Values::Binary(vec![None]), Values::Int(vec![Some(0)]), Values::Float(vec![None])]
    );
    let error = run(&[(0.0, 0.0), (f64::NAN, 0.0)]).unwrap_err().to_string();
    assert_eq!(error, "column x, row 2: NaN; expected a number from -1e100 to 1e100");
    assert!(run(&[(0.0, 1e101)]).is_err());
    // Far from the origin the area keeps its digits.
    let far: Vec<_> = square.iter().map(|p| (p.0 + 1e8, p.1 - 1e8)).collect();
    assert_eq!(column(&run(&far).unwrap(), 2), [1.0]);
}

#[test]
fn density_counts_every_position_once() {
    let n = 200_000u32;
    let [x, y] = [1, 2].map(|seed| (0..n).map(|i| unit(seed, i) * unit(seed, i) * 3.0).collect::<Vec<f64>>());
    let mut expected: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    for (x, y) in x.iter().zip(&y) {
        *expected.entry(((x / 0.125).floor() as i64, (y / 0.125).floor() as i64)).or_default() += 1;
    }
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let params = [("cell_size", Value::Float(0.125))];
        pool.install(|| {
            call_columns("spatial_density", compute(), vec![floats(&x), floats(&y)], &params).unwrap()
        })
    };
    let output = run(2);
    assert!(output == run(1));
    let found: Vec<_> =
        bigints(&output, 0).into_iter().zip(bigints(&output, 1)).zip(bigints(&output, 4)).collect();
    assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    for (i, ((a, b), count)) in found.iter().enumerate() {
        assert_eq!(column(&output, 2)[i], (*a as f64 + 0.5) / 8.0);
        assert_eq!(column(&output, 3)[i], (*b as f64 + 0.5) / 8.0);
        assert_eq!(column(&output, 5)[i], *count as f64 * 64.0);
        if i > 20 {
            break;
        }
    }
}

#[test]
fn paths_follow_the_time() {
    type Row = (f64, f64, f64, Option<f64>);
    let run = |rows: &[Row]| {
        let column = |of: fn(&Row) -> f64| floats(&rows.iter().map(of).collect::<Vec<_>>());
        let z = Input::Floats(rows.iter().map(|r| r.3).collect());
        call_columns(
            "spatial_path",
            compute(),
            vec![column(|r| r.0), column(|r| r.1), column(|r| r.2), z],
            &[],
        )
    };
    let rows = [
        (3.0, 1.0, 1.0, Some(2.0)),
        (1.0, 0.0, 0.0, Some(0.0)),
        (2.0, 1.0, 1.0, Some(0.0)),
        (2.0, 1.0, 0.0, None),
    ];
    let output = run(&rows).unwrap();
    let path = geometry(&output, 0);
    assert_eq!(wkt::write(&path.shape).unwrap(), "LINESTRING (0 0 0 1, 1 0 NULL 2, 1 1 0 2, 1 1 2 3)");
    assert!(path.valid);
    assert_eq!(column(&output, 2), [4.0]);
    let mut turned = rows;
    turned.reverse();
    assert!(run(&turned).unwrap() == output);
    // There and back again.
    let back = run(&[(1.0, 0.0, 0.0, None), (2.0, 1.0, 0.0, None), (3.0, 0.0, 0.0, None)]).unwrap();
    assert!(!geometry(&back, 0).valid);
    assert_eq!(wkt::write(&geometry(&run(&rows[..1]).unwrap(), 0).shape).unwrap(), "POINT (1 1 2 3)");
    assert_eq!(run(&[]).unwrap().columns[0], Values::Binary(vec![None]));
    let error = run(&[(f64::NAN, 0.0, 0.0, None)]).unwrap_err().to_string();
    assert_eq!(error, "column time, row 1: NaN; expected a finite number");
}

#[test]
fn centroids_keep_what_single_additions_would_lose() {
    let n = 300_000u32;
    let mut x: Vec<f64> = (0..n).map(|i| unit(9, i)).collect();
    // Large numbers that cancel: a plain sum would keep nothing of the others.
    (x[0], x[n as usize - 1]) = (1e17, -1e17);
    // The small ones are whole multiples of 2⁻³¹, whose sum is exact in integers.
    let exact: i64 = x[1..n as usize - 1].iter().map(|v| (v * 2f64.powi(31)) as i64).sum();
    let expected = exact as f64 / 2f64.powi(31) / f64::from(n);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            call_columns("spatial_centroid", compute(), vec![floats(&x), floats(&x), floats(&x)], &[])
                .unwrap()
        })
    };
    let (one, two) = (run(1), run(2));
    assert!((column(&one, 0)[0] - expected).abs() <= 1e-15, "{} {expected}", column(&one, 0)[0]);
    assert!((0..3).all(|axis| same_bits(column(&one, axis)[0], column(&two, axis)[0])));
    assert_eq!(bigints(&one, 3), [i64::from(n)]);
    for (x, z, wrong) in
        [(f64::INFINITY, 1.0, "column x, row 2: inf"), (1.0, f64::NAN, "column z, row 2: NaN")]
    {
        let inputs = vec![floats(&[0.0, x]), floats(&[0.0, 1.0]), floats(&[0.0, z])];
        let error = call_columns("spatial_centroid", compute(), inputs, &[]).unwrap_err().to_string();
        assert_eq!(error, format!("{wrong}; expected a finite number"));
    }
}

#[test]
fn neighbours_are_those_of_comparing_all() {
    // A lattice, where ties abound, with several rows at one place; ids neither ascending nor different.
    let n = 3000u32;
    let axis = |seed: u32| {
        (0..n)
            .map(|i| f64::from(hash(seed, i) % 9) - if hash(seed, i).is_multiple_of(2) { 0.0 } else { 4.0 })
            .collect::<Vec<f64>>()
    };
    let axes = [axis(1), axis(2), axis(3)];
    let ids: Vec<Option<i64>> =
        (0..n).map(|i| (i % 97 != 0).then(|| i64::from(hash(4, i) % 1000) - 500)).collect();
    let kernel = hart_kernels::registry::find("spatial_nearest").unwrap();
    let run = |k: usize, threads: usize| {
        let inputs = vec![Input::Id(Some(ids.clone())), floats(&axes[0]), floats(&axes[1]), floats(&axes[2])];
        let params = common::bind(kernel, &[("k", Value::Int(k as i64))]).unwrap();
        let call = hart_kernels::registry::Call::new(kernel, n as usize, inputs, params, compute()).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| (kernel.run)(&call).unwrap())
    };
    for k in [1, 5, 40] {
        let output = run(k, 1);
        assert!(output == run(k, 2));
        let picked = output.picked.clone().unwrap();
        assert_eq!(picked.len(), n as usize * k);
        let Values::BigInt(neighbours) = &output.columns[1] else { panic!() };
        for row in (0..n as usize).step_by(61) {
            let square = |other: usize| axes.iter().map(|a| (a[row] - a[other]).powi(2)).sum::<f64>();
            let mut all: Vec<usize> = (0..n as usize).filter(|other| *other != row).collect();
            all.sort_by(|a, b| {
                let id = |i: usize| (ids[i].is_none(), ids[i]);
                square(*a).total_cmp(&square(*b)).then(id(*a).cmp(&id(*b))).then(a.cmp(b))
            });
            for rank in 0..k {
                let at = row * k + rank;
                assert_eq!((picked[at], neighbours[at]), (row, ids[all[rank]]), "{row} {rank}");
                assert_eq!(column(&output, 2)[at], square(all[rank]).sqrt());
            }
        }
    }
    let few = |x: &[Option<f64>]| {
        let input = || Input::Floats(x.to_vec());
        call_columns("spatial_nearest", compute(), vec![input(), input(), input()], &[])
    };
    assert_eq!(few(&[]).unwrap().picked, Some(vec![]));
    assert_eq!(few(&[Some(1.0)]).unwrap().picked, Some(vec![]));
    assert_eq!(few(&[Some(1.0), None, Some(2.0)]).unwrap().picked, Some(vec![0, 2]));
    let error = few(&[Some(1.0), Some(1e308)]).unwrap_err().to_string();
    assert_eq!(error, "column x, row 2: 1e308; expected a number from -1e307 to 1e307");
    // Refused before anything is done.
    let many = vec![0.0; 50_000];
    let inputs = vec![Input::Id(Some(vec![None; 50_000])), floats(&many), floats(&many), floats(&many)];
    let params = common::bind(kernel, &[("k", Value::Int(i64::from(i32::MAX)))]).unwrap();
    let call = hart_kernels::registry::Call::new(kernel, 50_000, inputs, params, compute()).unwrap();
    let error = (kernel.run)(&call).unwrap_err().to_string();
    assert!(error.contains("k is 2147483647; expected at most 42949 for 50000 rows"), "{error}");
}

#[test]
fn lengths_and_distances_along() {
    let value = |text: &str| Geometry::from_wkt(text, 0).unwrap().encode(SpatialType::Geometry).unwrap();
    let length = |text: &str, dimensions: i64| {
        let value = value(text);
        let params = [("dimensions", Value::Int(dimensions))];
        column(
            &call_columns("spatial_length", compute(), vec![Input::Binary(vec![Some(&value)])], &params)
                .unwrap(),
            0,
        )[0]
    };
    assert_eq!(length("LINESTRING (0 0 0, 3 4 12)", 3), 13.0);
    assert_eq!(length("LINESTRING (0 0 0, 3 4 12)", 2), 5.0);
    assert_eq!(length("LINESTRING (0 0, 3 4 12)", 3), 5.0);
    assert_eq!(
        length(
            "GEOMETRYCOLLECTION (POINT (1 1), POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0)), LINESTRING (0 0, 0 9))",
            3
        ),
        13.0
    );
    assert_eq!(length("POINT EMPTY", 3), 0.0);
    let along = |text: &str, p: [f64; 3], dimensions: i64| {
        let value = value(text);
        let inputs =
            vec![Input::Binary(vec![Some(&value)]), floats(&p[..1]), floats(&p[1..2]), floats(&p[2..])];
        let output = call_columns(
            "spatial_distance_along",
            compute(),
            inputs,
            &[("dimensions", Value::Int(dimensions))],
        )?;
        Ok::<_, Error>((column(&output, 0)[0], column(&output, 1)[0]))
    };
    let path = "LINESTRING (0 0 0, 4 0 0, 4 4 0, 4 4 0, 4 4 8)";
    assert_eq!(along(path, [2.0, -1.0, 0.0], 3).unwrap(), (2.0, 1.0));
    assert_eq!(along(path, [5.0, 3.0, 0.0], 3).unwrap(), (7.0, 1.0));
    assert_eq!(along(path, [4.0, 4.0, 6.0], 3).unwrap(), (14.0, 0.0));
    assert_eq!(along(path, [4.0, 4.0, 6.0], 2).unwrap(), (8.0, 0.0));
    assert_eq!(along(path, [-3.0, 4.0, 0.0], 2).unwrap(), (0.0, 5.0));
    // Equally near to two parts: the first counts. Gaps between lines do not.
    assert_eq!(along("LINESTRING (0 0, 2 0, 2 2, 0 2)", [1.0, 1.0, 0.0], 2).unwrap(), (1.0, 1.0));
    assert_eq!(along("MULTILINESTRING ((0 0, 1 0), (5 0, 9 0))", [7.0, 1.0, 0.0], 2).unwrap(), (3.0, 1.0));
    // A part whose squares overflow has no distance, and hides no other.
    let far = "LINESTRING (-1E200 0, 1E200 0, 1E200 10)";
    assert_eq!(along(far, [1e200, 10.0, 0.0], 2).unwrap().1, 0.0);
    assert!(
        along("POINT (1 1)", [0.0; 3], 2).unwrap_err().to_string().contains("a POINT; expected a LINESTRING")
    );
    assert!(
        along(path, [f64::NAN, 0.0, 0.0], 2).unwrap_err().to_string().starts_with("column x, row 1: NaN")
    );
}

//! Bases from vectors: principal axes, landmarks, anchors.

use crate::common;

use common::columns::Column;
use common::{bind, call, compute, text, uniform};
use hart_kernels::registry::{self, Call, Input, Output, Value, Values};
use hart_kernels::spatial::{self, Basis, Landmarking};
use hart_kernels::{Element, Error, Vectors};

/// Calls a kernel by name with one column of vectors.
fn run(name: &str, column: &Column, params: &[(&str, Value)]) -> Result<Output, Error> {
    call(name, compute(), &[column.vectors("v")], params)
}

fn floats(output: &Output, column: usize) -> &[Option<f64>] {
    let Values::Float(values) = &output.columns[column] else { panic!("column {column} holds no numbers") };
    values
}

fn binary(output: &Output, column: usize) -> &[Option<Vec<u8>>] {
    let Values::Binary(values) = &output.columns[column] else { panic!("column {column} holds no bytes") };
    values
}

/// Eigenvectors of a covariance matrix that is known: rotated axes of falling spread.
#[test]
fn principal_axes_are_found() {
    let n = 40;
    let frame = Basis::random(n, n, 99).unwrap();
    let spread = |axis: usize| 0.8f64.powi(axis as i32);
    let mut rows: Vec<f32> = Vec::new();
    for i in 0..n as u32 * 2 {
        // Two points on each axis, so that the covariance is exactly that of the axes; shifted, to see that it is centred.
        let (axis, sign) = (i as usize / 2, if i.is_multiple_of(2) { 1.0 } else { -1.0 });
        rows.extend(frame.axis(axis).iter().map(|v| (f64::from(*v) * spread(axis) * sign + 3.0) as f32));
    }
    let rows = Vectors::matrix(&rows, n).unwrap();
    let basis = Basis::pca(compute(), &rows, 6, 1000).unwrap();
    for axis in 0..6 {
        let dot: f64 = basis.axis(axis).iter().zip(frame.axis(axis)).map(|(a, b)| f64::from(a * b)).sum();
        assert!(dot.abs() > 1.0 - 1e-5, "axis {axis}: {dot}");
        let largest = basis.axis(axis).iter().fold(0f32, |m, v| if v.abs() > m.abs() { *v } else { m });
        assert!(largest > 0.0);
    }
    // A sample of fewer rows takes evenly spaced ones, so that it still sees all axes of such an order.
    assert!(Basis::pca(compute(), &rows, 6, 40).is_ok());
    let few = Basis::pca(compute(), &rows, 6, 6).unwrap_err().to_string();
    assert!(few.contains("6 vectors; expected more than 6"), "{few}");
}

/// A mean of 1e8 beside a spread of 1: products of such numbers have no digits left for the spread.
#[test]
fn principal_axes_and_variances_do_not_depend_on_where_the_vectors_lie() {
    let (n, count) = (12, 500);
    let frame = Basis::random(n, n, 3).unwrap();
    let rows = |shift: f64| -> Column {
        let row = |i: u32| {
            let weights = uniform(i, n);
            let at = |j: usize| -> f64 {
                (0..n).map(|a| f64::from(weights[a] * frame.axis(a)[j]) * 0.7f64.powi(a as i32)).sum()
            };
            // Whole multiples of 2⁻²⁰, which a shift of 1e8 leaves exact.
            Some((0..n).map(|j| (at(j) * 1048576.0).round() / 1048576.0 + shift).collect())
        };
        Column::new(Element::F64, &(0..count).map(row).collect::<Vec<_>>(), 0)
    };
    let fit = |shift: f64, kind: &str, axes: i64| {
        let params = [("kind", text(kind)), ("axes", Value::Int(axes)), ("element", text("f64"))];
        let output = run("spatial_fit", &rows(shift), &params).unwrap();
        (Basis::from_bytes(binary(&output, 12)[0].as_ref().unwrap()).unwrap(), floats(&output, 4)[0].unwrap())
    };
    for axes in [3, 12] {
        let ((near, share), (far, far_share)) = (fit(0.0, "pca", axes), fit(1e8, "pca", axes));
        assert!((share - far_share).abs() < 1e-6, "{share} {far_share}");
        assert!(
            if axes == 12 { (share - 1.0).abs() < 1e-6 } else { (0.7..0.95).contains(&share) },
            "{share}"
        );
        for axis in 0..axes as usize {
            let pairs = near.axis(axis).iter().zip(far.axis(axis));
            let along: f64 = pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            assert!(along > 1.0 - 1e-6, "axis {axis}: {along}");
        }
    }
    let (share, far_share) = (fit(0.0, "random", 4).1, fit(1e8, "random", 4).1);
    assert!((share - far_share).abs() < 1e-6, "{share} {far_share}");
}

#[test]
fn bounds_are_those_of_the_landmarks_and_anchors_too() {
    let rows: Vec<Vec<f32>> = (0..5).map(|i| uniform(i, 9)).collect();
    let column = Column::of_singles(Element::F32, &rows, 0);
    for kind in ["landmarks", "trilateration"] {
        let output = run("spatial_fit", &column, &[("kind", text(kind))]).unwrap();
        let basis = Basis::from_bytes(binary(&output, 12)[0].as_ref().unwrap()).unwrap();
        assert_eq!((basis.sample(), basis.bounds().len(), floats(&output, 4)[0]), (5, 5, None), "{kind}");
        let points = spatial::project(&basis, &column.vectors("v"), false).unwrap();
        for axis in 0..5 {
            let all = (0..5).map(|i| points.point(i).unwrap()[axis]);
            let bounds = [all.clone().reduce(f64::min).unwrap(), all.reduce(f64::max).unwrap()];
            assert_eq!(basis.bounds()[axis], bounds, "{kind}");
            if axis < 3 {
                let found = [5, 6].map(|side| floats(&output, 2 * axis + side)[0].unwrap());
                assert_eq!(found, bounds, "{kind}");
            }
        }
    }
}

#[test]
fn principal_axes_of_real_vectors_keep_more_than_others() {
    let data = common::real::packages();
    let part = &data.values[..1500 * data.dimension];
    let column = Column::from_bytes(
        Element::F32,
        &part.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>(),
        vec![data.dimension as i32 * 4; 1500],
        0,
    );
    let variance = |kind: &str, axes: i64| {
        let params = [("kind", text(kind)), ("axes", Value::Int(axes)), ("sample", Value::Int(1000))];
        let output = run("spatial_fit", &column, &params).unwrap();
        let bytes = binary(&output, 12)[0].clone().unwrap();
        let basis = Basis::from_bytes(&bytes).unwrap();
        assert_eq!((basis.sample(), basis.bounds().len()), (1500, axes as usize));
        // The bounds are those of the points.
        let points = spatial::project(&basis, &column.vectors("v"), false).unwrap();
        let x = (0..1500).map(|i| points.point(i).unwrap()[0]);
        assert_eq!(floats(&output, 5)[0], x.clone().reduce(f64::min));
        assert_eq!(floats(&output, 6)[0], x.reduce(f64::max));
        floats(&output, 4)[0].unwrap()
    };
    let (pca, random) = (variance("pca", 16), variance("random", 16));
    assert!(pca > 0.25 && pca < 0.6, "{pca}");
    // A random subspace keeps its share of the dimensions.
    assert!((random - 16.0 / 384.0).abs() < 0.02, "{random}");
}

#[test]
fn trilateration_is_that_of_the_procedure() {
    // Anchors 6 apart at most, so the scale is 6; distances of (0, 0) are 3, 4 and 3.
    let anchors = Vectors::matrix(&[3.0, 0.0, 0.0, 4.0, -3.0, 0.0], 2).unwrap();
    let basis = Basis::trilateration(compute(), &anchors).unwrap();
    assert_eq!(basis.scale(), 6.0);
    let rows = Vectors::matrix(&[0.0, 0.0, 3.0, 0.0], 2).unwrap();
    let points = spatial::project(&basis, &rows, false).unwrap();
    assert_eq!(points.point(0), Some(&[0.5, 4.0 / 6.0, 0.5][..]));
    assert_eq!(points.point(1), Some(&[0.0, 5.0 / 6.0, 1.0][..]));
    // Anchors that are close to each other are measured in units of 1.
    let close = Vectors::matrix(&[0.0, 0.0, 0.5, 0.0], 2).unwrap();
    assert_eq!(Basis::trilateration(compute(), &close).unwrap().scale(), 1.0);
    let twice = Vectors::matrix(&[1.0, 1.0, 1.0, 1.0], 2).unwrap();
    let error = Basis::trilateration(compute(), &twice).unwrap_err().to_string();
    assert!(error.contains("row 2: an anchor at distance 0 from another"), "{error}");
    // Padding fills up for distances, too.
    let short = Vectors::matrix(&[3.0], 1).unwrap();
    let points = spatial::project(&basis, &short, true).unwrap();
    assert_eq!(points.point(0), Some(&[0.0, 5.0 / 6.0, 1.0][..]));
}

#[test]
fn landmarks_that_are_collinear_are_refused_by_name() {
    // What the replaced system's table of landmarks was filled with: three parallel vectors.
    let rows: Vec<Vec<f32>> = [0.1, 0.5, 0.9].map(|v| vec![v; 1998]).into();
    let column = Column::of_singles(Element::F32, &rows, 0);
    let error = run("spatial_fit", &column, &[("kind", text("landmarks"))]).unwrap_err().to_string();
    assert!(
        error.starts_with("column v, row 2: collinear with the landmarks before it")
            && error.ends_with("expected linearly independent landmarks"),
        "{error}"
    );
    for (bad, found) in [(vec![f32::NAN; 2], "not finite"), (vec![0.0; 2], "collinear")] {
        let column = Column::of_singles(Element::F32, &[vec![1.0, 2.0], bad], 0);
        let error = run("spatial_fit", &column, &[("kind", text("landmarks"))]).unwrap_err().to_string();
        assert!(error.starts_with("column v, row 2: ") && error.contains(found), "{error}");
    }
    let nulls = Column::new(Element::F32, &[Some(vec![1.0, 2.0]), None], 0);
    let error = run("spatial_fit", &nulls, &[("kind", text("landmarks"))]).unwrap_err().to_string();
    assert!(error.starts_with("column v, row 2: NULL"), "{error}");
}

#[test]
fn the_farthest_rows_are_chosen_as_landmarks() {
    let rows: Vec<Vec<f32>> = (0..300).map(|i| uniform(i, 20)).collect();
    let column = Column::of_singles(Element::F32, &rows, 0);
    let output = run("spatial_landmarks", &column, &[("count", Value::Int(12))]).unwrap();
    let picked = output.picked.clone().unwrap();
    let distance = |a: &[f32], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum::<f64>().sqrt()
    };
    let wide = |row: &[f32]| row.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
    let mean: Vec<f64> =
        (0..20).map(|j| rows.iter().map(|row| f64::from(row[j])).sum::<f64>() / 300.0).collect();
    let mut near: Vec<f64> = rows.iter().map(|row| distance(row, &mean)).collect();
    for (rank, chosen) in picked.iter().enumerate() {
        let wanted = (0..300).max_by(|a, b| near[*a].total_cmp(&near[*b])).unwrap();
        assert_eq!(*chosen, wanted, "rank {rank}");
        let got = floats(&output, 1)[rank].unwrap();
        assert!((got - near[wanted]).abs() < 1e-6, "{got}, not {}", near[wanted]);
        let from: Vec<f64> = rows.iter().map(|row| distance(row, &wide(&rows[*chosen]))).collect();
        near = if rank == 0 { from } else { near.iter().zip(from).map(|(a, b)| a.min(b)).collect() };
    }
    // Equal rows are one landmark; of equal distances the smaller id is chosen.
    let same = Column::of_singles(Element::F32, &[vec![1.0], vec![1.0], vec![-1.0], vec![-1.0]], 0);
    let output = run("spatial_landmarks", &same, &[("count", Value::Int(9))]).unwrap();
    assert_eq!(output.picked, Some(vec![0, 2]));
}

/// Rows in parts of any size give the landmarks of the whole, bit for bit, and errors name the row of the whole.
#[test]
fn landmarks_of_rows_in_parts() {
    let dimension = 20_000;
    // More than a block of rows, two NULL ones.
    let plain = |element| {
        let row = |i: u32| uniform(i, dimension).iter().map(|v| f64::from(*v)).collect();
        let rows: Vec<Option<Vec<f64>>> = (0..150).map(|i| (i != 0 && i != 70).then(|| row(i))).collect();
        (element, rows)
    };
    let line = |values: &[f64]| (Element::F32, values.iter().map(|v| Some(vec![*v])).collect::<Vec<_>>());
    let cases = [
        plain(Element::F32),
        plain(Element::F64),
        // A sum beyond the range of doubles.
        (Element::F64, [1.7e308, 1.7e308, 1.6e308].map(|v| Some(vec![v])).to_vec()),
        line(&[1.0, 1.0, -1.0, -1.0]),
        line(&[2.0; 5]),
        (Element::F32, vec![None, None]),
        (Element::F32, vec![]),
    ];
    for (element, rows) in &cases {
        let whole = Column::new(*element, rows, 0);
        for count in [0, 1, 7] {
            let ids: Vec<i64> = (0..rows.len() as i64).collect();
            let wanted = spatial::landmarks(&whole.vectors("v"), &ids, count).unwrap();
            for step in [1, 7, 1000] {
                let parts: Vec<Column> =
                    rows.chunks(step).map(|part| Column::new(*element, part, 0)).collect();
                let mut choosing = Landmarking::new(compute(), count);
                while choosing.wants_rows() {
                    parts.iter().for_each(|part| choosing.add(&part.vectors("v")).unwrap());
                    choosing.end_pass();
                }
                let bits = |(row, distance): (usize, f64)| (row, distance.to_bits());
                assert_eq!(
                    choosing.chosen().iter().copied().map(bits).collect::<Vec<_>>(),
                    wanted.iter().map(|hit| bits((hit.row, hit.distance))).collect::<Vec<_>>(),
                    "{count} landmarks of {} rows in parts of {step}",
                    rows.len()
                );
            }
        }
    }
    let parts = [vec![Some(vec![1.0, 2.0])], vec![Some(vec![1.0])]];
    let not_finite = [vec![Some(vec![1.0])], vec![None, Some(vec![f64::NAN])]];
    for (parts, wanted) in [(parts, "column v, row 2"), (not_finite, "column v, row 3")] {
        let mut choosing = Landmarking::new(compute(), 1);
        let parts: Vec<Column> = parts.iter().map(|part| Column::new(Element::F32, part, 0)).collect();
        parts.iter().for_each(|part| choosing.add(&part.vectors("v")).unwrap());
        choosing.end_pass();
        let error = parts.iter().try_for_each(|part| choosing.add(&part.vectors("v"))).unwrap_err();
        assert!(error.to_string().starts_with(wanted), "{error}");
    }
}

#[test]
fn landmarks_are_taken_by_rising_id() {
    let kernel = registry::find("spatial_fit").unwrap();
    let of = |ids: [Option<i64>; 3], order: [usize; 3]| {
        let all: [Vec<f64>; 3] = [vec![1.0, 0.0, 0.5], vec![0.0, 2.0, 0.1], vec![0.3, 0.3, 3.0]];
        let rows: Vec<_> = order.map(|i| Some(all[i].clone())).into();
        let column = Column::new(Element::F32, &rows, 0);
        let inputs = vec![Input::Id(Some(ids.into())), Input::Vectors(column.vectors("v"))];
        let params = bind(kernel, &[("kind", text("landmarks"))]).unwrap();
        let output = (kernel.run)(&Call::new(kernel, 3, inputs, params, compute()).unwrap()).unwrap();
        binary(&output, 12)[0].clone().unwrap()
    };
    let sorted = of([Some(1), Some(2), Some(3)], [0, 1, 2]);
    assert_eq!(of([Some(3), Some(1), Some(2)], [2, 0, 1]), sorted);
    assert_eq!(of([None, Some(1), Some(2)], [2, 0, 1]), sorted);
    assert_ne!(of([Some(1), Some(2), Some(3)], [2, 0, 1]), sorted);
}

//! Principal components and random projections: against their definitions.

use crate::common;

use common::columns::Column;
use common::{call, call_with_ids, compute, hash, real, text, uniform};
use hart_kernels::group::{self, By, Divisor};
use hart_kernels::registry::{Value, Values};
use hart_kernels::vector::{self, Entries};
use hart_kernels::{Element, Level, Metric, Vectors};

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Rows that vary less from component to component, far from the origin.
fn sloping(rows: u32, n: usize) -> Vec<Vec<f32>> {
    let slope = |j: usize| 0.8f32.powi(j as i32);
    let row = |i: u32| uniform(i + 40, n).iter().enumerate().map(|(j, v)| 7.0 + v * slope(j)).collect();
    (0..rows).map(row).collect()
}

#[test]
fn principal_components_are_eigenvectors_of_the_covariance() {
    for (m, n, wanted) in [(200, 12, 12), (300, 40, 5), (25, 60, 24), (2, 3, 1)] {
        let rows = sloping(m, n);
        let all = rows.concat();
        let vectors = Vectors::matrix(&all, n).unwrap();
        let found = vector::pca(compute(), &vectors, None, wanted).unwrap();
        let keys = vec![None; m as usize];
        let covariance = group::covariance(&By::new(&keys), &vectors, Divisor::Sample).unwrap().remove(0);
        let total: f64 = (0..n).map(|i| covariance.matrix[i * n + i]).sum();
        for (mean, expected) in found.mean.iter().zip(&covariance.average) {
            assert!((mean - expected).abs() < 1e-13 * expected.abs());
        }
        assert_eq!((found.components.len(), found.rows), (wanted, u64::from(m)));
        let first = found.components[0].variance;
        for (i, one) in found.components.iter().enumerate() {
            let image: Vec<f64> = covariance.matrix.chunks(n).map(|row| dot(row, &one.axis)).collect();
            let off: Vec<f64> = image.iter().zip(&one.axis).map(|(c, a)| c - one.variance * a).collect();
            assert!(dot(&off, &off).sqrt() < 2e-10 * first, "{m}, {n}: component {i}");
            assert!((one.share - one.variance / total).abs() < 1e-12);
            let singular = (one.variance * f64::from(m - 1)).sqrt();
            assert!((one.singular_value - singular).abs() <= 1e-12 * singular);
            for (j, other) in found.components.iter().enumerate() {
                let expected = f64::from(u8::from(i == j));
                assert!((dot(&one.axis, &other.axis) - expected).abs() < 1e-12);
            }
            let largest = one.axis.iter().fold(0.0f64, |l, v| if v.abs() > l.abs() { *v } else { l });
            assert!(largest > 0.0);
            assert!(i == 0 || one.variance <= found.components[i - 1].variance);
        }
        if wanted == n || wanted + 1 == m as usize {
            let shares: f64 = found.components.iter().map(|one| one.share).sum();
            assert!((shares - 1.0).abs() < 1e-9, "{m}, {n}: {shares}");
        }
    }
}

#[test]
fn principal_components_are_the_same_for_any_order_threads_and_levels() {
    let rows = sloping(900, 50);
    let column = Column::of_singles(Element::F32, &rows, 1);
    let params = [("components", Value::Int(4))];
    let pools = [1, 3].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
    let run =
        |level: Level| call("vector_pca", compute().level(level), &[column.vectors("v")], &params).unwrap();
    let expected = pools[0].install(|| run(Level::scalar()));
    assert_eq!(expected, pools[1].install(|| run(Level::current())));
    let mut order: Vec<usize> = (0..900).collect();
    order.sort_by_key(|i| hash(4, *i as u32));
    let moved: Vec<Vec<f32>> = order.iter().map(|i| rows[*i].clone()).collect();
    let moved = Column::of_singles(Element::F32, &moved, 2);
    let ids = Some(order.iter().map(|i| Some(*i as i64 + 1)).collect());
    let got = call_with_ids("vector_pca", compute(), &[moved.vectors("v")], ids, &params).unwrap();
    assert_eq!(expected, got);
    let Values::Vectors(axes) = &expected.columns[1] else { panic!() };
    assert_eq!((axes.element, axes.lengths.len()), (Element::F32, 5));
}

#[test]
fn bad_input_of_components_is_named() {
    let column = Column::new(Element::F32, &[Some(vec![1.0, 2.0]), None, Some(vec![2.0, 2.0])], 0);
    let error = |wanted: i64| {
        let params = [("components", Value::Int(wanted))];
        call("vector_pca", compute(), &[column.vectors("v")], &params).unwrap_err().to_string()
    };
    assert_eq!(
        error(2),
        "column v: 2 vectors; expected more than 2, the number of axes, to find how they vary"
    );
    let more = Vectors::matrix(&[1.0; 12], 2).unwrap();
    let found = vector::pca(compute(), &more, None, 3).unwrap_err();
    assert_eq!(
        found.to_string(),
        "parameter components is 3; expected from 1 to 2, the dimensions of the vectors"
    );
    // Nothing varies.
    let column = Column::new(Element::F64, &vec![Some(vec![3.0, 4.0]); 5], 0);
    let params = [("components", Value::Int(1)), ("element", text("f64"))];
    let found = call("vector_pca", compute(), &[column.vectors("v")], &params).unwrap();
    assert_eq!(found.columns[2], Values::Float(vec![None, Some(0.0)]));
    assert_eq!(found.columns[3], Values::Float(vec![None, None]));
}

#[test]
fn principal_components_far_from_the_origin_keep_their_digits() {
    // Numbers a few last places apart: as the same differences beside 0, but for the unit.
    for (m, n, base) in
        [(3, 5, 1000.0), (2000, 2, 1000.0), (1000, 3, 1.7e9), (700, 70, 1.0), (60, 70, -1e300)]
    {
        let unit = f64::EPSILON * 2f64.powi(f64::abs(base).log2().floor() as i32);
        let spread = |j: usize| if j == 0 { 400 } else { 40 };
        let small: Vec<f64> = (0..m * n)
            .map(|i| f64::from(hash(7, i as u32) % spread(i % n)) + if i % n == 1 { 0.0 } else { 5.0 })
            .collect();
        let far: Vec<f64> = small.iter().map(|v| base + v * unit).collect();
        let pca = |numbers: &[f64]| {
            let vectors =
                Vectors::packed_matrix("v", Element::F64, bytemuck::cast_slice(numbers), n).unwrap();
            vector::pca(compute(), &vectors, None, 2).unwrap()
        };
        let (near, far) = (pca(&small), pca(&far));
        let first = near.components[0].variance;
        for (near, far) in near.components.iter().zip(&far.components) {
            if unit < 1e100 {
                assert!(
                    (far.variance / unit / unit - near.variance).abs() < 1e-9 * first,
                    "{m}, {n}, {base}"
                );
            }
            assert!((far.share - near.share).abs() < 1e-9 && (dot(&far.axis, &near.axis) - 1.0).abs() < 1e-9);
        }
        assert!((far.mean[0] - base - near.mean[0] * unit).abs() <= unit, "{m}, {n}, {base}");
    }
}

#[test]
fn equal_rows_do_not_vary() {
    for value in [0.1, 1e300, f64::MAX, 1.7e-310, -0.7] {
        for (m, n) in [(10, 3), (3, 10), (100, 80)] {
            let column = Column::new(Element::F64, &vec![Some(vec![value; n]); m], 0);
            let params = [("components", Value::Int(2)), ("element", text("f64"))];
            let found = call("vector_pca", compute(), &[column.vectors("v")], &params).unwrap();
            assert_eq!(found.columns[2], Values::Float(vec![None, Some(0.0), Some(0.0)]), "{value:e}, {m}");
            assert_eq!(found.columns[3], Values::Float(vec![None, None, None]), "{value:e}, {m}");
            let Values::Vectors(axes) = &found.columns[1] else { panic!() };
            assert_eq!(axes.row(0), Some(vec![value; n]), "{m}, {n}");
        }
    }
}

#[test]
fn many_components_are_eigenvectors_too() {
    // Noise: no variance stands out.
    for (m, n, wanted) in [(150, 90, 80), (90, 150, 80), (400, 100, 30)] {
        let rows: Vec<f32> = (0..m).flat_map(|i| uniform(i + 1, n)).collect();
        let vectors = Vectors::matrix(&rows, n).unwrap();
        let found = vector::pca(compute(), &vectors, None, wanted).unwrap();
        let keys = vec![None; m as usize];
        let covariance = group::covariance(&By::new(&keys), &vectors, Divisor::Sample).unwrap().remove(0);
        let first = found.components[0].variance;
        for (i, one) in found.components.iter().enumerate() {
            let off = covariance.matrix.chunks(n).zip(&one.axis).map(|(row, a)| {
                let off = dot(row, &one.axis) - one.variance * a;
                off * off
            });
            assert!(off.sum::<f64>().sqrt() < 2e-10 * first, "{m}, {n}: component {i}");
            for other in &found.components[..i] {
                assert!(dot(&one.axis, &other.axis).abs() < 1e-12 && one.variance <= other.variance);
            }
        }
    }
}

/// SplitMix64, uniform in [0, 1).
fn draws(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    std::iter::from_fn(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64)
    })
}

#[test]
fn random_projections_are_the_stated_sums() {
    for (entries, n, k) in
        [(Entries::Dense, 5, 3), (Entries::Achlioptas, 40, 7), (Entries::Li, 100, 33), (Entries::Dense, 1, 1)]
    {
        let s = match entries {
            Entries::Dense => 1.0,
            Entries::Achlioptas => 3.0,
            Entries::Li => (n as f64).sqrt(),
        };
        let mut draws = draws(9);
        let matrix: Vec<f64> = (0..k * n)
            .map(|_| match draws.next().unwrap() * s {
                ..0.5 => 1.0,
                0.5..1.0 => -1.0,
                _ => 0.0,
            })
            .collect();
        let mut rows: Vec<Option<Vec<f64>>> =
            (0..60).map(|i| Some(uniform(i, n).into_iter().map(f64::from).collect())).collect();
        rows[7] = None;
        for element in [Element::F32, Element::F64] {
            let column = Column::new(element, &rows, 1);
            let found = vector::random_projection(compute(), &column.vectors("v"), k, entries, 9).unwrap();
            assert_eq!(found.element, element);
            for (i, row) in rows.iter().enumerate() {
                let Some(row) = row else {
                    assert_eq!(found.row(i), None);
                    continue;
                };
                let own = found.row(i).unwrap();
                for (matrix, own) in matrix.chunks(n).zip(own) {
                    let expected = dot(matrix, row) * (s / k as f64).sqrt();
                    let bound = row.iter().map(|v| v.abs()).sum::<f64>()
                        * if element == Element::F64 { 1e-14 } else { 1e-6 };
                    assert!((own - expected).abs() <= bound, "{entries:?}: {own} {expected}");
                }
            }
        }
    }
}

#[test]
fn random_projections_keep_the_distances_of_real_vectors() {
    let real = real::packages();
    let count = 150;
    let rows: Vec<f32> = real.values.chunks(384).step_by(13).take(count).flatten().copied().collect();
    let vectors = Vectors::matrix(&rows, 384).unwrap();
    let distortion = 0.5;
    let k = vector::johnson_lindenstrauss(count as u64, distortion).unwrap() as usize;
    assert_eq!(k, 241);
    for entries in [Entries::Dense, Entries::Achlioptas, Entries::Li] {
        let found = vector::random_projection(compute(), &vectors, k, entries, 42).unwrap();
        let projected: Vec<f32> = (0..count).flat_map(|i| found.row(i).unwrap()).map(|v| v as f32).collect();
        let mut mean = 0.0;
        for i in 0..count {
            for j in 0..i {
                let square = |rows: &[f32], n: usize| {
                    vector::distance(Metric::Euclidean, &rows[i * n..][..n], &rows[j * n..][..n])
                        .unwrap()
                        .powi(2)
                };
                let (before, after) = (square(&rows, 384), square(&projected, k));
                assert!((after - before).abs() <= distortion * before, "{entries:?}: {before} {after}");
                mean += if before > 0.0 { after / before } else { 1.0 };
            }
        }
        mean /= (count * (count - 1) / 2) as f64;
        assert!((mean - 1.0).abs() < 0.05, "{entries:?}: {mean}");
    }
}

#[test]
fn projections_do_not_depend_on_chunks_threads_or_levels() {
    let rows: Vec<Vec<f32>> = (0..700).map(|i| uniform(i, 200)).collect();
    let column = Column::of_singles(Element::F32, &rows, 1);
    let params = [("dimensions", Value::Int(64)), ("entries", text("li")), ("seed", Value::Int(3))];
    let pools = [1, 3].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
    let run = |column: &Column, level: Level| {
        let output =
            call("vector_random_projection", compute().level(level), &[column.vectors("v")], &params);
        let Values::Vectors(found) = output.unwrap().columns.remove(0) else { panic!() };
        found
    };
    let expected = pools[0].install(|| run(&column, Level::scalar()));
    assert_eq!(expected, pools[1].install(|| run(&column, Level::current())));
    let parts = rows
        .chunks(97)
        .flat_map(|part| run(&Column::of_singles(Element::F32, part, 2), Level::current()).bytes);
    assert!(expected.bytes.iter().copied().eq(parts));
}

#[test]
fn rows_of_other_dimensions_are_projected_as_if_alone() {
    for element in [Element::F32, Element::F64, Element::F16] {
        let row = |i: u32| {
            let n = [5, 9, 0, 5, 1][i as usize % 5];
            (i % 7 != 3).then(|| uniform(i, n).into_iter().map(f64::from).collect::<Vec<f64>>())
        };
        let rows: Vec<_> = (0..40).map(row).collect();
        let run = |rows: &[Option<Vec<f64>>]| {
            let column = Column::new(element, rows, 1);
            let params =
                [("dimensions", Value::Int(6)), ("entries", text("li")), ("element", text(element.name()))];
            let output =
                call("vector_random_projection", compute(), &[column.vectors("v")], &params).unwrap();
            let Values::Vectors(found) = &output.columns[0] else { panic!() };
            (0..rows.len()).map(|i| found.row(i)).collect::<Vec<_>>()
        };
        let whole = run(&rows);
        let parts: Vec<_> = rows.chunks(1).flat_map(run).collect();
        assert_eq!(whole, parts);
        assert!(whole.iter().zip(&rows).all(|(found, row)| found.is_some() == row.is_some()));
    }
}

#[test]
fn bad_input_of_projections_is_named() {
    let none_wanted = Vectors::matrix(&[1.0; 4], 2).unwrap();
    let error = vector::random_projection(compute(), &none_wanted, 0, Entries::Dense, 1).unwrap_err();
    assert_eq!(error.to_string(), "parameter dimensions is 0; expected an integer ≥ 1");
    let params = [("dimensions", Value::Int(2))];
    let none = call(
        "vector_random_projection",
        compute(),
        &[Column::new(Element::F32, &[None], 0).vectors("v")],
        &params,
    );
    let Values::Vectors(none) = none.unwrap().columns.remove(0) else { panic!() };
    assert_eq!(none.lengths, [-1]);
    let few = vector::johnson_lindenstrauss(0, 0.1).unwrap_err();
    assert_eq!(few.to_string(), "parameter rows is 0; expected an integer ≥ 1");
    for distortion in [0.0, 1.0, f64::NAN, -0.5] {
        let wrong = vector::johnson_lindenstrauss(10, distortion).unwrap_err().to_string();
        assert!(wrong.contains("distortion") && wrong.contains("less than 1"), "{wrong}");
    }
    assert_eq!(vector::johnson_lindenstrauss(1, 0.5).unwrap(), 1);
}

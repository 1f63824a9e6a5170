//! Aggregates by group: against exact arithmetic, and the same bits for any order of rows, threads and levels.

mod common;
#[allow(dead_code)] // Another test uses the rest.
#[path = "common/exact.rs"]
mod exact;

use common::columns::Column;
use common::{announce, call_columns, compute, hash, spread, text, uniform, with_specials};
use exact::Exact;
use hart_kernels::group::{self, By, Divisor, Grouped, NotFinite};
use hart_kernels::registry::{Input, Output, Value, Values};
use hart_kernels::{Element, Error, Level, Vectors};

type Rows = Vec<Option<Vec<f64>>>;

/// Rows of every kind of numbers: ordinary, of very different size, tiny, and with the largest ones.
fn kinds(element: Element, rows: u32, n: usize) -> Vec<(&'static str, Rows)> {
    let of = |make: &dyn Fn(u32) -> Vec<f32>, scale: f64| -> Rows {
        (0..rows).map(|i| Some(make(i).into_iter().map(|v| f64::from(v) * scale).collect())).collect()
    };
    let mut all = vec![
        ("uniform", of(&|i| uniform(i, n), 1.0)),
        ("spread", of(&|i| spread(i, n, 60), 1.0)),
        ("specials", of(&|i| with_specials(i, n, true), 1.0)),
        ("far from 0", of(&|i| uniform(i, n).into_iter().map(|v| 1000.0 + v / 64.0).collect(), 1.0)),
        ("growing", of(&|i| uniform(i, n).into_iter().map(|v| v * 2f32.powi(i as i32 % 90 - 45)).collect(), 1.0)),
        ("with gaps", (0..rows).map(|i| (i % 3 != 1).then(|| singles(uniform(i, n)))).collect()),
    ];
    if element == Element::F64 {
        // Numbers that no single holds, with all bits.
        all.push(("doubles", of(&|i| spread(i, n, 60), 1.0 / 3.0)));
        all.push(("small doubles", of(&|i| spread(i, n, 60), 1e-290 / 3.0)));
        all.push(("large doubles", of(&|i| spread(i, n, 20), 1e100 / 3.0)));
    }
    all
}

fn singles(v: Vec<f32>) -> Vec<f64> {
    v.into_iter().map(f64::from).collect()
}

fn keys(rows: u32, groups: u32) -> Vec<Option<i64>> {
    (0..rows).map(|i| Some(i64::from(hash(99, i) % groups)).filter(|k| *k != 3)).collect()
}

/// The numbers of component `j` by key, exactly as the column holds them.
fn component(column: &Column, keys: &[Option<i64>], key: Option<i64>, j: usize) -> Vec<f64> {
    (0..keys.len()).filter(|i| keys[*i] == key).filter_map(|i| column.row(i)).map(|row| row[j]).collect()
}

fn sum_of(numbers: &[f64]) -> Exact {
    numbers.iter().fold(Exact::zero(), |sum, v| sum.plus(&Exact::from(*v)))
}

/// Whether a double is that number rounded to nearest.
fn is_nearest(got: f64, exact: &Exact) -> bool {
    let off = |v: f64| Exact::from(v).minus(exact).abs();
    let nearer = |a: f64| !is_negative(&off(a).minus(&off(got)));
    nearer(got.next_up()) && nearer(got.next_down())
}

fn is_negative(v: &Exact) -> bool {
    v.value() < 0.0
}

/// |got − exact| ≤ bound·|scale|
fn assert_near(got: f64, exact: &Exact, bound: f64, scale: &Exact, context: &str) {
    let off = Exact::from(got).minus(exact).abs();
    let allowed = scale.abs().times(&Exact::from(bound)).plus(&Exact::power(-1073));
    assert!(!is_negative(&allowed.minus(&off)), "{context}: {got:e}, not {:e}", exact.value());
}

#[test]
fn sums_and_averages_are_exact_sums_rounded_once() {
    announce("groups");
    for element in [Element::F32, Element::F64] {
        for n in [1, 3, 8, 37] {
            for (kind, rows) in kinds(element, 200, n) {
                let column = Column::new(element, &rows, 3);
                let keys = keys(200, 5);
                let vectors = column.vectors("v");
                let sums = group::sum(&By::new(&keys), &vectors).unwrap();
                let averages = group::average(&By::new(&keys), &vectors).unwrap();
                assert_eq!(sums.keys, [None, Some(0), Some(1), Some(2), Some(4)]);
                for (g, key) in sums.keys.iter().enumerate() {
                    let (sum, average) = (sums.results[0].row(g).unwrap(), averages.results[0].row(g).unwrap());
                    for j in 0..n {
                        let numbers = component(&column, &keys, *key, j);
                        let exact = sum_of(&numbers);
                        let context = format!("{kind}, {}, n = {n}, group {key:?}, component {j}", element.name());
                        assert!(is_nearest(sum[j], &exact), "{context}: {:e}", sum[j]);
                        let mean = exact.over(&Exact::from(numbers.len() as f64));
                        assert_near(average[j], &mean, 2f64.powi(-52), &mean, &context);
                    }
                }
            }
        }
    }
}

#[test]
fn variances_are_within_the_bound() {
    for element in [Element::F32, Element::F64] {
        for (kind, rows) in kinds(element, 150, 11) {
            let column = Column::new(element, &rows, 0);
            let keys = keys(150, 4);
            for (divisor, less) in [(Divisor::Sample, 1), (Divisor::Population, 0)] {
                let found = group::variance(&By::new(&keys), &column.vectors("v"), divisor).unwrap();
                for (g, key) in found.keys.iter().enumerate() {
                    let [variance, deviation] = [1, 2].map(|n| found.results[n].row(g).unwrap());
                    for j in 0..11 {
                        let numbers = component(&column, &keys, *key, j);
                        let count = Exact::from(numbers.len() as f64);
                        let mean = sum_of(&numbers).over(&count);
                        let square = |v: Exact| v.times(&v);
                        let squares = |of: &dyn Fn(&f64) -> Exact| {
                            numbers.iter().fold(Exact::zero(), |sum, v| sum.plus(&square(of(v))))
                        };
                        let exact = squares(&|v| Exact::from(*v).minus(&mean))
                            .over(&Exact::from((numbers.len() - less) as f64));
                        let mean_square = squares(&|v| Exact::from(*v)).over(&count);
                        let scale = exact.plus(&mean_square.times(&Exact::power(-49)));
                        let context = format!("{kind}, {}, {divisor:?}, group {key:?}, {j}", element.name());
                        assert_near(variance[j], &exact, 2f64.powi(-51), &scale, &context);
                        assert_eq!(deviation[j], variance[j].sqrt());
                    }
                }
            }
        }
    }
}

#[test]
fn weighted_averages_are_within_the_bound() {
    for element in [Element::F32, Element::F64] {
        for (kind, rows) in kinds(element, 150, 9) {
            let column = Column::new(element, &rows, 0);
            let keys = keys(150, 4);
            let weights: Vec<Option<f64>> =
                spread(5, 150, 12).iter().map(|w| Some(f64::from(w.abs()) / 3.0).filter(|w| *w < 1000.0)).collect();
            let found = group::weighted_average(&By::new(&keys), &column.vectors("v"), &weights).unwrap();
            for (g, key) in found.keys.iter().enumerate() {
                let got = found.results[0].row(g).unwrap();
                let used: Vec<usize> = (0..150)
                    .filter(|i| keys[*i] == *key && column.row(*i).is_some() && weights[*i].is_some())
                    .collect();
                assert_eq!(found.vectors[g], used.len() as i64);
                for (j, got) in got.iter().enumerate() {
                    let (mut sum, mut weight) = (Exact::zero(), Exact::zero());
                    for i in &used {
                        let w = Exact::from(weights[*i].unwrap());
                        sum = sum.plus(&w.times(&Exact::from(column.row(*i).unwrap()[j])));
                        weight = weight.plus(&w);
                    }
                    let exact = sum.over(&weight);
                    let context = format!("{kind}, {}, group {key:?}, {j}", element.name());
                    // Products below the range of doubles are cut off.
                    let scale = exact.plus(&Exact::power(-1060));
                    assert_near(*got, &exact, 2f64.powi(-51), &scale, &context);
                }
            }
        }
    }
}

/// All aggregates of these rows.
fn all(by: &By<'_>, vectors: &Vectors<'_>, weights: &[Option<f64>]) -> Vec<Grouped> {
    vec![
        group::sum(by, vectors).unwrap(),
        group::average(by, vectors).unwrap(),
        group::weighted_average(by, vectors, weights).unwrap(),
        group::variance(by, vectors, Divisor::Population).unwrap(),
        group::minimum(by, vectors).unwrap(),
        group::maximum(by, vectors).unwrap(),
    ]
}

/// Rows in another order, fixed by a number.
fn shuffled(rows: usize, seed: u32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by_key(|i| hash(seed, *i as u32));
    order
}

#[test]
fn order_threads_and_levels_change_nothing() {
    let pools = [1, 2, 5].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
    for element in [Element::F32, Element::F64, Element::Bf16] {
        for (kind, rows) in kinds(Element::F32, 500, 70) {
            if element == Element::Bf16 && kind == "specials" {
                // The largest single is infinite there.
                continue;
            }
            let keys = keys(500, 6);
            let weights: Vec<Option<f64>> = uniform(8, 500).iter().map(|w| Some(f64::from(w.abs()))).collect();
            let column = Column::new(element, &rows, 1);
            let expected = pools[0].install(|| {
                let by = By::new(&keys);
                let scalar = by.compute(compute().level(Level::scalar()));
                all(&scalar, &column.vectors("v"), &weights)
            });
            for (seed, pool) in (1..).zip(&pools) {
                let order = shuffled(500, seed);
                let moved: Rows = order.iter().map(|i| rows[*i].clone()).collect();
                let moved = Column::new(element, &moved, seed as usize);
                let keys: Vec<_> = order.iter().map(|i| keys[*i]).collect();
                let weights: Vec<_> = order.iter().map(|i| weights[*i]).collect();
                let got = pool.install(|| all(&By::new(&keys), &moved.vectors("v"), &weights));
                assert_eq!(expected, got, "{kind}, {}, order {seed}", element.name());
            }
        }
    }
}

/// A group of more than 16 MiB, which threads share, beside small ones and one whose window moves.
#[test]
fn a_large_group_has_the_bits_of_its_exact_sums() {
    const N: usize = 384;
    const ROWS: usize = 13_000;
    let mut numbers: Vec<f32> = (0..ROWS as u32).flat_map(|i| uniform(i % 1009, N)).collect();
    numbers.iter_mut().enumerate().for_each(|(i, v)| *v *= 1.0 + (i / N) as f32 / 77.0);
    for (at, v) in [(5 * N, 1e30), (6000 * N, -1e30), (7777 * N, 3e-39)] {
        numbers[at] = v;
    }
    let keys: Vec<Option<i64>> = (0..ROWS).map(|i| Some(if i % 1000 == 999 { i as i64 } else { -1 })).collect();
    let weights = vec![Some(1.0); ROWS];
    let vectors = Vectors::matrix(&numbers, N).unwrap();
    let pools = [1, 4].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
    let [one, four] = pools.each_ref().map(|pool| pool.install(|| all(&By::new(&keys), &vectors, &weights)));
    assert_eq!(one, four);
    let average = one[1].results[0].row(0).unwrap();
    let large: Vec<usize> = (0..ROWS).filter(|i| keys[*i] == Some(-1)).collect();
    assert_eq!(one[1].vectors[0] as usize, large.len());
    for j in [0, 1, 100, N - 1] {
        let column: Vec<f64> = large.iter().map(|i| f64::from(numbers[i * N + j])).collect();
        let mean = sum_of(&column).over(&Exact::from(large.len() as f64));
        assert_near(average[j], &mean, 2f64.powi(-52), &mean, &format!("component {j}"));
    }
    // Weights of 1 are the average.
    assert_eq!(one[1].results, one[2].results);
}

#[test]
fn constant_vectors_have_variance_zero() {
    for count in [2, 3, 7, 1000, 4097] {
        let row: Vec<f64> = singles(spread(4, 20, 30));
        let column = Column::new(Element::F32, &vec![Some(row); count], 0);
        let found =
            group::variance(&By::new(&vec![None; count]), &column.vectors("v"), Divisor::Sample).unwrap();
        assert_eq!(found.results[1].row(0), Some(vec![0.0; 20]), "{count}");
    }
}

#[test]
fn sums_beyond_the_range_have_averages() {
    let large = 2f64.powi(1023);
    let column = Column::new(Element::F64, &vec![Some(vec![large, -large, 1.0]); 5], 0);
    let keys = [Some(1); 5];
    let sums = group::sum(&By::new(&keys), &column.vectors("v")).unwrap();
    assert_eq!(sums.results[0].row(0), Some(vec![f64::INFINITY, f64::NEG_INFINITY, 5.0]));
    let averages = group::average(&By::new(&keys), &column.vectors("v")).unwrap();
    assert_eq!(averages.results[0].row(0), Some(vec![large, -large, 1.0]));
    let error = group::variance(&By::new(&keys), &column.vectors("v"), Divisor::Sample).unwrap_err();
    assert!(error.to_string().contains("a number of 2⁴⁷⁰ or more"), "{error}");
}

fn grouped(name: &str, keys: Vec<Option<i64>>, v: &Vectors<'_>, params: &[(&str, Value)]) -> Result<Output, Error> {
    let mut columns = vec![Input::Vectors(v.clone()), Input::Integers(keys)];
    columns.reverse();
    if name == "vector_weighted_average" {
        columns.push(Input::Floats(vec![Some(1.0); v.len()]));
    }
    call_columns(name, compute(), columns, params)
}

const NAMES: [&str; 6] = [
    "vector_sum",
    "vector_average",
    "vector_weighted_average",
    "vector_variance",
    "vector_minimum",
    "vector_maximum",
];

#[test]
fn bad_vectors_are_named_or_left_out() {
    for element in [Element::F32, Element::F64, Element::F16] {
        for at in [0, 8, 12] {
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let mut rows = vec![Some(vec![1.0; 13]); 30];
                rows[17].as_mut().unwrap()[at] = bad;
                rows[4] = None;
                let column = Column::new(element, &rows, 1);
                let keys: Vec<Option<i64>> = (0..30).map(|i| Some(i % 2)).collect();
                for name in NAMES {
                    let element = ("element", text(element.name()));
                    let v = column.vectors("v");
                    let error = grouped(name, keys.clone(), &v, std::slice::from_ref(&element)).unwrap_err();
                    let expected = format!(
                        "column v, row 18: {bad} as component {}; expected finite numbers; not_finite = 'leave_out' leaves such vectors out",
                        at + 1
                    );
                    assert_eq!(error.to_string(), expected, "{name}");
                    let leave = [element, ("not_finite", text("leave_out"))];
                    let output = grouped(name, keys.clone(), &v, &leave).unwrap();
                    let [.., vectors, left] = output.columns.as_slice() else { panic!("{name}") };
                    assert_eq!(vectors, &Values::BigInt(vec![Some(14), Some(14)]), "{name}");
                    assert_eq!(left, &Values::BigInt(vec![Some(1), Some(1)]), "{name}");
                }
            }
        }
    }
}

#[test]
fn groups_may_differ_in_dimensions_but_not_within() {
    let rows = [Some(vec![1.0, 2.0]), Some(vec![3.0]), Some(vec![3.0, 4.0]), None, Some(vec![]), Some(vec![5.0])];
    let column = Column::new(Element::F32, &rows, 0);
    let keys = vec![Some(1), Some(2), Some(1), Some(4), Some(3), Some(2)];
    let output = grouped("vector_average", keys, &column.vectors("v"), &[]).unwrap();
    let Values::Vectors(averages) = &output.columns[1] else { panic!("{output:?}") };
    let rows: Vec<_> = (0..4).map(|g| averages.row(g)).collect();
    assert_eq!(rows, [Some(vec![2.0, 3.0]), Some(vec![4.0]), Some(vec![]), None]);
    let error = grouped("vector_average", vec![Some(1); 6], &column.vectors("v"), &[]).unwrap_err();
    assert_eq!(error.to_string(), "column v, row 2: 1 dimensions, but the group's first vector has 2");
    let none = Column::new(Element::F32, &[], 0);
    assert!(NAMES.iter().all(|name| grouped(name, vec![], &none.vectors("v"), &[]).unwrap().columns[0].is_empty()));
}

#[test]
fn weights_are_checked() {
    let vectors = Vectors::matrix(&[1.0, 2.0], 1).unwrap();
    let average = |weights: [Option<f64>; 2]| group::weighted_average(&By::new(&[None; 2]), &vectors, &weights);
    for (weight, shown) in [(-1.0, "-1.0"), (f64::NAN, "NaN"), (f64::INFINITY, "inf"), (1e300, "1e300")] {
        let error = average([Some(1.0), Some(weight)]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("column weight, row 2: {shown}; expected a finite number ≥ 0")), "{error}");
    }
    for none in [[Some(0.0), Some(0.0)], [None, None], [Some(0.0), None]] {
        assert_eq!(average(none).unwrap().results[0].row(0), None);
    }
    let error = group::average(&By::new(&[None]), &vectors).unwrap_err();
    assert_eq!(error.to_string(), "parameter keys is 1 values; expected 2, one for each vector");
}

#[test]
fn results_have_the_element_type_wanted() {
    for element in Element::ALL {
        let column = Column::new(element, &[Some(vec![1.0, 2.0]), Some(vec![2.0, 2.0])], 0);
        for (word, expected) in [("input", element.of_result()), ("f64", Element::F64)] {
            let params = [("element", text(element.name())), ("result_element", text(word))];
            let output = grouped("vector_average", vec![None; 2], &column.vectors("v"), &params).unwrap();
            let Values::Vectors(averages) = &output.columns[1] else { panic!("{output:?}") };
            assert_eq!((averages.element, averages.row(0)), (expected, Some(vec![1.5, 2.0])));
        }
        let by = By::new(&[None, None]).as_input().not_finite(NotFinite::LeaveOut);
        let found = group::maximum(&by, &column.vectors("v")).unwrap();
        assert_eq!(found.results[0].element, element.of_result());
    }
}

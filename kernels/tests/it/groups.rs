//! Aggregates by group: against exact arithmetic, and the same bits for any order of rows, threads and levels.

use crate::common;
use crate::common::exact;

use common::columns::Column;
use common::{announce, call_columns, compute, hash, spread, text, uniform, with_specials};
use exact::Exact;
use hart_kernels::group::{self, By, Covariance, Divisor, End, GroupState, Grouped, Limits, NotFinite};
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
        (
            "growing",
            of(&|i| uniform(i, n).into_iter().map(|v| v * 2f32.powi(i as i32 % 90 - 45)).collect(), 1.0),
        ),
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
                    let (sum, average) =
                        (sums.results[0].row(g).unwrap(), averages.results[0].row(g).unwrap());
                    for j in 0..n {
                        let numbers = component(&column, &keys, *key, j);
                        let exact = sum_of(&numbers);
                        let context =
                            format!("{kind}, {}, n = {n}, group {key:?}, component {j}", element.name());
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
            let weights: Vec<Option<f64>> = spread(5, 150, 12)
                .iter()
                .map(|w| Some(f64::from(w.abs()) / 3.0).filter(|w| *w < 1000.0))
                .collect();
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
        group::median(by, vectors).unwrap(),
    ]
}

type Sorted = (Grouped, Vec<Option<End>>, Vec<Covariance>, Vec<GroupState>);

/// What is computed of rows in the order of their numbers, and the states.
fn sorted(by: &By<'_>, vectors: &Vectors<'_>) -> Sorted {
    let limits = Limits { iterations: 12, tolerance: 1e-9 };
    let (medians, ends) = group::geometric_median(by, vectors, limits).unwrap();
    let covariances = group::covariance(by, vectors, Divisor::Population).unwrap();
    (medians, ends, covariances, group::state(by, vectors).unwrap())
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
            let weights: Vec<Option<f64>> =
                uniform(8, 500).iter().map(|w| Some(f64::from(w.abs()))).collect();
            let column = Column::new(element, &rows, 1);
            let expected = pools[0].install(|| {
                let by = By::new(&keys);
                let scalar = by.compute(compute().level(Level::scalar()));
                (all(&scalar, &column.vectors("v"), &weights), sorted(&scalar, &column.vectors("v")))
            });
            for (seed, pool) in (1..).zip(&pools) {
                let order = shuffled(500, seed);
                let moved: Rows = order.iter().map(|i| rows[*i].clone()).collect();
                let moved = Column::new(element, &moved, seed as usize);
                let keys: Vec<_> = order.iter().map(|i| keys[*i]).collect();
                let weights: Vec<_> = order.iter().map(|i| weights[*i]).collect();
                let (by, vectors) = (By::new(&keys), moved.vectors("v"));
                let got = pool.install(|| (all(&by, &vectors, &weights), sorted(&by, &vectors)));
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
    let keys: Vec<Option<i64>> =
        (0..ROWS).map(|i| Some(if i % 1000 == 999 { i as i64 } else { -1 })).collect();
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

fn grouped(
    name: &str,
    keys: Vec<Option<i64>>,
    v: &Vectors<'_>,
    params: &[(&str, Value)],
) -> Result<Output, Error> {
    let mut columns = vec![Input::Vectors(v.clone()), Input::Integers(keys)];
    columns.reverse();
    if name == "vector_weighted_average" {
        columns.push(Input::Floats(vec![Some(1.0); v.len()]));
    }
    call_columns(name, compute(), columns, params)
}

const NAMES: [&str; 9] = [
    "vector_median",
    "vector_geometric_median",
    "vector_state",
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
                        "column v, row 18: {bad} as component {}; expected finite numbers; not_finite = leave_out leaves such vectors out",
                        at + 1
                    );
                    assert_eq!(error.to_string(), expected, "{name}");
                    let leave = [element, ("not_finite", text("leave_out"))];
                    let output = grouped(name, keys.clone(), &v, &leave).unwrap();
                    let [_, rest @ ..] = output.columns.as_slice() else { panic!("{name}") };
                    let at = rest.iter().position(|c| matches!(c, Values::BigInt(_))).unwrap();
                    let (vectors, left) = (&rest[at], &rest[at + 1]);
                    assert_eq!(vectors, &Values::BigInt(vec![Some(14), Some(14)]), "{name}");
                    assert_eq!(left, &Values::BigInt(vec![Some(1), Some(1)]), "{name}");
                }
            }
        }
    }
}

#[test]
fn groups_may_differ_in_dimensions_but_not_within() {
    let rows =
        [Some(vec![1.0, 2.0]), Some(vec![3.0]), Some(vec![3.0, 4.0]), None, Some(vec![]), Some(vec![5.0])];
    let column = Column::new(Element::F32, &rows, 0);
    let keys = vec![Some(1), Some(2), Some(1), Some(4), Some(3), Some(2)];
    let output = grouped("vector_average", keys, &column.vectors("v"), &[]).unwrap();
    let Values::Vectors(averages) = &output.columns[1] else { panic!("{output:?}") };
    let rows: Vec<_> = (0..4).map(|g| averages.row(g)).collect();
    assert_eq!(rows, [Some(vec![2.0, 3.0]), Some(vec![4.0]), Some(vec![]), None]);
    let error = grouped("vector_average", vec![Some(1); 6], &column.vectors("v"), &[]).unwrap_err();
    assert_eq!(error.to_string(), "column v, row 2: 1 dimensions, but the group's first vector has 2");
    let none = Column::new(Element::F32, &[], 0);
    assert!(
        NAMES
            .iter()
            .all(|name| grouped(name, vec![], &none.vectors("v"), &[]).unwrap().columns[0].is_empty())
    );
}

#[test]
fn weights_are_checked() {
    let vectors = Vectors::matrix(&[1.0, 2.0], 1).unwrap();
    let average =
        |weights: [Option<f64>; 2]| group::weighted_average(&By::new(&[None; 2]), &vectors, &weights);
    for (weight, shown) in [(-1.0, "-1.0"), (f64::NAN, "NaN"), (f64::INFINITY, "inf"), (1e300, "1e300")] {
        let error = average([Some(1.0), Some(weight)]).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("column weight, row 2: {shown}; expected a finite number ≥ 0")),
            "{error}"
        );
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

#[test]
fn states_of_parts_give_what_all_rows_give() {
    for element in [Element::F32, Element::F64] {
        for (kind, rows) in kinds(element, 300, 13) {
            let column = Column::new(element, &rows, 0);
            let keys = keys(300, 5);
            let whole = By::new(&keys);
            let v = column.vectors("v");
            // In parts of several sizes, merged at once, and one after the other.
            let (mut parts, mut of): (Vec<Vec<u8>>, Vec<Option<i64>>) = Default::default();
            let mut start = 0;
            for length in [1, 2, 50, 100, 147] {
                let range = start..start + length;
                let part = Column::new(element, &rows[range.clone()], 0);
                for state in group::state(&By::new(&keys[range]), &part.vectors("v")).unwrap() {
                    parts.push(state.state);
                    of.push(state.key);
                }
                start += length;
            }
            assert_eq!(start, 300);
            let slices: Vec<Option<&[u8]>> = parts.iter().map(|p| Some(p.as_slice())).collect();
            let merged = group::merge(&of, &slices, Divisor::Sample).unwrap();
            let mut again: Vec<group::Merged> = Vec::new();
            for (key, state) in of.iter().zip(&slices) {
                let earlier: Vec<(Option<i64>, Vec<u8>)> =
                    again.iter().map(|m| (m.key, m.state.clone())).collect();
                let keys: Vec<_> = earlier.iter().map(|e| e.0).chain([*key]).collect();
                let states: Vec<_> = earlier.iter().map(|e| Some(e.1.as_slice())).chain([*state]).collect();
                again = group::merge(&keys, &states, Divisor::Sample).unwrap();
            }
            assert_eq!(merged, again, "{kind}");
            let states = group::state(&whole, &v).unwrap();
            let sums = group::sum(&whole, &v).unwrap();
            let averages = group::average(&whole, &v).unwrap();
            let variances = group::variance(&whole, &v, Divisor::Sample).unwrap();
            let (least, greatest) =
                (group::minimum(&whole, &v).unwrap(), group::maximum(&whole, &v).unwrap());
            for (g, merged) in merged.iter().enumerate() {
                let context = format!("{kind}, {}, group {:?}", element.name(), merged.key);
                assert_eq!(merged.state, states[g].state, "{context}");
                assert_eq!((merged.vectors, merged.left_out), (sums.vectors[g], sums.left_out[g]));
                assert_eq!(Some(&merged.sum), sums.results[0].row(g).as_ref(), "{context}");
                assert_eq!(Some(&merged.average), averages.results[0].row(g).as_ref(), "{context}");
                assert_eq!(merged.variance, variances.results[1].row(g), "{context}");
                assert_eq!(Some(&merged.minimum), least.results[0].row(g).as_ref(), "{context}");
                assert_eq!(Some(&merged.maximum), greatest.results[0].row(g).as_ref(), "{context}");
            }
        }
    }
}

#[test]
fn bytes_that_are_no_state_are_named() {
    let vectors = Vectors::matrix(&[1.0, 2.0, 3.0], 3).unwrap();
    let good = group::state(&By::new(&[None]), &vectors).unwrap()[0].state.clone();
    let error = |bytes: &[u8]| {
        group::merge(&[None, None], &[None, Some(bytes)], Divisor::Sample).unwrap_err().to_string()
    };
    let mut other = good.clone();
    other[3] = 2;
    assert_eq!(
        error(&other),
        "column state, row 2: a state of version 2; expected a state of vector_state, version 1"
    );
    other[0] = 0;
    assert!(error(&other).contains("bytes that are no state of vectors"));
    assert!(error(&[]).contains("0 bytes"));
    for at in 4..good.len() {
        let mut damaged = good.clone();
        damaged[at] ^= 4;
        assert!(error(&damaged).contains("another checksum"), "{at}");
    }
    for length in 0..good.len() {
        error(&good[..length]);
    }
    // Another dimension, and what has no vectors has none.
    let two = group::state(&By::new(&[None]), &Vectors::matrix(&[1.0, 2.0], 2).unwrap()).unwrap();
    let none = Column::new(Element::F32, &[None], 0);
    let none = group::state(&By::new(&[None]), &none.vectors("v")).unwrap();
    let merge = |states: &[&[u8]]| {
        let states: Vec<_> = states.iter().map(|s| Some(*s)).collect();
        group::merge(&vec![None; states.len()], &states, Divisor::Sample)
    };
    let error = merge(&[&good, &two[0].state]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column state, row 2: 2 dimensions, but an earlier state of the group has 3"
    );
    let merged = merge(&[&none[0].state, &good, &none[0].state]).unwrap();
    assert_eq!((merged[0].vectors, merged[0].left_out, merged[0].average.len()), (1, 2, 3));
    assert_eq!(merged[0].variance, None);
    let nothing = merge(&[&none[0].state]).unwrap();
    assert_eq!((nothing[0].vectors, nothing[0].average.len()), (0, 0));
}

#[test]
fn covariances_agree_with_exact_ones() {
    for (kind, rows) in kinds(Element::F32, 120, 6).into_iter().filter(|(kind, _)| *kind != "specials") {
        let column = Column::new(Element::F32, &rows, 0);
        let keys = keys(120, 2);
        let found = group::covariance(&By::new(&keys), &column.vectors("v"), Divisor::Sample).unwrap();
        assert_eq!(found.len(), 2);
        for group in found {
            let columns: Vec<Vec<f64>> = (0..6).map(|j| component(&column, &keys, group.key, j)).collect();
            let count = Exact::from(columns[0].len() as f64);
            let deviations: Vec<Vec<Exact>> = columns
                .iter()
                .map(|c| {
                    let mean = sum_of(c).over(&count);
                    c.iter().map(|v| Exact::from(*v).minus(&mean)).collect()
                })
                .collect();
            for i in 0..6 {
                for j in 0..6 {
                    let of = |i: usize, j: usize| {
                        let products = deviations[i].iter().zip(&deviations[j]).map(|(a, b)| a.times(b));
                        let sum = products.fold(Exact::zero(), |sum, v| sum.plus(&v));
                        sum.over(&count.minus(&Exact::from(1.0)))
                    };
                    let scale = of(i, i).times(&of(j, j)).root();
                    let context = format!("{kind}, group {:?}, {i}, {j}", group.key);
                    assert_near(group.matrix[i * 6 + j], &of(i, j), 32.0 * 2f64.powi(-53), &scale, &context);
                }
            }
        }
    }
    let one =
        group::covariance(&By::new(&[None]), &Vectors::matrix(&[1.0, 2.0], 2).unwrap(), Divisor::Sample);
    assert_eq!(
        (one.as_ref().unwrap()[0].matrix.len(), &one.as_ref().unwrap()[0].average),
        (0, &vec![1.0, 2.0])
    );
}

/// The sum of distances of a place from rows.
fn distances(rows: &[Vec<f32>], place: &[f64]) -> f64 {
    let one =
        |row: &Vec<f32>| row.iter().zip(place).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum::<f64>().sqrt();
    rows.iter().map(one).sum()
}

#[test]
fn geometric_medians_have_the_least_distances() {
    for (n, count) in [(1, 7), (2, 5), (3, 40), (20, 100)] {
        let rows: Vec<Vec<f32>> = (0..count).map(|i| uniform(i + 70, n)).collect();
        let all = rows.concat();
        let vectors = Vectors::matrix(&all, n).unwrap();
        let keys = vec![None; count as usize];
        let (medians, ends) = group::geometric_median(&By::new(&keys), &vectors, Limits::default()).unwrap();
        let median = medians.results[0].row(0).unwrap();
        let (end, least) = (ends[0].unwrap(), distances(&rows, &median));
        assert!(end.step <= 1e-10 * end.distance, "{end:?}");
        assert!((end.distance * f64::from(count) - least).abs() < 1e-9 * least);
        // The distances are convex: no place nearby may be better.
        for seed in 0..200 {
            for size in [1e-2, 1e-4, 1e-5] {
                let place: Vec<f64> =
                    median.iter().zip(uniform(seed, n)).map(|(v, d)| v + size * f64::from(d)).collect();
                assert!(distances(&rows, &place) >= least * (1.0 - 1e-13), "n = {n}");
            }
        }
    }
    // The middle one of an odd number on a line, and a point with most of the weight, are returned as they are.
    let line = Vectors::matrix(&[0.0, 0.0, 1.0, 1.0, 9.0, 9.0], 2).unwrap();
    let (medians, _) = group::geometric_median(&By::new(&[None; 3]), &line, Limits::default()).unwrap();
    assert_eq!(medians.results[0].row(0), Some(vec![1.0, 1.0]));
    let heavy = Vectors::matrix(&[5.0, 1.0, 5.0, 1.0, 5.0, 1.0, 0.0, 0.0, 9.0, 7.0], 2).unwrap();
    let (medians, ends) = group::geometric_median(&By::new(&[None; 5]), &heavy, Limits::default()).unwrap();
    assert_eq!((medians.results[0].row(0), ends[0].unwrap().step), (Some(vec![5.0, 1.0]), 0.0));
    let none = Limits { iterations: 0, ..Limits::default() };
    assert!(group::geometric_median(&By::new(&[None; 5]), &heavy, none).is_err());
}

#[test]
fn medians_are_those_of_sorted_numbers() {
    for count in 1..20u32 {
        let rows: Vec<Option<Vec<f64>>> =
            (0..count).map(|i| Some(singles(with_specials(i, 19, true)))).collect();
        let column = Column::new(Element::F32, &rows, 0);
        let keys = vec![Some(1); count as usize];
        let found = group::median(&By::new(&keys), &column.vectors("v")).unwrap().results[0].row(0).unwrap();
        for (j, found) in found.iter().enumerate() {
            let mut numbers = component(&column, &keys, Some(1), j);
            numbers.sort_by(f64::total_cmp);
            let half = numbers.len() / 2;
            let middle =
                if count % 2 == 1 { numbers[half] } else { (numbers[half - 1] + numbers[half]) / 2.0 };
            assert_eq!(*found, middle, "{count}, {j}");
        }
    }
}

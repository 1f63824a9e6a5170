//! Every vector kernel against sums in double-double precision, at all lengths, element types and precisions.
//!
//! The bounds are those of the documentation of `hart_kernels::vector` and its functions.

use crate::common;

use common::columns::Column;
use common::wide::{Sums, Wide, error, softmax};
use common::{
    call, call_columns, call_with_ids, compute, floats, ints, lengths, rows, spread, text, uniform,
};
use hart_kernels::registry::{Input, Value, Values};
use hart_kernels::{Accumulate, Element, Metric, Vectors, vector};

/// Unit roundoff of single and of double precision.
const U32: f64 = 1.0 / (1u64 << 24) as f64;
const U64: f64 = 1.0 / (1u64 << 53) as f64;

/// Unit roundoff of the lanes.
fn unit(element: Element, accumulate: Accumulate) -> f64 {
    if element == Element::F64 || accumulate == Accumulate::F64 { U64 } else { U32 }
}

/// γ(k) of the documentation. The part for steps that underflow, which do not occur here, is left out.
fn gamma(k: usize, u: f64) -> f64 {
    let k = k as f64;
    k * u / (1.0 - k * u) + 8.0 * U64
}

fn dot_bound(n: usize, u: f64, sums: &Sums) -> f64 {
    gamma(n.div_ceil(32), u) * sums.terms
}

fn cosine_bound(n: usize, u: f64) -> f64 {
    3.0 * gamma(n.div_ceil(32), u)
}

fn euclidean_bound(n: usize, u: f64, sums: &Sums) -> f64 {
    (u + gamma(n.div_ceil(32) + 2, u) / 2.0) * sums.squared_distance.sqrt().value()
}

fn manhattan_bound(n: usize, u: f64, sums: &Sums) -> f64 {
    gamma(n.div_ceil(32) + 1, u) * sums.distance.value()
}

fn norm_bound(n: usize, u: f64, sums: &Sums) -> f64 {
    gamma(n.div_ceil(32), u) / 2.0 * sums.aa.sqrt().value()
}

/// 1 − x rounds once more.
fn cosine_distance_bound(n: usize, u: f64) -> f64 {
    cosine_bound(n, u) + 2.0 * U64
}

const MODES: [(&str, Accumulate); 2] = [("f32", Accumulate::F32), ("f64", Accumulate::F64)];

/// Three pairs of vectors of `n` dimensions: ordinary numbers, numbers of very different size, almost equal vectors.
fn pairs(element: Element, n: usize) -> [Column; 2] {
    let seed = n as u32 * 16;
    let powers = if element == Element::F16 { 6 } else { 20 };
    let size = if element == Element::I8 { 127.0 } else { 1.0 };
    // A second, smaller number fills the lower bits of doubles.
    let numbers = |values: Vec<f32>, seed: u32| -> Vec<f64> {
        let low = uniform(seed + 1000, n);
        values
            .iter()
            .zip(low)
            .map(|(v, low)| (f64::from(*v) + f64::from(low) * f64::from(*v) * 1e-8) * size)
            .collect()
    };
    let first = numbers(uniform(seed, n), seed);
    let near: Vec<f64> =
        first.iter().zip(uniform(seed + 1, n)).map(|(v, w)| v + f64::from(w) / 256.0 * size).collect();
    let a = [Some(first.clone()), Some(numbers(spread(seed + 2, n, powers), seed + 2)), Some(first)];
    let b = [
        Some(numbers(uniform(seed + 3, n), seed + 3)),
        Some(numbers(spread(seed + 4, n, powers), seed + 4)),
        Some(near),
    ];
    // Another alignment for each length and column, so that all pairs of alignments occur.
    [Column::new(element, &a, n % 8), Column::new(element, &b, (n / 8 + 3) % 8)]
}

fn check(got: Option<f64>, exact: Wide, bound: f64, context: &str) {
    let got = got.unwrap_or_else(|| panic!("{context}: NULL"));
    let error = error(got, exact);
    assert!(
        error <= bound,
        "{context}: {got:e} is off by {error:e} from {:e}; allowed {bound:e}",
        exact.value()
    );
}

fn singles(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}

/// Dot product, cosine similarity, Euclidean and Manhattan distance, norm and the four distances.
fn sums_of(element: Element) {
    for n in lengths() {
        let [a, b] = pairs(element, n);
        let columns = [a.vectors("a"), b.vectors("b")];
        let exact: Vec<Sums> = (0..3).map(|i| Sums::of(&a.row(i).unwrap(), &b.row(i).unwrap())).collect();
        for (word, accumulate) in MODES {
            let u = unit(element, accumulate);
            let params = [("element", text(element.name())), ("accumulate", text(word))];
            let run = |name: &str, columns: &[Vectors<'_>]| {
                floats(call(name, compute(), columns, &params).unwrap())
            };
            let distance = |metric: &str| {
                let params = [params[0].clone(), params[1].clone(), ("metric", text(metric))];
                floats(call("vector_distance", compute(), &columns, &params).unwrap())
            };
            let dot = run("vector_dot_product", &columns);
            let cosine = run("vector_cosine_similarity", &columns);
            let euclidean = run("vector_euclidean_distance", &columns);
            let manhattan = run("vector_manhattan_distance", &columns);
            let norm = run("vector_norm", &columns[..1]);
            let distances = ["cosine", "euclidean", "dot", "manhattan"].map(distance);
            for (i, sums) in exact.iter().enumerate() {
                let context =
                    |what: &str| format!("{what}, {}, accumulate {word}, n = {n}, row {i}", element.name());
                let root = sums.squared_distance.sqrt();
                check(dot[i], sums.ab, dot_bound(n, u, sums), &context("dot product"));
                check(cosine[i], sums.cosine(), cosine_bound(n, u), &context("cosine similarity"));
                check(euclidean[i], root, euclidean_bound(n, u, sums), &context("euclidean distance"));
                check(manhattan[i], sums.distance, manhattan_bound(n, u, sums), &context("manhattan"));
                check(norm[i], sums.aa.sqrt(), norm_bound(n, u, sums), &context("norm"));
                let from_one = Wide::from(1.0) - sums.cosine();
                check(distances[0][i], from_one, cosine_distance_bound(n, u), &context("cosine distance"));
                check(distances[1][i], root, euclidean_bound(n, u, sums), &context("distance euclidean"));
                check(distances[2][i], -sums.ab, dot_bound(n, u, sums), &context("dot distance"));
                check(
                    distances[3][i],
                    sums.distance,
                    manhattan_bound(n, u, sums),
                    &context("distance manhattan"),
                );
                if element == Element::F32 {
                    slices_have_the_same_bits(
                        &a,
                        &b,
                        i,
                        accumulate,
                        [&dot, &cosine, &euclidean, &manhattan, &norm],
                        &distances,
                    );
                }
            }
        }
    }
}

/// The functions on slices against the columns just checked.
fn slices_have_the_same_bits(
    a: &Column,
    b: &Column,
    i: usize,
    accumulate: Accumulate,
    columns: [&[Option<f64>]; 5],
    distances: &[Vec<Option<f64>>; 4],
) {
    let compute = compute().accumulate(accumulate);
    let (a, b) = (singles(&a.row(i).unwrap()), singles(&b.row(i).unwrap()));
    let values = [
        vector::dot_product_with(compute, &a, &b),
        vector::cosine_similarity_with(compute, &a, &b),
        vector::euclidean_distance_with(compute, &a, &b),
        vector::manhattan_distance_with(compute, &a, &b),
        Ok(vector::norm_with(compute, &a)),
    ];
    for (value, column) in values.into_iter().zip(columns) {
        assert_eq!(value.unwrap().to_bits(), column[i].unwrap().to_bits());
    }
    for (metric, column) in
        [Metric::Cosine, Metric::Euclidean, Metric::Dot, Metric::Manhattan].into_iter().zip(distances)
    {
        let value = vector::distance_with(compute, metric, &a, &b).unwrap();
        assert_eq!(value.to_bits(), column[i].unwrap().to_bits());
    }
    if accumulate == Accumulate::default() {
        let values = [
            vector::dot_product(&a, &b),
            vector::cosine_similarity(&a, &b),
            vector::euclidean_distance(&a, &b),
            vector::manhattan_distance(&a, &b),
            Ok(vector::norm(&a)),
        ];
        for (value, column) in values.into_iter().zip(columns) {
            assert_eq!(value.unwrap().to_bits(), column[i].unwrap().to_bits());
        }
    }
}

#[test]
fn sums_of_singles() {
    common::announce("oracle");
    sums_of(Element::F32);
}

#[test]
fn sums_of_doubles() {
    sums_of(Element::F64);
}

#[test]
fn sums_of_halves() {
    sums_of(Element::F16);
}

#[test]
fn sums_of_brain_floats() {
    sums_of(Element::Bf16);
}

#[test]
fn sums_of_bytes() {
    sums_of(Element::I8);
}

/// What the kernel gives for an f32 number: itself, or rounded once more to a narrow element type.
fn rounded(element: Element, value: f32) -> f64 {
    match element {
        Element::F16 => half::f16::from_f32(value).to_f64(),
        Element::Bf16 => half::bf16::from_f32(value).to_f64(),
        _ => f64::from(value),
    }
}

/// One rounding of an operation on singles: double precision has so many more bits that rounding twice is the same.
fn once(value: f64) -> f64 {
    f64::from(value as f32)
}

#[test]
fn algebra_is_rounded_as_documented() {
    const T: f64 = 0.3;
    for element in Element::ALL {
        for n in lengths() {
            let [a, b] = pairs(element, n);
            let columns = [a.vectors("a"), b.vectors("b")];
            let wanted = ("element", text(element.name()));
            let run = |name: &str, count: usize, number: Option<&'static str>| {
                let mut params = vec![wanted.clone()];
                params.extend(number.map(|name| (name, Value::Float(T))));
                let (result, rows) = rows(call(name, compute(), &columns[..count], &params).unwrap());
                assert_eq!(result, if element == Element::I8 { Element::F32 } else { element });
                rows
            };
            type Operation = fn(f64, f64) -> f64;
            let double = element == Element::F64;
            let kernels: [(&str, usize, Option<&str>, Operation, Operation); 4] = [
                ("vector_add", 2, None, |a, b| a + b, |a, b| once(a + b)),
                ("vector_subtract", 2, None, |a, b| a - b, |a, b| once(a - b)),
                ("vector_scale", 1, Some("factor"), |a, _| a * T, |a, _| once(a * once(T))),
                (
                    "vector_lerp",
                    2,
                    Some("t"),
                    |a, b| a * (1.0 - T) + b * T,
                    |a, b| once(once(a * once(1.0 - once(T))) + once(b * once(T))),
                ),
            ];
            for (name, count, number, doubles, singles) in kernels {
                let got = run(name, count, number);
                for (i, got) in got.iter().enumerate() {
                    let (x, y) = (a.row(i).unwrap(), b.row(i).unwrap());
                    let expected = x.iter().zip(&y).map(|(x, y)| {
                        if double { doubles(*x, *y) } else { rounded(element, singles(*x, *y) as f32) }
                    });
                    let expected: Vec<f64> = expected.collect();
                    assert_eq!(got.as_ref(), Some(&expected), "{name}, {}, n = {n}, row {i}", element.name());
                }
            }
        }
    }
}

#[test]
fn lerp_is_exact_at_both_ends() {
    let (a, b) = (uniform(1, 100), spread(2, 100, 20));
    assert_eq!(vector::lerp(&a, &b, 0.0).unwrap(), a);
    assert_eq!(vector::lerp(&a, &b, 1.0).unwrap(), b);
}

/// Half a step of the element type at `value`: the error of rounding a result to it.
fn half_step(element: Element, value: f64) -> f64 {
    let (bits, lowest) = match element {
        Element::F64 => (53, -1074),
        Element::F16 => (11, -24),
        Element::Bf16 => (8, -133),
        Element::F32 | Element::I8 => (24, -149),
    };
    let exponent = if value == 0.0 { lowest } else { value.abs().log2().floor() as i32 };
    2f64.powi((exponent - bits + 1).max(lowest)) / 2.0
}

#[test]
fn normalized_vectors_are_within_the_bound() {
    for element in Element::ALL {
        let u = unit(element, Accumulate::F32);
        for n in lengths() {
            let [a, _] = pairs(element, n);
            let params = [("element", text(element.name()))];
            let (result, got) =
                rows(call("vector_normalize", compute(), &[a.vectors("v")], &params).unwrap());
            for (i, got) in got.into_iter().enumerate() {
                let v = a.row(i).unwrap();
                let norm = Sums::of(&v, &v).aa.sqrt();
                for (x, got) in v.iter().zip(got.unwrap()) {
                    if norm.value() == 0.0 {
                        assert_eq!(got.to_bits(), x.to_bits());
                        continue;
                    }
                    let exact = Wide::from(*x) / norm;
                    let mut bound = (u + gamma(n.div_ceil(32), u) / 2.0) * exact.value().abs();
                    if !matches!(result, Element::F32 | Element::F64) {
                        bound += half_step(result, exact.value()) * (1.0 + bound);
                    }
                    check(
                        Some(got),
                        exact,
                        bound,
                        &format!("normalize, {}, n = {n}, row {i}", element.name()),
                    );
                }
            }
        }
    }
}

#[test]
fn softmax_is_within_the_bound() {
    for element in Element::ALL {
        for n in lengths() {
            let [a, _] = pairs(element, n);
            let params = [("element", text(element.name()))];
            let (result, got) = rows(call("vector_softmax", compute(), &[a.vectors("v")], &params).unwrap());
            for (i, got) in got.into_iter().enumerate() {
                let v = a.row(i).unwrap();
                let top = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                for ((x, exact), got) in v.iter().zip(softmax(&v)).zip(got.unwrap()) {
                    let value = exact.value();
                    let bound = match result {
                        Element::F64 if top - x > 708.0 => 4e-308,
                        Element::F64 => {
                            (top - x + (n as f64).ln() + n.div_ceil(32) as f64 + 24.0) * U64 * value
                        }
                        Element::F32 => 1.02 * half_step(result, value),
                        _ => 1.02 * half_step(Element::F32, value) + half_step(result, value) * (1.0 + U32),
                    };
                    check(Some(got), exact, bound, &format!("softmax, {}, n = {n}, row {i}", element.name()));
                }
            }
        }
    }
}

#[test]
fn arg_max_is_the_first_greatest() {
    for element in Element::ALL {
        for n in lengths() {
            let [a, b] = pairs(element, n);
            let params = [("element", text(element.name()))];
            for column in [a, b] {
                let got = ints(call("vector_arg_max", compute(), &[column.vectors("v")], &params).unwrap());
                for (i, got) in got.into_iter().enumerate() {
                    let v = column.row(i).unwrap();
                    let mut best: Option<usize> = None;
                    for (j, x) in v.iter().enumerate() {
                        if best.is_none_or(|b| *x > v[b]) {
                            best = Some(j);
                        }
                    }
                    assert_eq!(got, best.map(|b| b as i32), "{}, n = {n}, row {i}", element.name());
                }
            }
        }
    }
}

#[test]
fn top_k_finds_the_nearest_rows_by_the_oracle() {
    for element in Element::ALL {
        for n in lengths().filter(|n| *n > 0) {
            // Seven rows, of which two are equal, and two queries of which one is a row.
            let [a, b] = pairs(element, n);
            let mut rows: Vec<_> = (0..3).flat_map(|i| [a.row(i), b.row(i)]).collect();
            rows.push(rows[1].clone());
            let queries = [rows[3].clone().unwrap(), rows[4].clone().unwrap()];
            let column = Column::new(element, &rows, (n + 5) % 8);
            let ids: Vec<_> = [70, 60, 50, 40, 30, 20, 10].map(Some).to_vec();
            let bytes = common::columns::pack(element, &queries.concat());
            for metric in ["cosine", "euclidean", "dot", "manhattan"] {
                let (word, accumulate) = MODES[n % 2];
                let u = unit(element, accumulate);
                let params = [
                    ("query", Value::Bytes(bytes.clone())),
                    ("query_count", Value::Int(2)),
                    ("k", Value::Int(4)),
                    ("metric", text(metric)),
                    ("element", text(element.name())),
                    ("accumulate", text(word)),
                ];
                let columns = [column.vectors("v")];
                let output =
                    call_with_ids("vector_top_k", compute(), &columns, Some(ids.clone()), &params).unwrap();
                let [Values::Int(query), Values::Int(rank), Values::Float(distance)] =
                    output.columns.as_slice()
                else {
                    panic!("{output:?}");
                };
                let picked = output.picked.unwrap();
                for (q, numbers) in queries.iter().enumerate() {
                    let exact: Vec<(Wide, f64)> = rows
                        .iter()
                        .map(|row| {
                            let sums = Sums::of(numbers, row.as_ref().unwrap());
                            match metric {
                                "cosine" => (Wide::from(1.0) - sums.cosine(), cosine_distance_bound(n, u)),
                                "euclidean" => (sums.squared_distance.sqrt(), euclidean_bound(n, u, &sums)),
                                "manhattan" => (sums.distance, manhattan_bound(n, u, &sums)),
                                _ => (-sums.ab, dot_bound(n, u, &sums)),
                            }
                        })
                        .collect();
                    let found = &picked[q * 4..q * 4 + 4];
                    let context = format!("{metric}, {}, n = {n}, query {q}: {found:?}", element.name());
                    for (place, row) in found.iter().enumerate() {
                        let at = q * 4 + place;
                        assert_eq!((query[at], rank[at]), (Some(q as i32 + 1), Some(place as i32 + 1)));
                        check(distance[at], exact[*row].0, exact[*row].1, &context);
                        // No row that was left out or ranked behind is nearer by more than the bounds.
                        for (other, (value, bound)) in exact.iter().enumerate() {
                            if !found[..place].contains(&other) {
                                let behind = (exact[*row].0 - *value).value();
                                assert!(behind <= exact[*row].1 + bound, "{context}: {row} {other}");
                            }
                        }
                    }
                    // Of two equal rows the one with the smaller id, which comes later in the input, is ranked first.
                    let place = |row: usize| found.iter().position(|r| *r == row);
                    if let Some(first) = place(1) {
                        assert!(place(6).is_some_and(|second| second < first), "{context}");
                    }
                }
            }
        }
    }
}

/// The true distance, and what the computed one may be off.
fn true_distance(metric: &str, a: &[f64], b: &[f64], u: f64) -> (Wide, f64) {
    let (n, sums) = (a.len(), Sums::of(a, b));
    match metric {
        "cosine" => (Wide::from(1.0) - sums.cosine(), cosine_distance_bound(n, u)),
        "euclidean" => (sums.squared_distance.sqrt(), euclidean_bound(n, u, &sums)),
        _ => (-sums.ab, dot_bound(n, u, &sums)),
    }
}

#[test]
fn bounds_of_candidates_hold_the_true_distance_too() {
    for element in Element::ALL {
        for n in lengths().filter(|n| *n > 0) {
            let [a, b] = pairs(element, n);
            let columns = [a.vectors("v")];
            let params = [("element", text(element.name()))];
            let output = call("vector_quantize", compute(), &columns, &params).unwrap();
            let [Values::Packed(codes)] = output.columns.as_slice() else { panic!("{output:?}") };
            assert!(codes.lengths.iter().all(|length| *length == n as i32 + 40));
            let query = b.row(0).unwrap();
            for metric in ["cosine", "euclidean", "dot"] {
                let params = [
                    ("query", Value::Bytes(common::columns::pack(element, &query))),
                    ("k", Value::Int(3)),
                    ("metric", text(metric)),
                    ("element", text(element.name())),
                ];
                let input = vec![Input::Binary(codes.rows().collect())];
                let output = call_columns("vector_candidates", compute(), input, &params).unwrap();
                let [_, Values::Float(lower), Values::Float(upper)] = output.columns.as_slice() else {
                    panic!("{output:?}")
                };
                assert_eq!(lower.len(), 3);
                for ((row, lower), upper) in output.picked.unwrap().into_iter().zip(lower).zip(upper) {
                    // The bounds are those of the computed distance, which may be off by as much.
                    let own = a.row(row).unwrap();
                    let (exact, off) = true_distance(metric, &query, &own, unit(element, Accumulate::F32));
                    let (below, above) = (
                        (Wide::from(lower.unwrap()) - exact).value(),
                        (exact - Wide::from(upper.unwrap())).value(),
                    );
                    let context = format!("{metric}, {}, n = {n}, row {row}", element.name());
                    assert!(below <= off && above <= off, "{context}: {below:e} {above:e} {off:e}");
                }
            }
        }
    }
}

#[test]
fn ranges_and_joins_are_those_of_the_oracle() {
    for element in [Element::F32, Element::F64, Element::I8] {
        for n in lengths().step_by(7).filter(|n| *n > 0) {
            let [a, b] = pairs(element, n);
            let rows: Vec<Vec<f64>> = (0..3).flat_map(|i| [a.row(i), b.row(i)]).flatten().collect();
            let some: Vec<Option<Vec<f64>>> = rows.iter().cloned().map(Some).collect();
            let column = Column::new(element, &some, n % 8);
            let u = unit(element, Accumulate::F32);
            for metric in ["cosine", "euclidean", "dot"] {
                let exact: Vec<Vec<(Wide, f64)>> = rows
                    .iter()
                    .map(|a| rows.iter().map(|b| true_distance(metric, a, b, u)).collect())
                    .collect();
                let shared = [("metric", text(metric)), ("element", text(element.name()))];
                let context = format!("{metric}, {}, n = {n}", element.name());

                let distance = exact[0][3].0.value();
                let query = Value::Bytes(common::columns::pack(element, &rows[0]));
                let own = [("query", query), ("max_distance", Value::Float(distance))];
                let params = [&own[..], &shared].concat();
                let output = call("vector_range", compute(), &[column.vectors("v")], &params).unwrap();
                let picked = output.picked.unwrap();
                for (row, (value, off)) in exact[0].iter().enumerate() {
                    let inside = distance - value.value();
                    assert!(
                        inside.abs() <= *off + 1e-15 * distance.abs()
                            || picked.contains(&row) == (inside > 0.0),
                        "{context}"
                    );
                }

                let sides = [0, 1, 2, 1, 0, 1];
                let inputs =
                    vec![Input::Vectors(column.vectors("v")), Input::Integers(sides.map(Some).to_vec())];
                let params = [&[("k", Value::Int(2))][..], &shared].concat();
                let output = call_columns("vector_join", compute(), inputs, &params).unwrap();
                let [Values::Int(ranks), Values::BigInt(neighbours), Values::Float(distances)] =
                    output.columns.as_slice()
                else {
                    panic!("{output:?}")
                };
                assert_eq!(output.picked, Some(vec![0, 0, 2, 2, 4, 4]), "{context}");
                for (at, row) in [0, 0, 2, 2, 4, 4].into_iter().enumerate() {
                    assert_eq!(ranks[at], Some(at as i32 % 2 + 1));
                    // Ids are numbers from 1.
                    let other = neighbours[at].unwrap() as usize - 1;
                    assert!(other != row && sides[other] > 0, "{context}");
                    let (value, off) = exact[row][other];
                    check(distances[at], value, off, &context);
                    let nearer = |next: &usize| {
                        *next != row
                            && sides[*next] > 0
                            && (value - exact[row][*next].0).value() > off + exact[row][*next].1
                    };
                    let nearer = (0..6).filter(nearer).count();
                    assert!(nearer <= at % 2, "{context}");
                }
            }
        }
    }
}

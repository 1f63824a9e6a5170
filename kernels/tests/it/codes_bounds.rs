//! What a code says of its vector, and the bounds of distances, against exact arithmetic.

use crate::codes::kinds;
use crate::common;
use crate::common::exact;

use common::columns::Column;
use common::{compute, hash};
use exact::Exact;
use hart_kernels::{Accumulate, Element, Metric, TopK, vector};
use proptest::prelude::*;
use proptest::sample::select;

const METRICS: [Metric; 3] = [Metric::Cosine, Metric::Euclidean, Metric::Dot];

/// A code's numbers, from its bytes.
struct Parts {
    scale: f64,
    residual: f64,
    norm: f64,
    alignment: f64,
    square: u64,
    codes: Vec<i32>,
}

fn parts(code: &[u8]) -> Parts {
    let single = |at: usize| f64::from(f32::from_le_bytes(code[at..at + 4].try_into().unwrap()));
    Parts {
        scale: single(8),
        residual: single(12),
        norm: single(16),
        alignment: single(20),
        square: u64::from_le_bytes(code[24..32].try_into().unwrap()),
        codes: code[40..].iter().map(|byte| i32::from(*byte) - 128).collect(),
    }
}

/// Whether a ≤ b.
fn at_most(a: &Exact, b: &Exact) -> bool {
    let difference = b.minus(a);
    difference.value() >= 0.0 || difference.is_zero()
}

/// Checks in exact arithmetic what the code says of its vector.
fn check_code(code: &[u8], vector: &[f64]) {
    let parts = parts(code);
    let finite = vector.iter().all(|x| x.is_finite());
    if parts.norm == f64::INFINITY {
        let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!(!(finite && norm < 3.4e38), "{vector:?}");
        return;
    }
    let exact = |x: f64| Exact::from(x);
    let (mut norm, mut residual, mut along, mut square) = (Exact::zero(), Exact::zero(), Exact::zero(), 0u64);
    for (x, q) in vector.iter().zip(&parts.codes) {
        let (x, q) = (exact(*x), exact(f64::from(*q)));
        let r = x.minus(&exact(parts.scale).times(&q));
        norm = norm.plus(&x.times(&x));
        residual = residual.plus(&r.times(&r));
        along = along.plus(&q.times(&r));
    }
    parts.codes.iter().for_each(|q| square += u64::from(q.unsigned_abs()).pow(2));
    assert_eq!(square, parts.square);
    let squared = |x: f64| exact(x).times(&exact(x));
    assert!(at_most(&norm, &squared(parts.norm)), "X = {}: {vector:?}", parts.norm);
    assert!(at_most(&residual, &squared(parts.residual)), "R = {}: {vector:?}", parts.residual);
    let most = squared(parts.alignment).times(&exact(square as f64));
    assert!(at_most(&along.times(&along), &most), "κ = {}: {vector:?}", parts.alignment);
}

/// Checks that the computed distances of all rows lie within their bounds; returns how many have bounds.
fn check_bounds(element: Element, rows: &[Vec<f64>], queries: &[Vec<f64>], context: &str) -> usize {
    let some = |vectors: &[Vec<f64>]| vectors.iter().cloned().map(Some).collect::<Vec<_>>();
    let (column, queries) = (Column::new(element, &some(rows), 1), Column::new(element, &some(queries), 0));
    let (rows, queries) = (column.vectors("v"), queries.vectors("q"));
    let codes = vector::quantize(&rows).unwrap();
    for i in 0..rows.len() {
        check_code(&codes.row(i).unwrap(), &column.row(i).unwrap());
    }
    let mut bounded = 0;
    for metric in METRICS {
        let found = codes.candidates(&queries, rows.len(), metric).unwrap();
        for accumulate in [Accumulate::F32, Accumulate::F64] {
            let search = TopK::new(rows.len()).metric(metric).compute(compute().accumulate(accumulate));
            let hits = search.search(&rows, &queries).unwrap();
            for (q, (candidates, hits)) in found.iter().zip(&hits).enumerate() {
                assert_eq!(candidates.len(), rows.len(), "{context}: all of them may be the nearest");
                for candidate in candidates {
                    let hit = hits.iter().find(|hit| hit.row == candidate.row).unwrap();
                    if candidate.lower == f64::NEG_INFINITY {
                        continue;
                    }
                    bounded += 1;
                    assert!(
                        candidate.lower <= hit.distance && hit.distance <= candidate.upper,
                        "{context}, {metric:?}, {accumulate:?}, query {q}: {candidate:?}, {hit:?}"
                    );
                }
            }
        }
    }
    bounded
}

#[test]
fn bounds_hold_for_all_kinds_of_data() {
    for n in [1, 2, 31, 64, 200] {
        for (kind, rows) in kinds(n) {
            let rows: Vec<Vec<f64>> =
                rows.into_iter().take(60).map(|row| row.into_iter().map(f64::from).collect()).collect();
            let mut queries: Vec<Vec<f64>> = rows.iter().step_by(20).cloned().collect();
            queries.push(queries[0].iter().map(|x| -x).collect());
            queries.push(vec![0.0; n]);
            for element in Element::ALL {
                let bounded =
                    check_bounds(element, &rows, &queries, &format!("{kind}, {element:?}, n = {n}"));
                // Where numbers stay in the range of the element type.
                let ordinary = ["uniform", "duplicates", "clusters", "near", "whole numbers"].contains(&kind);
                assert!(bounded > 0 || !ordinary, "{kind}, {element:?}, n = {n}: nothing proven");
            }
        }
    }
}

/// Numbers that stress the bounds: of all sizes, whole, near each other.
fn components() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -1.0..1.0f64,
        1 => (-150..127i32, -1.0..1.0f64).prop_map(|(e, x)| x * f64::from(e).exp2()),
        1 => (-3..4i32).prop_map(f64::from),
        1 => Just(0.0),
        1 => prop_oneof![Just(1e-45), Just(-1e-38), Just(3e38), Just(-1e19), Just(1e-23)],
    ]
}

/// Rows and queries of one dimension; most queries are a row, changed a little.
fn cases() -> impl Strategy<Value = (Vec<Vec<f64>>, Vec<Vec<f64>>)> {
    (1usize..100).prop_flat_map(|n| {
        let row = prop::collection::vec(components(), n);
        let scale = (-20..20i32).prop_map(|e| f64::from(e).exp2());
        let scaled =
            (row, scale).prop_map(|(row, scale)| row.iter().map(|x| x * scale).collect::<Vec<f64>>());
        let change = (prop::collection::vec(-1.0..1.0f64, n), -40..3i32, -2.0..2.0f64);
        (prop::collection::vec(scaled, 1..6), prop::collection::vec(change, 1..4)).prop_map(
            |(rows, changes)| {
                let query = |(i, (change, e, factor)): (usize, (Vec<f64>, i32, f64))| {
                    let row = &rows[i % rows.len()];
                    let changed = |(x, c): (&f64, &f64)| (x + x * c * f64::from(e).exp2()) * factor;
                    row.iter().zip(&change).map(changed).collect()
                };
                let queries = changes.into_iter().enumerate().map(query).collect();
                (rows, queries)
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bounds_hold((rows, queries) in cases(), element in select(Element::ALL.to_vec())) {
        // As the element type has them.
        check_bounds(element, &rows, &queries, element.name());
    }
}

/// The greatest sums of products that there are.
#[test]
fn the_most_dimensions() {
    let n = 65_536;
    let sign = |i: usize| if i.is_multiple_of(3) { -1.0 } else { 1.0 };
    let row = |factor: f64, seed: usize| -> Vec<f64> {
        (0..n)
            .map(|i| factor * sign(i + seed) * (1.0 - f64::from(hash(1, (i * seed) as u32) % 3) / 200.0))
            .collect()
    };
    let rows = [row(1.0, 0), row(-1.0, 0), row(127.0, 1), row(0.5, 2)];
    for element in [Element::F32, Element::I8, Element::F64] {
        assert!(check_bounds(element, &rows, &rows[..2], "65,536 dimensions") > 0);
    }
    let least = vec![vec![-128.0; n], vec![127.0; n]];
    assert_eq!(check_bounds(Element::I8, &least, &least, "bytes"), 2 * 2 * 3 * 2);
}

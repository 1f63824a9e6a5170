//! Searches through space: the proven sieve against exact search, bit for bit; recall; stages.

use crate::common;

use common::columns::{Column, pack};
use common::{bind, call, call_with_ids, compute, hash, spread, text, uniform, with_specials};
use hart_kernels::registry::{self, Output, Value, Values};
use hart_kernels::spatial::{Basis, BasisKind, Sieve};
use hart_kernels::{Accumulate, Compute, Element, Level, Metric, TopK, Vectors, vector};
use proptest::prelude::*;

const METRICS: [Metric; 4] = [Metric::Cosine, Metric::Euclidean, Metric::Dot, Metric::Manhattan];

fn name(metric: Metric) -> &'static str {
    Metric::NAMES[METRICS.iter().position(|m| *m == metric).unwrap()]
}

fn floats(output: &Output, column: usize) -> Vec<f64> {
    let Values::Float(values) = &output.columns[column] else { panic!("column {column} holds no numbers") };
    values.iter().map(|v| v.unwrap()).collect()
}

fn ints(output: &Output, column: usize) -> Vec<i32> {
    let Values::Int(values) = &output.columns[column] else { panic!("column {column} holds no integers") };
    values.iter().map(|v| v.unwrap()).collect()
}

/// Checks that the sieve finds what exact search finds, and says how many rows it examined for each query.
fn assert_exact(
    compute: Compute,
    basis: &Basis,
    rows: &Vectors<'_>,
    queries: &Vectors<'_>,
    k: usize,
    metric: Metric,
    context: &str,
) -> Vec<usize> {
    // Few different ids, so that equal distances are decided by position as well.
    let ids: Vec<i64> = (0..rows.len()).map(|i| i64::from(hash(5, i as u32) % 97)).collect();
    let wanted = TopK::new(k).metric(metric).ids(&ids).compute(compute).search(rows, queries).unwrap();
    let sieve = Sieve::with(compute, basis, rows, metric, true).unwrap();
    let found = sieve.search(&ids, queries, k).unwrap();
    assert_eq!(found.len(), wanted.len());
    for (q, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
        let key = |hit: &vector::Hit| (hit.row, hit.id, hit.distance.is_nan(), hit.distance.to_bits());
        let keys = |hits: &[vector::Hit]| {
            hits.iter().map(key).map(|k| (k.0, k.1, if k.2 { 0 } else { k.3 })).collect::<Vec<_>>()
        };
        assert_eq!(keys(&found.hits), keys(wanted), "{context}, query {q}");
        assert!(found.examined >= found.hits.len() && found.examined <= rows.len(), "{context}");
    }
    found.iter().map(|f| f.examined).collect()
}

/// Rows that make bounds wrong where rounding is forgotten, as well as ordinary ones.
fn kinds_of_rows(n: usize, basis: &Basis) -> Vec<(&'static str, Vec<Vec<f32>>)> {
    let axes: Vec<&[f32]> = (0..basis.axes()).map(|a| basis.axis(a)).collect();
    let on_axes = |seed: u32| -> Vec<f32> {
        let weights = uniform(seed, axes.len());
        let sum = |j: usize| axes.iter().zip(&weights).map(|(axis, w)| axis[j] * w).sum();
        (0..n).map(sum).collect()
    };
    let near = |seed: u32, scale: f32| -> Vec<f32> {
        let (base, off) = (uniform(1, n), uniform(seed, n));
        base.iter().zip(off).map(|(v, o)| v + o * scale).collect()
    };
    let count = 130u32;
    vec![
        ("uniform", (0..count).map(|i| uniform(i, n)).collect()),
        // In the span of the axes the bound is the distance itself: nothing but the margins keeps it below.
        ("in the span", (0..count).map(|i| on_axes(i % 50)).collect()),
        ("one cluster", (0..count).map(|i| near(i, 1e-3)).collect()),
        // All distances differ by rounding errors alone.
        ("one point", (0..count).map(|i| near(i, 3e-8)).collect()),
        ("equal", (0..count).map(|i| uniform(i % 3, n)).collect()),
        ("spread", (0..count).map(|i| spread(i, n, 40)).collect()),
        ("tiny", (0..count).map(|i| uniform(i, n).into_iter().map(|v| v * 1e-38).collect()).collect()),
        ("huge", (0..count).map(|i| uniform(i, n).into_iter().map(|v| v * 3e38).collect()).collect()),
        ("special", (0..count).map(|i| with_specials(i, n, false)).collect()),
        ("special but finite", (0..count).map(|i| with_specials(i, n, true)).collect()),
        ("multiples", (0..count).map(|i| uniform(1, n).iter().map(|v| v * i as f32).collect()).collect()),
        ("on a line", (0..count).map(|i| axes[0].iter().map(|v| v * (i as f32 - 60.0)).collect()).collect()),
        ("zero", (0..count).map(|_| vec![0.0; n]).collect()),
    ]
}

fn bases(n: usize) -> Vec<Basis> {
    let sample: Vec<f32> = (0..40).flat_map(|i| uniform(300 + i, n)).collect();
    let sample = Vectors::matrix(&sample, n).unwrap();
    let mut all = vec![Basis::random(n, n.min(7), 3).unwrap(), Basis::random(n, n, 4).unwrap()];
    all.push(Basis::pca(compute(), &sample, n.min(4), 100).unwrap());
    let few: Vec<f32> = (0..n.min(3) as u32).flat_map(|i| uniform(i, n)).collect();
    all.push(Basis::landmarks(&Vectors::matrix(&few, n).unwrap()).unwrap());
    all
}

#[test]
fn the_proven_sieve_finds_what_exact_search_finds() {
    for n in [1, 2, 9, 33, 70] {
        for basis in bases(n) {
            for (kind, rows) in kinds_of_rows(n, &basis) {
                for element in [Element::F32, Element::F64] {
                    let column = Column::of_singles(element, &rows, 1);
                    let queries: Vec<Vec<f32>> = [&rows[..2], &[uniform(77, n), vec![0.0; n]]].concat();
                    let queries = Column::of_singles(element, &queries, 2);
                    let accumulate = if n % 2 == 0 { Accumulate::F64 } else { Accumulate::F32 };
                    for metric in METRICS {
                        let context = format!("{kind}, {n} dimensions, {:?}, {}", basis.kind(), name(metric));
                        assert_exact(
                            compute().accumulate(accumulate),
                            &basis,
                            &column.vectors("v"),
                            &queries.vectors("q"),
                            5,
                            metric,
                            &context,
                        );
                    }
                }
            }
        }
    }
}

/// As many dimensions as the replaced assembly had, and the most axes that are ever sensible for them: most terms of every sum.
#[test]
fn the_proven_sieve_is_exact_for_1998_dimensions_and_64_axes() {
    let n = 1998;
    let basis = Basis::random(n, 64, 8).unwrap();
    for (kind, rows) in kinds_of_rows(n, &basis) {
        let queries = [&rows[..2], &[uniform(77, n)]].concat();
        for (element, accumulate) in [(Element::F32, Accumulate::F32), (Element::F64, Accumulate::F64)] {
            let (column, queries) =
                (Column::of_singles(element, &rows, 1), Column::of_singles(element, &queries, 2));
            for metric in METRICS {
                let compute = compute().accumulate(accumulate);
                let (rows, queries) = (column.vectors("v"), queries.vectors("q"));
                let context = format!("{kind}, {}, {}", element.name(), name(metric));
                assert_exact(compute, &basis, &rows, &queries, 5, metric, &context);
            }
        }
    }
}

/// The bound of every row, as the search in the order of the bound reports it beside the distance.
#[test]
fn no_bound_exceeds_the_distance_that_exact_search_finds() {
    let mut close = 0;
    for n in [1, 3, 20, 64] {
        for basis in bases(n) {
            for (kind, rows) in kinds_of_rows(n, &basis) {
                for element in [Element::F32, Element::F64, Element::F16] {
                    let column = Column::of_singles(element, &rows, 1);
                    for metric in METRICS {
                        let query = pack(element, &column.row(3).unwrap());
                        let params = [
                            ("query", Value::Bytes(query)),
                            ("k", Value::Int(1000)),
                            ("candidates", Value::Int(1000)),
                            ("metric", text(name(metric))),
                            ("basis", Value::Bytes(basis.to_bytes())),
                            ("sieve", text("bound")),
                            ("element", text(element.name())),
                        ];
                        let output =
                            call("spatial_hybrid_search", compute(), &[column.vectors("v")], &params)
                                .unwrap();
                        let (distances, bounds) = (floats(&output, 2), floats(&output, 3));
                        assert_eq!(distances.len(), rows.len());
                        for (distance, bound) in distances.iter().zip(&bounds) {
                            // NaN is no distance that could be exceeded.
                            assert!(
                                distance.is_nan() || bound <= distance,
                                "{kind}, {n}, {:?}, {}, {}: bound {bound:e}, distance {distance:e}",
                                basis.kind(),
                                name(metric),
                                element.name()
                            );
                            assert!(!bound.is_nan());
                            let scale = distance.abs().max(1.0);
                            close += u32::from((distance - bound).abs() < 1e-4 * scale);
                        }
                    }
                }
            }
        }
    }
    // The bound is no trifle: where the axes span all there is, it is as good as the distance.
    assert!(close > 10_000, "{close}");
}

/// A query that the bound leaves too many rows, and is answered by exact search, has the same bounds beside its distances.
#[test]
fn the_bound_beside_a_distance_does_not_depend_on_how_it_was_found() {
    let rows: Vec<Vec<f32>> = (0..1500).map(|i| uniform(i, 40)).collect();
    let column = Column::of_singles(Element::F32, &rows, 0);
    let basis = Value::Bytes(Basis::random(40, 5, 9).unwrap().to_bytes());
    let query: Vec<f64> = (0..20).flat_map(|i| uniform(9000 + i, 40)).map(f64::from).collect();
    for metric in METRICS {
        let with = |sieve: &str, k: i64| {
            let params = [
                ("query", Value::Bytes(pack(Element::F32, &query))),
                ("query_count", Value::Int(20)),
                ("k", Value::Int(k)),
                ("metric", text(name(metric))),
                ("basis", basis.clone()),
                ("sieve", text(sieve)),
            ];
            call("spatial_hybrid_search", compute(), &[column.vectors("v")], &params).unwrap()
        };
        let (found, all) = (with("proven", 3), with("bound", 1500));
        assert!(ints(&found, 4).iter().all(|n| *n == 1500), "{}", name(metric));
        let bounds = floats(&all, 3);
        let place = |q: usize, row: usize| {
            let picked = &all.picked.as_ref().unwrap()[q * 1500..][..1500];
            q * 1500 + picked.iter().position(|p| *p == row).unwrap()
        };
        for (i, row) in found.picked.as_ref().unwrap().iter().enumerate() {
            assert_eq!(floats(&found, 3)[i].to_bits(), bounds[place(i / 3, *row)].to_bits());
        }
    }
}

#[test]
fn the_sieve_examines_few_rows_where_it_can() {
    let n = 48;
    // Points near a plane of four dimensions: four principal axes show nearly all of them.
    let frame = Basis::random(n, 4, 11).unwrap();
    let row = |i: u32| -> Vec<f32> {
        let (weights, noise) = (uniform(i, 4), uniform(i + 50_000, n));
        let at = |j: usize| (0..4).map(|a| frame.axis(a)[j] * weights[a]).sum::<f32>() + noise[j] * 1e-3;
        (0..n).map(at).collect()
    };
    let values: Vec<f32> = (0..4000).flat_map(row).collect();
    let rows = Vectors::matrix(&values, n).unwrap();
    let queries: Vec<f32> = (100_000..100_005).flat_map(row).collect();
    let queries = Vectors::matrix(&queries, n).unwrap();
    let basis = Basis::pca(compute(), &rows, 4, 1000).unwrap();
    for metric in METRICS {
        let examined = assert_exact(compute(), &basis, &rows, &queries, 10, metric, name(metric));
        // A Manhattan distance may be far greater than the Euclidean one that bounds it.
        let few = metric == Metric::Manhattan || examined.iter().all(|n| *n < 80);
        assert!(few, "{}: {examined:?}", name(metric));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_rows_any_basis(
        seed in any::<u32>(),
        n in 1usize..40,
        count in 0usize..90,
        axes in 1usize..12,
        k in 1usize..15,
        powers in 0i32..45,
        metric in 0usize..3,
        nulls in any::<bool>(),
        short in any::<bool>(),
    ) {
        let basis = Basis::random(n, axes.min(n), u64::from(seed)).unwrap();
        // Padded vectors have fewer dimensions than the basis.
        let m = if short { n.div_ceil(2) } else { n };
        let rows: Vec<Option<Vec<f64>>> = (0..count as u32)
            .map(|i| {
                let wide = spread(seed.wrapping_add(i % 60), m, powers).into_iter().map(f64::from).collect();
                Some(wide).filter(|_| !nulls || !hash(seed, i).is_multiple_of(5))
            })
            .collect();
        let column = Column::new(Element::F32, &rows, 3);
        let queries: Vec<f32> = (0..3).flat_map(|i| spread(seed.wrapping_add(i * 30), m, powers)).collect();
        let queries = Vectors::matrix(&queries, m).unwrap();
        assert_exact(compute(), &basis, &column.vectors("v"), &queries, k, METRICS[metric], "random");
    }
}

#[test]
fn threads_levels_and_first_candidates_do_not_change_the_result() {
    let rows: Vec<Vec<f32>> = (0..3000).map(|i| uniform(i, 96)).collect();
    let column = Column::of_singles(Element::F32, &rows, 0);
    let basis = Value::Bytes(Basis::random(96, 12, 1).unwrap().to_bytes());
    let query: Vec<f64> = (0..7).flat_map(|i| uniform(9000 + i, 96)).map(f64::from).collect();
    let with = |threads: usize, level, candidates| {
        let params = [
            ("query", Value::Bytes(pack(Element::F32, &query))),
            ("query_count", Value::Int(7)),
            ("k", Value::Int(8)),
            ("metric", text("euclidean")),
            ("basis", basis.clone()),
            ("candidates", Value::Int(candidates)),
        ];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            call("spatial_hybrid_search", compute().level(level), &[column.vectors("v")], &params)
        })
        .unwrap()
    };
    let best = Level::current();
    let one = with(1, best, 20);
    for other in [with(2, best, 20), with(3, Level::available()[Level::available().len() / 2], 20)] {
        assert_eq!(one, other);
    }
    // More rows at first are examined at least, and change nothing else.
    let many = with(1, best, 2500);
    assert_eq!((&one.picked, floats(&one, 2)), (&many.picked, floats(&many, 2)));
    assert!(ints(&many, 4).iter().all(|n| (2500..=3000).contains(n)));
    // That is the result of the plain search.
    let params = [
        ("query", Value::Bytes(pack(Element::F32, &query))),
        ("query_count", Value::Int(7)),
        ("k", Value::Int(8)),
        ("metric", text("euclidean")),
    ];
    let plain = call("vector_top_k", compute(), &[column.vectors("v")], &params).unwrap();
    assert_eq!((&one.picked, &one.columns[..3]), (&plain.picked, &plain.columns[..3]));
}

#[test]
fn the_other_sieves_examine_the_rows_that_are_near_in_space() {
    let rows: Vec<Vec<f32>> = (0..400).map(|i| uniform(i, 10)).collect();
    let column = Column::of_singles(Element::F32, &rows, 0);
    let basis = Basis::random(10, 5, 2).unwrap();
    let query = uniform(5000, 10);
    let place = |row: &[f32]| -> Vec<f64> {
        (0..5)
            .map(|a| row.iter().zip(basis.axis(a)).map(|(v, x)| f64::from(*v) * f64::from(*x)).sum())
            .collect()
    };
    let target = place(&query);
    for (sieve, axes) in [("axes", 5), ("xyz", 3), ("xy", 2)] {
        let far = |row: &Vec<f32>| {
            let point = place(row);
            (0..axes).map(|a| (point[a] - target[a]).powi(2)).sum::<f64>().sqrt()
        };
        let mut near: Vec<(f64, usize)> = rows.iter().map(far).zip(0..).collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut exact: Vec<(f64, usize)> = near[..30]
            .iter()
            .map(|(_, i)| (vector::distance(Metric::Cosine, &query, &rows[*i]).unwrap(), *i))
            .collect();
        exact.sort_by(|a, b| a.0.total_cmp(&b.0));
        let wide: Vec<f64> = query.iter().map(|v| f64::from(*v)).collect();
        let params = [
            ("query", Value::Bytes(pack(Element::F32, &wide))),
            ("k", Value::Int(6)),
            ("candidates", Value::Int(30)),
            ("basis", Value::Bytes(basis.to_bytes())),
            ("sieve", text(sieve)),
        ];
        let output = call("spatial_hybrid_search", compute(), &[column.vectors("v")], &params).unwrap();
        assert_eq!(output.picked, Some(exact[..6].iter().map(|e| e.1).collect()), "{sieve}");
        assert_eq!(floats(&output, 2), exact[..6].iter().map(|e| e.0).collect::<Vec<_>>());
        for (got, (_, row)) in floats(&output, 3).iter().zip(&exact) {
            assert!((got - far(&rows[*row])).abs() < 1e-12, "{sieve}");
        }
        assert_eq!(ints(&output, 4), [30; 6]);
    }
}

#[test]
fn stages_keep_what_they_say() {
    let rows: Vec<Vec<f32>> = (0..500).map(|i| uniform(i, 12)).collect();
    let column = Column::of_singles(Element::F32, &rows, 0);
    let basis = Basis::random(12, 6, 2).unwrap();
    let query = uniform(5000, 12);
    let wide: Vec<f64> = query.iter().map(|v| f64::from(*v)).collect();
    let run = |coarse: i64, fine: i64, cell: f64| {
        let params = [
            ("query", Value::Bytes(pack(Element::F32, &wide))),
            ("k", Value::Int(4)),
            ("coarse_candidates", Value::Int(coarse)),
            ("fine_candidates", Value::Int(fine)),
            ("cell", Value::Float(cell)),
            ("basis", Value::Bytes(basis.to_bytes())),
        ];
        call("spatial_multi_resolution_search", compute(), &[column.vectors("v")], &params)
    };
    let place = |row: &[f32], a: usize| -> f64 {
        row.iter().zip(basis.axis(a)).map(|(v, x)| f64::from(*v) * f64::from(*x)).sum()
    };
    let cell = 0.3;
    let coarse = |row: &[f32]| {
        let steps = |a| (place(row, a) / cell).floor() - (place(&query, a) / cell).floor();
        (0..3).map(|a| steps(a).powi(2)).sum::<f64>().sqrt() * cell
    };
    let fine = |row: &[f32]| (0..6).map(|a| (place(row, a) - place(&query, a)).powi(2)).sum::<f64>().sqrt();
    let take = |mut list: Vec<(f64, usize)>, n: usize| {
        list.sort_by(|a, b| a.partial_cmp(b).unwrap());
        list.into_iter().map(|(_, i)| i).take(n).collect::<Vec<_>>()
    };
    let first = take((0..500).map(|i| (coarse(&rows[i]), i)).collect(), 120);
    let second = take(first.iter().map(|i| (fine(&rows[*i]), *i)).collect(), 25);
    let exact = |i: usize| vector::distance(Metric::Cosine, &query, &rows[i]).unwrap();
    let third = take(second.iter().map(|i| (exact(*i), *i)).collect(), 4);
    let output = run(120, 25, cell).unwrap();
    assert_eq!(output.picked, Some(third.clone()));
    assert_eq!((ints(&output, 5), ints(&output, 6)), (vec![120; 4], vec![25; 4]));
    for (at, row) in third.iter().enumerate() {
        assert!((floats(&output, 3)[at] - coarse(&rows[*row])).abs() < 1e-12);
        assert!((floats(&output, 4)[at] - fine(&rows[*row])).abs() < 1e-12);
    }
    // With all rows in both stages nothing is lost.
    let all = run(500, 500, 0.0).unwrap();
    let matrix = rows.concat();
    let vectors = Vectors::matrix(&matrix, 12).unwrap();
    let ids: Vec<i64> = (1..=500).collect();
    let wanted =
        vector::top_k(&vectors, &ids, &Vectors::matrix(&query, 12).unwrap(), 4, Metric::Cosine).unwrap();
    assert_eq!(all.picked, Some(wanted[0].iter().map(|h| h.row).collect()));
    for (coarse, fine) in [(10, 20), (100, 3)] {
        let error = run(coarse, fine, 0.0).unwrap_err().to_string();
        assert!(error.contains("expected from k to coarse_candidates rows"), "{error}");
    }
}

#[test]
fn bad_input_is_named() {
    let column = Column::new(Element::F32, &[Some(vec![1.0; 4]), Some(vec![2.0; 3])], 0);
    let basis = || ("basis", Value::Bytes(Basis::random(4, 2, 1).unwrap().to_bytes()));
    let names = ["spatial_hybrid_search", "spatial_multi_resolution_search", "spatial_recall"];
    for kernel in names {
        let message = |column: &Column, params: &[(&str, Value)]| {
            call(kernel, compute(), &[column.vectors("v")], params).unwrap_err().to_string()
        };
        let query = || ("query", text("[1,2,3,4]"));
        let fit =
            [("k", Value::Int(1)), ("coarse_candidates", Value::Int(2)), ("fine_candidates", Value::Int(1))];
        let stages: Vec<_> = if kernel.contains("multi") { fit.to_vec() } else { vec![] };
        let with = |more: &[(&'static str, Value)]| [more, &stages].concat();
        let error = message(&column, &with(&[query(), basis()]));
        assert!(error.starts_with("column v, row 2: 3 dimensions, but "), "{kernel}: {error}");
        let good = Column::new(Element::F32, &vec![Some(vec![1.0; 4]); 2], 0);
        let error = message(&good, &with(&[query()]));
        assert_eq!(error, "column v, row 1: 4 dimensions, but the basis has 1998");
        let error = message(&good, &with(&[("query", text("[1,2]")), ("pad", text("yes"))]));
        assert!(error.contains("row 1: 4 dimensions, but parameter query has 2"), "{kernel}: {error}");
        let error = message(&good, &with(&[query(), ("basis", text("0x00"))]));
        assert!(error.starts_with("parameter basis: 1 bytes"), "{kernel}: {error}");
        // Without integers there is nothing to decide ties by.
        let params = with(&[query(), basis()]);
        let error = call_with_ids(kernel, compute(), &[good.vectors("v")], None, &params).unwrap_err();
        assert_eq!(error.code(), 7);
        // No rows have no neighbours.
        let none = Column::new(Element::F32, &[], 0);
        let output = call(kernel, compute(), &[none.vectors("v")], &with(&[query(), basis()])).unwrap();
        assert!(kernel == "spatial_recall" || output.columns[0].is_empty());
    }
    let anchors = Vectors::matrix(&[1.0, 2.0, 3.0, 4.0, 1.0, 0.0, 0.0, 1.0], 4).unwrap();
    let basis = Basis::trilateration(compute(), &anchors).unwrap();
    assert_eq!(basis.kind(), BasisKind::Trilateration);
    let error = Sieve::new(&basis, &anchors, Metric::Dot, false).unwrap_err().to_string();
    assert_eq!(
        error,
        "parameter basis: a basis of kind trilateration, whose coordinates bound no distance; \
         expected one of kind clr_v1, landmarks, pca or random"
    );
    // Its points can be searched through all the same.
    let params =
        [("query", text("[1,2,3,4]")), ("basis", Value::Bytes(basis.to_bytes())), ("sieve", text("axes"))];
    let output = call("spatial_hybrid_search", compute(), &[anchors], &params).unwrap();
    assert_eq!(output.picked, Some(vec![0, 1]));
}

#[test]
fn memory_is_refused_before_it_is_taken() {
    let values = vec![0.5f32; 64 * 1000];
    let column = Vectors::matrix(&values, 64).unwrap();
    let basis = Value::Bytes(Basis::random(64, 64, 1).unwrap().to_bytes());
    let with_limit = |kernel: &str, params: &[(&str, Value)], limit: u64| {
        let kernel = registry::find(kernel).unwrap();
        let known = |(name, _): &&(&str, Value)| kernel.params.iter().any(|p| p.name == *name);
        let params: Vec<(&str, Value)> = params.iter().filter(known).cloned().collect();
        let inputs = vec![
            registry::Input::Id(Some((0..1000).map(Some).collect())),
            registry::Input::Vectors(column.clone()),
        ];
        let bound = bind(kernel, &params).unwrap();
        let call = registry::Call::new(kernel, 1000, inputs, bound, compute()).unwrap();
        (kernel.run)(&call.memory_limit(limit))
    };
    for kernel in ["spatial_hybrid_search", "spatial_project", "spatial_fit", "spatial_recall"] {
        let params = [("basis", basis.clone()), ("query", Value::Bytes(vec![0; 256]))];
        let error = with_limit(kernel, &params, 20_000).unwrap_err();
        assert_eq!(error.code(), 12, "{kernel}: {error}");
    }
    // Many queries take what they say, however few rows each of them wants.
    let queries = pack(Element::F32, &vec![0.25; 64 * 3000]);
    let params = [
        ("basis", basis),
        ("query", Value::Bytes(queries)),
        ("query_count", Value::Int(3000)),
        ("k", Value::Int(1)),
        ("candidates", Value::Int(1)),
        ("coarse_candidates", Value::Int(1)),
        ("fine_candidates", Value::Int(1)),
    ];
    for kernel in ["spatial_hybrid_search", "spatial_multi_resolution_search", "spatial_recall"] {
        let error = with_limit(kernel, &params, 2_000_000).unwrap_err();
        assert_eq!(error.code(), 12, "{kernel}: {error}");
        assert!(error.to_string().starts_with("the queries' coordinates would take "), "{kernel}: {error}");
    }
    let found = with_limit("spatial_hybrid_search", &params, 50_000_000).unwrap();
    assert_eq!(found.picked, Some(vec![0; 3000]));
}

/// The real data: the proven sieve is exact.
#[test]
fn real_vectors() {
    let (packages, queries) = (common::real::packages(), common::real::queries());
    let n = packages.dimension;
    assert_eq!((packages.values.len(), queries.values.len()), (2000 * n, 200 * n));
    let rows = Vectors::matrix(&packages.values, n).unwrap();
    let queries = Vectors::matrix(&queries.values[..8 * n], n).unwrap();
    let sample = Vectors::matrix(&packages.values[..600 * n], n).unwrap();
    let pca = Basis::pca(compute(), &sample, 32, 600).unwrap();
    for (basis, metric) in
        [(&pca, Metric::Cosine), (&pca, Metric::Euclidean), (&Basis::clr_v1(), Metric::Dot)]
    {
        let examined = assert_exact(compute(), basis, &rows, &queries, 10, metric, name(metric));
        println!("{:?}, {}: examined {examined:?}", basis.kind(), name(metric));
    }
    // Most of the dimensions are needed before the bound excludes much.
    let many = Basis::random(n, 300, 1).unwrap();
    for metric in METRICS {
        let examined = assert_exact(compute(), &many, &rows, &queries, 10, metric, name(metric));
        let few = metric == Metric::Manhattan || examined.iter().filter(|n| **n < 500).count() >= 4;
        assert!(few, "{}: {examined:?}", name(metric));
    }
}

//! HDBSCAN and silhouettes: against their definitions, and the same for any threads, levels and order of rows.

use crate::common;

use common::columns::Column;
use common::{bind, compute, hash, real, uniform};
use hart_kernels::cluster::{self, Dense};
use hart_kernels::registry::{self, Call, Input, Output, Value, Values};
use hart_kernels::{Element, Error, Level, Metric, Vectors, vector};

/// Rows in heaps of different densities, and some strays.
fn heaps(rows: u32, n: usize, heaps: u32) -> Vec<Vec<f32>> {
    let row = |i: u32| {
        let heap = i % heaps;
        let spread = [0.2, 1.0, 0.5][heap as usize % 3] * if i % 17 == 3 { 20.0 } else { 1.0 };
        let place = uniform(900 + heap, n);
        place.iter().zip(uniform(i, n)).map(|(p, d)| p * 4.0 + d * spread).collect()
    };
    (0..rows).map(row).collect()
}

/// A cluster of the hierarchy, by its definition: what leaves it as the distance falls, and what it splits into.
struct Heap {
    rows: Vec<usize>,
    stability: f64,
    leaves: Vec<(usize, f64)>,
    death: f64,
    parts: Vec<Heap>,
}

/// The parts of `rows` that are connected by distances below `end`.
fn parts(rows: &[usize], distance: &dyn Fn(usize, usize) -> f64, end: f64) -> Vec<Vec<usize>> {
    let mut rest = rows.to_vec();
    let mut out = Vec::new();
    while let Some(first) = rest.first().copied() {
        let mut part = vec![first];
        rest.retain(|row| *row != first);
        let mut at = 0;
        while at < part.len() {
            let (near, far): (Vec<usize>, Vec<usize>) =
                rest.iter().partition(|row| distance(part[at], **row) < end);
            part.extend(near);
            rest = far;
            at += 1;
        }
        out.push(part);
    }
    out
}

/// `ends` are all distances, rising.
fn heap(
    rows: Vec<usize>,
    birth: f64,
    least: usize,
    distance: &dyn Fn(usize, usize) -> f64,
    ends: &[f64],
) -> Heap {
    let (stability, death, leaves, parts_of) = (0.0, 0.0, Vec::new(), Vec::new());
    let mut own = Heap { rows: rows.clone(), stability, leaves, death, parts: parts_of };
    let mut left = rows;
    while left.len() > 1 {
        let splits = ends.partition_point(|end| parts(&left, distance, *end).len() > 1);
        let lambda = 1.0 / ends[splits - 1];
        let found = parts(&left, distance, ends[splits - 1]);
        let (large, small): (Vec<_>, Vec<_>) = found.into_iter().partition(|part| part.len() >= least);
        own.death = lambda;
        for row in small.into_iter().flatten() {
            own.stability += lambda - birth;
            own.leaves.push((row, lambda));
        }
        if large.len() != 1 {
            for part in large {
                own.stability += (lambda - birth) * part.len() as f64;
                own.parts.push(heap(part, lambda, least, distance, ends));
            }
            return own;
        }
        left = large.into_iter().flatten().collect();
    }
    own
}

/// The heaps of greatest excess of mass within one, and that mass.
fn best(heap: &Heap, is_all: bool) -> (f64, Vec<&Heap>) {
    let within: Vec<(f64, Vec<&Heap>)> = heap.parts.iter().map(|part| best(part, false)).collect();
    let mass = within.iter().map(|(mass, _)| mass).sum();
    if is_all || mass > heap.stability {
        (mass, within.into_iter().flat_map(|(_, heaps)| heaps).collect())
    } else {
        (heap.stability, vec![heap])
    }
}

/// All rows that leave a heap, or what it splits into, and at which λ.
fn leaves(heap: &Heap) -> Vec<(usize, f64)> {
    heap.leaves.iter().copied().chain(heap.parts.iter().flat_map(leaves)).collect()
}

#[test]
fn hdbscan_is_what_its_definition_says() {
    for (count, n, of, least, samples, metric) in [
        (90, 2, 3, 5, 5, Metric::Euclidean),
        (80, 8, 4, 4, 2, Metric::Euclidean),
        (70, 5, 3, 6, 3, Metric::Cosine),
        (60, 3, 3, 3, 1, Metric::Manhattan),
        (270, 4, 3, 8, 6, Metric::Euclidean),
    ] {
        let rows = heaps(count, n, of);
        let m = rows.len();
        let plain: Vec<f64> =
            (0..m * m).map(|at| vector::distance(metric, &rows[at / m], &rows[at % m]).unwrap()).collect();
        let core = |i: usize| {
            let mut own = plain[i * m..][..m].to_vec();
            own.sort_by(f64::total_cmp);
            own[samples - 1]
        };
        let cores: Vec<f64> = (0..m).map(core).collect();
        let distance = |i: usize, j: usize| plain[i * m + j].max(cores[i]).max(cores[j]);
        let mut ends: Vec<f64> = (0..m * m).map(|at| distance(at / m, at % m)).collect();
        ends.sort_by(f64::total_cmp);
        ends.dedup();
        let all = heap((0..m).collect(), 0.0, least, &distance, &ends);
        let (_, mut taken) = best(&all, true);
        taken.sort_by_key(|heap| heap.rows.iter().min().copied());
        let mut expected = vec![(0, 0.0); m];
        for (number, heap) in (1..).zip(taken) {
            for (row, lambda) in leaves(heap) {
                expected[row] = (number, lambda.min(heap.death) / heap.death);
            }
        }
        assert!(expected.iter().any(|(number, _)| *number > 1), "{count}, {n}: choose another example");
        let all = rows.concat();
        let vectors = Vectors::matrix(&all, n).unwrap();
        let pools = [1, 3].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
        for (pool, level) in pools.iter().zip([Level::scalar(), Level::current()]) {
            let compute = compute().level(level);
            let found =
                pool.install(|| cluster::hdbscan(compute, &vectors, None, least, samples, metric)).unwrap();
            for (i, (row, (number, probability))) in found.iter().zip(&expected).enumerate() {
                let row = row.unwrap();
                assert_eq!((row.cluster, row.core), (*number, cores[i]), "{count}, {n}, row {i}");
                assert!((row.probability - probability).abs() < 1e-12, "row {i}: {row:?} {probability}");
            }
        }
    }
}

#[test]
fn hdbscan_is_the_same_for_any_threads_and_order() {
    let rows = real::packages();
    let count = 700;
    let rows: Vec<Vec<f32>> =
        rows.values.chunks(rows.dimension).step_by(2).take(count).map(<[f32]>::to_vec).collect();
    let column = Column::of_singles(Element::F32, &rows, 1);
    let params = bind(registry::find("vector_hdbscan").unwrap(), &[("minimum", Value::Int(4))]).unwrap();
    let run = |column: &Column, ids: Vec<i64>| -> Output {
        let kernel = registry::find("vector_hdbscan").unwrap();
        let ids = Input::Id(Some(ids.into_iter().map(Some).collect()));
        let inputs = vec![ids, Input::Vectors(column.vectors("v"))];
        let call = Call::new(kernel, count, inputs, params.clone(), compute()).unwrap();
        (kernel.run)(&call).unwrap()
    };
    let expected = run(&column, (0..count as i64).collect());
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|i| hash(5, *i as u32));
    let moved: Vec<Vec<f32>> = order.iter().map(|i| rows[*i].clone()).collect();
    let moved = Column::of_singles(Element::F32, &moved, 2);
    let got = run(&moved, order.iter().map(|i| *i as i64).collect());
    let (Values::Int(a), Values::Int(b)) = (&expected.columns[0], &got.columns[0]) else { panic!() };
    let (Values::Float(p), Values::Float(q)) = (&expected.columns[1], &got.columns[1]) else { panic!() };
    for (at, row) in order.iter().enumerate() {
        assert_eq!((a[*row], p[*row]), (b[at], q[at]));
    }
    let most = a.iter().flatten().max();
    assert!(most > Some(&1), "{most:?}: choose rows that fall into several clusters");
}

#[test]
fn bad_input_of_hdbscan_is_named() {
    let rows = Vectors::matrix(&[1.0, 2.0, 3.0], 1).unwrap();
    let error = |least, samples, metric| -> String {
        cluster::hdbscan(compute(), &rows, None, least, samples, metric).unwrap_err().to_string()
    };
    assert_eq!(error(1, 1, Metric::Euclidean), "parameter minimum is 1; expected an integer ≥ 2");
    assert_eq!(error(2, 0, Metric::Euclidean), "parameter samples is 0; expected an integer ≥ 1");
    assert_eq!(
        error(2, 4, Metric::Euclidean),
        "column matrix: 3 vectors; expected 4 or more, as samples says"
    );
    assert!(error(2, 2, Metric::Dot).starts_with("parameter metric is 'dot'"));
    let broken = Vectors::matrix(&[1.0, f32::NAN], 1).unwrap();
    let broken = cluster::hdbscan(compute(), &broken, None, 2, 1, Metric::Euclidean).unwrap_err();
    assert!(broken.to_string().contains("row 2: a number that is not finite"), "{broken}");
    // Equal rows are one heap, which is all there is.
    let same = Vectors::matrix(&[1.0; 8], 2).unwrap();
    let found = cluster::hdbscan(compute(), &same, None, 2, 2, Metric::Euclidean).unwrap();
    assert!(
        found.iter().all(|row| row.is_some_and(|Dense { cluster, core, .. }| cluster == 0 && core == 0.0))
    );
    let none = Column::new(Element::F32, &[None, None], 0);
    let found = cluster::hdbscan(compute(), &none.vectors("v"), None, 2, 2, Metric::Euclidean).unwrap();
    assert_eq!(found, [None, None]);
}

#[test]
fn silhouettes_are_the_published_ones() {
    for (count, n, metric) in
        [(150, 3, Metric::Euclidean), (100, 40, Metric::Cosine), (80, 5, Metric::Manhattan)]
    {
        let rows = heaps(count, n, 4);
        // Label 9 has a single row, and some rows have none.
        let label = |i: usize| match i {
            11 => Some(9),
            _ if i % 10 == 4 => None,
            _ => Some([7, -2, 3, 1][i % 4]),
        };
        let labels: Vec<Option<i64>> = (0..rows.len()).map(label).collect();
        let all = rows.concat();
        let vectors = Vectors::matrix(&all, n).unwrap();
        let found = cluster::silhouette(compute(), &vectors, &labels, None, metric).unwrap();
        let mean = |i: usize, name: i64| {
            let others = (0..rows.len()).filter(|j| *j != i && labels[*j] == Some(name));
            let distances: Vec<f64> =
                others.map(|j| vector::distance(metric, &rows[i], &rows[j]).unwrap()).collect();
            distances.iter().sum::<f64>() / distances.len() as f64
        };
        let mut sum = 0.0;
        for (i, found) in found.iter().enumerate() {
            let Some(name) = labels[i] else {
                assert_eq!(*found, None);
                continue;
            };
            let found = found.unwrap();
            let others = [-2, 1, 3, 7, 9].into_iter().filter(|other| *other != name);
            let (other, neighbor) =
                others.map(|other| (mean(i, other), other)).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
            let own = if name == 9 { 0.0 } else { mean(i, name) };
            let expected = if name == 9 { 0.0 } else { (other - own) / own.max(other) };
            assert!((found.silhouette - expected).abs() < 1e-12, "row {i}: {found:?} {expected}");
            assert!((found.own - own).abs() <= 1e-12 * own && (found.other - other).abs() <= 1e-12 * other);
            assert_eq!(found.neighbor, neighbor);
            sum += found.silhouette;
        }
        let counted = labels.iter().flatten().count() as f64;
        let mean = cluster::mean_silhouette(&found, None).unwrap();
        assert!((mean - sum / counted).abs() < 1e-12);
    }
}

fn silhouettes(
    column: &Column,
    ids: &[i64],
    labels: &[Option<i64>],
    params: &[(&str, Value)],
) -> Result<Output, Error> {
    let kernel = registry::find("vector_silhouette").unwrap();
    let inputs = vec![
        Input::Id(Some(ids.iter().copied().map(Some).collect())),
        Input::Vectors(column.vectors("v")),
        Input::Integers(labels.to_vec()),
    ];
    let call = Call::new(kernel, ids.len(), inputs, bind(kernel, params).unwrap(), compute()).unwrap();
    (kernel.run)(&call)
}

#[test]
fn silhouettes_do_not_depend_on_order_threads_or_labels_of_noise() {
    let rows = heaps(500, 24, 5);
    let column = Column::of_singles(Element::F32, &rows, 1);
    let labels: Vec<Option<i64>> = (0..500).map(|i| Some(i64::from(i % 6))).collect();
    let ids: Vec<i64> = (0..500).collect();
    let pools = [1, 3].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
    let [expected, many] =
        pools.each_ref().map(|pool| pool.install(|| silhouettes(&column, &ids, &labels, &[]).unwrap()));
    assert_eq!(expected, many);
    let mut order: Vec<usize> = (0..500).collect();
    order.sort_by_key(|i| hash(8, *i as u32));
    let moved: Vec<Vec<f32>> = order.iter().map(|i| rows[*i].clone()).collect();
    let moved = Column::of_singles(Element::F32, &moved, 3);
    let moved_ids: Vec<i64> = order.iter().map(|i| *i as i64).collect();
    let moved_labels: Vec<Option<i64>> = order.iter().map(|i| labels[*i]).collect();
    let got = silhouettes(&moved, &moved_ids, &moved_labels, &[]).unwrap();
    for (a, b) in expected.columns.iter().zip(&got.columns) {
        match (a, b) {
            (Values::Float(a), Values::Float(b)) => {
                assert!(order.iter().enumerate().all(|(at, row)| a[*row] == b[at]));
            }
            (Values::Int(a), Values::Int(b)) => {
                assert!(order.iter().enumerate().all(|(at, row)| a[*row] == b[at]));
            }
            other => panic!("{other:?}"),
        }
    }
    // Noise by another name.
    let shifted: Vec<Option<i64>> =
        labels.iter().map(|label| label.filter(|l| *l != 0).map(|l| l - 1)).collect();
    let got = silhouettes(&column, &ids, &shifted, &[("noise", Value::Int(-1))]).unwrap();
    assert_eq!(expected.columns[0], got.columns[0]);
    assert_eq!(expected.columns[4], got.columns[4]);
}

#[test]
fn bad_input_of_silhouettes_is_named() {
    let column = Column::new(Element::F32, &[Some(vec![1.0]), None, Some(vec![2.0])], 0);
    let error =
        |labels: &[Option<i64>]| silhouettes(&column, &[1, 2, 3], labels, &[]).unwrap_err().to_string();
    assert_eq!(
        error(&[Some(1), Some(2), Some(1)]),
        "column cluster: one cluster, 1; expected two or more, whose rows are compared"
    );
    let fine = silhouettes(&column, &[1, 2, 3], &[Some(1), Some(2), Some(2)], &[]).unwrap();
    assert_eq!(fine.columns[0], Values::Float(vec![Some(0.0), None, Some(0.0)]));
    let vectors = column.vectors("v");
    let found = cluster::silhouette(compute(), &vectors, &[Some(1)], None, Metric::Euclidean).unwrap_err();
    assert_eq!(found.to_string(), "parameter labels is 1 values; expected 3, one for each vector");
    let found = cluster::silhouette(compute(), &vectors, &[Some(1); 3], None, Metric::Dot).unwrap_err();
    assert!(found.to_string().starts_with("parameter metric is 'dot'"), "{found}");
    let none = silhouettes(&column, &[1, 2, 3], &[None; 3], &[]).unwrap();
    assert_eq!(none.columns[4], Values::Float(vec![None; 3]));
}

//! An index that grows and shrinks finds what a search of the same rows finds: ids, bits, ties and order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use hart_kernels::vector::Neighbour;
use hart_kernels::{Accumulate, Compute, Element, Error, Index, Metric, TopK, Vectors};

const METRICS: [Metric; 4] = [Metric::Cosine, Metric::Euclidean, Metric::Dot, Metric::Manhattan];

/// The rows as they should be.
type Model = BTreeMap<i64, Vec<f32>>;

/// Pseudo-random numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Small integers, so that many distances are equal.
    fn vector(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| (self.next() % 7) as f32 - 3.0).collect()
    }

    /// Ids that the model does not have, each once.
    fn ids(&mut self, model: &Model, count: usize) -> Vec<i64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            let id = self.next() as i64 >> 40;
            if !model.contains_key(&id) && !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }
}

fn bits(found: &[Neighbour]) -> Vec<(i64, u64)> {
    found.iter().map(|n| (n.id, n.distance.to_bits())).collect()
}

/// Compares a search of the index with one of the model's rows that are kept.
fn compare(
    index: &Index,
    model: &Model,
    queries: &Vectors<'_>,
    k: usize,
    metric: Metric,
    keep: &dyn Fn(i64) -> bool,
    compute: Compute,
) {
    let kept = || model.iter().filter(|(id, _)| keep(**id));
    let ids: Vec<i64> = kept().map(|(id, _)| *id).collect();
    let values: Vec<f32> = kept().flat_map(|(_, row)| row.clone()).collect();
    let rows = Vectors::matrix(&values, index.dimensions()).unwrap();
    let expected = TopK::new(k).metric(metric).ids(&ids).compute(compute).search(&rows, queries).unwrap();
    let expected: Vec<Vec<(i64, u64)>> = expected
        .iter()
        .map(|list| list.iter().map(|hit| (hit.id, hit.distance.to_bits())).collect())
        .collect();
    let found = index.search_where(queries, k, metric, keep).unwrap();
    let found: Vec<_> = found.iter().map(|list| bits(list)).collect();
    assert_eq!(found, expected, "{metric:?}, k = {k}, {} rows", model.len());
}

/// Adds one by one and many at once, removes, and compares after each step.
fn grow_and_shrink(index: &Index, n: usize, seed: u64, compute: Compute) {
    let mut random = Random(seed);
    let mut model = Model::new();
    let queries: Vec<f32> = (0..5).flat_map(|_| random.vector(n)).collect();
    let queries = Vectors::matrix(&queries, n).unwrap();
    for (step, many) in [0, 1, 255, 256, 257, 3000, 700, 1500, 2, 2200].into_iter().enumerate() {
        let ids = random.ids(&model, many);
        let rows: Vec<f32> = ids.iter().flat_map(|_| random.vector(n)).collect();
        index.add_all(&ids, &rows).unwrap();
        model.extend(ids.iter().copied().zip(rows.chunks(n).map(<[f32]>::to_vec)));
        for id in random.ids(&model, 150) {
            let row = random.vector(n);
            index.add(id, &row).unwrap();
            model.insert(id, row);
        }
        // Every step a greater share, so that segments become sparse and some empty.
        let gone: Vec<i64> = model.keys().copied().filter(|_| random.next() % 10 < step as u64).collect();
        for id in gone {
            assert!(index.remove(id) && !index.remove(id));
            model.remove(&id);
        }
        assert_eq!(index.len(), model.len());
        for (id, row) in model.iter().step_by(97) {
            assert_eq!(index.get(*id).as_ref(), Some(row));
        }
        for metric in METRICS {
            compare(index, &model, &queries, 10, metric, &|_| true, compute);
            compare(index, &model, &queries, 3, metric, &|id| id % 3 == 0, compute);
        }
        compare(index, &model, &queries, 10_000, Metric::Euclidean, &|id| id != 7, compute);
    }
    for id in model.into_keys() {
        assert!(index.remove(id));
    }
    assert!(index.is_empty());
    assert_eq!(index.search(&queries, 3, Metric::Dot).unwrap(), vec![vec![]; 5]);
}

#[test]
fn an_index_finds_what_a_search_of_its_rows_finds() {
    let compute = Compute::new();
    for n in [1, 7, 40] {
        grow_and_shrink(&Index::new(n).unwrap(), n, 11 + n as u64, compute);
        grow_and_shrink(&Index::with_codes(n).unwrap(), n, 12 + n as u64, compute);
    }
    let exact = compute.accumulate(Accumulate::F64);
    grow_and_shrink(&Index::with_codes(33).unwrap().compute(exact), 33, 5, exact);
}

#[test]
fn segments_are_split_and_joined_around_their_largest_size() {
    let mut random = Random(99);
    let index = Index::with_codes(2).unwrap();
    let mut model = Model::new();
    let queries = Vectors::matrix(&[1.0, 0.5, -2.0, 3.0], 2).unwrap();
    let compute = Compute::new();
    // From the highest id down.
    for (first, count) in [(300_000, 140_000), (260_000, 30_000), (200_000, 20_000), (100_000, 1000)] {
        let ids: Vec<i64> = (first..first + count).rev().collect();
        let rows: Vec<f32> = ids.iter().flat_map(|_| random.vector(2)).collect();
        index.add_all(&ids, &rows).unwrap();
        model.extend(ids.iter().copied().zip(rows.chunks(2).map(<[f32]>::to_vec)));
        for metric in [Metric::Euclidean, Metric::Cosine] {
            compare(&index, &model, &queries, 20, metric, &|_| true, compute);
        }
    }
}

#[test]
fn rows_without_a_distance_come_last() {
    let index = Index::new(1).unwrap();
    // In two segments: 1 to 300, which are closed, and 0.
    let ids: Vec<i64> = (1..=300).collect();
    let rows: Vec<f32> = ids.iter().map(|id| if *id > 2 { f32::NAN } else { *id as f32 }).collect();
    index.add_all(&ids, &rows).unwrap();
    index.add(0, &[f32::NAN]).unwrap();
    let query = Vectors::matrix(&[2.0], 1).unwrap();
    let found = index.search(&query, 4, Metric::Euclidean).unwrap().remove(0);
    assert_eq!(found.iter().map(|n| n.id).collect::<Vec<_>>(), [2, 1, 0, 3]);
    assert!(found[2].distance.is_nan());
}

#[test]
fn errors_name_the_thing_and_change_nothing() {
    let index = Index::new(2).unwrap();
    index.add_all(&[1, 2], &[0.0; 4]).unwrap();
    let texts = [
        (
            index.add(1, &[0.0; 2]),
            "parameter id is 1; expected an id that the index does not have; remove its row first",
        ),
        (index.add(3, &[0.0; 3]), "parameter vector: 3 dimensions, but the index has 2"),
        (index.add_all(&[3, 4, 3], &[0.0; 6]), "parameter id is 3; expected each id once; it is given twice"),
        (
            index.add_all(&[5, 2], &[0.0; 4]),
            "parameter id is 2; expected an id that the index does not have; remove its row first",
        ),
        (index.add_all(&[5, 6], &[0.0; 3]), "parameter rows is 3 numbers; expected 2 for each of 2 ids"),
    ];
    for (result, text) in texts {
        assert_eq!(result.unwrap_err().to_string(), text);
    }
    assert_eq!((index.len(), index.contains(3), index.contains(5)), (2, false, false));
    for query in [[0.0; 2].as_slice(), &[0.0; 3]] {
        let queries = Vectors::matrix(query, query.len()).unwrap();
        assert!(index.search(&queries, 0, Metric::Cosine).is_err());
        let empty = Index::new(2).unwrap().search(&queries, 1, Metric::Cosine);
        assert_eq!(empty.is_ok(), query.len() == 2);
    }
    let doubles = [0; 16];
    let doubles = Vectors::packed_matrix("query", Element::F64, &doubles, 2).unwrap();
    let error = index.search(&doubles, 1, Metric::Dot).unwrap_err().to_string();
    assert_eq!(error, "parameter query is f64; expected singles, as the index has");
    assert!(matches!(Index::new(0), Err(Error::ParameterValue { .. })));
    assert!(Index::with_codes(65_537).unwrap_err().to_string().contains("65537"));
    assert_eq!(format!("{index:?}"), "Index of 2 rows of 2 f32");
}

#[test]
fn a_clone_keeps_its_rows() {
    let index = Index::new(1).unwrap();
    let ids: Vec<i64> = (0..400).collect();
    index.add_all(&ids, &[1.0; 400]).unwrap();
    let before = index.clone();
    assert!(index.remove(7));
    index.add(1000, &[5.0]).unwrap();
    before.add(2000, &[6.0]).unwrap();
    assert!(before.contains(7) && !before.contains(1000) && !index.contains(2000));
    assert_eq!((before.len(), index.len()), (401, 400));
}

#[test]
fn a_search_holds_no_lock_and_sees_one_moment() {
    let index = Index::new(1).unwrap();
    index.add_all(&[1, 2, 3], &[1.0, 2.0, 3.0]).unwrap();
    let query = Vectors::matrix(&[0.0], 1).unwrap();
    let once = AtomicBool::new(true);
    // With a lock these changes would wait for the search, which waits for them.
    let found = index.search_where(&query, 10, Metric::Euclidean, |_| {
        if once.swap(false, Ordering::Relaxed) {
            assert!(index.remove(3));
            index.add(0, &[0.5]).unwrap();
        }
        true
    });
    assert_eq!(found.unwrap()[0].iter().map(|n| n.id).collect::<Vec<_>>(), [1, 2, 3]);
    let found = index.search(&query, 10, Metric::Euclidean).unwrap();
    assert_eq!(found[0].iter().map(|n| n.id).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn searches_run_beside_changes() {
    // The rows of an id and of its negative come together, with the same vector.
    let index = Index::with_codes(3).unwrap();
    let vector = |id: i64| [id as f32, (id % 17) as f32, 1.0];
    let add = |ids: std::ops::Range<i64>| {
        let all: Vec<i64> = ids.flat_map(|id| [id, -id]).collect();
        let rows: Vec<f32> = all.iter().flat_map(|id| vector(id.abs())).collect();
        index.add_all(&all, &rows).unwrap();
    };
    add(1..2000);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut at = 1;
                while !done.load(Ordering::Acquire) {
                    at = at % 1999 + 1;
                    let query = vector(at);
                    let query = Vectors::matrix(&query, 3).unwrap();
                    let found = index.search(&query, 100_000, Metric::Euclidean).unwrap().remove(0);
                    let ids: BTreeSet<i64> = found.iter().map(|n| n.id).collect();
                    assert!(ids.iter().all(|id| ids.contains(&-id)), "half of a pair was found");
                    assert_eq!(ids.len(), found.len());
                    // These are never removed.
                    assert_eq!((found[0].id, found[0].distance), (-at, 0.0));
                }
            });
        }
        for round in 0..60 {
            let first = 2000 + round * 100;
            add(first..first + if round % 2 == 0 { 100 } else { 3 });
        }
        done.store(true, Ordering::Release);
    });
    let query = Vectors::matrix(&[0.0; 3], 3).unwrap();
    assert_eq!(index.search(&query, 100_000, Metric::Dot).unwrap()[0].len(), index.len());
}

//! Search over codes finds what search without them finds: rows, bits, ties and order.

mod common;

use common::columns::{Column, pack};
use common::{compute, hash, real, spread, uniform, with_specials};
use hart_kernels::{Accumulate, Codes, Element, Hit, Level, Metric, TopK, Vectors, vector};

const METRICS: [Metric; 3] = [Metric::Cosine, Metric::Euclidean, Metric::Dot];

/// Compares hits bit for bit.
fn assert_same(expected: &[Vec<Hit>], found: &[Vec<Hit>], context: &str) {
    assert_eq!(expected.len(), found.len(), "{context}");
    for (q, (expected, found)) in expected.iter().zip(found).enumerate() {
        assert_eq!(expected.len(), found.len(), "{context}, query {q}");
        for (rank, (expected, found)) in expected.iter().zip(found).enumerate() {
            let same = expected.id == found.id
                && expected.row == found.row
                && common::same_bits(expected.distance, found.distance);
            assert!(same, "{context}, query {q}, rank {rank}: expected {expected:?}, found {found:?}");
        }
    }
}

/// Compares the two searches in every metric.
fn compare(rows: &Vectors<'_>, queries: &Vectors<'_>, ids: &[i64], k: usize, context: &str) {
    let codes = vector::quantize(rows).unwrap();
    for metric in METRICS {
        for accumulate in [Accumulate::F32, Accumulate::F64] {
            let search = TopK::new(k).metric(metric).ids(ids).compute(compute().accumulate(accumulate));
            let expected = search.search(rows, queries).unwrap();
            let found = search.codes(&codes).search(rows, queries).unwrap();
            assert_same(&expected, &found, &format!("{context}, {metric:?}, {accumulate:?}, k = {k}"));
        }
    }
}

/// Ids that do not rise with the rows, and some of which are equal.
fn ids(rows: usize) -> Vec<i64> {
    (0..rows as u32).map(|i| i64::from(hash(5, i) % (rows as u32))).collect()
}

#[test]
fn real_embeddings() {
    let (packages, queries) = (real::packages(), real::queries());
    let n = packages.dimension;
    let rows = Vectors::matrix(&packages.values, n).unwrap();
    for (count, k) in [(1, 10), (3, 1), (40, 10), (200, 37)] {
        let queries = Vectors::matrix(&queries.values[..count * n], n).unwrap();
        compare(&rows, &queries, &ids(rows.len()), k, &format!("{count} queries"));
    }
    // Each of them is a row: the nearest has distance 0, or nearly.
    let some = Vectors::matrix(&packages.values[500 * n..530 * n], n).unwrap();
    compare(&rows, &some, &ids(rows.len()), 5, "rows as queries");
}

/// Rows and queries of one dimension by what they are.
fn kinds(n: usize) -> Vec<(&'static str, Vec<Vec<f32>>)> {
    let rows = 700;
    let many = |make: &dyn Fn(u32) -> Vec<f32>| (0..rows).map(make).collect::<Vec<_>>();
    let base = uniform(9, n);
    vec![
        ("uniform", many(&|i| uniform(i, n))),
        ("spread", many(&|i| spread(i, n, 40))),
        ("special", many(&|i| with_specials(i, n, false))),
        ("finite special", many(&|i| with_specials(i, n, true))),
        ("constant", many(&|i| vec![i as f32 - 300.0; n])),
        ("zero", many(&|i| if i % 3 == 0 { uniform(i, n) } else { vec![0.0; n] })),
        ("duplicates", many(&|i| uniform(i % 7, n))),
        (
            "clusters",
            many(&|i| {
                let (centre, own) = (uniform(i % 5, n), uniform(i + 100, n));
                centre.iter().zip(own).map(|(c, o)| c + o * 1e-3).collect()
            }),
        ),
        // They differ by less than a step of the code.
        (
            "near",
            many(&|i| {
                let mut row = base.clone();
                row[i as usize % n] += (i as f32) * 1e-7;
                row
            }),
        ),
        (
            "one huge component",
            many(&|i| {
                let mut row = uniform(i, n);
                row[i as usize % n] = 1e6 * (1.0 + (i % 3) as f32);
                row
            }),
        ),
        ("tiny", many(&|i| uniform(i, n).into_iter().map(|x| x * 1e-36).collect())),
        ("subnormal", many(&|i| uniform(i, n).into_iter().map(|x| x * 1e-42).collect())),
        ("huge", many(&|i| uniform(i, n).into_iter().map(|x| x * 1e37).collect())),
        (
            "lengths",
            many(&|i| uniform(i, n).into_iter().map(|x| x * 10f32.powi(i as i32 % 60 - 30)).collect()),
        ),
        (
            "farther and farther",
            many(&|i| {
                base.iter().zip(uniform(i, n)).map(|(b, u)| b + u * (1000 - i) as f32 * 1e-3).collect()
            }),
        ),
        ("whole numbers", many(&|i| uniform(i, n).into_iter().map(|x| (x * 3.0).round()).collect())),
    ]
}

#[test]
fn all_kinds_of_data_element_types_and_numbers_of_queries() {
    for n in [1, 3, 32, 70, 129] {
        for (kind, rows) in kinds(n) {
            let mut queries: Vec<Vec<f32>> = rows.iter().step_by(100).cloned().collect();
            queries.extend((0..6).map(|i| uniform(i + 9000, n)));
            queries.push(vec![0.0; n]);
            for element in Element::ALL {
                if n != 70 && element != Element::F32 {
                    continue;
                }
                let column = Column::of_singles(element, &rows, n % 8);
                let column = column.vectors("v");
                for count in [1, queries.len()] {
                    let queries = Column::of_singles(element, &queries[..count], 3);
                    for k in [1, 9, 800] {
                        let context = format!("{kind}, n = {n}, {}, {count} queries", element.name());
                        compare(&column, &queries.vectors("q"), &ids(rows.len()), k, &context);
                    }
                }
            }
        }
    }
}

#[test]
fn doubles_beyond_the_range_of_singles() {
    for factor in [1e-320, 1e-200, 1e-150, 1e-40, 1e30, 1e38, 1e150, 1e300] {
        let n = 40;
        let rows: Vec<Option<Vec<f64>>> = (0..600)
            .map(|i| {
                let own = if i % 50 == 0 { 1.0 } else { factor };
                Some(uniform(i, n).into_iter().map(|x| f64::from(x) * own).collect())
            })
            .collect();
        let column = Column::new(Element::F64, &rows, 1);
        let queries = Column::new(Element::F64, &rows[..12], 0);
        compare(&column.vectors("v"), &queries.vectors("q"), &ids(600), 7, &format!("× {factor:e}"));
    }
}

#[test]
fn null_rows_are_no_candidates() {
    let n = 24;
    let rows: Vec<Option<Vec<f64>>> = (0..900u32)
        .map(|i| (i % 3 > 0).then(|| uniform(i, n).into_iter().map(f64::from).collect()))
        .collect();
    for element in [Element::F32, Element::F64] {
        let column = Column::new(element, &rows, 0);
        let queries = Column::new(element, &rows[1..3], 0);
        for k in [1, 20, 899] {
            compare(&column.vectors("v"), &queries.vectors("q"), &ids(900), k, "with NULL");
        }
        let nothing = Column::new(element, &vec![None; 70], 0);
        compare(&nothing.vectors("v"), &queries.vectors("q"), &ids(70), 3, "NULL only");
    }
}

#[test]
fn levels_and_threads_do_not_matter() {
    let n = 384;
    let (packages, queries) = (real::packages(), real::queries());
    // Enough bytes for several blocks of rows.
    let mut values = packages.values.clone();
    for copy in 1..6u32 {
        values.extend(packages.values.iter().enumerate().map(|(i, v)| v + 1e-3 * uniform(copy, 50)[i % 50]));
    }
    let rows = Vectors::matrix(&values, n).unwrap();
    let queries = Vectors::matrix(&queries.values[..30 * n], n).unwrap();
    let codes = vector::quantize(&rows).unwrap();
    for metric in METRICS {
        let search = TopK::new(10).metric(metric);
        let expected = search.search(&rows, &queries).unwrap();
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for level in Level::available() {
                let search = search.codes(&codes).compute(compute().level(level));
                let found = pool.install(|| search.search(&rows, &queries).unwrap());
                assert_same(&expected, &found, &format!("{metric:?}, {threads} threads, {}", level.name()));
            }
        }
    }
}

#[test]
fn codes_travel() {
    let n = 45;
    let rows: Vec<Option<Vec<f64>>> = (0..100u32)
        .map(|i| (i % 7 > 0).then(|| uniform(i, n).into_iter().map(|x| f64::from(x) * 90.0).collect()))
        .collect();
    for element in Element::ALL {
        let column = Column::new(element, &rows, 0);
        let rows = column.vectors("v");
        let codes = vector::quantize(&rows).unwrap();
        let packed: Vec<Option<Vec<u8>>> = (0..codes.len()).map(|i| codes.row(i)).collect();
        let lengths: Vec<i32> =
            packed.iter().map(|row| row.as_ref().map_or(-1, |r| r.len() as i32)).collect();
        let bytes = packed.iter().flatten().flatten().copied().collect::<Vec<u8>>();
        let read = Codes::from_bytes("codes", &bytes, &lengths).unwrap();
        assert_eq!((read.len(), read.dimensions(), read.element()), (100, n, element));
        for (i, row) in packed.iter().enumerate() {
            assert_eq!((lengths[i], row), (if i % 7 > 0 { 85 } else { -1 }, &read.row(i)), "row {i}");
        }
        let search = TopK::new(4).metric(Metric::Euclidean);
        let query = Column::new(element, &[column.row(9)], 0);
        let expected = search.search(&rows, &query.vectors("q")).unwrap();
        assert_same(
            &expected,
            &search.codes(&read).search(&rows, &query.vectors("q")).unwrap(),
            element.name(),
        );
    }
}

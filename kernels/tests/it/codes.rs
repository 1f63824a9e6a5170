//! Search over codes finds what search without them finds: rows, bits, ties and order.

use crate::common;

use common::columns::Column;
use common::{compute, hash, real, spread, text, uniform, with_specials};
use hart_kernels::registry::{Input, Value, Values};
use hart_kernels::vector::Bounded;
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
pub(crate) fn kinds(n: usize) -> Vec<(&'static str, Vec<Vec<f32>>)> {
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
    for n in [1, 33, 70] {
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

/// Rows that differ by less than their codes can tell, so that none of them can be excluded.
#[test]
fn data_that_codes_cannot_tell_apart_is_searched_without_them() {
    let n = 20;
    let base = uniform(1, n);
    let near = |i: u32| base.iter().zip(uniform(i, n)).map(|(b, u)| b + u * 1e-6).collect::<Vec<f32>>();
    let equal = |_: u32| base.clone();
    let some_far = |i: u32| if i.is_multiple_of(2) { near(i) } else { uniform(i, n) };
    let makes: [&dyn Fn(u32) -> Vec<f32>; 3] = [&near, &equal, &some_far];
    for make in makes {
        let rows: Vec<f32> = (0..6000).flat_map(make).collect();
        let rows = Vectors::matrix(&rows, n).unwrap();
        let queries: Vec<f32> = (0..9).flat_map(|i| near(i + 7000)).collect();
        for count in [1, 9] {
            let queries = Vectors::matrix(&queries[..count * n], n).unwrap();
            compare(&rows, &queries, &ids(6000), 10, "near rows");
        }
    }
}

#[test]
fn a_search_beyond_a_distance_and_without_some_rows() {
    let n = 33;
    let rows: Vec<f32> = (0..3000).flat_map(|i| uniform(i % 2000, n)).collect();
    let matrix = Vectors::matrix(&rows, n).unwrap();
    let queries: Vec<f32> = (0..9).flat_map(|i| uniform(i * 100, n)).collect();
    let left_out: Vec<bool> = (0..3000).map(|i| i % 3 == 0).collect();
    let ids = ids(3000);
    let codes = vector::quantize(&matrix).unwrap();
    for (metric, count) in METRICS.into_iter().flat_map(|metric| [(metric, 1), (metric, 9)]) {
        let queries = Vectors::matrix(&queries[..count * n], n).unwrap();
        let all = TopK::new(3000).metric(metric).ids(&ids).search(&matrix, &queries).unwrap();
        let search = TopK::new(20).metric(metric).ids(&ids).left_out(&left_out);
        for least in [0.0, all[0][0].distance, all[0][40].distance, all[0][2999].distance] {
            let expected: Vec<Vec<Hit>> = all
                .iter()
                .map(|hits| {
                    let wanted = |hit: &&Hit| hit.distance > least && !left_out[hit.row];
                    hits.iter().filter(wanted).take(20).copied().collect()
                })
                .collect();
            let context = format!("{metric:?}, beyond {least}");
            let search = search.min_distance(least);
            assert_same(&expected, &search.search(&matrix, &queries).unwrap(), &context);
            assert_same(&expected, &search.codes(&codes).search(&matrix, &queries).unwrap(), &context);
            let bytes: Vec<u8> = bytemuck::cast_slice(&rows).to_vec();
            let packed = search.codes(&codes).search_packed(Element::F32, &bytes, n, &queries).unwrap();
            assert_same(&expected, &packed, &context);
        }
    }
    let few = TopK::new(1).left_out(&left_out[1..]).search(&matrix, &matrix).unwrap_err();
    assert_eq!(few.to_string(), "parameter left_out is 2999 flags; expected 3000, one for each row");
}

#[test]
fn strange_codes_are_refused() {
    let n = 50;
    let make = |seed: u32| -> Vec<f32> { (0..2000).flat_map(|i| uniform(i + seed, n)).collect() };
    let (rows, others) = (make(0), make(5000));
    let (rows, others) = (Vectors::matrix(&rows, n).unwrap(), Vectors::matrix(&others, n).unwrap());
    let query = uniform(77, n);
    let query = Vectors::matrix(&query, n).unwrap();
    let codes = vector::quantize(&others).unwrap();
    let error = |codes: &Codes, rows: &Vectors<'_>| {
        TopK::new(5).codes(codes).search(rows, &query).unwrap_err().to_string()
    };
    assert!(error(&codes, &rows).ends_with(
        "the code was made from another vector; expected the code that vector_quantize makes from this one"
    ));
    // A single vector that has changed, and is among the nearest.
    let codes = vector::quantize(&rows).unwrap();
    let nearest = TopK::new(5).search(&rows, &query).unwrap()[0][2].row;
    let mut changed: Vec<f32> = make(0);
    changed[nearest * n + 3] += 1e-6;
    let found = error(&codes, &Vectors::matrix(&changed, n).unwrap());
    assert!(found.starts_with(&format!("column matrix, row {}: the code was made", nearest + 1)), "{found}");

    let few = Vectors::matrix(&changed[..100 * n], n).unwrap();
    assert_eq!(error(&codes, &few), "parameter codes is 2000 codes; expected 100, one for each row");
    let bytes: Vec<u8> = common::columns::pack(Element::F16, &vec![0.5; 2000 * n]);
    let halves = Vectors::packed_matrix("v", Element::F16, &bytes, n).unwrap();
    assert_eq!(
        error(&codes, &halves),
        "parameter codes is made from f32 elements; expected f16, as column v"
    );

    let sound = codes.row(7).unwrap();
    let read = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut code = sound.clone();
        change(&mut code);
        let bytes = [sound.clone(), code.clone()].concat();
        let lengths = [sound.len() as i32, code.len() as i32];
        Codes::from_bytes("c", &bytes, &lengths).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(read(&|_| ()), Ok(()));
    let refused = |change: &dyn Fn(&mut Vec<u8>), text: &str| {
        assert_eq!(read(change).unwrap_err(), format!("column c, row 2: {text}"));
    };
    let expected = "expected a code as vector_quantize makes it";
    refused(&|code| code.truncate(39), &format!("39 bytes, fewer than a code has; {expected}"));
    refused(&|code| code.clear(), &format!("0 bytes, fewer than a code has; {expected}"));
    refused(&|code| code.truncate(60), "a code of 50 dimensions in 60 bytes; expected 90 bytes");
    refused(&|code| code[0] = b'X', &format!("bytes that are no code; {expected}"));
    refused(
        &|code| code[2] = 2,
        "a code of version 2; expected version 1: make it again with vector_quantize",
    );
    for at in [3, 8, 13, 17, 21, 25, 33, 37, 40, 70, 89] {
        refused(&|code| code[at] ^= 4, &format!("a damaged code: its checksum differs; {expected}"));
    }
    // Sound ones that do not fit each other.
    let shorter = vector::quantize(&Vectors::matrix(&changed[..9], 9).unwrap()).unwrap().row(0).unwrap();
    let doubles = vector::quantize(&Vectors::packed_matrix("v", Element::F64, &[0; 400], 50).unwrap());
    let doubles = doubles.unwrap().row(0).unwrap();
    refused(&|code| *code = shorter.clone(), "9 dimensions, but row 1 has 50");
    refused(&|code| *code = doubles.clone(), "a code of f64 elements; expected f32, as in row 1");
    assert!(Codes::from_bytes("c", &sound[1..], &[90]).is_err());
    let long = vec![0.0f32; 65_537];
    let error = vector::quantize(&Vectors::matrix(&long, 65_537).unwrap()).unwrap_err().to_string();
    assert!(error.contains("65537 dimensions; expected at most 65536"), "{error}");
}

#[test]
fn wrong_queries_have_the_errors_of_search_without_codes() {
    let rows: Vec<f32> = (0..100).flat_map(|i| uniform(i, 6)).collect();
    let rows = Vectors::matrix(&rows, 6).unwrap();
    let codes = vector::quantize(&rows).unwrap();
    let doubles = [0.0f64; 6];
    let doubles = Vectors::packed_matrix("q", Element::F64, bytemuck::cast_slice(&doubles), 6).unwrap();
    let short = Vectors::matrix(&[1.0; 5], 5).unwrap();
    let null = Vectors::packed("q", Element::F32, &[], &[-1]).unwrap();
    let empty = Vectors::packed("q", Element::F32, &[], &[0]).unwrap();
    let mixed = Vectors::packed("q", Element::F32, &[0; 28], &[24, 4]).unwrap();
    for queries in [doubles, short, null, empty, mixed] {
        for k in [0, 2] {
            let search = TopK::new(k);
            let expected = search.search(&rows, &queries).unwrap_err();
            assert_eq!(search.codes(&codes).search(&rows, &queries).unwrap_err(), expected);
            assert!(codes.candidates(&queries, k, Metric::Dot).is_err());
        }
    }
    for queries in [[f32::NAN; 6], [f32::INFINITY; 6], [3e38; 6], [1e-40; 6]] {
        compare(&rows, &Vectors::matrix(&queries, 6).unwrap(), &ids(100), 3, "strange query");
    }
}

#[test]
fn candidates_of_chunks_hold_the_nearest_of_all() {
    let (packages, queries) = (real::packages(), real::queries());
    let n = packages.dimension;
    let rows = Vectors::matrix(&packages.values, n).unwrap();
    let queries = Vectors::matrix(&queries.values[..20 * n], n).unwrap();
    let codes = vector::quantize(&rows).unwrap();
    for metric in METRICS {
        let hits = TopK::new(10).metric(metric).search(&rows, &queries).unwrap();
        let found = codes.candidates(&queries, 10, metric).unwrap();
        let count: usize = found.iter().map(Vec::len).sum();
        assert!((200..2000).contains(&count), "{metric:?}: {count} candidates of 20 queries");
        for ((q, hits), candidates) in hits.iter().enumerate().zip(&found) {
            let sorted = |pair: &[Bounded]| (pair[0].lower, pair[0].row) < (pair[1].lower, pair[1].row);
            assert!(candidates.windows(2).all(sorted));
            for hit in hits {
                let own = candidates.iter().find(|c| c.row == hit.row);
                assert!(own.is_some_and(|c| c.lower <= hit.distance && hit.distance <= c.upper), "query {q}");
            }
        }
        // By name, in chunks of any size.
        for chunk in [130, 700, 2000] {
            let mut rows_of = vec![Vec::new(); 20];
            for start in (0..rows.len()).step_by(chunk) {
                let column: Vec<Option<Vec<u8>>> =
                    (start..rows.len().min(start + chunk)).map(|i| codes.row(i)).collect();
                let input = Input::Binary(column.iter().map(Option::as_deref).collect());
                let bytes = (0..20).flat_map(real_query).flat_map(|x| x.to_le_bytes()).collect();
                let params = [
                    ("query", Value::Bytes(bytes)),
                    ("query_count", Value::Int(20)),
                    ("metric", text(name(metric))),
                ];
                let output = common::call_columns("vector_candidates", compute(), vec![input], &params);
                let output = output.unwrap();
                let Values::Int(numbers) = &output.columns[0] else { panic!("{output:?}") };
                for (query, row) in numbers.iter().zip(output.picked.unwrap()) {
                    rows_of[query.unwrap() as usize - 1].push(start + row);
                }
            }
            for (hits, found) in hits.iter().zip(rows_of) {
                assert!(hits.iter().all(|hit| found.contains(&hit.row)), "{metric:?}, chunks of {chunk}");
            }
        }
    }
}

fn real_query(q: usize) -> Vec<f32> {
    real::queries().values[q * 384..(q + 1) * 384].to_vec()
}

fn name(metric: Metric) -> &'static str {
    match metric {
        Metric::Cosine => "cosine",
        Metric::Euclidean => "euclidean",
        _ => "dot",
    }
}

#[test]
fn all_rows_within_a_distance() {
    let n = 30;
    let rows: Vec<f32> = (0..2000).flat_map(|i| uniform(i % 1500, n)).collect();
    let rows = Vectors::matrix(&rows, n).unwrap();
    let queries: Vec<f32> = (0..7).flat_map(|i| uniform(i * 300, n)).collect();
    let queries = Vectors::matrix(&queries, n).unwrap();
    let ids = ids(2000);
    for metric in METRICS {
        let all = vector::top_k(&rows, &ids, &queries, 2000, metric).unwrap();
        for rank in [0, 1, 50, 1999] {
            // The distance of a row is within itself.
            let distance = all[0][rank].distance;
            let expected: Vec<Vec<Hit>> = all
                .iter()
                .map(|hits| hits.iter().filter(|h| h.distance <= distance).copied().collect())
                .collect();
            let most = expected.iter().map(Vec::len).max().unwrap();
            let found = vector::range(&rows, &ids, &queries, distance, most, metric).unwrap();
            assert_same(&expected, &found, &format!("{metric:?}, {distance}"));
            let error = vector::range(&rows, &ids, &queries, distance, most - 1, metric).unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("parameter limit is {}; expected", most - 1)),
                "{error}"
            );
        }
    }
    let none = vector::range(&rows, &ids, &queries, -1.0, 5, Metric::Euclidean).unwrap();
    assert!(none.iter().all(Vec::is_empty));
    assert!(vector::range(&rows, &ids, &queries, f64::NAN, 5, Metric::Cosine).is_err());
}

#[test]
fn a_join_finds_the_nearest_rows_of_every_row() {
    let (n, count) = (40, 1200);
    let rows: Vec<Option<Vec<f64>>> = (0..count as u32)
        .map(|i| (i % 11 > 0).then(|| uniform(i % 900, n).into_iter().map(f64::from).collect()))
        .collect();
    let column = Column::new(Element::F32, &rows, 2);
    let vectors = column.vectors("v");
    let ids: Vec<i64> = (0..count as i64).map(|i| i * 7 % 1200).collect();
    for metric in METRICS {
        let found = vector::join(&vectors, &vectors, &ids, 4, metric).unwrap();
        for (row, found) in found.iter().enumerate().step_by(97) {
            let own = Column::new(Element::F32, &rows[row..row + 1], 0);
            let expected = match rows[row] {
                Some(_) => vector::top_k(&vectors, &ids, &own.vectors("q"), 4, metric).unwrap().remove(0),
                None => Vec::new(),
            };
            assert_same(&[expected], std::slice::from_ref(found), &format!("{metric:?}, row {row}"));
        }
        // By name: each row with the others, and two sets.
        for (what, side) in [("itself", 2), ("halves", 0)] {
            let sides: Vec<Option<i64>> =
                (0..count).map(|i| Some(if side == 2 || i < 600 { side } else { 1 })).collect();
            let inputs = vec![Input::Vectors(vectors.clone()), Input::Integers(sides)];
            let params = [("k", Value::Int(3)), ("metric", text(name(metric)))];
            let output = common::call_columns("vector_join", compute(), inputs, &params).unwrap();
            let [Values::Int(ranks), Values::BigInt(neighbours), Values::Float(distances)] =
                &output.columns[..]
            else {
                panic!("{output:?}")
            };
            let mut at = 0;
            let picked = output.picked.as_ref().unwrap();
            for (row, own) in rows.iter().enumerate().filter(|(row, _)| side == 2 || *row < 600) {
                if own.is_none() {
                    continue;
                }
                let query = Column::new(Element::F32, &rows[row..row + 1], 0);
                // The ids of this call are 1, 2, 3, …
                let ids: Vec<i64> = (1..=count as i64).collect();
                let left_out: Vec<bool> =
                    (0..count).map(|i| if side == 2 { i == row } else { i < 600 }).collect();
                let search = TopK::new(3).metric(metric).ids(&ids).left_out(&left_out);
                for (rank, hit) in search.search(&vectors, &query.vectors("q")).unwrap()[0].iter().enumerate()
                {
                    let line = (picked[at], ranks[at], neighbours[at], distances[at]);
                    let expected = (row, Some(rank as i32 + 1), Some(hit.id), Some(hit.distance));
                    assert_eq!(line, expected, "{metric:?}, {what}");
                    at += 1;
                }
            }
            assert_eq!(at, picked.len(), "{what}");
        }
    }
    let inputs = vec![Input::Vectors(vectors), Input::Integers(vec![Some(3); count])];
    let error = common::call_columns("vector_join", compute(), inputs, &[]).unwrap_err().to_string();
    assert_eq!(error, "column side, row 1: 3; expected 0, 1 or 2");
}

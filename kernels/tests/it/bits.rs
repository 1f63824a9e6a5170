//! Vectors of bits: their distances, search and making, against loops over single bits.

use crate::common;

use common::{bind, call, call_columns, compute, hash, uniform};
use hart_kernels::registry::{Call, Input, Output, Value, Values, find};
use hart_kernels::vector::{self, BitMetric};
use hart_kernels::{Element, Error, Level, Vectors};

fn bytes(seed: u32, n: usize) -> Vec<u8> {
    (0..n as u32).map(|i| (hash(seed, i) >> 11) as u8).collect()
}

/// Bits that differ, and that both or either set.
fn counted(a: &[u8], b: &[u8]) -> [u64; 3] {
    let bit = |v: &[u8], i: usize| v[i / 8] & (128 >> (i % 8)) != 0;
    let count =
        |has: fn(bool, bool) -> bool| (0..8 * a.len()).filter(|i| has(bit(a, *i), bit(b, *i))).count() as u64;
    [count(|a, b| a != b), count(|a, b| a && b), count(|a, b| a || b)]
}

/// The definition's words: one minus a quotient of whole numbers, as the quotient nearest to it.
fn jaccard(a: &[u8], b: &[u8]) -> f64 {
    let [_, both, either] = counted(a, b);
    if either == 0 { 0.0 } else { (either - both) as f64 / either as f64 }
}

#[test]
fn distances_of_bits_are_counts() {
    for n in (0..=130).chain([192, 250, 1000]) {
        for (a, b) in [
            (bytes(1, n), bytes(2, n)),
            (bytes(3, n), bytes(3, n)),
            (vec![0; n], bytes(4, n)),
            (vec![0; n], vec![0; n]),
            (vec![255; n], vec![0; n]),
        ] {
            let [differ, ..] = counted(&a, &b);
            assert_eq!(vector::hamming_distance(&a, &b), Ok(differ), "{n}");
            assert_eq!(vector::jaccard_distance(&a, &b), Ok(jaccard(&a, &b)), "{n}");
            let columns = || {
                let column = |v| Input::Binary(vec![Some(v), None, Some(v)]);
                let mut columns = vec![column(&a[..]), column(&b[..])];
                columns[1] = Input::Binary(vec![Some(&b[..]), Some(&b[..]), Some(&b[..])]);
                columns
            };
            for level in Level::available() {
                let on = |name| call_columns(name, compute().level(level), columns(), &[]).unwrap().columns;
                let differ = Some(i64::try_from(differ).unwrap());
                assert_eq!(
                    on("vector_hamming_distance"),
                    [Values::BigInt(vec![differ, None, differ])],
                    "{}, {n}",
                    level.name()
                );
                let part = Some(jaccard(&a, &b));
                assert_eq!(on("vector_jaccard_distance"), [Values::Float(vec![part, None, part])]);
            }
        }
    }
    let error = vector::hamming_distance(&[1, 2], &[1]).unwrap_err().to_string();
    assert_eq!(error, "column b, row 1: 8 dimensions, but column a has 16");
    let columns = vec![Input::Binary(vec![Some(&[1]); 2]), Input::Binary(vec![Some(&[1]), Some(&[1, 2])])];
    let error = call_columns("vector_jaccard_distance", compute(), columns, &[]).unwrap_err().to_string();
    assert_eq!(error, "column b, row 2: 16 dimensions, but column a has 8");
}

fn searched(
    rows: &[Option<&[u8]>],
    ids: &[Option<i64>],
    params: &[(&str, Value)],
    level: Level,
) -> Result<Output, Error> {
    let kernel = find("vector_top_k_bits").unwrap();
    let inputs = vec![Input::Id(Some(ids.to_vec())), Input::Binary(rows.to_vec())];
    (kernel.run)(&Call::new(kernel, rows.len(), inputs, bind(kernel, params)?, compute().level(level))?)
}

#[test]
fn the_nearest_bits_are_those_of_a_sort() {
    for n in [1, 8, 16, 48, 77] {
        let count = 700;
        // Few different bytes, so that there are many ties.
        let all: Vec<u8> = bytes(9, n * count).into_iter().map(|b| b & 0x11).collect();
        let queries: Vec<u8> = bytes(10, 3 * n).into_iter().map(|b| b & 0x33).collect();
        let ids: Vec<Option<i64>> =
            (0..count as i64).map(|i| (i % 50 != 7).then_some(i * 7919 % count as i64)).collect();
        let rows: Vec<Option<&[u8]>> =
            all.chunks(n).enumerate().map(|(i, row)| (i % 90 != 11).then_some(row)).collect();
        for metric in BitMetric::ALL {
            let name = BitMetric::NAMES[BitMetric::ALL.iter().position(|m| m == metric).unwrap()];
            let distance = |a: &[u8], b: &[u8]| match metric {
                BitMetric::Hamming => counted(a, b)[0] as f64,
                _ => jaccard(a, b),
            };
            for (k, beyond) in [(1, None), (13, None), (1000, None), (13, Some(0.5))] {
                let mut expected = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
                for (q, query) in queries.chunks(n).enumerate() {
                    let mut list: Vec<(f64, bool, i64, usize)> = (0..count)
                        .filter_map(|i| {
                            Some((distance(query, rows[i]?), ids[i].is_none(), ids[i].unwrap_or(0), i))
                        })
                        .filter(|(distance, ..)| beyond.is_none_or(|beyond| *distance > beyond))
                        .collect();
                    list.sort_by(|a, b| a.partial_cmp(b).unwrap());
                    for (rank, (distance, .., row)) in list.into_iter().take(k).enumerate() {
                        expected.0.push(Some(q as i32 + 1));
                        expected.1.push(Some(rank as i32 + 1));
                        expected.2.push(Some(distance));
                        expected.3.push(row);
                    }
                }
                let mut params = vec![
                    ("query", Value::Bytes(queries.clone())),
                    ("query_count", Value::Int(3)),
                    ("k", Value::Int(k as i64)),
                    ("metric", common::text(name)),
                ];
                params.extend(beyond.map(|d| ("min_distance", Value::Float(d))));
                for level in Level::available() {
                    let found = searched(&rows, &ids, &params, level).unwrap();
                    let context = format!("{name}, {n} bytes, k = {k}, {}", level.name());
                    assert_eq!(found.picked.as_ref(), Some(&expected.3), "{context}");
                    let columns = [
                        Values::Int(expected.0.clone()),
                        Values::Int(expected.1.clone()),
                        Values::Float(expected.2.clone()),
                    ];
                    assert_eq!(found.columns, columns, "{context}");
                }
            }
            let plain: Vec<i64> = (0..count as i64).map(|i| i * 7919 % count as i64).collect();
            let hits = vector::top_k_bits(&all, n, &plain, &queries, 9, *metric).unwrap();
            let column: Vec<Option<&[u8]>> = all.chunks(n).map(Some).collect();
            let some: Vec<Option<i64>> = plain.iter().copied().map(Some).collect();
            let params = [
                ("query", Value::Bytes(queries.clone())),
                ("query_count", Value::Int(3)),
                ("k", Value::Int(9)),
                ("metric", common::text(name)),
            ];
            let found = searched(&column, &some, &params, Level::scalar()).unwrap();
            let rows: Vec<usize> = hits.iter().flatten().map(|hit| hit.row).collect();
            assert_eq!(found.picked, Some(rows));
            assert!(hits.iter().flatten().all(|hit| hit.id == plain[hit.row]));
        }
    }
}

#[test]
fn a_search_of_bits_on_several_threads_gives_the_same() {
    let (n, count) = (64, 200_000);
    let rows = bytes(21, n * count);
    let ids: Vec<i64> = (0..count as i64).collect();
    let search = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| vector::top_k_bits(&rows, n, &ids, &rows[..5 * n], 20, BitMetric::Jaccard).unwrap())
    };
    let one = search(1);
    assert_eq!(one, search(3));
    assert!(one.iter().enumerate().all(|(q, hits)| (hits[0].row, hits[0].distance) == (q, 0.0)));
}

#[test]
fn bad_input_to_a_search_of_bits_is_named() {
    let rows: [Option<&[u8]>; 2] = [Some(&[1, 2]), Some(&[1])];
    let ids = [Some(1), Some(2)];
    let error =
        |params: &[(&str, Value)]| searched(&rows, &ids, params, Level::scalar()).unwrap_err().to_string();
    let query = |bytes: &[u8]| ("query", Value::Bytes(bytes.to_vec()));
    assert_eq!(error(&[query(&[1, 2])]), "column bits, row 2: 8 dimensions, but parameter query has 16");
    assert!(error(&[query(&[])]).starts_with("parameter query is 0 bytes; expected a positive multiple"));
    assert!(error(&[query(&[1, 2, 3]), ("query_count", Value::Int(2))]).contains("3 bytes"));
    assert!(error(&[query(&[1]), ("metric", common::text("cosine"))]).contains("hamming, jaccard"));
    let hamming = BitMetric::Hamming;
    assert!(vector::top_k_bits(&[1, 2, 3], 2, &[1], &[1, 2], 1, hamming).is_err());
    assert!(vector::top_k_bits(&[1, 2], 0, &[1], &[], 1, hamming).is_err());
    assert!(vector::top_k_bits(&[1, 2], 2, &[1, 2], &[1, 2], 1, hamming).is_err());
    assert!(vector::top_k_bits(&[1, 2], 2, &[1], &[1, 2], 0, hamming).is_err());
}

#[test]
fn signs_become_bits() {
    for n in (0..=70).chain([384, 1998]) {
        let mut v = uniform(n as u32, n);
        for (i, special) in
            [0.0, -0.0, f32::NAN, f32::INFINITY, -f32::INFINITY, 1e-45].into_iter().enumerate()
        {
            if let Some(place) = v.get_mut(i * 11) {
                *place = special;
            }
        }
        let mut expected = vec![0; n.div_ceil(8)];
        for (i, x) in v.iter().enumerate() {
            if *x > 0.0 {
                expected[i / 8] += [128, 64, 32, 16, 8, 4, 2, 1][i % 8];
            }
        }
        assert_eq!(vector::binarize(&v), expected, "{n}");
        for element in Element::ALL.into_iter().filter(|e| *e != Element::I8) {
            // No half-precision number but 0 is as small as the subnormal single, so it is left out.
            let v: Vec<f32> = v.iter().map(|x| if *x == 1e-45 { 1.0 } else { *x }).collect();
            let packed = hart_kernels::text::pack(element, &v);
            let lengths = [packed.len() as i32, -1];
            let column = Vectors::packed("v", element, &packed, &lengths).unwrap();
            for level in Level::available() {
                let params = [("element", common::text(element.name()))];
                let output =
                    call("vector_binarize", compute().level(level), std::slice::from_ref(&column), &params);
                let [Values::Packed(found)] = &output.unwrap().columns[..] else { panic!("bytes") };
                assert_eq!(found.rows().collect::<Vec<_>>(), [Some(&expected[..]), None], "{n} {element:?}");
            }
        }
    }
}

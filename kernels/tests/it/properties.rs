//! Laws that hold for all inputs, on inputs chosen at random.

use crate::common;

use std::cmp::Ordering;

use common::columns::{Column, pack};
use common::{assert_same, call, call_with_ids, compute, element_of, rows, text};
use hart_kernels::registry::{KERNELS, Kind, Output, RowShape, Value, Values};
use hart_kernels::text::{parse_singles, write_packed};
use hart_kernels::{Accumulate, Element, Hit, Metric, Vectors, vector};
use proptest::prelude::*;
use proptest::sample::select;

/// Singles of every size, subnormal ones, zeros and the largest included.
fn finite() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => -1000.0f32..1000.0,
        2 => any::<f32>().prop_filter("finite", |x| x.is_finite()),
        1 => select(vec![0.0, -0.0, 1e-45, -1e-45, 1e-30, 3e38, f32::MAX, f32::MIN, 1.0]),
    ]
}

/// Any single, NaN and infinities included.
fn single() -> impl Strategy<Value = f32> {
    prop_oneof![8 => finite(), 1 => select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY])]
}

/// Two vectors of the same length.
fn pair<S: Strategy<Value = f32>>(element: fn() -> S) -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
    (0usize..150).prop_flat_map(move |n| {
        let vector = || proptest::collection::vec(element(), n);
        (vector(), vector())
    })
}

fn metric() -> impl Strategy<Value = Metric> {
    select(vec![Metric::Cosine, Metric::Euclidean, Metric::Dot, Metric::Manhattan])
}

fn accumulate() -> impl Strategy<Value = Accumulate> {
    select(vec![Accumulate::F32, Accumulate::F64])
}

/// γ(m) of the documentation.
fn gamma(n: usize, accumulate: Accumulate) -> f64 {
    let u = if accumulate == Accumulate::F64 { 2f64.powi(-53) } else { 2f64.powi(-24) };
    let steps = n.div_ceil(32) as f64 * u;
    let underflow = if accumulate == Accumulate::F64 { 0.0 } else { n as f64 * 2f64.powi(-49) };
    steps / (1.0 - steps) + 8.0 * 2f64.powi(-53) + underflow
}

/// The order of a search: distance with NaN last, then id, then position.
fn by_rank(a: &Hit, b: &Hit) -> Ordering {
    let distance = match (a.distance.is_nan(), b.distance.is_nan()) {
        (false, false) => a.distance.partial_cmp(&b.distance).unwrap(),
        (a, b) => a.cmp(&b),
    };
    distance.then(a.id.cmp(&b.id)).then(a.row.cmp(&b.row))
}

fn same_hits(a: &[Hit], b: &[Hit]) -> bool {
    let same =
        |(a, b): (&Hit, &Hit)| (a.id, a.row) == (b.id, b.row) && common::same_bits(a.distance, b.distance);
    a.len() == b.len() && a.iter().zip(b).all(same)
}

/// Rows, ids, queries one after the other, and dimensions.
type SearchInput = (Vec<Option<Vec<f64>>>, Vec<i64>, Vec<f32>, usize);

/// Few different vectors, so that ties are common, with NULL, NaN and infinite components.
fn search_input() -> impl Strategy<Value = SearchInput> {
    (1usize..9, 0usize..70, 1usize..6).prop_flat_map(|(n, count, queries)| {
        let component = prop_oneof![
            30 => (-2i8..3).prop_map(f64::from),
            1 => select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
        ];
        let row = proptest::option::weighted(0.9, proptest::collection::vec(component, n));
        let query = proptest::collection::vec((-2i8..3).prop_map(f32::from), n * queries);
        (proptest::collection::vec(row, count), proptest::collection::vec(-5i64..5, count), query, Just(n))
    })
}

/// Rows of equal or different length and NULLs, for kernels over one or two columns.
fn column_rows() -> impl Strategy<Value = Vec<Option<Vec<f64>>>> {
    let row = proptest::collection::vec(single().prop_map(f64::from), 0..40);
    proptest::collection::vec(proptest::option::weighted(0.85, row), 1..20)
}

/// Result rows of one chunk after those of another.
fn append(all: &mut Output, next: Output) {
    for (all, next) in all.columns.iter_mut().zip(next.columns) {
        match (all, next) {
            (Values::Float(all), Values::Float(next)) => all.extend(next),
            (Values::Int(all), Values::Int(next)) => all.extend(next),
            (Values::Text(all), Values::Text(next)) => all.extend(next),
            (Values::Vectors(all), Values::Vectors(next)) => {
                assert_eq!(all.element, next.element);
                all.bytes.extend(next.bytes);
                all.lengths.extend(next.lengths);
            }
            (Values::Packed(all), Values::Packed(next)) => {
                all.bytes.extend(next.bytes);
                all.lengths.extend(next.lengths);
            }
            (all, next) => panic!("{all:?} and {next:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pairs_are_symmetric((a, b) in pair(single), accumulate in accumulate(), metric in metric()) {
        let compute = compute().accumulate(accumulate);
        for function in [vector::dot_product_with, vector::cosine_similarity_with, vector::euclidean_distance_with] {
            let (forth, back) = (function(compute, &a, &b).unwrap(), function(compute, &b, &a).unwrap());
            prop_assert!(common::same_bits(forth, back), "{forth:e} {back:e}");
        }
        let forth = vector::distance_with(compute, metric, &a, &b).unwrap();
        let back = vector::distance_with(compute, metric, &b, &a).unwrap();
        prop_assert!(common::same_bits(forth, back), "{forth:e} {back:e}");
        let (forth, back) = (vector::add(&a, &b).unwrap(), vector::add(&b, &a).unwrap());
        prop_assert!(forth.iter().zip(back).all(|(f, b)| common::same_bits(f64::from(*f), f64::from(b))));
    }

    #[test]
    fn finite_vectors_have_finite_results_in_range((a, b) in pair(finite), accumulate in accumulate()) {
        let compute = compute().accumulate(accumulate);
        let cosine = vector::cosine_similarity_with(compute, &a, &b).unwrap();
        prop_assert!((-1.0..=1.0).contains(&cosine), "{cosine}");
        let distance = vector::distance_with(compute, Metric::Cosine, &a, &b).unwrap();
        prop_assert!((0.0..=2.0).contains(&distance), "{distance}");
        prop_assert!(vector::dot_product_with(compute, &a, &b).unwrap().is_finite());
        let distance = vector::euclidean_distance_with(compute, &a, &b).unwrap();
        prop_assert!(distance.is_finite() && distance >= 0.0 && (distance > 0.0 || a == b), "{distance}");
        let norm = vector::norm_with(compute, &a);
        prop_assert!(norm.is_finite() && (norm > 0.0) == a.iter().any(|x| *x != 0.0), "{norm}");
        prop_assert_eq!(vector::euclidean_distance_with(compute, &a, &a).unwrap(), 0.0);
    }

    #[test]
    fn opposite_vectors_have_opposite_similarities((a, b) in pair(finite)) {
        let minus: Vec<f32> = b.iter().map(|x| -x).collect();
        let (plus, minus) = (vector::cosine_similarity(&a, &b).unwrap(), vector::cosine_similarity(&a, &minus).unwrap());
        prop_assert_eq!(plus, -minus);
    }

    #[test]
    fn normalized_vectors_have_norm_one(v in proptest::collection::vec(finite(), 0..150)) {
        let unit = vector::normalize(&v);
        let norm = vector::norm_with(compute().accumulate(Accumulate::F64), &unit);
        if v.iter().all(|x| *x == 0.0) {
            prop_assert_eq!(norm, 0.0);
        } else {
            // Every component is off by a factor of at most 1 ± (u + γ/2); components that become subnormal by half a
            // step of these, which their squares do not show; the norm itself by γ/2 in double precision.
            let bound = 2f64.powi(-24)
                + gamma(v.len(), Accumulate::F32) / 2.0
                + gamma(v.len(), Accumulate::F64) / 2.0
                + 2f64.powi(-100);
            prop_assert!((norm - 1.0).abs() <= bound, "{norm} {bound:e}");
        }
    }

    #[test]
    fn probabilities_add_up_to_one(v in proptest::collection::vec(finite(), 1..150)) {
        let p = vector::softmax(&v);
        prop_assert!(p.iter().all(|x| (0.0..=1.0).contains(x)));
        let sum: f64 = p.iter().map(|x| f64::from(*x)).sum();
        // 0.51 units in the last place of every component: at most 1.02·2⁻²⁴ of it, or of a subnormal step.
        prop_assert!((sum - 1.0).abs() <= 1.03 * 2f64.powi(-24), "{sum}");
        // The greatest component has the greatest probability.
        let greatest = p.iter().copied().fold(0.0, f32::max);
        prop_assert_eq!(p[vector::arg_max(&v).unwrap()], greatest);
    }

    #[test]
    fn subtraction_undoes_addition_of_whole_numbers(
        (a, b) in (0usize..100).prop_flat_map(|n| {
            let whole = || proptest::collection::vec((-1_000_000i32..1_000_000).prop_map(|x| x as f32), n);
            (whole(), whole())
        }),
    ) {
        prop_assert_eq!(&vector::subtract(&vector::add(&a, &b).unwrap(), &b).unwrap(), &a);
        prop_assert_eq!(&vector::scale(&vector::scale(&a, 4.0), 0.25), &a);
        prop_assert_eq!(vector::lerp(&a, &b, 0.0).unwrap(), a);
    }

    #[test]
    fn a_search_is_a_sort((rows, ids, queries, n) in search_input(), k in 1usize..80, metric in metric()) {
        let column = Column::new(Element::F32, &rows, n);
        let queries = Vectors::matrix(&queries, n).unwrap();
        let hits = vector::top_k(&column.vectors("v"), &ids, &queries, k, metric).unwrap();
        prop_assert_eq!(hits.len(), queries.len());
        let packed: Vec<Option<Vec<f32>>> =
            rows.iter().map(|r| r.as_ref().map(|r| r.iter().map(|x| *x as f32).collect())).collect();
        for (q, hits) in hits.iter().enumerate() {
            let query: Vec<f32> = common_row(&queries, q, n);
            let mut expected: Vec<Hit> = Vec::new();
            for (row, v) in packed.iter().enumerate() {
                if let Some(v) = v {
                    let distance = vector::distance(metric, &query, v).unwrap();
                    expected.push(Hit::new(ids[row], distance, row));
                }
            }
            expected.sort_by(by_rank);
            expected.truncate(k);
            prop_assert!(same_hits(hits, &expected), "{hits:?}\n{expected:?}");
        }
    }

    #[test]
    fn searches_of_chunks_merge_to_the_search_of_all(
        (rows, ids, queries, n) in search_input(),
        k in 1usize..20,
        cut in 1usize..30,
        metric in metric(),
    ) {
        let queries = Vectors::matrix(&queries, n).unwrap();
        let search = |rows: &[Option<Vec<f64>>], ids: &[i64], alignment| {
            let column = Column::new(Element::F32, rows, alignment);
            vector::top_k(&column.vectors("v"), ids, &queries, k, metric).unwrap()
        };
        let whole = search(&rows, &ids, 3);
        let mut merged = vec![Vec::new(); queries.len()];
        for (chunk, (rows, ids)) in rows.chunks(cut).zip(ids.chunks(cut)).enumerate() {
            for (all, hits) in merged.iter_mut().zip(search(rows, ids, chunk)) {
                all.extend(hits.into_iter().map(|hit| Hit::new(hit.id, hit.distance, hit.row + chunk * cut)));
            }
        }
        for (whole, mut merged) in whole.iter().zip(merged) {
            merged.sort_by(by_rank);
            merged.truncate(k);
            prop_assert!(same_hits(whole, &merged), "{whole:?}\n{merged:?}");
        }
    }

    #[test]
    fn vectors_survive_the_round_trip_through_text(v in proptest::collection::vec(finite(), 0..60)) {
        let mut out = String::from("before");
        prop_assert!(write_packed(Element::F32, bytemuck::cast_slice(&v), &mut out));
        let back = parse_singles(out.strip_prefix("before").unwrap().as_bytes()).unwrap();
        let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&back), bits(&v));
        // Serde reads the same numbers, so the text is JSON.
        let json: Vec<f64> = serde_json::from_str(&out["before".len()..]).unwrap();
        prop_assert_eq!(bits(&json.into_iter().map(|x| x as f32).collect::<Vec<_>>()), bits(&v));
    }

    #[test]
    fn narrow_and_wide_elements_survive_the_round_trip_through_text(
        v in proptest::collection::vec(-120.0f64..120.0, 0..60),
        element in select(Element::ALL.to_vec()),
    ) {
        let bytes = pack(element, &v);
        let mut out = String::new();
        prop_assert!(write_packed(element, &bytes, &mut out));
        let back: Vec<f64> = serde_json::from_str(&out).unwrap();
        prop_assert_eq!(pack(element, &back), bytes);
    }

    #[test]
    fn text_cannot_say_nan_or_infinity(mut v in proptest::collection::vec(finite(), 1..40), at in 0usize..40) {
        let at = at % v.len();
        v[at] = if at % 2 == 0 { f32::NAN } else { f32::INFINITY };
        let mut out = String::from("before");
        prop_assert!(!write_packed(Element::F32, bytemuck::cast_slice(&v), &mut out));
        prop_assert_eq!(out, "before");
    }

    #[test]
    fn columns_of_text_equal_packed_columns(rows in proptest::collection::vec(
        proptest::option::weighted(0.9, proptest::collection::vec(finite(), 0..30)), 0..20,
    )) {
        let mut texts = String::new();
        let mut lengths = Vec::new();
        for row in &rows {
            let before = texts.len();
            if let Some(row) = row {
                prop_assert!(write_packed(Element::F32, bytemuck::cast_slice(row), &mut texts));
            }
            lengths.push(if row.is_some() { (texts.len() - before) as i32 } else { -1 });
        }
        let json = Vectors::from_json("v", Element::F32, texts.as_bytes(), &lengths).unwrap();
        let doubles: Vec<_> =
            rows.iter().map(|r| r.as_ref().map(|r| r.iter().map(|x| f64::from(*x)).collect())).collect();
        let column = Column::new(Element::F32, &doubles, 5);
        for name in ["vector_norm", "vector_softmax"] {
            let expected = call(name, compute(), &[column.vectors("v")], &[]);
            assert_same(&expected, &call(name, compute(), std::slice::from_ref(&json), &[]), name);
        }
    }

    #[test]
    fn chunks_never_change_the_results_of_rows(
        rows in column_rows(),
        cut in 1usize..20,
        choice in any::<proptest::sample::Index>(),
    ) {
        // The rows of a projection are as long as the first one.
        let of_any_length = |k: &hart_kernels::registry::Kernel| k.name != "vector_random_projection";
        let kernels = KERNELS.iter().filter(|k| common::takes_any_rows(k) && k.rows == RowShape::Same && of_any_length(k));
        for kernel in kernels.filter(|k| !common::wants_a_vector(k)) {
            let variants = common::variants(kernel);
            let params = &variants[choice.index(variants.len())];
            let element = element_of(params);
            let columns = kernel.inputs.iter().filter(|c| c.kind == Kind::Vector).count();
            let run = |rows: &[Option<Vec<f64>>], alignment: usize| {
                // The second column holds the same lengths in other numbers.
                let other: Vec<Option<Vec<f64>>> =
                    rows.iter().map(|r| r.as_ref().map(|r| r.iter().rev().copied().collect())).collect();
                let all = [Column::new(element, rows, alignment), Column::new(element, &other, alignment + 3)];
                let vectors = all.each_ref().map(|c| c.vectors("v"));
                call(kernel.name, compute(), &vectors[..columns], params).unwrap()
            };
            let whole = run(&rows, 0);
            let mut merged = run(&[], 0);
            for (chunk, rows) in rows.chunks(cut).enumerate() {
                append(&mut merged, run(rows, chunk));
            }
            assert_same(&Ok(whole), &Ok(merged), kernel.name);
        }
    }

    #[test]
    fn a_search_by_name_is_the_search_by_function((numbers, ids, queries, n) in search_input(), k in 1usize..20) {
        let column = Column::new(Element::F32, &numbers, n);
        let matrix = Vectors::matrix(&queries, n).unwrap();
        let hits = vector::top_k(&column.vectors("v"), &ids, &matrix, k, Metric::Cosine).unwrap();
        let params = [
            ("query", Value::Bytes(queries.iter().flat_map(|x| x.to_le_bytes()).collect())),
            ("query_count", Value::Int(matrix.len() as i64)),
            ("k", Value::Int(k as i64)),
            ("metric", text("cosine")),
        ];
        let ids = Some(ids.into_iter().map(Some).collect());
        let output = call_with_ids("vector_top_k", compute(), &[column.vectors("v")], ids, &params).unwrap();
        let flat: Vec<&Hit> = hits.iter().flatten().collect();
        prop_assert_eq!(output.picked.unwrap(), flat.iter().map(|hit| hit.row).collect::<Vec<_>>());
        let Values::Float(distances) = &output.columns[2] else { panic!("no distances") };
        prop_assert!(distances.iter().zip(flat).all(|(d, hit)| common::same_bits(d.unwrap(), hit.distance)));
    }

    #[test]
    fn any_lengths_give_a_column_or_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..80),
        lengths in proptest::collection::vec(-2i32..24, 0..10),
        element in select(Element::ALL.to_vec()),
    ) {
        let needed: usize = lengths.iter().map(|l| (*l).max(0) as usize).sum();
        let whole = lengths.iter().all(|l| *l < 0 || (*l as usize).is_multiple_of(element.size()));
        match Vectors::packed("v", element, &bytes, &lengths) {
            Ok(column) => {
                prop_assert!(whole && needed <= bytes.len());
                for (i, length) in lengths.iter().enumerate() {
                    let expected = usize::try_from(*length).ok().map(|l| l / element.size());
                    prop_assert_eq!(column.dimensions(i), expected);
                }
                let params = [("element", text(element.name())), ("factor", Value::Int(1))];
                let (_, back) = self::rows(call("vector_scale", compute(), &[column], &params).unwrap());
                prop_assert_eq!(back.len(), lengths.len());
            }
            Err(error) => {
                prop_assert!(!whole || needed > bytes.len(), "{}", error);
                // 8 for a row that is no whole number of elements, 13 for too few bytes in all.
                prop_assert_eq!(error.code(), if whole { 13 } else { 8 });
            }
        }
    }
}

/// The numbers of query `q`, read back through a kernel that returns its input.
fn common_row(queries: &Vectors<'_>, q: usize, n: usize) -> Vec<f32> {
    let output =
        call("vector_scale", compute(), std::slice::from_ref(queries), &[("factor", Value::Int(1))]).unwrap();
    let row: Vec<f32> = rows(output).1[q].as_ref().unwrap().iter().map(|x| *x as f32).collect();
    assert_eq!(row.len(), n);
    row
}

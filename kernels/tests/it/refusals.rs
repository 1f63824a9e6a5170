//! Clusters, groups and series at the ends of what they take: memory, magnitudes, narrow elements, and what errors say.

use crate::common;

use common::columns::{Column, pack};
use common::{bind, call, call_columns, compute, text, uniform};
use hart_kernels::cluster::{self, KMeans};
use hart_kernels::group::{self, By, Divisor, NotFinite};
use hart_kernels::registry::{self, Call, Input, Output, PackedBytes, Value, Values};
use hart_kernels::{Element, Error, Metric, Vectors, series, vector};

/// Calls a kernel by name with a limit on memory.
fn limited(
    name: &str,
    inputs: Vec<Input<'_>>,
    rows: usize,
    params: &[(&str, Value)],
    limit: u64,
) -> Result<Output, Error> {
    let kernel = registry::find(name).unwrap();
    let call = Call::new(kernel, rows, inputs, bind(kernel, params).unwrap(), compute()).unwrap();
    (kernel.run)(&call.memory_limit(limit))
}

fn doubles(rows: &[&[f64]]) -> Column {
    let rows: Vec<_> = rows.iter().map(|row| Some(row.to_vec())).collect();
    Column::new(Element::F64, &rows, 0)
}

#[test]
fn covariances_of_many_dimensions_are_refused_before_they_are_made() {
    let n = 1000;
    let values = uniform(1, 2 * n);
    let rows = Vectors::matrix(&values, n).unwrap();
    let grouped = |limit| {
        let inputs = vec![Input::Integers(vec![Some(1); 2]), Input::Vectors(rows.clone())];
        limited("vector_covariance", inputs, 2, &[], limit)
    };
    // 24 bytes for each of a million numbers in work, 8 for what is kept, 4 for the result.
    let error = grouped(35_000_000).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the covariance matrices would take 36000000 bytes; the limit is 35000000 bytes"
    );
    assert!(grouped(40_000_000).is_ok());
    let outliers = |limit| {
        let inputs = vec![Input::Id(None), Input::Vectors(rows.clone())];
        limited("vector_mahalanobis", inputs, 2, &[("shrinkage", Value::Float(0.5))], limit)
    };
    assert!(matches!(outliers(31_000_000), Err(Error::Memory { .. })));
    assert!(outliers(33_000_000).is_ok());
    // Matrices that no machine holds.
    let wide = vec![0.5; 2 << 19];
    let wide = Vectors::matrix(&wide, 1 << 19).unwrap();
    let found = group::covariance(&By::new(&[None; 2]), &wide, Divisor::Sample);
    assert!(matches!(found, Err(Error::Memory { .. })));
    let found = cluster::mahalanobis(compute(), &wide, 0.0, Divisor::Sample);
    assert!(matches!(found, Err(Error::Memory { .. })));
}

/// The state of one vector of doubles.
fn state(numbers: &[f64]) -> Vec<u8> {
    let column = doubles(&[numbers]);
    group::state(&By::new(&[None]), &column.vectors("v")).unwrap().remove(0).state
}

fn merged(states: &[Vec<u8>], limit: u64) -> Result<Output, Error> {
    let (keys, bytes) = (vec![None; states.len()], states.iter().map(|s| Some(s.as_slice())).collect());
    let inputs = vec![Input::Integers(keys), Input::Binary(bytes)];
    limited("vector_merge", inputs, states.len(), &[], limit)
}

#[test]
fn states_are_counted_as_large_as_they_become() {
    // 20 bytes for each zero, which become two sums of 68 digits.
    let zeros = state(&[0.0; 5000]);
    assert_eq!(zeros.len(), 28 + 20 * 5000);
    let error = merged(&[zeros.clone(), zeros.clone()], 8 << 20).unwrap_err();
    assert!(error.to_string().starts_with("the states would take 11"), "{error}");
    assert!(merged(&[zeros.clone(), zeros.clone()], 13 << 20).is_ok());
    // Sums of numbers far from each other have many digits: the merged state is longer than those it is made of.
    let far = [state(&[1e140; 1000]), state(&[1e-140; 1000])];
    assert!(far.iter().all(|state| state.len() < 70_000));
    let error = merged(&far, 2_400_000).unwrap_err();
    assert!(matches!(error, Error::Memory { .. }), "{error}");
    assert!(merged(&far, 4_000_000).is_ok());
    // A state that says more than it has is no reason to refuse memory, but damaged.
    let mut forged = state(&[1.0]);
    forged[4..8].fill(0xff);
    let error = merged(&[forged], 1 << 20).unwrap_err();
    assert!(error.to_string().contains("another checksum"), "{error}");
}

/// A state with other counts.
fn forged(count: u64, left_out: u64) -> Vec<u8> {
    let mut bytes = state(&[1.0, 2.0]);
    bytes.truncate(bytes.len() - 4);
    bytes[8..16].copy_from_slice(&count.to_le_bytes());
    bytes[16..24].copy_from_slice(&left_out.to_le_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

#[test]
fn counts_that_no_rows_have_are_named() {
    let error = |states: &[Vec<u8>]| merged(states, 1 << 30).unwrap_err().to_string();
    let most = i64::MAX as u64;
    assert_eq!(
        error(&[forged(u64::MAX, 0)]),
        "column state, row 1: a state of 18446744073709551615 vectors; expected a state of vector_state, version 1"
    );
    assert!(error(&[forged(1, most + 1)]).contains("a state of 9223372036854775808 rows left out"));
    assert_eq!(
        error(&[forged(most, 0), forged(1, 0)]),
        "column state, row 2: a state of 1 vectors, beside others of 9223372036854775807; expected a group of at most 9223372036854775807 together"
    );
    assert!(error(&[forged(1, most), forged(1, most)]).contains("rows left out, beside others"));
    let found = merged(&[forged(most - 1, most), forged(1, 0)], 1 << 30).unwrap();
    assert_eq!(found.columns[7..9], [most as i64; 2].map(|n| Values::BigInt(vec![Some(n)])));
}

#[test]
fn codes_and_bits_are_counted() {
    let values = uniform(3, 64 * 1000);
    for (name, bytes) in [("vector_quantize", 2 * 1000 * (64 + 40)), ("vector_binarize", 2 * 1000 * 8)] {
        let run = |limit| {
            let vectors = Vectors::matrix(&values, 64).unwrap();
            limited(name, vec![Input::Id(None), Input::Vectors(vectors)], 1000, &[], limit)
        };
        assert!(run(bytes).is_ok(), "{name}");
        assert!(matches!(run(bytes - 1), Err(Error::Memory { .. })), "{name}");
    }
}

#[test]
fn kmeans_draws_from_doubles_of_any_magnitude() {
    let column = doubles(&[&[0.0], &[1e-170], &[3e-170], &[4e-170]]);
    for seed in 0..10 {
        let found = KMeans::new(2).seed(seed).fit(&column.vectors("v")).unwrap();
        let labels: Vec<u32> = found.labels.into_iter().flatten().collect();
        assert!(labels[0] == labels[1] && labels[2] == labels[3] && labels[1] != labels[2], "{labels:?}");
    }
    for (far, near) in [([1e200], 0.0), ([1e308], -1e308)] {
        let near: Vec<[f64; 1]> = (0..501).map(|i| [near + f64::from(i) * 1e-3]).collect();
        let rows: Vec<&[f64]> =
            std::iter::repeat_n(&far[..], 499).chain(near.iter().map(|row| &row[..])).collect();
        let column = doubles(&rows);
        for seed in 0..10 {
            let found = KMeans::new(2).seed(seed).fit(&column.vectors("v")).unwrap();
            let first = found.labels[0];
            let apart = (0..1000).all(|row| (found.labels[row] == first) == (row < 499));
            // Where the second centroid lies near the first one, a step more is needed.
            assert!(
                apart && found.settled && found.iterations == 2,
                "{far:?}, seed {seed}: {}",
                found.iterations
            );
        }
    }
}

#[test]
fn spherical_kmeans_takes_rows_whose_norm_leaves_the_range() {
    let column = doubles(&[&[1e308; 4], &[-1e308; 4], &[5e-324; 4]]);
    let found = KMeans::new(2).spherical().fit(&column.vectors("v")).unwrap();
    let mut centroids: Vec<_> = (0..2).map(|i| found.centroids.row(i).unwrap()).collect();
    centroids.sort_by(|a, b| a[0].total_cmp(&b[0]));
    assert_eq!(centroids, [[-0.5; 4], [0.5; 4]]);
    assert_eq!(found.labels[0], found.labels[2]);
}

/// Rows whose averages no half holds.
fn thirds(element: Element) -> (Vec<Option<Vec<f64>>>, Column) {
    let row = |i: usize| Some(vec![(i % 2 * 90) as f64, (i % 3) as f64, (i * i % 7) as f64]);
    let rows: Vec<_> = (0..41).map(row).collect();
    let column = Column::new(element, &rows, 0);
    (rows, column)
}

#[test]
fn centroids_and_averages_are_of_the_inputs_element_type() {
    for element in Element::ALL {
        let (rows, column) = thirds(element);
        let vectors = column.vectors("v");
        let of_result = element.of_result();
        let own = ("element", text(element.name()));
        let params = [("clusters", Value::Int(2)), own.clone()];
        let output = call("vector_kmeans", compute(), std::slice::from_ref(&vectors), &params).unwrap();
        let Values::Vectors(centroids) = &output.columns[1] else { panic!("{output:?}") };
        let exact = KMeans::new(2).fit(&vectors).unwrap();
        let rounded = |packed: &hart_kernels::PackedVectors, i| pack(of_result, &packed.row(i).unwrap());
        assert_eq!(centroids.element, of_result);
        assert_eq!(centroids.lengths, [3 * of_result.size() as i32; 2]);
        assert_eq!(centroids.bytes, [rounded(&exact.centroids, 0), rounded(&exact.centroids, 1)].concat());
        // They go back into vector_assign as they are; bytes have centroids of singles.
        if element == of_result {
            let params = [
                ("centroids", Value::Bytes(centroids.bytes.clone())),
                ("centroid_count", Value::Int(2)),
                own.clone(),
            ];
            let output = call("vector_assign", compute(), std::slice::from_ref(&vectors), &params).unwrap();
            let labels = exact.labels.iter().map(|label| label.map(|label| label as i32 + 1)).collect();
            assert_eq!(output.columns[0], Values::Int(labels), "{}", element.name());
        }
        let periods: Vec<Option<i64>> = (0..rows.len() as i64).map(|i| Some(i % 2)).collect();
        let exact =
            series::drift(compute(), &periods, &vectors, Metric::Euclidean, NotFinite::Error).unwrap();
        let inputs = vec![Input::Integers(periods), Input::Vectors(vectors)];
        let output = call_columns("series_drift", compute(), inputs, &[own]).unwrap();
        let Values::Vectors(averages) = &output.columns[1] else { panic!("{output:?}") };
        assert_eq!(averages.element, of_result);
        assert_eq!(averages.bytes, [rounded(&exact.averages, 0), rounded(&exact.averages, 1)].concat());
        assert_eq!(output.columns[4], Values::Float(exact.from_previous));
    }
}

#[test]
fn too_few_rows_of_hdbscan_name_what_was_given() {
    let column = Column::new(Element::F32, &[Some(vec![1.0]), None, Some(vec![2.0])], 0);
    let error = |params: &[(&str, Value)]| {
        call("vector_hdbscan", compute(), &[column.vectors("v")], params).unwrap_err().to_string()
    };
    assert_eq!(error(&[]), "column v: 2 vectors; expected 5 or more, as minimum says");
    let most = i64::from(i32::MAX);
    assert_eq!(
        error(&[("minimum", Value::Int(most))]),
        "column v: 2 vectors; expected 2147483647 or more, as minimum says"
    );
    assert_eq!(
        error(&[("samples", Value::Int(1_000_000))]),
        "column v: 2 vectors; expected 1000000 or more, as samples says"
    );
    let one = Column::new(Element::F32, &[Some(vec![1.0])], 0);
    let one = call("vector_hdbscan", compute(), &[one.vectors("v")], &[("samples", Value::Int(3))]);
    assert_eq!(one.unwrap_err().to_string(), "column v: 1 vector; expected 3 or more, as samples says");
}

#[test]
fn kernels_of_distances_offer_no_dot() {
    let column = Column::new(Element::F32, &[Some(vec![1.0])], 0);
    let dot = [("metric", text("dot"))];
    for name in ["vector_hdbscan", "vector_local_outlier_factor"] {
        let error = call(name, compute(), &[column.vectors("v")], &dot).unwrap_err();
        let expected = "parameter metric is 'dot'; expected one of cosine, euclidean, manhattan";
        assert_eq!(error.to_string(), expected, "{name}");
    }
    for name in ["vector_silhouette", "series_dtw"] {
        let param = registry::find(name).unwrap().params.iter().find(|p| p.name == "metric").unwrap();
        assert_eq!(param.kind.describe(), "one of cosine, euclidean, manhattan");
        assert!(!param.summary.contains("dot"));
    }
    let rows = column.vectors("v");
    let error = series::dtw(compute(), &rows, &rows, None, Metric::Dot).unwrap_err();
    assert_eq!(
        error.to_string(),
        "parameter metric is 'dot'; expected one of cosine, euclidean, manhattan: dot is no distance"
    );
}

#[test]
fn other_dimensions_are_told_in_words() {
    let column = Column::new(Element::F32, &[Some(vec![1.0]), Some(vec![1.0, 2.0])], 0);
    let vectors = column.vectors("v");
    let other = Vectors::matrix(&[1.0, 2.0, 3.0], 3).unwrap();
    let error = cluster::assign(compute(), &vectors, &other, Metric::Euclidean).unwrap_err();
    assert_eq!(error.to_string(), "column v, row 1: 1 dimensions, but a centroid has 3");
    let periods = [Some(1), Some(2)];
    let error = series::drift(compute(), &periods, &vectors, Metric::Euclidean, NotFinite::Error);
    assert_eq!(
        error.unwrap_err().to_string(),
        "the averages, row 2: 2 dimensions, but the period before has 1"
    );
    let pair = Vectors::matrix(&[1.0, 2.0], 2).unwrap();
    let error = series::dtw(compute(), &pair, &other, None, Metric::Euclidean).unwrap_err();
    assert_eq!(error.to_string(), "column matrix, row 1: 3 dimensions, but column matrix has 2");
    let codes = vector::quantize(&pair).unwrap();
    let bytes = PackedBytes { bytes: codes.row(0).unwrap(), lengths: vec![42] };
    let inputs = vec![Input::Id(None), Input::Binary(bytes.rows().collect())];
    let params = [("query", text("[1,2,3]")), ("k", Value::Int(1))];
    let error = limited("vector_candidates", inputs, 1, &params, 1 << 30).unwrap_err();
    assert!(error.to_string().ends_with("3 dimensions, but a code has 2"), "{error}");
}

#[test]
fn silhouettes_of_distances_beyond_doubles_are_nan() {
    let column = doubles(&[&[1e308], &[-1e308], &[0.0], &[1e308], &[9.0], &[10.0]]);
    // Either mean may be infinite; the last rows have finite ones.
    for (labels, own, other) in [
        ([1, 1, 2, 1, 3, 3], f64::INFINITY, 1e308),
        ([1, 2, 3, 1, 3, 3], 0.0, f64::INFINITY),
        ([1, 2, 2, 1, 3, 3], 0.0, f64::INFINITY),
    ] {
        let labels = labels.map(Some);
        let vectors = column.vectors("v");
        let found = cluster::silhouette(compute(), &vectors, &labels, None, Metric::Euclidean).unwrap();
        let first = found[0].unwrap();
        assert_eq!((first.own, first.other), (own, other), "{labels:?}");
        assert!(first.silhouette.is_nan() && cluster::mean_silhouette(&found, None).unwrap().is_nan());
    }
}

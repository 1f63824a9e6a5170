//! Clusters and outliers: against plain implementations, and the same for any threads, levels and order of rows.

use crate::common;

use common::columns::Column;
use common::{announce, call, call_with_ids, compute, hash, text, uniform};
use hart_kernels::cluster::{self, Clusters, IsolationForest, KMeans};
use hart_kernels::group::{self, By, Divisor};
use hart_kernels::registry::{Value, Values};
use hart_kernels::{Element, Level, Metric, Vectors, vector};

/// Rows in `blobs` heaps around random places; every row's blob is `i % blobs`.
fn blobs(rows: u32, n: usize, blobs: u32, spread: f32) -> Vec<Vec<f32>> {
    let row = |i: u32| {
        let place = uniform(5000 + i % blobs, n);
        place.iter().zip(uniform(i, n)).map(|(p, d)| p * 4.0 + d * spread).collect()
    };
    (0..rows).map(row).collect()
}

/// Whether two labellings are the same up to the names of the clusters.
fn same_clusters(a: &[i64], b: &[i64]) -> bool {
    let mut names = std::collections::BTreeMap::new();
    let mut taken = std::collections::BTreeMap::new();
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(a, b)| *names.entry(a).or_insert(b) == b && *taken.entry(b).or_insert(a) == a)
}

fn labels(found: &Clusters) -> Vec<i64> {
    found.labels.iter().map(|label| label.map_or(-1, i64::from)).collect()
}

/// Lloyd's algorithm as it is written, without bounds: labels, centroids, steps, and whether it settled.
fn lloyd(rows: &[Vec<f32>], mut centroids: Vec<Vec<f32>>, most: u32) -> (Vec<i64>, Vec<Vec<f32>>, u32, bool) {
    let nearest = |row: &[f32], centroids: &[Vec<f32>]| {
        let distances = centroids.iter().map(|c| vector::distance(Metric::Euclidean, c, row).unwrap());
        distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i as i64).unwrap()
    };
    let assign =
        |centroids: &[Vec<f32>]| -> Vec<i64> { rows.iter().map(|row| nearest(row, centroids)).collect() };
    let mut labels = assign(&centroids);
    let mut steps = 1;
    loop {
        for (i, centroid) in centroids.iter_mut().enumerate() {
            let own: Vec<&Vec<f32>> =
                rows.iter().zip(&labels).filter(|(_, l)| **l == i as i64).map(|(r, _)| r).collect();
            assert!(!own.is_empty(), "a cluster lost its rows: choose another example");
            for (j, v) in centroid.iter_mut().enumerate() {
                // Few numbers of few bits: the sum of doubles is exact.
                *v = (own.iter().map(|row| f64::from(row[j])).sum::<f64>() / own.len() as f64) as f32;
            }
        }
        if steps == most {
            return (assign(&centroids), centroids, steps, false);
        }
        steps += 1;
        let next = assign(&centroids);
        if next == labels {
            return (labels, centroids, steps, true);
        }
        labels = next;
    }
}

#[test]
fn kmeans_is_lloyds_algorithm() {
    announce("clusters");
    for (rows, n, k, spread) in [(300, 2, 4, 6.0), (500, 33, 7, 5.0), (400, 5, 20, 4.0), (60, 3, 1, 1.0)] {
        // Multiples of 2⁻¹², so that the plain sums are exact.
        let rows: Vec<Vec<f32>> = blobs(rows, n, k, spread)
            .into_iter()
            .map(|row| row.into_iter().map(|v| (v * 4096.0).round() / 4096.0).collect())
            .collect();
        let start: Vec<Vec<f32>> = rows[..k as usize].to_vec();
        let (all, first) = (rows.concat(), start.concat());
        let vectors = Vectors::matrix(&all, n).unwrap();
        let first = Vectors::matrix(&first, n).unwrap();
        for most in [1, 2, 3, 5, 300] {
            let (expected, centroids, steps, settled) = lloyd(&rows, start.clone(), most);
            let found = KMeans::new(k as usize).start(&first).iterations(most).fit(&vectors).unwrap();
            assert_eq!((labels(&found), found.iterations), (expected, steps), "{n}, {k}, {most}");
            for (i, centroid) in centroids.iter().enumerate() {
                let own: Vec<f64> = centroid.iter().map(|v| f64::from(*v)).collect();
                assert_eq!(found.centroids.row(i), Some(own));
            }
            assert_eq!(found.settled, settled);
            let inertia: f64 = rows
                .iter()
                .zip(&labels(&found))
                .map(|(row, l)| {
                    vector::distance(Metric::Euclidean, &centroids[*l as usize], row).unwrap().powi(2)
                })
                .sum();
            assert!((found.inertia - inertia).abs() <= 1e-12 * inertia);
            assert!((found.within.iter().sum::<f64>() - found.inertia).abs() <= 1e-12 * inertia);
        }
    }
}

#[test]
fn sums_that_are_too_large_to_be_kept_give_the_same() {
    // 2 · 20,000 sums of digits take more than 16 MiB, and more than the vectors.
    let n = 20_000;
    let rows = blobs(60, n, 3, 6.0);
    let rows: Vec<Vec<f32>> =
        rows.iter().map(|row| row.iter().map(|v| (v * 4096.0).round() / 4096.0).collect()).collect();
    let (all, first) = (rows.concat(), rows[..2].concat());
    let (vectors, first) = (Vectors::matrix(&all, n).unwrap(), Vectors::matrix(&first, n).unwrap());
    let (expected, centroids, steps, _) = lloyd(&rows, rows[..2].to_vec(), 10);
    let found = KMeans::new(2).start(&first).iterations(10).fit(&vectors).unwrap();
    assert_eq!((labels(&found), found.iterations), (expected, steps));
    for (i, centroid) in centroids.iter().enumerate() {
        let own: Vec<f64> = centroid.iter().map(|v| f64::from(*v)).collect();
        assert_eq!(found.centroids.row(i), Some(own));
    }
}

#[test]
fn kmeans_by_codes_is_that_without() {
    // Elements of other types, ties, a zero vector, NULL rows, and rows that codes say nothing of.
    for element in [Element::F32, Element::F64, Element::F16, Element::I8] {
        let scale = if element == Element::I8 { 20.0 } else { 1.0 };
        let mut rows: Vec<Option<Vec<f64>>> = blobs(400, 24, 6, 3.0)
            .iter()
            .map(|row| Some(row.iter().map(|v| f64::from((v * 8.0).round() / 8.0) * scale).collect()))
            .collect();
        rows[3] = None;
        rows[200] = Some(vec![0.0; 24]);
        if matches!(element, Element::F32 | Element::F64) {
            rows[201] = Some(vec![1e13; 24]);
            rows[202] = Some(vec![1e-14; 24]);
        }
        let column = Column::new(element, &rows, 1);
        let vectors = column.vectors("v");
        let start: Vec<Option<Vec<f64>>> = [0, 1, 2, 4, 5, 5, 9].iter().map(|i| rows[*i].clone()).collect();
        let wide = if element == Element::F64 { Element::F64 } else { Element::F32 };
        let start = Column::new(wide, &start, 0);
        for steps in [1, 4, 100] {
            let start = start.vectors("c");
            let found = KMeans::new(7).start(&start).iterations(steps).fit(&vectors).unwrap();
            let own = Vectors::packed("c", wide, &found.centroids.bytes, &found.centroids.lengths).unwrap();
            let assigned = cluster::assign(compute(), &vectors, &own, Metric::Euclidean).unwrap();
            let mut within = [0.0; 7];
            for (row, (label, nearest)) in found.labels.iter().zip(&assigned).enumerate() {
                assert_eq!(*label, nearest.map(|a| a.cluster), "{element:?}, row {row}");
                if let Some(nearest) = nearest {
                    within[nearest.cluster as usize] += nearest.distance * nearest.distance;
                }
            }
            for (a, b) in within.iter().zip(&found.within) {
                assert!((a - b).abs() <= 1e-12 * b, "{a} {b}");
            }
        }
    }
}

#[test]
fn kmeans_finds_heaps_that_lie_apart() {
    let rows = blobs(600, 16, 6, 0.3);
    let all = rows.concat();
    let truth: Vec<i64> = (0..600).map(|i| i % 6).collect();
    for seed in 0..5 {
        let found = KMeans::new(6).seed(seed).fit(&Vectors::matrix(&all, 16).unwrap()).unwrap();
        assert!(same_clusters(&labels(&found), &truth), "seed {seed}");
        assert!(found.settled && found.members == [100; 6]);
    }
    let spherical = KMeans::new(6).spherical().fit(&Vectors::matrix(&all, 16).unwrap()).unwrap();
    assert!(same_clusters(&labels(&spherical), &truth));
    for i in 0..6 {
        let norm: f64 = spherical.centroids.row(i).unwrap().iter().map(|v| v * v).sum();
        assert!((norm - 1.0).abs() < 1e-6, "{norm}");
    }
}

#[test]
fn kmeans_is_the_same_for_any_threads_levels_and_order() {
    let rows = blobs(2500, 128, 9, 5.0);
    let column = Column::of_singles(Element::F32, &rows, 1);
    let params = [("clusters", Value::Int(12)), ("seed", Value::Int(7)), ("iterations", Value::Int(20))];
    let pools = [1, 3].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
    let expected = pools[0]
        .install(|| call("vector_kmeans", compute().level(Level::scalar()), &[column.vectors("v")], &params))
        .unwrap();
    let many =
        pools[1].install(|| call("vector_kmeans", compute(), &[column.vectors("v")], &params)).unwrap();
    assert_eq!(expected, many);
    let mut order: Vec<usize> = (0..2500).collect();
    order.sort_by_key(|i| hash(3, *i as u32));
    let moved: Vec<Vec<f32>> = order.iter().map(|i| rows[*i].clone()).collect();
    let moved = Column::of_singles(Element::F32, &moved, 2);
    let ids = Some(order.iter().map(|i| Some(*i as i64 + 1)).collect());
    let got = call_with_ids("vector_kmeans", compute(), &[moved.vectors("v")], ids, &params).unwrap();
    assert_eq!(expected, got);
    // The centroids are the averages of the rows that vector_assign gives them.
    let Values::Vectors(centroids) = &expected.columns[1] else { panic!() };
    let Values::Int(settled) = &expected.columns[5] else { panic!() };
    let v = column.vectors("v");
    let own = Vectors::packed("c", Element::F32, &centroids.bytes, &centroids.lengths).unwrap();
    let found = cluster::assign(compute(), &v, &own, Metric::Euclidean).unwrap();
    let keys: Vec<Option<i64>> = found.iter().map(|a| a.map(|a| i64::from(a.cluster))).collect();
    let averages = group::average(&By::new(&keys).as_input(), &v).unwrap();
    assert_eq!(
        (settled[0] == Some(1)).then_some(&averages.results[0]),
        (settled[0] == Some(1)).then_some(centroids)
    );
    let Values::BigInt(members) = &expected.columns[2] else { panic!() };
    assert_eq!(members.iter().map(|m| m.unwrap()).collect::<Vec<_>>(), averages.vectors);
}

#[test]
fn empty_clusters_take_the_farthest_row() {
    let rows = [0.0f32, 1.0, 2.0, 50.0, 51.0, 90.0];
    // Two centroids that nothing is near to.
    let start = [1.0f32, -1e6, 1e6];
    let start = Vectors::matrix(&start, 1).unwrap();
    let found = KMeans::new(3).start(&start).fit(&Vectors::matrix(&rows, 1).unwrap()).unwrap();
    assert!(found.members.iter().all(|m| *m > 0) && found.settled, "{found:?}");
    assert!(same_clusters(&labels(&found), &[0, 0, 0, 1, 1, 2]) || found.inertia < 800.0, "{found:?}");
    // Equal rows leave a cluster without any.
    let same = Vectors::matrix(&[1.0, 1.0, 1.0, 1.0], 1).unwrap();
    let error = KMeans::new(2).fit(&same).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column matrix: 1 different vector among 4; expected 2 or more, as clusters says"
    );
}

#[test]
fn bad_input_of_kmeans_is_named() {
    let column = |rows: &[Option<Vec<f64>>]| Column::new(Element::F32, rows, 0);
    let error = |rows: &[Option<Vec<f64>>], k: i64| {
        let column = column(rows);
        call("vector_kmeans", compute(), &[column.vectors("v")], &[("clusters", Value::Int(k))])
            .unwrap_err()
            .to_string()
    };
    let two = [Some(vec![1.0]), None, Some(vec![2.0])];
    assert_eq!(error(&two, 3), "column v: 2 vectors; expected 3 or more, as clusters says");
    assert_eq!(
        error(&[Some(vec![1.0]), Some(vec![f64::NAN])], 1),
        "column v, row 2: a number that is not finite; expected a vector of finite numbers, or NULL to leave the row out"
    );
    assert_eq!(
        error(&[None, Some(vec![1.0]), Some(vec![1.0, 2.0])], 1),
        "column v, row 3: 2 dimensions, but row 2 has 1"
    );
    assert!(error(&two, 0).contains("clusters is 0; expected an integer from 1"));
    let start = [("clusters", Value::Int(2)), ("start_centroids", text("[1,2,3]"))];
    let start = call("vector_kmeans", compute(), &[column(&two).vectors("v")], &start).unwrap_err();
    assert_eq!(
        start.to_string(),
        "parameter start_centroids is 3 numbers; expected a multiple of clusters = 2"
    );
    let found = KMeans::new(1).fit(&column(&two).vectors("v")).unwrap();
    assert_eq!(found.labels, [Some(0), None, Some(0)]);
}

#[test]
fn assignments_have_the_bits_of_distances() {
    for metric in [Metric::Euclidean, Metric::Cosine, Metric::Dot] {
        for (n, k) in [(1, 1), (3, 2), (64, 5), (200, 70)] {
            let rows = blobs(100, n, 3, 2.0);
            let centroids = blobs(k, n, k, 1.0);
            let (all, few) = (rows.concat(), centroids.concat());
            let (all, few) = (Vectors::matrix(&all, n).unwrap(), Vectors::matrix(&few, n).unwrap());
            for (row, found) in rows.iter().zip(cluster::assign(compute(), &all, &few, metric).unwrap()) {
                let mut distances: Vec<(f64, u32)> = centroids
                    .iter()
                    .zip(0..)
                    .map(|(c, i)| (vector::distance(metric, c, row).unwrap(), i))
                    .collect();
                distances.sort_by(|a, b| a.partial_cmp(b).unwrap());
                let found = found.unwrap();
                assert_eq!((found.distance, found.cluster), distances[0], "{metric:?}, {n}, {k}");
                assert_eq!(found.second, distances.get(1).map_or(f64::INFINITY, |d| d.0));
            }
        }
    }
}

#[test]
fn a_distance_of_minus_infinity_is_the_least() {
    for element in [Element::F32, Element::F64, Element::F16, Element::Bf16] {
        for count in [1, 2, 9, 70] {
            for place in [0, count / 2, count - 1] {
                let rows = [Some(vec![f64::INFINITY, 1.0]), Some(vec![1.0, 1.0]), Some(vec![f64::NAN, 1.0])];
                let rows = Column::new(element, &rows, 1);
                let one = |i: usize| Some(vec![if i == place { 1.0 } else { -1.0 }, 0.0]);
                let few = Column::new(element, &(0..count).map(one).collect::<Vec<_>>(), 0);
                let found =
                    cluster::assign(compute(), &rows.vectors("v"), &few.vectors("c"), Metric::Dot).unwrap();
                let found: Vec<_> = found.into_iter().flatten().collect();
                for (found, least) in found.iter().zip([f64::NEG_INFINITY, -1.0]) {
                    assert_eq!(
                        (found.cluster, found.distance),
                        (place as u32, least),
                        "{element:?}, {count}"
                    );
                }
                assert_eq!(found[0].second, f64::INFINITY);
                // Nothing is smaller than another: the first.
                assert!(found[2].cluster == 0 && found[2].distance.is_nan());
            }
        }
    }
    // Products beyond the range of doubles.
    let row = Column::new(Element::F64, &[Some(vec![1e200]), Some(vec![-1e200])], 0);
    let few = Column::new(Element::F64, &[Some(vec![-1.0]), Some(vec![1e200]), Some(vec![2e200])], 0);
    let found = cluster::assign(compute(), &row.vectors("v"), &few.vectors("c"), Metric::Dot).unwrap();
    let found: Vec<_> = found.into_iter().flatten().map(|a| (a.cluster, a.distance, a.second)).collect();
    assert_eq!(found[0], (1, f64::NEG_INFINITY, f64::NEG_INFINITY));
    assert_eq!(found[1], (0, -1e200, f64::INFINITY));
    // Where all are +∞, the first that is not NaN.
    let few = Column::new(Element::F64, &[Some(vec![f64::NAN]), Some(vec![1e200])], 0);
    let found = cluster::assign(compute(), &row.vectors("v"), &few.vectors("c"), Metric::Dot).unwrap();
    assert_eq!(found[1].as_ref().map(|a| (a.cluster, a.distance)), Some((1, f64::INFINITY)));
}

/// DBSCAN as it is written: rows in order, a queue for each cluster.
fn plain_dbscan(rows: &[Vec<f32>], radius: f64, minimum: usize, metric: Metric) -> Vec<i64> {
    let near = |i: usize| -> Vec<usize> {
        (0..rows.len())
            .filter(|j| vector::distance(metric, &rows[i], &rows[*j]).unwrap() <= radius || i == *j)
            .collect()
    };
    let mut labels = vec![0i64; rows.len()];
    let mut last = 0;
    for i in 0..rows.len() {
        if labels[i] != 0 || near(i).len() < minimum {
            continue;
        }
        last += 1;
        labels[i] = last;
        let mut queue = near(i);
        while let Some(j) = queue.pop() {
            if labels[j] == 0 {
                labels[j] = last;
                let more = near(j);
                if more.len() >= minimum {
                    queue.extend(more);
                }
            }
        }
    }
    labels
}

#[test]
fn dbscan_is_the_published_algorithm() {
    for (count, n, blobs_of, spread, radius, minimum, metric) in [
        (300, 2, 4, 1.0, 0.35, 5, Metric::Euclidean),
        (200, 2, 4, 3.0, 0.5, 3, Metric::Euclidean),
        (250, 10, 5, 1.5, 2.4, 4, Metric::Euclidean),
        (280, 3, 5, 0.7, 0.01, 4, Metric::Cosine),
        (100, 3, 5, 1.0, 2.5, 4, Metric::Manhattan),
        (130, 5, 3, 1.0, 0.0, 1, Metric::Euclidean),
        (100, 5, 3, 1.0, 100.0, 2, Metric::Euclidean),
    ] {
        let rows = blobs(count, n, blobs_of, spread);
        let expected = plain_dbscan(&rows, radius, minimum, metric);
        let all = rows.concat();
        let vectors = Vectors::matrix(&all, n).unwrap();
        let pools = [1, 3].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
        for (pool, level) in pools.iter().zip([Level::scalar(), Level::current()]) {
            let found = pool
                .install(|| {
                    cluster::dbscan(compute().level(level), &vectors, None, radius, minimum as u32, metric)
                })
                .unwrap();
            let labels: Vec<i64> = found.iter().map(|row| i64::from(row.unwrap().cluster)).collect();
            assert_eq!(labels, expected, "{count}, {n}, {radius}");
            for (i, row) in found.iter().enumerate() {
                let near = (0..rows.len())
                    .filter(|j| i == *j || vector::distance(metric, &rows[i], &rows[*j]).unwrap() <= radius);
                let near = near.count();
                let row = row.unwrap();
                assert_eq!((row.neighbors as usize, row.core), (near, near >= minimum));
            }
        }
    }
}

#[test]
fn local_outlier_factors_are_the_published_ones() {
    for (count, n, k, metric) in
        [(120, 3, 5, Metric::Euclidean), (90, 20, 1, Metric::Euclidean), (270, 7, 12, Metric::Cosine)]
    {
        let rows = blobs(count, n, 3, 2.0);
        let all = rows.concat();
        let found =
            cluster::local_outlier_factor(compute(), &Vectors::matrix(&all, n).unwrap(), None, k, metric)
                .unwrap();
        let distance = |i: usize, j: usize| vector::distance(metric, &rows[i], &rows[j]).unwrap();
        let near: Vec<Vec<usize>> = (0..rows.len())
            .map(|i| {
                let mut others: Vec<usize> = (0..rows.len()).filter(|j| *j != i).collect();
                others.sort_by(|a, b| distance(i, *a).total_cmp(&distance(i, *b)).then(a.cmp(b)));
                others[..k].to_vec()
            })
            .collect();
        let farthest = |i: usize| distance(i, near[i][k - 1]);
        let density =
            |i: usize| k as f64 / near[i].iter().map(|j| distance(i, *j).max(farthest(*j))).sum::<f64>();
        for (i, row) in found.iter().enumerate() {
            let factor = near[i].iter().map(|j| density(*j)).sum::<f64>() / k as f64 / density(i);
            let row = row.unwrap();
            assert!(
                (row.factor - factor).abs() <= 1e-12 * factor,
                "{count}, {n}, {k}, row {i}: {row:?} {factor}"
            );
            assert_eq!(row.distance, farthest(i));
        }
    }
    // Many rows at the same place.
    let rows = [1.0f32, 1.0, 1.0, 1.0, 5.0];
    let found = cluster::local_outlier_factor(
        compute(),
        &Vectors::matrix(&rows, 1).unwrap(),
        None,
        2,
        Metric::Euclidean,
    )
    .unwrap();
    let factors: Vec<f64> = found.iter().map(|row| row.unwrap().factor).collect();
    assert_eq!(factors, [1.0, 1.0, 1.0, 1.0, f64::INFINITY]);
    let few = cluster::local_outlier_factor(
        compute(),
        &Vectors::matrix(&rows, 1).unwrap(),
        None,
        5,
        Metric::Euclidean,
    );
    assert_eq!(
        few.unwrap_err().to_string(),
        "column matrix: 5 vectors; expected 6 or more, one more than neighbors"
    );
    let dot =
        cluster::local_outlier_factor(compute(), &Vectors::matrix(&rows, 1).unwrap(), None, 2, Metric::Dot);
    assert_eq!(
        dot.unwrap_err().to_string(),
        "parameter metric is 'dot'; expected one of cosine, euclidean, manhattan: dot is no distance"
    );
}

#[test]
fn mahalanobis_distances_invert_the_covariance() {
    let n = 6;
    let rows = blobs(200, n, 4, 2.0);
    let all = rows.concat();
    let vectors = Vectors::matrix(&all, n).unwrap();
    for shrinkage in [0.0, 0.3, 1.0] {
        let found = cluster::mahalanobis(compute(), &vectors, shrinkage, Divisor::Sample).unwrap();
        let keys = vec![None; 200];
        let covariance = group::covariance(&By::new(&keys), &vectors, Divisor::Sample).unwrap().remove(0);
        let trace = (0..n).map(|i| covariance.matrix[i * n + i]).sum::<f64>() / n as f64;
        let matrix = |i: usize, j: usize| {
            (1.0 - shrinkage) * covariance.matrix[i * n + j] + if i == j { shrinkage * trace } else { 0.0 }
        };
        for (row, found) in rows.iter().zip(&found) {
            let rest: Vec<f64> =
                row.iter().zip(&covariance.average).map(|(v, m)| f64::from(*v) - m).collect();
            // Gaussian elimination of the system C·y = rest.
            let mut system: Vec<Vec<f64>> =
                (0..n).map(|i| (0..n).map(|j| matrix(i, j)).chain([rest[i]]).collect()).collect();
            for i in 0..n {
                for k in 0..n {
                    if k != i {
                        let factor = system[k][i] / system[i][i];
                        let (own, other) = (system[i].clone(), &mut system[k]);
                        other.iter_mut().zip(own).for_each(|(v, own)| *v -= factor * own);
                    }
                }
            }
            let square: f64 = (0..n).map(|i| rest[i] * system[i][n] / system[i][i]).sum();
            let found = found.unwrap();
            assert!((found - square.sqrt()).abs() <= 1e-10 * found, "{shrinkage}: {found} {}", square.sqrt());
        }
    }
    // The mean square over the rows is n·(m − 1)/m, whatever the vectors.
    let found = cluster::mahalanobis(compute(), &vectors, 0.0, Divisor::Sample).unwrap();
    let mean = found.iter().map(|d| d.unwrap().powi(2)).sum::<f64>() / 200.0;
    assert!((mean - n as f64 * 199.0 / 200.0).abs() < 1e-9);
}

#[test]
fn singular_covariances_are_named_with_the_remedy() {
    let dependent: Vec<f32> =
        (0..20).flat_map(|i| [i as f32, (i * i) as f32, (3 * i - i * i) as f32]).collect();
    let constant: Vec<f32> = (0..20).flat_map(|i| [i as f32, 7.0, (i * i) as f32]).collect();
    for (rows, component) in [(dependent, 3), (constant, 2)] {
        let vectors = Vectors::matrix(&rows, 3).unwrap();
        let error = cluster::mahalanobis(compute(), &vectors, 0.0, Divisor::Sample).unwrap_err().to_string();
        let expected = format!(
            "component {component} of 3 is constant or depends on those before it; expected more vectors than dimensions and components that vary, or shrinkage above 0"
        );
        assert!(error.ends_with(&expected), "{error}");
        assert!(cluster::mahalanobis(compute(), &vectors, 0.01, Divisor::Sample).is_ok());
    }
    let few = Vectors::matrix(&[1.0, 2.0, 3.0, 5.0], 2).unwrap();
    assert!(
        cluster::mahalanobis(compute(), &few, 0.0, Divisor::Sample)
            .unwrap_err()
            .to_string()
            .contains("of 2 vectors")
    );
    let one = Vectors::matrix(&[1.0, 2.0], 2).unwrap();
    let error = cluster::mahalanobis(compute(), &one, 0.5, Divisor::Sample).unwrap_err().to_string();
    assert_eq!(error, "column matrix: 1 vector; expected 2 or more, to see how they vary");
}

#[test]
fn isolation_forests_find_what_lies_apart() {
    let mut rows = blobs(500, 8, 2, 1.0);
    rows.push(vec![30.0; 8]);
    rows.push(vec![-30.0; 8]);
    let column = Column::of_singles(Element::F32, &rows, 0);
    for seed in 0..3 {
        let forest = || {
            let mut forest = IsolationForest::default();
            forest.seed = seed;
            forest
        };
        let pools = [1, 3].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
        let [one, many] =
            pools.each_ref().map(|p| p.install(|| forest().scores(&column.vectors("v"), None).unwrap()));
        assert_eq!(one, many);
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|a, b| one[*b].unwrap().total_cmp(&one[*a].unwrap()));
        // Both far ones, on either side, come first.
        assert!(order[..2].contains(&500) && order[..2].contains(&501), "{:?}", &order[..5]);
        assert!(one[500].unwrap() > 0.7 && one.iter().all(|s| (0.0..1.0).contains(&s.unwrap())));
        let mean = one.iter().map(|s| s.unwrap()).sum::<f64>() / one.len() as f64;
        assert!((0.35..0.55).contains(&mean), "{mean}");
    }
    // By name, in any order of rows with the same ids.
    let expected = call("vector_isolation_forest", compute(), &[column.vectors("v")], &[]).unwrap();
    let backwards: Vec<Vec<f32>> = rows.iter().rev().cloned().collect();
    let backwards = Column::of_singles(Element::F32, &backwards, 0);
    let ids = Some((1..=rows.len() as i64).rev().map(Some).collect());
    let got =
        call_with_ids("vector_isolation_forest", compute(), &[backwards.vectors("v")], ids, &[]).unwrap();
    let (Values::Float(a), Values::Float(b)) = (&expected.columns[0], &got.columns[0]) else { panic!() };
    assert!(a.iter().eq(b.iter().rev()));
    // Equal rows cannot be told apart.
    let same = Vectors::matrix(&[1.0; 20], 2).unwrap();
    let scores = IsolationForest::default().scores(&same, None).unwrap();
    assert!(scores.iter().all(|s| (s.unwrap() - 0.5).abs() < 1e-12), "{scores:?}");
    let one = Vectors::matrix(&[1.0, 2.0], 2).unwrap();
    let error = IsolationForest::default().scores(&one, None).unwrap_err();
    assert_eq!(error.to_string(), "column matrix: 1 vector; expected 2 or more, to tell one from others");
}

#[test]
fn nothing_in_nothing_out() {
    for rows in [vec![], vec![None, None]] {
        let column = Column::new(Element::F32, &rows, 0);
        let given = [
            ("vector_dbscan", vec![("radius", Value::Int(1))]),
            ("vector_isolation_forest", vec![]),
            ("vector_local_outlier_factor", vec![]),
            ("vector_mahalanobis", vec![]),
            ("vector_assign", vec![("centroids", text("[1,2]"))]),
        ];
        for (name, params) in given {
            let output = call(name, compute(), &[column.vectors("v")], &params).unwrap();
            match &output.columns[0] {
                Values::Float(v) => assert_eq!(v, &vec![None; rows.len()], "{name}"),
                Values::Int(v) => assert_eq!(v, &vec![None; rows.len()], "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}

//! Recall: what a search would find, and what docs/SPATIAL-RECALL.md says of real vectors.

use crate::common;

use common::columns::pack;
use common::{call, compute, text, uniform};
use hart_kernels::registry::{Output, Value, Values};
use hart_kernels::spatial::{self, Basis, Order};
use hart_kernels::{Element, Metric, Vectors, vector};

fn floats(output: &Output, column: usize) -> Vec<f64> {
    let Values::Float(values) = &output.columns[column] else { panic!("column {column} holds no numbers") };
    values.iter().map(|v| v.unwrap()).collect()
}

#[test]
fn recall_counts_what_a_search_would_find() {
    let n = 16;
    let values: Vec<f32> = (0..600).flat_map(|i| uniform(i, n)).collect();
    let rows = Vectors::matrix(&values, n).unwrap();
    let ids: Vec<i64> = (1..=600).collect();
    let queries: Vec<f32> = (0..9).flat_map(|i| uniform(7000 + i, n)).collect();
    let queries = Vectors::matrix(&queries, n).unwrap();
    let basis = Basis::random(n, 6, 5).unwrap();
    for (name, metric) in [("cosine", Metric::Cosine), ("euclidean", Metric::Euclidean), ("dot", Metric::Dot)]
    {
        let truth = vector::top_k(&rows, &ids, &queries, 10, metric).unwrap();
        for order in Order::ALL {
            let recall = spatial::recall(&basis, &rows, &ids, &queries, 10, metric, false, order).unwrap();
            assert_eq!((recall.at(600), recall.at(0)), (1.0, 0.0));
            for candidates in [10, 40, 200] {
                let bytes = (0..9 * n)
                    .map(|i| f64::from(uniform(7000 + (i / n) as u32, n)[i % n]))
                    .collect::<Vec<_>>();
                let params = [
                    ("query", Value::Bytes(pack(Element::F32, &bytes))),
                    ("query_count", Value::Int(9)),
                    ("metric", text(name)),
                    ("candidates", Value::Int(candidates)),
                    ("basis", Value::Bytes(basis.to_bytes())),
                    ("sieve", text(order.name())),
                ];
                let output =
                    call("spatial_hybrid_search", compute(), std::slice::from_ref(&rows), &params).unwrap();
                let picked = output.picked.clone().unwrap();
                let of_query = |q: usize| picked[q * 10..][..10].to_vec();
                let kept: Vec<usize> = (0..9)
                    .map(|q| truth[q].iter().filter(|hit| of_query(q).contains(&hit.row)).count())
                    .collect();
                let all = kept.iter().sum::<usize>() as f64 / 90.0;
                assert_eq!(recall.at(candidates as usize), all, "{} {}", order.name(), name);
                assert_eq!(recall.worst_at(candidates as usize), *kept.iter().min().unwrap() as f64 / 10.0);
            }
            for share in [0.5, 0.9, 0.95, 0.99, 1.0] {
                let needed = recall.needed(share).unwrap();
                assert!(recall.at(needed) >= share && recall.at(needed - 1) < share);
            }
        }
    }
}

/// The order by cells is that of the search in stages, for every number of rows that its stages leave.
#[test]
fn recall_by_cells_counts_what_the_search_in_stages_would_find() {
    let n = 16;
    let values: Vec<f32> = (0..600).flat_map(|i| uniform(i, n)).collect();
    let rows = Vectors::matrix(&values, n).unwrap();
    let query: Vec<f64> = (0..9).flat_map(|i| uniform(7000 + i, n)).map(f64::from).collect();
    for (cell, coarse) in [(0.0, 150), (0.7, 40)] {
        let base = [
            ("query", Value::Bytes(pack(Element::F32, &query))),
            ("query_count", Value::Int(9)),
            ("k", Value::Int(10)),
            ("basis", Value::Bytes(Basis::random(n, 6, 5).unwrap().to_bytes())),
        ];
        let cell = ("cell", Value::Float(cell));
        let run = |kernel: &str, more: &[(&'static str, Value)]| {
            call(kernel, compute(), std::slice::from_ref(&rows), &[&base, more].concat()).unwrap()
        };
        let recall = run(
            "spatial_recall",
            &[("order", text("cells")), ("coarse_candidates", Value::Int(coarse)), cell.clone()],
        );
        let (candidates, shares) = (floats(&recall, 2), floats(&recall, 4));
        let truth = run("spatial_hybrid_search", &[]).picked.unwrap();
        for fine in [10, 20, 50, 100, 200, 500] {
            let stages = [
                ("coarse_candidates", Value::Int(coarse.max(fine))),
                ("fine_candidates", Value::Int(fine)),
                cell.clone(),
            ];
            let found = run("spatial_multi_resolution_search", &stages).picked.unwrap();
            let kept = (0..90).filter(|i| found[i / 10 * 10..][..10].contains(&truth[*i])).count();
            let line = candidates.iter().position(|n| *n == fine as f64).unwrap();
            assert_eq!(shares[line], kept as f64 / 90.0, "{cell:?}: {coarse}, {fine}");
        }
        // Cells that numbers do not tell apart would order rows by chance.
        let tiny = [&base[..], &[("cell", Value::Float(1e-310))]].concat();
        for kernel in ["spatial_multi_resolution_search", "spatial_recall"] {
            let error = call(kernel, compute(), std::slice::from_ref(&rows), &tiny).unwrap_err().to_string();
            assert!(error.contains("cell is 1e-310") && error.contains("less than 2⁵³ from 0"), "{error}");
        }
        let Values::Text(orders) = &recall.columns[0] else { panic!() };
        assert!(orders.iter().all(|order| order.as_deref() == Some("cells")));
        // All orders have that one as well.
        let Values::Text(orders) =
            run("spatial_recall", &[("coarse_candidates", Value::Int(coarse)), cell.clone()])
                .columns
                .swap_remove(0)
        else {
            panic!()
        };
        assert_eq!(orders.iter().filter(|o| o.as_deref() == Some("cells")).count(), candidates.len());
    }
}

/// For 2,000 rows and 200 queries the true neighbours, of 2000, among the first 10, 100 and 1000
/// candidates, and how many candidates hold 90, 95 and 99 % of them.
#[test]
fn recall_of_real_vectors() {
    let (packages, queries) = (common::real::packages(), common::real::queries());
    let n = packages.dimension;
    let rows = Vectors::matrix(&packages.values, n).unwrap();
    let query: Vec<f64> = queries.values.iter().map(|v| f64::from(*v)).collect();
    let queries = Vectors::matrix(&queries.values, n).unwrap();
    let ids: Vec<i64> = (0..2000).collect();
    let (pca, random) =
        (|axes| Basis::pca(compute(), &rows, axes, 2000).unwrap(), Basis::random(n, 64, 42).unwrap());
    let cases = [
        ("pca 3", pca(3), Order::Xyz, [97, 534, 1794], [1017, 1295, 1642]),
        ("pca 3, flat", pca(3), Order::Xy, [55, 334, 1617], [1278, 1478, 1799]),
        ("clr_v1", Basis::clr_v1(), Order::Xyz, [33, 257, 1419], [1488, 1719, 1930]),
        ("clr_v1, flat", Basis::clr_v1(), Order::Xy, [32, 233, 1345], [1565, 1752, 1951]),
        ("pca 64", pca(64), Order::Axes, [1109, 1937, 2000], [45, 72, 202]),
        ("random 64", random, Order::Axes, [711, 1561, 1998], [223, 371, 719]),
    ];
    let (mut found, mut wanted) = (Vec::new(), Vec::new());
    for (name, basis, order, kept, needed) in &cases {
        let recall = spatial::recall(basis, &rows, &ids, &queries, 10, Metric::Cosine, true, *order).unwrap();
        let counts = [10, 100, 1000].map(|n| (recall.at(n) * 2000.0).round() as usize);
        found.push((*name, counts, [0.9, 0.95, 0.99].map(|share| recall.needed(share).unwrap())));
        wanted.push((*name, *kept, *needed));
    }
    assert_eq!(found, wanted);
    // The rows that the bound leaves and those that the proven search examines, on average.
    for (axes, wanted) in [(64, [1553, 1954]), (128, [389, 1143])] {
        let params = [
            ("query", Value::Bytes(pack(Element::F32, &query))),
            ("query_count", Value::Int(200)),
            ("basis", Value::Bytes(pca(axes).to_bytes())),
            ("order", text("bound")),
        ];
        let output = call("spatial_recall", compute(), std::slice::from_ref(&rows), &params).unwrap();
        let Values::Text(measures) = &output.columns[1] else { panic!() };
        let found = ["left", "proven"].map(|measure| {
            let line = measures.iter().position(|m| m.as_deref() == Some(measure)).unwrap();
            floats(&output, 2)[line].round() as i64
        });
        assert_eq!(found, wanted, "{axes} axes");
    }
}

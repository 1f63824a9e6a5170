//! The command gives what the kernels give: their element types, their order by ids, their bits.

use std::sync::Arc;

use crate::common::files::{Folder, command, refused, rows, stdout, succeeded, table, vectors};
use arrow_array::builder::{ListBuilder, PrimitiveBuilder};
use arrow_array::types::{ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, UInt8Type};
use arrow_array::{ArrayRef, BooleanArray, Int64Array};
use serde_json::{Value, json};

fn lists<T: ArrowPrimitiveType>(values: &[[T::Native; 2]]) -> ArrayRef {
    let mut out = ListBuilder::new(PrimitiveBuilder::<T>::new());
    for row in values {
        out.values().append_slice(row);
        out.append(true);
    }
    Arc::new(out.finish())
}

#[test]
fn result_vectors_have_the_type_asked_for() {
    let folder = Folder::new();
    let half = half::f16::from_f32;
    let columns = [
        lists::<Float32Type>(&[[1.0, 2.0], [3.0, 4.0]]),
        lists::<Float64Type>(&[[1.0, 2.0], [3.0, 4.0]]),
        lists::<Float16Type>(&[[half(1.0), half(2.0)], [half(3.0), half(4.0)]]),
        lists::<Int8Type>(&[[1, 2], [3, 4]]),
        vectors(&[[1.0, 2.0], [3.0, 4.0]]),
    ];
    for (n, column) in columns.into_iter().enumerate() {
        let keys = Arc::new(Int64Array::from(vec![1, 1]));
        let input = folder.parquet("a.parquet", &table(vec![("group_key", keys), ("v", column)]));
        for more in [&[][..], &["--param", "result_element=f64"], &["--param", "result_element=input"]] {
            let run = |kernel| rows(&[&["run", kernel, "--input", &input], more].concat());
            assert_eq!(run("vector_sum")[0]["sum"], json!([4.0, 6.0]), "{n} {more:?}");
            assert_eq!(run("vector_average")[0]["average"], json!([2.0, 3.0]), "{n} {more:?}");
            assert_eq!(run("vector_covariance")[1]["covariance"], json!([2.0, 2.0]), "{n} {more:?}");
        }
    }
}

/// A kernel's rows by id, of a file whose rows lie in that order.
fn by_id(folder: &Folder, kernel: &str, params: &[&str], order: &[usize]) -> Vec<Value> {
    let places =
        [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [9.0, 9.0], [9.0, 8.0], [8.0, 9.0], [4.0, 5.0], [5.0, 4.0]];
    let ids = Arc::new(Int64Array::from(order.iter().map(|i| *i as i64).collect::<Vec<_>>()));
    let clusters = Arc::new(Int64Array::from(order.iter().map(|i| (*i / 3) as i64).collect::<Vec<_>>()));
    let points: Vec<[f32; 2]> = order.iter().map(|i| places[*i]).collect();
    let batch = table(vec![("id", ids), ("v", vectors(&points)), ("cluster", clusters)]);
    let input = folder.parquet("a.parquet", &batch);
    let mut found = rows(&[&["run", kernel, "--input", &input], params].concat());
    found.sort_by_key(|row| row["id"].as_i64());
    found
}

#[test]
fn the_order_of_rows_changes_nothing_where_ids_order_them() {
    let folder = Folder::new();
    for (kernel, params) in [
        ("vector_dbscan", &["--param", "radius=1.5", "--param", "minimum=2"][..]),
        ("vector_hdbscan", &["--param", "minimum=2"]),
        ("vector_isolation_forest", &["--param", "sample=4"]),
        ("vector_local_outlier_factor", &["--param", "neighbors=2"]),
        ("vector_silhouette", &[]),
    ] {
        let expected = by_id(&folder, kernel, params, &[0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(expected.len(), 8, "{kernel}");
        for order in [[7, 6, 5, 4, 3, 2, 1, 0], [3, 0, 7, 5, 1, 6, 4, 2]] {
            assert_eq!(by_id(&folder, kernel, params, &order), expected, "{kernel} {order:?}");
        }
    }
}

#[test]
fn lists_of_bytes_are_bits() {
    let folder = Folder::new();
    let columns = |a, b| vec![("id", Arc::new(Int64Array::from(vec![1])) as ArrayRef), ("a", a), ("b", b)];
    let bytes = columns(lists::<UInt8Type>(&[[240, 1]]), lists::<UInt8Type>(&[[0, 3]]));
    let input = folder.parquet("a.parquet", &table(bytes));
    assert_eq!(rows(&["run", "vector_hamming_distance", "--input", &input])[0]["hamming_distance"], 5);
    let singles = columns(lists::<Float32Type>(&[[240.0, 1.0]]), lists::<Float32Type>(&[[0.0, 3.0]]));
    let input = folder.parquet("b.parquet", &table(singles));
    refused(
        &["run", "vector_hamming_distance", "--input", &input],
        &["column a", "Float32", "lists of uint8"],
    );
}

#[test]
fn flags_leave_rows_out() {
    let folder = Folder::new();
    let file = folder.file("a.csv", "id,v,left_out\n1,\"[1,0]\",False\n2,\"[1,1]\",True\n3,\"[0,1]\",\n");
    let run = |more: &[&str]| {
        let found =
            rows(&[&["run", "vector_top_k", "--input", &file, "--param", "query=[1,1]"], more].concat());
        found.iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(run(&["--param", "k=3"]), [1, 3]);
    let found = rows(&["search", "--input", &file, "--like", "id=1", "-k", "3"]);
    assert_eq!(found.iter().map(|row| row["id"].clone()).collect::<Vec<_>>(), [1, 3]);
    // A column that divides the rows leaves none out, whatever its name.
    let parted = rows(&[
        "run",
        "vector_top_k",
        "--input",
        &file,
        "--param",
        "query=[1,1]",
        "--param",
        "k=3",
        "--partition-by",
        "left_out",
    ]);
    assert_eq!(parted.len(), 3, "{parted:?}");
    assert!(parted.iter().all(|row| row.get("left_out").is_some()), "{parted:?}");
    let flags = table(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2]))),
        ("v", vectors(&[[1.0, 0.0], [0.0, 1.0]])),
        ("left_out", Arc::new(BooleanArray::from(vec![Some(true), None]))),
    ]);
    let input = folder.parquet("b.parquet", &flags);
    let found = rows(&["run", "vector_top_k", "--input", &input, "--param", "query=[1,0]", "--param", "k=2"]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["id"], 2);
}

#[test]
fn a_column_that_is_taken_by_its_place_is_told() {
    let folder = Folder::new();
    let file =
        folder.file("a.csv", "id,v,year\n1,\"[1,0]\",1\n2,\"[1,1]\",1\n3,\"[9,1]\",2\n4,\"[9,2]\",2\n");
    let output = command(&["run", "vector_silhouette", "--input", &file]).output().unwrap();
    succeeded(&output);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr, "hart: vector_silhouette: cluster is column year, by its position\n");
    assert!(
        stdout(&["run", "vector_norm", "--input", &folder.file("b.csv", "id,v\n1,\"[1,0]\"\n")])
            .contains("1")
    );
}

#[test]
fn vectors_of_other_dimensions_than_the_input_come_out_whole() {
    let folder = Folder::new();
    let batch = table(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2]))),
        ("v", vectors(&[[1.0, 0.0], [0.0, 1.0]])),
    ]);
    let input = folder.parquet("a.parquet", &batch);
    for dimensions in [1, 2, 4] {
        let found = rows(&[
            "run",
            "vector_random_projection",
            "--input",
            &input,
            "--param",
            &format!("dimensions={dimensions}"),
        ]);
        assert_eq!(found[0]["result"].as_array().unwrap().len(), dimensions, "{found:?}");
    }
}

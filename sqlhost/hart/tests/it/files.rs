//! Files as other programs write them: what comes in, comes out with the same values, or is refused in one line.

use std::fs;
use std::sync::Arc;

use crate::common::files::{Folder, load, refused, rows, stdout, table, vectors};
use arrow_array::builder::{FixedSizeBinaryBuilder, ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BinaryArray, DictionaryArray, Int32Array, Int64Array, StringArray, StructArray,
    TimestampMicrosecondArray, UInt64Array, UnionArray,
};
use arrow_schema::{DataType, Field, UnionFields};
use serde_json::{Value, json};

/// Columns of types that SQL Server has no word for, and of values that other types cannot hold.
fn unusual() -> Vec<(&'static str, ArrayRef)> {
    let times = TimestampMicrosecondArray::from(vec![
        253_402_300_799_000_000,
        -11_676_096_000_000_000,
        10_413_792_000_000_001,
    ]);
    let dictionary: DictionaryArray<Int32Type> = vec![Some("a"), None, Some("b")].into_iter().collect();
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let inner = StructArray::from(vec![
        (Arc::new(Field::new("n", DataType::Int32, true)), numbers),
        (
            Arc::new(Field::new("t", DataType::Utf8, true)),
            Arc::new(StringArray::from(vec!["x", "y", "z"])) as ArrayRef,
        ),
    ]);
    let texts = {
        let mut list = ListBuilder::new(StringBuilder::new());
        for row in [&["p", "q"][..], &[], &["r"]] {
            row.iter().for_each(|text| list.values().append_value(text));
            list.append(true);
        }
        list.finish()
    };
    vec![
        ("at", Arc::new(times.clone())),
        ("zoned", Arc::new(times.with_timezone("UTC"))),
        ("word", Arc::new(dictionary)),
        ("inner", Arc::new(inner)),
        ("texts", Arc::new(texts)),
        ("big", Arc::new(UInt64Array::from(vec![u64::MAX, 0, 1]))),
    ]
}

#[test]
fn carried_columns_keep_types_and_values() {
    let folder = Folder::new();
    let mut columns = unusual();
    columns.push(("id", Arc::new(Int64Array::from(vec![1, 2, 3]))));
    columns.push(("v", vectors(&[[3.0, 4.0], [1.0, 0.0], [0.0, 2.0]])));
    let batch = table(columns);
    let names = ["at", "zoned", "word", "inner", "texts", "big", "v"];
    let carry: Vec<&str> = names.iter().flat_map(|name| ["--carry", name]).collect();
    for (input, kind) in
        [(folder.parquet("in.parquet", &batch), "parquet"), (folder.arrow("in.arrow", &batch), "arrow")]
    {
        let check = |output: &str, order: &[usize]| {
            let found = load(output);
            for name in names {
                let (found, expected) = (&found[name], &batch[name]);
                assert_eq!(found.data_type(), expected.data_type(), "{output}: {name}");
                for (at, row) in order.iter().enumerate() {
                    assert_eq!(
                        found.slice(at, 1).to_data(),
                        expected.slice(*row, 1).to_data(),
                        "{output}: {name}, row {row}"
                    );
                }
            }
        };
        let output = folder.text(&format!("norms.{kind}"));
        stdout(&[&["run", "vector_norm", "--input", &input, "--output", &output], &carry[..]].concat());
        check(&output, &[0, 1, 2]);
        let output = folder.text(&format!("best.{kind}"));
        let query = ["--param", "query=[0,2]", "--param", "metric=euclidean", "--param", "k=2"];
        stdout(
            &[&["run", "vector_top_k", "--input", &input, "--output", &output], &query[..], &carry].concat(),
        );
        check(&output, &[2, 1]);
        let output = folder.text(&format!("points.{kind}"));
        stdout(&[
            "project",
            &input,
            "--basis",
            "random",
            "--axes",
            "2",
            "--vectors",
            "v",
            "--output",
            &output,
        ]);
        let found = load(&output);
        assert_eq!(found["at"].to_data(), batch["at"].to_data());
        assert_eq!(found["inner"].data_type(), batch["inner"].data_type());
    }
    let input = folder.text("in.parquet");
    let shown = rows(&[&["run", "vector_norm", "--input", &input], &carry[..]].concat());
    assert_eq!(shown[0]["at"], "9999-12-31T23:59:59");
    assert_eq!(shown[1]["at"], "1600-01-01T00:00:00");
    assert_eq!(shown[2]["zoned"], "2300-01-01T00:00:00.000001Z");
    assert_eq!(shown[0]["inner"], json!({ "n": 1, "t": "x" }));
    assert_eq!((&shown[0]["texts"], &shown[1]["word"]), (&json!(["p", "q"]), &Value::Null));
    assert_eq!(shown[0]["big"], u64::MAX);
    let grouped = rows(&["run", "vector_norm", "--input", &input, "--partition-by", "at", "--carry", "word"]);
    let order: Vec<i64> = grouped.iter().map(|row| row["id"].as_i64().unwrap()).collect();
    assert_eq!(order, [2, 3, 1]);
    assert_eq!(grouped[2]["at"], "9999-12-31T23:59:59");
}

#[test]
fn times_that_a_kernel_hands_back_are_exact() {
    let folder = Folder::new();
    let times = TimestampMicrosecondArray::from(vec![
        Some(253_402_300_799_000_000),
        None,
        Some(-11_676_096_000_000_000),
    ]);
    let input = folder.parquet("t.parquet", &table(vec![("at", Arc::new(times.clone()))]));
    let output = folder.text("echo.parquet");
    stdout(&["run", "system_echo", "--input", &input, "--output", &output]);
    let found = load(&output);
    assert_eq!(found["at"].as_primitive::<TimestampMicrosecondType>(), &times);
}

#[test]
fn one_rule_finds_the_id() {
    let folder = Folder::new();
    let search = |name: &str, content: &str, more: &[&str]| {
        let file = folder.file(name, content);
        rows(
            &[&["search", "--input", &file, "--like", "name=b", "-k", "2", "--metric", "euclidean"], more]
                .concat(),
        )
    };
    let found = search("a.csv", "year,id,name,v\n1999,7,a,\"[1,2]\"\n1999,8,b,\"[1,3]\"\n", &[]);
    assert_eq!((&found[0]["id"], &found[1]["id"]), (&json!(8), &json!(7)));
    // The only column of whole numbers, where it is unique; else row numbers, and named so.
    let found = search("b.csv", "nr,name,v\n70,a,\"[1,2]\"\n80,b,\"[1,3]\"\n", &[]);
    assert_eq!(found[0]["id"], 80);
    for content in [
        "year,name,v\n1999,a,\"[1,2]\"\n1999,b,\"[1,3]\"\n",
        ",name,v\n0,a,\"[1,2]\"\n1,b,\"[1,3]\"\n",
        "n,m,name,v\n1,5,a,\"[1,2]\"\n2,6,b,\"[1,3]\"\n",
    ] {
        let found = search("c.csv", content, &[]);
        assert_eq!((&found[0]["row"], &found[1]["row"]), (&json!(2), &json!(1)), "{content}");
        assert!(found[0].get("id").is_none());
    }
    let found = search("d.csv", "n_tokens,id,name,v\n5,k-a,a,\"[1,2]\"\n6,k-b,b,\"[1,3]\"\n", &[]);
    assert_eq!((&found[0]["id"], &found[1]["id"]), (&json!("k-b"), &json!("k-a")));
    let found = search("e.csv", "name,key,v\na,1.50,\"[1,2]\"\nb,007,\"[1,3]\"\n", &["--id", "key"]);
    assert_eq!((&found[0]["id"], &found[1]["id"]), (&json!("007"), &json!("1.50")));
    // Equal distances go by row where ids are no whole numbers.
    let big = table(vec![
        ("id", Arc::new(UInt64Array::from(vec![u64::MAX, 1]))),
        ("name", Arc::new(StringArray::from(vec!["b", "c"]))),
        ("v", vectors(&[[1.0, 1.0], [1.0, 1.0]])),
    ]);
    let found = rows(&["search", "--input", &folder.parquet("big.parquet", &big), "--like", "name=b"]);
    assert_eq!(found[0]["id"], u64::MAX);
    // The same in run.
    let file = folder.text("b.csv");
    assert_eq!(rows(&["run", "vector_norm", "--input", &file])[0]["id"], 70);
    folder.file("c.csv", "year,name,v\n1999,a,\"[3,4]\"\n1999,b,\"[1,3]\"\n");
    let found = rows(&["run", "vector_norm", "--input", &folder.text("c.csv"), "--carry", "name"]);
    assert_eq!(found[0], json!({ "row": 1, "norm": 5.0, "name": "a" }));
}

#[test]
fn columns_with_the_names_of_results_are_not_lost() {
    let folder = Folder::new();
    let file = folder.file("a.csv", "id,query,rank,distance,v\n1,q1,r1,d1,\"[3,4]\"\n2,q2,r2,d2,\"[1,0]\"\n");
    let hit =
        &rows(&["search", "--input", &file, "--like", "query=q2", "-k", "1", "--metric", "euclidean"])[0];
    let expected = json!({ "rank": 1, "id": 2, "distance": 0.0, "query": "q2", "input_rank": "r2", "input_distance": "d2" });
    assert_eq!(hit, &expected);
    let file = folder.file("b.csv", "id,norm,Norm,v\n1,n1,m1,\"[3,4]\"\n");
    let row = &rows(&[
        "run",
        "vector_norm",
        "--input",
        &file,
        "--carry",
        "norm",
        "--carry",
        "Norm",
        "--carry",
        "norm",
    ])[0];
    assert_eq!(row, &json!({ "id": 1, "norm": 5.0, "input_norm": "n1", "input_input_Norm": "m1" }));
    let file = folder.file("c.csv", "id,x,v\n1,a,\"[3,4]\"\n2,b,\"[1,0]\"\n3,c,\"[0,7]\"\n");
    let points = folder.text("points.json");
    stdout(&["project", &file, "--basis", "pca", "--axes", "2", "--output", &points]);
    let points: Vec<Value> = serde_json::from_slice(&fs::read(points).unwrap()).unwrap();
    assert_eq!(points[1]["input_x"], "b");
    assert!(points[1]["x"].is_number());
    // Exact names first.
    let file = folder.file("d.csv", "id,Part,part,v\n1,z,k,\"[3,4]\"\n2,y,l,\"[1,0]\"\n");
    let found = rows(&["run", "vector_norm", "--input", &file, "--partition-by", "part"]);
    assert_eq!((&found[0]["id"], &found[0]["part"]), (&json!(1), &json!("k")));
    // Rows that belong to no row of the input carry nothing.
    refused(
        &["run", "spatial_fit", "--input", &file, "--param", "kind=pca", "--carry", "Part"],
        &["--carry", "no row"],
    );
}

#[test]
fn csv_stays_as_it_stands() {
    let folder = Folder::new();
    let content = "id,zip,phone,price,big,at,v\n1,00501,+4930,1.10,1e5,2024-01-01T00:00:00+02:00,\"[3,4]\"\n\
                   2,10001,030,2,20,2024-01-02,\"[1,0]\"\n";
    let file = folder.file("a.csv", content);
    let names = ["zip", "phone", "price", "big", "at"];
    let carry: Vec<&str> = names.iter().flat_map(|name| ["--carry", name]).collect();
    let found = stdout(&[&["run", "vector_norm", "--input", &file, "--format", "csv"], &carry[..]].concat());
    assert_eq!(
        found,
        "id,norm,zip,phone,price,big,at\n1,5.0,00501,+4930,1.10,1e5,2024-01-01T00:00:00+02:00\n2,1.0,10001,030,2,20,2024-01-02\n"
    );
    let hits = rows(&["search", "--input", &file, "--like", "zip=00501", "-k", "1"]);
    assert_eq!(hits[0]["id"], 1);
    let output = folder.text("points.csv");
    stdout(&["project", &file, "--basis", "random", "--axes", "1", "--output", &output, "--carry", "price"]);
    assert!(fs::read_to_string(output).unwrap().contains("\n1.10,"));
    // What is computed with must be what the first rows are.
    let late =
        format!("id,v\n{}x,\"[1,2]\"\n", (0..10_001).map(|n| format!("{n},\"[1,2]\"\n")).collect::<String>());
    let file = folder.file("late.csv", late);
    refused(
        &["run", "vector_norm", "--input", &file, "--output", &folder.text("o.csv")],
        &["column `id`", "row 10002", "`x`"],
    );
}

#[test]
fn hexadecimal_in_csv_is_bytes_where_bytes_are_wanted() {
    let folder = Folder::new();
    let packed: Vec<u8> = [3f32, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let batch = table(vec![
        ("id", Arc::new(Int64Array::from(vec![1]))),
        ("v", Arc::new(BinaryArray::from_iter_values([&packed]))),
    ]);
    let input = folder.parquet("a.parquet", &batch);
    let csv = folder.text("a.csv");
    stdout(&[
        "run",
        "vector_normalize",
        "--input",
        &input,
        "--param",
        "result_vectors=packed",
        "--carry",
        "v",
        "--output",
        &csv,
    ]);
    assert!(fs::read_to_string(&csv).unwrap().contains("0x0000404000008040"));
    assert_eq!(rows(&["run", "vector_norm", "--input", &csv, "--bind", "v=v"])[0]["norm"], 5.0);
    let point = folder.text("point.csv");
    let xy = folder.file("xy.csv", "id,x,y,z,m\n1,2,3,4,5\n");
    stdout(&["run", "spatial_point", "--input", &xy, "--output", &point]);
    let text = rows(&["run", "spatial_to_wkt", "--input", &point]);
    assert_eq!(text[0]["wkt"], "POINT (2 3 4 5)");
}

#[test]
fn outputs_are_never_inputs() {
    let folder = Folder::new();
    let content = "id,v\n1,\"[3,4]\"\n2,\"[1,0]\"\n3,\"[1,7]\"\n";
    let file = folder.file("a.csv", content);
    let mut others = vec![file.clone()];
    fs::hard_link(&file, folder.path("hard.csv")).unwrap();
    others.push(folder.text("hard.csv"));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&file, folder.path("link.csv")).unwrap();
        others.push(folder.text("link.csv"));
    }
    for output in &others {
        refused(&["run", "vector_norm", "--input", &file, "--output", output], &["--output", "is the input"]);
        refused(&["project", &file, "--basis", "pca", "--output", output], &["--output", "is the input"]);
        refused(
            &["recall", &file, "--held-out", "1", "-k", "1", "--output", output],
            &["--output", "is the input"],
        );
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), content);
    let kept = folder.file("kept.csv", "mine");
    let mut permissions = fs::metadata(&kept).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&kept, permissions).unwrap();
    refused(&["run", "vector_norm", "--input", &file, "--output", &kept], &["read-only"]);
    refused(
        &["run", "vector_norm", "--input", &file, "--output", &folder.text("none/o.csv")],
        &["there is no folder"],
    );
}

#[test]
fn errors_never_become_values() {
    let folder = Folder::new();
    let batch = table(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2]))),
        ("at", Arc::new(TimestampMicrosecondArray::from(vec![0, i64::MAX]))),
        ("v", vectors(&[[3.0, 4.0], [1.0, 0.0]])),
    ]);
    let input = folder.parquet("a.parquet", &batch);
    for format in ["csv", "json"] {
        let output = folder.text(&format!("o.{format}"));
        refused(
            &["run", "vector_norm", "--input", &input, "--carry", "at", "--output", &output],
            &["column at, row 2"],
        );
        assert!(!folder.path(&format!("o.{format}")).exists());
    }
    let output = folder.text("o.parquet");
    stdout(&["run", "vector_norm", "--input", &input, "--carry", "at", "--output", &output]);
    assert_eq!(load(&output)["at"].to_data(), batch["at"].to_data());
}

#[test]
fn types_that_a_format_lacks_are_told_before_the_work() {
    let folder = Folder::new();
    let fields = UnionFields::try_new(
        [0, 1],
        [Field::new("a", DataType::Int32, true), Field::new("b", DataType::Utf8, true)],
    )
    .unwrap();
    let children: Vec<ArrayRef> =
        vec![Arc::new(Int32Array::from(vec![5])), Arc::new(StringArray::from(vec!["x"]))];
    let union =
        UnionArray::try_new(fields, vec![0i8, 1].into(), Some(vec![0i32, 0].into()), children).unwrap();
    let mut empty = FixedSizeBinaryBuilder::new(0);
    empty.append_value([]).unwrap();
    empty.append_null();
    let batch = table(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2]))),
        ("either", Arc::new(union)),
        ("empty", Arc::new(empty.finish())),
        ("v", vectors(&[[3.0, 4.0], [1.0, 0.0]])),
    ]);
    let input = folder.arrow("a.arrow", &batch);
    let run = |name: &str, output: &str| -> Vec<String> {
        ["run", "vector_norm", "--input", &input, "--carry", name, "--output", output]
            .map(str::to_owned)
            .to_vec()
    };
    let output = folder.text("o.parquet");
    let arguments = run("either", &output);
    refused(
        &arguments.iter().map(String::as_str).collect::<Vec<_>>(),
        &["column either", "Parquet has no type"],
    );
    for name in ["either", "empty"] {
        for output in [folder.text("o.arrow"), folder.text("o.json")] {
            stdout(&run(name, &output).iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
    let found: Vec<Value> = serde_json::from_slice(&fs::read(folder.path("o.json")).unwrap()).unwrap();
    assert_eq!(found[0]["empty"], "0x");
    let found = rows(&["run", "vector_norm", "--input", &input, "--carry", "either"]);
    assert_eq!((&found[0]["either"], &found[1]["either"]), (&json!(5), &json!("x")));
}

#[test]
fn the_command_has_its_own_name_and_texts_may_come_from_files() {
    assert!(stdout(&["--version"]).starts_with("hart "));
    let folder = Folder::new();
    let metric = folder.file("metric.txt", "euclidean");
    let file = folder.file("a.csv", "id,v\n1,\"[3,4]\"\n");
    let query = folder.file("query.json", "[0,0]");
    let arguments = ["run", "vector_top_k", "--input", &file, "--param", &format!("query=@{query}")];
    let found = rows(&[&arguments[..], &["--param", "metric=euclidean"]].concat());
    assert_eq!(found[0]["distance"], 5.0);
    refused(&[&arguments[..], &["--param", &format!("metric=@{metric}.none")]].concat(), &["metric"]);
}

#[cfg(unix)]
#[test]
fn drafts_are_private_and_links_of_others_are_not_followed() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
    let folder = Folder::new();
    let file = folder.file("a.csv", "id,v\n1,\"[3,4]\"\n");
    let output = folder.file("o.csv", "old");
    fs::set_permissions(&output, fs::Permissions::from_mode(0o640)).unwrap();
    stdout(&["run", "vector_norm", "--input", &file, "--output", &output]);
    assert_eq!(fs::metadata(&output).unwrap().mode() & 0o777, 0o640);
    assert_eq!(folder.names(), ["a.csv", "o.csv"]);
    // Only the superuser can make a link that is somebody else's.
    if fs::metadata(&file).unwrap().uid() != 0 {
        return;
    }
    fs::create_dir(folder.path("all")).unwrap();
    fs::set_permissions(folder.path("all"), fs::Permissions::from_mode(0o1777)).unwrap();
    symlink(&output, folder.path("all/link.csv")).unwrap();
    stdout(&["run", "vector_norm", "--input", &file, "--output", &folder.text("all/link.csv")]);
    lchown(folder.path("all/link.csv"), Some(12_345), None).unwrap();
    refused(
        &["run", "vector_norm", "--input", &file, "--output", &folder.text("all/link.csv")],
        &["another user"],
    );
}

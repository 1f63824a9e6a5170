//! Files as other programs write them: what comes in, comes out with the same values, or is refused in one line.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, Int64Builder, ListBuilder, UInt8Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BinaryArray, DictionaryArray, FixedSizeListArray, Float32Array, Int32Array, Int64Array,
    ListArray, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray, UInt64Array, UnionArray,
};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{DataType, Field, UnionFields};
use arrow_select::concat::concat_batches;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hart"));
    for variable in
        ["HART_LIBRARY", "HART_THREADS", "HART_MAX_LEVEL", "HART_INTERFACE_VERSION", "HART_MAX_MEMORY_MB"]
    {
        command.env_remove(variable);
    }
    command.args(arguments);
    command
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    succeeded(&command(arguments).output().unwrap())
}

fn rows(arguments: &[&str]) -> Vec<Value> {
    serde_json::from_str(&stdout(&[arguments, &["--format", "json"]].concat())).unwrap()
}

/// Fails with one line on stderr that holds every part.
fn refused(arguments: &[&str], parts: &[&str]) {
    let output = command(arguments).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{arguments:?}: `{part}` is not in {stderr}");
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), content).unwrap();
        self.text(name)
    }
    fn parquet(&self, name: &str, batch: &RecordBatch) -> String {
        let mut writer =
            ArrowWriter::try_new(File::create(self.path(name)).unwrap(), batch.schema(), None).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
        self.text(name)
    }
    fn arrow(&self, name: &str, batch: &RecordBatch) -> String {
        let mut writer =
            FileWriter::try_new(File::create(self.path(name)).unwrap(), &batch.schema()).unwrap();
        writer.write(batch).unwrap();
        writer.finish().unwrap();
        self.text(name)
    }
    /// What lies in it, hidden files too.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn load(path: &str) -> RecordBatch {
    let file = File::open(path).unwrap();
    if path.ends_with(".arrow") {
        let reader = FileReader::try_new(file, None).unwrap();
        let schema = reader.schema();
        return concat_batches(&schema, &reader.map(Result::unwrap).collect::<Vec<_>>()).unwrap();
    }
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let schema = reader.schema().clone();
    concat_batches(&schema, &reader.build().unwrap().map(Result::unwrap).collect::<Vec<_>>()).unwrap()
}

fn vectors(values: &[[f32; 2]]) -> ArrayRef {
    let rows = values.iter().map(|row| Some(row.iter().map(|v| Some(*v)).collect::<Vec<_>>()));
    Arc::new(FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(rows, 2))
}

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .unwrap()
}

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
        let mut list = ListBuilder::new(arrow_array::builder::StringBuilder::new());
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
fn sizes_in_damaged_arrow_files_are_compared_with_the_file() {
    let folder = Folder::new();
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..2000).map(|n| n % 7)));
    let batch = table(vec![("id", numbers)]);
    for compression in
        [None, Some(arrow_ipc::CompressionType::ZSTD), Some(arrow_ipc::CompressionType::LZ4_FRAME)]
    {
        let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
        let mut whole = Vec::new();
        let mut writer = FileWriter::try_new_with_options(&mut whole, &batch.schema(), options).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        drop(writer);
        // The largest number of eight bytes in each place: no process may end by it.
        for at in (0..whole.len() - 8).step_by(8) {
            let mut bytes = whole.clone();
            bytes[at..at + 8].copy_from_slice(&(i64::MAX / 5).to_le_bytes());
            let known = at < 8 || at + 16 > whole.len();
            if known || at % 64 != 0 && compression.is_none() {
                continue;
            }
            let file = folder.file("a.arrow", &bytes);
            let output =
                command(&["run", "system_echo", "--in-process", "--input", &file, "--format", "csv"])
                    .output()
                    .unwrap();
            assert!(matches!(output.status.code(), Some(0 | 1)), "byte {at}: {:?}", output.status);
        }
    }
}

#[test]
fn other_ways_to_write_tables() {
    let folder = Folder::new();
    let norms = |input: &str, more: &[&str]| -> Vec<f64> {
        let found = rows(&[&["run", "vector_norm", "--input", input], more].concat());
        found.iter().map(|row| row["norm"].as_f64().unwrap()).collect()
    };
    // Separators.
    let semicolons = "id;v\n1;[3,4]\n2;[6,8]\n";
    let file = folder.file("semi.csv", semicolons);
    refused(&["run", "vector_norm", "--input", &file], &["--delimiter ';'"]);
    assert_eq!(norms(&file, &["--delimiter", ";"]), [5.0, 10.0]);
    let tabs = folder.file("tabs.tsv", semicolons.replace(';', "\t"));
    assert_eq!(norms(&tabs, &[]), [5.0, 10.0]);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all("id,v\n1,\"[3,4]\"\n2,\"[6,8]\"\n".as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    assert_eq!(norms(&folder.file("a.csv.gz", &packed), &[]), [5.0, 10.0]);
    // Vectors as texts of other programs.
    let file = folder.file("other.csv", "id,v\n1,[3. 4.]\n2,\"{6,8}\"\n3,\"[ 0.6\n 0.8]\"\n");
    let found = norms(&file, &[]);
    assert!(found[..2] == [5.0, 10.0] && (found[2] - 1.0).abs() < 1e-6, "{found:?}");
    let hits = rows(&["search", "--input", &file, "--like", "id=2", "-k", "1", "--metric", "euclidean"]);
    assert_eq!(hits[0]["id"], 2);
    // Other extensions, parts, standard input.
    let batch = table(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2]))),
        ("v", vectors(&[[3.0, 4.0], [6.0, 8.0]])),
    ]);
    assert_eq!(norms(&folder.parquet("a.pq", &batch), &[]), [5.0, 10.0]);
    fs::create_dir(folder.path("parts")).unwrap();
    folder.parquet("parts/2.parquet", &batch.slice(1, 1));
    folder.parquet("parts/1.parquet", &batch.slice(0, 1));
    folder.file("parts/_SUCCESS", "");
    let parts = folder.text("parts");
    assert_eq!(norms(&parts, &[]), [5.0, 10.0]);
    let inside = folder.text("parts/out.parquet");
    refused(&["run", "vector_norm", "--input", &parts, "--output", &inside], &["a part of the input"]);
    folder.parquet("parts/3.parquet", &table(vec![("id", Arc::new(StringArray::from(vec!["x"])))]));
    refused(
        &["run", "vector_norm", "--input", &parts, "--output", &folder.text("o.csv")],
        &["3.parquet", "column"],
    );
    for content in [fs::read(folder.path("a.pq")).unwrap(), packed] {
        let mut child = command(&["run", "vector_norm", "--input", "-", "--format", "json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .env("TMPDIR", folder.0.path())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&content).unwrap();
        let found: Vec<Value> = serde_json::from_str(&succeeded(&child.wait_with_output().unwrap())).unwrap();
        assert_eq!(found[1]["norm"], 10.0);
    }
    assert!(folder.names().iter().all(|name| !name.ends_with(".tmp")), "{:?}", folder.names());
}

#[test]
fn vectors_in_a_column_for_each_dimension() {
    let folder = Folder::new();
    let file = folder.file("a.csv", "e0,id,e1,name\n3,7,4,a\n,8,,b\n6,9,8,c\n");
    let found =
        rows(&["run", "vector_norm", "--input", &file, "--wide", "e", "--bind", "v=e", "--carry", "name"]);
    let expected = [
        json!({ "id": 7, "norm": 5.0, "name": "a" }),
        json!({ "id": 8, "norm": null, "name": "b" }),
        json!({ "id": 9, "norm": 10.0, "name": "c" }),
    ];
    assert_eq!(found, expected);
    let hits = rows(&[
        "search",
        "--input",
        &file,
        "--wide",
        "e",
        "--like",
        "name=c",
        "-k",
        "1",
        "--metric",
        "euclidean",
    ]);
    assert_eq!(hits[0]["id"], 9);
    let points = folder.text("points.csv");
    stdout(&["project", &file, "--wide", "e", "--basis", "random", "--axes", "1", "--output", &points]);
    assert!(fs::read_to_string(points).unwrap().starts_with("id,name,x,y,z"));
    refused(&["search", "--input", &file, "--wide", "f", "--like", "name=c"], &["--wide f", "f0"]);
    let file = folder.file("b.csv", "e0,e2,id\n3,4,7\n");
    refused(&["search", "--input", &file, "--wide", "e", "--like", "id=7"], &["there is no e1"]);
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    [&b"\x93NUMPY\x01\x00"[..], &(text.len() as u16).to_le_bytes(), text.as_bytes(), data].concat()
}

#[test]
fn arrays_of_numpy() {
    let folder = Folder::new();
    let singles: Vec<u8> = [3f32, 4.0, 6.0, 8.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    // Python 2 wrote whole numbers with an L.
    let file = folder.file("old.npy", npy("<f4", "(2L, 2L)", &singles));
    assert_eq!(rows(&["run", "vector_norm", "--input", &file])[1]["norm"], 10.0);
    let ids: Vec<u8> = [7i64, 9].iter().flat_map(|v| v.to_le_bytes()).collect();
    let archive = |members: &[(&str, Vec<u8>)]| {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, content) in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    let members = [("id.npy", npy("<i8", "(2,)", &ids)), ("v.npy", npy("<f4", "(2, 2)", &singles))];
    let file = folder.file("a.npz", archive(&members));
    let found = rows(&["run", "vector_norm", "--input", &file]);
    assert_eq!(found, [json!({ "id": 7, "norm": 5.0 }), json!({ "id": 9, "norm": 10.0 })]);
    let file = folder.file("one.npz", archive(&members[1..]));
    assert_eq!(rows(&["run", "vector_norm", "--input", &file])[0]["norm"], 5.0);
    let members = [members[0].clone(), ("v.npy", npy("<f4", "(1, 4)", &singles))];
    refused(
        &["run", "vector_norm", "--input", &folder.file("b.npz", archive(&members))],
        &["differ in their rows", "v 1"],
    );
}

#[test]
fn vectors_of_other_types() {
    let folder = Folder::new();
    let whole = {
        let mut list = ListBuilder::new(Int64Builder::new());
        for row in [[3, 4], [6, 8]] {
            list.values().append_slice(&row);
            list.append(true);
        }
        list.finish()
    };
    let small = {
        let mut list = ListBuilder::new(UInt8Builder::new());
        for row in [[3, 4], [6, 8]] {
            list.values().append_slice(&row);
            list.append(true);
        }
        list.finish()
    };
    let fixed = {
        let mut out = FixedSizeBinaryBuilder::new(8);
        for row in [[3f32, 4.0], [6.0, 8.0]] {
            out.append_value(row.map(f32::to_le_bytes).concat()).unwrap();
        }
        out.finish()
    };
    let view = arrow_array::ListViewArray::from(ListArray::from_iter_primitive::<Float32Type, _, _>([
        Some(vec![Some(3.0), Some(4.0)]),
        Some(vec![Some(6.0), Some(8.0)]),
    ]));
    let texts = StringArray::from(vec!["[3,4]", "[6,8]"]);
    let columns: [(&str, ArrayRef); 5] = [
        ("whole", Arc::new(whole)),
        ("small", Arc::new(small)),
        ("fixed", Arc::new(fixed)),
        ("view", Arc::new(view)),
        ("texts", Arc::new(texts)),
    ];
    for (name, column) in columns {
        let batch = table(vec![("id", Arc::new(Int64Array::from(vec![1, 2]))), ("v", column)]);
        let input = folder.arrow(&format!("{name}.arrow"), &batch);
        assert_eq!(rows(&["run", "vector_norm", "--input", &input])[1]["norm"], 10.0, "{name}");
        assert_eq!(
            rows(&["search", "--input", &input, "--like", "id=2", "-k", "1", "--metric", "euclidean"])[0]["id"],
            2,
            "{name}"
        );
        let output = folder.text("points.json");
        stdout(&["project", &input, "--basis", "random", "--axes", "2", "--output", &output]);
        let table =
            rows(&["recall", &input, "--held-out", "1", "-k", "1", "--basis", "random", "--axes", "1"]);
        assert!(!table.is_empty(), "{name}");
    }
    let mut list = ListBuilder::new(Int64Builder::new());
    list.values().append_slice(&[1, (1 << 53) + 1]);
    list.append(true);
    let batch = table(vec![("id", Arc::new(Int64Array::from(vec![1]))), ("v", Arc::new(list.finish()))]);
    refused(
        &["run", "vector_norm", "--input", &folder.arrow("x.arrow", &batch)],
        &["column v, row 1", "9007199254740993"],
    );
}

#[test]
fn chunks_give_the_best_of_all_rows() {
    let folder = Folder::new();
    let count = 20_000;
    let mut content = "id,v\n".to_owned();
    for n in 0..count {
        // Many equal distances, ids that do not ascend, and vectors that are missing.
        let id = (n * 7919) % count;
        content +=
            &if n % 11 == 0 { format!("{id},\n") } else { format!("{id},\"[{},{}]\"\n", n % 13, n % 7) };
    }
    let file = folder.file("a.csv", content);
    let query = [
        "--param",
        "query=[3,3,0,5]",
        "--param",
        "query_count=2",
        "--param",
        "k=40",
        "--param",
        "metric=euclidean",
    ];
    let base = [&["run", "vector_top_k", "--input", &file][..], &query].concat();
    let merged = rows(&base);
    let at_once = rows(&[&base[..], &["--rows-per-read", "20000"]].concat());
    assert_eq!(merged, at_once);
    assert_eq!(merged.len(), 80);
}

#[test]
fn the_limit_of_memory_holds_for_every_command() {
    let folder = Folder::new();
    let values: Vec<f32> = (0..600_000).map(|n| (n % 1013) as f32).collect();
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let column = FixedSizeListArray::try_new(item, 300, Arc::new(Float32Array::from(values)), None).unwrap();
    let batch = table(vec![("id", Arc::new(Int64Array::from_iter_values(0..2000))), ("v", Arc::new(column))]);
    let input = folder.arrow("a.arrow", &batch);
    let output = folder.text("o.csv");
    for arguments in [
        &["project", &input, "--basis", "pca", "--output", &output][..],
        &["recall", &input, "--basis", "random", "--axes", "3"],
        &["run", "spatial_fit", "--in-process", "--input", &input, "--param", "kind=pca"],
    ] {
        let output = command(arguments).env("HART_MAX_MEMORY_MB", "1").output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.code() == Some(1)
                && stderr.contains("column v needs")
                && stderr.contains("limit is 1048576"),
            "{stderr}"
        );
    }
    // Row by row nothing is held.
    let run = ["run", "vector_norm", "--input", &input, "--format", "csv"];
    succeeded(&command(&run).env("HART_MAX_MEMORY_MB", "16").output().unwrap());
}

#[test]
fn recall_names_the_row_of_the_file() {
    let folder = Folder::new();
    let mut content = "id,v\n".to_owned();
    for n in 1..=200 {
        content += &if n == 51 { format!("{n},\"[1,2,3]\"\n") } else { format!("{n},\"[{n},{}]\"\n", n % 5) };
    }
    let file = folder.file("a.csv", content);
    refused(&["recall", &file, "--held-out", "5", "--basis", "random", "--axes", "1"], &["row 51"]);
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

#[cfg(unix)]
#[test]
fn an_interrupted_command_leaves_nothing_behind() {
    let folder = Folder::new();
    // Rows without end, as far as this test goes: zeros that take no place on the disk.
    let file = File::create(folder.path("a.npy")).unwrap();
    let rows = 1u64 << 32;
    let head = npy("<f4", &format!("({rows}, 4)"), &[]);
    (&file).write_all(&head).unwrap();
    file.set_len(head.len() as u64 + rows * 16).unwrap();
    let (input, output) = (folder.text("a.npy"), folder.text("o.parquet"));
    let mut child = command(&["run", "vector_norm", "--input", &input, "--output", &output]).spawn().unwrap();
    while folder.names().len() < 2 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it wrote");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(folder.names(), ["a.npy"]);
}

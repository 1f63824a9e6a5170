//! Ways to write tables, large and damaged files.

use std::fs::{self, File};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::common::files::{Folder, command, refused, rows, stdout, succeeded, table, vectors};
use arrow_array::builder::{FixedSizeBinaryBuilder, Int64Builder, ListBuilder, UInt8Builder};
use arrow_array::types::Float32Type;
use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, Int64Array, ListArray, StringArray};
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{DataType, Field};
use hart_kernels::spatial::{self, Basis};
use hart_kernels::{Compute, Vectors};
use serde_json::{Value, json};

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

/// Vectors in parts of any size give the bytes that they give in one piece, and the basis that the library fits to all.
#[test]
fn a_projection_does_not_depend_on_the_parts_of_the_file() {
    const ROWS: usize = 150;
    let folder = Folder::new();
    let row = |n: usize| (0..4).map(move |i| Some(((n * 37 + i * 11) % 29) as f32 / (i + 1) as f32 - 3.0));
    let there = |n: usize| n > 2 && n % 10 != 7;
    let v = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        (0..ROWS).map(|n| there(n).then(|| row(n).collect::<Vec<_>>())),
        4,
    );
    let names = StringArray::from_iter_values((0..ROWS).map(|n| format!("n{n}")));
    let id = Int64Array::from_iter_values((0..ROWS as i64).map(|n| 1000 - n));
    let all = table(vec![("id", Arc::new(id)), ("v", Arc::new(v)), ("name", Arc::new(names))]);
    let whole = folder.arrow("whole.arrow", &all);
    let parts = folder.text("parts.arrow");
    let mut writer = FileWriter::try_new(File::create(&parts).unwrap(), &all.schema()).unwrap();
    let mut from = 0;
    // Parts without rows too.
    for rows in [0, 1, 2, 3, 4].into_iter().cycle() {
        let rows = rows.min(ROWS - from);
        writer.write(&all.slice(from, rows)).unwrap();
        from += rows;
        if from == ROWS {
            break;
        }
    }
    writer.finish().unwrap();
    let values: Vec<f32> =
        (0..ROWS).filter(|n| there(*n)).flat_map(|n| row(n).flatten().collect::<Vec<_>>()).collect();
    let values = Vectors::matrix(&values, 4).unwrap();
    let compute = Compute::new();
    for (basis, more) in [
        ("pca", &["--axes", "2", "--sample", "40"][..]),
        ("pca", &["--axes", "3"]),
        ("random", &["--axes", "4", "--seed", "7"]),
        ("landmarks", &["--axes", "2"]),
        ("trilateration", &["--axes", "3"]),
    ] {
        let made = |input: &str, engine: &[&str]| {
            let (output, saved, svg) = (folder.text("o.csv"), folder.text("o.basis"), folder.text("o.svg"));
            let files = ["--output", &output, "--save-basis", &saved, "--svg", &svg, "--colour", "name"];
            let out = command(&[&["project", input, "--basis", basis], more, &files, engine].concat())
                .output()
                .unwrap();
            succeeded(&out);
            let read = [output, saved, svg].map(|file| fs::read(file).unwrap());
            (read, String::from_utf8(out.stderr).unwrap())
        };
        let in_one = made(&whole, &[]);
        assert!(in_one == made(&parts, &[]) && in_one == made(&parts, &["--in-process"]), "{basis}");
        let [points, saved, _] = in_one.0;
        let measured = |basis: Basis| basis.measured(compute, &values, false).unwrap();
        let wanted = match basis {
            "pca" => {
                let sample = if more.contains(&"--sample") { 40 } else { 10_000 };
                measured(Basis::pca(compute, &values, more[1].parse().unwrap(), sample).unwrap())
            }
            "random" => measured(Basis::random(4, 4, 7).unwrap()),
            _ => Basis::from_bytes(&saved).unwrap(),
        };
        assert_eq!(saved, wanted.to_bytes(), "{basis}");
        // Each row has its own columns and its own point.
        let points = String::from_utf8(points).unwrap();
        let coordinates = spatial::project(&wanted, &values, false).unwrap();
        assert_eq!(points.lines().next(), Some("id,name,x,y,z,geometry,norm,residual"));
        let mut present = 0;
        for (n, line) in points.lines().skip(1).enumerate() {
            let cells: Vec<&str> = line.split(',').collect();
            assert_eq!(cells[..2], [(1000 - n).to_string(), format!("n{n}")]);
            if there(n) {
                assert_eq!(cells[2].parse(), Ok(coordinates.point(present).unwrap()[0]));
                present += 1;
            } else {
                assert!(cells[2..].iter().all(|cell| cell.is_empty()), "{line}");
            }
        }
        assert_eq!((points.lines().count(), present), (ROWS + 1, values.len()));
    }
}

/// Whichever part a bad vector is in, its row is that of the file.
#[test]
fn a_projection_names_the_row_of_the_file() {
    let folder = Folder::new();
    let mut rows: Vec<Vec<f32>> = (0..40).map(|n| vec![n as f32, (n % 7) as f32]).collect();
    rows[30] = vec![1.0; 3];
    let v = ListArray::from_iter_primitive::<Float32Type, _, _>(
        rows.iter().map(|row| Some(row.iter().map(|v| Some(*v)).collect::<Vec<_>>())),
    );
    let all = table(vec![("v", Arc::new(v))]);
    let input = folder.text("parts.arrow");
    let mut writer = FileWriter::try_new(File::create(&input).unwrap(), &all.schema()).unwrap();
    (0..8).for_each(|n| writer.write(&all.slice(n * 5, 5)).unwrap());
    writer.finish().unwrap();
    let output = folder.text("o.csv");
    let saved = folder.file("saved.basis", Basis::random(2, 2, 1).unwrap().to_bytes());
    for basis in ["pca", "random", "landmarks", &saved] {
        let axes: &[&str] = if basis == saved { &[] } else { &["--axes", "1"] };
        let arguments = ["project", &input, "--basis", basis, "--output", &output, "--in-process"];
        refused(&[&arguments[..], axes].concat(), &["row 31"]);
    }
    assert_eq!(folder.names(), ["parts.arrow", "saved.basis"]);
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
                && stderr.contains("column v would take")
                && stderr.contains("limit is 1048576"),
            "{stderr}"
        );
    }
    // The limit is for all columns of a call and what is carried: each of them alone is smaller.
    let half = |n: i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(n..n + 70_000)) };
    let text = StringArray::from_iter_values((0..70_000).map(|n| format!("{n:08}")));
    let several = table(vec![("id", half(0)), ("g", half(1)), ("x", Arc::new(text))]);
    let several = folder.arrow("s.arrow", &several);
    let partitions = ["run", "system_echo", "--in-process", "--input", &several, "--partition-by", "g"];
    let echo = ["run", "system_echo", "--in-process", "--rows-per-read", "70000", "--input", &several];
    for (arguments, what) in
        [(&partitions[..], "the rows of --partition-by would take"), (&echo, "column g would take")]
    {
        let output = command(arguments).env("HART_MAX_MEMORY_MB", "1").output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && stderr.contains(what), "{stderr}");
        assert!(stderr.contains("limit is 1048576"), "{stderr}");
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

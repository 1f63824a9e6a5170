//! The tables that `hart tensor` writes and reads, the limits of their numbers, and what stands in the way of writing them.

use crate::common::models;
use std::collections::HashMap;
use std::fs;
use std::process::Command;

use crate::common::models::{TYPES, safetensors_of, singles, weights};
use crate::common::tensor::{
    Folder, distance, fails, hart, ids, json, layers, layers_of, stdout, table, write,
};
use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{
    ArrayRef, Float32Array, Int32Array, Int64Array, LargeBinaryArray, RecordBatch, StringArray,
};
use arrow_schema::DataType;
use serde_json::Value;

#[test]
fn tables_are_those_of_the_catalogue() {
    use DataType::{Binary, Float32, Int32, Int64, Utf8};
    let folder = Folder::new();
    let matrix = weights(1, 20 * 12);
    let bias = weights(2, 12);
    let model = folder.file(
        "model",
        &safetensors_of(&[
            ("matrix", "F32", &[20, 12], singles(&matrix)),
            ("bias", "F32", &[12], singles(&bias)),
        ]),
    );
    let atoms = folder.text("atoms");
    let base = ["atomize", &model, "--rank", "all", "--output", &atoms];
    stdout(&[&base[..], &["--model-id", "7", "--first-id", "100"]].concat());
    for (name, columns) in [
        (
            "TensorAtoms",
            &[
                ("TensorAtomId", Int64),
                ("ModelId", Int32),
                ("LayerId", Int64),
                ("AtomType", Utf8),
                ("Metadata", Utf8),
                ("ImportanceScore", Float32),
            ][..],
        ),
        (
            "TensorAtomCoefficients",
            &[
                ("TensorAtomCoefficientId", Int64),
                ("TensorAtomId", Int64),
                ("ParentLayerId", Int64),
                ("TensorRole", Utf8),
                ("Coefficient", Float32),
            ],
        ),
        (
            "TensorAtomPayloads",
            &[
                ("PayloadId", Int64),
                ("TensorAtomId", Int64),
                ("RowGuid", Utf8),
                ("Payload", Binary),
                ("Metadata", Utf8),
            ],
        ),
    ] {
        let table = table(&atoms, &format!("{name}.parquet"));
        let found: Vec<(&str, DataType)> =
            table.schema_ref().fields().iter().map(|f| (&f.name()[..], f.data_type().clone())).collect();
        assert_eq!(found, columns, "{name}");
        assert_eq!(table.num_rows(), 2 * 12 + 1, "{name}");
        assert_eq!(ids(&table, columns[0].0), (100..125).collect::<Vec<i64>>(), "{name}");
        assert_eq!(ids(&table, "TensorAtomId"), (100..125).collect::<Vec<i64>>(), "{name}");
    }
    let layers = table(&atoms, "ModelLayers.parquet");
    assert_eq!(ids(&layers, "LayerId"), [100, 101]);
    assert_eq!(ids(&layers, "ParameterCount"), [240, 12]);
    let names: Vec<_> = layers["LayerName"].as_string::<i32>().iter().flatten().collect();
    let shapes: Vec<_> = layers["TensorShape"].as_string::<i32>().iter().flatten().collect();
    assert_eq!((names, shapes), (vec!["matrix", "bias"], vec!["[20,12]", "[12]"]));

    // The matrix from the rows, as the documentation has it: the sum of (c u)(c′ v)ᵀ over the components.
    let coefficients = table(&atoms, "TensorAtomCoefficients.parquet");
    let payloads = table(&atoms, "TensorAtomPayloads.parquet");
    let metadata = table(&atoms, "TensorAtoms.parquet");
    let (mut left, mut right, mut whole) = (HashMap::new(), HashMap::new(), Vec::new());
    for row in 0..coefficients.num_rows() {
        let coefficient = coefficients["Coefficient"].as_primitive::<Float32Type>().value(row);
        let bytes = payloads["Payload"].as_binary::<i32>().value(row);
        let vector: Vec<f64> = bytes
            .chunks(4)
            .map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())) * f64::from(coefficient))
            .collect();
        let about: Value = serde_json::from_str(metadata["Metadata"].as_string::<i32>().value(row)).unwrap();
        let layer = ids(&coefficients, "ParentLayerId")[row];
        let component = about["component"].as_u64().unwrap();
        match coefficients["TensorRole"].as_string::<i32>().value(row) {
            "u" => assert!(layer == 100 && left.insert(component, vector).is_none()),
            "v" => assert!(layer == 100 && right.insert(component, vector).is_none()),
            "whole" => {
                assert_eq!((layer, component), (101, 1));
                whole = vector;
            }
            role => panic!("{role}"),
        }
    }
    assert_eq!((left.len(), right.len()), (12, 12));
    let element =
        |row: usize, column: usize| (1..=12).map(|k| left[&k][row] * right[&k][column]).sum::<f64>();
    let rebuilt: Vec<f32> = (0..240).map(|n| element(n / 12, n % 12) as f32).collect();
    assert!(distance(&matrix, &rebuilt) < 1e-6);
    assert_eq!(whole.iter().map(|v| *v as f32).collect::<Vec<_>>(), bias);
    let mut guids: Vec<_> = payloads["RowGuid"].as_string::<i32>().iter().flatten().collect();
    guids.sort_unstable();
    guids.dedup();
    assert_eq!(guids.len(), 25);
}

#[test]
fn small_errors_are_met_with_few_components() {
    // Rank 3, but for its rounding to singles.
    let (a, b) = (weights(1, 40 * 3), weights(2, 3 * 1000));
    let element = |n: usize| -> f64 {
        (0..3).map(|k| f64::from(a[n / 1000 * 3 + k]) * f64::from(b[k * 1000 + n % 1000])).sum()
    };
    let values: Vec<f32> = (0..40_000).map(|n| element(n) as f32).collect();
    let folder = Folder::new();
    let model = folder.file("m", &safetensors_of(&[("low", "F32", &[40, 1000], singles(&values))]));
    let (atoms, back) = (folder.text("atoms"), folder.text("back.safetensors"));
    let line = &json(&["atomize", &model, "--error", "5e-7", "--output", &atoms])[0];
    assert_eq!(line["components"], 3, "{line}");
    stdout(&["synthesize", &atoms, "--output", &back]);
    let error = distance(&values, &layers(&back)["low"].1);
    assert!(
        (line["relative_error"].as_f64().unwrap() - error).abs() < 1e-12 && error < 5e-7,
        "{line}: {error}"
    );
    let about = table(&atoms, "ModelLayers.parquet");
    let about: Value = serde_json::from_str(about["Parameters"].as_string::<i32>().value(0)).unwrap();
    assert_eq!(about["relativeError"], line["relative_error"]);
}

#[test]
fn singular_values_beyond_singles_are_shared() {
    let folder = Folder::new();
    let (large, small) = ([3.4e38f32; 4], [1e-44f32, 0.0, 0.0, 3e-44]);
    let model = folder.file(
        "m",
        &safetensors_of(&[
            ("large", "F32", &[2, 2], singles(&large)),
            ("small", "F32", &[2, 2], singles(&small)),
        ]),
    );
    let (atoms, back) = (folder.text("atoms"), folder.text("back.safetensors"));
    for line in json(&["atomize", &model, "--rank", "all", "--output", &atoms]) {
        assert!(line["relative_error"].as_f64().unwrap() < 1e-6, "{line}");
    }
    let coefficients = table(&atoms, "TensorAtomCoefficients.parquet");
    let coefficients = coefficients["Coefficient"].as_primitive::<Float32Type>();
    assert!(coefficients.values().iter().all(|c| c.is_finite()), "{coefficients:?}");
    stdout(&["synthesize", &atoms, "--output", &back]);
    let after = layers(&back);
    assert!(
        distance(&large.map(|x| x / 1e10), &after["large"].1.iter().map(|x| x / 1e10).collect::<Vec<_>>())
            < 1e-6
    );
    assert_eq!(after["small"].1, small);
}

#[test]
fn tables_of_a_server_are_read() {
    // An export has other layers and atoms beside ours, ids of its own, other types of columns, and no Parameters.
    let folder = Folder::new();
    fs::create_dir(folder.path("export")).unwrap();
    let write_table_in = |folder: &std::path::Path, name: &str, columns: Vec<(&str, ArrayRef)>| {
        let columns = columns.into_iter().map(|(n, c)| (n, c, true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        write(folder.join(name).to_str().unwrap(), &batch);
    };
    let write_table = |name: &str, columns: Vec<(&str, ArrayRef)>| {
        write_table_in(&folder.path("export"), name, columns);
    };
    fn integers(values: &[i64]) -> ArrayRef {
        std::sync::Arc::new(Int64Array::from(values.to_vec()))
    }
    fn texts(values: &[Option<&str>]) -> ArrayRef {
        std::sync::Arc::new(StringArray::from(values.to_vec()))
    }
    let layers_with = |parameters: &[Option<&str>]| {
        write_table(
            "ModelLayers.parquet",
            vec![
                ("LayerIdx", std::sync::Arc::new(Int32Array::from(vec![1, 0]))),
                ("LayerId", integers(&[70, 60])),
                ("LayerName", texts(&[Some("w"), None])),
                ("TensorShape", texts(&[Some("[2, 3]"), None])),
                ("Parameters", texts(parameters)),
                ("ZMin", texts(&[None, None])),
            ],
        );
    };
    layers_with(&[Some(r#"{"note": 1}"#), None]);
    write_table(
        "TensorAtoms.parquet",
        vec![
            ("TensorAtomId", integers(&[5, 6, 7, 8, 9])),
            ("AtomId", integers(&[1, 1, 1, 1, 1])),
            (
                "Metadata",
                texts(&[
                    None,
                    Some(r#"{"component":4}"#),
                    Some(r#"{"component": 4, "x": []}"#),
                    Some(r#"{"component":2}"#),
                    Some(r#"{"component":2}"#),
                ]),
            ),
        ],
    );
    let coefficients = |roles: [&str; 4]| {
        let roles = [&[None][..], &roles.map(Some)].concat();
        write_table(
            "TensorAtomCoefficients.parquet",
            vec![
                ("TensorAtomId", integers(&[5, 6, 7, 8, 9])),
                ("ParentLayerId", integers(&[60, 70, 70, 70, 70])),
                ("TensorRole", texts(&roles)),
                ("Coefficient", std::sync::Arc::new(Float32Array::from(vec![9.0, 2.0, 1.0, 0.5, 4.0]))),
            ],
        );
    };
    coefficients(["v", "u", "u", "v"]);
    let vectors: [&[f32]; 5] = [&[1.0], &[1.0, 2.0, 3.0], &[1.0, -1.0], &[4.0, 0.5], &[0.0, 1.0, 0.0]];
    let payloads: Vec<Vec<u8>> = vectors.iter().map(|v| singles(v)).collect();
    write_table(
        "TensorAtomPayloads.parquet",
        vec![
            (
                "Payload",
                std::sync::Arc::new(LargeBinaryArray::from_iter_values(
                    [4, 3, 2, 1, 0].map(|n| &payloads[n]),
                )),
            ),
            ("TensorAtomId", integers(&[9, 8, 7, 6, 5])),
        ],
    );
    let (export, back) = (folder.text("export"), folder.text("back.safetensors"));
    let output = hart(&["synthesize", &export, "--output", &back]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && stderr.contains("layer 60 is left out"), "{stderr}");
    // 2·1·(1, −1)(1, 2, 3) + 0.5·4·(4, 0.5)(0, 1, 0)
    let expected = vec![2.0, 4.0 + 8.0, 6.0, -2.0, -4.0 + 1.0, -6.0];
    assert_eq!(layers(&back), HashMap::from([("w".to_owned(), (vec![2, 3], expected))]));
    let refuses = |parts: &[&str]| {
        let output = hart(&["synthesize", &export, "--output", &back]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(parts.iter().all(|part| stderr.contains(part)), "{stderr}");
    };
    // Half of a component, a role of another kind beside ours, and components that are not those that were written.
    coefficients(["v", "v", "u", "v"]);
    refuses(&["atoms 6 and 7 are both component 4 in role v"]);
    coefficients(["v", "other", "u", "v"]);
    refuses(&["TensorRole, row 3: `other`; expected u or v, as of the layer's other atoms"]);
    coefficients(["v", "u", "u", "v"]);
    // Atoms that are no components: their weighted sum, 2·(1, 2, 3) + 0.5·(4, 0, −2).
    let sum: [(&str, Vec<(&'static str, ArrayRef)>); 4] = [
        (
            "ModelLayers",
            vec![
                ("LayerIdx", integers(&[0])),
                ("LayerId", integers(&[1])),
                ("LayerName", texts(&[Some("sum")])),
                ("TensorShape", texts(&[Some("[3]")])),
                ("Parameters", texts(&[None])),
            ],
        ),
        ("TensorAtoms", vec![("TensorAtomId", integers(&[1, 2])), ("Metadata", texts(&[None, None]))]),
        (
            "TensorAtomCoefficients",
            vec![
                ("TensorAtomId", integers(&[2, 1])),
                ("ParentLayerId", integers(&[1, 1])),
                ("TensorRole", texts(&[None, Some("basis")])),
                ("Coefficient", std::sync::Arc::new(Float32Array::from(vec![0.5, 2.0]))),
            ],
        ),
        (
            "TensorAtomPayloads",
            vec![
                ("TensorAtomId", integers(&[1, 2])),
                (
                    "Payload",
                    std::sync::Arc::new(LargeBinaryArray::from_iter_values([
                        singles(&[1.0, 2.0, 3.0]),
                        singles(&[4.0, 0.0, -2.0]),
                    ])),
                ),
            ],
        ),
    ];
    let other = Folder::new();
    std::fs::create_dir(other.path("sum")).unwrap();
    for (name, columns) in sum {
        write_table_in(&other.path("sum"), &format!("{name}.parquet"), columns);
    }
    let (sums, sum) = (other.text("sum"), other.text("sum.safetensors"));
    assert!(hart(&["synthesize", &sums, "--output", &sum]).status.success());
    assert_eq!(layers(&sum), HashMap::from([("sum".to_owned(), (vec![3], vec![4.0, 4.0, 5.0]))]));

    layers_with(&[Some(r#"{"components": 2}"#), None]);
    refuses(&["component 1 has no atom in role u; the layer was written with 2 components"]);
    layers_with(&[Some(r#"{"components": 18446744073709551615}"#), None]);
    refuses(&["component 1 has no atom"]);
}

#[test]
fn a_package_of_gguf_to_atoms_and_back() {
    let folder = Folder::new();
    let model = folder.file("model.gguf", include_bytes!("../data/package.gguf"));
    let lines = json(&["inspect", &model]);
    assert_eq!(lines.len(), 2 * TYPES.len() + 3);
    let (atoms, back) = (folder.text("atoms"), folder.text("back.safetensors"));
    let all = hart(&["atomize", &model, "--rank", "all", "--output", &folder.text("all")]);
    let stderr = String::from_utf8_lossy(&all.stderr).into_owned();
    assert!(all.status.success(), "{stderr}");
    assert!(stderr.contains("ids is left out: i32"), "{stderr}");
    let names: Vec<&str> = TYPES.iter().map(|of| of.name).chain(["cube"]).collect();
    let chosen: Vec<&str> = names.iter().flat_map(|name| ["--tensor", *name]).collect();
    stdout(&[&["atomize", &model, "--rank", "all", "--output", &atoms][..], &chosen].concat());
    stdout(&["synthesize", &atoms, "--output", &back]);
    for line in json(&["compare", &model, &back]).iter().filter(|l| l["status"] == "compared") {
        assert!(line["relative_error"].as_f64().unwrap() < 1e-6, "{line}");
    }
    assert_eq!(layers(&back).len(), names.len());
}

#[test]
fn memory_is_asked_for_first() {
    let folder = Folder::new();
    let model =
        folder.file("m", &safetensors_of(&[("big", "F32", &[300, 300], singles(&weights(1, 90_000)))]));
    let atoms = folder.text("atoms");
    let limited = |megabytes: &str, target: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hart"));
        command.args(["tensor", "atomize", &model, "--output", &atoms]).args(target);
        command.env("HART_MAX_MEMORY_MB", megabytes).output().unwrap()
    };
    let output = limited("2", &["--rank", "all"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("tensor big: its factorization would take ")
            && stderr.contains("the limit is 2097152 bytes"),
        "{stderr}"
    );
    assert_eq!(folder.names(), ["m"]);
    // A low rank needs less by the randomized method, and all of it fits into more.
    assert!(!limited("2", &["--rank", "3"]).status.success());
    assert!(limited("2", &["--rank", "3", "--method", "randomized"]).status.success());
    fs::remove_dir_all(&atoms).unwrap();
    assert!(limited("9", &["--rank", "all"]).status.success());
}

/// What the system refuses is an error too, of one line, and leaves nothing behind.
#[test]
#[cfg(target_os = "linux")]
fn memory_that_the_system_refuses() {
    let folder = Folder::new();
    let model = folder.path("m");
    // 400 MB of zeros, which take no room on the disk.
    let header = r#"{"huge":{"dtype":"F32","shape":[10000,10000],"data_offsets":[0,400000000]}}"#;
    fs::write(&model, models::safetensors(header, &[])).unwrap();
    let length = fs::metadata(&model).unwrap().len() + 400_000_000;
    fs::OpenOptions::new().write(true).open(&model).unwrap().set_len(length).unwrap();
    let atoms = folder.text("atoms");
    let script = r#"ulimit -v 1300000; HART_MAX_MEMORY_MB=100000 exec "$0" tensor atomize "$1" --rank 1 --method randomized --output "$2" --threads 1"#;
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_hart"), model.to_str().unwrap(), &atoms])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("tensor huge: its factorization would take ")
            && stderr.contains("the system refused them"),
        "{stderr}"
    );
    assert_eq!(folder.names(), ["m"]);
}

#[test]
#[cfg(unix)]
fn drafts_of_others_are_not_in_the_way() {
    let folder = Folder::new();
    let model = folder.file("m", &safetensors_of(&[("w", "F32", &[2, 2], singles(&[1.0, 2.0, 3.0, 4.0]))]));
    let atoms = folder.text("atoms");
    // The shell has the number that the command will have.
    let script = r#"mkdir "$3/.atoms.$$-0.tmp" "$3/.atoms.$$-1.tmp" && exec "$0" tensor atomize "$1" --rank 1 --output "$2""#;
    let root = folder.0.path().to_str().unwrap();
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_hart"), &model, &atoms, root])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(folder.names().len(), 4, "{:?}", folder.names());
    assert_eq!(layers_of(&atoms), ["w"]);
}

#[test]
fn errors_place_what_is_wrong_in_the_matrix() {
    let folder = Folder::new();
    let mut cube = weights(1, 2 * 3 * 4);
    cube[12 + 7] = f32::NAN;
    let name = "a\u{1b}[31mb\nc";
    let escaped = r"a\u001b[31mb\nc";
    let header = format!(r#"{{"{escaped}":{{"dtype":"F32","shape":[2,3,4],"data_offsets":[0,96]}}}}"#);
    let model = folder.file("m", &models::safetensors(&header, &singles(&cube)));
    let atoms = folder.text("atoms");
    let base = ["atomize", &model, "--rank", "1", "--output", &atoms];
    // One line, and no character that steers the terminal.
    fails(1, &base, &[r"tensor a\u{1b}[31mb\nc, row 2, column 8 of the matrix 2 × 12: NaN"]);
    fails(
        1,
        &[&base[..], &["--tensor", &format!("{name}x")]].concat(),
        &[r"no tensor is named `a\u{1b}[31mb\ncx`"],
    );
}

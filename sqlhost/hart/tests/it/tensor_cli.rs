//! `hart tensor` as its users type it.

use std::collections::HashMap;
use std::fs;

use crate::common::models::{Gguf, LAYER0, TYPES, safetensors_of, singles, weights};
use crate::common::tensor::{Folder, distance, fails, hart, json, layers, layers_of, stdout, table, write};
use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Float32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::concat::concat_batches;
use serde_json::Value;

const KEY: &str = "encoder.layer.0.attention.self.key.weight";

/// The singular values that a folder of one layer holds.
fn spectrum(folder: &str) -> Vec<f64> {
    let table = table(folder, "TensorAtomCoefficients.parquet");
    let roles = table["TensorRole"].as_string::<i32>();
    let values = table["Coefficient"].as_primitive::<Float32Type>();
    (0..table.num_rows()).filter(|n| roles.value(*n) == "v").map(|n| values.value(n).into()).collect()
}

/// The smallest relative error that any matrix of that rank has (Eckart and Young).
fn optimum(spectrum: &[f64], rank: usize) -> f64 {
    let energy = |values: &[f64]| values.iter().rev().map(|v| v * v).sum::<f64>();
    (energy(&spectrum[rank..]) / energy(spectrum)).sqrt()
}

#[test]
fn real_weights_come_back() {
    let layer0 = LAYER0;
    let folder = Folder::new();
    let (atoms, back) = (folder.text("atoms"), folder.text("back.safetensors"));
    let summary = json(&["atomize", layer0, "--rank", "all", "--output", &atoms]);
    assert_eq!(summary.len(), 6);
    let said: HashMap<&str, f64> = summary
        .iter()
        .map(|line| (line["tensor"].as_str().unwrap(), line["relative_error"].as_f64().unwrap()))
        .collect();
    assert!(summary.iter().all(|line| line["components"] == 384), "{summary:?}");
    assert_eq!(stdout(&["synthesize", &atoms, "--output", &back]), "");
    let (before, after) = (layers(layer0), layers(&back));
    assert_eq!(before.len(), after.len());
    for (name, (shape, values)) in &before {
        assert_eq!(*shape, after[name].0);
        let error = distance(values, &after[name].1);
        assert!(error <= 1e-6, "{name}: {error}");
    }
    // `compare` says the same, of the file and of the folder.
    for other in [&back, &atoms] {
        let lines = json(&["compare", layer0, other]);
        assert_eq!(lines.len(), 6);
        for line in lines {
            let (_, values) = &before[line["tensor"].as_str().unwrap()];
            let error = distance(values, &after[line["tensor"].as_str().unwrap()].1);
            assert_eq!(line["status"], "compared");
            assert!((line["relative_error"].as_f64().unwrap() - error).abs() < 1e-12, "{line}");
            assert!((said[line["tensor"].as_str().unwrap()] - error).abs() < 1e-12, "{line}: {said:?}");
            assert!(line["cosine"].as_f64().unwrap() > 1.0 - 1e-12, "{line}");
        }
    }
    assert_eq!(folder.names(), ["atoms", "back.safetensors"]);
}

#[test]
fn error_and_rank_are_kept() {
    let layer0 = LAYER0;
    let folder = Folder::new();
    let (_, values) = &layers(layer0)[KEY];
    let run = |name: &str, target: &[&str]| {
        let (atoms, back) = (folder.text(name), folder.text(&format!("{name}.safetensors")));
        let arguments = [&["atomize", layer0, "--tensor", KEY, "--output", &atoms][..], target].concat();
        let line = &json(&arguments)[0];
        assert_eq!(line["tensor"], KEY);
        stdout(&["synthesize", &atoms, "--layer", KEY, "--output", &back]);
        let rank = line["components"].as_u64().unwrap() as usize;
        let error = distance(values, &layers(&back)[KEY].1);
        // What was said is what is.
        assert!((line["relative_error"].as_f64().unwrap() - error).abs() < 1e-12, "{line}: {error}");
        (atoms, rank, error)
    };
    let (all, rank, _) = run("all", &["--rank", "all"]);
    let spectrum = spectrum(&all);
    assert_eq!((spectrum.len(), rank), (384, 384));
    assert!(spectrum.is_sorted_by(|a, b| a >= b));
    for asked in ["0.5", "0.01"] {
        let (_, rank, error) = run(asked, &["--error", asked]);
        let asked: f64 = asked.parse().unwrap();
        assert!(error <= asked + 1e-7, "{error} for {asked}");
        // One component fewer cannot do it.
        assert!(optimum(&spectrum, rank - 1) > asked, "rank {rank} for {asked}");
    }
    for asked in [16, 200] {
        let (_, rank, error) = run(&format!("rank {asked}"), &["--rank", &asked.to_string()]);
        assert_eq!(rank, asked);
        // What singles do to the vectors, and no more: the exact method.
        assert!(error <= optimum(&spectrum, rank) * (1.0 + 1e-6) + 1e-6, "{error} at rank {rank}");
    }
    let (_, rank, error) = run("sampled", &["--rank", "16", "--method", "randomized"]);
    assert!(rank == 16 && error > optimum(&spectrum, 16) * (1.0 + 1e-9), "{error}");
    assert!(error <= optimum(&spectrum, 16) * 1.03, "{error}");
    let (_, rank, error) = run("energy", &["--energy", "0.9"]);
    assert!(error.powi(2) <= 0.1 + 1e-7 && optimum(&spectrum, rank - 1).powi(2) > 0.1, "{error}");
}

#[test]
fn files_do_not_depend_on_the_threads() {
    let layer0 = LAYER0;
    let folder = Folder::new();
    let read = |threads: &str| {
        let (atoms, back) = (folder.text(threads), folder.text(&format!("{threads}.safetensors")));
        let base = ["atomize", layer0, "--tensor", KEY, "--rank", "24", "--output", &atoms];
        stdout(&[&base[..], &["--threads", threads]].concat());
        stdout(&["synthesize", &atoms, "--output", &back, "--threads", threads]);
        let tables = ["ModelLayers", "TensorAtoms", "TensorAtomCoefficients", "TensorAtomPayloads"];
        let mut files = tables.map(|t| fs::read(format!("{atoms}/{t}.parquet")).unwrap()).to_vec();
        files.push(fs::read(back).unwrap());
        files
    };
    assert!(read("1") == read("2"), "the files differ");
}

#[test]
fn gguf_to_atoms_and_back() {
    let folder = Folder::new();
    let mut gguf = Gguf::new();
    for (n, of) in TYPES.iter().enumerate() {
        gguf.tensors.push((of.name, vec![256, 3], of.number, of.random(n as u64, 768)));
    }
    gguf.tensors.push(("norm", vec![5], 0, singles(&weights(1, 5))));
    gguf.tensors.push(("cube", vec![2, 3, 4], 0, singles(&weights(2, 24))));
    gguf.tensors.push(("zero", vec![4, 4], 0, vec![0; 64]));
    let ones: Vec<f32> = (0..35).map(|n| (n / 7 + 1) as f32).collect();
    gguf.tensors.push(("rank one", vec![7, 5], 0, singles(&ones)));
    let model = folder.file("model.bin", &gguf.bytes());

    let lines = json(&["inspect", &model]);
    let of = |lines: &[Value], name: &str, key: &str, column: &str| {
        lines.iter().find(|l| l[key] == name).map(|l| l[column].clone()).unwrap()
    };
    assert_eq!(lines.len(), 15);
    assert_eq!(of(&lines, "q6_k", "name", "type"), "q6_k");
    assert_eq!(of(&lines, "q6_k", "name", "bytes"), 3 * 210);
    assert_eq!(of(&lines, "cube", "name", "shape"), serde_json::json!([4, 3, 2]));
    assert_eq!(of(&lines, "cube", "name", "parameters"), 24);

    let (atoms, back) = (folder.text("atoms"), folder.text("back.safetensors"));
    let summary = json(&["atomize", &model, "--error", "1e-6", "--output", &atoms]);
    assert_eq!(of(&summary, "rank one", "tensor", "components"), 1);
    assert_eq!(of(&summary, "norm", "tensor", "stored_as"), "whole");
    stdout(&["synthesize", &atoms, "--output", &back]);
    let after = layers(&back);
    for (blocks, (name, _, _, bytes)) in TYPES.iter().zip(&gguf.tensors) {
        let before: Vec<f32> = blocks.decode(bytes).into_iter().map(|v| v as f32).collect();
        assert_eq!(after[*name].0, [3, 256]);
        let error = distance(&before, &after[*name].1);
        assert!(error < 2e-6, "{name}: {error}");
    }
    assert_eq!(after["norm"], (vec![5], weights(1, 5)));
    assert_eq!(after["zero"], (vec![4, 4], vec![0.0; 16]));
    assert_eq!(after["cube"].0, [4, 3, 2]);
    assert!(distance(&weights(2, 24), &after["cube"].1) < 2e-6);
    assert!(distance(&ones, &after["rank one"].1) < 1e-6);
    // Every line is compared, whatever the types.
    let lines = json(&["compare", &model, &back]);
    assert!(lines.len() == 15 && lines.iter().all(|l| l["status"] == "compared"), "{lines:?}");
    let layers = table(&atoms, "ModelLayers.parquet");
    let quantized: Vec<_> = layers["QuantizationType"].as_string::<i32>().iter().collect();
    assert_eq!(quantized[..4], [None, None, None, Some("q4_0")]);
}

#[test]
fn inspect_computes_statistics() {
    let folder = Folder::new();
    let tensors: [(&str, &str, &[usize], Vec<u8>); 3] = [
        ("a", "F32", &[2, 2], singles(&[1.0, 2.0, 3.0, -4.0])),
        ("b", "I32", &[1], vec![0; 4]),
        ("c", "F32", &[2], singles(&[f32::NAN, 1.0])),
    ];
    let model = folder.file("m", &safetensors_of(&tensors));
    let lines = json(&["inspect", &model, "--statistics"]);
    assert_eq!(
        (&lines[0]["min"], &lines[0]["max"], &lines[0]["mean"]),
        (&(-4.0).into(), &3.0.into(), &0.5.into())
    );
    // (0.25 + 2.25 + 6.25 + 20.25) / 4 = 7.25.
    assert!((lines[0]["deviation"].as_f64().unwrap() - 7.25f64.sqrt()).abs() < 1e-12);
    assert!(lines[1]["mean"].is_null() && lines[1]["type"] == "i32", "{:?}", lines[1]);
    assert!(!lines[2]["mean"].is_number(), "{:?}", lines[2]);
    let table = stdout(&["inspect", &model]);
    assert!(table.lines().next().unwrap().starts_with("name"), "{table}");
    assert_eq!(table.lines().count(), 5, "{table}");
}

#[test]
fn nothing_is_left_of_what_fails() {
    let folder = Folder::new();
    let mut wrong = weights(1, 64);
    wrong[8 * 3 + 4] = f32::INFINITY;
    let good = || ("good", "F32", &[8usize, 8][..], singles(&weights(2, 64)));
    let model = folder.file("m", &safetensors_of(&[good(), ("wrong", "F32", &[8, 8], singles(&wrong))]));
    let (atoms, back) = (folder.text("atoms"), folder.text("back.safetensors"));
    let whole = fs::read(&model).unwrap();
    let short = folder.file("short", &whole[..whole.len() - 1]);
    let scale = folder.file("f8", &safetensors_of(&[good(), ("x", "F8_E8M0", &[1], vec![0])]));
    let ids = folder.file("ids", &safetensors_of(&[("ids", "I64", &[1], vec![0; 8])]));
    let files = folder.names();
    let atomize = |model: &str, parts: &[&str]| {
        fails(1, &["atomize", model, "--rank", "2", "--output", &atoms], parts);
        assert_eq!(folder.names(), files, "{parts:?}");
    };
    atomize(&model, &[&model, "tensor wrong, row 4, column 5: inf; expected a finite number"]);
    atomize(&short, &[&short, "tensor wrong", "where the file ends"]);
    atomize(
        &scale,
        &[
            "tensor x is of type f8_e8m0; expected one of f32, f16,",
            "mxfp4; choose others with --tensor, or say --skip-unsupported\n",
        ],
    );
    fails(
        1,
        &["atomize", &ids, "--tensor", "ids", "--rank", "1", "--output", &atoms],
        &["tensor ids holds i64, which are no weights"],
    );
    fails(
        1,
        &["atomize", &model, "--rank", "9", "--output", &atoms],
        &["--rank 9: expected at most 8, the smaller side of", "the largest matrix of"],
    );
    // Found out before the work is done.
    fs::create_dir(&atoms).unwrap();
    let inside = format!("{atoms}/picture.svg");
    fails(
        1,
        &["atomize", &model, "--tensor", "good", "--rank", "2", "--output", &atoms, "--svg", &inside],
        &["picture.svg: expected a place outside of --output"],
    );
    fs::remove_dir(&atoms).unwrap();
    atomize(&folder.text("none"), &["none: cannot read the file: "]);
    let output = hart(&["inspect", &folder.text("none")]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(stderr.matches("os error").count(), 1, "{stderr}");
    let output = hart(&["atomize", &ids, "--rank", "1", "--output", &atoms]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && stderr.contains("ids is left out: i64"), "{stderr}");
    assert!(stderr.contains("no tensor of weights"), "{stderr}");
    fails(1, &["inspect", &short], &[&short, "where the file ends"]);
    fails(1, &["compare", &model, &short], &[&short]);

    // The good one alone works, and what is there already stays.
    let only = ["atomize", &model, "--tensor", "good", "--rank", "2", "--output", &atoms];
    stdout(&only);
    fails(1, &only, &["atoms", "not empty"]);
    fails(1, &["atomize", &model, "--rank", "2", "--output", &model], &["expected a new or empty folder"]);
    fails(
        1,
        &["atomize", &model, "--tensor", "god", "--rank", "2", "--output", &back],
        &["god", "did you mean `good`"],
    );
    fails(1, &["atomize", &model, "--rank", "9", "--output", &back], &["--rank 9", "at most 8"]);
    assert_eq!(layers_of(&atoms), ["good"]);

    // Damaged tables leave an older result as it was.
    fs::write(&back, "older").unwrap();
    let path = |name: &str| format!("{atoms}/{name}.parquet");
    let refuses = |what: &str, parts: &[&str]| {
        fails(1, &["synthesize", &atoms, "--output", &back], parts);
        assert_eq!(fs::read(&back).unwrap(), b"older", "{what}");
        assert!(!folder.names().iter().any(|name| name.contains("tmp")), "{what}");
    };
    let payloads = fs::read(path("TensorAtomPayloads")).unwrap();
    fs::write(path("TensorAtomPayloads"), &payloads[..payloads.len() - 9]).unwrap();
    refuses("truncated", &["TensorAtomPayloads"]);
    let rows = |name: &str, rows: std::ops::Range<usize>| {
        let batch = table(&atoms, name);
        write(&path(name.trim_end_matches(".parquet")), &batch.slice(rows.start, rows.len()));
    };
    fs::write(path("TensorAtomPayloads"), &payloads).unwrap();
    rows("TensorAtomPayloads.parquet", 0..3);
    refuses("missing payload", &["layer good", "atom 4 has no payload"]);
    fs::write(path("TensorAtomPayloads"), &payloads).unwrap();
    let coefficients = fs::read(path("TensorAtomCoefficients")).unwrap();
    rows("TensorAtomCoefficients.parquet", 0..3);
    refuses(
        "missing coefficient",
        &["layer good", "component 2 has no atom in role u; the layer was written with 2 components"],
    );
    fs::write(path("TensorAtomCoefficients"), &coefficients).unwrap();
    let batch = table(&atoms, "TensorAtomCoefficients.parquet");
    let mut columns = batch.columns().to_vec();
    columns[4] = std::sync::Arc::new(Float32Array::from(vec![1.0, f32::NAN, 1.0, 1.0]));
    write(&path("TensorAtomCoefficients"), &RecordBatch::try_new(batch.schema(), columns).unwrap());
    refuses("NaN", &["layer good", "the coefficient NaN"]);
    write(&path("TensorAtomCoefficients"), &concat_batches(&batch.schema(), [&batch, &batch]).unwrap());
    refuses("twice", &["layer good", "component 1 in role"]);
    // A text that is no number is not NULL.
    let texts = |values: [&str; 4]| {
        let mut fields = batch.schema().fields().to_vec();
        fields[4] = std::sync::Arc::new(Field::new("Coefficient", DataType::Utf8, true));
        let mut columns = batch.columns().to_vec();
        columns[4] = std::sync::Arc::new(StringArray::from(values.to_vec()));
        let schema = std::sync::Arc::new(Schema::new(fields));
        write(&path("TensorAtomCoefficients"), &RecordBatch::try_new(schema, columns).unwrap());
    };
    texts(["1", "one", "1", "1"]);
    refuses("text", &["TensorAtomCoefficients.parquet: column Coefficient", "one"]);
    // Coefficients are finite here, and what they give is not.
    let mut columns = batch.columns().to_vec();
    columns[4] = std::sync::Arc::new(Float32Array::from(vec![3e38; 4]));
    write(&path("TensorAtomCoefficients"), &RecordBatch::try_new(batch.schema(), columns).unwrap());
    refuses("overflow", &["layer good: row 1, column 1 would be ", "the largest single"]);
    fs::remove_file(path("TensorAtomCoefficients")).unwrap();
    refuses("missing file", &["TensorAtomCoefficients"]);
    fs::write(path("TensorAtomCoefficients"), &coefficients).unwrap();
    stdout(&["synthesize", &atoms, "--output", &back]);
    assert_eq!(layers(&back)["good"].0, [8, 8]);
}

#[test]
fn compare_names_what_is_missing() {
    let folder = Folder::new();
    let same = || ("same", "F32", &[2usize, 2][..], singles(&[3.0, 0.0, 0.0, 4.0]));
    let a = folder.file(
        "a",
        &safetensors_of(&[
            same(),
            ("moved", "F32", &[2], singles(&[3.0, 4.0])),
            ("shape", "F32", &[2], singles(&[1.0, 2.0])),
            ("mine", "F32", &[1], singles(&[1.0])),
            ("ids", "I32", &[1], vec![0; 4]),
        ]),
    );
    let b = folder.file(
        "b",
        &safetensors_of(&[
            same(),
            ("moved", "F32", &[2], singles(&[3.0, 2.0])),
            ("shape", "F32", &[1, 2], singles(&[1.0, 2.0])),
            ("yours", "F32", &[1], singles(&[1.0])),
            ("ids", "I32", &[1], vec![0; 4]),
        ]),
    );
    let lines = json(&["compare", &a, &b]);
    let found: Vec<(&str, &str)> =
        lines.iter().map(|l| (l["tensor"].as_str().unwrap(), l["status"].as_str().unwrap())).collect();
    let expected = [
        ("same", "compared"),
        ("moved", "compared"),
        ("shape", "shape [1, 2] in B"),
        ("mine", "only in A"),
        ("ids", "type i32"),
        ("yours", "only in B"),
    ];
    assert_eq!(found, expected);
    // (0, 2) of (3, 4): 2 / 5, and (9 + 8) / (5 √13).
    assert_eq!((&lines[1]["relative_error"], &lines[1]["max_error"]), (&0.4.into(), &2.0.into()));
    assert!((lines[1]["cosine"].as_f64().unwrap() - 17.0 / (5.0 * 13f64.sqrt())).abs() < 1e-12);
    assert_eq!(lines[0]["relative_error"], 0.0);
    // A zero has no direction, as for tensor_error; what is no number is named.
    let odd = |values: [f32; 4]| safetensors_of(&[same(), ("odd", "F32", &[2, 2], singles(&values))]);
    let zero = folder.file("zero", &odd([0.0; 4]));
    let nan = folder.file("nan", &odd([1.0, 2.0, f32::NAN, 4.0]));
    let lines = json(&["compare", &zero, &zero]);
    assert!(lines[1]["cosine"].is_null() && lines[1]["relative_error"] == 0.0, "{lines:?}");
    for (a, b, side) in [(&zero, &nan, "B"), (&nan, &zero, "A")] {
        let lines = json(&["compare", a, b]);
        assert_eq!(lines[1]["status"], format!("NaN in {side}, row 2, column 1"));
        assert!(lines[1]["relative_error"].is_null() && lines[0]["status"] == "compared", "{lines:?}");
    }
    let other = folder.file("c", &safetensors_of(&[("z", "F32", &[1], singles(&[1.0]))]));
    fails(1, &["compare", &a, &other], &["no tensor of the same name"]);
}

#[test]
fn the_picture_shows_every_matrix() {
    let folder = Folder::new();
    let matrix = |seed| singles(&weights(seed, 30 * 20));
    let model = folder.file(
        "m",
        &safetensors_of(&[
            ("first & <best>", "F32", &[30, 20], matrix(1)),
            ("second", "F32", &[20, 30], matrix(2)),
            ("bias", "F32", &[20], singles(&weights(3, 20))),
        ]),
    );
    let (atoms, svg) = (folder.text("atoms"), folder.text("p.svg"));
    stdout(&["atomize", &model, "--rank", "all", "--output", &atoms, "--svg", &svg]);
    let text = fs::read_to_string(&svg).unwrap();
    assert!(text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"), "{text}");
    for part in ["Singular values", "Error against rank", "first &amp; &lt;best&gt;", "second"] {
        assert!(text.contains(part), "`{part}` is not in the picture");
    }
    assert!(!text.contains("bias") && !text.contains("NaN") && !text.contains("inf"), "{text}");
    // In each plot a curve for each matrix: 20 singular values, and 21 errors from rank 0 to 20.
    let points = |line: &str| {
        line.split("points=\"").nth(1).unwrap().split('"').next().unwrap().split_whitespace().count()
    };
    let curves: Vec<usize> = text.lines().filter(|l| l.contains("<polyline")).map(points).collect();
    let count = |n: usize| curves.iter().filter(|c| **c == n).count();
    assert_eq!((count(20), count(21)), (2, 2), "{curves:?}");

    // With a target too, all that is known is drawn, not only what is kept.
    let (few, part) = (folder.text("few"), folder.text("part.svg"));
    stdout(&["atomize", &model, "--error", "0.9", "--output", &few, "--svg", &part]);
    let text = fs::read_to_string(&part).unwrap();
    let curves: Vec<usize> = text.lines().filter(|l| l.contains("<polyline")).map(points).collect();
    let count = |n: usize| curves.iter().filter(|c| **c == n).count();
    assert_eq!((count(20), count(21)), (2, 2), "{curves:?}");

    // A place where no picture can be is found out before anything is written.
    let other = folder.text("other");
    for (place, part) in [("p.png", "ends with .svg"), ("none/p.svg", "there is no folder"), ("atoms", "svg")]
    {
        fails(
            1,
            &["atomize", &model, "--rank", "2", "--output", &other, "--svg", &folder.text(place)],
            &["--svg", part],
        );
        assert!(!folder.path("other").exists());
    }
}

/// A link to an empty folder is as good as the folder.
#[cfg(unix)]
#[test]
fn the_folder_may_be_a_link() {
    let folder = Folder::new();
    let model = folder.file("m", &safetensors_of(&[("good", "F32", &[8, 8], singles(&weights(2, 64)))]));
    fs::create_dir(folder.path("real")).unwrap();
    let link = folder.text("link");
    std::os::unix::fs::symlink(folder.path("real"), &link).unwrap();
    stdout(&["atomize", &model, "--rank", "2", "--output", &link]);
    assert!(folder.path("real").join("TensorAtoms.parquet").is_file());
    let nowhere = folder.text("nowhere");
    std::os::unix::fs::symlink(folder.path("gone"), &nowhere).unwrap();
    fails(1, &["atomize", &model, "--rank", "2", "--output", &nowhere], &["the link leads nowhere"]);
}

#[test]
fn tensors_are_chosen_by_patterns_and_others_left_out_by_name() {
    let folder = Folder::new();
    let tensor = |name, seed| (name, "F32", &[2usize, 3][..], singles(&weights(seed, 6)));
    let file = folder.file(
        "m",
        &safetensors_of(&[
            tensor("h.0.w", 1),
            tensor("h.1.w", 2),
            tensor("h.1.b", 3),
            ("s", "F8_E8M0", &[1], vec![0]),
        ]),
    );
    let atoms = folder.text("atoms");
    stdout(&["atomize", &file, "--tensor", "h.?.w", "--rank", "1", "--output", &atoms]);
    assert_eq!(layers_of(&atoms), ["h.0.w", "h.1.w"]);
    let every = folder.text("every");
    let arguments = ["atomize", &file, "--rank", "1", "--output", &every];
    fails(1, &arguments, &["tensor s is of type f8_e8m0", "--skip-unsupported"]);
    let output = hart(&[&arguments[..], &["--skip-unsupported"]].concat());
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && notes.contains("tensor s is left out: f8_e8m0 is not decoded"),
        "{notes}"
    );
    assert_eq!(layers_of(&every), ["h.0.w", "h.1.w", "h.1.b"]);
    fails(
        1,
        &["atomize", &file, "--tensor", "x*", "--rank", "1", "--output", &folder.text("no")],
        &["no tensor has a name like `x*`"],
    );
}

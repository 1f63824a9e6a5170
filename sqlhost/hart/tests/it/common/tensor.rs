//! The command `hart tensor`, and what it writes.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_select::concat::concat_batches;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

pub fn hart(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hart"));
    for variable in ["HART_LIBRARY", "HART_THREADS", "HART_MAX_LEVEL", "HART_INTERFACE_VERSION"] {
        command.env_remove(variable);
    }
    command.arg("tensor").args(arguments).output().unwrap()
}

/// What it prints. No bar is drawn, for there is no terminal.
pub fn stdout(arguments: &[&str]) -> String {
    let output = hart(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The rows that it prints.
pub fn json(arguments: &[&str]) -> Vec<Value> {
    serde_json::from_str(&stdout(&[arguments, &["--format", "json"]].concat())).unwrap()
}

/// Fails with this exit code, nothing on stdout, and stderr that holds every part, in one line where the code is 1.
pub fn fails(code: i32, arguments: &[&str], parts: &[&str]) {
    let output = hart(arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    if code == 1 {
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("hart: "), "{stderr}");
    }
    for part in parts {
        assert!(stderr.contains(part), "{arguments:?}: `{part}` is not in {stderr}");
    }
}

pub struct Folder(pub tempfile::TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }
    pub fn file(&self, name: &str, content: &[u8]) -> String {
        fs::write(self.path(name), content).unwrap();
        self.text(name)
    }
    /// Everything in it, hidden files too.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub fn table(folder: &str, name: &str) -> RecordBatch {
    let file = File::open(Path::new(folder).join(name)).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

pub fn ids(table: &RecordBatch, column: &str) -> Vec<i64> {
    table[column].as_primitive::<Int64Type>().values().to_vec()
}

/// Singles of a safetensors file, read by the crate of that name.
pub fn layers(path: &str) -> HashMap<String, (Vec<usize>, Vec<f32>)> {
    let bytes = fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let singles = |data: &[u8]| data.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    file.iter().map(|(name, view)| (name.to_owned(), (view.shape().to_vec(), singles(view.data())))).collect()
}

/// ‖a − b‖ / ‖a‖.
pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>();
    let apart = squares(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    let own = squares(&mut a.iter().map(|a| f64::from(*a)));
    if apart == 0.0 { 0.0 } else { (apart / own).sqrt() }
}

pub fn layers_of(folder: &str) -> Vec<String> {
    let table = table(folder, "ModelLayers.parquet");
    table["LayerName"].as_string::<i32>().iter().flatten().map(str::to_owned).collect()
}

pub fn write(path: &str, batch: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

//! The command on files, and files of tables.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use arrow_array::types::Float32Type;
use arrow_array::{ArrayRef, FixedSizeListArray, RecordBatch};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_select::concat::concat_batches;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hart"));
    for variable in
        ["HART_LIBRARY", "HART_THREADS", "HART_MAX_LEVEL", "HART_INTERFACE_VERSION", "HART_MAX_MEMORY_MB"]
    {
        command.env_remove(variable);
    }
    command.args(arguments);
    command
}

pub fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stdout(arguments: &[&str]) -> String {
    succeeded(&command(arguments).output().unwrap())
}

pub fn rows(arguments: &[&str]) -> Vec<Value> {
    serde_json::from_str(&stdout(&[arguments, &["--format", "json"]].concat())).unwrap()
}

/// Fails with one line on stderr that holds every part.
pub fn refused(arguments: &[&str], parts: &[&str]) {
    let output = command(arguments).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
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
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), content).unwrap();
        self.text(name)
    }
    pub fn parquet(&self, name: &str, batch: &RecordBatch) -> String {
        let mut writer =
            ArrowWriter::try_new(File::create(self.path(name)).unwrap(), batch.schema(), None).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
        self.text(name)
    }
    pub fn arrow(&self, name: &str, batch: &RecordBatch) -> String {
        let mut writer =
            FileWriter::try_new(File::create(self.path(name)).unwrap(), &batch.schema()).unwrap();
        writer.write(batch).unwrap();
        writer.finish().unwrap();
        self.text(name)
    }
    /// What lies in it, hidden files too.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub fn load(path: &str) -> RecordBatch {
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

pub fn vectors(values: &[[f32; 2]]) -> ArrayRef {
    let rows = values.iter().map(|row| Some(row.iter().map(|v| Some(*v)).collect::<Vec<_>>()));
    Arc::new(FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(rows, 2))
}

pub fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .unwrap()
}

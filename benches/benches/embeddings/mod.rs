//! Sentences embedded by a model (`../shared/data`).

use std::fs::File;
use std::path::Path;

use parquet::column::reader::ColumnReader;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// Real vectors of 384 dimensions; `None` where the file is not there.
pub fn read(which: &str) -> Option<Vec<f32>> {
    let name = format!("../../shared/data/debian-{which}-minilm384.parquet");
    let file = File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).ok()?;
    let reader = SerializedFileReader::new(file).unwrap();
    let group = reader.get_row_group(0).unwrap();
    let rows = group.metadata().num_rows() as usize;
    let ColumnReader::FloatColumnReader(mut column) = group.get_column_reader(4).unwrap() else {
        panic!("the column holds no singles")
    };
    let mut values = Vec::new();
    while values.len() < rows * 384 {
        let left = rows - values.len() / 384;
        let read = column.read_records(left, Some(&mut Vec::new()), Some(&mut Vec::new()), &mut values);
        assert!(read.unwrap().0 > 0);
    }
    Some(values)
}

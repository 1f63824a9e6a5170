//! Sentences embedded by a model (`../shared/data`).
// Not every bench uses all of it.
#![allow(dead_code)]

use std::fs::File;
use std::path::Path;

use hart_benches::data;
use parquet::column::reader::ColumnReader;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// Dimensions of the embeddings.
pub const DIMENSIONS: usize = 384;

/// Real vectors of [`DIMENSIONS`] dimensions; `None` where the file is not there.
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
    while values.len() < rows * DIMENSIONS {
        let left = rows - values.len() / DIMENSIONS;
        let read = column.read_records(left, Some(&mut Vec::new()), Some(&mut Vec::new()), &mut values);
        assert!(read.unwrap().0 > 0);
    }
    Some(values)
}

/// Vectors of unit length from embeddings, as many as wanted: each embedding comes again with other noise, of that
/// length. 1998 dimensions are an orthonormal map of the 384 (every component five times, divided by √5) and noise.
pub fn made(embeddings: &[f32], count: usize, dimensions: usize, noise: f32, seed: u64) -> Vec<f32> {
    let mut out = data::singles(seed, count * dimensions);
    // Uniform in [−1, 1): a variance of one third.
    let size = noise * (3.0 / dimensions as f32).sqrt();
    for (i, row) in out.chunks_exact_mut(dimensions).enumerate() {
        let at = i % (embeddings.len() / DIMENSIONS) * DIMENSIONS;
        let own = &embeddings[at..at + DIMENSIONS];
        for (j, value) in row.iter_mut().enumerate() {
            let mapped = match dimensions {
                DIMENSIONS => own[j],
                _ if j < 5 * DIMENSIONS => own[j * 7 % DIMENSIONS] / 5f32.sqrt(),
                _ => 0.0,
            };
            *value = mapped + size * *value;
        }
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
    }
    out
}

//! Real vectors: sentences embedded by a model.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::column::reader::ColumnReader;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// A column of vectors of one dimension, row-major.
pub(crate) struct Embeddings {
    pub(crate) values: Vec<f32>,
    pub(crate) dimension: usize,
}

/// `packages` (10,000 vectors) or `queries` (200 others); `None`, with a notice, where the file is not there and need not be.
pub(crate) fn embeddings(which: &str) -> Option<Embeddings> {
    let name = format!("../../shared/data/debian-{which}-minilm384.parquet");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if !path.exists() {
        assert!(std::env::var_os("CI").is_none(), "{} is missing", path.display());
        println!("NOTICE: {} is missing; the test on real data is left out", path.display());
        return None;
    }
    Some(Embeddings { values: read(&path), dimension: 384 })
}

/// The column `embedding`, which has no NULL.
fn read(path: &PathBuf) -> Vec<f32> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let mut values = Vec::new();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).unwrap();
        let columns = group.metadata().columns();
        let at = columns.iter().position(|c| c.column_path().string().starts_with("embedding")).unwrap();
        let ColumnReader::FloatColumnReader(mut column) = group.get_column_reader(at).unwrap() else {
            panic!("the column holds no singles")
        };
        let rows = group.metadata().num_rows() as usize;
        let (mut definitions, mut repetitions) = (Vec::new(), Vec::new());
        let mut left = rows;
        while left > 0 {
            let (read, ..) = column
                .read_records(left, Some(&mut definitions), Some(&mut repetitions), &mut values)
                .unwrap();
            assert!(read > 0);
            left -= read;
        }
    }
    values
}

/// A tensor of a model.
pub(crate) struct Layer {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// The weights of a transformer layer in single precision; `None`, with a notice, where the file is not there and need not be.
pub(crate) fn weights() -> Option<Vec<Layer>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/minilm-layer0.safetensors");
    if !path.exists() {
        assert!(std::env::var_os("CI").is_none(), "{} is missing", path.display());
        println!("NOTICE: {} is missing; the test on real weights is left out", path.display());
        return None;
    }
    let bytes = std::fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let layer = |(name, tensor): (String, safetensors::tensor::TensorView<'_>)| {
        assert_eq!(tensor.dtype(), safetensors::Dtype::F32, "{name}");
        let (singles, _) = tensor.data().as_chunks::<4>();
        let values = singles.iter().map(|s| f32::from_le_bytes(*s)).collect();
        Layer { name, shape: tensor.shape().to_vec(), values }
    };
    Some(file.tensors().into_iter().map(layer).collect())
}

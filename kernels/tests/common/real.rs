//! Real vectors: sentences embedded by a model.

use std::path::Path;

/// A column of vectors of one dimension, row-major.
pub(crate) struct Embeddings {
    pub(crate) values: Vec<f32>,
    pub(crate) dimension: usize,
}

/// `packages` (10,000 vectors) or `queries` (200 others); `None`, with a notice, where the file is not there and need not be.
pub(crate) fn embeddings(which: &str) -> Option<Embeddings> {
    let name = format!("../../shared/data/debian-{which}-minilm384.parquet");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if !super::is_there(&path, "the test on real data") {
        return None;
    }
    Some(Embeddings { values: super::column::singles(&path, "embedding").unwrap().0, dimension: 384 })
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
    if !super::is_there(&path, "the test on real weights") {
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

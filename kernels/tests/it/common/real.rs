//! Real data (`tests/data/README.md`): sentences embedded by a model, and weights of that model.

use std::path::Path;

/// A column of vectors of one dimension, row-major.
pub(crate) struct Embeddings {
    pub(crate) values: Vec<f32>,
    pub(crate) dimension: usize,
}

fn embeddings(path: &str) -> Embeddings {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    Embeddings { values: super::column::singles(&path, "embedding").unwrap().0, dimension: 384 }
}

/// 2,000 vectors.
pub(crate) fn packages() -> Embeddings {
    embeddings("../sqlhost/examples/data/packages.parquet")
}

/// 200 vectors, none of which is in [`packages`].
pub(crate) fn queries() -> Embeddings {
    embeddings("tests/data/queries.parquet")
}

/// A tensor of a model.
pub(crate) struct Layer {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// The weights of a transformer layer in single precision.
pub(crate) fn weights() -> Vec<Layer> {
    let bytes = include_bytes!("../../data/minilm-layer0.safetensors");
    let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
    let layer = |(name, tensor): (String, safetensors::tensor::TensorView<'_>)| {
        assert_eq!(tensor.dtype(), safetensors::Dtype::F32, "{name}");
        let (singles, _) = tensor.data().as_chunks::<4>();
        let values = singles.iter().map(|s| f32::from_le_bytes(*s)).collect();
        Layer { name, shape: tensor.shape().to_vec(), values }
    };
    file.tensors().into_iter().map(layer).collect()
}

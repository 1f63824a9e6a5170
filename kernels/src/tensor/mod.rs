//! Tensors: the weights of models, their payloads and their factors.

pub mod quant;
mod svd;

pub use svd::{Svd, SvdMethod, SvdOptions, svd};

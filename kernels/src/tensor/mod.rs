//! Tensors: the weights of models, their payloads and their factors.

mod payload;
pub mod quant;
mod reconstruct;
mod svd;

pub use reconstruct::{reconstruct, reconstruct_with};
pub use svd::{Svd, SvdMethod, SvdOptions, svd};

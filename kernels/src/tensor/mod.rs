//! Tensors: the weights of models, their payloads and their factors.

mod atoms;
pub(crate) mod coefficients;
pub(crate) mod compare;
pub(crate) mod dequantize;
pub(crate) mod drift;
pub(crate) mod error;
pub(crate) mod importance;
mod layer;
mod matrix;
mod numbers;
mod payload;
mod product;
pub(crate) mod prune;
mod qr;
pub mod quant;
mod ranking;
pub(crate) mod reconstruct;
pub(crate) mod svd;
pub(crate) mod synthesize;

pub use coefficients::{Coefficients, coefficients};
pub use compare::{Comparison, Statistics, compare};
pub use drift::{Change, Drift, drift};
pub use error::{Difference, error};
pub use prune::{Kept, Target, prune};
pub use reconstruct::{reconstruct, reconstruct_with};
pub use svd::{MAX_POWER_ITERATIONS, Svd, SvdMethod, SvdOptions, svd};
pub use synthesize::{synthesize, synthesize_with};

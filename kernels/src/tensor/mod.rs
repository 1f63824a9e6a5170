//! Tensors: the payloads in which models store their weights.

pub(crate) mod compare;
pub(crate) mod drift;
pub(crate) mod numbers;
pub(crate) mod prune;
pub mod quant;
pub(crate) mod ranking;

pub use compare::{Comparison, Statistics, compare};
pub use drift::{Change, Drift, drift};
pub use prune::{Kept, Target, prune};

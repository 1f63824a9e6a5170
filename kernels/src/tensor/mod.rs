//! Tensors: the payloads in which models store their weights.

pub mod quant;

//! Columns as kernels take and return them.

pub(crate) mod vectors;
#[cfg(feature = "ndarray")]
mod views;

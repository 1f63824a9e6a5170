//! Columns as kernels take and return them.

pub(crate) mod vectors;
mod views;

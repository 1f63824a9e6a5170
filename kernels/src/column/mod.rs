//! Columns as kernels take and give them.

pub(crate) mod vectors;
mod views;

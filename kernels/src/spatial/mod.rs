//! Points in space: SQL Server's GEOMETRY bytes, keys along space-filling curves, buckets and helpers around them.
//!
//! The library's functions take slices and the types of [`geometry`]; the registry's kernels take columns.

pub mod curve;
pub mod geometry;
pub mod hilbert;
pub mod morton;

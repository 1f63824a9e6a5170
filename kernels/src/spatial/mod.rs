//! Points in space: SQL Server's GEOMETRY bytes, keys along space-filling curves, buckets and helpers around them.
//!
//! The library's functions take slices and the types of [`geometry`]; the registry's kernels take columns.

pub(crate) mod binary;
pub mod buckets;
pub(crate) mod centroid;
mod columns;
pub mod convex_hull;
pub(crate) mod coordinates;
pub mod curve;
pub(crate) mod density;
pub mod geometry;
pub mod hilbert;
pub(crate) mod length;
mod measure;
pub mod morton;
pub(crate) mod nearest;
pub(crate) mod path;
pub(crate) mod point;
pub mod ranges;
pub(crate) mod text;
pub(crate) mod weights;

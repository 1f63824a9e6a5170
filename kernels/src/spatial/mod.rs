//! Points in space: SQL Server's GEOMETRY bytes, keys along space-filling curves, buckets and related helpers; vectors
//! projected onto a few axes, and searches that filter by space first.
//!
//! The library's functions take slices and the types of [`geometry`]; the registry's kernels take columns. A [`Basis`]
//! turns vectors into coordinates, of which the first three are x, y and z. A [`Sieve`] uses coordinates to skip most
//! rows of a search, with a proof that none of the skipped rows belongs in the result.

pub mod basis;
mod columns;
pub mod curve;
pub mod geometry;
pub(crate) mod measure;
pub(crate) mod params;
pub(crate) mod search;

pub use curve::{buckets, hilbert, hilbert_ranges as ranges, morton};
pub use measure::convex_hull;
pub use search::sieve;

pub use basis::farthest::Landmarking;
pub use basis::landmarks::landmarks;
pub use basis::measured::Measuring;
pub use basis::project::{Projection, project, project_into, project_into_with, project_with};
pub use basis::{Basis, BasisKind};
pub use search::order::Order;
pub use search::recall::{Recall, recall};
pub use search::sieve::{Sieve, Sifted};

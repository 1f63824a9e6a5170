//! Points in space: SQL Server's GEOMETRY bytes, keys along space-filling curves, buckets and helpers around them; vectors
//! projected on a few axes, and searches that look at space first.
//!
//! The library's functions take slices and the types of [`geometry`]; the registry's kernels take columns. A [`Basis`] turns
//! vectors into coordinates, of which the first three are x, y and z. A [`Sieve`] uses coordinates to keep most rows of a search
//! from being looked at, with a proof that none of them belongs into the result.

pub mod basis;
pub(crate) mod candidates;
pub mod curve;
pub(crate) mod fit;
pub mod geometry;
pub mod hilbert;
pub(crate) mod hybrid_search;
pub(crate) mod landmarks;
pub mod morton;
pub(crate) mod multi_resolution_search;
pub(crate) mod order;
pub(crate) mod params;
pub(crate) mod project;
pub(crate) mod recall;
pub mod sieve;

pub use basis::{Basis, BasisKind};
pub use landmarks::landmarks;
pub use order::Order;
pub use project::{Projection, project, project_with};
pub use recall::{Recall, recall};
pub use sieve::{Sieve, Sifted};

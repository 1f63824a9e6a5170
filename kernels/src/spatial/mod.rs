//! Points in space: SQL Server's GEOMETRY bytes, keys along space-filling curves, buckets and helpers around them; vectors
//! projected on a few axes, and searches that look at space first.
//!
//! The library's functions take slices and the types of [`geometry`]; the registry's kernels take columns. A [`Basis`] turns
//! vectors into coordinates, of which the first three are x, y and z. A [`Sieve`] uses coordinates to keep most rows of a search
//! from being looked at, with a proof that none of them belongs into the result.

pub mod basis;
pub(crate) mod binary;
pub mod buckets;
pub(crate) mod candidates;
pub(crate) mod centroid;
mod columns;
pub mod convex_hull;
pub(crate) mod coordinates;
pub mod curve;
pub(crate) mod density;
pub(crate) mod describe;
pub(crate) mod fit;
pub mod geometry;
pub mod hilbert;
pub(crate) mod hybrid_search;
pub(crate) mod landmarks;
pub(crate) mod length;
mod measure;
pub mod morton;
pub(crate) mod multi_resolution_search;
pub(crate) mod nearest;
pub(crate) mod order;
pub(crate) mod params;
pub(crate) mod path;
pub(crate) mod point;
pub(crate) mod project;
pub mod ranges;
pub(crate) mod recall;
pub mod sieve;
pub(crate) mod text;
pub(crate) mod weights;

pub use basis::{Basis, BasisKind};
pub use landmarks::landmarks;
pub use order::Order;
pub use project::{Projection, project, project_into, project_into_with, project_with};
pub use recall::{Recall, recall};
pub use sieve::{Sieve, Sifted};

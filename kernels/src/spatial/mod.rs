//! Points in space: vectors projected on a few axes, and searches that look at space first.
//!
//! A [`Basis`] turns vectors into coordinates; the first three are x, y and z. [`Sieve`] uses coordinates to keep most rows of
//! a search from being looked at, with a proof that none of them belongs into the result.

pub mod basis;
pub(crate) mod candidates;
pub(crate) mod fit;
pub(crate) mod hybrid_search;
pub(crate) mod landmarks;
pub(crate) mod multi_resolution_search;
pub(crate) mod order;
pub(crate) mod params;
pub(crate) mod project;
pub(crate) mod recall;
pub(crate) mod sieve;

pub use basis::{Basis, BasisKind};
pub use landmarks::landmarks;
pub use project::{Projection, project, project_with};
pub use order::Order;
pub use recall::{Recall, recall};
pub use sieve::{Sieve, Sifted};

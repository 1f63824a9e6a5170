//! Reproducible SIMD kernels for vectors, tensors and space.
//!
//! A dot product, norm or distance has **the same bits** on every instruction set, for any number of threads and any
//! batch shape: the number of lanes, the use of fused multiply-add and the order of the sum belong to the definition
//! ([`LANES`]), not to the processor. Two servers with different processors rank alike.
//!
//! Services call functions ([`vector`], [`group`], [`cluster`], [`series`], [`tensor`], [`spatial`]). Hosts, such as SQL Server's external-language
//! process, call kernels by name ([`registry`]) on whole columns.
//!
//! ```
//! use hart_kernels::{Metric, Vectors, vector};
//!
//! assert_eq!(vector::dot_product(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0])?, 32.0);
//!
//! let rows = Vectors::matrix(&[1.0, 0.0, 0.0, 1.0, 0.6, 0.8], 2)?;
//! let query = Vectors::matrix(&[1.0, 0.0], 2)?;
//! let nearest = vector::top_k(&rows, &[10, 20, 30], &query, 2, Metric::Cosine)?;
//! let ids: Vec<i64> = nearest[0].iter().map(|hit| hit.id).collect();
//! assert_eq!(ids, [10, 30]);
//! # Ok::<(), hart_kernels::Error>(())
//! ```
//!
//! # Bad input
//!
//! Mismatched lengths, dimensions and numbers out of range, and NULL or NaN where they have no meaning, return an
//! [`Error`] that names the thing, the value and what was expected. Functions that may panic (on an index out of range,
//! as slices do) say so.
//!
//! # Features
//!
//! | feature | what it adds | on by default |
//! |---|---|---|
//! | `tensor` | the module [`tensor`] and its kernels | yes |
//! | `spatial` | the module [`spatial`] and its kernels | yes |
//! | `ndarray` | conversions of `ndarray`'s views into [`Vectors`] | yes |
//!
//! A service that only searches turns them off (`default-features = false`) and builds 25 crates in place of 100. The
//! [`registry`] lists the kernels that are compiled in. The crates whose types appear in signatures are re-exported
//! (`ndarray`, `geo_traits`, `geo_types`), so that a caller has the version that fits.
//!
//! # What may grow
//!
//! Options, results and enums that later versions may extend are `#[non_exhaustive]`. Enums that hosts must match
//! exhaustively (what a column holds, what a value is, the element types, the fate of a coefficient) are not; a new
//! variant breaks their build on purpose. [`tensor::Svd`], which callers construct too, is not either: build it with
//! `..Svd::default()`, and match it with `..`.

// Without them, what only they use of the rooms below is left over.
#![cfg_attr(not(all(feature = "tensor", feature = "spatial")), allow(dead_code, unused_imports))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod arch;
mod catalog;
pub mod cluster;
mod column;
mod contract;
mod error;
pub mod group;
mod memory;
mod number;
mod pairwise;
mod parallel;
pub mod series;
#[cfg(feature = "spatial")]
pub mod spatial;
mod system;
#[cfg(feature = "tensor")]
pub mod tensor;
pub mod vector;

pub use arch::{LANES, Level, MAX_LEVEL_VARIABLE, MIN_LEVEL_VARIABLE};
pub use column::vectors::{PackedVectors, Vectors, decode};
pub use error::{Error, Place};
pub use memory::default_memory_limit;
pub use number::element::{Element, Width};
pub use pairwise::compute::Compute;
pub use pairwise::precision::Accumulate;
pub use parallel::pool::Pool;
pub use parallel::process::PerProcess;
pub use vector::{Codes, Hit, Index, Metric, TopK};

#[cfg(feature = "ndarray")]
pub use ndarray;
#[cfg(feature = "spatial")]
pub use {geo_traits, geo_types};

/// Compiles and runs the README's code.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The list of kernels that a host can call by name, and what a host needs to know about each.
pub mod registry {
    pub use crate::catalog::{KERNELS, find, nearest};
    pub use crate::contract::*;
}

/// Text forms of vectors.
pub mod text {
    use crate::column::vectors::narrow;
    use crate::number::element::{Element, Width};

    pub use crate::number::json::JsonError;

    /// Parses a JSON array of numbers, each rounded once to single precision.
    ///
    /// # Errors
    ///
    /// [`JsonError`] with the byte offset where the text stops being an array of numbers in range.
    pub fn parse_singles(text: &[u8]) -> Result<Vec<f32>, JsonError> {
        let mut out = Vec::new();
        crate::number::json::parse_array(text, &mut out).map(|()| out)
    }

    /// As [`parse_singles`], to double precision.
    ///
    /// # Errors
    ///
    /// As [`parse_singles`].
    pub fn parse_doubles(text: &[u8]) -> Result<Vec<f64>, JsonError> {
        let mut out = Vec::new();
        crate::number::json::parse_array(text, &mut out).map(|()| out)
    }

    /// Appends packed elements as a JSON array, each number with the fewest digits that parse back to it.
    ///
    /// Returns `false` and appends nothing if a component is NaN or infinite, which JSON cannot represent.
    pub fn write_packed(element: Element, bytes: &[u8], out: &mut String) -> bool {
        match element {
            Element::F32 => crate::number::json::write_array(bytes, Width::F32, out),
            Element::F64 => crate::number::json::write_array(bytes, Width::F64, out),
            narrow => {
                let doubles = crate::column::vectors::decode(narrow, bytes);
                let singles: Vec<f32> = doubles.into_iter().map(|v| v as f32).collect();
                crate::number::json::write_array(bytemuck::cast_slice(&singles), Width::F32, out)
            }
        }
    }

    /// Packs singles as another element type, rounding to nearest even. `f64` and `f32` are exact; `i8` saturates at
    /// −128 and 127.
    pub fn pack(element: Element, values: &[f32]) -> Vec<u8> {
        match element {
            Element::F64 => values.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect(),
            Element::I8 => values.iter().map(|v| v.round_ties_even() as i8 as u8).collect(),
            Element::F32 | Element::F16 | Element::Bf16 => narrow(element, bytemuck::cast_slice(values)),
        }
    }
}

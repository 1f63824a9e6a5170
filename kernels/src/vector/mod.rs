//! Vectors of equal length: products, distances, norms, algebra, softmax and exact search.
//!
//! # Accuracy
//!
//! With n dimensions, m = ⌈n/32⌉, u = 2⁻²⁴ and [`Accumulate::F32`](crate::Accumulate), every sum of products Σ aᵢ·bᵢ
//! has an error of at most γ(m)·Σ|aᵢ·bᵢ|, where γ(k) = k·u / (1 − k·u) + 8·2⁻⁵³ + n·2⁻⁴⁹. The first part covers the
//! lanes: each takes m steps, each of which rounds once (Higham 2002, "Accuracy and Stability of Numerical Algorithms",
//! section 3.1). The second covers adding the lanes in double precision and what is done with the sum there. The third
//! covers steps with a subnormal result: each loses up to 2⁻¹⁵⁰, while a sum below 2⁻¹⁰⁰ is recomputed. With
//! `Accumulate::F64`, and for `f64` elements, u is 2⁻⁵³ and there is no third part. The bounds are proven for k·u ≤
//! 1/4, which is n ≤ 2²⁷ with single lanes.
//!
//! No sum of finite singles overflows or vanishes. Neither does a sum of finite doubles within a norm, distance or
//! cosine: one below 2⁻⁹⁶⁰ or beyond the range is recomputed with a scale. A result is infinite only if it is itself
//! beyond the range of doubles, and a subnormal result has an additional error of up to 2⁻¹⁰⁷⁵.
//!
//! Sums of products of `i8` elements are exact for n ≤ 32,768 with single lanes, and sums of squared differences for n
//! ≤ 8,256; with `Accumulate::F64` both are exact for every n below 2³⁷.
//!
#![doc = include_str!("../arch/definition.md")]

pub(crate) mod add;
pub(crate) mod arg_max;
pub mod batch;
pub(crate) mod binarize;
pub(crate) mod bits;
pub(crate) mod candidates;
mod centred;
pub(crate) mod codes;
pub(crate) mod cosine_similarity;
pub(crate) mod distance;
pub(crate) mod dot_product;
mod dot_product_i8;
pub(crate) mod euclidean_distance;
pub(crate) mod hamming_distance;
mod index;
pub(crate) mod jaccard_distance;
pub(crate) mod johnson_lindenstrauss;
pub(crate) mod join;
pub(crate) mod lerp;
pub(crate) mod manhattan_distance;
pub(crate) mod narrow_rows;
pub(crate) mod nearest_rows;
pub(crate) mod norm;
pub(crate) mod normalize;
pub(crate) mod orthonormal;
pub(crate) mod pca;
pub(crate) mod principal;
pub(crate) mod quantize;
pub(crate) mod random_projection;
pub(crate) mod range;
pub(crate) mod rows;
pub(crate) mod scale;
pub(crate) mod softmax;
pub(crate) mod subtract;
mod symmetric;
pub(crate) mod targets;
pub(crate) mod top_k;
pub(crate) mod top_k_bits;

pub use add::add;
pub use arg_max::arg_max;
pub use binarize::binarize;
pub use bits::BitMetric;
pub use codes::{Bounded, Codes, quantize};
pub use cosine_similarity::{cosine_similarity, cosine_similarity_with};
pub use distance::{Metric, distance, distance_with};
pub use dot_product::{dot_product, dot_product_with};
pub use dot_product_i8::dot_product_i8;
pub use euclidean_distance::{euclidean_distance, euclidean_distance_with};
pub use hamming_distance::hamming_distance;
pub use index::{Index, Neighbour};
pub use jaccard_distance::jaccard_distance;
pub use johnson_lindenstrauss::johnson_lindenstrauss;
pub use join::join;
pub use lerp::lerp;
pub use manhattan_distance::{manhattan_distance, manhattan_distance_with};
pub use norm::{norm, norm_with};
pub use normalize::normalize;
pub use pca::{Component, Components, pca};
pub use random_projection::{Entries, random_projection};
pub use range::range;
pub use scale::scale;
pub use softmax::softmax;
pub use subtract::subtract;
pub use top_k::{Hit, TopK, top_k};
pub use top_k_bits::top_k_bits;

//! Vectors of equal length: products, distances, norms, algebra, softmax and exact search.
//!
//! # Accuracy
//!
//! With n dimensions, m = ⌈n/32⌉, u = 2⁻²⁴ and [`Accumulate::F32`](crate::Accumulate), every sum of products Σ aᵢ·bᵢ is off by
//! at most γ(m)·Σ|aᵢ·bᵢ|, where γ(m) = m·u / (1 − m·u) + 7·2⁻⁵³: each lane takes m steps, each of which rounds the term once
//! (Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 3.1); the last part is for adding the lanes in
//! double precision and for what is done with the sum there. With `Accumulate::F64`, and for `f64` elements, u is 2⁻⁵³.
//!
//! No sum of finite singles overflows or underflows. The bounds for `f64` elements hold where no term overflows or underflows.

pub(crate) mod add;
pub(crate) mod arg_max;
pub mod batch;
pub(crate) mod cosine_similarity;
pub(crate) mod distance;
pub(crate) mod dot_product;
pub(crate) mod euclidean_distance;
pub(crate) mod lerp;
pub(crate) mod norm;
pub(crate) mod normalize;
pub(crate) mod rows;
pub(crate) mod scale;
pub(crate) mod softmax;
pub(crate) mod subtract;
pub(crate) mod top_k;
mod top_k_packed;

pub use add::add;
pub use arg_max::arg_max;
pub use cosine_similarity::{cosine_similarity, cosine_similarity_with};
pub use distance::{Metric, distance, distance_with};
pub use dot_product::{dot_product, dot_product_with};
pub use euclidean_distance::{euclidean_distance, euclidean_distance_with};
pub use lerp::lerp;
pub use norm::{norm, norm_with};
pub use normalize::normalize;
pub use scale::scale;
pub use softmax::softmax;
pub use subtract::subtract;
pub use top_k::{Hit, TopK, top_k};

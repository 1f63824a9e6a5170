//! The sums over pairs that searches compute.

use crate::arch::Simd;
use crate::pairwise::one_to_many::Wanted;
use crate::pairwise::precision::Precision;
use crate::pairwise::reduce::{self, Dot, Euclidean, Manhattan};

/// A sum over pairs and its final value.
pub(crate) trait Sum {
    fn add<M: Precision, S: Simd>(simd: S, a: M::Vec<S>, b: M::Vec<S>, acc: M::Vec<S>) -> M::Vec<S>;
    fn add_register<M: Precision, S: Simd>(
        simd: S,
        a: M::Register<S>,
        b: M::Register<S>,
        acc: M::Register<S>,
    ) -> M::Register<S>;
    fn checked<M: Precision, S: Simd>(simd: S, sum: f64, a: &[u8], b: &[u8]) -> f64;
    /// The same sum for a single query; `squares`: also each row's dot product with itself.
    fn wanted(squares: bool) -> Wanted;
    /// Whether [`LaneMajor`](crate::pairwise::lane_major::LaneMajor) computes this sum.
    const IS_LANE_MAJOR: bool;
}

impl Sum for Dot {
    #[inline(always)]
    fn add<M: Precision, S: Simd>(simd: S, a: M::Vec<S>, b: M::Vec<S>, acc: M::Vec<S>) -> M::Vec<S> {
        M::dot(simd, a, b, acc)
    }
    #[inline(always)]
    fn add_register<M: Precision, S: Simd>(
        simd: S,
        a: M::Register<S>,
        b: M::Register<S>,
        acc: M::Register<S>,
    ) -> M::Register<S> {
        M::dot_register(simd, a, b, acc)
    }
    #[inline(always)]
    fn checked<M: Precision, S: Simd>(simd: S, sum: f64, a: &[u8], b: &[u8]) -> f64 {
        reduce::checked_dot::<M, S>(simd, sum, a, b)
    }
    fn wanted(squares: bool) -> Wanted {
        if squares { Wanted::DotAndSquare } else { Wanted::Dot }
    }
    const IS_LANE_MAJOR: bool = true;
}

impl Sum for Euclidean {
    #[inline(always)]
    fn add<M: Precision, S: Simd>(simd: S, a: M::Vec<S>, b: M::Vec<S>, acc: M::Vec<S>) -> M::Vec<S> {
        M::square_of_difference(simd, a, b, acc)
    }
    #[inline(always)]
    fn add_register<M: Precision, S: Simd>(
        simd: S,
        a: M::Register<S>,
        b: M::Register<S>,
        acc: M::Register<S>,
    ) -> M::Register<S> {
        M::square_of_difference_register(simd, a, b, acc)
    }
    #[inline(always)]
    fn checked<M: Precision, S: Simd>(simd: S, sum: f64, a: &[u8], b: &[u8]) -> f64 {
        reduce::distance_of_sum::<M, S>(simd, sum, a, b)
    }
    fn wanted(_: bool) -> Wanted {
        Wanted::EuclideanDistance
    }
    const IS_LANE_MAJOR: bool = false;
}

impl Sum for Manhattan {
    #[inline(always)]
    fn add<M: Precision, S: Simd>(simd: S, a: M::Vec<S>, b: M::Vec<S>, acc: M::Vec<S>) -> M::Vec<S> {
        M::absolute_difference(simd, a, b, acc)
    }
    #[inline(always)]
    fn add_register<M: Precision, S: Simd>(
        simd: S,
        a: M::Register<S>,
        b: M::Register<S>,
        acc: M::Register<S>,
    ) -> M::Register<S> {
        M::absolute_difference_register(simd, a, b, acc)
    }
    #[inline(always)]
    fn checked<M: Precision, S: Simd>(simd: S, sum: f64, a: &[u8], b: &[u8]) -> f64 {
        reduce::checked_manhattan::<M, S>(simd, sum, a, b)
    }
    fn wanted(_: bool) -> Wanted {
        Wanted::ManhattanDistance
    }
    const IS_LANE_MAJOR: bool = false;
}

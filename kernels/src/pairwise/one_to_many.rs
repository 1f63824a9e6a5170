//! Sums of one vector with each of a panel's rows.

use std::marker::PhantomData;

use crate::arch::{Part, Simd};
use crate::pairwise::precision::Precision;
use crate::pairwise::reduce;

/// What is wanted of a vector and a row.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    Dot,
    /// Also that of the row with itself.
    DotAndSquare,
    EuclideanDistance,
}

/// One vector and the rows of a panel, all equally long.
pub(crate) struct OneToMany<'a, M> {
    query: &'a [u8],
    panel: &'a [(usize, &'a [u8])],
    /// Whether the rows come from memory, one behind the other: then what lies behind a row is asked for in time.
    streams: bool,
    wanted: Wanted,
    mode: PhantomData<M>,
    /// One place for each row.
    out: &'a mut [f64],
    /// As many where squares are wanted.
    squares: &'a mut [f64],
}

impl<'a, M: Precision> OneToMany<'a, M> {
    pub(crate) fn new(
        (query, panel): (&'a [u8], &'a [(usize, &'a [u8])]),
        streams: bool,
        wanted: Wanted,
        out: &'a mut [f64],
        squares: &'a mut [f64],
    ) -> Self {
        OneToMany { query, panel, streams, wanted, mode: PhantomData, out, squares }
    }
}

impl<M: Precision, S: Simd> Part<S> for OneToMany<'_, M> {
    type Output = ();
    #[inline(always)]
    fn run(self, simd: S) {
        let query = self.query;
        for (n, ((_, row), out)) in self.panel.iter().zip(self.out).enumerate() {
            match (self.wanted, self.streams) {
                (Wanted::Dot, true) => *out = reduce::stream_dot::<M, S>(simd, query, row),
                (Wanted::Dot, false) => *out = reduce::dot::<M, S>(simd, query, row),
                (Wanted::DotAndSquare, true) => {
                    (*out, self.squares[n]) = reduce::dot_and_square::<M, S, true>(simd, query, row);
                }
                (Wanted::DotAndSquare, false) => {
                    (*out, self.squares[n]) = reduce::dot_and_square::<M, S, false>(simd, query, row);
                }
                (Wanted::EuclideanDistance, true) => *out = reduce::euclidean::<M, S, true>(simd, query, row),
                (Wanted::EuclideanDistance, false) => {
                    *out = reduce::euclidean::<M, S, false>(simd, query, row);
                }
            }
        }
    }
}

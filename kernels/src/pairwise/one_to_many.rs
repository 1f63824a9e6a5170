//! Sums of one vector with each row of a panel.

use std::marker::PhantomData;

use crate::arch::{Part, Simd};
use crate::pairwise::precision::Precision;
use crate::pairwise::reduce;

/// What to compute for a vector and a row.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    Dot,
    /// Also the row's dot product with itself.
    DotAndSquare,
    EuclideanDistance,
    ManhattanDistance,
}

/// One vector and the rows of a panel, all of the same length.
pub(crate) struct OneToMany<'a, M> {
    query: &'a [u8],
    panel: &'a [(usize, &'a [u8])],
    wanted: Wanted,
    mode: PhantomData<M>,
    /// One place per row.
    out: &'a mut [f64],
    /// One place per row for [`Wanted::DotAndSquare`].
    squares: &'a mut [f64],
}

impl<'a, M: Precision> OneToMany<'a, M> {
    pub(crate) fn new(
        (query, panel): (&'a [u8], &'a [(usize, &'a [u8])]),
        wanted: Wanted,
        out: &'a mut [f64],
        squares: &'a mut [f64],
    ) -> Self {
        OneToMany { query, panel, wanted, mode: PhantomData, out, squares }
    }
}

impl<M: Precision, S: Simd> Part<S> for OneToMany<'_, M> {
    type Output = ();
    #[inline(always)]
    fn run(self, simd: S) {
        let query = self.query;
        for (n, ((_, row), out)) in self.panel.iter().zip(self.out).enumerate() {
            match self.wanted {
                Wanted::Dot => *out = reduce::dot::<M, S>(simd, query, row),
                Wanted::DotAndSquare => {
                    (*out, self.squares[n]) = reduce::dot_and_square::<M, S, false>(simd, query, row);
                }
                Wanted::EuclideanDistance => *out = reduce::euclidean::<M, S, false>(simd, query, row),
                Wanted::ManhattanDistance => *out = reduce::manhattan::<M, S>(simd, query, row),
            }
        }
    }
}

//! Vectors of bits, eight a byte: what their kernels share.

use std::ops::Range;

use crate::arch::{Simd, Task};
use crate::contract::{Call, Column, Kind};
use crate::error::{Error, Place};
use crate::pairwise::compute::Compute;
use crate::parallel;
use crate::vector::rows;

/// A distance of two vectors of bits: smaller means more alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BitMetric {
    /// The number of bits that differ.
    #[default]
    Hamming,
    /// The part of the bits set in either vector that is not set in both.
    Jaccard,
}

impl BitMetric {
    /// Names as [`BitMetric::parse`] takes them.
    pub const NAMES: &[&str] = &["hamming", "jaccard"];

    /// Every metric, in the order of [`BitMetric::NAMES`].
    pub const ALL: &[BitMetric] = &[BitMetric::Hamming, BitMetric::Jaccard];

    /// The metric of that name: one of [`BitMetric::NAMES`].
    pub fn parse(name: &str) -> Option<BitMetric> {
        let at = BitMetric::NAMES.iter().position(|other| *other == name)?;
        Some(BitMetric::ALL[at])
    }

    /// The distance, given the numbers of bits that differ and of those that both vectors have.
    #[inline(always)]
    pub(crate) fn of(self, [different, common]: [u64; 2]) -> f64 {
        match self {
            // A vector in memory has fewer than 2⁵³ bits.
            BitMetric::Hamming => different as f64,
            BitMetric::Jaccard if different == 0 => 0.0,
            BitMetric::Jaccard => different as f64 / (different + common) as f64,
        }
    }
}

/// The error for bytes of another length than those that they are compared with.
pub(crate) fn mismatch(place: Place, row: usize, found: usize, other: Place, expected: usize) -> Error {
    Error::Dimensions { place, row: row as u64 + 1, found: 8 * found, other, expected: 8 * expected }
}

struct One<'a>(&'a [u8], &'a [u8]);

impl Task for One<'_> {
    type Output = [u64; 2];
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> [u64; 2] {
        count(simd, self.0, self.1)
    }
}

#[inline(always)]
fn count<S: Simd>(simd: S, a: &[u8], b: &[u8]) -> [u64; 2] {
    let mut counts = [[0; 2]];
    simd.count_bits(a, &[b], &mut counts);
    counts[0]
}

/// The numbers of bits that differ and that both have, of two slices.
pub(crate) fn counts(a: &[u8], b: &[u8]) -> Result<[u64; 2], Error> {
    if a.len() != b.len() {
        return Err(mismatch(B.name.into(), 0, b.len(), A.name.into(), a.len()));
    }
    Ok(Compute::new().level.run(One(a, b)))
}

type Bytes<'a> = Option<&'a [u8]>;

struct Pairs<'a, F> {
    a: &'a [Bytes<'a>],
    b: &'a [Bytes<'a>],
    rows: Range<usize>,
    finish: F,
}

impl<T, F: Fn([u64; 2]) -> T> Task for Pairs<'_, F> {
    type Output = Result<Vec<Option<T>>, Error>;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Self::Output {
        let mut out = Vec::with_capacity(self.rows.len());
        for i in self.rows {
            out.push(match (self.a[i], self.b[i]) {
                (Some(a), Some(b)) if a.len() == b.len() => Some((self.finish)(count(simd, a, b))),
                (Some(a), Some(b)) => {
                    return Err(mismatch(B.name.into(), i, b.len(), A.name.into(), a.len()));
                }
                _ => None,
            });
        }
        Ok(out)
    }
}

/// Runs a kernel that returns a number per pair of the columns [`A`] and [`B`].
pub(crate) fn run_pairs<T: Send>(
    call: &Call<'_>,
    finish: impl Fn([u64; 2]) -> T + Copy + Sync,
) -> Result<Vec<Option<T>>, Error> {
    let (a, b) = (call.binary(A.name), call.binary(B.name));
    let bytes = rows::bytes_of(a) + rows::bytes_of(b);
    let blocks =
        parallel::blocks(call.rows, bytes, |rows| call.compute.level.run(Pairs { a, b, rows, finish }))?;
    Ok(blocks.into_iter().flatten().collect())
}

pub(crate) const A: Column =
    Column { name: "a", kind: Kind::Binary, unit: "1", summary: "First vector, eight bits a byte." };

pub(crate) const B: Column =
    Column { name: "b", kind: Kind::Binary, unit: "1", summary: "Second vector, of as many bytes as a." };

pub(crate) const BITS: Column =
    Column { name: "bits", kind: Kind::Binary, unit: "1", summary: "The vector, eight bits a byte." };

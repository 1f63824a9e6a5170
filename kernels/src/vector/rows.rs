//! Loops over rows shared by the vector kernels.

use std::ops::Range;

use crate::arch::{Simd, Task, zeros};
use crate::column::vectors::{PackedVectors, Vectors};
use crate::contract::shared::ACCUMULATE;
use crate::contract::{Call, Output, Values};
use crate::error::Error;
use crate::number::element::Width;
use crate::pairwise::compute::Compute;
use crate::pairwise::precision::{Accumulate, with_precision};
use crate::pairwise::reduce::{Form, Pair};
use crate::parallel;

/// The precision that a call's parameters request.
pub(crate) fn compute_of(call: &Call<'_>) -> Result<Compute, Error> {
    Ok(call.compute.accumulate(call.chosen(&ACCUMULATE, Accumulate::parse)?))
}

/// Checks that two vectors given as slices have the same length.
pub(crate) fn same_length(a: usize, b: usize) -> Result<(), Error> {
    if a == b {
        return Ok(());
    }
    Err(Error::Dimensions { place: "b".into(), row: 1, found: b, other: "a".into(), expected: a })
}

/// Bytes of a column of bytes.
pub(crate) fn bytes_of(column: &[Option<&[u8]>]) -> usize {
    column.iter().flatten().map(|row| row.len()).sum()
}

/// One pair of slices.
pub(crate) fn pair<F: Form>(form: F, compute: Compute, a: &[f32], b: &[f32]) -> Result<f64, Error> {
    same_length(a.len(), b.len())?;
    Ok(of_equal_length(form, compute, a, b))
}

/// A form of one slice.
pub(crate) fn one<F: Form>(form: F, compute: Compute, v: &[f32]) -> f64 {
    of_equal_length(form, compute, v, v)
}

fn of_equal_length<F: Form>(form: F, compute: Compute, a: &[f32], b: &[f32]) -> f64 {
    let (a, b) = (bytemuck::cast_slice(a), bytemuck::cast_slice(b));
    compute.level.run(Pair { form, width: Width::F32, accumulate: compute.accumulate, a, b })
}

struct PairRows<'a, F> {
    form: F,
    accumulate: Accumulate,
    a: &'a Vectors<'a>,
    b: &'a Vectors<'a>,
    rows: Range<usize>,
}

impl<F: Form> Task for PairRows<'_, F> {
    type Output = Result<Vec<Option<f64>>, Error>;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Self::Output {
        let mut out = Vec::with_capacity(self.rows.len());
        with_precision!(self.a.width(), self.accumulate, M => {
            for i in self.rows {
                out.push(match (self.a.row(i), self.b.row(i)) {
                    (Some(a), Some(b)) if a.len() == b.len() => Some(self.form.pair::<M, S>(simd, a, b)),
                    (Some(_), Some(_)) => {
                        let expected = self.a.dimensions(i).unwrap_or(0);
                        return Err(self.b.mismatch(i, self.a.place().clone(), expected));
                    }
                    _ => None,
                });
            }
        });
        Ok(out)
    }
}

/// One number per pair of rows of two columns: `finish` applied to the form's value.
pub(crate) fn numbers<F: Form>(
    compute: Compute,
    form: F,
    a: &Vectors<'_>,
    b: &Vectors<'_>,
    finish: fn(f64) -> f64,
) -> Result<Vec<Option<f64>>, Error> {
    let bytes = a.bytes().len() + b.bytes().len();
    let blocks = parallel::blocks(a.len(), bytes, |rows| {
        let mut out = compute.level.run(PairRows { form, accumulate: compute.accumulate, a, b, rows })?;
        out.iter_mut().flatten().for_each(|v| *v = finish(*v));
        Ok(out)
    })?;
    let mut all = Vec::with_capacity(a.len());
    blocks.into_iter().for_each(|block| all.extend_from_slice(&block));
    Ok(all)
}

/// Runs a kernel that returns one number per pair of vectors.
pub(crate) fn run_numbers<F: Form>(
    call: &Call<'_>,
    form: F,
    finish: fn(f64) -> f64,
) -> Result<Output, Error> {
    let values = numbers(compute_of(call)?, form, call.vectors(0)?, call.vectors(1)?, finish)?;
    Ok(Output::same(Values::Float(values)))
}

/// An operation on the vectors of one row, all as long as the result.
pub(crate) trait RowOp<const N: usize>: Copy + Sync {
    fn row<S: Simd>(self, simd: S, width: Width, inputs: [&[u8]; N], out: &mut [u8]);
}

struct MapRow<'a, const N: usize, O> {
    op: O,
    width: Width,
    inputs: [&'a [u8]; N],
    out: &'a mut [u8],
}

impl<const N: usize, O: RowOp<N>> Task for MapRow<'_, N, O> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.op.row(simd, self.width, self.inputs, self.out);
    }
}

/// One row given as a slice.
pub(crate) fn map_slice<O: RowOp<1>>(op: O, v: &[f32]) -> Vec<f32> {
    map_slices(op, [v])
}

/// One row given as two slices.
pub(crate) fn map_two_slices<O: RowOp<2>>(op: O, a: &[f32], b: &[f32]) -> Result<Vec<f32>, Error> {
    same_length(a.len(), b.len())?;
    Ok(map_slices(op, [a, b]))
}

/// The inputs are equally long.
fn map_slices<const N: usize, O: RowOp<N>>(op: O, inputs: [&[f32]; N]) -> Vec<f32> {
    let mut out = vec![0.0f32; inputs[0].len()];
    let inputs = inputs.map(bytemuck::cast_slice);
    Compute::new().level.run(MapRow {
        op,
        width: Width::F32,
        inputs,
        out: bytemuck::cast_slice_mut(&mut out),
    });
    out
}

/// Runs a kernel that returns one vector per row of `N` vectors.
pub(crate) fn run_vectors<const N: usize, O: RowOp<N>>(call: &Call<'_>, op: O) -> Result<Output, Error> {
    let inputs: [&Vectors<'_>; N] = std::array::from_fn(|n| call.given_vectors(n));
    inputs.iter().try_for_each(|vectors| vectors.widen())?;
    let [first, ..] = inputs.as_slice() else { unreachable!("a row has at least one vector") };
    let mut lengths = Vec::with_capacity(call.rows);
    let mut ends = Vec::with_capacity(call.rows + 1);
    let mut end = 0usize;
    ends.push(0);
    for i in 0..call.rows {
        let row = inputs.map(|v| v.row(i));
        if row.iter().any(Option::is_none) {
            lengths.push(-1);
        } else {
            let expected = row[0].map_or(0, <[u8]>::len);
            for (other, bytes) in inputs.iter().zip(row) {
                if bytes.is_some_and(|b| b.len() != expected) {
                    let dimensions = expected / first.width().bytes();
                    return Err(other.mismatch(i, first.place().clone(), dimensions));
                }
            }
            let length = i32::try_from(expected).map_err(|_| Error::Memory {
                what: format!("{}, row {}: the result", first.place(), i + 1),
                bytes: expected as u64,
                limit: i32::MAX as u64,
            })?;
            lengths.push(length);
            end += expected;
        }
        ends.push(end);
    }
    let width = first.width();
    // The narrowed copy of half-precision results exists beside the singles for a moment.
    call.check_memory("the resulting vectors", end as u64 + end as u64 / 2)?;
    let mut bytes: Vec<u8> = zeros("the resulting vectors", end)?;
    let ranges = parallel::ranges(call.rows, end);
    let mut outputs = Vec::with_capacity(ranges.len());
    let mut rest = bytes.as_mut_slice();
    for range in &ranges {
        let (own, others) = rest.split_at_mut(ends[range.end] - ends[range.start]);
        outputs.push(own);
        rest = others;
    }
    let level = call.compute.level;
    parallel::each(ranges.into_iter().zip(outputs), end, |(range, out)| {
        let start = ends[range.start];
        for i in range {
            if lengths[i] >= 0 {
                let inputs = inputs.map(|v| v.row(i).unwrap_or_default());
                level.run(MapRow { op, width, inputs, out: &mut out[ends[i] - start..ends[i + 1] - start] });
            }
        }
        Ok(())
    })?;
    let found = PackedVectors { element: first.wide_element(), bytes, lengths };
    Ok(Output::same(Values::Vectors(found.rounded(first.element().of_result()))))
}

/// Applies `f` to the elements of one or two packed vectors. The loop is compiled for its caller's level.
#[inline(always)]
pub(crate) fn elementwise<const N: usize>(
    width: Width,
    inputs: [&[u8]; N],
    out: &mut [u8],
    single: impl Fn([f32; N]) -> f32,
    double: impl Fn([f64; N]) -> f64,
) {
    // Slicing all to one length lets the compiler drop the bounds checks in the loop.
    let n = out.len();
    let inputs = inputs.map(|v| &v[..n]);
    match width {
        Width::F32 => {
            let inputs = inputs.map(|v| v.as_chunks::<4>().0);
            for (i, target) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                *target = single(inputs.map(|v| f32::from_le_bytes(v[i]))).to_le_bytes();
            }
        }
        Width::F64 => {
            let inputs = inputs.map(|v| v.as_chunks::<8>().0);
            for (i, target) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                *target = double(inputs.map(|v| f64::from_le_bytes(v[i]))).to_le_bytes();
            }
        }
    }
}

/// [`elementwise`] with a scalar. For singles the scalar is first rounded to a single, as in the functions that this
/// library replaces; components that overflow this way, and all components where a scalar other than 0 is subnormal or
/// 0 as a single, are computed in double precision and rounded once.
#[inline(always)]
pub(crate) fn with_number<const N: usize>(
    width: Width,
    inputs: [&[u8]; N],
    number: f64,
    out: &mut [u8],
    single: impl Fn([f32; N], f32) -> f32,
    double: impl Fn([f64; N], f64) -> f64,
) {
    let rounded = number as f32;
    elementwise(width, inputs, out, |v| single(v, rounded), |v| double(v, number));
    if width == Width::F64 {
        return;
    }
    let wide = |v: [f32; N]| double(v.map(f64::from), number) as f32;
    if number != 0.0 && rounded.abs() < f32::MIN_POSITIVE {
        elementwise(width, inputs, out, wide, |v| double(v, number));
        return;
    }
    // Almost always all are finite, so this is checked after the loop, not in it.
    let finite = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes).is_finite();
    if !out.as_chunks::<4>().0.iter().fold(true, |all, bytes| all & finite(bytes)) {
        let either = |v: [f32; N]| {
            let value = single(v, rounded);
            if value.is_finite() { value } else { wide(v) }
        };
        elementwise(width, inputs, out, either, |v| double(v, number));
    }
}

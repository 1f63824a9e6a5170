//! The operations of [`vector`](crate::vector) on whole matrices, into the caller's memory.
//!
//! # Shapes
//!
//! Matrices are row-major slices without gaps. Every input has one row per result, or a single row used for all
//! results. An operation with one number per row has `out.len()` results; one with a vector per row has `out.len() /
//! dimensions`.
//!
//! # Errors
//!
//! [`Error::ParameterValue`] where a slice has another length. Nothing is
//! written then.
//!
//! # Accuracy
//!
//! The same bits as the function of the same name in [`vector`](crate::vector), for any number of rows and threads;
//! large matrices are shared among the threads of the current pool. A NaN in a result is the canonical one, `f64::NAN`
//! or `f32::NAN`.

use std::ops::Range;

use crate::arch::{Simd, Task};
use crate::error::Error;
pub use crate::number::canonical::{canonical, canonical_number};
use crate::number::element::Width;
use crate::pairwise::compute::Compute;
use crate::pairwise::precision::Single;
use crate::pairwise::reduce::{Cosine, Dot, Euclidean, Form, Manhattan, Norm};
use crate::parallel;
use crate::vector::add::Add;
use crate::vector::arg_max::ArgMax;
use crate::vector::distance::{Metric, from_dot, from_similarity};
use crate::vector::lerp::Lerp;
use crate::vector::normalize::Normalize;
use crate::vector::rows::RowOp;
use crate::vector::scale::Scale;
use crate::vector::softmax::Softmax;
use crate::vector::subtract::Subtract;

/// Inner products, as [`crate::vector::dot_product`].
///
/// # Errors
///
/// As [the module](self).
///
/// # Examples
///
/// ```
/// use hart_kernels::vector::batch;
/// let (rows, query) = ([1.0, 0.0, 0.0, 1.0, 0.6, 0.8], [3.0, 4.0]);
/// let mut out = [0.0; 3];
/// batch::dot_product(&rows, &query, 2, &mut out)?;
/// assert_eq!(out[..2], [3.0, 4.0]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn dot_product(a: &[f32], b: &[f32], dimensions: usize, out: &mut [f64]) -> Result<(), Error> {
    numbers(Compute::new(), Dot, [("a", a), ("b", b)], dimensions, |v| v, out)
}

/// Cosines of the angles, as [`crate::vector::cosine_similarity`].
///
/// # Errors
///
/// As [the module](self).
pub fn cosine_similarity(a: &[f32], b: &[f32], dimensions: usize, out: &mut [f64]) -> Result<(), Error> {
    numbers(Compute::new(), Cosine, [("a", a), ("b", b)], dimensions, |v| v, out)
}

/// Straight-line distances, as [`crate::vector::euclidean_distance`].
///
/// # Errors
///
/// As [the module](self).
pub fn euclidean_distance(a: &[f32], b: &[f32], dimensions: usize, out: &mut [f64]) -> Result<(), Error> {
    numbers(Compute::new(), Euclidean, [("a", a), ("b", b)], dimensions, |v| v, out)
}

/// Sums of absolute differences, as [`crate::vector::manhattan_distance`].
///
/// # Errors
///
/// As [the module](self).
pub fn manhattan_distance(a: &[f32], b: &[f32], dimensions: usize, out: &mut [f64]) -> Result<(), Error> {
    numbers(Compute::new(), Manhattan, [("a", a), ("b", b)], dimensions, |v| v, out)
}

/// Distances in a metric, as [`crate::vector::distance()`].
///
/// # Errors
///
/// As [the module](self).
pub fn distance(
    metric: Metric,
    a: &[f32],
    b: &[f32],
    dimensions: usize,
    out: &mut [f64],
) -> Result<(), Error> {
    let (compute, inputs) = (Compute::new(), [("a", a), ("b", b)]);
    match metric {
        Metric::Cosine => numbers(compute, Cosine, inputs, dimensions, from_similarity, out),
        Metric::Euclidean => numbers(compute, Euclidean, inputs, dimensions, |v| v, out),
        Metric::Dot => numbers(compute, Dot, inputs, dimensions, from_dot, out),
        Metric::Manhattan => numbers(compute, Manhattan, inputs, dimensions, |v| v, out),
    }
}

/// Euclidean norms, as [`crate::vector::norm()`].
///
/// # Errors
///
/// As [the module](self).
pub fn norm(v: &[f32], dimensions: usize, out: &mut [f64]) -> Result<(), Error> {
    numbers(Compute::new(), Norm, [("v", v), ("v", v)], dimensions, |v| v, out)
}

/// Positions of the greatest components, as [`crate::vector::arg_max()`]; −1 where there is none.
///
/// # Errors
///
/// As [the module](self).
pub fn arg_max(v: &[f32], dimensions: usize, out: &mut [i64]) -> Result<(), Error> {
    let (level, v) = (Compute::new().level, Operand::new("v", v, dimensions, out.len())?);
    parallel::rows_into(out.len(), v.bytes.len(), out, |range, out| {
        for (i, out) in range.zip(out) {
            let index = level.run(ArgMax { width: Width::F32, v: v.row(i) });
            // A slice has less than 2⁶³ elements.
            *out = index.map_or(-1, |index| index as i64);
        }
        Ok(())
    })
}

/// Sums, as [`crate::vector::add()`].
///
/// # Errors
///
/// As [the module](self).
pub fn add(a: &[f32], b: &[f32], dimensions: usize, out: &mut [f32]) -> Result<(), Error> {
    vectors(Compute::new(), Add, [("a", a), ("b", b)], dimensions, out)
}

/// Differences, as [`crate::vector::subtract()`].
///
/// # Errors
///
/// As [the module](self).
pub fn subtract(a: &[f32], b: &[f32], dimensions: usize, out: &mut [f32]) -> Result<(), Error> {
    vectors(Compute::new(), Subtract, [("a", a), ("b", b)], dimensions, out)
}

/// Interpolations, as [`crate::vector::lerp()`].
///
/// # Errors
///
/// As [the module](self).
pub fn lerp(a: &[f32], b: &[f32], t: f64, dimensions: usize, out: &mut [f32]) -> Result<(), Error> {
    vectors(Compute::new(), Lerp(t), [("a", a), ("b", b)], dimensions, out)
}

/// Multiples, as [`crate::vector::scale()`].
///
/// # Errors
///
/// As [the module](self).
pub fn scale(v: &[f32], factor: f64, dimensions: usize, out: &mut [f32]) -> Result<(), Error> {
    vectors(Compute::new(), Scale(factor), [("v", v)], dimensions, out)
}

/// Vectors of unit length, as [`crate::vector::normalize()`].
///
/// # Errors
///
/// As [the module](self).
pub fn normalize(v: &[f32], dimensions: usize, out: &mut [f32]) -> Result<(), Error> {
    vectors(Compute::new(), Normalize, [("v", v)], dimensions, out)
}

/// Normalized exponentials, as [`crate::vector::softmax()`].
///
/// # Errors
///
/// As [the module](self).
pub fn softmax(v: &[f32], dimensions: usize, out: &mut [f32]) -> Result<(), Error> {
    vectors(Compute::new(), Softmax, [("v", v)], dimensions, out)
}

/// A matrix, or a single row used for every result.
#[derive(Clone, Copy)]
struct Operand<'a> {
    bytes: &'a [u8],
    row: usize,
    /// Bytes from one row to the next; 0 for a single row.
    step: usize,
}

impl<'a> Operand<'a> {
    fn new(name: &str, values: &'a [f32], dimensions: usize, rows: usize) -> Result<Operand<'a>, Error> {
        let step = match values.len() {
            length if dimensions.checked_mul(rows) == Some(length) => {
                dimensions.saturating_mul(size_of::<f32>())
            }
            length if length == dimensions => 0,
            length => {
                return Err(Error::ParameterValue {
                    name: name.into(),
                    value: format!("{length} numbers"),
                    expected: format!("{rows} rows of {dimensions} numbers each, or one row"),
                });
            }
        };
        let row = if rows == 0 { 0 } else { dimensions * size_of::<f32>() };
        Ok(Operand { bytes: bytemuck::cast_slice(values), row, step })
    }

    #[inline(always)]
    fn row(&self, i: usize) -> &'a [u8] {
        &self.bytes[i * self.step..][..self.row]
    }
}

struct Numbers<'a, F, G> {
    form: F,
    finish: G,
    a: Operand<'a>,
    b: Operand<'a>,
    rows: Range<usize>,
    out: &'a mut [f64],
}

impl<F: Form, G: Fn(f64) -> f64> Task for Numbers<'_, F, G> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (i, out) in self.rows.zip(self.out) {
            let value = (self.finish)(self.form.pair::<Single, S>(simd, self.a.row(i), self.b.row(i)));
            *out = canonical_number(value);
        }
    }
}

fn numbers<F: Form>(
    compute: Compute,
    form: F,
    [a, b]: [(&str, &[f32]); 2],
    dimensions: usize,
    finish: impl Fn(f64) -> f64 + Copy + Send + Sync,
    out: &mut [f64],
) -> Result<(), Error> {
    let rows = out.len();
    let (a, b) = (Operand::new(a.0, a.1, dimensions, rows)?, Operand::new(b.0, b.1, dimensions, rows)?);
    parallel::rows_into(rows, a.bytes.len() + b.bytes.len(), out, |rows, out| {
        compute.level.run(Numbers { form, finish, a, b, rows, out });
        Ok(())
    })
}

struct Maps<'a, const N: usize, O> {
    op: O,
    inputs: [Operand<'a>; N],
    dimensions: usize,
    rows: Range<usize>,
    out: &'a mut [f32],
}

impl<const N: usize, O: RowOp<N>> Task for Maps<'_, N, O> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (i, out) in self.rows.zip(self.out.chunks_exact_mut(self.dimensions)) {
            self.op.row(
                simd,
                Width::F32,
                self.inputs.map(|input| input.row(i)),
                bytemuck::cast_slice_mut(&mut *out),
            );
            canonical(out);
        }
    }
}

fn vectors<const N: usize, O: RowOp<N>>(
    compute: Compute,
    op: O,
    inputs: [(&str, &[f32]); N],
    dimensions: usize,
    out: &mut [f32],
) -> Result<(), Error> {
    let rows = out.len().checked_div(dimensions).unwrap_or(0);
    if rows.checked_mul(dimensions) != Some(out.len()) {
        return Err(Error::ParameterValue {
            name: "out".into(),
            value: format!("{} numbers", out.len()),
            expected: format!("a multiple of {dimensions}, the dimensions"),
        });
    }
    let mut operands = [Operand { bytes: &[], row: 0, step: 0 }; N];
    for (operand, (name, values)) in operands.iter_mut().zip(inputs) {
        *operand = Operand::new(name, values, dimensions, rows)?;
    }
    if dimensions == 0 {
        return Ok(());
    }
    let bytes = size_of_val(out);
    parallel::rows_into(rows, bytes, out, |rows, out| {
        compute.level.run(Maps { op, inputs: operands, dimensions, rows, out });
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Level;
    use crate::vector;

    /// Numbers of many magnitudes, with a NaN and infinities in one row of seven.
    fn matrix(rows: usize, dimensions: usize, seed: u32) -> Vec<f32> {
        let value = |i: usize| {
            let x = (i as u32).wrapping_add(seed).wrapping_mul(2_654_435_761) >> 8;
            match (i / dimensions.max(1) % 7, i % dimensions.max(1)) {
                (6, 1) => -f32::NAN,
                (5, 0) => f32::INFINITY,
                _ => (x as f32 - 8_000_000.0) / 1_048_576.0,
            }
        };
        (0..rows * dimensions).map(value).collect()
    }

    fn same(found: f64, expected: f64) -> bool {
        found.to_bits() == canonical_number(expected).to_bits()
    }

    #[test]
    fn every_row_has_the_bits_of_the_single_function() {
        for (rows, n) in [(0, 5), (1, 0), (4, 0), (1, 1), (9, 33), (40, 384), (1100, 1998)] {
            let (a, b) = (matrix(rows, n, 1), matrix(rows, n, 77));
            let mut query = matrix(1, n, 5);
            query.truncate(n);
            let row = |m: &[f32], i: usize| m[i * n..(i + 1) * n].to_vec();
            let mut out = vec![0.0; rows];
            type Single = fn(&[f32], &[f32]) -> Result<f64, Error>;
            type Batch = fn(&[f32], &[f32], usize, &mut [f64]) -> Result<(), Error>;
            let pairs: [(Single, Batch); 7] = [
                (vector::dot_product, dot_product),
                (vector::cosine_similarity, cosine_similarity),
                (vector::euclidean_distance, euclidean_distance),
                (vector::manhattan_distance, manhattan_distance),
                (
                    |a, b| vector::distance(Metric::Cosine, a, b),
                    |a, b, n, o| distance(Metric::Cosine, a, b, n, o),
                ),
                (|a, b| vector::distance(Metric::Dot, a, b), |a, b, n, o| distance(Metric::Dot, a, b, n, o)),
                (|a, _| Ok(vector::norm(a)), |a, _, n, o| norm(a, n, o)),
            ];
            for (which, (single, batch)) in pairs.into_iter().enumerate() {
                for others in [&b, &query] {
                    batch(&a, others, n, &mut out).unwrap();
                    for (i, found) in out.iter().enumerate() {
                        let other = if others.len() == n { others.clone() } else { row(others, i) };
                        let expected = single(&row(&a, i), &other).unwrap();
                        assert!(
                            same(*found, expected),
                            "{which}, {n}, row {i}: {:x} and {:x}",
                            found.to_bits(),
                            expected.to_bits()
                        );
                    }
                }
            }
            let mut positions = vec![0; rows];
            arg_max(&a, n, &mut positions).unwrap();
            let expected = |i| vector::arg_max(&row(&a, i)).map_or(-1, |p| p as i64);
            assert!((0..rows).all(|i| positions[i] == expected(i)));

            type Map = fn(&[f32], &[f32]) -> Result<Vec<f32>, Error>;
            type Maps = fn(&[f32], &[f32], usize, &mut [f32]) -> Result<(), Error>;
            let maps: [(Map, Maps); 6] = [
                (vector::add, add),
                (vector::subtract, subtract),
                (|a, b| vector::lerp(a, b, 0.3), |a, b, n, o| lerp(a, b, 0.3, n, o)),
                (|a, _| Ok(vector::scale(a, -3.5)), |a, _, n, o| scale(a, -3.5, n, o)),
                (|a, _| Ok(vector::normalize(a)), |a, _, n, o| normalize(a, n, o)),
                (|a, _| Ok(vector::softmax(a)), |a, _, n, o| softmax(a, n, o)),
            ];
            let mut out = vec![0.0; rows * n];
            for (single, batch) in maps {
                for other in [&b, &query] {
                    batch(&a, other, n, &mut out).unwrap();
                    for i in 0..rows {
                        let other = if other.len() == n { other.clone() } else { row(other, i) };
                        let mut expected = single(&row(&a, i), &other).unwrap();
                        canonical(&mut expected);
                        assert!(
                            row(&out, i).iter().map(|v| v.to_bits()).eq(expected.iter().map(|v| v.to_bits()))
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn levels_and_threads_do_not_matter() {
        let (rows, n) = (2100, 1025);
        let (a, b) = (matrix(rows, n, 3), matrix(rows, n, 9));
        let run = |level: Level, threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let compute = Compute::new().level(level);
            let (mut numbers_out, mut vectors_out) = (vec![0.0; rows], vec![0.0; rows * n]);
            pool.install(|| {
                let inputs = [("a", &a[..]), ("b", &b[..])];
                numbers(compute, Cosine, inputs, n, |v| v, &mut numbers_out).unwrap();
                vectors(compute, Lerp(0.3), inputs, n, &mut vectors_out).unwrap();
            });
            let numbers: Vec<u64> = numbers_out.iter().map(|v| v.to_bits()).collect();
            (numbers, vectors_out.iter().map(|v| v.to_bits()).collect::<Vec<u32>>())
        };
        let expected = run(Level::scalar(), 1);
        for level in Level::available() {
            for threads in [1, 2] {
                assert!(run(level, threads) == expected, "{} with {threads} threads", level.name());
            }
        }
    }

    #[test]
    fn wrong_lengths_are_named() {
        let message = |r: Result<(), Error>| r.unwrap_err().to_string();
        let mut out = [0.0; 3];
        assert_eq!(
            message(dot_product(&[0.0; 6], &[0.0; 4], 2, &mut out)),
            "parameter b is 4 numbers; expected 3 rows of 2 numbers each, or one row"
        );
        assert_eq!(
            message(dot_product(&[0.0; 6], &[0.0; 4], usize::MAX, &mut out)),
            format!("parameter a is 6 numbers; expected 3 rows of {} numbers each, or one row", usize::MAX)
        );
        assert_eq!(
            message(add(&[0.0; 4], &[0.0; 4], 2, &mut [0.0; 3])),
            "parameter out is 3 numbers; expected a multiple of 2, the dimensions"
        );
        assert_eq!(
            message(scale(&[], 1.0, 0, &mut [0.0; 3])),
            "parameter out is 3 numbers; expected a multiple of 0, the dimensions"
        );
    }
}

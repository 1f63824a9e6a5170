//! The randomized path: subspace iteration from a random sample finds the directions of most energy on the smaller
//! side, and the projection onto them is decomposed exactly (Halko, Martinsson and Tropp 2011, "Finding structure with
//! randomness", algorithms 4.4 and 5.1, for the transposed matrix).
//!
//! The bits depend on the seed, not on the number of threads.

use faer::dyn_stack::MemStack;
use faer::linalg::lu::partial_pivoting::factor as lu;
use faer::{Mat, MatRef};

use super::exact;
use super::{Factors, SvdOptions};
use crate::error::Error;
use crate::number::random::SplitMix;
use crate::parallel::pool;
use crate::tensor::product::{gram, product, zeros};
use crate::tensor::qr::orthonormal;

/// As many components as the sample has directions, at most min(rows, columns); the leading `rank` are accurate.
pub(super) fn factors(
    matrix: &[f32],
    rows: usize,
    columns: usize,
    options: &SvdOptions,
) -> Result<Factors, Error> {
    // Many successive products: the thread pool is entered once for all of them.
    pool::enter(|| on_threads(matrix, rows, columns, options))?
}

fn on_threads(matrix: &[f32], rows: usize, columns: usize, options: &SvdOptions) -> Result<Factors, Error> {
    let sample = options.sample(rows.min(columns));
    let doubles = exact::doubles(matrix, memory(rows, columns, options))?;
    let matrix = MatRef::from_row_major_slice(&doubles, rows, columns);
    let tall = if rows >= columns { matrix } else { matrix.transpose() };
    let full = tall.ncols();
    let products = if by_gram(rows, columns, sample, options) { Some(gram(tall)?) } else { None };
    let mut random = SplitMix(options.seed);
    let mut directions = Mat::from_fn(full, sample, |_, _| random.symmetric());
    for left in (0..=options.power_iterations).rev() {
        let next = match &products {
            Some(gram) => product(gram.as_ref(), directions.as_ref())?,
            None => product(tall.transpose(), product(tall, directions.as_ref())?.as_ref())?,
        };
        // Otherwise the small singular values would be lost in the rounding errors of the large ones.
        let independent = if left > 0 { triangular(&next)? } else { None };
        directions = independent.map_or_else(|| orthonormal(next), Ok)?;
    }
    let small = exact::decompose(product(tall, directions.as_ref())?.as_ref())?;
    let turned = product(directions.as_ref(), small.v.as_ref())?;
    let (u, v) = if rows >= columns { (small.u, turned) } else { (turned, small.u) };
    Ok(Factors { singular_values: small.singular_values, u, v })
}

/// Whether forming AᵀA, one half of which costs n/2 products of the matrix with a vector, saves more than that: each
/// iteration then takes one product of n × n instead of two of m × n.
fn by_gram(rows: usize, columns: usize, sample: usize, options: &SvdOptions) -> bool {
    let (height, full) = (rows.max(columns) as f64, rows.min(columns) as f64);
    let vectors = (sample * (options.power_iterations + 1)) as f64;
    // A quarter more for the part of the half that is computed twice.
    0.625 * full * height + full * vectors < 2.0 * height * vectors
}

/// Bytes that [`factors`] takes beside its input.
pub(super) fn memory(rows: usize, columns: usize, options: &SvdOptions) -> u64 {
    let full = rows.min(columns);
    let sample = options.sample(full);
    let gram =
        if by_gram(rows, columns, sample, options) { (full as u64).saturating_mul(full as u64) } else { 0 };
    let (rows, columns, sample) = (rows as u64, columns as u64, sample as u64);
    let vectors = rows.saturating_add(columns).saturating_mul(sample).saturating_mul(4);
    rows.saturating_mul(columns).saturating_add(gram).saturating_add(vectors).saturating_mul(8)
}

/// Columns with the span of a tall matrix's columns, independent enough for another iteration: its unit lower
/// triangular factor, whose elements are at most 1, in a third of the time of [`orthonormal`] (Li et al. 2017,
/// "Algorithm 971"). `None` where a pivot is zero.
fn triangular(matrix: &Mat<f64>) -> Result<Option<Mat<f64>>, Error> {
    let (rows, columns) = matrix.shape();
    let tasks = exact::tasks(rows, columns);
    let scratch = lu::lu_in_place_scratch::<usize, f64>(rows, columns, tasks, Default::default());
    let mut memory = exact::room(scratch)?;
    let (mut lower, mut order, mut place) = (matrix.clone(), vec![0; rows], vec![0; rows]);
    let stack = MemStack::new(&mut memory);
    lu::lu_in_place(lower.as_mut(), &mut order, &mut place, tasks, stack, Default::default());
    let mut out = zeros(rows, columns);
    for (j, mut column) in out.col_iter_mut().enumerate() {
        column[order[j]] = 1.0;
        for i in j + 1..rows {
            column[order[i]] = lower[(i, j)];
        }
    }
    Ok(Some(out).filter(|out| out.is_all_finite()))
}

//! The randomized path: the matrix is projected on the range of a random sample of it, and the small projection decomposed
//! exactly (Halko, Martinsson and Tropp 2011, "Finding structure with randomness", algorithms 4.4 and 5.1).
//!
//! The bits depend on the seed, not on the number of threads.

use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::householder;
use faer::linalg::qr::no_pivoting::factor as qr;
use faer::{Accum, Conj, Mat, MatRef};

use super::exact;
use super::{Factors, SvdOptions};
use crate::error::Error;
use crate::parallel;
use crate::pool;
use crate::random::SplitMix;
use crate::tensor::product::multiply;

/// Rows of a product that one thread computes.
const BLOCK: usize = 128;

/// As many components as the sample has directions, at most min(rows, columns), of which the leading `rank` are good.
pub(super) fn factors(
    matrix: &[f32],
    rows: usize,
    columns: usize,
    options: &SvdOptions,
) -> Result<Factors, Error> {
    // Many products one after the other: the threads are asked once for all of them.
    pool::enter(|| on_threads(matrix, rows, columns, options))?
}

fn on_threads(matrix: &[f32], rows: usize, columns: usize, options: &SvdOptions) -> Result<Factors, Error> {
    let sample = options.sample(rows.min(columns));
    let mut doubles: Vec<f64> = Vec::new();
    doubles.try_reserve_exact(matrix.len()).map_err(|_| Error::Memory {
        what: "the decomposition".into(),
        bytes: memory(rows, columns, sample),
        limit: Error::REFUSED,
    })?;
    doubles.resize(matrix.len(), 0.0);
    parallel::rows_into(matrix.len(), size_of_val(matrix), &mut doubles, |range, out| {
        out.iter_mut().zip(&matrix[range]).for_each(|(out, x)| *out = f64::from(*x));
    })?;
    let matrix = MatRef::from_row_major_slice(&doubles, rows, columns);
    let mut random = SplitMix(options.seed);
    let mut range =
        orthonormal(product(matrix, Mat::from_fn(columns, sample, |_, _| random.symmetric()).as_ref())?)?;
    for _ in 0..options.power_iterations {
        // Without orthonormalization in between, the small singular values would drown in the rounding of the large ones.
        let back = orthonormal(product(matrix.transpose(), range.as_ref())?)?;
        range = orthonormal(product(matrix, back.as_ref())?)?;
    }
    // Tall, which is what the exact path is good at: its factors change places.
    let small = exact::decompose(product(matrix.transpose(), range.as_ref())?.as_ref())?;
    let left = MatRef::from_column_major_slice(&small.v, sample, sample);
    let left = product(range.as_ref(), left)?;
    let u = (0..sample).flat_map(|k| left.col(k).iter().copied()).collect();
    Ok(Factors { singular_values: small.singular_values, u, v: small.u })
}

/// Bytes that [`factors`] takes beside its input.
pub(super) fn memory(rows: usize, columns: usize, sample: usize) -> u64 {
    let (rows, columns, sample) = (rows as u64, columns as u64, sample as u64);
    let vectors = rows.saturating_add(columns).saturating_mul(sample).saturating_mul(4);
    rows.saturating_mul(columns).saturating_add(vectors).saturating_mul(8)
}

/// The product of two matrices.
fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Result<Mat<f64>, Error> {
    let mut out = Mat::zeros(a.nrows(), b.ncols());
    multiply(out.as_mut(), Accum::Replace, a, b, BLOCK)?;
    Ok(out)
}

/// Orthonormal columns with the span of those of a tall matrix, and as many.
fn orthonormal(mut matrix: Mat<f64>) -> Result<Mat<f64>, Error> {
    let (rows, columns) = matrix.shape();
    let tasks = exact::tasks(rows, columns);
    let block = qr::recommended_block_size::<f64>(rows, columns);
    let scratch = StackReq::any_of(&[
        qr::qr_in_place_scratch::<f64>(rows, columns, block, tasks, Default::default()),
        householder::apply_block_householder_sequence_on_the_left_in_place_scratch::<f64>(
            rows, block, columns,
        ),
    ]);
    let mut memory = MemBuffer::try_new(scratch).map_err(|_| exact::no_memory(scratch))?;
    let mut coefficients = Mat::zeros(block, columns);
    let stack = MemStack::new(&mut memory);
    qr::qr_in_place(matrix.as_mut(), coefficients.as_mut(), tasks, stack, Default::default());
    let mut q = Mat::identity(rows, columns);
    householder::apply_block_householder_sequence_on_the_left_in_place_with_conj(
        matrix.as_ref(),
        coefficients.as_ref(),
        Conj::No,
        q.as_mut(),
        tasks,
        MemStack::new(&mut memory),
    );
    Ok(q)
}

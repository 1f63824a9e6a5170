//! The exact path: bidiagonalization and divide and conquer of `faer`, in double precision.
//!
//! Single precision would be twice as fast, but its factors reproduce a matrix with a relative error of some 5e-6 only.
//! The result of `faer` depends on the number of tasks it may create, so that number is fixed: the bits must not depend
//! on the number of threads that share them.

use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::svd::bidiag::BidiagParams;
use faer::linalg::svd::{self, ComputeSvdVectors, SvdParams};
use faer::{Auto, MatRef, Par, Spec};

use super::Factors;
use crate::arch;
use crate::error::Error;
use crate::parallel::pool;
use crate::tensor::product::zeros;

/// The tasks into which `faer` may split work on a matrix, by its shape alone. Use more than one only in
/// [`pool::enter`].
pub(in crate::tensor) fn tasks(rows: usize, columns: usize) -> Par {
    match rows.saturating_mul(columns) {
        ..SHARED => Par::Seq,
        // A task that no other thread takes costs time too.
        SHARED..LARGE => Par::rayon(4),
        _ => Par::rayon(8),
    }
}

/// Elements of a matrix large enough for several threads.
const SHARED: usize = 1 << 16;
/// Elements of a matrix large enough for many tasks.
const LARGE: usize = 1 << 21;

/// All min(rows, columns) ≥ 1 components of finite numbers.
pub(crate) fn factors(matrix: &[f32], rows: usize, columns: usize) -> Result<Factors, Error> {
    let doubles = doubles(matrix, memory(rows, columns))?;
    decompose(MatRef::from_row_major_slice(&doubles, rows, columns))
}

/// The numbers in double precision; `bytes` is reported if there is no memory.
pub(crate) fn doubles(singles: &[f32], bytes: u64) -> Result<Vec<f64>, Error> {
    let mut out = Vec::new();
    out.try_reserve_exact(singles.len()).map_err(|_| Error::Memory {
        what: "the decomposition".into(),
        bytes,
        limit: Error::REFUSED,
    })?;
    arch::prefer_large(out.as_ptr(), singles.len());
    out.extend(singles.iter().map(|x| f64::from(*x)));
    Ok(out)
}

/// All components of a matrix that is not empty.
pub(in crate::tensor) fn decompose(matrix: MatRef<'_, f64>) -> Result<Factors, Error> {
    match tasks(matrix.nrows(), matrix.ncols()) {
        Par::Seq => thin(matrix),
        _ => pool::enter(|| thin(matrix))?,
    }
}

fn thin(matrix: MatRef<'_, f64>) -> Result<Factors, Error> {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    let (full, tasks) = (rows.min(columns), tasks(rows, columns));
    let thin = ComputeSvdVectors::Thin;
    let params = SvdParams {
        // The rest of the matrix fits a core's caches then.
        bidiag: BidiagParams { par_threshold: 1 << 17, ..Auto::<f64>::auto() },
        ..Auto::<f64>::auto()
    };
    let params = Spec::new(params);
    let scratch = svd::svd_scratch::<f64>(rows, columns, thin, thin, tasks, params);
    let mut memory = room(scratch)?;
    let (mut u, mut v, mut s) = (zeros(rows, full), zeros(columns, full), zeros(full, 1));
    svd::svd(
        matrix,
        s.col_mut(0).as_diagonal_mut(),
        Some(u.as_mut()),
        Some(v.as_mut()),
        tasks,
        MemStack::new(&mut memory),
        params,
    )
    .map_err(|_| Error::Value {
        place: "matrix".into(),
        row: 0,
        found: "the iteration for its singular values does not converge".into(),
        expected: "a matrix for which it does".into(),
    })?;
    Ok(Factors { singular_values: s.col(0).iter().copied().collect(), u, v })
}

/// Bytes that [`factors`] takes beside its input.
pub(in crate::tensor) fn memory(rows: usize, columns: usize) -> u64 {
    let (rows, columns) = (rows as u64, columns as u64);
    let full = rows.min(columns);
    // The matrix, its bidiagonal form and the workspace; the vectors as computed and as returned.
    let matrices = rows.saturating_mul(columns).saturating_mul(3);
    let vectors = rows.saturating_add(columns).saturating_mul(full).saturating_mul(2);
    matrices
        .saturating_add(vectors)
        .saturating_add(full.saturating_mul(full).saturating_mul(4))
        .saturating_mul(8)
}

/// Memory for intermediate results.
pub(in crate::tensor) fn room(scratch: StackReq) -> Result<MemBuffer, Error> {
    let memory = MemBuffer::try_new(scratch).map_err(|_| Error::Memory {
        what: "the decomposition".into(),
        bytes: scratch.size_bytes() as u64,
        limit: Error::REFUSED,
    })?;
    // Faulting in small pages at their first write takes a tenth of a decomposition's time.
    arch::prefer_large(memory.as_ptr(), memory.len());
    Ok(memory)
}

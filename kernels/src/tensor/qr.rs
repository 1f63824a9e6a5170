//! QR factorizations in double precision.

use faer::dyn_stack::{MemStack, StackReq};
use faer::linalg::householder;
use faer::linalg::qr::no_pivoting::factor as qr;
use faer::{Conj, Mat, MatMut};

use crate::error::Error;
use crate::tensor::svd;

/// Replaces a matrix with at least as many rows as columns by its upper triangular factor, zeros below.
pub(super) fn triangle(mut matrix: MatMut<'_, f64>) -> Result<(), Error> {
    let (rows, columns) = matrix.shape();
    let tasks = svd::tasks(rows, columns);
    let block = qr::recommended_block_size::<f64>(rows, columns);
    let scratch = qr::qr_in_place_scratch::<f64>(rows, columns, block, tasks, Default::default());
    let mut memory = svd::room(scratch)?;
    let mut coefficients = Mat::zeros(block, columns);
    let stack = MemStack::new(&mut memory);
    qr::qr_in_place(matrix.as_mut(), coefficients.as_mut(), tasks, stack, Default::default());
    for (j, column) in matrix.col_iter_mut().enumerate() {
        column.subrows_mut(j + 1, rows - j - 1).fill(0.0);
    }
    Ok(())
}

/// As many orthonormal columns with the same span as those of a tall matrix.
pub(super) fn orthonormal(mut matrix: Mat<f64>) -> Result<Mat<f64>, Error> {
    let (rows, columns) = matrix.shape();
    let tasks = svd::tasks(rows, columns);
    let block = qr::recommended_block_size::<f64>(rows, columns);
    let scratch = StackReq::any_of(&[
        qr::qr_in_place_scratch::<f64>(rows, columns, block, tasks, Default::default()),
        householder::apply_block_householder_sequence_on_the_left_in_place_scratch::<f64>(
            rows, block, columns,
        ),
    ]);
    let mut memory = svd::room(scratch)?;
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

//! Arrays of `ndarray` as columns of vectors.

use ndarray::ArrayView2;

use crate::error::Error;
use crate::vectors::Vectors;

/// The rows of an array, borrowed.
///
/// # Shapes
///
/// m × n singles: m vectors of n dimensions.
///
/// # Errors
///
/// [`Error::ParameterValue`] where the array is not in standard layout (a transposed or strided view; `as_standard_layout` copies one), or
/// has no columns.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Metric, Vectors, vector};
/// use ndarray::{array, s};
///
/// let rows = array![[1.0f32, 0.0], [0.0, 1.0], [0.6, 0.8]];
/// let query = rows.slice(s![..1, ..]);
/// let hits = vector::top_k(&rows.view().try_into()?, &[7, 8, 9], &query.try_into()?, 2, Metric::Cosine)?;
/// assert_eq!((hits[0][0].id, hits[0][1].id), (7, 9));
/// assert!(Vectors::try_from(rows.t()).is_err());
/// # Ok::<(), hart_kernels::Error>(())
/// ```
impl<'a> TryFrom<ArrayView2<'a, f32>> for Vectors<'a> {
    type Error = Error;

    fn try_from(array: ArrayView2<'a, f32>) -> Result<Vectors<'a>, Error> {
        let (columns, strides) = (array.ncols(), array.strides().to_vec());
        let Some(values) = array.to_slice() else {
            return Err(Error::ParameterValue {
                name: "array".into(),
                value: format!("a view with the strides {strides:?}"),
                expected: "rows one after the other without gaps (standard layout)".into(),
            });
        };
        Vectors::matrix(values, columns)
    }
}

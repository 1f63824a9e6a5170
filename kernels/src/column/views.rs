//! `ndarray` arrays as columns of vectors.

use ndarray::{ArrayView, ArrayView1, ArrayView2, Dimension};

use crate::column::vectors::Vectors;
use crate::error::Error;

/// An array's numbers; the array must be in standard layout.
fn numbers<'a, D: Dimension>(array: &ArrayView<'a, f32, D>, expected: &str) -> Result<&'a [f32], Error> {
    array.to_slice().ok_or_else(|| Error::ParameterValue {
        name: "array".into(),
        value: format!("a view with the strides {:?}", array.strides()),
        expected: format!("{expected} without gaps (standard layout)"),
    })
}

/// The rows of an array, borrowed.
///
/// # Shapes
///
/// m × n singles: m vectors of n dimensions.
///
/// # Errors
///
/// [`Error::ParameterValue`] where the array is not in standard layout (a transposed or strided view;
/// `as_standard_layout` makes a copy that is), or has no columns.
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
        Vectors::matrix(numbers(&array, "rows one after the other")?, array.ncols())
    }
}

/// An array as a single vector, borrowed.
///
/// # Shapes
///
/// n singles: one vector of n dimensions.
///
/// # Errors
///
/// [`Error::ParameterValue`] where the array has gaps or runs backwards (`to_owned` makes a contiguous copy), or is
/// empty.
///
/// # Examples
///
/// ```
/// use hart_kernels::{TopK, Vectors};
/// use ndarray::array;
///
/// let rows = array![[1.0f32, 0.0], [0.0, 1.0], [0.6, 0.8]];
/// let hits = TopK::new(2).search(&rows.view().try_into()?, &rows.row(2).try_into()?)?;
/// assert_eq!((hits[0][0].row, hits[0][1].row), (2, 1));
/// let error = Vectors::try_from(rows.column(0)).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "parameter array is a view with the strides [2]; expected one number after the other without gaps (standard layout)"
/// );
/// # Ok::<(), hart_kernels::Error>(())
/// ```
impl<'a> TryFrom<ArrayView1<'a, f32>> for Vectors<'a> {
    type Error = Error;

    fn try_from(array: ArrayView1<'a, f32>) -> Result<Vectors<'a>, Error> {
        Vectors::matrix(numbers(&array, "one number after the other")?, array.len())
    }
}

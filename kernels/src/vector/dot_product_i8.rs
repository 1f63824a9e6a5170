//! Inner product of two vectors of bytes.

use crate::arch::{Simd, Task};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::vector::rows::same_length;

struct Bytes<'a>(&'a [u8], &'a [u8]);

impl Task for Bytes<'_> {
    type Output = i64;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> i64 {
        let mut sums = [[0; 2]];
        simd.dot_bytes::<false>(self.0, &[self.1], &mut sums);
        sums[0][0]
    }
}

/// Inner product Σ aᵢ·bᵢ of two vectors of signed bytes.
///
/// # Shapes
///
/// Two slices of equal length; returns a whole number.
///
/// # Errors
///
/// [`Error::Dimensions`] where the lengths differ.
///
/// # Accuracy
///
/// Exact.
///
/// # Examples
///
/// ```
/// assert_eq!(hart_kernels::vector::dot_product_i8(&[1, -128, 3], &[4, -128, 6])?, 16_406);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
#[inline]
pub fn dot_product_i8(a: &[i8], b: &[i8]) -> Result<i64, Error> {
    same_length(a.len(), b.len())?;
    Ok(Compute::new().level.run(Bytes(bytemuck::cast_slice(a), bytemuck::cast_slice(b))))
}

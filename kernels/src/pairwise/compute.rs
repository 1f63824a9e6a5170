//! How to compute: precision and instruction set.

use crate::arch::Level;
use crate::pairwise::precision::Accumulate;

/// Precision of accumulation and instruction-set level of a computation.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Accumulate, Compute, Level, vector};
/// let exact = Compute::new().accumulate(Accumulate::F64);
/// assert_eq!(vector::dot_product_with(exact, &[1.0, 2.0], &[3.0, 4.0])?, 11.0);
/// // The level never changes a result.
/// let plain = exact.level(Level::scalar());
/// assert_eq!(vector::dot_product_with(plain, &[1.0, 2.0], &[3.0, 4.0])?, 11.0);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Compute {
    pub(crate) accumulate: Accumulate,
    pub(crate) level: Level,
}

impl Compute {
    /// Single-precision lanes on the fastest level of this machine.
    pub fn new() -> Compute {
        Compute { accumulate: Accumulate::default(), level: Level::current() }
    }

    /// The same with another precision of accumulation.
    #[must_use]
    pub fn accumulate(self, accumulate: Accumulate) -> Compute {
        Compute { accumulate, ..self }
    }

    /// The same on another level.
    #[must_use]
    pub fn level(self, level: Level) -> Compute {
        Compute { level, ..self }
    }
}

impl Default for Compute {
    /// As [`Compute::new`].
    fn default() -> Compute {
        Compute::new()
    }
}

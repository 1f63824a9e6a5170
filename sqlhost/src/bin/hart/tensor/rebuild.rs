//! A matrix from its components.

use rayon::prelude::*;

/// One component: its coefficient, left vector and right vector.
pub type Component<'a> = (f64, &'a [f32], &'a [f32]);

/// Adds up the components of a matrix into `out`, which has the elements of whole rows: c · u · vᵀ one after the other, in
/// double precision, so that the result does not depend on the number of threads.
pub fn rebuild(components: &[Component<'_>], columns: usize, out: &mut [f32]) {
    if columns == 0 {
        return;
    }
    out.par_chunks_mut(columns).enumerate().for_each_init(
        || vec![0f64; columns],
        |sums, (row, out)| {
            sums.fill(0.0);
            for (coefficient, u, v) in components {
                let factor = coefficient * f64::from(u[row]);
                sums.iter_mut().zip(*v).for_each(|(sum, v)| *sum += factor * f64::from(*v));
            }
            out.iter_mut().zip(sums).for_each(|(out, sum)| *out = *sum as f32);
        },
    );
}

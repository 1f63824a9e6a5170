//! How far stored axes are from orthonormal ones.

use crate::error::{Error, Place};
use crate::vector::orthonormal::dot;

/// The largest defect allowed in a basis: rounding orthonormal axes to single precision gives less than a thousandth of
/// it for a thousand axes.
const LARGEST_DEFECT: f64 = 1e-3;

/// An upper bound of ‖A·Aᵀ − I‖₂: the Frobenius norm in double precision, plus the error bound of its computation.
///
/// # Errors
///
/// [`Error::Value`] where the axes are far from orthonormal, or not finite.
pub(super) fn defect(axes: &[f32], dimension: usize) -> Result<f64, Error> {
    let rows: Vec<Vec<f64>> =
        axes.chunks(dimension).map(|a| a.iter().map(|v| f64::from(*v)).collect()).collect();
    let mut sum = 0.0;
    for (i, a) in rows.iter().enumerate() {
        let off: f64 = rows[..i].iter().map(|b| dot(a, b).powi(2)).sum();
        sum += 2.0 * off + (dot(a, a) - 1.0).powi(2);
    }
    // An entry has an error of at most (n / 8 + 9)·2⁻⁵³ times the product of two lengths below 1.1; the factor 1 + 2⁻²⁰
    // covers the sum of at most 2²⁰ squares, all positive.
    let entry = (dimension as f64 / 8.0 + 9.0) * 1.5 * f64::EPSILON;
    let defect = sum.sqrt() * (1.0 + 1e-6) + entry * rows.len() as f64;
    if defect.is_nan() || defect > LARGEST_DEFECT {
        return Err(Error::Value {
            place: Place::parameter("basis"),
            row: 0,
            found: format!("axes that differ from orthonormal ones by {defect:.1e}"),
            expected: format!("at most {LARGEST_DEFECT:.0e}"),
        });
    }
    Ok(defect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defect_covers_what_it_bounds() {
        let axes = [0.6f32, 0.8, -0.8, 0.6];
        let found = defect(&axes, 2).unwrap();
        assert!(found > 1e-9 && found < 1e-6, "{found}");
        assert!(defect(&[1.0, 0.1, 0.0, 1.0], 2).is_err());
        assert!(defect(&[f32::NAN, 0.0], 2).is_err());
    }
}

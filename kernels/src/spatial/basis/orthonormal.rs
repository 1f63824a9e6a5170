//! Orthonormal axes, and the defect of stored ones.

use crate::error::{Error, Place};

/// The share of a vector's length that must lie outside the span of the vectors before it.
const INDEPENDENT: f64 = 1e-6;

/// A vector in the span of those before it.
#[derive(Debug)]
pub(super) struct Collinear {
    pub(super) row: usize,
    /// The share of its length outside the span; 0 for a zero vector.
    pub(super) rest: f64,
}

/// Σ aᵢ·bᵢ in eight partial sums, which is fast and keeps the order fixed.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for j in 0..8 {
            lanes[j] += a[j] * b[j];
        }
    }
    let rest: f64 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f64>() + rest
}

/// Makes the rows orthonormal in their order. Each row is processed twice, which is enough to reduce the error to that
/// of rounding (Giraud, Langou and Rozložník 2005, "On the loss of orthogonality in the Gram–Schmidt process").
pub(super) fn gram_schmidt(mut rows: Vec<Vec<f64>>) -> Result<Vec<Vec<f64>>, Collinear> {
    for i in 0..rows.len() {
        let (done, rest) = rows.split_at_mut(i);
        let Some(row) = rest.first_mut() else { break };
        // Scaled first, so that the squares of huge and tiny vectors stay in range.
        let largest = row.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        if largest == 0.0 {
            return Err(Collinear { row: i, rest: 0.0 });
        }
        row.iter_mut().for_each(|v| *v /= largest);
        let before = dot(row, row).sqrt();
        for _ in 0..2 {
            for axis in done.iter() {
                let part = dot(row, axis);
                row.iter_mut().zip(axis).for_each(|(v, a)| *v -= part * a);
            }
        }
        let after = dot(row, row).sqrt();
        if after <= INDEPENDENT * before {
            return Err(Collinear { row: i, rest: after / before });
        }
        row.iter_mut().for_each(|v| *v /= after);
    }
    Ok(rows)
}

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
    fn collinear_rows_are_found() {
        let rows = vec![vec![1.0, 0.0, 0.0], vec![1.0, 1.0, 0.0], vec![3.0, -2.0, 1e-8]];
        let found = gram_schmidt(rows).unwrap_err();
        assert!(found.row == 2 && found.rest < 1e-8);
        assert_eq!(gram_schmidt(vec![vec![0.0; 2]]).unwrap_err().row, 0);
        let far = gram_schmidt(vec![vec![3e300, 4e300], vec![-5e-300, 1e-300]]).unwrap();
        assert!(dot(&far[0], &far[1]).abs() < 1e-15);
    }

    #[test]
    fn the_defect_covers_what_it_bounds() {
        let axes = [0.6f32, 0.8, -0.8, 0.6];
        let found = defect(&axes, 2).unwrap();
        assert!(found > 1e-9 && found < 1e-6, "{found}");
        assert!(defect(&[1.0, 0.1, 0.0, 1.0], 2).is_err());
        assert!(defect(&[f32::NAN, 0.0], 2).is_err());
    }
}

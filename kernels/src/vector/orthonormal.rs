//! Orthonormal rows.

use crate::number::random::SplitMix;

/// The share of a vector's length that must lie outside the span of the vectors before it.
const INDEPENDENT: f64 = 1e-6;

/// A vector in the span of those before it.
#[derive(Debug)]
pub(crate) struct Collinear {
    pub(crate) row: usize,
    /// The share of its length outside the span; 0 for a zero vector.
    pub(crate) rest: f64,
}

/// Σ aᵢ·bᵢ in eight partial sums, which is fast and keeps the order fixed.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
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
pub(crate) fn gram_schmidt(mut rows: Vec<Vec<f64>>) -> Result<Vec<Vec<f64>>, Collinear> {
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

/// Orthonormal rows with the same span; a row that depends on the others is drawn anew (the matrix has a smaller rank).
pub(crate) fn orthonormalized(mut rows: Vec<Vec<f64>>, random: &mut SplitMix) -> Vec<Vec<f64>> {
    loop {
        match gram_schmidt(rows.clone()) {
            Ok(axes) => return axes,
            Err(collinear) => {
                let n = rows[collinear.row].len();
                rows[collinear.row] = random.row(n);
            }
        }
    }
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
}

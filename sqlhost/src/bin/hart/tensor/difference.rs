//! How far two tensors are apart.

/// Two tensors, compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// ‖a − b‖ / ‖a‖ in the Frobenius norm; 0 where both are zero, infinite where only a is.
    pub relative: f64,
    /// The largest |a − b|.
    pub largest: f64,
    /// The cosine of the angle between them as vectors; 0 where either is zero.
    pub cosine: f64,
}

/// Compares two tensors of as many elements, in double precision. A NaN makes all three NaN.
pub fn difference(a: &[f32], b: &[f32]) -> Difference {
    let (mut squares, mut own, mut other, mut dot, mut largest) = (0.0, 0.0, 0.0, 0.0, 0f64);
    for (a, b) in a.iter().zip(b).map(|(a, b)| (f64::from(*a), f64::from(*b))) {
        let apart = a - b;
        squares += apart * apart;
        own += a * a;
        other += b * b;
        dot += a * b;
        largest = if apart.is_nan() { apart } else { largest.max(apart.abs()) };
    }
    if squares.is_nan() {
        largest = f64::NAN;
    }
    Difference {
        relative: if squares == 0.0 { 0.0 } else { (squares / own).sqrt() },
        largest,
        cosine: if own == 0.0 || other == 0.0 {
            0.0
        } else {
            (dot / (own.sqrt() * other.sqrt())).clamp(-1.0, 1.0)
        },
    }
}

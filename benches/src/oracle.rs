//! Answers in wider arithmetic. Every bench checks the contestants against these before it measures them.

use hart_kernels::Metric;

/// Σ aᵢ·bᵢ in double precision, where each product of two singles is exact.
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// √(Σ (aᵢ − bᵢ)²) in double precision.
pub fn euclidean(a: &[f32], b: &[f32]) -> f64 {
    let square = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
    a.iter().zip(b).map(square).sum::<f64>().sqrt()
}

/// Cosine of the angle in double precision.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The distance that a metric's name stands for.
pub fn distance(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    match metric {
        Metric::Dot => -dot(a, b),
        Metric::Euclidean => euclidean(a, b),
        _ => 1.0 - cosine(a, b),
    }
}

/// Softmax in double precision.
pub fn softmax(v: &[f32]) -> Vec<f64> {
    let top = v.iter().copied().map(f64::from).fold(f64::NEG_INFINITY, f64::max);
    let terms: Vec<f64> = v.iter().map(|x| (f64::from(*x) - top).exp()).collect();
    let total: f64 = terms.iter().sum();
    terms.into_iter().map(|t| t / total).collect()
}

/// How far a single-precision sum over `n` terms of at most 1 may be off, whatever its order: n·u·Σ|terms|, u = 2⁻²⁴, is the
/// worst case; a right answer on mixed signs stays far below this fraction of it.
pub fn tolerance(n: usize) -> f64 {
    n as f64 * 2e-7
}

/// Checks one answer.
///
/// # Panics
///
/// Where it is farther from the expected one than `tolerance`, or NaN.
pub fn check(who: &str, got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance, "{who}: {got}, expected {expected} within {tolerance:e}");
}

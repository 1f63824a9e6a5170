//! Decides whether a result matches a kernel's worked example.

use hart_kernels::registry::{Family, Kernel, Kind};

/// Allowed difference between doubles of a factorization, relative to them or to 1.
const DOUBLES: f64 = 1e-13;
/// The same for singles.
const SINGLES: f64 = 1e-6;

/// Whether a result equals the example's value, both as bytes of a result column: bit for bit in the vector family;
/// elsewhere the last digits of numbers may differ, because those of a factorization depend on the processor. NULL is
/// `None`.
pub fn is_example(kernel: &Kernel, kind: Kind, got: Option<&[u8]>, expected: Option<&[u8]>) -> bool {
    let near = |a: f64, b: f64, digits: f64| (a - b).abs() <= digits * a.abs().max(b.abs()).max(1.0);
    match (got, expected) {
        (Some(got), Some(expected))
            if got != expected && kernel.family != Family::Vector && got.len() == expected.len() =>
        {
            match kind {
                Kind::Float => {
                    let number = |b: &[u8]| b.try_into().map_or(f64::NAN, f64::from_le_bytes);
                    near(number(got), number(expected), DOUBLES)
                }
                Kind::Binary => {
                    let number = |b: &[u8; 4]| f64::from(f32::from_le_bytes(*b));
                    let ((got, rest), (expected, other)) = (got.as_chunks(), expected.as_chunks());
                    rest == other
                        && got.iter().zip(expected).all(|(a, b)| near(number(a), number(b), SINGLES))
                }
                _ => false,
            }
        }
        _ => got == expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hart_kernels::registry::find;

    #[test]
    fn last_digits_are_free_outside_of_the_vectors() {
        let value = |v: f64| v.to_le_bytes();
        let is = |kernel: &str, a: f64, b: f64| {
            is_example(find(kernel).unwrap(), Kind::Float, Some(&value(a)), Some(&value(b)))
        };
        assert!(is("tensor_svd", 5.000000000000001, 5.0));
        assert!(!is("tensor_svd", 5.00000001, 5.0));
        assert!(!is("vector_norm", 5.000000000000001, 5.0));
        assert!(is("vector_norm", 5.0, 5.0));
        let svd = find("tensor_svd").unwrap();
        let bytes = |v: [f32; 2]| v.map(f32::to_le_bytes).concat();
        let same = |a, b| is_example(svd, Kind::Binary, Some(&bytes(a)), Some(&bytes(b)));
        assert!(same([1.0, -2.0], [1.0000001, -2.0]));
        assert!(!same([1.0, -2.0], [1.0, -2.001]));
        // NaN and infinity equal themselves only.
        assert!(same([f32::NAN, 1.0], [f32::NAN, 1.0]) && !same([f32::NAN, 1.0], [0.0, 1.0]));
        assert!(!is_example(svd, Kind::Binary, None, Some(&[])) && is_example(svd, Kind::Text, None, None));
    }
}

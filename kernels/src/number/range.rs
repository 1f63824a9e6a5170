//! Norms of numbers whose squares may leave the range of doubles.

/// 2⁻⁹⁶⁰: a product that underflowed lost at most 2⁻¹⁰⁷⁵, which is negligible in a sum of this size.
pub(crate) const TINY: f64 = f64::from_bits((1023 - 960) << 52);

/// Sums of squares that are in range, and large enough that underflowed squares do not matter.
const SAFE: std::ops::RangeInclusive<f64> = TINY..=f64::MAX;

/// Whether a sum of squares may have lost something that its root would show.
pub(crate) fn is_suspect(square: f64) -> bool {
    !SAFE.contains(&square) && !square.is_nan()
}

/// The largest power of two that is not above the largest magnitude; 1 where all numbers are 0. Numbers divided by it
/// have squares that can be added without leaving the range of doubles, and lose nothing unless they are 2⁵⁰⁰ times
/// smaller.
pub(crate) fn unit(values: impl Iterator<Item = f64>) -> f64 {
    let largest = values.fold(0.0, |largest: f64, v| largest.max(v.abs()));
    // The exponent alone; a subnormal's is 0, which the smallest normal number replaces.
    let power = f64::from_bits(largest.to_bits() & 0x7ff0_0000_0000_0000);
    if largest == 0.0 { 1.0 } else { power.max(f64::MIN_POSITIVE) }
}

/// √(Σ v²), squares added in order: the result of arithmetic with unlimited exponents, rounded to the range of doubles
/// at the end. So a longer vector never gets a smaller length because of its numbers' magnitudes.
#[inline]
pub(crate) fn norm(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let sum: f64 = values.clone().map(|v| v * v).sum();
    if is_suspect(sum) { scaled_norm(values) } else { sum.sqrt() }
}

#[cold]
fn scaled_norm(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let unit = unit(values.clone());
    if unit.is_infinite() {
        return unit;
    }
    values.map(|v| (v / unit) * (v / unit)).sum::<f64>().sqrt() * unit
}

/// A product and its exact rounding error, where neither leaves the range of doubles and no factor is beyond 2⁹⁹⁰
/// (Dekker 1971, "A floating-point technique for extending the available precision"). It avoids fused multiply-add,
/// which not all processors have.
pub(crate) fn exact_product(a: f64, b: f64) -> (f64, f64) {
    let halves = |v: f64| {
        let large = v * 134_217_729.0;
        let high = large - (large - v);
        (high, v - high)
    };
    let (product, (a, a_low), (b, b_low)) = (a * b, halves(a), halves(b));
    (product, a_low * b_low - (((product - a * b) - a_low * b) - a * b_low))
}

/// The difference a − b and its exact rounding error (Knuth 1969, "The Art of Computer Programming", volume 2, section
/// 4.2.2, theorem B).
pub(crate) fn exact_difference(a: f64, b: f64) -> (f64, f64) {
    let difference = a - b;
    let taken = a - difference;
    (difference, (a - (difference + taken)) + (taken - b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_keeps_squares_in_range() {
        for largest in [f64::MAX, 1e300, 3.0, 1.0, 0.7, 1e-300, f64::MIN_POSITIVE, 5e-324] {
            let unit = unit([-largest, largest / 3.0].into_iter());
            let scaled = largest / unit;
            assert!(
                (1.0..2.0).contains(&scaled) || (largest < f64::MIN_POSITIVE && scaled <= 1.0),
                "{largest}"
            );
            assert_eq!(scaled * unit, largest);
        }
        assert_eq!(unit([0.0, -0.0].into_iter()), 1.0);
    }

    #[test]
    fn a_length_does_not_depend_on_where_the_numbers_lie() {
        let plain = norm([3.7, -1.1, 0.3].into_iter());
        for power in [-1000, -600, -500, -480, -470, 500, 511, 512, 1000] {
            let scale = 2f64.powi(power);
            assert_eq!(norm([3.7, -1.1, 0.3].map(|v| v * scale).into_iter()), plain * scale, "2^{power}");
        }
        assert_eq!(norm([3e-200, 4e-200].into_iter()), 5e-200);
        assert_eq!(norm([5e-324, 0.0].into_iter()), 5e-324);
        assert_eq!(norm([f64::MAX, f64::MAX].into_iter()), f64::INFINITY);
        assert_eq!(norm([f64::INFINITY, 1.0].into_iter()), f64::INFINITY);
        assert!(norm([f64::NAN, 1e200].into_iter()).is_nan());
        assert_eq!(norm([0.0, -0.0].into_iter()), 0.0);
    }

    #[test]
    fn products_and_differences_are_exact() {
        assert_eq!(
            exact_product(1.0 + f64::EPSILON, 1.0 - f64::EPSILON),
            (1.0, -f64::EPSILON * f64::EPSILON)
        );
        assert_eq!(exact_product(3e100, 1e-30), (3e100 * 1e-30, 3e100f64.mul_add(1e-30, -(3e100 * 1e-30))));
        assert_eq!(exact_difference(1.0, 1e-30), (1.0, -1e-30));
        assert_eq!(exact_difference(1e-30, 1.0), (-1.0, 1e-30));
    }
}

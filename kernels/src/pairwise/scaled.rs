//! Sums of products of doubles that left their range, recomputed with a scale: step 5 of the [definition](crate::arch).
//!
//! Every term carries its own exponent, so no product or difference leaves the range, whatever the vectors hold.

use crate::arch::{LANES, tree_sum};
use crate::number::element::Width;
use crate::number::element::doubles;

/// Terms smaller than this power of two times the largest one are left out.
const LEAST: i32 = -1000;

/// `sum`·2^`exponent`, which may be outside the range of doubles.
#[derive(Clone, Copy)]
pub(crate) struct Scaled {
    pub(crate) sum: f64,
    /// Even for a sum of squares.
    pub(crate) exponent: i32,
}

impl Scaled {
    /// The nearest double.
    pub(crate) fn value(self) -> f64 {
        times_power(self.sum, self.exponent)
    }

    /// The root of a sum of squares, in the same form.
    pub(crate) fn root(self) -> Scaled {
        Scaled { sum: self.sum.sqrt(), exponent: self.exponent / 2 }
    }
}

/// A number other than 0, NaN and infinity as ±[1, 2) and an exponent of two.
#[inline(always)]
fn split(x: f64) -> (f64, i32) {
    const TO_NORMAL: i32 = 64;
    let (y, bias) = if x.abs() < f64::MIN_POSITIVE { (x * power(TO_NORMAL), TO_NORMAL) } else { (x, 0) };
    let bits = y.to_bits();
    let one = bits & !(0x7ff << 52) | 1023 << 52;
    (f64::from_bits(one), (bits >> 52 & 0x7ff) as i32 - 1023 - bias)
}

/// 2^`exponent` for an exponent from −1022 to 1023.
#[inline(always)]
fn power(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// x·2^`exponent`, rounded once.
pub(crate) fn times_power(x: f64, exponent: i32) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let (one, own) = split(x);
    match own + exponent {
        1024.. => one * f64::INFINITY,
        exponent @ -1022.. => one * power(exponent),
        // Only the last product is rounded. Anything below half of the least double is 0.
        exponent => one * power(exponent.max(-1200) + 200) * power(-200),
    }
}

/// Two factors whose product is 2^−`exponent`, for an exponent from −1074 to 1024.
pub(crate) fn inverse_powers(exponent: i32) -> [f64; 2] {
    let half = -exponent / 2;
    [power(half), power(-exponent - half)]
}

/// Σ aᵢ·bᵢ
#[inline(always)]
pub(crate) fn dot(a: &[u8], b: &[u8]) -> Scaled {
    sum(a, b, |x, y| (x, y))
}

/// Σ (aᵢ·f − bᵢ·f)²; f is 1 or, if differences may be infinite, ½.
#[inline(always)]
pub(crate) fn squared_distance(a: &[u8], b: &[u8], factor: f64) -> Scaled {
    sum(a, b, |x, y| {
        let d = x * factor - y * factor;
        (d, d)
    })
}

/// The sum of the products of the two factors that `factors` makes from each pair.
#[inline(always)]
fn sum(a: &[u8], b: &[u8], factors: impl Fn(f64, f64) -> (f64, f64)) -> Scaled {
    let blocks = || doubles(Width::F64, a, 0.0).zip(doubles(Width::F64, b, 0.0));
    let mut greatest = [i32::MIN; LANES];
    for ((a, _), (b, _)) in blocks() {
        for j in 0..LANES {
            let (x, y) = factors(a[j], b[j]);
            let exponent = if is_term(x, y) { split(x).1 + split(y).1 } else { i32::MIN };
            greatest[j] = greatest[j].max(exponent);
        }
    }
    let exponent = match greatest.into_iter().fold(i32::MIN, i32::max) {
        i32::MIN => 0,
        exponent => exponent,
    };
    let mut lanes = [0.0; LANES];
    for ((a, _), (b, _)) in blocks() {
        for j in 0..LANES {
            let (x, y) = factors(a[j], b[j]);
            lanes[j] += if is_term(x, y) {
                let ((x, own), (y, others)) = (split(x), split(y));
                let below = own + others - exponent;
                if below < LEAST { 0.0 } else { x * y * power(below) }
            } else {
                // 0 or not finite, as the definition's product is.
                x * y
            };
        }
    }
    Scaled { sum: tree_sum(lanes), exponent }
}

/// Whether the product is a number other than 0.
#[inline(always)]
fn is_term(x: f64, y: f64) -> bool {
    let counts = |v: f64| v != 0.0 && v.is_finite();
    counts(x) && counts(y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_split_and_put_together() {
        for x in [1.0, -1.5, f64::MAX, f64::MIN_POSITIVE, 5e-324, -3e-310, 0.1] {
            let (one, exponent) = split(x);
            assert!((1.0..2.0).contains(&one.abs()), "{x:e}");
            assert_eq!(times_power(one, exponent).to_bits(), x.to_bits(), "{x:e}");
        }
        assert_eq!(times_power(1.5, 1024), f64::INFINITY);
        assert_eq!(times_power(-1.5, 4000), f64::NEG_INFINITY);
        // A tie goes to the even neighbour, and values near a tie are not rounded twice.
        let least = f64::from_bits(1);
        assert_eq!(times_power(1.0, -1075), 0.0);
        assert_eq!(times_power(1.0 + f64::EPSILON, -1075), least);
        assert_eq!(times_power(1.5, -1074), 2.0 * least);
        assert_eq!(times_power(1.5 - f64::EPSILON, -1074), least);
        assert_eq!(times_power(-1.0, -4000).to_bits(), (-0.0f64).to_bits());
        for exponent in [-1074, -1073, -537, -1, 0, 1, 511, 1023, 1024] {
            let [first, second] = inverse_powers(exponent);
            assert_eq!(times_power(first, exponent) * second, 1.0, "{exponent}");
        }
    }
}

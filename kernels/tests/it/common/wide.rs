//! A wider oracle: double-double numbers of about 106 bits, and sums of vectors in them.
//!
//! Every number is the unevaluated sum of two doubles, made by error-free sums and products (Dekker 1971, Knuth 1969). The
//! relative error of a result is below 2⁻⁹⁰, nothing beside the bounds that are tested.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A double-double number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wide {
    high: f64,
    low: f64,
}

/// The sum and its rounding error.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let part = sum - a;
    (sum, (a - (sum - part)) + (b - part))
}

/// The same where |a| ≥ |b|.
fn quick_two_sum(a: f64, b: f64) -> Wide {
    let sum = a + b;
    Wide { high: sum, low: b - (sum - a) }
}

impl From<f64> for Wide {
    fn from(value: f64) -> Wide {
        Wide { high: value, low: 0.0 }
    }
}

impl Wide {
    pub(crate) const ZERO: Wide = Wide { high: 0.0, low: 0.0 };

    /// The exact product of two doubles.
    pub(crate) fn product(a: f64, b: f64) -> Wide {
        let high = a * b;
        Wide { high, low: a.mul_add(b, -high) }
    }

    /// The exact difference of two doubles.
    pub(crate) fn difference(a: f64, b: f64) -> Wide {
        let (high, low) = two_sum(a, -b);
        Wide { high, low }
    }

    /// The nearest double.
    pub(crate) fn value(self) -> f64 {
        self.high + self.low
    }

    pub(crate) fn abs(self) -> Wide {
        if self.high < 0.0 || (self.high == 0.0 && self.low < 0.0) { -self } else { self }
    }

    pub(crate) fn sqrt(self) -> Wide {
        if self.high <= 0.0 {
            return Wide::ZERO;
        }
        let root = self.high.sqrt();
        // One Newton step on the double's root.
        let rest = self - Wide::product(root, root);
        quick_two_sum(root, rest.high / (2.0 * root))
    }

    /// eˣ for x ≤ 0; 0 where it would be below the range of normal doubles.
    pub(crate) fn exp(self) -> Wide {
        // ln 2 to 107 bits.
        const LN_2: Wide = Wide { high: std::f64::consts::LN_2, low: 2.319_046_813_846_299_6e-17 };
        if self.high < -700.0 {
            return Wide::ZERO;
        }
        // x = k·ln 2 + 256·r: the Taylor series of eʳ, squared eight times.
        let k = (self.high / std::f64::consts::LN_2).round();
        let r = (self - LN_2 * Wide::from(k)) * Wide::from(1.0 / 256.0);
        let (mut sum, mut term) = (Wide::from(1.0), Wide::from(1.0));
        for i in 1..=12 {
            term = term * r / Wide::from(f64::from(i));
            sum = sum + term;
        }
        for _ in 0..8 {
            sum = sum * sum;
        }
        let power = 2f64.powi(k as i32);
        Wide { high: sum.high * power, low: sum.low * power }
    }
}

impl Neg for Wide {
    type Output = Wide;
    fn neg(self) -> Wide {
        Wide { high: -self.high, low: -self.low }
    }
}

impl Add for Wide {
    type Output = Wide;
    fn add(self, other: Wide) -> Wide {
        let (high, error) = two_sum(self.high, other.high);
        let (low, low_error) = two_sum(self.low, other.low);
        let sum = quick_two_sum(high, error + low);
        quick_two_sum(sum.high, sum.low + low_error)
    }
}

impl Sub for Wide {
    type Output = Wide;
    fn sub(self, other: Wide) -> Wide {
        self + -other
    }
}

impl Mul for Wide {
    type Output = Wide;
    fn mul(self, other: Wide) -> Wide {
        let product = Wide::product(self.high, other.high);
        quick_two_sum(product.high, product.low + (self.high * other.low + self.low * other.high))
    }
}

impl Div for Wide {
    type Output = Wide;
    fn div(self, other: Wide) -> Wide {
        let first = self.high / other.high;
        let rest = self - other * Wide::from(first);
        let second = rest.high / other.high;
        let rest = rest - other * Wide::from(second);
        quick_two_sum(first, second) + Wide::from(rest.high / other.high)
    }
}

/// The sums that the kernels over pairs are made of.
#[derive(Clone, Copy)]
pub(crate) struct Sums {
    /// Σ aᵢ·bᵢ
    pub(crate) ab: Wide,
    /// Σ |aᵢ·bᵢ|
    pub(crate) terms: f64,
    /// Σ aᵢ²
    pub(crate) aa: Wide,
    /// Σ bᵢ²
    pub(crate) bb: Wide,
    /// Σ (aᵢ − bᵢ)²
    pub(crate) squared_distance: Wide,
    /// Σ |aᵢ − bᵢ|
    pub(crate) distance: Wide,
}

impl Sums {
    /// The sums of two equally long vectors of finite numbers.
    pub(crate) fn of(a: &[f64], b: &[f64]) -> Sums {
        assert_eq!(a.len(), b.len());
        let mut sums = Sums {
            ab: Wide::ZERO,
            terms: 0.0,
            aa: Wide::ZERO,
            bb: Wide::ZERO,
            squared_distance: Wide::ZERO,
            distance: Wide::ZERO,
        };
        for (&x, &y) in a.iter().zip(b) {
            sums.ab = sums.ab + Wide::product(x, y);
            sums.terms += (x * y).abs();
            sums.aa = sums.aa + Wide::product(x, x);
            sums.bb = sums.bb + Wide::product(y, y);
            let difference = Wide::difference(x, y);
            sums.squared_distance = sums.squared_distance + difference * difference;
            sums.distance = sums.distance + if difference.high < 0.0 { -difference } else { difference };
        }
        sums
    }

    /// Cosine similarity; 0 where a vector is zero.
    pub(crate) fn cosine(&self) -> Wide {
        if self.aa.high == 0.0 || self.bb.high == 0.0 {
            return Wide::ZERO;
        }
        self.ab / (self.aa.sqrt() * self.bb.sqrt())
    }
}

/// Softmax of finite numbers and −∞.
pub(crate) fn softmax(v: &[f64]) -> Vec<Wide> {
    let top = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exp = |x: &f64| if *x == f64::NEG_INFINITY { Wide::ZERO } else { Wide::difference(*x, top).exp() };
    let terms: Vec<Wide> = v.iter().map(exp).collect();
    let total = terms.iter().fold(Wide::ZERO, |sum, term| sum + *term);
    terms.into_iter().map(|term| term / total).collect()
}

/// How far a computed number is from the exact one.
pub(crate) fn error(got: f64, exact: Wide) -> f64 {
    (Wide::from(got) - exact).abs().value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oracle_is_wider_than_a_double() {
        let tiny = 2f64.powi(-100);
        let near = |a: Wide, b: Wide| ((a - b).abs().value() / b.abs().value()) < 2f64.powi(-90);
        let one_and_a_bit = Wide::from(1.0) + Wide::from(tiny);
        assert_eq!((one_and_a_bit - Wide::from(1.0)).value(), tiny);
        let third = Wide::from(1.0) / Wide::from(3.0);
        assert!(near(third * Wide::from(3.0), Wide::from(1.0)));
        let root = Wide::from(2.0).sqrt();
        assert!(near(root * root, Wide::from(2.0)));
        // e⁻¹ = 0.367879441171442321595523770161460867…, split by hand into the nearest double and the rest.
        let inverse_e = Wide { high: 0.367_879_441_171_442_33, low: -1.242_875_367_278_836_7e-17 };
        assert!(near(Wide::from(-1.0).exp(), inverse_e));
        let product = Wide::from(-300.5).exp() * Wide::from(-299.25).exp();
        assert!(near(product, Wide::from(-599.75).exp()));
    }
}

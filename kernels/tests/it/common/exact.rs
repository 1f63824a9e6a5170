//! Numbers m·2^e with whole numbers of any size: sums and products of doubles without any rounding, roots and quotients to 2⁻²⁵⁰.

use num_bigint::{BigInt, BigUint};

/// Bits of a quotient or root at least.
const BITS: i64 = 256;

#[derive(Clone)]
pub(crate) struct Exact {
    m: BigInt,
    e: i64,
}

impl From<f64> for Exact {
    fn from(value: f64) -> Exact {
        assert!(value.is_finite(), "{value}");
        let bits = value.to_bits();
        let (exponent, fraction) = ((bits >> 52 & 0x7ff) as i64, bits & ((1 << 52) - 1));
        let m = if exponent == 0 { fraction } else { fraction | 1 << 52 };
        let m = BigInt::from(m);
        Exact { m: if value < 0.0 { -m } else { m }, e: exponent.max(1) - 1075 }
    }
}

impl Exact {
    pub(crate) fn zero() -> Exact {
        Exact::from(0.0)
    }

    /// 2^`e`
    pub(crate) fn power(e: i64) -> Exact {
        Exact { m: 1.into(), e }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.m == BigInt::ZERO
    }

    pub(crate) fn plus(&self, other: &Exact) -> Exact {
        let e = self.e.min(other.e);
        let at = |x: &Exact| &x.m << (x.e - e) as u64;
        Exact { m: at(self) + at(other), e }
    }

    pub(crate) fn minus(&self, other: &Exact) -> Exact {
        self.plus(&Exact { m: -&other.m, e: other.e })
    }

    pub(crate) fn times(&self, other: &Exact) -> Exact {
        Exact { m: &self.m * &other.m, e: self.e + other.e }
    }

    pub(crate) fn abs(&self) -> Exact {
        Exact { m: BigInt::from(self.m.magnitude().clone()), e: self.e }
    }

    pub(crate) fn over(&self, other: &Exact) -> Exact {
        let more = (BITS + other.m.bits() as i64 - self.m.bits() as i64).max(0);
        Exact { m: (&self.m << more as u64) / &other.m, e: self.e - other.e - more }
    }

    /// Of a number that is not negative.
    pub(crate) fn root(&self) -> Exact {
        let more = (2 * BITS - self.m.bits() as i64).max(0);
        // An even exponent has a root.
        let more = more + (self.e - more).rem_euclid(2);
        let shifted: BigUint = self.m.magnitude() << more as u64;
        Exact { m: shifted.sqrt().into(), e: (self.e - more) / 2 }
    }

    /// About the number, where a double holds it; 0 or infinite otherwise.
    pub(crate) fn value(&self) -> f64 {
        let (bits, digits) = (self.m.bits() as i64, self.m.magnitude());
        let drop = (bits - 63).max(0);
        let top = u64::try_from(digits >> drop as u64).expect("63 bits") as f64;
        let exponent = (self.e + drop).clamp(-3000, 3000) as i32;
        let size = (0..4).fold(top, |x, i| {
            x * 2f64.powi(exponent / 4 + (i < exponent % 4) as i32 - (i < -(exponent % 4)) as i32)
        });
        if self.m < BigInt::ZERO { -size } else { size }
    }
}

/// The sums that the kernels over pairs are made of.
pub(crate) struct Sums {
    /// Σ aᵢ·bᵢ
    pub(crate) ab: Exact,
    /// Σ |aᵢ·bᵢ|
    pub(crate) terms: Exact,
    /// Σ aᵢ²
    pub(crate) aa: Exact,
    /// Σ bᵢ²
    pub(crate) bb: Exact,
    /// Σ (aᵢ − bᵢ)²
    pub(crate) squared_distance: Exact,
    /// Σ |aᵢ − bᵢ|
    pub(crate) distance: Exact,
}

impl Sums {
    pub(crate) fn of(a: &[f64], b: &[f64]) -> Sums {
        let zero = Exact::zero;
        let mut sums = Sums {
            ab: zero(),
            terms: zero(),
            aa: zero(),
            bb: zero(),
            squared_distance: zero(),
            distance: zero(),
        };
        for (x, y) in a.iter().zip(b) {
            let (x, y) = (Exact::from(*x), Exact::from(*y));
            let (product, difference) = (x.times(&y), x.minus(&y));
            sums.ab = sums.ab.plus(&product);
            sums.terms = sums.terms.plus(&product.abs());
            sums.aa = sums.aa.plus(&x.times(&x));
            sums.bb = sums.bb.plus(&y.times(&y));
            sums.squared_distance = sums.squared_distance.plus(&difference.times(&difference));
            sums.distance = sums.distance.plus(&difference.abs());
        }
        sums
    }

    /// Cosine similarity; 0 where a vector is zero.
    pub(crate) fn cosine(&self) -> Exact {
        let square = self.aa.times(&self.bb);
        if square.is_zero() { Exact::zero() } else { self.ab.over(&square.root()) }
    }
}

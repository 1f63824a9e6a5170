//! A search for the input that comes nearest to breaking a bound: random starts, then changes of mantissas, exponents and signs,
//! of which those are kept that come no less near. Everything follows from a seed, which is printed.

use std::ops::RangeInclusive;

/// SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// Uniform in [−1, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 10) as f64 / 2f64.powi(53) - 1.0
    }

    /// A number of any sign and mantissa; its exponent from the range, below −1022 a subnormal.
    pub(crate) fn number(&mut self, exponents: &RangeInclusive<i32>) -> f64 {
        let span = (exponents.end() - exponents.start() + 1) as usize;
        let exponent = exponents.start() + self.below(span) as i32;
        let mantissa = (1.0 + (self.unit() + 1.0) / 2.0) * if self.below(2) == 0 { 1.0 } else { -1.0 };
        // In two steps, for half of it may be all that a double can say.
        mantissa * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2)
    }

    /// Numbers of exponents near to each other, wherever that is in the range.
    pub(crate) fn numbers(&mut self, n: usize, exponents: &RangeInclusive<i32>) -> Vec<f64> {
        let span = (exponents.end() - exponents.start() + 1) as usize;
        let low = exponents.start() + self.below(span) as i32;
        let near = low..=(low + self.below(40) as i32).min(*exponents.end());
        (0..n).map(|_| self.number(&near)).collect()
    }

    fn change(&mut self, values: &mut [f64], exponents: &RangeInclusive<i32>) {
        let (i, j) = (self.below(values.len()), self.below(values.len()));
        let changed = match self.below(8) {
            0 => -values[i],
            1 => values[i] * 2f64.powi(self.below(9) as i32 - 4),
            2 => self.number(exponents),
            // Nearly the same as another: differences that cancel.
            3 => f64::from_bits(values[j].to_bits() ^ 1 << self.below(30)),
            4 => 0.0,
            _ => f64::from_bits(values[i].to_bits() ^ 1 << self.below(52)),
        };
        let power = |exponent: i32| 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
        let inside = (power(*exponents.start())..2.0 * power(*exponents.end())).contains(&changed.abs());
        if inside || changed == 0.0 {
            values[i] = changed;
        }
    }
}

/// Fails where `ratio`, an error as a part of its bound, exceeds 1 for any input that the search finds.
pub(crate) fn climb(
    name: &str,
    seed: u64,
    (starts, steps): (usize, usize),
    exponents: RangeInclusive<i32>,
    size: impl Fn(&mut Random) -> usize,
    ratio: impl Fn(&[f64]) -> f64,
) {
    let mut random = Random(seed);
    let mut worst = (0.0, Vec::new());
    for _ in 0..starts {
        let n = size(&mut random);
        let mut values = random.numbers(n, &exponents);
        let mut reached = ratio(&values);
        for _ in 0..steps {
            let mut other = values.clone();
            random.change(&mut other, &exponents);
            let found = ratio(&other);
            if found >= reached {
                (values, reached) = (other, found);
            }
        }
        assert!(!reached.is_nan(), "{name}, seed {seed}: NaN for {values:?}");
        if reached > worst.0 {
            worst = (reached, values);
        }
    }
    println!("{name}: seed {seed}, at most {:.3} of the bound", worst.0);
    assert!(worst.0 <= 1.0, "{name}, seed {seed}: {} of the bound for {:?}", worst.0, worst.1);
}

//! The basis of the SQLCLR assembly that this library replaces.

use super::{Basis, BasisKind};
use crate::vector::orthonormal::gram_schmidt;

/// Dimensions of the original.
const DIMENSION: usize = 1998;
const SEED: i32 = 42;

/// D. Knuth's subtractive generator ("The Art of Computer Programming", volume 2, section 3.2.2) as .NET Framework's
/// `System.Random` implements it: a table of 55 numbers below 2³¹ − 1, lags 55 and 34 (an index that starts 21 ahead).
struct Subtractive {
    table: [i32; 55],
    at: usize,
}

const BIG: i32 = i32::MAX;

/// a − b modulo the generator's modulus.
fn minus(a: i32, b: i32) -> i32 {
    let difference = a.wrapping_sub(b);
    if difference < 0 { difference.wrapping_add(BIG) } else { difference }
}

impl Subtractive {
    /// As `new Random(seed)` for 0 ≤ seed < 161803398.
    fn new(seed: i32) -> Subtractive {
        // The original's table starts at index 1: its place `i` is `i - 1` here.
        let mut table = [0; 55];
        let (mut last, mut next) = (161_803_398 - seed, 1);
        table[54] = last;
        for i in 1..55 {
            table[21 * i % 55 - 1] = next;
            let difference = minus(last, next);
            last = next;
            next = difference;
        }
        for _ in 0..4 {
            for i in 0..55 {
                table[i] = minus(table[i], table[(i + 31) % 55]);
            }
        }
        Subtractive { table, at: 0 }
    }

    /// As `Next()`.
    fn next(&mut self) -> i32 {
        let number = minus(self.table[self.at], self.table[(self.at + 21) % 55]);
        // 2³¹ − 1 itself never occurs.
        let number = if number == BIG { BIG - 1 } else { number };
        self.table[self.at] = number;
        self.at = (self.at + 1) % 55;
        number
    }

    /// As `NextDouble()`, in [0, 1).
    fn next_double(&mut self) -> f64 {
        f64::from(self.next()) * (1.0 / f64::from(BIG))
    }
}

pub(super) fn basis() -> Basis {
    let mut random = Subtractive::new(SEED);
    let mut row = || (0..DIMENSION).map(|_| f64::from((2.0 * random.next_double() - 1.0) as f32)).collect();
    let rows: Vec<Vec<f64>> = (0..3).map(|_| row()).collect();
    // Three fixed rows that the tests show to be independent.
    let axes = gram_schmidt(rows).unwrap_or_default();
    Basis::of_axes(BasisKind::ClrV1, DIMENSION, &axes).expect("the axes of the original are orthonormal")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known outputs of .NET Framework.
    #[test]
    fn first_numbers_of_seed_42() {
        let mut random = Subtractive::new(SEED);
        let first: Vec<i32> = (0..10).map(|_| random.next()).collect();
        let known = [
            1434747710, 302596119, 269548474, 1122627734, 361709742, 563913476, 1555655117, 1101493307,
            372913049, 1634773126,
        ];
        assert_eq!(first, known);
        let mut random = Subtractive::new(SEED);
        assert_eq!([random.next_double(), random.next_double()], [0.6681064659115423, 0.14090729837348093]);
    }
}

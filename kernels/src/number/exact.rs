//! Exact sums of doubles, rounded once at the end.
//!
//! A sum is a whole multiple of 2⁻¹⁰⁷⁴, kept in digits of base 2³² with room for carries (Kulisch and Miranker 1986,
//! "The arithmetic of the digital computer: a new approach"; Neal 2015, "Fast exact summation using small and large
//! superaccumulators"). So a sum does not depend on the order of its terms, nor on how they were grouped.

/// Digits of a sum: 2¹⁰²⁴ and 2⁶⁴ terms of that size fit.
pub(crate) const DIGITS: usize = 68;
/// Exponent of the last place.
const LOWEST: i32 = -1074;
/// Terms that digits can take between two calls of [`carry`].
pub(crate) const TERMS: u32 = 1 << 30;

/// The significand and exponent of a finite number: m·2^(p − 1074).
fn parts(value: f64) -> (u64, usize) {
    let bits = value.to_bits();
    let (exponent, fraction) = ((bits >> 52 & 0x7ff) as usize, bits & ((1 << 52) - 1));
    if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) }
}

/// Adds ±m·2^(p − 1074) to a sum; m is below 2¹⁰⁶.
fn add_shifted(digits: &mut [i64], negative: bool, m: u128, p: usize) {
    let (at, shift) = (p / 32, p % 32);
    // m shifted takes 137 bits at most: its lower 96 in the first three digits, the rest above.
    let low = m << shift;
    let high = if shift == 0 { 0 } else { m >> (128 - shift) };
    let mut pieces = [0i64; 5];
    for (i, piece) in pieces.iter_mut().enumerate().take(4) {
        *piece = (low >> (32 * i) & 0xffff_ffff) as i64;
    }
    pieces[4] = high as i64;
    for (digit, piece) in digits[at..].iter_mut().zip(pieces) {
        *digit += if negative { -piece } else { piece };
    }
}

/// Adds a finite number to a sum.
pub(crate) fn add(digits: &mut [i64], value: f64) {
    let (m, p) = parts(value);
    add_shifted(digits, value < 0.0, m.into(), p);
}

/// Adds a product of two finite numbers whose magnitudes are below 2⁵¹² to a sum, exactly; what lies below 2⁻¹⁰⁷⁴ is cut
/// off.
pub(crate) fn add_product(digits: &mut [i64], a: f64, b: f64) {
    let ((m, p), (n, q)) = (parts(a), parts(b));
    let product = u128::from(m) * u128::from(n);
    let negative = (a < 0.0) != (b < 0.0);
    let place = p as i32 + q as i32 + LOWEST;
    match usize::try_from(place) {
        Ok(place) => add_shifted(digits, negative, product, place),
        Err(_) => add_shifted(digits, negative, product.checked_shr(place.unsigned_abs()).unwrap_or(0), 0),
    }
}

/// Adds the square of a number to a sum, exactly; what lies below 2⁻¹⁰⁷⁴ is cut off. A square of 2¹⁰²⁴ or more counts as
/// 2¹⁰²⁴, which is rounded to infinity.
pub(crate) fn add_square(digits: &mut [i64], value: f64) {
    const BEYOND: f64 = f64::from_bits((1023 + 512) << 52);
    if value.abs() < BEYOND {
        add_product(digits, value, value);
    } else {
        add_shifted(digits, false, 1, (1024 - LOWEST) as usize);
    }
}

/// Brings all digits but the last into 0 … 2³² − 1: the one such form of a sum.
pub(crate) fn carry(digits: &mut [i64]) {
    let mut carry = 0;
    let last = digits.len() - 1;
    for digit in &mut digits[..last] {
        let sum = *digit + carry;
        *digit = sum & 0xffff_ffff;
        carry = sum >> 32;
    }
    digits[last] += carry;
}

/// Adds one sum to another; both have been carried.
pub(crate) fn merge(digits: &mut [i64], other: &[i64]) {
    digits.iter_mut().zip(other).for_each(|(digit, other)| *digit += other);
    carry(digits);
}

/// Sign and magnitude of a sum that has been carried.
pub(crate) fn magnitude(digits: &[i64]) -> (bool, [u32; DIGITS]) {
    let mut own = [0; DIGITS];
    own.copy_from_slice(digits);
    let negative = own[DIGITS - 1] < 0;
    if negative {
        own.iter_mut().for_each(|digit| *digit = -*digit);
        carry(&mut own);
    }
    // A sum of fewer than 2⁶⁴ terms leaves the last digit below 2³².
    (negative, own.map(|digit| digit as u32))
}

/// The sum times 2^`power`, rounded to nearest, ties to even; `digits` have been carried. A `power` other than 0 is for
/// sums beyond the range of doubles.
pub(crate) fn rounded(digits: &[i64], power: i32) -> f64 {
    let (negative, magnitude) = magnitude(digits);
    let Some(top) = magnitude.iter().rposition(|digit| *digit != 0) else { return 0.0 };
    let bits = 32 * top + (32 - magnitude[top].leading_zeros() as usize);
    let digit = |i: usize| magnitude.get(i).copied().unwrap_or(0);
    let shift = bits.saturating_sub(53);
    // 53 bits from that place on.
    let (at, within) = (shift / 32, shift % 32);
    let window = (0..3).fold(0u128, |all, i| all | u128::from(digit(at + i)) << (32 * i));
    let mut m = (window >> within) as u64 & ((1 << 53) - 1);
    if shift > 0 {
        let place = shift - 1;
        let half = digit(place / 32) >> (place % 32) & 1 == 1;
        let rest = digit(place / 32) & ((1u32 << (place % 32)) - 1) != 0
            || magnitude[..place / 32].iter().any(|digit| *digit != 0);
        m += u64::from(half && (rest || m & 1 == 1));
    }
    // Multiples of 2⁻¹⁰⁷⁴ below 2⁵³ are their own bits; above, an exponent is added, and a carry from m goes there too.
    let exponent = shift as i64 + if shift > 0 { i64::from(power) } else { 0 };
    let value = if exponent >= 2046 { f64::INFINITY } else { f64::from_bits(((exponent as u64) << 52) + m) };
    if negative { -value } else { value }
}

/// The sum as its nearest double and the double nearest to what that leaves; `digits` have been carried.
pub(crate) fn split(digits: &[i64]) -> (f64, f64) {
    let sum = rounded(digits, 0);
    if sum.is_infinite() {
        return (sum, 0.0);
    }
    let mut rest = [0; DIGITS];
    rest.copy_from_slice(digits);
    add(&mut rest, -sum);
    carry(&mut rest);
    (sum, rounded(&rest, 0))
}

/// a + b and its rounding error (Knuth 1969, "The Art of Computer Programming", volume 2, section 4.2.2, theorem B).
#[inline(always)]
pub(crate) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let added = sum - a;
    (sum, (a - (sum - added)) + (b - added))
}

/// As [`split`], of the sum of three numbers that cannot overflow.
///
/// The additions without loss leave s + r + l, where s is the sum rounded unless it lies just beside the middle between
/// two doubles: then l, too small to have been seen, decides.
#[inline(always)]
pub(crate) fn split_three([a, b, c]: [f64; 3]) -> (f64, f64) {
    let (h, l) = two_sum(b, c);
    let (s, e) = two_sum(a, h);
    let (r, l) = two_sum(e, l);
    let (s, r) = two_sum(s, r);
    let next = s + 2.0 * r;
    if l != 0.0 && r != 0.0 && next - s == 2.0 * r && (l > 0.0) == (r > 0.0) {
        return (next, l - r);
    }
    (s, r + l)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::random::SplitMix;

    fn sum_of(values: &[f64]) -> [i64; DIGITS] {
        let mut digits = [0; DIGITS];
        values.iter().for_each(|v| add(&mut digits, *v));
        carry(&mut digits);
        digits
    }

    #[test]
    fn numbers_come_back() {
        let all =
            [0.0, 1.0, -1.0, 5e-324, -5e-324, 2.5e-310, f64::MIN_POSITIVE, f64::MAX, f64::MIN, 0.1, -1e300];
        for value in all {
            assert_eq!(split(&sum_of(&[value])), (value, 0.0), "{value:e}");
        }
        assert_eq!(rounded(&sum_of(&[1e300, 1.0, -1e300]), 0), 1.0);
        assert_eq!(split(&sum_of(&[1.0, 1e-30])), (1.0, 1e-30));
        // Beyond the range of doubles, and back.
        let twice = sum_of(&[f64::MAX, f64::MAX]);
        assert_eq!((rounded(&twice, 0), rounded(&twice, -64)), (f64::INFINITY, f64::MAX / 2f64.powi(63)));
        assert_eq!(rounded(&sum_of(&[f64::MAX, f64::MAX, -f64::MAX]), 0), f64::MAX);
    }

    #[test]
    fn ties_go_to_even_unless_something_breaks_them() {
        let half = f64::EPSILON / 2.0;
        for (values, expected) in [
            (&[1.0, half][..], 1.0),
            (&[1.0, half, 1e-300], 1.0 + f64::EPSILON),
            (&[1.0, half, -1e-300], 1.0),
            (&[1.0 + f64::EPSILON, half], 1.0 + 2.0 * f64::EPSILON),
            (&[-1.0, -half, -5e-324], -1.0 - f64::EPSILON),
            (&[1.0, -half / 2.0, -5e-324], 1.0 - half),
            (&[1.0, -half / 2.0], 1.0),
        ] {
            let digits = sum_of(values);
            assert_eq!(rounded(&digits, 0), expected, "{values:?}");
            if let [a, b, c] = *values {
                assert_eq!(split_three([a, b, c]), split(&digits), "{values:?}");
            }
        }
    }

    #[test]
    fn three_numbers_are_split_as_their_digits_are() {
        let mut random = SplitMix(3);
        for round in 0..200_000 {
            // Close magnitudes, ties and cancellation are likely.
            let mut number = |at: i32| {
                let m = (random.symmetric() * 4096.0).round();
                m * 2f64.powi(at + (random.symmetric() * 30.0) as i32)
            };
            let three = [number(0), number(-45), number(-95)];
            let three = if round % 3 == 0 { [three[0], -three[0] + three[1], three[2]] } else { three };
            assert_eq!(split_three(three), split(&sum_of(&three)), "{three:?}");
        }
    }

    #[test]
    fn products_are_exact() {
        let mut random = SplitMix(4);
        for _ in 0..1000 {
            let (a, b) = (random.symmetric() * 1e20, random.symmetric() * 1e-30);
            let mut digits = [0; DIGITS];
            add_product(&mut digits, a, b);
            carry(&mut digits);
            let (product, error) = crate::number::range::exact_product(a, b);
            assert_eq!(split(&digits), (product, error));
        }
        let mut digits = [0; DIGITS];
        add_product(&mut digits, 1e-200, 1e-200);
        assert_eq!(split(&digits), (0.0, 0.0));
    }

    #[test]
    fn squares_are_exact_and_leave_the_range_upwards_only() {
        let square = |value: f64| {
            let mut digits = [0; DIGITS];
            (0..1000).for_each(|_| add_square(&mut digits, value));
            carry(&mut digits);
            digits
        };
        let mut random = SplitMix(5);
        for _ in 0..100 {
            let value = random.symmetric() * 1e30;
            let (high, low) = crate::number::range::exact_product(value, value);
            let mut expected = [0; DIGITS];
            (0..1000).for_each(|_| [high, low].into_iter().for_each(|part| add(&mut expected, part)));
            carry(&mut expected);
            assert_eq!(square(value), expected);
        }
        let root = 2f64.powi(511);
        assert_eq!(rounded(&square(-root), -64), 1000.0 * 2f64.powi(1022 - 64));
        for beyond in [2f64.powi(512), f64::MAX, f64::INFINITY] {
            assert_eq!(rounded(&square(beyond), 0), f64::INFINITY, "{beyond:e}");
        }
        let mut one = [0; DIGITS];
        add_square(&mut one, 2f64.powi(512).next_down());
        assert_eq!(rounded(&one, 0), 2f64.powi(512).next_down() * 2f64.powi(512).next_down());
        add_square(&mut one, 5e-324);
        assert_eq!(rounded(&one, 0), 2f64.powi(512).next_down() * 2f64.powi(512).next_down());
    }
}

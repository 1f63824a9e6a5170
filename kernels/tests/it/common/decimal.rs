//! Whether a decimal number was rounded correctly, found with whole numbers alone.

use std::cmp::Ordering;

use num_bigint::BigUint;

/// A format of binary numbers.
#[derive(Clone, Copy)]
pub(crate) struct Format {
    /// Bits of a significand.
    bits: u32,
    /// The least number is 2 to the power of this.
    least: i32,
    /// The greatest number has this exponent beside a significand of all ones.
    greatest: i32,
}

pub(crate) const SINGLE: Format = Format { bits: 24, least: -149, greatest: 104 };
pub(crate) const DOUBLE: Format = Format { bits: 53, least: -1074, greatest: 971 };

/// A decimal number, sign aside: `digits`·10^`exponent`.
struct Decimal {
    digits: BigUint,
    exponent: i64,
    /// Places of `digits`.
    places: i64,
}

impl Decimal {
    /// Of a number as JSON writes it.
    fn read(text: &str) -> Decimal {
        let text = text.trim_start_matches('-');
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let digits = match digits.trim_start_matches('0') {
            "" => "0",
            digits => digits,
        };
        // Far beyond any format, but nothing that overflows.
        let limit = |down: bool| if down { -1 << 40 } else { 1 << 40 };
        let exponent = exponent.parse::<i64>().unwrap_or(limit(exponent.starts_with('-')));
        Decimal {
            digits: digits.parse().expect("digits"),
            exponent: exponent.clamp(-1 << 40, 1 << 40) - fraction.len() as i64,
            places: digits.len() as i64,
        }
    }

    /// How it compares with `m`·2^`e`.
    fn compare(&self, m: u64, e: i32) -> Ordering {
        if self.digits == BigUint::ZERO {
            return 0.cmp(&m);
        }
        // Powers that no memory holds are not needed to see what is greater.
        match self.places + self.exponent {
            401.. => return Ordering::Greater,
            ..-400 => return if m == 0 { Ordering::Greater } else { Ordering::Less },
            _ => {}
        }
        let five = BigUint::from(5u32).pow(self.exponent.unsigned_abs() as u32);
        let (mut left, mut right) = (self.digits.clone(), BigUint::from(m));
        if self.exponent < 0 {
            right *= five
        } else {
            left *= five
        }
        let difference = self.exponent - i64::from(e);
        if difference < 0 {
            right <<= difference.unsigned_abs()
        } else {
            left <<= difference.unsigned_abs()
        }
        left.cmp(&right)
    }
}

impl Format {
    /// A number that is not negative as significand and exponent.
    fn parts(self, value: f64) -> (u64, i32) {
        if value == 0.0 {
            return (0, self.least);
        }
        // A single is a double with zeros behind, but for subnormal ones, which have no first bit.
        let exponent = ((value.to_bits() >> 52) as i32 - 1023).max(self.least + self.bits as i32 - 1);
        let exponent = exponent + 1 - self.bits as i32;
        // Both steps are exact.
        let m = value * 2f64.powi(-exponent / 2) * 2f64.powi(-exponent + exponent / 2);
        assert_eq!(m, m.trunc());
        (m as u64, exponent)
    }

    /// Whether `value` is the nearest number of the format to the decimal one, of two the even one.
    pub(crate) fn is_nearest(self, text: &str, value: f64) -> bool {
        let decimal = Decimal::read(text);
        let (m, e) = self.parts(value.abs());
        let even = m.is_multiple_of(2);
        let above = decimal.compare(2 * m + 1, e - 1);
        let below = if m == 0 {
            Ordering::Greater
        } else if m == 1 << (self.bits - 1) && e > self.least {
            // The numbers below a power of two lie twice as close.
            decimal.compare(4 * m - 1, e - 2)
        } else {
            decimal.compare(2 * m - 1, e - 1)
        };
        let inside = (above.is_lt() || even && above.is_eq()) && (below.is_gt() || even && below.is_eq());
        inside && value.is_sign_negative() == text.starts_with('-')
    }

    /// Whether the decimal number is beyond the greatest one that rounds to a number of the format.
    pub(crate) fn is_beyond(self, text: &str) -> bool {
        let greatest = (1u64 << self.bits) - 1;
        Decimal::read(text).compare(2 * greatest + 1, self.greatest - 1).is_ge()
    }
}

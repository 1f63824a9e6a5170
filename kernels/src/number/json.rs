//! Vectors as text: JSON arrays of numbers, the form in which a SQL Server VECTOR reaches an external script.
//!
//! Numbers are correctly rounded, once, to the wanted precision. The common case, at most 19 significant digits and a
//! small exponent, needs no big arithmetic; the rest goes to the standard library's parser.

use std::fmt::Write;

/// Where and why a text is not a JSON array of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Byte offset in the text.
    pub offset: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

/// Numbers that can be parsed from JSON text.
pub(crate) trait Number: Copy + Send + bytemuck::Pod {
    /// The fast path: `digits`·10^`exponent` for exact digits, or `None` where the rounding is uncertain.
    fn exact(digits: u64, exponent: i64, negative: bool) -> Option<Self>;
    fn slow(text: &str) -> Option<Self>;
    fn is_finite(self) -> bool;
}

/// Digits that always fit in 64 bits.
const FITTING: usize = 19;

/// Powers of ten that are exact in double precision.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Clinger's fast path (1990, "How to read floating point numbers accurately"): both operands are exact, so the single
/// operation rounds correctly.
#[inline]
fn clinger(digits: u64, exponent: i64) -> Option<f64> {
    if digits > 1 << 53 {
        return None;
    }
    let power = *POWERS.get(usize::try_from(exponent.unsigned_abs()).ok()?)?;
    Some(if exponent < 0 { digits as f64 / power } else { digits as f64 * power })
}

impl Number for f64 {
    #[inline]
    fn exact(digits: u64, exponent: i64, negative: bool) -> Option<f64> {
        clinger(digits, exponent).map(|v| if negative { -v } else { v })
    }
    fn slow(text: &str) -> Option<f64> {
        text.parse().ok()
    }
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }
}

impl Number for f32 {
    #[inline]
    fn exact(digits: u64, exponent: i64, negative: bool) -> Option<f32> {
        let v = clinger(digits, exponent)?;
        // Rounding the double again to single precision is right unless it lies on or next to the midpoint of two
        // singles; subnormal singles have other midpoints and are left to the slow path.
        let low = v.to_bits() & 0x1fff_ffff;
        let near_middle = (0x0fff_ffff..=0x1000_0001).contains(&low);
        if near_middle || (v != 0.0 && v < f64::from(f32::MIN_POSITIVE)) {
            return None;
        }
        Some(if negative { -(v as f32) } else { v as f32 })
    }
    fn slow(text: &str) -> Option<f32> {
        text.parse().ok()
    }
    fn is_finite(self) -> bool {
        f32::is_finite(self)
    }
}

#[inline]
fn skip_space(text: &[u8], mut i: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = text.get(i) {
        i += 1;
    }
    i
}

/// Parses one JSON array of numbers and appends them to `out`.
///
/// The grammar is RFC 8259's, with blanks around the array: no NaN, no infinity, no leading `+` or zeros, no trailing
/// comma. A number beyond the range of `T` is an error, because a VECTOR cannot hold infinity; one too small becomes 0.
pub(crate) fn parse_array<T: Number>(text: &[u8], out: &mut Vec<T>) -> Result<(), JsonError> {
    let fail = |offset: usize, problem| Err(JsonError { offset, problem });
    let mut i = skip_space(text, 0);
    if text.get(i) != Some(&b'[') {
        return fail(i, "expected `[`");
    }
    i = skip_space(text, i + 1);
    if text.get(i) == Some(&b']') {
        i = skip_space(text, i + 1);
        return if i == text.len() { Ok(()) } else { fail(i, "text after the array") };
    }
    loop {
        let (value, end) = parse_number::<T>(text, i)?;
        out.push(value);
        i = skip_space(text, end);
        match text.get(i) {
            Some(b',') => i = skip_space(text, i + 1),
            Some(b']') => break,
            Some(_) => return fail(i, "expected `,` or `]`"),
            None => return fail(i, "the array is not closed"),
        }
    }
    i = skip_space(text, i + 1);
    if i == text.len() { Ok(()) } else { fail(i, "text after the array") }
}

#[inline]
fn parse_number<T: Number>(text: &[u8], start: usize) -> Result<(T, usize), JsonError> {
    let fail = |offset: usize, problem| Err(JsonError { offset, problem });
    let digit = |i: usize| text.get(i).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10);
    let mut i = start;
    let negative = text.get(i) == Some(&b'-');
    i += usize::from(negative);
    // `digits` wraps if there are too many; that is detected by counting them, never by its value.
    let (mut digits, mut exponent) = (0u64, 0i64);
    let whole = i;
    while let Some(d) = digit(i) {
        digits = digits.wrapping_mul(10).wrapping_add(u64::from(d));
        i += 1;
    }
    let mut count = i - whole;
    if i == whole {
        return fail(
            start,
            if text.len() == start { "the array is not closed" } else { "expected a number" },
        );
    }
    if text[whole] == b'0' && i > whole + 1 {
        return fail(whole, "a number may not begin with 0");
    }
    if text.get(i) == Some(&b'.') {
        i += 1;
        let fraction = i;
        while let Some(d) = digit(i) {
            digits = digits.wrapping_mul(10).wrapping_add(u64::from(d));
            i += 1;
        }
        if i == fraction {
            return fail(i, "expected a digit after the decimal point");
        }
        count += i - fraction;
        // A text in memory has fewer than 2⁶³ bytes.
        exponent -= (i - fraction) as i64;
    }
    let mantissa = &text[whole..i];
    if let Some(b'e' | b'E') = text.get(i) {
        i += 1;
        let down = text.get(i) == Some(&b'-');
        i += usize::from(matches!(text.get(i), Some(b'+' | b'-')));
        let first = i;
        // The exponent saturates: no text has a fraction long enough to bring a larger one back into range.
        let mut written = 0i64;
        while let Some(d) = digit(i) {
            written = written.saturating_mul(10).saturating_add(i64::from(d));
            i += 1;
        }
        if i == first {
            return fail(i, "expected a digit in the exponent");
        }
        exponent = exponent.saturating_add(if down { -written } else { written });
    }
    if count > FITTING {
        // Leading zeros are not significant.
        count -= mantissa.iter().filter(|b| **b != b'.').take_while(|b| **b == b'0').count();
    }
    let fast = if count <= FITTING { T::exact(digits, exponent, negative) } else { None };
    let value = match fast {
        Some(value) => value,
        None => {
            let number = std::str::from_utf8(&text[start..i]).ok().and_then(T::slow);
            number.ok_or(JsonError { offset: start, problem: "not a number" })?
        }
    };
    if !value.is_finite() {
        return fail(start, "number out of range");
    }
    Ok((value, i))
}

/// Appends packed singles or doubles as a JSON array, each number with the fewest digits that parse back to it.
///
/// Returns `false` and appends nothing if a component is NaN or infinite, which JSON cannot represent.
pub(crate) fn write_array(bytes: &[u8], width: crate::number::element::Width, out: &mut String) -> bool {
    let before = out.len();
    out.push('[');
    let mut finite = true;
    let mut write = |v: &dyn std::fmt::Display, ok: bool| {
        finite &= ok;
        // Writing to a string cannot fail.
        let _ = write!(out, "{v},");
    };
    match width {
        crate::number::element::Width::F32 => {
            for b in bytes.as_chunks::<4>().0 {
                let v = f32::from_le_bytes(*b);
                write(&Shortest(v), v.is_finite());
            }
        }
        crate::number::element::Width::F64 => {
            for b in bytes.as_chunks::<8>().0 {
                let v = f64::from_le_bytes(*b);
                write(&Shortest(v), v.is_finite());
            }
        }
    }
    if !finite {
        out.truncate(before);
        return false;
    }
    if out.ends_with(',') {
        out.pop();
    }
    out.push(']');
    true
}

/// The standard library's shortest digits, with an exponent where they would be padded with many zeros.
struct Shortest<T>(T);

impl<T: Copy + Into<f64> + std::fmt::Display + std::fmt::LowerExp> std::fmt::Display for Shortest<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.0.into().abs();
        if size == 0.0 || (1e-5..1e16).contains(&size) {
            write!(f, "{}", self.0)
        } else {
            write!(f, "{:e}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Vec<f32>, JsonError> {
        let mut out = Vec::new();
        parse_array(text.as_bytes(), &mut out).map(|()| out)
    }

    #[test]
    fn server_format_and_blanks() {
        assert_eq!(parse("[0.0000000e+000,3.0000000e+000,-4.5000000e-001]").unwrap(), [0.0, 3.0, -0.45]);
        assert_eq!(parse(" [ 1 , 2.5e0 ,\n-0.0 ] ").unwrap(), [1.0, 2.5, -0.0]);
        assert!(parse("[]").unwrap().is_empty());
    }

    #[test]
    fn errors_name_the_offset() {
        for (text, offset) in [
            ("", 0),
            ("1,2", 0),
            ("[1,2", 4),
            ("[1,,2]", 3),
            ("[1,]", 3),
            ("[1 2]", 3),
            ("[1]x", 3),
            ("[null]", 1),
            ("[NaN]", 1),
            ("[01]", 1),
            ("[+1]", 1),
            ("[1.]", 3),
            ("[1e]", 3),
            ("[.5]", 1),
            ("[-]", 1),
            ("[1e39]", 1),
            ("[\"1\"]", 1),
            ("[[1]]", 1),
            ("[1,", 3),
            ("[", 1),
        ] {
            assert_eq!(parse(text).unwrap_err().offset, offset, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_single_survives_a_round_trip(bits in any::<[u32; 8]>()) {
            let values: Vec<f32> = bits.iter().map(|b| f32::from_bits(*b)).filter(|v| v.is_finite()).collect();
            let mut text = String::new();
            prop_assert!(write_array(bytemuck::cast_slice(&values), crate::number::element::Width::F32, &mut text));
            let back = parse(&text).unwrap();
            prop_assert_eq!(bytemuck::cast_slice::<f32, u32>(&back), bytemuck::cast_slice::<f32, u32>(&values));
            let server = format!("[{}]", values.iter().map(|v| format!("{v:.7e}")).collect::<Vec<_>>().join(","));
            let expected: Vec<f32> = values.iter().map(|v| format!("{v:.7e}").parse().unwrap()).collect();
            // The server's eight digits may round the largest single up to infinity.
            if expected.iter().all(|v| v.is_finite()) {
                prop_assert_eq!(parse(&server).unwrap(), expected);
            }
        }

        #[test]
        fn decimals_are_rounded_as_the_standard_library_rounds(text in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,25})?(e[+-]?[0-9]{1,2})?") {
            let array = format!("[{text}]");
            let single: f32 = text.parse().unwrap();
            if single.is_finite() {
                prop_assert_eq!(parse(&array).unwrap()[0].to_bits(), single.to_bits());
            } else {
                prop_assert_eq!(parse(&array).unwrap_err().problem, "number out of range");
            }
            let mut doubles = Vec::<f64>::new();
            parse_array(array.as_bytes(), &mut doubles).unwrap();
            prop_assert_eq!(doubles[0].to_bits(), text.parse::<f64>().unwrap().to_bits());
        }

        #[test]
        fn any_bytes_give_a_result_or_an_offset(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut out = Vec::<f32>::new();
            if let Err(e) = parse_array(&bytes, &mut out) {
                prop_assert!(e.offset <= bytes.len());
            }
        }
    }
}

//! Vector text: every number must be the nearest one, which whole numbers of any size decide, and must survive a round trip.
#![no_main]

#[path = "../../kernels/tests/it/common/decimal.rs"]
mod decimal;

use arbitrary::Arbitrary;
use decimal::{DOUBLE, Format, SINGLE};
use hart_kernels::Element;
use hart_kernels::text::{self, JsonError};
use libfuzzer_sys::fuzz_target;

/// A text, or a number whose digits no text of random bytes would have.
#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Text(&'a [u8]),
    Number { negative: bool, digits: u128, shift: u8, zeros: u8, point: u8, exponent: Option<i32> },
}

impl Input<'_> {
    fn text(&self) -> Vec<u8> {
        let Input::Number { negative, digits, shift, zeros, point, exponent } = *self else {
            let Input::Text(text) = self else { unreachable!("the other case") };
            return text.to_vec();
        };
        // Multiples of powers of two, 2⁶⁴ among them.
        let shift = u32::from(shift) % 128;
        let mut number = format!("{}{}", digits >> shift << shift, "0".repeat(usize::from(zeros) % 40));
        let point = usize::from(point);
        if number.len() > 1 && number.starts_with('0') {
            number = format!("0.{number}");
        } else if (1..number.len()).contains(&point) {
            number.insert(point, '.');
        } else if point > 200 {
            number = format!("0.{}{number}", "0".repeat(point - 200));
        }
        let exponent = exponent.map(|e| format!("e{e}")).unwrap_or_default();
        format!("[{}{number}{exponent}]", if negative { "-" } else { "" }).into_bytes()
    }
}

/// Where the number ends that a text begins with, by JSON's grammar: what follows it is never looked at.
fn number_end(text: &[u8]) -> usize {
    let digits = |from: usize| from + text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = digits(usize::from(text.first() == Some(&b'-')));
    if text.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = matches!(text.get(end + 1), Some(b'+' | b'-'));
        end = digits(end + 1 + usize::from(sign));
    }
    end
}

/// Checks what the parser made of a text, and returns it.
fn checked<T: Copy + Into<f64>>(
    format: Format,
    text: &[u8],
    parsed: Result<Vec<T>, JsonError>,
) -> Option<Vec<T>> {
    match parsed {
        Ok(values) => {
            let text = std::str::from_utf8(text).expect("accepted text is ASCII");
            let inner = text.trim().trim_start_matches('[').trim_end_matches(']').trim();
            let numbers: Vec<&str> = inner.split(',').map(str::trim).filter(|n| !n.is_empty()).collect();
            assert_eq!(numbers.len(), values.len());
            for (number, value) in numbers.iter().zip(&values) {
                assert!(format.is_nearest(number, (*value).into()), "{number}");
            }
            Some(values)
        }
        Err(error) => {
            assert!(error.offset <= text.len());
            if error.problem == "number out of range" {
                let rest = &text[error.offset..];
                let end = number_end(rest);
                let number = std::str::from_utf8(&rest[..end]).expect("ASCII");
                assert!(format.is_beyond(number), "{number}");
            }
            None
        }
    }
}

fuzz_target!(|input: Input| {
    let text = input.text();
    if let Some(values) = checked(SINGLE, &text, text::parse_singles(&text)) {
        let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let mut written = String::new();
        assert!(text::write_packed(Element::F32, &text::pack(Element::F32, &values), &mut written));
        assert_eq!(bits(&text::parse_singles(written.as_bytes()).expect("our own text")), bits(&values));
    }
    if let Some(values) = checked(DOUBLE, &text, text::parse_doubles(&text)) {
        let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let mut written = String::new();
        assert!(text::write_packed(Element::F64, &bytes, &mut written));
        assert_eq!(bits(&text::parse_doubles(written.as_bytes()).expect("our own text")), bits(&values));
    }
});

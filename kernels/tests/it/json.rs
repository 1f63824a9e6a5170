//! Numbers of JSON texts are rounded once, whatever their digits, against whole numbers of any size.

use crate::common::decimal;

use decimal::{DOUBLE, Format, SINGLE};
use hart_kernels::text::{JsonError, parse_doubles, parse_singles};
use proptest::prelude::*;

fn one<T>(parsed: Result<Vec<T>, JsonError>) -> Result<T, JsonError> {
    parsed.map(|mut values| values.pop().expect("one number"))
}

/// Checks a number in both precisions.
fn check(text: &str) {
    let array = format!("[{text}]");
    let agrees = |format: Format, parsed: Result<f64, JsonError>| match parsed {
        Ok(value) => assert!(format.is_nearest(text, value), "{text} gives {value:e}"),
        Err(error) => {
            assert_eq!((error.offset, error.problem), (1, "number out of range"), "{text}");
            assert!(format.is_beyond(text), "{text}: {}", error.problem);
        }
    };
    agrees(SINGLE, one(parse_singles(array.as_bytes())).map(f64::from));
    agrees(DOUBLE, one(parse_doubles(array.as_bytes())));
}

/// Every text of these digits with the point anywhere.
fn with_points(digits: &str) -> Vec<String> {
    let mut texts: Vec<String> =
        (1..digits.len()).map(|at| format!("{}.{}", &digits[..at], &digits[at..])).collect();
    texts.extend([digits.into(), format!("{digits}.0"), format!("0.{digits}"), format!("0.000{digits}")]);
    texts
}

#[test]
fn twenty_digits_that_are_a_multiple_of_two_to_the_64th() {
    for factor in 1..=5u128 {
        let exact = (factor << 64).to_string();
        assert_eq!(exact.len(), 20);
        for zeros in ["", "0", "000", "00000000000000000000"] {
            for text in with_points(&format!("{exact}{zeros}")) {
                for exponent in
                    ["", "e0", "e-1", "E+5", "e-19", "e19", "e-45", "e-60", "e-330", "e300", "e9999"]
                {
                    check(&format!("{text}{exponent}"));
                    check(&format!("-{text}{exponent}"));
                }
            }
        }
        let singles = parse_singles(format!("[{exact}, 2]").as_bytes()).unwrap();
        assert_eq!(singles, [(factor << 64) as f32, 2.0]);
    }
}

#[test]
fn digits_about_what_64_bits_hold() {
    for digits in [
        "9999999999999999999",
        "10000000000000000000",
        "18446744073709551615",
        "18446744073709551617",
        "184467440737095516160",
        "340282366920938463463374607431768211456",
        "9007199254740993",
        "16777217",
        "33554431",
        "00",
    ] {
        for text in with_points(digits).iter().filter(|t| !t.starts_with("00")) {
            for exponent in ["", "e-7", "e22", "e-23", "e-310", "e4294967296", "e-18446744073709551617"] {
                check(&format!("{text}{exponent}"));
            }
        }
    }
}

#[test]
fn zeros_in_front_count_for_nothing() {
    for zeros in [1, 18, 19, 20, 40, 400] {
        for digits in ["1", "25", "1844674407370955161", "18446744073709551616", "9007199254740993"] {
            check(&format!("0.{}{digits}", "0".repeat(zeros)));
            check(&format!("0.{}{digits}e{zeros}", "0".repeat(zeros)));
            check(&format!("0.{}{digits}e{}", "0".repeat(zeros), zeros + 19));
        }
        check(&format!("0.{}", "0".repeat(zeros)));
        check(&format!("-0.{}e{zeros}", "0".repeat(zeros)));
    }
}

#[test]
fn middles_of_two_numbers() {
    // Each exactly between two numbers, a little above and a little below.
    for bits in [1u32, 2, 0x007f_ffff, 0x0080_0000, 0x3f80_0000, 0x3f80_0001, 0x7f7f_fffe, 0x7f7f_ffff] {
        let (low, high) = (f64::from(f32::from_bits(bits)), f64::from(f32::from_bits(bits + 1)));
        let high = if high.is_finite() { high } else { 2f64.powi(128) };
        let middle = format!("{:.200}", f64::midpoint(low, high));
        let middle = middle.trim_end_matches('0').trim_end_matches('.');
        let point = if middle.contains('.') { "" } else { "." };
        for text in
            [middle.into(), format!("{middle}{point}01"), format!("{middle}{point}{}1", "0".repeat(300))]
        {
            check(&text);
        }
        let (front, last) = middle.split_at(middle.len() - 1);
        let less: u32 = last.parse::<u32>().unwrap() - 1;
        check(&format!("{front}{less}{point}99"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_number(text in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?") {
        check(&text);
    }

    #[test]
    fn numbers_of_singles_and_doubles(bits in any::<u64>(), digits in 6usize..22) {
        let (single, double) = (f32::from_bits(bits as u32), f64::from_bits(bits));
        for text in [format!("{single:.digits$e}"), format!("{double:.digits$e}")] {
            if !text.contains(['N', 'i']) {
                check(&text);
            }
        }
    }
}

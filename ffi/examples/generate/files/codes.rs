//! `src/codes.rs`: the status codes of the kernels' errors, and words as numbers.

use std::fmt::Write;

use hart_kernels::{Error, Metric};

use super::rustfmt;

/// `ParameterValue` as `PARAMETER_VALUE`.
fn screaming(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

pub fn text() -> String {
    let mut out = String::from(
        "//! The status codes of the kernels' errors, and words as numbers. Generated: `bash .ci/generate`.\n\n",
    );
    for (name, number, meaning) in Error::CODES {
        let _ = writeln!(out, "/// {meaning}\npub const HART_STATUS_{}: i32 = {number};", screaming(name));
    }
    out.push('\n');
    for (name, metric) in Metric::NAMES.iter().zip(Metric::ALL) {
        let (upper, meaning, number) = (name.to_ascii_uppercase(), metric.meaning(), metric.code());
        let _ = writeln!(
            out,
            "/// The metric `{name}`: {meaning}.\npub const HART_METRIC_{upper}: i32 = {number};"
        );
    }
    rustfmt(&out)
}

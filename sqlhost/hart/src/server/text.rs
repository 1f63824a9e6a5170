//! Pieces of T-SQL.

use hart_sqlhost::hex;
use sha2::{Digest, Sha256};

use crate::tsql::SETTINGS;
pub use crate::tsql::text as literal;

/// SHA-256 as SQL Server's CONVERT(…, 2) writes it.
pub fn sha256(bytes: &[u8]) -> String {
    let mut out = String::new();
    hex::push(&mut out, &Sha256::digest(bytes));
    out
}

/// The text with each of these words replaced by its value, in one pass: text within a value is never replaced.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    let next = |rest: &str| {
        let found = values.iter().filter_map(|(word, value)| Some((rest.find(word)?, word.len(), *value)));
        found.min_by_key(|(at, ..)| *at)
    };
    while let Some((at, length, value)) = next(rest) {
        out.push_str(&rest[..at]);
        out.push_str(value);
        rest = &rest[at + length..];
    }
    out + rest
}

/// The batches of a script, which are separated by lines with GO alone, except batches of settings that our connections
/// have anyway. The script must not contain sqlcmd directives.
pub fn batches(script: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut batch = String::new();
    for line in script.lines() {
        if line.trim().eq_ignore_ascii_case("GO") {
            out.push(std::mem::take(&mut batch));
        } else {
            batch.push_str(line);
            batch.push('\n');
        }
    }
    out.push(batch);
    let code = |line: &&str| !line.is_empty() && !line.starts_with("--");
    out.retain(|batch| !batch.trim().is_empty() && !batch.lines().filter(code).eq([SETTINGS]));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        assert_eq!(literal("a'b"), "N'a''b'");
        assert!(sha256(b"abc").starts_with("BA7816BF8F01CFEA"));
        assert_eq!(batches("A\nGO\n\n go \nB GO\nGO\nC"), ["A\n", "B GO\n", "C\n"]);
        assert_eq!(batches(&format!("-- head\n{SETTINGS}\nGO\nA")), ["A\n"]);
    }

    #[test]
    fn values_are_not_filled_in_again() {
        let values = [("{a}", "1 {b} {a}"), ("{b}", "2")];
        assert_eq!(fill("{a}|{b}|{c}|{a}", &values), "1 {b} {a}|2|{c}|1 {b} {a}");
    }
}

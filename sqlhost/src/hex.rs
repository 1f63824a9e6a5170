//! Bytes in hexadecimal, as SQL Server writes them.

/// Appends two digits for each byte, in upper case.
pub fn push(out: &mut String, bytes: &[u8]) {
    out.reserve(2 * bytes.len());
    for byte in bytes {
        let digit = |n: u8| char::from(b"0123456789ABCDEF"[usize::from(n)]);
        out.extend([digit(byte >> 4), digit(byte & 15)]);
    }
}

/// A literal of T-SQL: `0x` and the digits.
pub fn literal(bytes: &[u8]) -> String {
    let mut out = String::from("0x");
    push(&mut out, bytes);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits() {
        assert_eq!(literal(&[0, 0xAB, 0x9F]), "0x00AB9F");
        assert_eq!(literal(&[]), "0x");
    }
}

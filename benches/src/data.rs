//! Seeded input, the same in every run on every machine.

use std::fmt::Write;

/// Numbers in [−1, 1) from a seed (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
pub fn singles(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // The upper 24 bits are exact in single precision.
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// A vector whose first element lies a chosen number of bytes behind the start of a cache line, because a load that
/// crosses two lines costs as much as two loads: which vectors of a column do so must not be left to the allocator.
pub struct Placed {
    buffer: Vec<f32>,
    start: usize,
    len: usize,
}

/// Singles in a cache line.
const LINE: usize = 16;

impl Placed {
    /// Seeded singles, `offset` elements (below 16) behind the start of a cache line.
    pub fn new(seed: u64, len: usize, offset: usize) -> Placed {
        let mut buffer = vec![0.0; len + 2 * LINE];
        let start = buffer.as_ptr().align_offset(LINE * 4) + offset;
        buffer[start..start + len].copy_from_slice(&singles(seed, len));
        Placed { buffer, start, len }
    }

    /// The vector.
    pub fn get(&self) -> &[f32] {
        &self.buffer[self.start..self.start + self.len]
    }
}

/// Rows of a bench: `HART_BENCH_ROWS` where it is set; 500 where the bench is only tested (`--test`); else `default`.
///
/// # Panics
///
/// Where the variable holds no positive number.
pub fn rows(default: usize) -> usize {
    match std::env::var("HART_BENCH_ROWS") {
        Ok(text) => match text.parse() {
            Ok(rows) if rows > 0 => rows,
            _ => panic!("HART_BENCH_ROWS is `{text}`; expected a number of rows ≥ 1"),
        },
        Err(_) if std::env::args().any(|argument| argument == "--test") => 500,
        Err(_) => default,
    }
}

/// A JSON array as SQL Server writes a VECTOR: eight digits and an exponent of three, `-1.2345678e-002`.
pub fn server_json(values: &[f32]) -> String {
    let mut out = String::from("[");
    for value in values {
        let text = format!("{value:.7e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
        let separator = if out.len() > 1 { "," } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(out, "{separator}{digits}e{sign}{exponent:0>3}");
    }
    out.push(']');
    out
}

/// A JSON array with the fewest digits that give the same numbers back.
pub fn shortest_json(values: &[f32]) -> String {
    let numbers: Vec<String> = values.iter().map(f32::to_string).collect();
    format!("[{}]", numbers.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_formats() {
        assert_eq!(server_json(&[-0.012345678, 150.0]), "[-1.2345678e-002,1.5000000e+002]");
        assert_eq!(shortest_json(&[-0.25, 3.0]), "[-0.25,3]");
    }

    #[test]
    fn placed_vectors_lie_where_they_should() {
        for offset in [0, 2, 15] {
            let placed = Placed::new(7, 40, offset);
            assert_eq!(placed.get().as_ptr() as usize % 64, offset * 4);
            assert_eq!(placed.get(), singles(7, 40));
        }
    }
}

//! Checks of the numbers that tensor kernels take.

use crate::contract::{Call, Column};
use crate::error::{Error, Place};

/// Checks that a column's values are finite or NULL: the first NaN or infinity is an error.
pub(crate) fn finite(column: &str, values: &[Option<f64>]) -> Result<(), Error> {
    match values.iter().position(|v| v.is_some_and(|v| !v.is_finite())) {
        None => Ok(()),
        Some(row) => {
            Err(wrong(column, row, format!("{}", values[row].unwrap_or(f64::NAN)), "a finite number"))
        }
    }
}

/// The numbers of a column, which may not hold NULL, NaN or infinity.
pub(crate) fn present(column: &str, values: &[Option<f64>]) -> Result<Vec<f64>, Error> {
    finite(column, values)?;
    let value = |(row, value): (usize, &Option<f64>)| {
        value.ok_or_else(|| wrong(column, row, "NULL".into(), "a finite number"))
    };
    values.iter().enumerate().map(value).collect()
}

/// The numbers of a column that may not be negative, such as energies.
pub(crate) fn not_negative(column: &str, values: &[Option<f64>]) -> Result<Vec<f64>, Error> {
    let numbers = present(column, values)?;
    match numbers.iter().position(|v| *v < 0.0) {
        None => Ok(numbers),
        Some(row) => Err(wrong(column, row, numbers[row].to_string(), "a number ≥ 0")),
    }
}

/// The rows of each number in a column without NULLs, by ascending number, then row.
pub(crate) fn groups(
    call: &Call<'_>,
    column: &Column,
    rows: impl Iterator<Item = usize>,
) -> Result<Vec<(i64, Vec<usize>)>, Error> {
    let keys = call.integers(column.name);
    let key = |row: usize| {
        let key = keys[row].ok_or_else(|| wrong(column.name, row, "NULL".into(), "a number"))?;
        Ok((key, row))
    };
    let mut keys = rows.map(key).collect::<Result<Vec<_>, Error>>()?;
    keys.sort_unstable();
    let group = |keys: &[(i64, usize)]| (keys[0].0, keys.iter().map(|(_, row)| *row).collect());
    Ok(keys.chunk_by(|a, b| a.0 == b.0).map(group).collect())
}

/// The number that all rows of one group, such as atom 7, repeat.
pub(crate) fn repeated(column: &str, values: &[f64], rows: &[usize], of: (&str, i64)) -> Result<f64, Error> {
    let first = rows[0];
    match rows.iter().find(|row| values[**row] != values[first]) {
        None => Ok(values[first]),
        Some(row) => {
            let expected = format!("{} as in row {}, for {} {}", values[first], first + 1, of.0, of.1);
            Err(wrong(column, *row, values[*row].to_string(), &expected))
        }
    }
}

/// The error for a row; `row` counts from 0.
pub(crate) fn wrong(column: &str, row: usize, found: String, expected: &str) -> Error {
    Error::Value { place: column.into(), row: row as u64 + 1, found, expected: expected.into() }
}

/// Checks that the row count fits a column of 32-bit integers.
pub(crate) fn countable(call: &Call<'_>) -> Result<(), Error> {
    if i32::try_from(call.rows).is_ok() {
        return Ok(());
    }
    Err(Error::Value {
        place: Place::whole("the input"),
        row: 0,
        found: format!("{} rows", call.rows),
        expected: format!("at most {}, because rows are counted in 32-bit integers", i32::MAX),
    })
}

/// A sum whose error does not grow with the number of terms: Neumaier 1974, "Rundungsfehleranalyse einiger Verfahren
/// zur Summation endlicher Summen".
#[derive(Clone, Copy, Default)]
pub(crate) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, term: f64) {
        // The exact rounding error, without asking which term is larger, so that several sums can be computed at once
        // (Knuth 1969, "The Art of Computer Programming", volume 2, section 4.2.2, theorem B).
        let sum = self.sum + term;
        let added = sum - self.sum;
        self.lost += (self.sum - (sum - added)) + (term - added);
        self.sum = sum;
    }

    pub(crate) fn value(self) -> f64 {
        self.sum + self.lost
    }

    pub(crate) fn of(terms: impl Iterator<Item = f64>) -> f64 {
        let mut sum = Sum::default();
        terms.for_each(|term| sum.add(term));
        sum.value()
    }
}

/// The sum of the squares of singles; a double holds each square exactly.
pub(crate) fn squares(values: &[f32]) -> Sum {
    // Eight sums side by side, so that none waits for its own last addition; sums and errors are kept in separate
    // arrays, so that one instruction processes several.
    let (mut sums, mut lost) = ([0.0; 8], [0.0; 8]);
    let mut add = |block: &[f32; 8]| {
        for lane in 0..8 {
            let mut sum = Sum { sum: sums[lane], lost: lost[lane] };
            sum.add(f64::from(block[lane]) * f64::from(block[lane]));
            (sums[lane], lost[lane]) = (sum.sum, sum.lost);
        }
    };
    let (blocks, rest) = values.as_chunks::<8>();
    blocks.iter().for_each(&mut add);
    // Padding zeros change nothing.
    let mut last = [0.0; 8];
    last[..rest.len()].copy_from_slice(rest);
    add(&last);
    let mut all = Sum::default();
    sums.into_iter().zip(lost).flat_map(|(sum, lost)| [sum, lost]).for_each(|part| all.add(part));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_keeps_what_cancels() {
        assert_eq!(Sum::of([1.0, 1e100, 1.0, -1e100].into_iter()), 2.0);
        assert_eq!(Sum::of((0..10_000_000).map(|_| 0.1)), 1_000_000.0);
        let mut values = vec![1e-4f32; 100_003];
        values[50_001] = 1e8;
        let mut left = squares(&values);
        left.add(-1e16);
        let one = f64::from(1e-4f32);
        assert!((left.value() / (100_002.0 * one * one) - 1.0).abs() < 1e-12, "{}", left.value());
    }
}

//! Rows less their mean.

use crate::column::vectors::{Vectors, decode};
use crate::error::{Error, Place};
use crate::number::exact::{self, DIGITS};
use crate::number::range;

/// See [`centred`].
pub(super) struct Centred {
    pub(super) numbers: Vec<f64>,
    /// In the unit of the vectors.
    pub(super) mean: Vec<f64>,
    /// The power of two by which the numbers were divided.
    pub(super) unit: f64,
}

/// The picked rows minus their mean, row-major or column-major, over a power of two that scales the largest difference
/// to between 1 and 4, so that no square leaves the range of doubles and no axis depends on the unit of the vectors.
///
/// The mean is that of an exact sum. Rounding it to a double still leaves the differences with a mean of their own, which
/// matters where they are not much larger than the roundings of the vectors' numbers: that one is subtracted too.
///
/// # Errors
///
/// [`Error::Dimensions`]; [`Error::Value`] for a number that is not finite; the first row that has one of them.
pub(super) fn centred(
    sample: &Vectors<'_>,
    picked: &[usize],
    dimension: usize,
    by_row: bool,
) -> Result<Centred, Error> {
    let count = picked.len();
    let mut out = vec![0.0; dimension * count];
    for (i, row) in picked.iter().enumerate() {
        if sample.dimensions(*row) != Some(dimension) {
            return Err(sample.mismatch(*row, Place::Whole(format!("row {}", picked[0] + 1)), dimension));
        }
        let values = decode(sample.wide_element(), sample.row(*row).unwrap_or_default());
        if !values.iter().all(|v| v.is_finite()) {
            return Err(Error::Value {
                place: sample.place().clone(),
                row: *row as u64 + 1,
                found: "a number that is not finite".into(),
                expected: "a vector of finite numbers".into(),
            });
        }
        for (j, v) in values.into_iter().enumerate() {
            out[if by_row { i * dimension + j } else { j * count + i }] = v;
        }
    }
    // Each component in a unit of its own at first, in which no difference leaves the range of doubles.
    let (mut mean, mut centres) = (Vec::with_capacity(dimension), Vec::with_capacity(dimension));
    for j in 0..dimension {
        let (first, step) = if by_row { (j, dimension) } else { (j * count, 1) };
        let (average, largest) = average(out[first..].iter().step_by(step).take(count).copied());
        let unit = range::unit(std::iter::once(largest));
        mean.push(average);
        centres.push((unit, average / unit));
    }
    let mut rests = vec![0.0; dimension];
    each(&mut out, dimension, by_row, |j, v| {
        let (unit, centre) = centres[j];
        *v = *v / unit - centre;
        rests[j] += *v;
    });
    rests.iter_mut().for_each(|rest| *rest /= count as f64);
    let mut largest = vec![0f64; dimension];
    each(&mut out, dimension, by_row, |j, v| {
        *v -= rests[j];
        largest[j] = largest[j].max(v.abs());
    });
    let power = |((unit, _), largest): (&(f64, f64), &f64)| range::unit(std::iter::once(*largest)) * unit;
    let powers = centres.iter().zip(&largest).filter(|(_, largest)| **largest > 0.0).map(power);
    let unit = match powers.fold(0.0, f64::max) {
        // Nothing varies.
        0.0 => 1.0,
        unit => unit.clamp(f64::MIN_POSITIVE, range::unit(std::iter::once(f64::MAX))),
    };
    // A component that does not vary may have a unit far beyond.
    let factors: Vec<f64> = centres
        .iter()
        .zip(&largest)
        .map(|((own, _), largest)| if *largest > 0.0 { own / unit } else { 0.0 })
        .collect();
    each(&mut out, dimension, by_row, |j, v| *v *= factors[j]);
    for ((mean, rest), (own, _)) in mean.iter_mut().zip(&rests).zip(&centres) {
        *mean += rest * own;
    }
    Ok(Centred { numbers: out, mean, unit })
}

/// Calls `change` with each number and its component.
fn each(numbers: &mut [f64], dimension: usize, by_row: bool, mut change: impl FnMut(usize, &mut f64)) {
    if by_row {
        for row in numbers.chunks_mut(dimension) {
            row.iter_mut().enumerate().for_each(|(j, v)| change(j, v));
        }
    } else {
        let count = numbers.len() / dimension;
        for (j, column) in numbers.chunks_mut(count).enumerate() {
            column.iter_mut().for_each(|v| change(j, v));
        }
    }
}

/// The exact sum of finite numbers, rounded, over their number, or their value where all are equal; and the largest
/// magnitude.
fn average(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut digits, mut count) = ([0; DIGITS], 0u64);
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for v in values {
        exact::add(&mut digits, v);
        (low, high, count) = (low.min(v), high.max(v), count + 1);
        if count.is_multiple_of(u64::from(exact::TERMS)) {
            exact::carry(&mut digits);
        }
    }
    exact::carry(&mut digits);
    let (sum, count) = (exact::rounded(&digits, 0), count as f64);
    let average = match sum.is_infinite() {
        _ if low == high => low,
        true => exact::rounded(&digits, -64) / count * (1u128 << 64) as f64,
        false => sum / count,
    };
    (average, high.max(-low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::element::Element;

    fn both(rows: &[[f64; 2]]) -> [Centred; 2] {
        let bytes: Vec<u8> = rows.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
        let vectors = Vectors::packed_matrix("v", Element::F64, &bytes, 2).unwrap();
        let picked: Vec<usize> = (0..rows.len()).collect();
        [true, false].map(|by_row| centred(&vectors, &picked, 2, by_row).unwrap())
    }

    #[test]
    fn layouts_have_the_same_numbers() {
        let rows: Vec<[f64; 2]> =
            (0..20).map(|i| [f64::from(i) * 0.1 + 3.0, 1e9 - f64::from(i * i)]).collect();
        let [by_row, by_column] = both(&rows);
        assert_eq!((by_row.unit, &by_row.mean), (by_column.unit, &by_column.mean));
        for i in 0..20 {
            for j in 0..2 {
                assert_eq!(by_row.numbers[2 * i + j], by_column.numbers[20 * j + i]);
            }
        }
        assert!((by_row.mean[0] - 3.95).abs() < 1e-15 && by_row.mean[1] == 1e9 - 123.5, "{:?}", by_row.mean);
        // The largest difference is 361 − 123.5.
        assert_eq!((by_row.unit, by_row.numbers[39]), (128.0, (123.5 - 361.0) / 128.0));
    }

    #[test]
    fn components_of_any_magnitude_keep_their_digits() {
        // A constant beside numbers 1e320 times smaller, and sums beyond the range of doubles.
        for [centred, _] in [both(&[[1e300, 1e-20], [1e300, 3e-20], [1e300, 8e-20]])] {
            assert_eq!(centred.mean[0], 1e300);
            let all: Vec<f64> = centred.numbers.iter().map(|v| v * centred.unit).collect();
            for (got, expected) in all.iter().zip([0.0, -3e-20, 0.0, -1e-20, 0.0, 4e-20]) {
                assert!((got - expected).abs() < 1e-35, "{all:?}");
            }
        }
        let [centred, _] = both(&[[f64::MAX, 5e-324], [f64::MAX, 0.0], [-f64::MAX, 0.0]]);
        assert!((centred.mean[0] / f64::MAX - 1.0 / 3.0).abs() < 1e-15);
        assert!(centred.numbers.iter().all(|v| v.is_finite() && v.abs() <= 4.0), "{:?}", centred.numbers);
    }
}

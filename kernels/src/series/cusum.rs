//! Change points by cumulative sums.

use super::POSITION;
use crate::contract::shared::number;
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::group::GROUP_KEY;
use crate::group::keys::Groups;

/// Two-sided cumulative sums (Page 1954) and their options.
///
/// The first `baseline` numbers give a mean and a standard deviation. For each further number with z of these, S⁺ =
/// max(0, S⁺ + z − reference) and S⁻ = max(0, S⁻ − z − reference). A sum above the threshold is an alarm; the change began
/// after the sum was last 0. Then a new baseline is taken from the number at which it began on, so that a lasting step is
/// one change.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Cusum {
    /// Numbers that give a baseline, at least 2.
    pub baseline: usize,
    /// Half of the shift to be found, in standard deviations (k).
    pub reference: f64,
    /// Sum at which there is an alarm, in standard deviations (h).
    pub threshold: f64,
}

impl Default for Cusum {
    /// 20 numbers, k = 0.5, h = 5: a shift of one standard deviation is found after 10 numbers, a false alarm comes after
    /// some 465.
    fn default() -> Cusum {
        Cusum { baseline: 20, reference: 0.5, threshold: 5.0 }
    }
}

/// A change that [`Cusum::changes`] finds; places count from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// Where the alarm was given.
    pub alarm: usize,
    /// Where the change began.
    pub start: usize,
    /// Whether the numbers grew.
    pub upward: bool,
    /// The sum at the alarm, in standard deviations.
    pub sum: f64,
    /// Mean of the baseline before.
    pub mean: f64,
    /// Its standard deviation.
    pub deviation: f64,
}

impl Cusum {
    /// The changes in a series of finite numbers.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] where a baseline does not vary: nothing can be measured by its deviation; [`Error::ParameterValue`]
    /// for a baseline below 2, a negative reference or a threshold that is not positive.
    ///
    /// # Accuracy
    ///
    /// Double precision, in the order of the series; same bits everywhere. A series with fewer numbers than a baseline
    /// has no changes.
    ///
    /// # Complexity
    ///
    /// O(numbers).
    ///
    /// # Examples
    ///
    /// ```
    /// use hart_kernels::series::Cusum;
    /// let mut cusum = Cusum::default();
    /// cusum.baseline = 4;
    /// let found = cusum.changes(&[1.0, 2.0, 1.0, 2.0, 1.0, 9.0, 8.0, 9.0, 8.0, 9.0])?;
    /// assert_eq!(found.len(), 1);
    /// assert_eq!((found[0].start, found[0].upward), (5, true));
    /// # Ok::<(), hart_kernels::Error>(())
    /// ```
    pub fn changes(&self, values: &[f64]) -> Result<Vec<Change>, Error> {
        for (param, value, fits) in [
            (&BASELINE, self.baseline as f64, self.baseline >= 2),
            (&REFERENCE, self.reference, self.reference >= 0.0),
            (&THRESHOLD, self.threshold, self.threshold > 0.0),
        ] {
            if !fits {
                let expected = param.kind.describe();
                return Err(Error::ParameterValue {
                    name: param.name.into(),
                    value: value.to_string(),
                    expected,
                });
            }
        }
        let mut changes = Vec::new();
        let mut from = 0;
        while from + self.baseline < values.len() {
            let base = &values[from..from + self.baseline];
            let count = base.len() as f64;
            let mean = base.iter().sum::<f64>() / count;
            let square: f64 = base.iter().map(|v| (v - mean) * (v - mean)).sum();
            let deviation = (square / (count - 1.0)).sqrt();
            if !deviation.is_normal() {
                return Err(Error::Value {
                    place: "value".into(),
                    row: 0,
                    found: format!(
                        "a baseline of {} numbers from place {} that do not vary, or beyond doubles",
                        base.len(),
                        from + 1
                    ),
                    expected: "numbers with a standard deviation above 0; a longer baseline may have one"
                        .into(),
                });
            }
            let Some(change) = self.first(values, from + self.baseline, mean, deviation) else { break };
            // The change may have begun within the sums' slack of the baseline, never before its end.
            from = change.start;
            changes.push(change);
        }
        Ok(changes)
    }

    /// The first alarm from a place on.
    fn first(&self, values: &[f64], from: usize, mean: f64, deviation: f64) -> Option<Change> {
        // Upward and downward: the sum, and where it left 0.
        let mut sums = [(0.0f64, from); 2];
        for (at, value) in values.iter().enumerate().skip(from) {
            let z = (value - mean) / deviation;
            for ((sum, start), (sign, upward)) in sums.iter_mut().zip([(1.0, true), (-1.0, false)]) {
                if *sum == 0.0 {
                    *start = at;
                }
                *sum = (*sum + sign * z - self.reference).max(0.0);
                if *sum > self.threshold {
                    return Some(Change { alarm: at, start: *start, upward, sum: *sum, mean, deviation });
                }
            }
        }
        None
    }
}

const BASELINE: Param = Param {
    name: "baseline",
    kind: ParamKind::Int { min: 2, max: i32::MAX as i64 },
    default: Some("20"),
    summary: "Numbers that give the mean and the standard deviation that further ones are measured by.",
};
const REFERENCE: Param = Param {
    name: "reference",
    kind: ParamKind::Float { min: 0.0, max: f64::MAX },
    default: Some("0.5"),
    summary: "Half of the shift to be found, in standard deviations (k).",
};
const THRESHOLD: Param = Param {
    name: "threshold",
    kind: ParamKind::Float { min: f64::MIN_POSITIVE, max: f64::MAX },
    default: Some("5"),
    summary: "Sum at which there is an alarm, in standard deviations (h).",
};
const VALUE: Column = Column {
    name: "value",
    kind: Kind::Float,
    unit: "any",
    summary: "The number: of vectors for example the distance from their average at the beginning.",
};

const fn place(name: &'static str, summary: &'static str) -> Column {
    Column { name, summary, ..POSITION }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "series_cusum",
    family: Family::Series,
    summary: "Change points of each group's series by two-sided cumulative sums.",
    details: "The first `baseline` numbers by position give a mean and a standard deviation. For each further number with z of these, S⁺ = max(0, S⁺ + z − k) and S⁻ = max(0, S⁻ − z − k), where k is `reference`. A sum above `threshold` is an alarm and gives a result row; the change began after the sum was last 0. Then a new baseline is taken from the number at which it began on, so that a lasting step is one change.",
    inputs: &[GROUP_KEY, POSITION, VALUE],
    optional: &[],
    params: &[BASELINE, REFERENCE, THRESHOLD],
    outputs: &[
        GROUP_KEY,
        place("start", "Position at which the change began."),
        place("alarm", "Position at which the sum passed the threshold."),
        Column {
            name: "direction",
            kind: Kind::Int,
            unit: "1 or -1",
            summary: "1 where the numbers grew, -1 where they fell.",
        },
        number("statistic", "standard deviations", "The sum at the alarm."),
        number("mean", "any", "Mean of the baseline before."),
        number("deviation", "any", "Its standard deviation."),
    ],
    rows: RowShape::Made,
    nulls: "A row whose position or value is NULL is left out. A NULL key is a group of its own.",
    empty: "No rows, and series no longer than a baseline, give no rows.",
    nan: "A number that is not finite is an error that names its row.",
    accuracy: "Double precision, in the order of the series; same bits for any order of the rows with distinct positions, on every machine. A baseline that does not vary is an error. O(rows · log rows).",
    streaming: Streaming::Whole("all rows of a group"),
    source: "Page 1954, \"Continuous inspection schemes\"; Montgomery, \"Introduction to Statistical Quality Control\", for k and h.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(7), Cell::Int(1), Cell::Float(1.0)],
            &[Cell::Int(7), Cell::Int(2), Cell::Float(3.0)],
            &[Cell::Int(7), Cell::Int(3), Cell::Float(2.0)],
            &[Cell::Int(7), Cell::Int(4), Cell::Float(2.0)],
            &[Cell::Int(7), Cell::Int(5), Cell::Float(9.0)],
        ],
        params: &[("baseline", Cell::Int(3))],
        outputs: &[&[
            Cell::Int(7),
            Cell::Int(5),
            Cell::Int(5),
            Cell::Int(1),
            Cell::Float(6.5),
            Cell::Float(2.0),
            Cell::Float(1.0),
        ]],
    },
    run: |call| {
        let (positions, values) = (call.integers(POSITION.name), call.floats(VALUE.name));
        let cusum = Cusum {
            baseline: call.params.int(BASELINE.name) as usize,
            reference: call.params.float(REFERENCE.name),
            threshold: call.params.float(THRESHOLD.name),
        };
        call.check_memory("the series", 64 * call.rows as u64)?;
        let groups = Groups::of(call.integers(GROUP_KEY.name))?;
        let mut found = Vec::new();
        for group in 0..groups.len() {
            let mut rows: Vec<(i64, f64, usize)> =
                groups.rows(group).filter_map(|row| Some((positions[row]?, values[row]?, row))).collect();
            if let Some((_, value, row)) = rows.iter().find(|(_, value, _)| !value.is_finite()) {
                return Err(Error::Value {
                    place: VALUE.name.into(),
                    row: *row as u64 + 1,
                    found: format!("{value:?}"),
                    expected: "a finite number, or NULL to leave the row out".into(),
                });
            }
            rows.sort_by_key(|(position, _, row)| (*position, *row));
            let series: Vec<f64> = rows.iter().map(|(_, value, _)| *value).collect();
            let changes = cusum.changes(&series)?;
            found.extend(
                changes.into_iter().map(|c| (groups.keys[group], rows[c.start].0, rows[c.alarm].0, c)),
            );
        }
        let float = |of: fn(&Change) -> f64| Values::Float(found.iter().map(|f| Some(of(&f.3))).collect());
        Ok(Output {
            columns: vec![
                Values::BigInt(found.iter().map(|f| f.0).collect()),
                Values::BigInt(found.iter().map(|f| Some(f.1)).collect()),
                Values::BigInt(found.iter().map(|f| Some(f.2)).collect()),
                Values::Int(found.iter().map(|f| Some(if f.3.upward { 1 } else { -1 })).collect()),
                float(|c| c.sum),
                float(|c| c.mean),
                float(|c| c.deviation),
            ],
            picked: None,
        })
    },
};

//! How coefficients changed between two points in time.

use crate::contract::shared::ID;
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::tensor::numbers;

/// What happened to a coefficient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Present after, absent before.
    Added,
    /// Present before, absent after.
    Removed,
    /// Present at both times, differing by more than the tolerance.
    Changed,
    /// Present at both times, differing by no more than the tolerance.
    Unchanged,
}

impl Change {
    /// `added`, `removed`, `changed` or `unchanged`.
    pub const fn name(self) -> &'static str {
        match self {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Changed => "changed",
            Change::Unchanged => "unchanged",
        }
    }
}

/// The change of one coefficient.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Drift {
    /// What happened to it.
    pub change: Change,
    /// after − before, where an absent coefficient counts as 0.
    pub delta: f64,
    /// delta / |before|, so it has the sign of the delta; `None` where the coefficient was absent or 0 before.
    pub relative_delta: Option<f64>,
    /// 2·delta / (|before| + |after|), from −2 to 2; 0 where both are 0.
    pub symmetric_delta: f64,
}

/// The change of a coefficient from one point in time to another; `None` where it is absent at both.
///
/// # Shapes
///
/// Two numbers, `None` where the coefficient is absent, and the largest difference that counts as unchanged.
///
/// # Errors
///
/// [`Error::Value`] where a coefficient is NaN or infinite; [`Error::ParameterValue`] where the tolerance is, or is
/// negative.
///
/// # Accuracy
///
/// The delta is rounded once, the relative deltas three times at most: within 2⁻⁵¹ of their size. A delta, or a
/// quotient with a very small base, that is beyond the largest double is infinite; the symmetric delta never is.
///
/// # Examples
///
/// ```
/// use hart_kernels::tensor::{Change, drift};
/// let moved = drift(Some(-2.0), Some(-1.0), 0.0)?.unwrap();
/// assert_eq!((moved.change, moved.delta, moved.relative_delta), (Change::Changed, 1.0, Some(0.5)));
/// let added = drift(None, Some(3.0), 0.0)?.unwrap();
/// assert_eq!((added.change, added.relative_delta, added.symmetric_delta), (Change::Added, None, 2.0));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn drift(before: Option<f64>, after: Option<f64>, tolerance: f64) -> Result<Option<Drift>, Error> {
    numbers::finite("before", &[before])?;
    numbers::finite("after", &[after])?;
    if !(0.0..=f64::MAX).contains(&tolerance) {
        return Err(Error::ParameterValue {
            name: "tolerance".into(),
            value: tolerance.to_string(),
            expected: KERNEL.params[0].kind.describe(),
        });
    }
    Ok(finite_drift(before, after, tolerance))
}

/// [`drift`] for finite numbers.
fn finite_drift(before: Option<f64>, after: Option<f64>, tolerance: f64) -> Option<Drift> {
    let (from, to) = (before.unwrap_or(0.0), after.unwrap_or(0.0));
    let delta = to - from;
    let change = match (before, after) {
        (None, None) => return None,
        (None, Some(_)) => Change::Added,
        (Some(_), None) => Change::Removed,
        (Some(_), Some(_)) if delta.abs() <= tolerance => Change::Unchanged,
        (Some(_), Some(_)) => Change::Changed,
    };
    let relative_delta = before.filter(|b| *b != 0.0).map(|b| delta / b.abs());
    let sum = from.abs() + to.abs();
    let symmetric_delta = if sum == 0.0 {
        0.0
    } else if sum.is_finite() {
        2.0 * (delta / sum)
    } else {
        // Halving keeps the sum in range, and is exact for numbers that large.
        2.0 * ((to / 2.0 - from / 2.0) / (from.abs() / 2.0 + to.abs() / 2.0))
    };
    Some(Drift { change, delta, relative_delta, symmetric_delta })
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let (before, after) = (call.floats("before"), call.floats("after"));
    numbers::finite("before", before)?;
    numbers::finite("after", after)?;
    let tolerance = call.params.float("tolerance");
    // Three numbers and a word that owns its memory.
    call.check_memory("the changes", call.rows as u64 * (3 * 16 + 24 + 16))?;
    let mut change = Vec::with_capacity(call.rows);
    let [mut delta, mut relative, mut symmetric] = [(); 3].map(|()| Vec::with_capacity(call.rows));
    for (before, after) in before.iter().zip(after) {
        let drift = finite_drift(*before, *after, tolerance);
        change.push(drift.map(|d| d.change.name().to_string()));
        delta.push(drift.map(|d| d.delta));
        relative.push(drift.and_then(|d| d.relative_delta));
        symmetric.push(drift.map(|d| d.symmetric_delta));
    }
    Ok(Output {
        columns: vec![
            Values::Text(change),
            Values::Float(delta),
            Values::Float(relative),
            Values::Float(symmetric),
        ],
        picked: None,
    })
}

const fn number(name: &'static str, summary: &'static str) -> Column {
    Column { name, kind: Kind::Float, unit: "that of the coefficients", summary }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "tensor_drift",
    family: Family::Tensor,
    summary: "How coefficients changed between two points in time: added, removed, changed, and by how much.",
    details: "One row for each coefficient of either snapshot, NULL where the coefficient is absent. Absent counts as 0 in the deltas. delta = after − before; \
              relative_delta = delta / |before|, whose sign is that of the delta whatever the base's sign; \
              symmetric_delta = 2·delta / (|before| + |after|), which has a value for a base of 0 too: 2 or −2 where the \
              coefficient came from nothing, went to nothing or changed its sign, 0 where both are 0.",
    inputs: &[
        ID,
        number("before", "The coefficient at the earlier time; NULL where it was absent."),
        number("after", "The coefficient at the later time; NULL where it is absent."),
    ],
    optional: &[],
    params: &[Param {
        name: "tolerance",
        kind: ParamKind::Float { min: 0.0, max: f64::MAX },
        default: Some("0"),
        summary: "Largest |delta| of a coefficient that counts as unchanged.",
    }],
    outputs: &[
        ID,
        Column {
            name: "change",
            kind: Kind::Text,
            unit: "1",
            summary: "added, removed, changed or unchanged. An added or removed coefficient is so whatever its size.",
        },
        number("delta", "after − before."),
        Column {
            name: "relative_delta",
            kind: Kind::Float,
            unit: "1",
            summary: "delta / |before|; NULL where before is 0 or absent.",
        },
        Column {
            name: "symmetric_delta",
            kind: Kind::Float,
            unit: "1",
            summary: "2·delta / (|before| + |after|), from −2 to 2.",
        },
    ],
    rows: RowShape::Same,
    nulls: "NULL is an absent coefficient. Absent at both times gives NULL in every column.",
    empty: "No rows give no result rows.",
    nan: "NaN or an infinity is an error that names the row. A delta beyond the largest double, or such a quotient with a very \
          small base, is infinite.",
    accuracy: "delta is correctly rounded; the quotients are within 2⁻⁵¹ of their size. −0 and 0 are equal.",
    streaming: Streaming::Rows,
    source: "Relative change with an absolute base, and the symmetric one; see Törnqvist, Vartia and Vartia 1985, \
             \"How should relative changes be measured?\".",
    elements: "",
    sql: "A FULL OUTER JOIN of the table FOR SYSTEM_TIME AS OF two points in time gives the rows.",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Float(-2.0), Cell::Float(-1.0)],
            &[Cell::Int(2), Cell::Null, Cell::Float(0.5)],
            &[Cell::Int(3), Cell::Float(0.0), Cell::Float(4.0)],
            &[Cell::Int(4), Cell::Float(8.0), Cell::Null],
            &[Cell::Int(5), Cell::Float(3.0), Cell::Float(3.0)],
        ],
        params: &[],
        outputs: &[
            &[
                Cell::Int(1),
                Cell::Text("changed"),
                Cell::Float(1.0),
                Cell::Float(0.5),
                Cell::Float(2.0 / 3.0),
            ],
            &[Cell::Int(2), Cell::Text("added"), Cell::Float(0.5), Cell::Null, Cell::Float(2.0)],
            &[Cell::Int(3), Cell::Text("changed"), Cell::Float(4.0), Cell::Null, Cell::Float(2.0)],
            &[Cell::Int(4), Cell::Text("removed"), Cell::Float(-8.0), Cell::Float(-1.0), Cell::Float(-2.0)],
            &[Cell::Int(5), Cell::Text("unchanged"), Cell::Float(0.0), Cell::Float(0.0), Cell::Float(0.0)],
        ],
    },
    run,
};

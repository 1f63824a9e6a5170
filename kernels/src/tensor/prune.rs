//! Selects the most important atoms of a layer, as many as a target requires.

use crate::contract::shared::ID;
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::number::range::unit;
use crate::tensor::numbers::{self, wrong};
use crate::tensor::ranking;

/// How many atoms are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Target {
    /// This share of the atoms, rounded up: above 0, at most 1.
    Ratio(f64),
    /// The atoms of at least this importance, possibly none.
    Threshold(f64),
    /// The fewest that keep the relative error at or below this, but at least one: from 0 to 1.
    Error(f64),
}

const TARGETS: [&str; 3] = ["ratio", "threshold", "error"];

impl Target {
    /// The target with that name and value.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterValue`] where the name is unknown, or the value is out of the target's range.
    pub fn new(name: &str, value: f64) -> Result<Target, Error> {
        let wrong = |parameter: &str, value: String, expected: String| {
            Err(Error::ParameterValue { name: parameter.into(), value, expected })
        };
        let (target, fits, expected) = match name {
            "ratio" => (Target::Ratio(value), value > 0.0 && value <= 1.0, "a number above 0, at most 1"),
            "threshold" => {
                (Target::Threshold(value), (0.0..=f64::MAX).contains(&value), "a finite number ≥ 0")
            }
            "error" => (Target::Error(value), (0.0..=1.0).contains(&value), "a number from 0 to 1"),
            _ => return wrong("target", format!("'{name}'"), format!("one of {}", TARGETS.join(", "))),
        };
        if fits {
            Ok(target)
        } else {
            wrong("value", value.to_string(), format!("{expected}, for target {name}"))
        }
    }

    fn checked(self) -> Result<Target, Error> {
        match self {
            Target::Ratio(value) => Target::new("ratio", value),
            Target::Threshold(value) => Target::new("threshold", value),
            Target::Error(value) => Target::new("error", value),
        }
    }
}

/// An atom that is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Kept {
    /// Its position in the input, from 0.
    pub row: usize,
    /// Share of the energy in this atom and the more important ones, from 0 to 1.
    pub kept_energy: f64,
    /// Relative Frobenius error of the layer made from these atoms, if all atoms are orthogonal: √(1 − kept energy).
    pub error: f64,
}

/// The most important atoms, as many as the target requires, the most important first.
///
/// # Shapes
///
/// Per atom an id, an importance and, where the importance is not an energy, an energy: the squared norm of what the
/// atom adds to the layer. Equal importances are ordered by smaller id, `None` last, and then by position. Without
/// energies the importances are used instead.
///
/// # Errors
///
/// [`Error::Value`] where an importance or an energy is negative, NaN or infinite, their number differs from the ids',
/// or an id occurs twice; [`Error::ParameterValue`] as [`Target::new`].
///
/// # Accuracy
///
/// The energies are added from the least important to the most, in double precision: for n atoms, the error is within
/// n·2⁻⁵² of its size, however small it is, and the kept energy within n·2⁻⁵² of 1; energies of less than 2⁻⁹⁹⁰ of the
/// largest may count as less than they are. Where all energies are 0, nothing can be lost: the kept energy is 1 and the
/// error 0.
///
/// # Examples
///
/// ```
/// use hart_kernels::tensor::{Target, prune};
/// let kept = prune(&[Some(1), Some(2), Some(3)], &[9.0, 16.0, 75.0], None, Target::Ratio(0.5))?;
/// assert_eq!((kept[0].row, kept[0].kept_energy, kept[0].error), (2, 0.75, 0.5));
/// assert_eq!((kept[1].row, kept[1].error), (1, 0.3));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn prune(
    ids: &[Option<i64>],
    importance: &[f64],
    energy: Option<&[f64]>,
    target: Target,
) -> Result<Vec<Kept>, Error> {
    let energy = energy.unwrap_or(importance);
    for (name, values) in [("importance", importance), ("energy", energy)] {
        if values.len() != ids.len() {
            return Err(Error::Value {
                place: name.into(),
                row: 0,
                found: format!("{} numbers", values.len()),
                expected: format!("{}, one for each id", ids.len()),
            });
        }
        numbers::not_negative(name, &values.iter().copied().map(Some).collect::<Vec<_>>())?;
    }
    once(ids)?;
    Ok(checked_prune(ids, importance, energy, target.checked()?))
}

/// Checks that no id but NULL occurs twice: an atom counted twice would distort the shares.
fn once(ids: &[Option<i64>]) -> Result<(), Error> {
    let mut order: Vec<(i64, usize)> =
        ids.iter().enumerate().filter_map(|(row, id)| id.map(|id| (id, row))).collect();
    order.sort_unstable();
    // The earliest of all repeated rows, as a reader of the input would meet it.
    let again = order.windows(2).filter(|pair| pair[0].0 == pair[1].0).min_by_key(|pair| pair[1].1);
    again.map_or(Ok(()), |pair| {
        let found = format!("{}, which row {} holds too", pair[1].0, pair[0].1 + 1);
        Err(wrong(ID.name, pair[1].1, found, "each atom once"))
    })
}

/// [`prune`] for as many numbers as ids, none of them negative.
fn checked_prune(ids: &[Option<i64>], importance: &[f64], energy: &[f64], target: Target) -> Vec<Kept> {
    let order = ranking::most_important_first(importance, ids);
    // Divided by powers of two, which is exact, so that the sum stays in range.
    let (unit, count) = (unit(energy.iter().copied()), energy.len().next_power_of_two() as f64);
    let mut rest = 0.0;
    let mut kept: Vec<Kept> = Vec::with_capacity(order.len());
    for row in order.into_iter().rev() {
        // Not yet divided by the total: the energy lost if this atom and the more important ones are kept.
        kept.push(Kept { row, kept_energy: 0.0, error: rest });
        rest += energy[row] / unit / count;
    }
    kept.reverse();
    let whole = rest;
    for atom in &mut kept {
        let lost = atom.error;
        (atom.kept_energy, atom.error) =
            if whole > 0.0 { ((whole - lost) / whole, (lost / whole).sqrt()) } else { (1.0, 0.0) };
    }
    let count = match target {
        Target::Ratio(ratio) => {
            let wanted = ratio * kept.len() as f64;
            // 0.1 · 30 is slightly above 3, because no double is exactly 0.1.
            ((wanted * (1.0 - 1.0 / (1u64 << 50) as f64)).ceil() as usize).max(1)
        }
        Target::Threshold(threshold) => kept.partition_point(|atom| importance[atom.row] >= threshold),
        Target::Error(error) => kept.partition_point(|atom| atom.error > error) + 1,
    };
    kept.truncate(count);
    kept
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    numbers::countable(call)?;
    let target = Target::new(call.params.word("target"), call.params.float("value"))?;
    // Numbers, ids, order, and the kept atoms with their columns.
    call.check_memory("the atoms in their order", call.rows as u64 * (16 + 16 + 8 + 24 + 56))?;
    let importance = numbers::not_negative("importance", call.floats("importance"))?;
    let given = call.floats("energy");
    let energy = match given.iter().position(Option::is_some) {
        None => importance.clone(),
        Some(first) => {
            if let Some(row) = given.iter().position(Option::is_none) {
                let expected = format!("a number, as in row {}, or NULL in every row", first + 1);
                return Err(wrong("energy", row, "NULL".into(), &expected));
            }
            numbers::not_negative("energy", given)?
        }
    };
    let ids = ranking::ids(call)?;
    once(ids)?;
    let kept = checked_prune(ids, &importance, &energy, target);
    Ok(Output {
        columns: vec![
            // No more than the rows, whose count fits.
            Values::Int((1..=kept.len() as i32).map(Some).collect()),
            Values::Float(kept.iter().map(|atom| Some(importance[atom.row])).collect()),
            Values::Float(kept.iter().map(|atom| Some(atom.kept_energy)).collect()),
            Values::Float(kept.iter().map(|atom| Some(atom.error)).collect()),
        ],
        picked: Some(kept.into_iter().map(|atom| atom.row).collect()),
    })
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "tensor_prune",
    family: Family::Tensor,
    summary: "The most important atoms of a layer, as many as a ratio, a threshold or an error allows, and what that costs.",
    details: "Orders the atoms by importance, the greatest first and equal ones by the smaller id, and keeps the first of them. \
              ratio: ⌈value·n⌉ of n atoms (a product within 2⁻⁵⁰ of a whole number counts as that). threshold: importance ≥ \
              value, which may keep none. error: as few as keep the error at or below the value, one at least. The energy of an \
              atom is the squared norm of what it adds to the layer: σ² for components, coefficient²·‖payload‖² for atoms. \
              kept_energy is the share of all energy in this atom and the more important ones, and error = √(1 − kept_energy): \
              exactly the relative Frobenius error of the layer made of these atoms if they are orthogonal, as the components of \
              tensor_svd are; an estimate otherwise.",
    inputs: &[
        ID,
        Column {
            name: "importance",
            kind: Kind::Float,
            unit: "any",
            summary: "What the atoms are ordered by, ≥ 0; for example from tensor_importance.",
        },
        Column {
            name: "energy",
            kind: Kind::Float,
            unit: "any",
            summary: "Squared norm of what the atom adds to the layer; NULL in every row where the importance is that.",
        },
    ],
    optional: &[],
    params: &[
        Param {
            name: "target",
            kind: ParamKind::Choice(&TARGETS),
            default: Some("ratio"),
            summary: "What `value` is: a share of the atoms, the smallest importance, or the largest relative error.",
        },
        Param {
            name: "value",
            kind: ParamKind::Float { min: 0.0, max: f64::MAX },
            default: None,
            summary: "The target's value: above 0 and at most 1 for ratio, from 0 to 1 for error, ≥ 0 for threshold.",
        },
    ],
    outputs: &[
        ID,
        Column { name: "rank", kind: Kind::Int, unit: "number from 1", summary: "1 is the most important." },
        Column { name: "importance", kind: Kind::Float, unit: "as given", summary: "As given." },
        Column {
            name: "kept_energy",
            kind: Kind::Float,
            unit: "1",
            summary: "Share of the energy in this atom and the more important ones; 1 where all energy is 0.",
        },
        Column {
            name: "error",
            kind: Kind::Float,
            unit: "1",
            summary: "√(1 − kept_energy): relative Frobenius error of the layer made of this atom and the more important ones, if \
                      atoms are orthogonal.",
        },
    ],
    rows: RowShape::Picked,
    nulls: "A NULL importance is an error, and so is an energy that is NULL in some rows only. An id that comes twice is an error too; a \
            NULL id loses every tie.",
    empty: "No rows give no result rows.",
    nan: "NaN, an infinity or a negative number is an error that names the row.",
    accuracy: "Of n atoms, error is within n·2⁻⁵² of its size, however small, and kept_energy within n·2⁻⁵² of 1; energies of less than 2⁻⁹⁹⁰ of the \
               largest may count as less than they are. The same bits \
               for any order of the rows that have ids, on every machine.",
    streaming: Streaming::Whole("all rows"),
    source: "Eckart and Young 1936, \"The approximation of one matrix by another of lower rank\"; sp_ExtractStudentModel of the \
             replaced procedures.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Float(9.0), Cell::Null],
            &[Cell::Int(2), Cell::Float(75.0), Cell::Null],
            &[Cell::Int(3), Cell::Float(16.0), Cell::Null],
        ],
        params: &[("target", Cell::Text("error")), ("value", Cell::Float(0.4))],
        outputs: &[
            &[Cell::Int(2), Cell::Int(1), Cell::Float(75.0), Cell::Float(0.75), Cell::Float(0.5)],
            &[Cell::Int(3), Cell::Int(2), Cell::Float(16.0), Cell::Float(0.91), Cell::Float(0.3)],
        ],
    },
    run,
};

//! The coefficients of two models side by side.

use crate::contract::shared::number;
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values,
};
use crate::error::{Error, Place};
use crate::number::range;
use crate::pairwise::reduce::cosine_of_sums;
use crate::tensor::numbers::{self, Sum, wrong};

/// Statistics of one model's coefficients in a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// How many atoms it has.
    pub atoms: usize,
    /// Mean of its coefficients; `None` if it has no atoms.
    pub mean: Option<f64>,
    /// Population standard deviation of its coefficients (divided by the number of atoms); `None` if it has no atoms.
    pub deviation: Option<f64>,
    /// Euclidean norm of its coefficients.
    pub norm: f64,
}

/// Two models' coefficients in a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Comparison {
    /// The first model.
    pub a: Statistics,
    /// The second model.
    pub b: Statistics,
    /// Atoms that both have.
    pub shared: usize,
    /// Atoms that both have, as a share of those that either has.
    pub coverage: f64,
    /// Cosine of the two vectors of coefficients over the atoms that either has, with 0 for an absent one; `None` if a
    /// vector is zero.
    pub cosine: Option<f64>,
}

/// Compares the coefficients of two models in one layer, over every atom that at least one of them has.
///
/// # Shapes
///
/// One pair per atom: its coefficient in the first model and in the second, `None` where the model does not have the
/// atom. The sums are taken in the order of the pairs.
///
/// # Errors
///
/// [`Error::Value`] where there are no pairs, or a pair has no coefficient, or one that is NaN or infinite.
///
/// # Accuracy
///
/// Compensated sums in double precision: with u = 2⁻⁵³, the norms are within 4·u of their size, the means within 3·u of
/// the mean magnitude, the deviations within 8·u of the largest magnitude and the cosine within 8·u. No sum overflows;
/// a norm beyond the largest double is infinite. For up to 2²⁴ atoms; a number below the range of normal doubles is
/// rounded once more.
///
/// # Examples
///
/// ```
/// use hart_kernels::tensor::compare;
/// let both = compare(&[(Some(3.0), Some(3.0)), (Some(4.0), None), (None, Some(4.0))])?;
/// assert_eq!((both.a.atoms, both.b.atoms, both.shared, both.coverage), (2, 2, 1, 1.0 / 3.0));
/// assert_eq!((both.a.mean, both.a.norm, both.cosine), (Some(3.5), 5.0, Some(0.36)));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn compare(pairs: &[(Option<f64>, Option<f64>)]) -> Result<Comparison, Error> {
    let (a, b): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
    numbers::finite("a", &a)?;
    numbers::finite("b", &b)?;
    if let Some(row) = pairs.iter().position(|pair| *pair == (None, None)) {
        return Err(neither(row));
    }
    if pairs.is_empty() {
        return Err(Error::Value {
            place: Place::whole("the layer"),
            row: 0,
            found: "no atoms".into(),
            expected: "at least one".into(),
        });
    }
    Ok(finite_compare(pairs))
}

fn neither(row: usize) -> Error {
    wrong("a", row, "NULL, and so is b".into(), "a coefficient in one of the models at least")
}

/// One model's coefficients over a power of two, so that no square leaves the range of doubles.
struct Scaled {
    /// Absent ones are 0.
    values: Vec<f64>,
    /// Sum of the squares.
    square: f64,
}

fn scaled(values: impl Iterator<Item = Option<f64>> + Clone) -> (Scaled, Statistics) {
    let unit = range::unit(values.clone().flatten());
    let present: Vec<f64> = values.clone().flatten().map(|v| v / unit).collect();
    let count = present.len() as f64;
    let mean = Sum::of(present.iter().copied()) / count;
    let variance = Sum::of(present.iter().map(|v| (v - mean) * (v - mean))) / count;
    let square = Sum::of(present.iter().map(|v| v * v));
    let some = |value: f64| (!present.is_empty()).then_some(value * unit);
    let statistics = Statistics {
        atoms: present.len(),
        mean: some(mean),
        deviation: some(variance.sqrt()),
        norm: square.sqrt() * unit,
    };
    (Scaled { values: values.map(|v| v.unwrap_or(0.0) / unit).collect(), square }, statistics)
}

/// [`compare`] for at least one pair, and for finite numbers.
fn finite_compare(pairs: &[(Option<f64>, Option<f64>)]) -> Comparison {
    let (first, a) = scaled(pairs.iter().map(|pair| pair.0));
    let (second, b) = scaled(pairs.iter().map(|pair| pair.1));
    let product = Sum::of(first.values.iter().zip(&second.values).map(|(x, y)| x * y));
    let shared = pairs.iter().filter(|pair| pair.0.is_some() && pair.1.is_some()).count();
    Comparison {
        a,
        b,
        shared,
        coverage: shared as f64 / pairs.len() as f64,
        cosine: (first.square > 0.0 && second.square > 0.0)
            .then(|| cosine_of_sums(product, first.square, second.square)),
    }
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    numbers::countable(call)?;
    let (layers, ids) = (call.texts("layer"), call.integers("atom_id"));
    let (a, b) = (call.floats("a"), call.floats("b"));
    numbers::finite("a", a)?;
    numbers::finite("b", b)?;
    // The order, the pairs, and two models' numbers twice.
    call.check_memory("the comparison", call.rows as u64 * (8 + 32 + 4 * 8))?;
    let mut rows = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let layer = layers[row].as_deref();
        let layer = layer.ok_or_else(|| wrong("layer", row, "NULL".into(), "a layer's name"))?;
        let id = ids[row].ok_or_else(|| wrong("atom_id", row, "NULL".into(), "an atom's number"))?;
        if a[row].is_none() && b[row].is_none() {
            return Err(neither(row));
        }
        rows.push((layer, id, row));
    }
    rows.sort_unstable();
    let duplicate = |pair: &[(&str, i64, usize)]| pair[0].0 == pair[1].0 && pair[0].1 == pair[1].1;
    // The earliest of all repeated rows, as a reader of the input would meet it.
    if let Some(again) =
        rows.windows(2).filter(|pair| duplicate(pair)).map(|pair| pair[1]).min_by_key(|r| r.2)
    {
        let found = format!("{}, which layer `{}` has already", again.1, again.0);
        return Err(wrong("atom_id", again.2, found, "each atom once in a layer"));
    }

    let mut names = Vec::new();
    let mut counts = [(); 3].map(|()| Vec::new());
    let mut numbers = [(); 8].map(|()| Vec::new());
    for layer in rows.chunk_by(|x, y| x.0 == y.0) {
        let pairs: Vec<_> = layer.iter().map(|(_, _, row)| (a[*row], b[*row])).collect();
        let found = finite_compare(&pairs);
        names.push(Some(layer[0].0.to_string()));
        // No more than the rows, whose count fits.
        for (column, count) in counts.iter_mut().zip([found.a.atoms, found.b.atoms, found.shared]) {
            column.push(Some(count as i32));
        }
        let values = [
            Some(found.coverage),
            found.a.mean,
            found.b.mean,
            found.a.deviation,
            found.b.deviation,
            Some(found.a.norm),
            Some(found.b.norm),
            found.cosine,
        ];
        numbers.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
    }
    let columns = std::iter::once(Values::Text(names))
        .chain(counts.into_iter().map(Values::Int))
        .chain(numbers.into_iter().map(Values::Float));
    Ok(Output { columns: columns.collect(), picked: None })
}

const fn count(name: &'static str, summary: &'static str) -> Column {
    Column { name, kind: Kind::Int, unit: "atoms", summary }
}

const COEFFICIENTS: &str = "that of the coefficients";
const DEVIATION: &str = "standard deviation of the population";

pub(crate) static KERNEL: Kernel = Kernel {
    name: "tensor_compare",
    family: Family::Tensor,
    summary: "Statistics of two models' coefficients side by side, layer by layer.",
    details: "One row for each atom of a layer that at least one model has. One result row for each layer, by its name's code points. Means, deviations and norms are over the \
              atoms that the model has; coverage = shared / (atoms_a + atoms_b − shared); the cosine is over the atoms that \
              either model has, an absent coefficient being 0, and NULL where all of a model's coefficients are.",
    inputs: &[
        Column { name: "layer", kind: Kind::Text, unit: "1", summary: "The layer's name." },
        Column { name: "atom_id", kind: Kind::BigInt, unit: "1", summary: "The atom, once in a layer." },
        number("a", "1", "The atom's coefficient in the first model; NULL where it does not have the atom."),
        number("b", "1", "The atom's coefficient in the second model; NULL where it does not have the atom."),
    ],
    optional: &[],
    params: &[],
    outputs: &[
        Column { name: "layer", kind: Kind::Text, unit: "1", summary: "The layer's name." },
        count("atoms_a", "Atoms of the first model."),
        count("atoms_b", "Atoms of the second model."),
        count("shared", "Atoms that both models have."),
        number("coverage", "1", "Atoms that both have, as a share of those that either has."),
        number("mean_a", COEFFICIENTS, "Mean coefficient of the first model; NULL where it has no atom."),
        number("mean_b", COEFFICIENTS, "Mean coefficient of the second model; NULL where it has no atom."),
        number("deviation_a", COEFFICIENTS, DEVIATION),
        number("deviation_b", COEFFICIENTS, DEVIATION),
        number("norm_a", COEFFICIENTS, "Euclidean norm of the first model's coefficients."),
        number("norm_b", COEFFICIENTS, "Euclidean norm of the second model's coefficients."),
        number(
            "cosine",
            "1",
            "Cosine of the two models' coefficients, from −1 to 1; NULL where all of a model's are 0.",
        ),
    ],
    rows: RowShape::Made,
    nulls: "NULL in a or b is an atom that the model does not have; NULL in both, or in layer or atom_id, is an error.",
    empty: "No rows give no result rows.",
    nan: "NaN or an infinity is an error that names the row. A norm beyond the largest double is infinite.",
    accuracy: "Compensated sums in ascending order of the atoms: norms within 2⁻⁵¹ of their size, means within 2⁻⁵¹ of the mean \
               magnitude, deviations within 2⁻⁵⁰ of the largest magnitude, the cosine within 2⁻⁵⁰, for up to 2²⁴ atoms; a number below the range of normal doubles is rounded once more. The same bits for any order \
               of the rows, on every machine.",
    streaming: Streaming::Whole("a layer's rows"),
    source: "sp_CompareModelKnowledge of the replaced procedures, with values instead of counts alone.",
    elements: "",
    sql: "A FULL OUTER JOIN of the two models' coefficients by layer and atom gives the rows.",
    example: Example {
        inputs: &[
            &[Cell::Text("h.1"), Cell::Int(7), Cell::Float(2.0), Cell::Null],
            &[Cell::Text("h.0"), Cell::Int(1), Cell::Float(3.0), Cell::Float(3.0)],
            &[Cell::Text("h.0"), Cell::Int(2), Cell::Float(4.0), Cell::Null],
            &[Cell::Text("h.0"), Cell::Int(3), Cell::Null, Cell::Float(4.0)],
        ],
        params: &[],
        outputs: &[
            &[
                Cell::Text("h.0"),
                Cell::Int(2),
                Cell::Int(2),
                Cell::Int(1),
                Cell::Float(1.0 / 3.0),
                Cell::Float(3.5),
                Cell::Float(3.5),
                Cell::Float(0.5),
                Cell::Float(0.5),
                Cell::Float(5.0),
                Cell::Float(5.0),
                Cell::Float(0.36),
            ],
            &[
                Cell::Text("h.1"),
                Cell::Int(1),
                Cell::Int(0),
                Cell::Int(0),
                Cell::Float(0.0),
                Cell::Float(2.0),
                Cell::Null,
                Cell::Float(0.0),
                Cell::Null,
                Cell::Float(2.0),
                Cell::Float(0.0),
                Cell::Null,
            ],
        ],
    },
    run,
};

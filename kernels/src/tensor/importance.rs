//! How much an atom matters to its layer.

use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::number::range;
use crate::tensor::atoms::{self, ATOM_ID};
use crate::tensor::numbers::{self, wrong};
use crate::tensor::payload::{self, CHUNK, PAYLOAD, TYPE};
use crate::tensor::quant::PayloadType;

/// An atom with its measures.
struct Measured {
    id: i64,
    /// Its first input row, from 0.
    row: usize,
    importance: f64,
    energy: f64,
}

/// From the weights alone, if they are singular values: σ².
fn by_singular_value(call: &Call<'_>, weights: &[Option<f64>]) -> Result<Vec<Measured>, Error> {
    let weights = numbers::present(WEIGHT.name, weights)?;
    let atoms = numbers::groups(call, &ATOM_ID, 0..call.rows)?.into_iter().map(|(id, rows)| {
        // Detects a repeated row, which nothing else would.
        payload::order(call.integers(CHUNK.name), rows.iter().copied())?;
        let weight = numbers::repeated(WEIGHT.name, &weights, &rows, ("atom", id))?;
        let energy = weight * weight;
        Ok(Measured { id, row: rows[0], importance: energy, energy })
    });
    atoms.collect()
}

/// From the elements that an atom adds to the layer: their squares, optionally weighted by a Fisher diagonal.
fn by_payload(call: &Call<'_>, weights: &[Option<f64>], fisher: bool) -> Result<Vec<Measured>, Error> {
    numbers::finite(WEIGHT.name, weights)?;
    let weights: Vec<f64> = weights.iter().map(|w| w.unwrap_or(1.0)).collect();
    let payload_type = PayloadType::parse(call.params.word(TYPE.name))?;
    // Atoms are decoded one at a time.
    let memory = |_, elements: usize| elements as u64 * 8;
    let (all, elements) = atoms::of_call(call, payload_type, memory)?;
    let diagonals = if fisher {
        let (diagonals, own) = atoms::of_rows(call, &FISHER, PayloadType::F32, 0..call.rows, memory)?;
        if own != elements {
            let expected = format!("{elements}, as the payloads have");
            let row = diagonals.first().map_or(0, |first| first.rows[0]);
            return Err(wrong(FISHER.name, row, format!("{own} elements"), &expected));
        }
        diagonals
    } else {
        Vec::new()
    };
    let (mut values, mut diagonal) = (vec![0f32; elements], vec![0f32; elements]);
    let measured = all.iter().enumerate().map(|(i, atom)| {
        let weight = numbers::repeated(WEIGHT.name, &weights, &atom.rows, ("atom", atom.id))?;
        atom.decode(call.compute, payload_type, &PAYLOAD, &mut values)?;
        let square = |x: &f32| (weight * f64::from(*x)) * (weight * f64::from(*x));
        let energy: f64 = values.iter().map(square).sum();
        let mut importance = energy;
        // Both lists cover the same rows, by the same ids.
        if let Some(own) = diagonals.get(i) {
            own.decode(call.compute, PayloadType::F32, &FISHER, &mut diagonal)?;
            if let Some(element) = diagonal.iter().position(|f| *f < 0.0) {
                let found = format!("element {element} of atom {} is {}", atom.id, diagonal[element]);
                return Err(wrong(FISHER.name, atom.rows[0], found, "numbers ≥ 0"));
            }
            importance =
                values.iter().zip(&diagonal).map(|(x, f)| f64::from(*f) * square(x)).sum::<f64>() / 2.0;
        }
        Ok(Measured { id: atom.id, row: atom.rows[0], importance, energy })
    });
    measured.collect()
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let weights = call.floats(WEIGHT.name);
    let atoms = match call.params.word(MEASURE.name) {
        "singular_value" => by_singular_value(call, weights)?,
        "fisher" => by_payload(call, weights, true)?,
        _ => by_payload(call, weights, false)?,
    };
    for atom in &atoms {
        if !(atom.importance.is_finite() && atom.energy.is_finite()) {
            let found = format!("the importance of atom {} is beyond the range of doubles", atom.id);
            return Err(wrong(WEIGHT.name, atom.row, found, "smaller numbers"));
        }
    }
    // Divided before adding, because the sum might exceed the range of doubles.
    let unit = range::unit(atoms.iter().map(|atom| atom.importance));
    let total: f64 = atoms.iter().map(|atom| atom.importance / unit).sum();
    let share = |atom: &Measured| if total > 0.0 { atom.importance / unit / total } else { 0.0 };
    Ok(Output {
        columns: vec![
            Values::BigInt(atoms.iter().map(|atom| Some(atom.id)).collect()),
            Values::Float(atoms.iter().map(|atom| Some(atom.importance)).collect()),
            Values::Float(atoms.iter().map(|atom| Some(share(atom))).collect()),
            Values::Float(atoms.iter().map(|atom| Some(atom.energy)).collect()),
        ],
        picked: None,
    })
}

const WEIGHT: Column = Column {
    name: "weight",
    kind: Kind::Float,
    unit: "any",
    summary: "Singular value or coefficient of the atom, the same in all of its rows; NULL is 1, but not for singular_value.",
};
const FISHER: Column = Column {
    name: "fisher",
    kind: Kind::Binary,
    unit: "any",
    summary: "Fisher diagonal for measure fisher: a packed single (f32, little-endian) ≥ 0 for each element, in chunks as the payload; \
              not read otherwise.",
};
const MEASURE: Param = Param {
    name: "measure",
    kind: ParamKind::Choice(&["singular_value", "magnitude", "fisher"]),
    default: Some("singular_value"),
    summary: "singular_value: weight². magnitude: the squared norm of weight·payload. fisher: ½·Σ fisher·(weight·payload)², the rise of \
              the loss where the atom is left out.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "tensor_importance",
    family: Family::Tensor,
    summary: "How much each atom matters: from singular values, from magnitude, or from a Fisher diagonal.",
    details: "One row for each atom, by ascending atom_id, with the columns that tensor_prune takes. singular_value reads no payload, but \
              the same chunk of an atom twice is an error there too. \
              energy is the squared norm of what the atom adds to the layer: weight² for components of tensor_svd, else \
              weight²·‖payload‖². The measure fisher takes the loss to be at a minimum and its Hessian to be the diagonal given \
              (optimal brain damage).",
    inputs: &[ATOM_ID, CHUNK, WEIGHT, PAYLOAD, FISHER],
    optional: &[],
    params: &[MEASURE, TYPE],
    outputs: &[
        ATOM_ID,
        Column {
            name: "importance",
            kind: Kind::Float,
            unit: "by the measure",
            summary: "The importance, ≥ 0.",
        },
        Column {
            name: "share",
            kind: Kind::Float,
            unit: "1",
            summary: "Its share of the importance of all atoms of the call; 0 where all are 0.",
        },
        Column {
            name: "energy",
            kind: Kind::Float,
            unit: "square of the layer's",
            summary: "Squared norm of what the atom adds to the layer.",
        },
    ],
    rows: RowShape::Made,
    nulls: "A NULL atom_id is an error, and so is a NULL weight for singular_value and NULL bytes that the measure reads.",
    empty: "No rows give no result rows.",
    nan: "NaN or an infinity is an error that names the row and the element, and so is a negative number in fisher.",
    accuracy: "Sums in double precision: of n elements importance and energy have a relative error of at most (n + 4)·2⁻⁵³, for n up to 2²⁶, or \
               n·2⁻¹⁰⁷⁴ in the unit of the energy where that is more; singular_value is n = 1. share of m atoms has a relative error of at most (2·n + m + 10)·2⁻⁵³, and 2⁻⁹⁰⁰ comes on top, where no importance but 0 is below the range of normal doubles. \
               The same bits for any order of the rows and any number of threads, on every machine.",
    streaming: Streaming::Whole("all atoms, for the shares"),
    source: "LeCun, Denker and Solla 1990, \"Optimal brain damage\"; Eckart and Young 1936; the importance scores of the replaced \
             procedures.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(7), Cell::Null, Cell::Float(3.0), Cell::Null, Cell::Null],
            &[Cell::Int(8), Cell::Null, Cell::Float(-1.0), Cell::Null, Cell::Null],
        ],
        params: &[],
        outputs: &[
            &[Cell::Int(7), Cell::Float(9.0), Cell::Float(0.9), Cell::Float(9.0)],
            &[Cell::Int(8), Cell::Float(1.0), Cell::Float(0.1), Cell::Float(1.0)],
        ],
    },
    run,
};

//! The difference between two layers.

use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, RowShape, Streaming, Values,
};
use crate::error::{Error, Place};
use crate::parallel;
use crate::tensor::numbers::wrong;
use crate::tensor::payload::{CHUNK, PAYLOAD, Payload, TYPE};
use crate::tensor::quant::PayloadType;

/// The result of [`error`] for a layer a and its approximation b.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// Relative Frobenius error ‖a − b‖ / ‖a‖; 0 where both are zero, infinite where only a is.
    pub relative: f64,
    /// Largest |aᵢ − bᵢ|; 0 if there are no elements.
    pub largest: f64,
    /// The first element, from 0, with that difference; `None` if there are no elements.
    pub at: Option<usize>,
    /// Cosine of the angle between a and b; `None` if one of them is zero.
    pub cosine: Option<f64>,
}

/// Sums over a part of the elements.
#[derive(Clone, Copy, Default)]
struct Sums {
    /// Σ (a − b)²
    off: f64,
    /// Σ a²
    a: f64,
    /// Σ b²
    b: f64,
    /// Σ a·b
    both: f64,
    largest: f64,
    at: usize,
}

/// Compares two layers, element by element.
///
/// # Shapes
///
/// Equally many singles in `a`, the original, and `b`, its approximation.
///
/// # Errors
///
/// [`Error::Value`] where the lengths differ, and for the first NaN or infinity.
///
/// # Accuracy
///
/// Sums in double precision over blocks whose size depends on the length alone. For n elements, up to 2²⁶, the error
/// bounds are (n + 4)·2⁻⁵³ of its size for the relative error, however small it is, 2⁻⁵³ of its size for the largest
/// difference, and (2·n + 4)·2⁻⁵³ for the cosine. The same bits for any number of threads, on every machine.
///
/// # Examples
///
/// ```
/// use hart_kernels::tensor::error;
/// let difference = error(&[3.0, 4.0], &[3.0, 1.0])?;
/// assert_eq!((difference.relative, difference.largest, difference.at), (0.6, 3.0, Some(1)));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn error(a: &[f32], b: &[f32]) -> Result<Difference, Error> {
    if a.len() != b.len() {
        let expected = format!("{}, as the original has", a.len());
        return Err(Error::Value {
            place: Place::whole("the approximation"),
            row: 0,
            found: format!("{} elements", b.len()),
            expected,
        });
    }
    for (name, layer) in [("the original", a), ("the approximation", b)] {
        if let Some(element) = layer.iter().position(|x| !x.is_finite()) {
            return Err(Error::Value {
                place: name.into(),
                row: 0,
                found: format!("element {element} is {}", layer[element]),
                expected: "finite numbers".into(),
            });
        }
    }
    let parts = parallel::blocks(a.len(), size_of_val(a) * 2, |range| {
        let mut sums = Sums { at: range.start, ..Sums::default() };
        for i in range {
            let (x, y) = (f64::from(a[i]), f64::from(b[i]));
            sums.off += (x - y) * (x - y);
            sums.a += x * x;
            sums.b += y * y;
            sums.both += x * y;
            if (x - y).abs() > sums.largest {
                (sums.largest, sums.at) = ((x - y).abs(), i);
            }
        }
        Ok(sums)
    })?;
    let all = parts.into_iter().reduce(|s, p| Sums {
        off: s.off + p.off,
        a: s.a + p.a,
        b: s.b + p.b,
        both: s.both + p.both,
        largest: s.largest.max(p.largest),
        at: if p.largest > s.largest { p.at } else { s.at },
    });
    let all = all.unwrap_or_default();
    Ok(Difference {
        relative: if all.off == 0.0 { 0.0 } else { (all.off / all.a).sqrt() },
        largest: all.largest,
        at: Some(all.at).filter(|_| !a.is_empty()),
        cosine: Some(all.both / (all.a.sqrt() * all.b.sqrt()))
            .filter(|_| all.a > 0.0 && all.b > 0.0)
            .map(|c| c.clamp(-1.0, 1.0)),
    })
}

/// The layer whose chunks are in the rows where a column is not NULL.
fn layer(call: &Call<'_>, column: &Column, payload_type: &Param) -> Result<Vec<f32>, Error> {
    let payloads = call.binary(column.name);
    let rows: Vec<usize> = (0..call.rows).filter(|row| payloads[*row].is_some()).collect();
    let payload = Payload::gather(call.integers(CHUNK.name), column, payloads, rows.into_iter())?;
    let payload_type = PayloadType::parse(call.params.word(payload_type.name))?;
    let elements = payload_type.elements(payload.bytes())? as u64;
    call.check_memory("the elements", elements.saturating_mul(8).saturating_add(payload.bytes() as u64))?;
    payload.decode(call.compute, payload_type)
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let (first, second) = (call.binary(PAYLOAD.name), call.binary(APPROXIMATION.name));
    if let Some(row) = (0..call.rows).find(|row| first[*row].is_none() && second[*row].is_none()) {
        let expected = "a chunk of the original, of the approximation or of both";
        return Err(wrong(PAYLOAD.name, row, "NULL".into(), expected));
    }
    let mut found = None;
    if call.rows > 0 {
        let (a, b) = (layer(call, &PAYLOAD, &TYPE)?, layer(call, &APPROXIMATION, &APPROXIMATION_TYPE)?);
        found = Some((a.len(), error(&a, &b)?));
    }
    let number = |of: &dyn Fn(&Difference) -> Option<f64>| {
        Values::Float(found.iter().map(|(_, difference)| of(difference)).collect())
    };
    Ok(Output {
        columns: vec![
            Values::BigInt(found.iter().map(|(elements, _)| Some(*elements as i64)).collect()),
            // SQL Server's float has no infinity.
            number(&|d| Some(d.relative).filter(|r| r.is_finite())),
            number(&|d| Some(d.largest)),
            Values::BigInt(found.iter().map(|(_, d)| d.at.map(|at| at as i64)).collect()),
            number(&|d| d.cosine),
        ],
        picked: None,
    })
}

const APPROXIMATION: Column = Column {
    name: "approximation",
    kind: Kind::Binary,
    unit: "1",
    summary: "Bytes of the chunk of the other layer; NULL where it has fewer chunks.",
};
const APPROXIMATION_TYPE: Param =
    Param { name: "approximation_type", summary: "How the elements of the other layer are stored.", ..TYPE };

pub(crate) static KERNEL: Kernel = Kernel {
    name: "tensor_error",
    family: Family::Tensor,
    summary: "How far a layer is from its approximation: relative Frobenius error, largest difference, cosine.",
    details: "The layers may be stored in different types and in different numbers of chunks: each is put together from the rows in \
              which its own column is not NULL. One pair in a call.",
    inputs: &[CHUNK, PAYLOAD, APPROXIMATION],
    optional: &[],
    params: &[TYPE, APPROXIMATION_TYPE],
    outputs: &[
        Column { name: "elements", kind: Kind::BigInt, unit: "1", summary: "Elements of each layer." },
        Column {
            name: "relative_error",
            kind: Kind::Float,
            unit: "1",
            summary: "‖a − b‖ / ‖a‖ in the Frobenius norm; 0 where both are zero, NULL where only the original is.",
        },
        Column {
            name: "largest_error",
            kind: Kind::Float,
            unit: "that of the layer",
            summary: "Largest magnitude of a difference.",
        },
        Column {
            name: "largest_at",
            kind: Kind::BigInt,
            unit: "number from 0",
            summary: "The first element with that difference; NULL where there are no elements.",
        },
        Column {
            name: "cosine",
            kind: Kind::Float,
            unit: "1",
            summary: "Cosine of the angle between the layers; NULL where one of them is zero.",
        },
    ],
    rows: RowShape::Made,
    nulls: "NULL in both payloads of a row is an error; a NULL chunk is allowed where a layer has only one.",
    empty: "No rows give no result row.",
    nan: "NaN or an infinity is an error that names the layer and the element.",
    accuracy: "Sums in double precision in an order that depends on the length alone: of n elements, up to 2²⁶, relative_error is off by at most \
               (n + 4)·2⁻⁵³ of its size, however small it is, largest_error by 2⁻⁵³ of its, cosine by (2·n + 4)·2⁻⁵³. The same bits for \
               any chunks and any number of threads, on every machine.",
    streaming: Streaming::Whole("all chunks of both layers"),
    source: "Golub and Van Loan, Matrix Computations, 2.3.",
    elements: "",
    sql: "Several pairs: one partition each.",
    example: Example {
        inputs: &[&[Cell::Null, Cell::Vector(&[3.0, 4.0]), Cell::Vector(&[3.0, 1.0])]],
        params: &[],
        outputs: &[&[
            Cell::Int(2),
            Cell::Float(0.6),
            Cell::Float(3.0),
            Cell::Int(1),
            // (9 + 4) / (5·√10)
            Cell::Float(0.822_192_191_643_779_1),
        ]],
    },
    run,
};

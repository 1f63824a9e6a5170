//! Matrices as kernel input.

use crate::contract::{Call, Param, ParamKind};
use crate::error::Error;
use crate::tensor::payload::{CHUNK, PAYLOAD, Payload, TYPE};
use crate::tensor::quant::PayloadType;

pub(crate) const COLUMNS: Param = Param {
    name: "columns",
    kind: ParamKind::Int { min: 1, max: i32::MAX as i64 },
    default: None,
    summary: "Columns of the matrix.",
};
pub(crate) const ROWS: Param = Param {
    name: "rows",
    kind: ParamKind::Int { min: 0, max: i32::MAX as i64 },
    default: Some("0"),
    summary: "Rows of the matrix; 0 takes as many as the payload holds.",
};

/// A row-major matrix.
#[derive(Debug)]
pub(crate) struct Matrix {
    pub(crate) values: Vec<f32>,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Matrix {
    /// The matrix in the columns [`CHUNK`] and [`PAYLOAD`] with the parameters [`TYPE`], [`COLUMNS`] and [`ROWS`].
    /// `what` names the result for the memory check; it takes `memory(rows, columns)` bytes beside the elements.
    ///
    /// # Errors
    ///
    /// As [`Payload::gather`]; [`Error::Payload`] where the bytes are not whole blocks or not such a matrix;
    /// [`Error::Memory`].
    pub(crate) fn of_call(
        call: &Call<'_>,
        what: &str,
        memory: impl Fn(usize, usize) -> Result<u64, Error>,
    ) -> Result<Matrix, Error> {
        let payload =
            Payload::gather(call.integers(CHUNK.name), &PAYLOAD, call.binary(PAYLOAD.name), 0..call.rows)?;
        let payload_type = PayloadType::parse(call.params.word(TYPE.name))?;
        let elements = payload_type.elements(payload.bytes())?;
        let size = |name: &str| usize::try_from(call.params.int(name)).unwrap_or(usize::MAX);
        let columns = size(COLUMNS.name);
        let rows = match size(ROWS.name) {
            0 => elements / columns,
            rows => rows,
        };
        if rows.checked_mul(columns) != Some(elements) {
            return Err(Error::Payload {
                payload_type: payload_type.name(),
                found: format!("{} bytes, which are {elements} elements", payload.bytes()),
                expected: match size(ROWS.name) {
                    0 => format!("whole rows of {columns} elements"),
                    rows => format!("{rows} rows of {columns} elements"),
                },
            });
        }
        // Chunks cut within a block are joined first.
        let decoded = elements as u64 * 4 + payload.bytes() as u64;
        call.check_memory(what, decoded.saturating_add(memory(rows, columns)?))?;
        Ok(Matrix { values: payload.decode(call.compute, payload_type)?, rows, columns })
    }
}

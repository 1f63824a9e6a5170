//! Codes as a column.

use crate::contract::shared::{self, ELEMENT, ID, V};
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::vector::codes::{packed_codes, packed_size};

pub(crate) const CODE: Column = Column {
    name: "code",
    kind: Kind::Binary,
    unit: "1",
    summary: "Code of the vector: 40 bytes, and one for each component.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_quantize",
    family: Family::Vector,
    summary: "A code of each vector, a byte a component, that bounds distances for certain.",
    details: "With a scale s, integers q of 8 bits, and the norms of the vector and of what the code leaves out (v − s·q), rounded up. \
              vector_candidates finds with the codes alone the rows that may be among the nearest, a quarter of the bytes of singles. \
              A checksum of the vector in its code tells where they do not belong together. s and q are those of least squares for \
              a step of 1/127 of the greatest component; bytes (i8) are their own code. The layout has a version.",
    inputs: &[ID, V],
    optional: &[],
    params: &[ELEMENT],
    outputs: &[ID, CODE],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "The code of an empty vector has no bytes of components.",
    nan: "The code of a vector with NaN or an infinity, or whose norm is no single, proves nothing: such a row is always a candidate.",
    accuracy: "The norms hold for what is stored, whatever it is. Same bytes on every machine.",
    streaming: Streaming::Rows,
    source: "Weber, Schek and Blott 1998, \"A quantitative analysis and performance study for similarity-search methods in \
             high-dimensional spaces\" (the VA-file).",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[1.0, -0.5, 0.25, 0.0])], &[Cell::Int(2), Cell::Null]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Binary(EXAMPLE)], &[Cell::Int(2), Cell::Null]],
    },
    run: |call| {
        let given = call.given_vectors(0);
        let dimensions = (0..call.rows).filter_map(|row| given.dimensions(row));
        // Codes of blocks of rows, and the column that they are put together to.
        let bytes: u64 = dimensions.map(|n| 2 * packed_size(n) as u64).sum();
        call.check_memory("the codes", bytes)?;
        Ok(Output::same(Values::Packed(packed_codes(call.compute, call.vectors(0)?)?)))
    },
};

/// The code of (1, −½, ¼, 0).
pub(crate) const EXAMPLE: &[u8] =
    b"HC\x01\x00\x04\x00\x00\x00\xd9\xc3\x00\x3c\x49\x53\x7b\x3b\x76\xa4\x92\x3f\x9c\x17\x65\x33\x01\
    \x53\x00\x00\x00\x00\x00\x00\xbc\x6a\xc9\x25\x7c\x77\xd2\x9f\xff\x40\xa0\x80";

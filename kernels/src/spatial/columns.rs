//! Columns, parameters and row loops shared by the spatial kernels.

use crate::contract::{Call, Column, Kind, PackedBytes, Param, ParamKind};
use crate::error::Error;
use crate::parallel;
use crate::spatial::geometry::{self, Geometry, Shape, SpatialType};

pub(crate) const GEOMETRY: Column =
    Column { name: "geometry", kind: Kind::Binary, unit: "serialized", summary: "The serialized value." };
pub(crate) const RESULT_GEOMETRY: Column =
    Column { name: "geometry", kind: Kind::Binary, unit: "serialized", summary: "The serialized value." };

pub(crate) const SRID: Param = Param {
    name: "srid",
    kind: ParamKind::Int { min: 0, max: 999_999 },
    default: Some("0"),
    summary: "Identifier of the reference system. geography needs one for the globe, such as 4326.",
};
/// As [`SRID`], for values that may carry their own.
pub(crate) const SRID_READ: Param = Param {
    summary: "Identifier of the reference system. A value that names its own (SRID=4326; before a text, EWKB) keeps that; where both are given and differ, it is an error. \
              geography needs one for the globe, such as 4326.",
    ..SRID
};
pub(crate) const TYPE: Param = Param {
    name: "type",
    kind: ParamKind::Choice(&["geometry", "geography"]),
    default: Some("geometry"),
    summary: "Which type the bytes are of: they do not say so, and geography stores latitude before longitude.",
};
pub(crate) const ORDINATES: Param = Param {
    name: "ordinates",
    kind: ParamKind::Choice(&["all", "xy"]),
    default: Some("all"),
    summary: "Whether Z and M are written, or x and y alone.",
};
pub(crate) const DIALECT: Param = Param {
    name: "dialect",
    kind: ParamKind::Choice(&["sql_server", "iso"]),
    default: Some("sql_server"),
    summary: "Spelling of Z and M: sql_server has no tag and writes NULL, as in POINT (1 2 NULL 4); iso has one, as in POINT M (1 2 4).",
};
/// As [`DIALECT`], for texts that are parsed.
pub(crate) const DIALECT_READ: Param = Param {
    summary: "What a position without a tag Z, M or ZM may have: sql_server up to four numbers, the third being Z and the fourth M; iso two. With a tag, both read what the tag says.",
    ..DIALECT
};
pub(crate) const VALIDITY: Param = Param {
    name: "validity",
    kind: ParamKind::Choice(&["computed", "valid", "invalid"]),
    default: Some("computed"),
    summary: "The flag stored with the shape that says whether it is valid; readers believe it. computed sets it where the shape is valid beyond doubt; valid and invalid set it as the caller knows.",
};

pub(crate) const NULLS: &str = "NULL gives NULL.";
pub(crate) const NULL_INSTANCES: &str =
    "NULL gives NULL, and so does the null instance (the 4 bytes 0xFFFFFFFF).";
pub(crate) const EMPTY: &str = "Empty shapes are kept as such. No rows give no rows.";
pub(crate) const NAN: &str = "x and y that are not finite are errors; NaN in Z or M counts as missing.";
pub(crate) const EXACT: &str = "Exact, but for −0, which is written as 0.";
pub(crate) const SQL_WRITES: &str =
    "CAST(geometry AS GEOMETRY) takes the bytes. Values of different SRIDs cannot be compared.";
pub(crate) const FORMAT: &str = "[MS-SSCLRT] sections 1.6 and 2.1.";

/// The spatial type of a call's bytes.
pub(crate) fn type_of(call: &Call<'_>) -> Result<SpatialType, Error> {
    call.chosen(&TYPE, SpatialType::parse)
}

/// A call's SRID; its range keeps it within 32 bits.
pub(crate) fn srid_of(call: &Call<'_>) -> i32 {
    call.params.int(SRID.name) as i32
}

/// The shape's bytes in the type and with the flag that the call asks for. On the globe nothing is computed, so only
/// points are certain to be valid there.
pub(crate) fn serialize(
    call: &Call<'_>,
    kind: SpatialType,
    srid: i32,
    shape: Shape,
) -> Result<Vec<u8>, Error> {
    let valid = match (call.params.word(VALIDITY.name), kind) {
        ("valid", _) => true,
        ("invalid", _) => false,
        (_, SpatialType::Geometry) => Geometry::is_surely_valid(&shape),
        (_, SpatialType::Geography) => {
            matches!(shape, Shape::Point(_) | Shape::MultiPoint(_) | Shape::FullGlobe)
        }
    };
    Geometry { srid, valid, larger_than_hemisphere: false, shape }.encode(kind)
}

/// The shape with the ordinates that a call's `ordinates` parameter selects.
pub(crate) fn with_ordinates(call: &Call<'_>, shape: Shape) -> Shape {
    if call.params.word(ORDINATES.name) == "xy" { shape.flat() } else { shape }
}

/// Size of a row's value and of the memory that reading it may take.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    bytes: usize,
    /// Bytes of the tree, of the data for its validity check, and of the tables before they are written.
    memory: u64,
}

/// Result bytes per source byte: `EMPTY,` and the like become 14 or more bytes of tables, numbers become text.
const RESULT: u64 = 8;

impl Size {
    /// For a serialized value or WKB: the most where empty members, of 9 bytes each, become parts of a tree.
    pub(crate) fn binary(value: &[u8]) -> Size {
        Size { bytes: value.len(), memory: (value.len() as u64).saturating_mul(20) }
    }

    /// For WKT: a comma precedes every position and every part but the first.
    pub(crate) fn text(text: &str) -> Size {
        let parts = text.bytes().filter(|byte| *byte == b',').count() as u64 + 1;
        Size { bytes: text.len(), memory: parts.saturating_mul(200).saturating_add(text.len() as u64) }
    }
}

/// Runs `work` for every row that is not NULL, in parallel; errors name the row of `column`.
pub(crate) fn map<T: Send>(
    call: &Call<'_>,
    column: &str,
    size_of: impl Fn(usize) -> Option<Size> + Sync + Send,
    work: impl Fn(usize) -> Result<Option<T>, Error> + Sync + Send,
) -> Result<Vec<Option<T>>, Error> {
    let (mut bytes, mut all, mut most) = (0usize, 0u64, 0);
    for size in (0..call.rows).filter_map(&size_of) {
        bytes += size.bytes;
        all = all.saturating_add(size.memory);
        most = most.max(size.memory);
    }
    // Parsing and writing cost more per byte than a plain scan.
    let work_bytes = bytes.saturating_mul(8);
    // One of the largest values per worker, and the results beside them.
    let largest = most.saturating_mul(parallel::workers(work_bytes) as u64).min(all);
    call.check_memory("the shapes", largest.saturating_add(bytes as u64 * RESULT))?;
    let blocks = parallel::blocks(call.rows, work_bytes, |range| {
        range
            .map(|row| match size_of(row) {
                Some(_) => work(row).map_err(|error| geometry::at(error, column, row)),
                None => Ok(None),
            })
            .collect::<Result<Vec<_>, _>>()
    })?;
    Ok(blocks.into_iter().flatten().collect())
}

/// [`map`] over the serialized values of the column with that name.
pub(crate) fn map_shapes<T: Send>(
    call: &Call<'_>,
    kind: SpatialType,
    work: impl Fn(usize, Shape) -> Result<Option<T>, Error> + Sync + Send,
) -> Result<Vec<Option<T>>, Error> {
    let values = call.binary(GEOMETRY.name);
    map(
        call,
        GEOMETRY.name,
        |row| values[row].map(Size::binary),
        |row| match Geometry::decode(values[row].unwrap_or_default(), kind)? {
            Some(geometry) => work(row, geometry.shape),
            None => Ok(None),
        },
    )
}

/// Checks that a coordinate is finite.
///
/// # Errors
///
/// [`Error::Value`] that names the column and the row; `row` counts from 0.
pub(crate) fn check_finite(column: &str, row: usize, v: f64) -> Result<(), Error> {
    if v.is_finite() {
        return Ok(());
    }
    Err(Error::Value {
        place: column.into(),
        row: row as u64 + 1,
        found: format!("{v:?}"),
        expected: "a finite number".into(),
    })
}

/// Byte strings back to back.
pub(crate) fn pack(rows: Vec<Option<Vec<u8>>>) -> PackedBytes {
    let mut out = PackedBytes {
        bytes: Vec::with_capacity(rows.iter().flatten().map(Vec::len).sum()),
        lengths: Vec::with_capacity(rows.len()),
    };
    for row in rows {
        // No value is longer than VARBINARY(MAX) allows.
        out.lengths.push(row.as_ref().map_or(-1, |bytes| bytes.len() as i32));
        out.bytes.extend_from_slice(&row.unwrap_or_default());
    }
    out
}

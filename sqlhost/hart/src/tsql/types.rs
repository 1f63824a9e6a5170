//! T-SQL types of the registry's columns and parameters.

use hart_kernels::registry::{Kernel, Kind, POINT_BYTES, ParamKind, ResultVectors, RowShape};

/// Schema of the wrappers.
pub const SCHEMA: &str = "hart";
/// Schema of the queued work; callers may call only one of its procedures.
pub const WORK_SCHEMA: &str = "hart_work";

/// A table type for a kernel's input.
#[derive(Debug)]
pub struct TableType {
    /// Name in the schema.
    pub name: &'static str,
    /// Columns with their kinds.
    pub columns: &'static [(&'static str, Kind)],
}

/// The table types: one for each form of input that several kernels share. Forms used by a single kernel are read from
/// tables.
pub const TABLE_TYPES: &[TableType] = &[
    TableType { name: "VectorRows", columns: &[("id", Kind::Id), ("v", Kind::Vector)] },
    TableType { name: "VectorGroups", columns: &[("group_key", Kind::BigInt), ("v", Kind::Vector)] },
    TableType { name: "VectorPairs", columns: &[("id", Kind::Id), ("a", Kind::Vector), ("b", Kind::Vector)] },
    TableType { name: "BitPairs", columns: &[("id", Kind::Id), ("a", Kind::Binary), ("b", Kind::Binary)] },
    TableType {
        name: "PointRows",
        columns: &[("id", Kind::Id), ("x", Kind::Float), ("y", Kind::Float), ("z", Kind::Float)],
    },
    TableType { name: "PlaneRows", columns: &[("x", Kind::Float), ("y", Kind::Float)] },
    TableType { name: "KeyRows", columns: &[("id", Kind::Id), ("key", Kind::BigInt)] },
    TableType { name: "GeometryRows", columns: &[("id", Kind::Id), ("geometry", Kind::Binary)] },
    TableType { name: "PayloadRows", columns: &[("chunk", Kind::BigInt), ("payload", Kind::Binary)] },
];

/// The table type with exactly the kernel's input columns, if there is one.
pub fn table_type(kernel: &Kernel) -> Option<&'static TableType> {
    let same = |t: &&TableType| kernel.inputs.iter().map(|c| (c.name, c.kind)).eq(t.columns.iter().copied());
    TABLE_TYPES.iter().find(same)
}

/// Whether the kernel takes input: declared columns, or any columns that it returns.
pub fn takes_source(kernel: &Kernel) -> bool {
    !kernel.inputs.is_empty() || kernel.rows == RowShape::Same
}

pub(super) fn has_result_vectors(kernel: &Kernel) -> bool {
    kernel.outputs.iter().any(|c| c.kind == Kind::Vector)
}

/// Type of a table type's column.
pub fn row_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Id | Kind::BigInt => "bigint",
        Kind::Int => "int",
        Kind::Float => "float",
        Kind::Text | Kind::LongText => "nvarchar(max)",
        // 4,096 f16 take 8,192 bytes. Values of up to 8,000 bytes are stored in row anyway.
        Kind::Vector | Kind::Binary => "varbinary(max)",
        Kind::Point => POINT,
    }
}

/// Type of one point's bytes.
pub(crate) const POINT: &str = "varbinary(38)";
const _: () = assert!(POINT_BYTES == 38);

/// A name in brackets, quoted like QUOTENAME.
pub fn quoted(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

/// Type of a wrapper's parameter. A word longer than the type would be truncated, perhaps to a valid one, so the types
/// leave room for invalid words.
pub fn param_type(kind: ParamKind) -> &'static str {
    match kind {
        ParamKind::Int { min, max } if i32::try_from(min).is_ok() && i32::try_from(max).is_ok() => "int",
        ParamKind::Int { .. } => "bigint",
        ParamKind::Float { .. } => "float",
        ParamKind::Choice(_) => "varchar(64)",
        ParamKind::Vector => "varchar(max)",
        ParamKind::Text | ParamKind::Any => "nvarchar(max)",
        ParamKind::Binary => "varbinary(max)",
    }
}

/// Type of a result column in WITH RESULT SETS: the one that GetResultColumn reports.
pub fn result_type(kind: Kind, vectors: ResultVectors) -> &'static str {
    match (kind, vectors) {
        (Kind::Id | Kind::BigInt, _) => "bigint",
        (Kind::Float, _) => "float",
        (Kind::Int, _) => "int",
        (Kind::Text, _) => "varchar(8000)",
        (Kind::Point, _) => POINT,
        (Kind::Binary, _) | (Kind::Vector, ResultVectors::Packed) => "varbinary(max)",
        (Kind::Vector | Kind::LongText, _) => "varchar(max)",
    }
}

/// Types that an input column of a kind may have, for the header of a wrapper.
pub(super) fn input_types(kind: Kind) -> &'static str {
    match kind {
        Kind::Id => "bigint",
        Kind::Vector => "varbinary (packed), varchar or nvarchar (JSON), or VECTOR",
        Kind::Float => "float, real, numeric or an integer type",
        Kind::Int | Kind::BigInt => "an integer type",
        Kind::Binary | Kind::Point => "varbinary",
        Kind::Text | Kind::LongText => "varchar or nvarchar",
    }
}

pub(super) fn script() -> String {
    let mut out = String::from(
        "-- Rows as values of a parameter. Vectors are packed little-endian elements, f32 where @element is not given; geometry is its\n\
         -- serialized bytes, CAST(g AS varbinary(max)).\n\
         -- A type that is in use cannot be altered, so an existing one stays as it is (hart deploy makes it anew).\n",
    );
    for table in TABLE_TYPES {
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|(name, kind)| {
                let null = if *kind == Kind::Id { "NOT NULL" } else { "NULL" };
                format!("    {} {} {null}", quoted(name), row_type(*kind))
            })
            .collect();
        out.push_str(&format!(
            "IF TYPE_ID(N'{SCHEMA}.{name}') IS NULL\n    CREATE TYPE [{SCHEMA}].[{name}] AS TABLE\n    (\n    {}\n    );\nGO\n",
            columns.join(",\n    "),
            name = table.name,
        ));
    }
    out
}

//! The wrapper procedure of a kernel.

use std::fmt::Write;

use hart_kernels::registry::{
    ANY_NAME, Cell, Kernel, Kind, Param, ParamKind, ResultVectors, RowShape, Streaming,
};

use super::ascii::ascii;
use super::example;
use super::literal::{shown, text};
use super::types::{
    SCHEMA, TableType, has_result_vectors, input_types, param_type, quoted, result_type, table_type,
    takes_source,
};
use hart_sqlhost::columns::LONGEST_IN_ROW;
use hart_sqlhost::session::{RESULT_VECTORS, ROWS_JSON};

use crate::remarks::remarks;

/// Parameter with the input query.
pub const SOURCE: &str = "source";
/// Parameter with the input as a table.
pub const SOURCE_ROWS: &str = "source_rows";
/// Parameter that requests one call per value of the column [`PART`].
pub const BY_PART: &str = "by_part";
/// Parameter that lets SQL Server use several processes.
pub const PARALLEL: &str = "parallel";
/// Parameter for the rows per chunk.
pub const ROWS_PER_READ: &str = "rows_per_read";
/// Column that partitions the input.
pub const PART: &str = "part";

/// Rows per chunk: with 1998 singles per row, 80 MB.
const CHUNK: u32 = 10_000;
/// Type of the parameter that receives the rows; they are ASCII, as JSON.
const ROWS_JSON_TYPE: &str = "varchar(max)";
/// Width of the header.
const WIDTH: usize = 120;

/// Whether results do not depend on chunks: then the input may come in chunks and go to several processes.
pub fn is_row_by_row(kernel: &Kernel) -> bool {
    kernel.rows == RowShape::Same && !kernel.inputs.is_empty() && kernel.streaming == Streaming::Rows
}

/// The name of a vector parameter's twin, which takes packed elements.
pub fn packed_name(param: &Param) -> Option<String> {
    (param.kind == ParamKind::Vector).then(|| format!("{}_packed", param.name))
}

fn params(kernel: &Kernel) -> impl Iterator<Item = &'static Param> {
    kernel.params.iter().filter(|p| p.name != ANY_NAME)
}

/// The default as a literal.
fn default(param: &Param) -> Option<String> {
    let value = match param.kind {
        ParamKind::Int { .. } | ParamKind::Float { .. } => param.default?.into(),
        ParamKind::Choice(_) => format!("'{}'", param.default?.replace('\'', "''")),
        ParamKind::Text | ParamKind::Any => text(param.default?),
        ParamKind::Binary if param.default?.is_empty() => "0x".into(),
        ParamKind::Binary => param.default?.into(),
        // The value may come in the twin parameter, so T-SQL requires neither; the kernel reports it if both are
        // missing.
        ParamKind::Vector => param.default.map_or("NULL".into(), |d| format!("'{}'", d.replace('\'', "''"))),
    };
    Some(value)
}

/// The wrapper's own parameters and the kernel's, as T-SQL declares them.
fn declarations(kernel: &Kernel) -> Vec<String> {
    let mut out = Vec::new();
    if takes_source(kernel) {
        match table_type(kernel) {
            Some(table) => {
                out.push(format!("@{SOURCE} nvarchar(max) = NULL"));
                out.push(format!("@{SOURCE_ROWS} [{SCHEMA}].{} READONLY", quoted(table.name)));
            }
            None => out.push(format!("@{SOURCE} nvarchar(max)")),
        }
    }
    for param in params(kernel) {
        let default = default(param).map_or(String::new(), |d| format!(" = {d}"));
        out.push(format!("@{} {}{default}", param.name, param_type(param.kind)));
        if let Some(packed) = packed_name(param) {
            out.push(format!("@{packed} varbinary(max) = NULL"));
        }
    }
    if has_result_vectors(kernel) {
        out.push(format!("@{RESULT_VECTORS} varchar(64) = 'packed'"));
    }
    if !kernel.inputs.is_empty() {
        out.push(format!("@{BY_PART} bit = 0"));
        out.push(format!("@{PARALLEL} bit = 0"));
    }
    if is_row_by_row(kernel) {
        out.push(format!("@{ROWS_PER_READ} int = {CHUNK}"));
    }
    out.push(format!("@{ROWS_JSON} {ROWS_JSON_TYPE} = NULL OUTPUT"));
    out
}

/// What a call returns.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// A result set with its vectors in this form, by part or not.
    Rows(ResultVectors, bool),
    /// No result set: the rows are returned in an OUTPUT parameter.
    Json,
}

/// One call of the kernel.
fn call(kernel: &Kernel, shape: Shape, indent: &str) -> String {
    let (vectors, by_part) = match shape {
        Shape::Rows(vectors, by_part) => (vectors, by_part),
        Shape::Json => (ResultVectors::Packed, false),
    };
    let mut arguments = vec!["@language = N'hart'".to_string(), format!("@script = N'{}'", kernel.name)];
    if takes_source(kernel) {
        arguments.push("@input_data_1 = @input".into());
    }
    if by_part {
        arguments.push(format!("@input_data_1_partition_by_columns = N'{PART}'"));
    }
    // Several processes cannot share one OUTPUT parameter.
    if by_part || (is_row_by_row(kernel) && shape != Shape::Json) {
        arguments.push(format!("@parallel = @{PARALLEL}"));
    }
    let mut passed: Vec<(String, String, String)> = params(kernel)
        .map(|p| (p.name.to_string(), param_type(p.kind).to_string(), format!("@{}", p.name)))
        .collect();
    if has_result_vectors(kernel) {
        passed.push((RESULT_VECTORS.into(), "varchar(64)".into(), format!("@{RESULT_VECTORS}")));
    }
    if is_row_by_row(kernel) && !by_part {
        passed.push(("r_rowsPerRead".into(), "int".into(), format!("@{ROWS_PER_READ}")));
    }
    if shape == Shape::Json {
        let value = format!("@{ROWS_JSON} OUTPUT");
        passed.push((ROWS_JSON.into(), format!("{ROWS_JSON_TYPE} OUTPUT"), value));
    }
    if !passed.is_empty() {
        let types: Vec<String> = passed.iter().map(|(name, sql, _)| format!("@{name} {sql}")).collect();
        arguments.push(format!("@params = N'{}'", types.join(", ")));
        arguments.extend(passed.iter().map(|(name, _, value)| format!("@{name} = {value}")));
    }
    let arguments = arguments.join(&format!(",\n{indent}    "));
    let mut out = format!("{indent}EXEC sp_execute_external_script\n{indent}    {arguments}");
    let mut columns: Vec<String> = kernel
        .outputs
        .iter()
        .map(|c| format!("{} {}", quoted(c.name), result_type(c.kind, vectors)))
        .collect();
    if by_part {
        columns.push(format!("{} bigint", quoted(PART)));
    }
    if !columns.is_empty() && shape != Shape::Json {
        let _ = write!(out, "\n{indent}    WITH RESULT SETS (({}))", columns.join(", "));
    }
    out.push_str(";\n");
    out
}

/// The calls for every result shape, each under its condition.
fn calls(kernel: &Kernel) -> String {
    let forms: &[(ResultVectors, &str)] = match has_result_vectors(kernel) {
        true => &[(ResultVectors::Json, "LOWER(@result_vectors) = 'json'"), (ResultVectors::Packed, "")],
        false => &[(ResultVectors::Packed, "")],
    };
    let parts: &[bool] = if kernel.inputs.is_empty() { &[false] } else { &[true, false] };
    let mut cases = vec![(format!("@{ROWS_JSON} IS NOT NULL"), Shape::Json)];
    for &by_part in parts {
        for (vectors, form) in forms {
            let part = if by_part { format!("@{BY_PART} = 1") } else { String::new() };
            let condition: Vec<&str> = [part.as_str(), form].into_iter().filter(|c| !c.is_empty()).collect();
            cases.push((condition.join(" AND "), Shape::Rows(*vectors, by_part)));
        }
    }
    let mut out = String::new();
    for (n, (condition, shape)) in cases.iter().enumerate() {
        out.push_str(&match (n, condition.as_str()) {
            (_, "") => "        ELSE\n".into(),
            (0, condition) => format!("        IF {condition}\n"),
            (_, condition) => format!("        ELSE IF {condition}\n"),
        });
        out.push_str(&call(kernel, *shape, "            "));
    }
    out
}

fn body(kernel: &Kernel) -> String {
    let mut out = String::from("    SET NOCOUNT ON;\n");
    if takes_source(kernel) {
        if let Some(table) = table_type(kernel) {
            let names = table.columns.iter().map(|c| quoted(c.0)).collect::<Vec<_>>().join(", ");
            let plain = format!(" N'SELECT {names} FROM [#hart_rows]'");
            // An omitted table parameter arrives empty; only rejecting empty input detects it. The external process
            // reads the input in a separate batch, which sees temporary tables but not variables.
            let _ = write!(
                out,
                "    IF @{SOURCE} IS NOT NULL AND EXISTS (SELECT * FROM @{SOURCE_ROWS})\n        \
                 THROW 59908, N'@{SOURCE} and @{SOURCE_ROWS} are both given; expected one of them', 1;\n    \
                 IF @{SOURCE} IS NULL\n    BEGIN\n        \
                 IF NOT EXISTS (SELECT * FROM @{SOURCE_ROWS})\n            \
                 THROW 59909, N'neither @{SOURCE} nor a row in @{SOURCE_ROWS} is given; expected one of them', 1;\n        \
                 IF @{BY_PART} = 1\n            \
                 THROW 59907, N'@by_part = 1 needs @source: the rows of @source_rows have no column part', 1;\n        \
                 SELECT {names} INTO [#hart_rows] FROM @{SOURCE_ROWS};\n        \
                 SET @{SOURCE} ={};\n    END;\n",
                in_row(table).unwrap_or(plain)
            );
        }
        let expected = kernel.inputs.iter().map(|c| c.name).collect::<Vec<_>>().join(",");
        let optional =
            kernel.optional.iter().map(|c| format!(", @optional = N'{}'", c.name)).collect::<String>();
        let by_part = if kernel.inputs.is_empty() { "0".into() } else { format!("@{BY_PART}") };
        let _ = write!(
            out,
            "    DECLARE @input nvarchar(max);\n    \
             EXEC [{SCHEMA}].[PrepareSource] @source = @{SOURCE}, @columns = N'{expected}', @by_part = {by_part}, \
             @input = @input OUTPUT{optional};\n"
        );
    }
    if !kernel.inputs.is_empty() {
        let _ = write!(
            out,
            "    IF @{ROWS_JSON} IS NOT NULL AND @{BY_PART} = 1\n        \
             THROW 59944, N'@{ROWS_JSON} and @{BY_PART} = 1 are both given; expected one of them', 1;\n"
        );
    }
    if !kernel.inputs.is_empty() && !is_row_by_row(kernel) {
        let _ = write!(
            out,
            "    IF @{PARALLEL} = 1 AND @{BY_PART} = 0\n        \
             THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;\n"
        );
    }
    for (param, packed) in params(kernel).filter_map(|p| Some((p, packed_name(p)?))) {
        let name = param.name;
        let given = param.default.map_or("IS NOT NULL".into(), |d| format!("<> '{}'", d.replace('\'', "''")));
        let _ = write!(
            out,
            "    IF @{packed} IS NOT NULL AND @{name} {given}\n        \
             THROW 59905, N'@{name} and @{packed} are both given; expected one of them', 1;\n    \
             IF @{packed} IS NOT NULL\n        SET @{name} = CONVERT(varchar(max), @{packed}, 1);\n"
        );
    }
    let _ = write!(
        out,
        "    BEGIN TRY\n{}    END TRY\n    BEGIN CATCH\n        \
         EXEC [{SCHEMA}].[RethrowKernelError];\n        THROW;\n    END CATCH;\n",
        calls(kernel)
    );
    out
}

/// The query that reads a table's rows, for a table with vectors: those that fit are sent as `varbinary(8000)`, which
/// SQL Server sends in row and not as large objects.
fn in_row(table: &TableType) -> Option<String> {
    let vectors = || table.columns.iter().filter(|c| c.1 == Kind::Vector).map(|c| quoted(c.0));
    vectors().next()?;
    let long: Vec<String> = vectors().map(|v| format!("DATALENGTH({v}) > {LONGEST_IN_ROW}")).collect();
    let query = |short: bool| {
        let column = |(name, kind): &(&str, Kind)| match (quoted(name), short && *kind == Kind::Vector) {
            (name, false) => name,
            (name, true) => format!("CAST({name} AS varbinary({LONGEST_IN_ROW})) AS {name}"),
        };
        let columns: Vec<String> = table.columns.iter().map(column).collect();
        format!("N'SELECT {} FROM [#hart_rows]'", columns.join(", "))
    };
    Some(format!(
        "\n            CASE WHEN EXISTS (SELECT * FROM [#hart_rows] WHERE {})\n                \
         THEN {}\n                ELSE {}\n            END",
        long.join(" OR "),
        query(false),
        query(true)
    ))
}

/// Comment lines, broken between words.
fn comment(out: &mut String, first: &str, text: &str) {
    let (first, text) = (&*ascii(first), &*ascii(text));
    let rest = " ".repeat(first.len());
    let mut line = format!("-- {first}");
    let mut fresh = true;
    for word in text.split_whitespace() {
        if !fresh && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{}", line.trim_end());
            line = format!("-- {rest}");
            fresh = true;
        }
        if !fresh {
            line.push(' ');
        }
        line.push_str(word);
        fresh = false;
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

fn unit(unit: &str) -> String {
    if unit == "1" { String::new() } else { format!(" [{unit}]") }
}

fn header(kernel: &Kernel) -> String {
    let mut out = String::new();
    comment(&mut out, &format!("{SCHEMA}.{}: ", kernel.sql_name()), kernel.summary);
    comment(&mut out, "", kernel.details);
    if !kernel.inputs.is_empty() {
        let rows = table_type(kernel).map_or(String::new(), |t| {
            format!(", or one or more rows in @{SOURCE_ROWS} ({SCHEMA}.{})", t.name)
        });
        out.push_str("--\n");
        comment(
            &mut out,
            "Input: ",
            &format!(
                "a SELECT in @{SOURCE}{rows}, with these columns and no others. They are bound by name, or, where not all of these \
                 names are there, by position:"
            ),
        );
        for c in kernel.inputs {
            let text = format!("{}{}: {}", input_types(c.kind), unit(c.unit), c.summary);
            comment(&mut out, &format!("  {} ", c.name), &text);
        }
        // The columns of a table type are fixed.
        let only = if table_type(kernel).is_some() { format!("; only in @{SOURCE}") } else { String::new() };
        for c in kernel.optional {
            let types = input_types(c.kind);
            let text = format!("(may be missing{only}) bit, {types}{}: {}", unit(c.unit), c.summary);
            comment(&mut out, &format!("  {} ", c.name), &text);
        }
        let _ = writeln!(
            out,
            "--   With @{BY_PART} = 1 also {PART} bigint: the kernel runs once for each of its values, which comes back with the rows."
        );
    }
    out.push_str("--\n-- Parameters:\n");
    for p in params(kernel) {
        let packed = packed_name(p).map_or(String::new(), |packed| {
            format!(" JSON or VECTOR in @{}, packed elements in @{packed}.", p.name)
        });
        comment(
            &mut out,
            &format!("  @{} ", p.name),
            &format!("({}) {}{packed}", p.kind.describe(), p.summary),
        );
    }
    if has_result_vectors(kernel) {
        comment(
            &mut out,
            &format!("  @{RESULT_VECTORS} "),
            "(packed or json) How result vectors are written; JSON can be stored in a VECTOR column.",
        );
    }
    if is_row_by_row(kernel) {
        comment(
            &mut out,
            "  @parallel, @rows_per_read ",
            "Let SQL Server use several processes; rows of a chunk. They change no result.",
        );
    } else if !kernel.inputs.is_empty() {
        comment(
            &mut out,
            "  @parallel ",
            "Lets SQL Server compute parts in several processes; needs @by_part = 1.",
        );
    }
    let parts = if kernel.inputs.is_empty() { "" } else { "; not with @by_part = 1, and in one process" };
    comment(
        &mut out,
        &format!("  @{ROWS_JSON} "),
        &format!(
            "(OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no result set, so \
             that the caller can itself be called by INSERT ... EXEC{parts}."
        ),
    );
    if !kernel.outputs.is_empty() {
        out.push_str("--\n-- Result:\n");
    }
    for c in kernel.outputs {
        let sql = match c.kind {
            Kind::Vector => "varbinary(max) or varchar(max)",
            kind => result_type(kind, ResultVectors::Packed),
        };
        comment(&mut out, &format!("  {} ", c.name), &format!("{sql}{}: {}", unit(c.unit), c.summary));
    }
    out.push_str("--\n");
    for (title, text) in remarks(kernel) {
        comment(&mut out, &format!("{title}: "), &text);
    }
    comment(
        &mut out,
        "Errors: ",
        "59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n and \
         the server passes on its line, else 59900 with that line, which begins with \"hart:\", among the messages before it.",
    );
    if let Some(call) = example::call(kernel) {
        out.push_str("--\n-- Example:\n");
        for line in call.lines() {
            let _ = writeln!(out, "--   {line}");
        }
        let cell = |c: &Cell| match c {
            // Packed singles would not be readable.
            Cell::Vector(v) => format!("[{}]", v.iter().map(f32::to_string).collect::<Vec<_>>().join(",")),
            other => shown(other),
        };
        for row in kernel.example.outputs {
            let cells = row.iter().map(cell).collect::<Vec<_>>().join(" | ");
            let _ = writeln!(out, "--   gives {}", ascii(&cells));
        }
    }
    out
}

/// The script that creates a kernel's wrapper.
pub fn procedure(kernel: &Kernel) -> String {
    let declarations = declarations(kernel);
    let parameters = if declarations.is_empty() {
        String::new()
    } else {
        format!("(\n    {}\n)\n", declarations.join(",\n    "))
    };
    format!(
        "{}CREATE OR ALTER PROCEDURE [{SCHEMA}].{}\n{parameters}AS\nBEGIN\n{}END;\nGO\n",
        header(kernel),
        quoted(&kernel.sql_name()),
        body(kernel)
    )
}

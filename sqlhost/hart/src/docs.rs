//! Documentation and catalogue entries derived from the registry.

use std::fmt::Write;

use hart_kernels::registry::{ANY_NAME, Cell, KERNELS, Kernel, Kind};

use hart_sqlhost::session::{RESULT_VECTORS, ROWS_IN, ROWS_OUT};

/// A value of an example in T-SQL notation.
pub fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Null => "NULL".into(),
        Cell::Int(v) => v.to_string(),
        Cell::Float(v) => v.to_string(),
        Cell::Text(v) => format!("'{v}'"),
        Cell::Binary(v) => format!("0x{}", v.iter().map(|b| format!("{b:02X}")).collect::<String>()),
        Cell::Vector(v) => format!("[{}]", v.iter().map(f32::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn table(out: &mut String, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    out.push_str(&line(head.iter().map(ToString::to_string).collect()));
    out.push_str(&line(head.iter().map(|_| "---".into()).collect()));
    rows.for_each(|row| out.push_str(&line(row)));
}

/// One kernel as Markdown.
pub fn kernel(kernel: &Kernel) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "## {}\n\n{}\n\n{}\n", kernel.name, kernel.summary, kernel.details);
    if !kernel.inputs.is_empty() {
        let rows = kernel
            .inputs
            .iter()
            .map(|c| vec![format!("`{}`", c.name), sql_types(c.kind).into(), c.summary.into()]);
        table(&mut out, &["input column", "SQL type", "meaning"], rows);
        out.push('\n');
    }
    if !kernel.params.is_empty() {
        let rows = kernel.params.iter().map(|p| {
            let name = if p.name == ANY_NAME { "any".into() } else { format!("`@{}`", p.name) };
            let default = match p.default {
                None => "required".into(),
                Some("") => String::new(),
                Some(value) => format!("`{value}`"),
            };
            vec![name, p.kind.describe(), default, p.summary.into()]
        });
        table(&mut out, &["parameter", "takes", "default", "meaning"], rows);
        out.push('\n');
    }
    if !kernel.outputs.is_empty() {
        let rows = kernel.outputs.iter().map(|c| {
            vec![format!("`{}`", c.name), result_type(c.kind).into(), c.unit.into(), c.summary.into()]
        });
        table(&mut out, &["result column", "SQL type", "unit", "meaning"], rows);
        out.push('\n');
    }
    for (title, text) in [
        ("NULL", kernel.nulls),
        ("Empty", kernel.empty),
        ("NaN and infinity", kernel.nan),
        ("Accuracy", kernel.accuracy),
        ("Chunks", &kernel.streaming.describe()),
        ("Source", kernel.source),
    ] {
        let _ = writeln!(out, "- **{title}**: {text}");
    }
    if !kernel.example.outputs.is_empty() {
        let params: Vec<String> =
            kernel.example.params.iter().map(|(n, v)| format!("@{n} = {}", cell(v))).collect();
        let with = if params.is_empty() { String::new() } else { format!(" with {}", params.join(", ")) };
        let _ = writeln!(out, "\nExample{with}:\n");
        let rows =
            |rows: &[&[Cell]]| rows.iter().map(|r| r.iter().map(cell).collect()).collect::<Vec<Vec<_>>>();
        let names =
            |columns: &[hart_kernels::registry::Column]| columns.iter().map(|c| c.name).collect::<Vec<_>>();
        table(&mut out, &names(kernel.inputs), rows(kernel.example.inputs).into_iter());
        out.push_str("\ngives\n\n");
        table(&mut out, &names(kernel.outputs), rows(kernel.example.outputs).into_iter());
    }
    out
}

/// SQL types that an input column may have.
fn sql_types(kind: Kind) -> &'static str {
    match kind {
        Kind::Id => "bigint, int, smallint, tinyint",
        Kind::Vector => "varbinary (packed), varchar or nvarchar (JSON)",
        Kind::Float => "float, real, numeric or an integer type",
        Kind::Int | Kind::BigInt => "bigint, int, smallint, tinyint",
        Kind::Binary | Kind::Point => "varbinary",
        Kind::Text | Kind::LongText => "varchar, nvarchar",
    }
}

/// SQL type of a result column.
fn result_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Id => "as the input's",
        Kind::Vector => "varbinary or varchar(max), as the input, or as `@result_vectors` says",
        Kind::Float => "float",
        Kind::Int => "int",
        Kind::BigInt => "bigint",
        Kind::Binary => "varbinary(max)",
        Kind::Point => crate::tsql::POINT,
        Kind::Text => "varchar(8000)",
        Kind::LongText => "varchar(max)",
    }
}

/// docs/KERNELS.md.
pub fn all() -> String {
    let mut out = String::from(
        "# Kernels\n\n\
         Generated from the registry by `hart docs`; do not edit.\n\n\
         A kernel is called by its name, as the `@script` of `sp_execute_external_script`, by `hart run`, or through the \
         registry of the crate `hart-kernels`.\n\n\
         **Columns** are bound by name, without regard to case, where all declared names are there; else by position where \
         the counts match (partition columns do not count). Columns that are left over come back unchanged beside the \
         result, so a search can return titles with its hits.\n\n\
         **Vectors** are varbinary (packed little-endian elements, `@element` says of which type) or text (a JSON array, which is \
         how a VECTOR column travels: `CAST(v AS varchar(max))`). n is the dimension. Sums of products \
         and squares of `i8` elements are exact for n ≤ 32,768 and those of squared differences for n ≤ 8,256; with `@accumulate` = f64 for \
         every n.\n\n\
         **Sums** of vectors have the same bits everywhere, by a [definition](../kernels/src/arch/definition.md) from which anybody can \
         compute them. One of singles that is below 2⁻¹⁰⁰ or overflows is computed again in double precision, one of f64 elements that \
         is below 2⁻⁹⁶⁰ or overflows with a scale, and so is a cosine of f64 elements where a sum of squares is not from 2⁻⁴⁸⁰ to 2⁴⁸⁰. \
         Where a kernel states u, γ(k) = k·u / (1 − k·u) + 8·2⁻⁵³, and n·2⁻⁴⁹ more with single lanes (u = 2⁻²⁴), for k·u ≤ 1/4: n ≤ 2²⁷ with \
         single lanes.\n\n",
    );
    let _ = writeln!(
        out,
        "**Every kernel** also takes `@{RESULT_VECTORS}` (`packed` or `json`: how result vectors are written; as the input's \
         vectors if it is not given), also from C and Python, whose lists give lists. In SQL Server there are besides the OUTPUT parameters `@{ROWS_IN}` and `@{ROWS_OUT}` (bigint, int or float: rows given \
         and returned so far) and `@r_rowsPerRead`. Partition columns come back with every result row of their partition, also \
         with rows that the kernel makes.\n"
    );
    let rows = KERNELS.iter().map(|k| vec![format!("[`{0}`](#{0})", k.name), k.summary.into()]);
    table(&mut out, &["kernel", ""], rows);
    for k in KERNELS {
        out.push('\n');
        out.push_str(&kernel(k));
    }
    out
}

//! Documentation and catalogue entries derived from the registry.

use std::fmt::Write;

use hart_kernels::registry::{ANY_NAME, Cell, Family, KERNELS, Kernel, Kind, Param};

use hart_sqlhost::session::{RESULT_VECTORS, ROWS_IN, ROWS_OUT};

use crate::remarks::remarks;
use crate::tsql;

fn table(out: &mut String, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let line = |cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    out.push_str(&line(head.iter().map(ToString::to_string).collect()));
    out.push_str(&line(head.iter().map(|_| "---".into()).collect()));
    rows.for_each(|row| out.push_str(&line(row)));
}

/// What several kernels of a family say in the same words, said once for all of them.
#[derive(Default)]
struct Shared {
    params: Vec<&'static Param>,
    /// The titles and texts of [`remarks`] that most kernels have.
    remarks: Vec<(&'static str, String)>,
}

impl Shared {
    fn of(family: Family) -> Shared {
        let kernels = || KERNELS.iter().filter(|k| k.family == family);
        let mut shared = Shared::default();
        for param in kernels().flat_map(|k| k.params) {
            let uses = kernels().flat_map(|k| k.params).filter(|p| same(p, param)).count();
            if uses > 1 && !shared.params.iter().any(|p| p.name == param.name) {
                shared.params.push(param);
            }
        }
        let all: Vec<(&str, String)> = kernels().flat_map(|k| remarks(k)).collect();
        for remark in &all {
            let uses = all.iter().filter(|other| *other == remark).count();
            if 2 * uses > kernels().count() && !shared.remarks.contains(remark) {
                shared.remarks.push(remark.clone());
            }
        }
        shared
    }

    fn has(&self, param: &'static Param) -> bool {
        self.params.iter().any(|p| same(p, param))
    }
}

fn same(a: &Param, b: &Param) -> bool {
    (a.name, a.kind, a.default, a.summary) == (b.name, b.kind, b.default, b.summary)
}

fn param_rows<'a>(params: impl Iterator<Item = &'a Param>) -> impl Iterator<Item = Vec<String>> {
    params.map(|p| {
        let name = if p.name == ANY_NAME { "any".into() } else { format!("`@{}`", p.name) };
        let default = match p.default {
            None => "required".into(),
            Some("") => String::new(),
            Some(value) => format!("`{value}`"),
        };
        vec![name, p.kind.describe(), default, p.summary.into()]
    })
}

const PARAM_HEAD: [&str; 4] = ["parameter", "takes", "default", "meaning"];

/// One kernel as Markdown.
pub fn kernel(kernel: &'static Kernel) -> String {
    kernel_but(kernel, &Shared::default())
}

/// As [`kernel`], without what is shared.
fn kernel_but(kernel: &'static Kernel, shared: &Shared) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "## {}\n\n{}\n\n{}\n", kernel.name, kernel.summary, kernel.details);
    if !kernel.inputs.is_empty() {
        let rows = kernel
            .inputs
            .iter()
            .map(|c| vec![format!("`{}`", c.name), sql_types(c.kind).into(), c.summary.into()]);
        let optional = kernel.optional.iter().map(|c| {
            vec![format!("`{}`, optional", c.name), format!("bit, {}", sql_types(c.kind)), c.summary.into()]
        });
        table(&mut out, &["input column", "SQL type", "meaning"], rows.chain(optional));
        out.push('\n');
    }
    let (common, own): (Vec<&Param>, Vec<_>) = kernel.params.iter().partition(|p| shared.has(p));
    if !own.is_empty() {
        table(&mut out, &PARAM_HEAD, param_rows(own.into_iter()));
        out.push('\n');
    }
    if !common.is_empty() {
        let names: Vec<String> = common.iter().map(|p| format!("`@{}`", p.name)).collect();
        let _ = writeln!(out, "[Shared parameters](#shared-parameters): {}\n", names.join(", "));
    }
    if !kernel.outputs.is_empty() {
        let rows = kernel.outputs.iter().map(|c| {
            vec![format!("`{}`", c.name), result_type(c.kind).into(), c.unit.into(), c.summary.into()]
        });
        table(&mut out, &["result column", "SQL type", "unit", "meaning"], rows);
        out.push('\n');
    }
    for (title, text) in remarks(kernel).iter().filter(|remark| !shared.remarks.contains(remark)) {
        let _ = writeln!(out, "- **{title}**: {text}");
    }
    let _ = writeln!(out, "- **Source**: {}", kernel.source);
    if !kernel.example.outputs.is_empty() {
        let params: Vec<String> =
            kernel.example.params.iter().map(|(n, v)| format!("@{n} = {}", tsql::shown(v))).collect();
        let with = if params.is_empty() { String::new() } else { format!(" with {}", params.join(", ")) };
        let _ = writeln!(out, "\nExample{with}{}\n", if kernel.inputs.is_empty() { " gives" } else { ":" });
        let rows = |rows: &[&[Cell]]| {
            rows.iter().map(|r| r.iter().map(tsql::shown).collect()).collect::<Vec<Vec<_>>>()
        };
        let names =
            |columns: &[hart_kernels::registry::Column]| columns.iter().map(|c| c.name).collect::<Vec<_>>();
        if !kernel.inputs.is_empty() {
            table(&mut out, &names(kernel.inputs), rows(kernel.example.inputs).into_iter());
            out.push_str("\ngives\n\n");
        }
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
        Kind::Point => tsql::POINT,
        Kind::Text => "varchar(8000)",
        Kind::LongText => "varchar(max)",
    }
}

/// The kernels of a family: docs/kernels/vector.md and so on.
fn family(family: Family) -> String {
    let shared = Shared::of(family);
    let name = family.name();
    let mut out = format!(
        "# Kernels: {name}\n\nGenerated from the registry by `hart docs`; do not edit. What holds for all kernels is in \
         [KERNELS.md](../KERNELS.md).\n"
    );
    if !shared.remarks.is_empty() {
        out.push_str("\nUnless a kernel says otherwise:\n\n");
        for (title, text) in &shared.remarks {
            let _ = writeln!(out, "- **{title}**: {text}");
        }
    }
    if !shared.params.is_empty() {
        out.push_str("\n## Shared parameters\n\n");
        table(&mut out, &PARAM_HEAD, param_rows(shared.params.iter().copied()));
    }
    for k in KERNELS.iter().filter(|k| k.family == family) {
        out.push('\n');
        out.push_str(&kernel_but(k, &shared));
    }
    out
}

/// The generated files: their paths from docs/ and their texts.
pub fn files() -> Vec<(String, String)> {
    let mut families: Vec<Family> = KERNELS.iter().map(|k| k.family).collect();
    families.dedup();
    let mut out = vec![("KERNELS.md".into(), index(&families))];
    out.extend(families.into_iter().map(|f| (format!("kernels/{}.md", f.name()), family(f))));
    out
}

/// docs/KERNELS.md.
fn index(families: &[Family]) -> String {
    let mut out = String::from(
        "# Kernels\n\n\
         Generated from the registry by `hart docs`; do not edit.\n\n\
         A kernel is called by its name, as the `@script` of `sp_execute_external_script`, by `hart run`, or through the \
         registry of the crate `hart-kernels`. Texts name parameters as all callers know them; in T-SQL the names begin with `@`.\n\n\
         **Columns** are bound by name, without regard to case, where all declared names are there; else by position where \
         the counts match (partition columns do not count). sp_execute_external_script and hart_invoke return columns that are \
         left over unchanged beside the result, so a search can return titles with its hits; `hart run` returns those of `--carry`, \
         and T-SQL wrappers none.\n\n\
         **Vectors** are varbinary (packed little-endian elements, `@element` says of which type) or text (a JSON array, which is \
         how a VECTOR column travels: `CAST(v AS varchar(max))`). n is the dimension. A packed result may hold NaN, in which of its bit \
         patterns is not specified. Sums of products \
         and squares of `i8` elements are exact for n ≤ 32,768 and those of squared differences for n ≤ 8,256; with `@accumulate` = f64 for \
         every n.\n\n\
         **Sums** of vectors have the same bits everywhere, by a [definition](../kernels/src/arch/definition.md) from which anybody can \
         compute them. One of singles that is below 2⁻¹⁰⁰ or overflows is computed again in double precision, one of f64 elements that \
         is below 2⁻⁹⁶⁰ or overflows with a scale, and so is a cosine of f64 elements where a sum of squares is not from 2⁻⁴⁸⁰ to 2⁴⁸⁰. \
         Where a kernel states u, γ(k) = k·u / (1 − k·u) + 8·2⁻⁵³, and n·2⁻⁴⁹ more with single lanes (u = 2⁻²⁴), for k·u ≤ 1/4: n ≤ 2²⁷ with \
         single lanes.\n\n",
    );
    out.push_str(
        "**Chunks** of the input come with `@r_rowsPerRead`. A kernel that works row by row gives the same for any chunks and \
         partitions. One that needs all rows in one call refuses a second chunk. Each partition is a call of its own.\n\n",
    );
    let _ = writeln!(
        out,
        "**Every kernel** also takes `@{RESULT_VECTORS}` (`packed` or `json`: how result vectors are written; as the input's \
         vectors if it is not given), also from C and Python, whose lists give lists. In SQL Server there are besides the OUTPUT parameters `@{ROWS_IN}` and `@{ROWS_OUT}` (bigint, int or float: rows given \
         and returned so far). Partition columns come back with every result row of their partition, also \
         with rows that the kernel makes.\n"
    );
    for family in families {
        let (name, page) = (family.name(), format!("kernels/{}.md", family.name()));
        let _ = writeln!(out, "## [{name}]({page})\n");
        let kernels = KERNELS.iter().filter(|k| k.family == *family);
        let rows = kernels.map(|k| vec![format!("[`{0}`]({page}#{0})", k.name), k.summary.into()]);
        table(&mut out, &["kernel", ""], rows);
        out.push('\n');
    }
    out.truncate(out.trim_end().len() + 1);
    out
}

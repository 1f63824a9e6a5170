//! `src/typed.rs`: a function for one row and one for many, for every vector kernel that gives a number, an index or a vector for
//! each row.

use std::fmt::Write;

use hart_kernels::registry::{Family, KERNELS, Kernel, Kind, ParamKind, RowShape, Streaming};

use super::rustfmt;

/// What a kernel gives for each row.
#[derive(Clone, Copy, PartialEq)]
pub enum Gives {
    Number,
    Index,
    Vector,
}

/// A kernel whose C functions can be derived from its row.
pub struct Shape {
    pub operation: &'static str,
    pub vectors: Vec<&'static str>,
    pub metric: bool,
    pub numbers: Vec<(&'static str, f64, f64)>,
    pub gives: Gives,
}

pub fn shape(kernel: &Kernel) -> Option<Shape> {
    // What a row gives must not depend on other rows.
    if kernel.family != Family::Vector || kernel.rows != RowShape::Same || kernel.streaming != Streaming::Rows
    {
        return None;
    }
    let [id, vectors @ ..] = kernel.inputs else { return None };
    if id.kind != Kind::Id || vectors.is_empty() || vectors.iter().any(|c| c.kind != Kind::Vector) {
        return None;
    }
    let [_, result] = kernel.outputs else { return None };
    let gives = match result.kind {
        Kind::Float => Gives::Number,
        Kind::Int => Gives::Index,
        Kind::Vector => Gives::Vector,
        _ => return None,
    };
    let (mut metric, mut numbers) = (false, Vec::new());
    for param in kernel.params {
        match (param.name, param.kind) {
            // A typed function is for singles, summed as the default says.
            ("element" | "accumulate", _) => {}
            ("metric", _) => metric = true,
            (name, ParamKind::Float { min, max }) => numbers.push((name, min, max)),
            _ => return None,
        }
    }
    let operation = kernel.name.strip_prefix("vector_")?;
    Some(Shape { operation, vectors: vectors.iter().map(|c| c.name).collect(), metric, numbers, gives })
}

fn bound(value: f64) -> String {
    if value == f64::MIN {
        "f64::MIN".into()
    } else if value == f64::MAX {
        "f64::MAX".into()
    } else {
        format!("{value:?}")
    }
}

/// Wraps a paragraph as documentation.
fn paragraph(out: &mut String, text: &str) {
    let mut line = String::from("///");
    for word in text.split_whitespace() {
        if line.chars().count() + word.chars().count() > 125 {
            let _ = writeln!(out, "{line}");
            line = String::from("///");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}

/// What operations do whose result has its argument's shape.
const IN_PLACE: &str = " It may be an argument of the same shape, which the result then replaces; memory that overlaps otherwise is refused.";

const PREMISE: &str = "// SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or\n\
                       // touches what is written during the call.";

fn function(out: &mut String, kernel: &Kernel, shape: &Shape, batch: bool) {
    let Shape { operation, vectors, metric, numbers, gives } = shape;
    let element = match gives {
        Gives::Number => "f64",
        Gives::Index => "i64",
        Gives::Vector => "f32",
    };
    let scalar = *gives != Gives::Vector;
    paragraph(out, kernel.summary);
    paragraph(out, "");
    paragraph(out, kernel.details);
    paragraph(out, "");
    let list = |names: &[&str]| names.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(" and ");
    let shapes = match (batch, scalar) {
        (false, true) => format!("{}: n singles. `result`: the number.", list(vectors)),
        (false, false) => format!("{}: n singles. `out`: room for n singles.{IN_PLACE}", list(vectors)),
        (true, _) => {
            let rows: Vec<String> = vectors.iter().map(|v| format!("{v}_rows")).collect();
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            let size = if scalar { "rows numbers" } else { "rows · n singles" };
            let in_place = if scalar { "" } else { IN_PLACE };
            format!(
                "{}: {} rows of n singles, row-major, either as many as there are results or one for all. `out`: room for {size}.{in_place} \
                 Large matrices are shared among the library's threads.",
                list(vectors),
                list(&rows),
            )
        }
    };
    paragraph(out, &shapes);
    if *gives == Gives::Index {
        paragraph(out, "−1 stands for NULL: no index.");
    }
    if *metric {
        paragraph(out, "`metric`: `HART_METRIC_…`.");
    }
    for param in kernel.params.iter().filter(|p| numbers.iter().any(|(name, ..)| *name == p.name)) {
        paragraph(out, &format!("`{}`: {}. {}", param.name, param.kind.describe(), param.summary));
    }
    paragraph(out, &format!("Empty: {} NaN: {}", kernel.empty, kernel.nan));
    paragraph(out, &format!("Accuracy: {}", kernel.accuracy));
    paragraph(out, "");
    paragraph(out, "# Safety");
    paragraph(out, "");
    paragraph(
        out,
        "The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, \
         during the call.",
    );
    let suffix = if batch { "_batch" } else { "" };
    let _ =
        writeln!(out, "#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn hart_{}_f32{suffix}(", kernel.name);
    if *metric {
        out.push_str("metric: i32,");
    }
    for v in vectors {
        let _ = write!(out, "{v}: *const f32,");
        if batch {
            let _ = write!(out, "{v}_rows: usize,");
        }
    }
    out.push_str("n: usize,");
    for (name, ..) in numbers {
        let _ = write!(out, "{name}: f64,");
    }
    let target = if batch || !scalar { "out" } else { "result" };
    let _ = write!(out, "{target}: *mut {element},");
    if batch {
        out.push_str("rows: usize,");
    }
    out.push_str(") -> i32 {\nguard(|| {\n");
    for v in vectors {
        let _ = match batch {
            true => writeln!(out, "let {v} = raw::matrix(\"{v}\", {v}, {v}_rows, n)?;"),
            false => writeln!(out, "let {v} = raw::input(\"{v}\", {v}, n)?;"),
        };
    }
    let _ = match (batch, scalar) {
        (false, true) => writeln!(out, "let result = raw::output(\"result\", result, 1)?;"),
        (false, false) => writeln!(out, "let out = raw::output(\"out\", out, n)?;"),
        (true, true) => writeln!(out, "let out = raw::output(\"out\", out, rows)?;"),
        (true, false) => writeln!(out, "let out = raw::matrix_out(\"out\", out, rows, n)?;"),
    };
    let spans = vectors.iter().map(|v| format!("{v}.span()")).collect::<Vec<_>>().join(", ");
    if scalar {
        let _ = writeln!(out, "raw::apart(&[{target}.span()], &[{spans}])?;");
    } else {
        let _ = writeln!(out, "let same = raw::apart_or_same({target}.span(), [{spans}])?;");
    }
    if *metric {
        out.push_str("let metric = params::metric(metric)?;\n");
    }
    for (name, min, max) in numbers {
        let _ = writeln!(
            out,
            "let {name} = params::number(\"{name}\", {name}, {}, {})?;",
            bound(*min),
            bound(*max)
        );
    }
    let names = vectors.iter().copied().chain([target]).collect::<Vec<_>>().join(", ");
    let slices = vectors
        .iter()
        .copied()
        .chain([target])
        .map(|v| format!("{v}.slice()"))
        .collect::<Vec<_>>()
        .join(", ");
    if scalar {
        let _ = writeln!(out, "{PREMISE} The slices have been checked not to overlap.");
        let _ = writeln!(out, "let ({names}) = unsafe {{ ({slices}) }};");
    } else {
        let inputs = vectors
            .iter()
            .enumerate()
            .map(|(i, v)| format!("{v}.slice_unless(same[{i}])"))
            .collect::<Vec<_>>()
            .join(", ");
        let _ = writeln!(
            out,
            "{PREMISE} The slices have been checked not to overlap; for an input that is the output none is made."
        );
        let _ = writeln!(out, "let (inputs, out) = unsafe {{ ([{inputs}], out.slice()) }};");
    }
    let before = if *metric { "metric, " } else { "" };
    let vector_arguments = vectors.join(", ");
    let after: String = numbers.iter().map(|(name, ..)| format!(", {name}")).collect();
    let arguments = format!("{before}{vector_arguments}{after}");
    if !scalar {
        let work = format!(
            "in_place::run(same, inputs, n, out, |[{vector_arguments}], out| batch::{operation}({arguments}, n, out))"
        );
        let _ = match batch {
            true => writeln!(out, "state::run(|| {work})"),
            false => writeln!(out, "{work}"),
        };
    } else if batch {
        let _ = writeln!(out, "state::run(|| batch::{operation}({arguments}, n, out))?;\nOk(())");
    } else {
        let _ = match gives {
            Gives::Number => {
                // Two slices may differ in length; one cannot fail.
                let fails = if vectors.len() > 1 { "?" } else { "" };
                writeln!(
                    out,
                    "result[0] = canonical_number(vector::{operation}({arguments}){fails});\nOk(())"
                )
            }
            Gives::Index => writeln!(out, "batch::{operation}({arguments}, n, result)?;\nOk(())"),
            Gives::Vector => unreachable!("written above"),
        };
    }
    out.push_str("})\n}\n\n");
}

pub fn text() -> String {
    let mut out = String::from(
        "//! Typed functions of the vector kernels, on singles. Generated from the registry: `bash .ci/generate`.\n\
         #![allow(unsafe_code)]\n\n\
         use hart_kernels::vector::batch::canonical_number;\nuse hart_kernels::vector::{self, batch};\n\n\
         use crate::failure::guard;\n\
         use crate::{in_place, params, raw, state};\n\n",
    );
    for kernel in KERNELS {
        if let Some(shape) = shape(kernel) {
            function(&mut out, kernel, &shape, false);
            function(&mut out, kernel, &shape, true);
        }
    }
    rustfmt(&out)
}

//! The declaration of a kernel.

use super::{Call, Output};
use crate::error::Error;

/// A kernel that can be called by name.
#[derive(Debug)]
#[non_exhaustive]
pub struct Kernel {
    /// Registry name, script text and stem of the other spellings: `vector_dot_product`.
    pub name: &'static str,
    /// Its family.
    pub family: Family,
    /// One sentence.
    pub summary: &'static str,
    /// What it computes, precisely: formula, signs, differences from similar functions.
    pub details: &'static str,
    /// Declared input columns, in positional order.
    pub inputs: &'static [Column],
    /// An input column that a caller may leave out: none, or one. It is bound by name only.
    pub optional: &'static [Column],
    /// Parameters.
    pub params: &'static [Param],
    /// Result columns.
    pub outputs: &'static [Column],
    /// How result rows relate to input rows.
    pub rows: RowShape,
    /// The result for NULL inputs.
    pub nulls: &'static str,
    /// The result for empty vectors and empty inputs.
    pub empty: &'static str,
    /// The result for NaN and infinities.
    pub nan: &'static str,
    /// Error bound and reproducibility.
    pub accuracy: &'static str,
    /// What the result means when the input comes in chunks.
    pub streaming: Streaming,
    /// Where the definition comes from.
    pub source: &'static str,
    /// What differs for elements other than f32, and for sums in f64; "" where nothing does. The other texts speak of f32.
    pub elements: &'static str,
    /// What callers in T-SQL must know besides, in its words: the server's function that does the same, casts; "" where
    /// there is nothing. The other texts are for all callers and know no SQL.
    pub sql: &'static str,
    /// A worked example, run by the tests.
    pub example: Example,
    /// The body.
    pub run: fn(&Call<'_>) -> Result<Output, Error>,
}

impl Kernel {
    /// The T-SQL spelling: `VectorDotProduct`.
    pub fn sql_name(&self) -> String {
        let mut out = String::with_capacity(self.name.len());
        for word in self.name.split('_') {
            let (first, rest) = word.split_at(1);
            out.push_str(&first.to_ascii_uppercase());
            out.push_str(rest);
        }
        out
    }

    /// The declared input columns, and after them the one that may be left out.
    pub fn columns(&self) -> impl Iterator<Item = &'static Column> {
        self.inputs.iter().chain(self.optional)
    }

    /// Whether the kernel neither declares columns nor returns those that it gets: rows mean nothing to it.
    pub fn takes_nothing(&self) -> bool {
        self.inputs.is_empty() && self.rows == RowShape::Made
    }

    /// [`Kernel::signature`] of the input, with what may be left out in brackets.
    pub fn expected(&self) -> String {
        let optional = self.optional.iter().map(|c| format!(" [, {} {}]", c.name, c.kind.name()));
        Kernel::signature(self.inputs) + &optional.collect::<String>()
    }

    /// `id bigint, a vector, b vector`: for messages and help.
    pub fn signature(columns: &[Column]) -> String {
        if columns.is_empty() {
            return "none".into();
        }
        columns.iter().map(|c| format!("{} {}", c.name, c.kind.name())).collect::<Vec<_>>().join(", ")
    }
}

/// Families of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Vectors of equal length.
    Vector,
    /// Series in time.
    Series,
    /// Weights of models: factors, atoms and coefficients.
    Tensor,
    /// Points in space, their bytes and their keys.
    Spatial,
    /// The library itself.
    System,
}

impl Family {
    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Family::Vector => "vector",
            Family::Series => "series",
            Family::Tensor => "tensor",
            Family::Spatial => "spatial",
            Family::System => "system",
        }
    }
}

/// An input or result column.
#[derive(Debug)]
#[non_exhaustive]
pub struct Column {
    /// Name; bound without regard to case.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Unit, or `1` for a bare number.
    pub unit: &'static str,
    /// One sentence.
    pub summary: &'static str,
}

/// Maximum bytes of a point in SQL Server's format: with Z and M.
pub const POINT_BYTES: usize = 38;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The caller's key, passed from an input row to its result rows.
    Id,
    /// A vector: packed elements (binary) or a JSON array (text).
    Vector,
    /// A double.
    Float,
    /// A 32-bit integer.
    Int,
    /// A 64-bit integer.
    BigInt,
    /// Text, in results at most 8000 bytes of UTF-8: a name, a word.
    Text,
    /// Text of any length.
    LongText,
    /// Bytes: a payload, a geometry, a basis.
    Binary,
    /// Bytes of a geometry or geography that is a single point: at most [`POINT_BYTES`].
    Point,
}

impl Kind {
    /// Name in messages and documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Id => "int64",
            Kind::Vector => "vector",
            Kind::Float => "float64",
            Kind::Int => "int32",
            Kind::BigInt => "int64",
            Kind::Text | Kind::LongText => "text",
            Kind::Binary | Kind::Point => "binary",
        }
    }
}

/// A parameter.
#[derive(Debug)]
#[non_exhaustive]
pub struct Param {
    /// Name.
    pub name: &'static str,
    /// Type and range.
    pub kind: ParamKind,
    /// Default as text; `None` where the caller must give it.
    pub default: Option<&'static str>,
    /// One sentence.
    pub summary: &'static str,
}

/// Type and range of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParamKind {
    /// An integer within bounds, both included.
    Int {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A double within bounds, both included; never NaN or infinite.
    Float {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A vector: packed, packed as text in hexadecimal (`0x…`), or JSON.
    Vector,
    /// Any text.
    Text,
    /// Bytes, or their hexadecimal text (`0x…`).
    Binary,
    /// Any type. A parameter of this kind named [`ANY_NAME`] stands for all undeclared names.
    Any,
}

impl ParamKind {
    /// Any finite double.
    pub const FINITE: ParamKind = ParamKind::Float { min: f64::MIN, max: f64::MAX };
}

/// Name of the parameter that stands for all undeclared names.
pub const ANY_NAME: &str = "*";

impl ParamKind {
    /// Type and range in words.
    pub fn describe(&self) -> String {
        match self {
            ParamKind::Int { min, max: i64::MAX } => format!("an integer ≥ {min}"),
            ParamKind::Int { min, max } => format!("an integer from {min} to {max}"),
            ParamKind::Float { min: f64::MIN, max: f64::MAX } => "a finite number".into(),
            ParamKind::Float { min, max: f64::MAX } => format!("a finite number ≥ {}", number(*min)),
            ParamKind::Float { min, max } => format!("a number from {} to {}", number(*min), number(*max)),
            ParamKind::Choice(words) => format!("one of {}", words.join(", ")),
            ParamKind::Vector => {
                "a vector: binary (packed elements) or text (JSON array, or 0x… for packed)".into()
            }
            ParamKind::Text => "text".into(),
            ParamKind::Binary => "binary, or its hexadecimal text (0x…)".into(),
            ParamKind::Any => "any value".into(),
        }
    }
}

/// A bound in its most readable form: with an exponent where it would have too many digits otherwise.
fn number(v: f64) -> String {
    let plain = v.to_string();
    if plain.len() > 20 { format!("{v:e}") } else { plain }
}

/// How result rows relate to input rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowShape {
    /// Result row `i` belongs to input row `i`.
    Same,
    /// The kernel picks and orders rows; each result row comes from one input row.
    Picked,
    /// Result rows correspond to no input row.
    Made,
}

/// How a kernel handles input that comes in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streaming {
    /// Chunks do not change results.
    Rows,
    /// Each chunk has its own result; the text says how to combine them.
    Parts(&'static str),
    /// All rows must come at once; the text names what must be complete. Hosts refuse a
    /// second chunk.
    Whole(&'static str),
}

impl Streaming {
    /// In words.
    pub fn describe(&self) -> String {
        match self {
            Streaming::Rows => "Row by row: chunks do not change results.".into(),
            Streaming::Parts(text) => (*text).into(),
            Streaming::Whole(what) => format!("Needs {what} in one call."),
        }
    }
}

/// A worked example.
#[derive(Debug)]
#[non_exhaustive]
pub struct Example {
    /// Input rows, in the order of the declared columns.
    pub inputs: &'static [&'static [Cell]],
    /// Parameters.
    pub params: &'static [(&'static str, Cell)],
    /// Result rows. Empty where the result depends on the machine.
    pub outputs: &'static [&'static [Cell]],
}

/// One value of an example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// An integer.
    Int(i64),
    /// A number.
    Float(f64),
    /// A word.
    Text(&'static str),
    /// A vector of singles; in a column of bytes, the packed singles.
    Vector(&'static [f32]),
    /// Bytes.
    Binary(&'static [u8]),
}

//! What can go wrong, each with a stable code.

use std::fmt;

use crate::tensor::quant::PayloadType;

/// Why a kernel did not run.
///
/// Every variant has a stable number ([`Error::code`]) and one line of text that names the parameter, column and row, the
/// value found and what was expected. Rows are counted from 1.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting of this library (an environment variable, or what a host passes at the start) is not what it may be.
    #[error("setting {setting}: {problem}")]
    Setting {
        /// Its name, or where it comes from.
        setting: String,
        /// What is wrong with its value.
        problem: String,
    },
    /// No kernel has this name.
    #[error("unknown kernel `{name}`{}", Suggestion(.nearest))]
    UnknownKernel {
        /// The name asked for.
        name: String,
        /// Names that are spelled alike, nearest first.
        nearest: Vec<&'static str>,
    },
    /// The kernel has no such parameter.
    #[error("unknown parameter @{name}; {kernel} takes {expected}")]
    UnknownParameter {
        /// The kernel.
        kernel: &'static str,
        /// The parameter given.
        name: String,
        /// The parameters it has.
        expected: String,
    },
    /// A parameter without default was not given, or was NULL.
    #[error("parameter @{name} is missing: {summary}")]
    MissingParameter {
        /// The parameter.
        name: &'static str,
        /// What it is for.
        summary: &'static str,
    },
    /// A parameter's value is of the wrong type or out of range.
    #[error("parameter @{name} is {value}; expected {expected}")]
    ParameterValue {
        /// The parameter.
        name: String,
        /// The value given, or its type.
        value: String,
        /// What it takes.
        expected: String,
    },
    /// The input's columns cannot be bound to the declared ones.
    #[error("expected input columns {expected}; found {found}")]
    Columns {
        /// Declared columns with their types.
        expected: String,
        /// Columns of the input with their types.
        found: String,
    },
    /// A column's type does not fit the declared one.
    #[error("{} has type {found}; expected {expected}", Place(.column, &0))]
    ColumnType {
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// The types it may have.
        expected: String,
    },
    /// A packed vector's byte length is no multiple of the element's size.
    #[error("{}: {bytes} bytes are not a whole number of {element} elements ({size} bytes each)", Place(.column, .row))]
    VectorBytes {
        /// Column or parameter.
        column: String,
        /// Row, from 1.
        row: u64,
        /// Byte length found.
        bytes: usize,
        /// The element type.
        element: &'static str,
        /// Its size in bytes.
        size: usize,
    },
    /// Two vectors that belong together have different dimensions.
    #[error("{}: {found} dimensions, but {other} has {expected}", Place(.column, .row))]
    Dimensions {
        /// Column or parameter.
        column: String,
        /// Row, from 1.
        row: u64,
        /// Its dimensions.
        found: usize,
        /// What it is compared with.
        other: String,
        /// The dimensions of that.
        expected: usize,
    },
    /// A text is not a JSON array of numbers.
    #[error("{}: invalid vector text at byte {offset}: {problem}", Place(.column, .row))]
    Json {
        /// Column or parameter.
        column: String,
        /// Row, from 1.
        row: u64,
        /// Byte offset in the text, from 0.
        offset: usize,
        /// What is wrong there.
        problem: &'static str,
    },
    /// A text is not UTF-8 or UTF-16.
    #[error("{}: invalid {encoding} at byte {offset}", Place(.column, .row))]
    Text {
        /// Column or parameter.
        column: String,
        /// Row, from 1.
        row: u64,
        /// `UTF-8` or `UTF-16`.
        encoding: &'static str,
        /// Byte offset in the value, from 0.
        offset: usize,
    },
    /// A column's buffer is shorter than its rows' lengths say.
    #[error("{}: {found} bytes, but its rows take {expected}", Place(.column, &0))]
    Buffer {
        /// The column.
        column: String,
        /// Bytes there.
        found: usize,
        /// Bytes needed.
        expected: usize,
    },
    /// The result would take more memory than allowed.
    #[error("{what} needs {bytes} bytes; {}", Limit(*.limit))]
    Memory {
        /// What needs it.
        what: String,
        /// Bytes needed.
        bytes: u64,
        /// Bytes allowed; [`Error::REFUSED`] where none are set and the operating system had no more.
        limit: u64,
    },
    /// A tensor's payload type is not known, or cannot be decoded.
    #[error(
        "tensor payloads of type `{payload_type}` cannot be decoded; expected one of {}",
        payload_types()
    )]
    UnknownPayloadType {
        /// Name or number of the type.
        payload_type: String,
    },
    /// A value that the kernel cannot work with.
    #[error("{}: {found}; expected {expected}", Place(column, row))]
    Value {
        /// Name of the column, of a parameter with `@`, or of the thing that the rows make up together.
        column: String,
        /// Row, from 1; 0 where it is none in particular.
        row: u64,
        /// What was found.
        found: String,
        /// What the kernel needs.
        expected: String,
    },
    /// A tensor's payload does not have the length that its type, or its output, asks for.
    #[error("payload of type {payload_type}: {found}; expected {expected}")]
    Payload {
        /// The payload's type.
        payload_type: &'static str,
        /// The length found.
        found: String,
        /// The length expected.
        expected: String,
    },
}

impl Error {
    /// The limit of [`Error::Memory`] where none is set and the operating system refused.
    pub const REFUSED: u64 = u64::MAX;

    /// A stable number for programs: numbers are never reused.
    pub fn code(&self) -> u16 {
        match self {
            Error::Setting { .. } => 1,
            Error::UnknownKernel { .. } => 2,
            Error::UnknownParameter { .. } => 3,
            Error::MissingParameter { .. } => 4,
            Error::ParameterValue { .. } => 5,
            Error::Columns { .. } => 6,
            Error::ColumnType { .. } => 7,
            Error::VectorBytes { .. } => 8,
            Error::Dimensions { .. } => 9,
            Error::Json { .. } => 10,
            Error::Text { .. } => 11,
            Error::Memory { .. } => 12,
            Error::Buffer { .. } => 13,
            Error::UnknownPayloadType { .. } => 14,
            Error::Payload { .. } => 15,
            Error::Value { .. } => 16,
        }
    }

    /// The same error with its row counted from an earlier start: `rows` rows came before this input.
    #[must_use]
    pub fn after_rows(mut self, rows: u64) -> Error {
        match &mut self {
            Error::Value { row: 0, .. } => {}
            Error::VectorBytes { row, .. }
            | Error::Value { row, .. }
            | Error::Dimensions { row, .. }
            | Error::Json { row, .. }
            | Error::Text { row, .. } => *row += rows,
            _ => {}
        }
        self
    }
}

/// A column with its row (0 is none), or the parameter that a name with `@` stands for, which has no rows.
struct Place<'a>(&'a str, &'a u64);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.strip_prefix('@'), self.1) {
            (Some(_), _) => write!(f, "parameter {}", self.0),
            (None, 0) => write!(f, "column {}", self.0),
            (None, row) => write!(f, "column {}, row {row}", self.0),
        }
    }
}

struct Limit(u64);

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Error::REFUSED => f.write_str("the system refused them"),
            limit => write!(f, "the limit is {limit} bytes"),
        }
    }
}

fn payload_types() -> String {
    PayloadType::ALL.map(PayloadType::name).join(", ")
}

struct Suggestion<'a>(&'a [&'static str]);

impl fmt::Display for Suggestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("; docs/KERNELS.md and `hart list` have all names"),
            names => write!(f, "; did you mean {}?", names.join(" or ")),
        }
    }
}

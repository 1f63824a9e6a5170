//! What can go wrong, each with a stable code.

use std::fmt::{self, Write};

/// Why a kernel did not run.
///
/// Every variant has a stable number ([`Error::code`]) and one line of text that names the parameter, column and row,
/// the value found and what was expected. Rows are counted from 1.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting of this library (an environment variable, or what a host passes at startup) has an invalid value.
    Setting {
        /// Its name or origin.
        setting: String,
        /// What is wrong with its value.
        problem: String,
    },
    /// No kernel has this name.
    UnknownKernel {
        /// The name asked for.
        name: String,
        /// Similarly spelled names, nearest first.
        nearest: Vec<&'static str>,
    },
    /// The kernel has no such parameter.
    UnknownParameter {
        /// The kernel.
        kernel: &'static str,
        /// The parameter given.
        name: String,
        /// The parameters it has.
        expected: String,
    },
    /// A parameter without default was not given, or was NULL.
    MissingParameter {
        /// The parameter.
        name: &'static str,
        /// What it is for.
        summary: &'static str,
    },
    /// A parameter's value is of the wrong type or out of range.
    ParameterValue {
        /// The parameter.
        name: String,
        /// The value given, or its type.
        value: String,
        /// What it takes.
        expected: String,
    },
    /// The input's columns cannot be bound to the declared ones.
    Columns {
        /// Declared columns with their types.
        expected: String,
        /// Columns of the input with their types.
        found: String,
    },
    /// A column's type does not fit the declared one.
    ColumnType {
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// The types it may have.
        expected: String,
    },
    /// A packed vector's byte length is not a multiple of the element size.
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
    Buffer {
        /// The column.
        column: String,
        /// Bytes there.
        found: usize,
        /// Bytes needed.
        expected: usize,
    },
    /// The result would take more memory than allowed.
    Memory {
        /// What needs it.
        what: String,
        /// Bytes needed.
        bytes: u64,
        /// Bytes allowed; [`Error::REFUSED`] where no limit is set and the operating system refused the allocation.
        limit: u64,
    },
    /// A tensor's payload type is not known, or cannot be decoded.
    UnknownPayloadType {
        /// Name or number of the type.
        payload_type: String,
        /// The types that can be decoded.
        expected: String,
    },
    /// A value that the kernel cannot use.
    Value {
        /// Name of the column, of a parameter with `@`, or of what the rows form together.
        column: String,
        /// Row, from 1; 0 where no single row is at fault.
        row: u64,
        /// What was found.
        found: String,
        /// What the kernel needs.
        expected: String,
    },
    /// A tensor's payload does not have the length that its type or its output requires.
    Payload {
        /// The payload's type.
        payload_type: &'static str,
        /// The length found.
        found: String,
        /// The length expected.
        expected: String,
    },
}

/// The texts, in T-SQL's words.
impl fmt::Display for InSql<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Error::Setting { setting, problem } => write!(f, "setting {setting}: {problem}"),
            Error::UnknownKernel { name, nearest } => {
                write!(f, "unknown kernel `{name}`{}", Suggestion(nearest))
            }
            Error::UnknownParameter { kernel, name, expected } => {
                write!(f, "unknown parameter @{name}; {kernel} takes {expected}")
            }
            Error::MissingParameter { name, summary } => write!(f, "parameter @{name} is missing: {summary}"),
            Error::ParameterValue { name, value, expected } => {
                write!(f, "parameter @{name} is {value}; expected {expected}")
            }
            Error::Columns { expected, found } => {
                write!(f, "expected input columns {expected}; found {found}")
            }
            Error::ColumnType { column, found, expected } => {
                write!(f, "{} has type {found}; expected {expected}", Place(column, &0))
            }
            Error::VectorBytes { column, row, bytes, element, size } => write!(
                f,
                "{}: {bytes} bytes are not a whole number of {element} elements ({size} bytes each)",
                Place(column, row)
            ),
            Error::Dimensions { column, row, found, other, expected } => {
                write!(f, "{}: {found} dimensions, but {other} has {expected}", Place(column, row))
            }
            Error::Json { column, row, offset, problem } => {
                write!(f, "{}: invalid vector text at byte {offset}: {problem}", Place(column, row))
            }
            Error::Text { column, row, encoding, offset } => {
                write!(f, "{}: invalid {encoding} at byte {offset}", Place(column, row))
            }
            Error::Buffer { column, found, expected } => {
                write!(f, "{}: {found} bytes, but its rows take {expected}", Place(column, &0))
            }
            Error::Memory { what, bytes, limit } => {
                write!(f, "{what} needs {bytes} bytes; {}", Limit(*limit))
            }
            Error::UnknownPayloadType { payload_type, expected } => {
                write!(
                    f,
                    "tensor payloads of type `{payload_type}` cannot be decoded; expected one of {expected}"
                )
            }
            Error::Value { column, row, found, expected } => {
                write!(f, "{}: {found}; expected {expected}", Place(column, row))
            }
            Error::Payload { payload_type, found, expected } => {
                write!(f, "payload of type {payload_type}: {found}; expected {expected}")
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A T-SQL name is `@` and a letter at the start of a word; the caller's own text is in quotes.
        let text = self.in_sql().to_string();
        let (mut before, mut quoted) = (' ', false);
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            // An apostrophe inside a word opens no quotation.
            quoted ^= c == '`' || c == '\'' && (quoted || !before.is_alphanumeric());
            let name = !quoted
                && c == '@'
                && !before.is_alphanumeric()
                && rest.peek().is_some_and(|next| next.is_ascii_alphabetic());
            if !name {
                f.write_char(c)?;
            }
            before = c;
        }
        Ok(())
    }
}

/// [`Error::code`] and [`Error::CODES`] from one table.
macro_rules! codes {
    ($($name:ident = $code:literal: $meaning:literal,)*) => {
        impl Error {
            /// Every variant's name, code and meaning, for hosts that publish them.
            pub const CODES: &[(&str, u16, &str)] = &[$((stringify!($name), $code, $meaning),)*];

            /// A stable number for programs; numbers are never reused.
            pub fn code(&self) -> u16 {
                match self {
                    $(Error::$name { .. } => $code,)*
                }
            }
        }
    };
}

codes! {
    Setting = 1: "A setting of this library (an environment variable, or what a host passes at startup) has an invalid value.",
    UnknownKernel = 2: "No kernel has this name.",
    UnknownParameter = 3: "The kernel has no such parameter.",
    MissingParameter = 4: "A parameter without default was not given, or was NULL.",
    ParameterValue = 5: "A parameter's value is of the wrong type or out of range.",
    Columns = 6: "The input's columns cannot be bound to the declared ones.",
    ColumnType = 7: "A column's type does not fit the declared one.",
    VectorBytes = 8: "A packed vector's byte length is not a multiple of the element size.",
    Dimensions = 9: "Two vectors that belong together have different dimensions.",
    Json = 10: "A text is not a JSON array of numbers.",
    Text = 11: "A text is not UTF-8 or UTF-16.",
    Memory = 12: "The result would take more memory than allowed.",
    Buffer = 13: "A column's buffer is shorter than its rows' lengths say.",
    UnknownPayloadType = 14: "A tensor's payload type is not known, or cannot be decoded.",
    Payload = 15: "A tensor's payload does not have the length that its type or its output requires.",
    Value = 16: "A value that the kernel cannot use.",
}

/// An error's text in T-SQL's words: see [`Error::in_sql`].
#[derive(Debug)]
pub struct InSql<'a>(&'a Error);

impl Error {
    /// The limit of [`Error::Memory`] where none is set and the operating system refused.
    pub const REFUSED: u64 = u64::MAX;

    /// The text in T-SQL's words, with `@` before parameter names; the plain text has no `@`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hart_kernels::Vectors;
    /// let error = Vectors::matrix(&[1.0], 0).unwrap_err();
    /// assert!(error.to_string().starts_with("parameter dimensions is 0"));
    /// assert!(error.in_sql().to_string().starts_with("parameter @dimensions is 0"));
    /// ```
    pub fn in_sql(&self) -> InSql<'_> {
        InSql(self)
    }

    /// The same error with its row shifted by the `rows` rows that came before this input.
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

/// The error for an allocation of `length` elements that the system refused.
pub(crate) fn refused<T>(what: &str, length: usize) -> Error {
    let bytes = (length as u64).saturating_mul(size_of::<T>() as u64);
    Error::Memory { what: what.into(), bytes, limit: Error::REFUSED }
}

/// A column and its row (0: none), or the parameter that a name with `@` stands for, which has no rows.
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

struct Suggestion<'a>(&'a [&'static str]);

impl fmt::Display for Suggestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("; docs/KERNELS.md and `hart list` have all names"),
            names => write!(f, "; did you mean {}?", names.join(" or ")),
        }
    }
}

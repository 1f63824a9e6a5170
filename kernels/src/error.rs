//! What can go wrong, each with a stable code.

use std::fmt;

/// What an error is about.
///
/// A name alone converts to a column's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A column, by its name.
    Column(String),
    /// A parameter, by its name.
    Parameter(String),
    /// What the rows form together, such as `the layer`.
    Whole(String),
}

impl Place {
    /// A parameter.
    pub fn parameter(name: &str) -> Place {
        Place::Parameter(name.into())
    }

    /// What the rows form together.
    pub fn whole(name: &str) -> Place {
        Place::Whole(name.into())
    }

    /// The name.
    pub fn name(&self) -> &str {
        match self {
            Place::Column(name) | Place::Parameter(name) | Place::Whole(name) => name,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        At { place: self, row: 0, mark: "" }.fmt(f)
    }
}

impl From<&str> for Place {
    fn from(name: &str) -> Place {
        Place::Column(name.into())
    }
}

impl From<String> for Place {
    fn from(name: String) -> Place {
        Place::Column(name)
    }
}

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
        expected: Vec<&'static str>,
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
        /// Where.
        place: Place,
        /// Its type.
        found: String,
        /// The types it may have.
        expected: String,
    },
    /// A packed vector's byte length is not a multiple of the element size.
    VectorBytes {
        /// Where.
        place: Place,
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
        /// Where.
        place: Place,
        /// Row, from 1.
        row: u64,
        /// Its dimensions.
        found: usize,
        /// What it is compared with.
        other: Place,
        /// The dimensions of that.
        expected: usize,
    },
    /// A text is not a JSON array of numbers.
    Json {
        /// Where.
        place: Place,
        /// Row, from 1.
        row: u64,
        /// Byte offset in the text, from 0.
        offset: usize,
        /// What is wrong there.
        problem: &'static str,
    },
    /// A text is not UTF-8 or UTF-16.
    Text {
        /// Where.
        place: Place,
        /// Row, from 1.
        row: u64,
        /// `UTF-8` or `UTF-16`.
        encoding: &'static str,
        /// Byte offset in the value, from 0.
        offset: usize,
    },
    /// A column's buffer is shorter than its rows' lengths say.
    Buffer {
        /// Where.
        place: Place,
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
        /// Where.
        place: Place,
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

impl fmt::Display for Marked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Marked { error, mark } = self;
        let at = |place| At { place, row: 0, mark };
        let at_row = |place, row: &u64| At { place, row: *row, mark };
        match error {
            Error::Setting { setting, problem } => write!(f, "setting {setting}: {problem}"),
            Error::UnknownKernel { name, nearest } => {
                write!(f, "unknown kernel `{name}`")?;
                if !nearest.is_empty() {
                    write!(f, "; did you mean {}?", nearest.join(" or "))?;
                }
                Ok(())
            }
            Error::UnknownParameter { kernel, name, expected } => {
                write!(f, "unknown parameter {mark}{name}; {kernel} takes ")?;
                match &expected[..] {
                    [] => f.write_str("no parameters"),
                    names => write!(f, "{mark}{}", names.join(&format!(", {mark}"))),
                }
            }
            Error::MissingParameter { name, summary } => {
                write!(f, "parameter {mark}{name} is missing: {summary}")
            }
            Error::ParameterValue { name, value, expected } => {
                write!(f, "parameter {mark}{name} is {value}; expected {expected}")
            }
            Error::Columns { expected, found } => {
                write!(f, "expected input columns {expected}; found {found}")
            }
            Error::ColumnType { place, found, expected } => {
                write!(f, "{} has type {found}; expected {expected}", at(place))
            }
            Error::VectorBytes { place, row, bytes, element, size } => write!(
                f,
                "{}: {bytes} bytes are not a whole number of {element} elements ({size} bytes each)",
                at_row(place, row)
            ),
            Error::Dimensions { place, row, found, other, expected } => {
                write!(f, "{}: {found} dimensions, but {} has {expected}", at_row(place, row), at(other))
            }
            Error::Json { place, row, offset, problem } => {
                write!(f, "{}: invalid vector text at byte {offset}: {problem}", at_row(place, row))
            }
            Error::Text { place, row, encoding, offset } => {
                write!(f, "{}: invalid {encoding} at byte {offset}", at_row(place, row))
            }
            Error::Buffer { place, found, expected } => {
                write!(f, "{}: {found} bytes, but its rows take {expected}", at(place))
            }
            Error::Memory { what, bytes, limit } => {
                write!(f, "{what} would take {bytes} bytes; {}", Limit(*limit))
            }
            Error::UnknownPayloadType { payload_type, expected } => {
                write!(
                    f,
                    "tensor payloads of type `{payload_type}` cannot be decoded; expected one of {expected}"
                )
            }
            Error::Value { place, row, found, expected } => {
                write!(f, "{}: {found}; expected {expected}", at_row(place, row))
            }
            Error::Payload { payload_type, found, expected } => {
                write!(f, "payload of type {payload_type}: {found}; expected {expected}")
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.marked("").fmt(f)
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

/// An error's text with a mark before names of parameters: see [`Error::marked`].
#[derive(Debug)]
pub struct Marked<'a> {
    error: &'a Error,
    mark: &'static str,
}

impl Error {
    /// The limit of [`Error::Memory`] where none is set and the operating system refused.
    pub const REFUSED: u64 = u64::MAX;

    /// The text with `mark` before the name of the parameter that is at fault, for languages that write names so.
    ///
    /// # Examples
    ///
    /// ```
    /// use hart_kernels::Vectors;
    /// let error = Vectors::matrix(&[1.0], 0).unwrap_err();
    /// assert!(error.to_string().starts_with("parameter dimensions is 0"));
    /// assert!(error.marked("--").to_string().starts_with("parameter --dimensions is 0"));
    /// ```
    pub fn marked(&self, mark: &'static str) -> Marked<'_> {
        Marked { error: self, mark }
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

/// A place and its row; 0 where no single one is meant. A parameter has no rows.
struct At<'a> {
    place: &'a Place,
    row: u64,
    mark: &'a str,
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.place, self.row) {
            (Place::Parameter(name), _) => write!(f, "parameter {}{name}", self.mark),
            (Place::Column(name), 0) => write!(f, "column {name}"),
            (Place::Column(name), row) => write!(f, "column {name}, row {row}"),
            (Place::Whole(name), 0) => f.write_str(name),
            (Place::Whole(name), row) => write!(f, "{name}, row {row}"),
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

//! Matches input columns to the declared ones, and declares the result's columns.

use hart_kernels::Error;
use hart_kernels::registry::{
    self, Input, Kernel, Kind, Offered, Origin, POINT_BYTES, Params, ResultVectors, RowShape,
};
use hart_kernels::{Element, Vectors};

use crate::columns::{CType, ColumnData, Field, LARGE_OBJECT, ResultField, carried, text_size};
use crate::convert;

/// The input of a session, bound to its kernel.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Input column of each declared one.
    pub declared: Vec<usize>,
    /// Where the result's columns come from: the declared ones, then the passed-through ones.
    pub origins: Vec<Origin>,
    /// The result's columns.
    pub results: Vec<ResultField>,
}

impl Binding {
    /// Binds by name, ignoring case, if the input has all declared names; else by position if the counts match
    /// (partition columns do not count). Remaining columns are passed through.
    ///
    /// # Errors
    ///
    /// [`Error::Columns`] that lists what was expected and found; [`Error::ColumnType`].
    pub fn new(
        kernel: &Kernel,
        params: &Params,
        vectors: ResultVectors,
        fields: &[Field],
    ) -> Result<Binding, Error> {
        let offered: Vec<Offered<'_>> = fields
            .iter()
            .map(|f| Offered { name: &f.name, type_name: f.ctype.name(), partition: f.partition })
            .collect();
        let declared = registry::bind(kernel, &offered)?;
        let origins = registry::origins(kernel, &declared, &offered);
        for (column, &position) in kernel.columns().zip(&declared) {
            let ctype = fields[position].ctype;
            let fits = match column.kind {
                Kind::Vector => matches!(ctype, CType::Binary | CType::Char | CType::WChar),
                Kind::Binary | Kind::Point => ctype == CType::Binary,
                Kind::Text | Kind::LongText => matches!(ctype, CType::Char | CType::WChar | CType::Guid),
                Kind::Int | Kind::BigInt => convert::is_integer(ctype),
                Kind::Float => convert::is_number(ctype),
                // Ids break ties between equal distances, so their type must have an order that all hosts agree on.
                Kind::Id if kernel.rows == RowShape::Picked => convert::is_integer(ctype),
                _ => true,
            };
            if !fits {
                let expected = match column.kind {
                    Kind::Vector => {
                        "varbinary (packed elements) or varchar/nvarchar (JSON array), for a vector"
                    }
                    Kind::Binary | Kind::Point => "varbinary",
                    Kind::Text | Kind::LongText => "varchar, nvarchar or uniqueidentifier",
                    Kind::Int | Kind::BigInt => "an integer type",
                    Kind::Float => "a numeric type",
                    Kind::Id => "an integer type, because equal distances are ordered by id",
                };
                return Err(Error::ColumnType {
                    place: fields[position].label(position).into(),
                    found: ctype.name().into(),
                    expected: expected.into(),
                });
            }
        }
        let vector = kernel.inputs.iter().position(|c| c.kind == Kind::Vector).map(|n| &fields[declared[n]]);
        let mut results = Vec::with_capacity(origins.len());
        for (n, origin) in origins.iter().enumerate() {
            let column = kernel.outputs.get(n);
            let mut result = match (origin, column) {
                (Origin::Input(position), _) => carried(&fields[*position], *position),
                (Origin::Computed, column) => {
                    let column = column.expect("only declared columns are computed");
                    let (ctype, size) = computed(kernel, column.kind, params, vectors, vector);
                    ResultField { name: String::new(), ctype, size, digits: 0 }
                }
            };
            if let Some(column) = column {
                result.name = column.name.into();
            }
            results.push(result);
        }
        Ok(Binding { declared, origins, results })
    }

    /// The input columns whose values are copied into the result, ids included.
    pub fn copied(&self) -> impl Iterator<Item = usize> {
        self.origins.iter().filter_map(|origin| match origin {
            Origin::Input(position) => Some(*position),
            Origin::Computed => None,
        })
    }

    /// The kernel's input columns from a chunk's data.
    ///
    /// # Errors
    ///
    /// Conversion errors of the vectors: byte lengths, JSON and text errors with column and row.
    pub fn inputs<'a>(
        &self,
        kernel: &Kernel,
        params: &Params,
        fields: &[Field],
        data: &'a [ColumnData<'a>],
        rows: usize,
    ) -> Result<Vec<Input<'a>>, Error> {
        let declared = kernel.columns().zip(&self.declared);
        declared
            .map(|(column, &position)| {
                let (field, data) = (&fields[position], &data[position]);
                match column.kind {
                    Kind::Vector => {
                        let name = field.label(position);
                        vectors(&name, params.element(), field.ctype, data, rows).map(Input::Vectors)
                    }
                    Kind::Id => Ok(Input::Id(convert::integer_keys(field, data, rows))),
                    Kind::Int | Kind::BigInt => {
                        // The binding has checked the type.
                        Ok(Input::Integers(convert::integer_keys(field, data, rows).unwrap_or_default()))
                    }
                    Kind::Float => Ok(Input::Floats(convert::numbers(field, data, rows))),
                    Kind::Text | Kind::LongText => {
                        convert::texts(&field.label(position), field, data, rows).map(Input::Texts)
                    }
                    Kind::Binary | Kind::Point => Ok(Input::Binary(slices(data, rows))),
                }
            })
            .collect()
    }
}

/// The parameter that says how many dimensions result vectors have.
const DIMENSIONS: &str = "dimensions";

/// The type and size of a computed column; `vector` is the input's column of vectors.
fn computed(
    kernel: &Kernel,
    kind: Kind,
    params: &Params,
    vectors: ResultVectors,
    vector: Option<&Field>,
) -> (CType, u64) {
    match kind {
        Kind::Float => (CType::Double, 8),
        Kind::Int => (CType::Int, 4),
        Kind::BigInt => (CType::BigInt, 8),
        Kind::Binary => (CType::Binary, LARGE_OBJECT),
        Kind::Point => (CType::Binary, POINT_BYTES as u64),
        Kind::Text => (CType::Char, 8000),
        Kind::LongText => (CType::Char, LARGE_OBJECT),
        Kind::Id => unreachable!("a kernel that returns an id takes one, which is copied"),
        Kind::Vector => match (vectors, vector) {
            (ResultVectors::Json, _) => (CType::Char, LARGE_OBJECT),
            (_, Some(field)) if field.ctype == CType::Binary => {
                // The schema says nothing of vectors whose dimensions the caller chooses.
                if kernel.params.iter().any(|param| param.name == DIMENSIONS) {
                    (CType::Binary, LARGE_OBJECT)
                } else {
                    // Taken from the schema, never from a first chunk, because later values may be longer.
                    let elements = text_size(field.size).div_ceil(params.element().size() as u64);
                    (CType::Binary, text_size(elements.saturating_mul(params.result_element().size() as u64)))
                }
            }
            (ResultVectors::Packed, _) => (CType::Binary, LARGE_OBJECT),
            (ResultVectors::AsInput, _) => (CType::Char, LARGE_OBJECT),
        },
    }
}

/// The rows of a packed column.
fn slices<'a>(data: &'a ColumnData<'a>, rows: usize) -> Vec<Option<&'a [u8]>> {
    let mut rest = data.bytes;
    let row = |length: &i32| {
        let (row, after) = rest.split_at(usize::try_from(*length).ok()?);
        rest = after;
        Some(row)
    };
    data.lengths(rows).iter().map(row).collect()
}

fn vectors<'a>(
    name: &str,
    element: Element,
    ctype: CType,
    data: &'a ColumnData<'a>,
    rows: usize,
) -> Result<Vectors<'a>, Error> {
    let lengths = data.lengths(rows);
    match ctype {
        CType::Binary => Vectors::packed(name, element, data.bytes, &lengths),
        CType::WChar => {
            let mut text = Vec::with_capacity(data.bytes.len() / 2);
            let mut text_lengths = Vec::with_capacity(rows);
            let mut end = 0;
            for (row, length) in lengths.iter().enumerate() {
                let Ok(bytes) = usize::try_from(*length) else {
                    text_lengths.push(-1);
                    continue;
                };
                let value = convert::utf16(name, row, &data.bytes[end..end + bytes])?;
                end += bytes;
                text.extend_from_slice(value.as_bytes());
                // A text of n UTF-16 bytes has at most 1.5·n UTF-8 bytes; numbers have fewer.
                text_lengths.push(i32::try_from(value.len()).unwrap_or(i32::MAX));
            }
            Vectors::from_json(name, element, &text, &text_lengths)
        }
        _ => Vectors::from_json(name, element, data.bytes, &lengths).map_err(|error| match error {
            // For bytes that are not text at all, say so rather than report a JSON error.
            Error::Json { row, .. } => invalid_utf8(name, data.bytes, &lengths, row).unwrap_or(error),
            other => other,
        }),
    }
}

fn invalid_utf8(name: &str, bytes: &[u8], lengths: &[i32], row: u64) -> Option<Error> {
    let row = row as usize - 1;
    let start: usize = lengths[..row].iter().map(|l| (*l).max(0) as usize).sum();
    convert::utf8(name, row, &bytes[start..start + lengths[row].max(0) as usize]).err()
}

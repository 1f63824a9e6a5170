//! Calls a kernel by name on the columns of a batch, with the same binding of inputs and pass-through columns as in
//! SQL.

use std::borrow::Cow;
use std::ops::Range;

use hart_kernels::registry::{
    self, Call, Input, Kernel, Kind, Offered, Origin, Output, Params, ResultVectors, RowShape, Value, Values,
};
use hart_kernels::vector::batch::canonical_number;
use hart_kernels::{Compute, Element, Error, PackedVectors, Vectors, text};

use crate::columns::{BitmapBuilder, Column, Data, Field, Made, Type, check_memory, offsets, take};
use crate::failure::Failure;
use crate::integers::{self, Converted};
use crate::state;

/// Name of the parameter that gives the element type of packed vectors.
const ELEMENT: &str = "element";

/// Runs the kernel with that name.
pub(crate) fn invoke(
    name: &str,
    columns: &[Column<'_>],
    rows: usize,
    mut given: Vec<(String, Value)>,
    limit: u64,
) -> Result<(Vec<Made>, usize), Failure> {
    let kernel = registry::find(name)?;
    let labels: Vec<String> =
        columns.iter().enumerate().map(|(i, column)| registry::label(&column.field.name, i)).collect();
    let types: Vec<String> = columns.iter().map(Column::type_name).collect();
    let offered: Vec<Offered<'_>> = columns
        .iter()
        .zip(&types)
        .map(|(column, type_name)| Offered { name: &column.field.name, type_name, partition: false })
        .collect();
    if kernel.takes_nothing() && !offered.is_empty() {
        let found = labels.iter().zip(&types).map(|(label, type_name)| format!("{label} {type_name}"));
        let found = found.collect::<Vec<_>>().join(", ");
        return Err(Error::Columns { expected: format!("none: {} takes no rows", kernel.name), found }.into());
    }
    let declared = registry::bind(kernel, &offered)?;
    let origins = registry::origins(kernel, &declared, &offered);
    for (column, &position) in kernel.columns().zip(&declared) {
        let integers = column.kind == Kind::Vector && integers::holds(&columns[position]);
        match &columns[position].data {
            Data::Tree(_, refusal) if !integers && column.kind != Kind::Id => {
                let (found, expected) = (refusal.found.clone(), refusal.expected.clone());
                return Err(Failure::Arrow {
                    place: format!("input column {}", labels[position]),
                    found,
                    expected,
                });
            }
            _ => check_type(kernel, column.kind, &columns[position], &labels[position])?,
        }
    }
    // Integers become singles, or doubles if one column needs them, because all vector columns must have the same type.
    let convert = |wide: bool| -> Result<Vec<Option<Converted>>, Error> {
        let each = kernel.columns().zip(&declared).map(|(column, &position)| {
            let vector = (column.kind == Kind::Vector).then_some(&columns[position]);
            vector.and_then(|column| integers::converted(column, &labels[position], wide)).transpose()
        });
        each.collect()
    };
    let mut converted = convert(false)?;
    let of_column =
        |converted: &[Option<Converted>]| converted.iter().flatten().any(|c| c.element == Element::F64);
    let doubles = |&position: &usize| columns[position].kind.list_element() == Some(Element::F64);
    if converted.iter().any(Option::is_some) && (of_column(&converted) || declared.iter().any(doubles)) {
        converted = convert(true)?;
    }
    let written = ResultVectors::take(&mut given)?;
    let vector = kernel.inputs.iter().position(|c| c.kind == Kind::Vector).map(|n| columns[declared[n]].kind);
    // A list itself states its element type.
    let says_element = |(name, _): &(String, Value)| name.eq_ignore_ascii_case(ELEMENT);
    let of_integers = converted.iter().flatten().map(|c| c.element).next();
    if let Some(element) = vector.and_then(|kind| kind.list_element()).or(of_integers)
        && kernel.params.iter().any(|param| param.name == ELEMENT)
        && !given.iter().any(says_element)
    {
        given.push((ELEMENT.into(), Value::Text(element.name().into())));
    }
    let params = Params::bind(kernel, &given)?;
    // Per row, whatever the content: the declared columns as the kernel takes them, and the results on their way out.
    let row = 24 * (declared.len() + kernel.outputs.len()) as u64;
    check_memory(format!("a batch of {rows} rows"), (rows as u64).saturating_mul(row), limit)?;
    let inputs = kernel.columns().zip(&declared).zip(&converted).map(|((column, &position), converted)| {
        let (label, element) = (&labels[position], params.element());
        match converted {
            Some(c) if c.element == element || matches!(element, Element::F32 | Element::F64) => {
                Ok(Input::Vectors(Vectors::at(label, c.element, &c.bytes, c.ranges.clone())?))
            }
            Some(_) => Err(Error::ColumnType {
                place: label.as_str().into(),
                found: columns[position].type_name(),
                expected: format!("a list of {}, as {ELEMENT} says", element.name()),
            }),
            None => input(column.kind, &columns[position], label, element),
        }
    });
    let inputs = inputs.collect::<Result<Vec<_>, Error>>()?;
    let output = state::run(|| {
        let call = Call::new(kernel, rows, inputs, params, Compute::new())?.memory_limit(limit);
        (kernel.run)(&call)
    })?;
    let form = match (written, vector) {
        (ResultVectors::Packed, _) => Form::Packed,
        (ResultVectors::Json, _) | (ResultVectors::AsInput, Some(Type::Text { .. })) => Form::Json,
        (ResultVectors::AsInput, Some(Type::Bytes { .. } | Type::FixedBytes(_))) => Form::Packed,
        (ResultVectors::AsInput, _) => Form::List,
    };
    results(kernel, columns, &origins, rows, form, output, limit)
}

/// Format of result vectors.
#[derive(Clone, Copy)]
enum Form {
    List,
    /// Packed elements, as bytes.
    Packed,
    /// JSON arrays, as text.
    Json,
}

fn check_type(kernel: &Kernel, kind: Kind, column: &Column<'_>, label: &str) -> Result<(), Error> {
    let is_bytes = matches!(column.kind, Type::Bytes { .. } | Type::FixedBytes(_));
    let is_text = matches!(column.kind, Type::Text { .. });
    let (fits, expected) = match kind {
        Kind::Vector => (
            is_bytes || is_text || column.kind.list_element().is_some() || integers::holds(column),
            "a list of numbers, binary (packed elements) or utf8 (JSON array), for a vector",
        ),
        Kind::Binary | Kind::Point => (is_bytes, "binary"),
        Kind::Text | Kind::LongText => (is_text, "utf8"),
        Kind::Int | Kind::BigInt => (column.kind.is_integer(), "an integer type"),
        Kind::Float => (column.kind.is_number(), "a numeric type"),
        Kind::Id => (
            kernel.rows != RowShape::Picked || column.kind.is_integer(),
            "an integer type, because equal distances are ordered by id",
        ),
    };
    if fits {
        return Ok(());
    }
    Err(Error::ColumnType { place: label.into(), found: column.type_name(), expected: expected.into() })
}

/// A declared column in the form that the kernel takes.
fn input<'a>(kind: Kind, column: &Column<'a>, name: &str, element: Element) -> Result<Input<'a>, Error> {
    let all = 0..column.rows;
    let integers = || all.clone().map(|i| column.integer(i)).collect::<Result<Vec<_>, _>>();
    Ok(match kind {
        Kind::Vector => Input::Vectors(vectors(column, name, element)?),
        Kind::Id if column.kind.is_integer() => Input::Id(Some(integers()?)),
        Kind::Id => Input::Id(None),
        Kind::Int | Kind::BigInt => Input::Integers(integers()?),
        Kind::Float => Input::Floats(all.map(|i| column.number(i)).collect()),
        Kind::Text | Kind::LongText => {
            Input::Texts(all.map(|i| string(column, name, i)).collect::<Result<_, _>>()?)
        }
        Kind::Binary | Kind::Point => Input::Binary(all.map(|i| column.value(i)).collect()),
    })
}

fn string(column: &Column<'_>, name: &str, i: usize) -> Result<Option<String>, Error> {
    let Some(bytes) = column.value(i) else { return Ok(None) };
    let text = std::str::from_utf8(bytes).map_err(|e| Error::Text {
        place: name.into(),
        row: i as u64 + 1,
        encoding: "UTF-8",
        offset: e.valid_up_to(),
    })?;
    Ok(Some(text.into()))
}

fn vectors<'a>(column: &Column<'a>, name: &str, element: Element) -> Result<Vectors<'a>, Error> {
    if let Type::Text { .. } = column.kind {
        return json(column, name, element);
    }
    if let Some(own) = column.kind.list_element()
        && own != element
    {
        return Err(Error::ColumnType {
            place: name.into(),
            found: column.kind.name(),
            expected: format!("a list of {}, as {ELEMENT} says", element.name()),
        });
    }
    let range = |i: usize| (!column.is_null(i)).then(|| column.range(i));
    let ranges: Vec<Option<Range<usize>>> = (0..column.rows).map(range).collect();
    // Equally long rows without gaps form a matrix, which needs no range per row.
    let length = ranges.first().cloned().flatten().map_or(0, |first| first.len());
    let regular = |(i, range): (usize, &Option<Range<usize>>)| {
        range.as_ref().is_some_and(|range| range.start == i * length && range.len() == length)
    };
    if length > 0 && length.is_multiple_of(element.size()) && ranges.iter().enumerate().all(regular) {
        let bytes = &column.buffer()[..length * column.rows];
        return Vectors::packed_matrix(name, element, bytes, length / element.size());
    }
    Vectors::at(name, element, column.buffer(), ranges)
}

fn json(column: &Column<'_>, name: &str, element: Element) -> Result<Vectors<'static>, Error> {
    let mut lengths = Vec::with_capacity(column.rows);
    let mut texts = Cow::Borrowed(column.buffer());
    // There may be bytes under a NULL; the parser expects none.
    if (0..column.rows).any(|i| column.is_null(i) && !column.range(i).is_empty()) {
        texts = Cow::Owned((0..column.rows).filter_map(|i| column.value(i)).collect::<Vec<_>>().concat());
    }
    for i in 0..column.rows {
        let length = column.value(i).map_or(Ok(-1), |text| i32::try_from(text.len()));
        lengths.push(length.map_err(|_| Error::Memory {
            what: format!("column {name}, row {}", i + 1),
            bytes: column.range(i).len() as u64,
            limit: i32::MAX as u64,
        })?);
    }
    Vectors::from_json(name, element, &texts, &lengths).map_err(|error| match error {
        // For bytes that are not text at all, say so rather than report a JSON error.
        Error::Json { row, .. } => string(column, name, row as usize - 1).err().unwrap_or(error),
        other => other,
    })
}

/// The result's columns: the declared ones, then the passed-through ones.
fn results(
    kernel: &Kernel,
    columns: &[Column<'_>],
    origins: &[Origin],
    rows: usize,
    form: Form,
    output: Output,
    limit: u64,
) -> Result<(Vec<Made>, usize), Failure> {
    let picked = output.picked.as_deref();
    let mut computed = output.columns.into_iter();
    let mut made = Vec::with_capacity(origins.len());
    let own = |name: &str| kernel.outputs.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    let others = columns.iter().map(|column| column.field.name.clone());
    let taken: Vec<String> = kernel.outputs.iter().map(|column| column.name.into()).chain(others).collect();
    for (n, origin) in origins.iter().enumerate() {
        let declared = kernel.outputs.get(n);
        made.push(match origin {
            Origin::Input(position) => {
                let mut copied = take(&columns[*position], picked, limit)?;
                match declared {
                    Some(column) => copied.field.name = column.name.into(),
                    None if own(&copied.field.name) => {
                        copied.field.name = registry::free_name(&copied.field.name, &taken);
                    }
                    None => {}
                }
                copied
            }
            Origin::Computed => {
                let next = declared.zip(computed.next());
                let (column, next) = next.expect("a kernel gives its declared columns");
                values(column.name, next, form)?
            }
        });
    }
    let rows = made.first().map_or(picked.map_or(rows, <[usize]>::len), |first| first.rows);
    Ok((made, rows))
}

/// A computed column.
fn values(name: &str, values: Values, form: Form) -> Result<Made, Failure> {
    let rows = values.len();
    let made = Made { field: Field::nullable(name, ""), rows, ..Made::default() };
    Ok(match values {
        Values::Float(values) => fixed(made, "g", values, |v| canonical_number(v).to_le_bytes()),
        Values::Int(values) => fixed(made, "i", values, i32::to_le_bytes),
        Values::BigInt(values) => fixed(made, "l", values, i64::to_le_bytes),
        Values::Text(values) => variable(made, "U", &values)?,
        Values::Binary(values) => variable(made, "Z", &values)?,
        Values::Packed(values) => {
            let (starts, made) = spans(made, &values.lengths, 1)?;
            Made { buffers: vec![starts, values.bytes], ..made.of("Z") }
        }
        Values::Vectors(values) => match form {
            Form::Json => variable(made, "U", &json_rows(&values))?,
            Form::Packed => packed(made, "Z", None, values)?,
            Form::List => packed(made, "+L", Some(values.element), values)?,
        },
    })
}

fn fixed<T: Copy, const N: usize>(
    made: Made,
    format: &str,
    values: Vec<Option<T>>,
    bytes: impl Fn(T) -> [u8; N],
) -> Made {
    let mut present = BitmapBuilder::with_capacity(values.len());
    let mut out = Vec::with_capacity(values.len() * N);
    for value in values {
        present.push(value.is_some());
        out.extend_from_slice(&value.map_or([0; N], &bytes));
    }
    let (validity, nulls) = present.validity();
    Made { validity, nulls, buffers: vec![out], ..made.of(format) }
}

fn variable<T: AsRef<[u8]>>(made: Made, format: &str, values: &[Option<T>]) -> Result<Made, Failure> {
    let bytes = |value: &Option<T>| value.as_ref().map_or(0, |v| v.as_ref().len());
    let starts = offsets(&made.field.name, values.iter().map(bytes), 1, true)?;
    let mut present = BitmapBuilder::with_capacity(values.len());
    let mut out = Vec::with_capacity(values.iter().map(bytes).sum());
    for value in values {
        present.push(value.is_some());
        out.extend_from_slice(value.as_ref().map_or(&[][..], AsRef::as_ref));
    }
    let (validity, nulls) = present.validity();
    Ok(Made { validity, nulls, buffers: vec![starts, out], ..made.of(format) })
}

/// Packed vectors as they are: bytes, or a list of `element`.
fn packed(
    made: Made,
    format: &str,
    element: Option<Element>,
    mut vectors: PackedVectors,
) -> Result<Made, Failure> {
    canonical(vectors.element, &mut vectors.bytes);
    let unit = element.map_or(1, Element::size);
    let (starts, made) = spans(made, &vectors.lengths, unit)?;
    let child = element.map(|element| {
        let format = match element {
            Element::F32 => "f",
            Element::F64 => "g",
            Element::F16 => "e",
            // Arrow has no bfloat16, so no list holds it; that leaves int8.
            Element::Bf16 | Element::I8 => "c",
        };
        Field { flags: 0, ..Field::nullable("item", format) }
    });
    let mut made = Made { buffers: vec![starts], ..made.of(format) };
    Ok(match child {
        Some(child) => made.with_elements(child, vectors.bytes, unit),
        None => {
            made.buffers.push(vectors.bytes);
            made
        }
    })
}

/// Offsets and validity of rows stored back to back; a length of −1 is NULL.
fn spans(made: Made, lengths: &[i32], unit: usize) -> Result<(Vec<u8>, Made), Failure> {
    let starts =
        offsets(&made.field.name, lengths.iter().map(|length| (*length).max(0) as usize), unit, true)?;
    let mut present = BitmapBuilder::with_capacity(lengths.len());
    lengths.iter().for_each(|length| present.push(*length >= 0));
    let (validity, nulls) = present.validity();
    Ok((starts, Made { validity, nulls, ..made }))
}

/// Replaces every NaN of packed elements by the canonical one, because processors produce different NaNs.
fn canonical(element: Element, bytes: &mut [u8]) {
    fn each<const N: usize>(bytes: &mut [u8], is_nan: impl Fn([u8; N]) -> bool, nan: [u8; N]) {
        bytes.as_chunks_mut::<N>().0.iter_mut().filter(|b| is_nan(**b)).for_each(|b| *b = nan);
    }
    match element {
        Element::F32 => each(bytes, |b| f32::from_le_bytes(b).is_nan(), f32::NAN.to_le_bytes()),
        Element::F64 => each(bytes, |b| f64::from_le_bytes(b).is_nan(), f64::NAN.to_le_bytes()),
        Element::F16 => each(bytes, |b| half::f16::from_le_bytes(b).is_nan(), half::f16::NAN.to_le_bytes()),
        Element::Bf16 => {
            each(bytes, |b| half::bf16::from_le_bytes(b).is_nan(), half::bf16::NAN.to_le_bytes());
        }
        Element::I8 => {}
    }
}

/// Vectors as JSON arrays; one with a component that JSON cannot represent is NULL.
fn json_rows(vectors: &PackedVectors) -> Vec<Option<String>> {
    let mut end = 0;
    let row = |length: &i32| {
        let length = usize::try_from(*length).ok()?;
        end += length;
        let mut out = String::new();
        text::write_packed(vectors.element, &vectors.bytes[end - length..end], &mut out).then_some(out)
    };
    vectors.lengths.iter().map(row).collect()
}

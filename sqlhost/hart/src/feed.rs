//! Converts Arrow columns to the layout of a SQL Server host, and results back to Arrow columns.

use std::borrow::Cow;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::*;
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, TimeUnit};
use hart_kernels::registry::Kind;
use hart_kernels::{Element, decode};
use hart_sqlhost::columns::{CType, Field as HostField, LARGE_OBJECT, ResultColumn, ResultField};
use hart_sqlhost::local::HostColumn;
use hart_sqlhost::sys::SQL_NULL_DATA;

use crate::data::{cell, types};
use crate::memory;

/// Element type of a vector column, if it is one. Whole numbers are sent as the smallest floats that hold them exactly.
pub fn vector_element(data_type: &DataType) -> Option<Element> {
    match types::item_type(types::plain_type(data_type))? {
        DataType::Float32 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 => Some(Element::F32),
        DataType::Float64 | DataType::Int32 | DataType::UInt32 | DataType::Int64 | DataType::UInt64 => {
            Some(Element::F64)
        }
        DataType::Float16 => Some(Element::F16),
        DataType::Int8 => Some(Element::I8),
        _ => None,
    }
}

/// Whether the list items are typical of vectors, unlike whole numbers, which may be anything.
pub fn is_of_floats(data_type: &DataType) -> bool {
    use DataType::{Float16, Float32, Float64, Int8};
    matches!(types::item_type(types::plain_type(data_type)), Some(Float16 | Float32 | Float64 | Int8))
}

/// Whether the kernel reads the column's bytes.
pub fn is_bytes(kind: Kind) -> bool {
    matches!(kind, Kind::Binary | Kind::Point)
}

/// The declaration of a column of that type to the kernel.
pub fn host_field(name: &str, data_type: &DataType, partition: bool) -> Result<HostField> {
    let fixed = |ctype: CType| (ctype, ctype.fixed_size().unwrap_or(1) as u64, 0);
    let (ctype, size, digits) = match types::plain_type(data_type) {
        DataType::Boolean => fixed(CType::Bit),
        DataType::UInt8 => fixed(CType::TinyInt),
        DataType::Int8 | DataType::Int16 => fixed(CType::SmallInt),
        DataType::UInt16 | DataType::Int32 => fixed(CType::Int),
        DataType::UInt32 | DataType::Int64 => fixed(CType::BigInt),
        DataType::Float16 | DataType::Float32 => fixed(CType::Real),
        DataType::Float64 => fixed(CType::Double),
        DataType::Decimal128(precision, scale) => (CType::Numeric, u64::from(*precision), i16::from(*scale)),
        DataType::FixedSizeBinary(n @ 1..) => (CType::Binary, *n as u64, 0),
        DataType::Date32 => fixed(CType::Date),
        DataType::Timestamp(_, None) => (CType::Timestamp, 16, 6),
        text if types::is_text(text) => (CType::Char, LARGE_OBJECT, 0),
        binary if types::is_binary(binary) => (CType::Binary, LARGE_OBJECT, 0),
        other => match (other, vector_element(other)) {
            (DataType::FixedSizeList(_, n), Some(element)) => {
                (CType::Binary, (*n as u64 * element.size() as u64).max(1), 0)
            }
            (_, Some(_)) => (CType::Binary, LARGE_OBJECT, 0),
            _ => bail!("column {name} has type {other}, which SQL Server cannot send to a kernel"),
        },
    };
    Ok(HostField { name: name.into(), ctype, size, digits, partition })
}

/// An empty column of that type in the host's layout.
pub fn empty_column(ctype: CType) -> HostColumn {
    HostColumn { ctype, bytes: Vec::new(), indicators: Vec::new() }
}

/// Where a column's values come from.
pub struct Column<'a> {
    /// The column's name in errors.
    pub name: &'a str,
    /// What the kernel takes it for, if it declares the column. Texts that are vectors may have forms other than JSON, and
    /// lists of bytes may be binary.
    pub kind: Option<Kind>,
    /// Rows before these.
    pub before: usize,
    /// Bytes that the same call has read of other columns.
    pub beside: u64,
}

/// Appends a column's values.
pub fn append(column: &Column<'_>, array: &ArrayRef, out: &mut HostColumn) -> Result<()> {
    let Column { name, kind, before, beside } = *column;
    let array = types::plain(array).with_context(|| format!("column {name}"))?;
    let slot = out.ctype.fixed_size();
    let expected = array.len() * slot.unwrap_or_else(|| width(array.data_type()));
    let beside = beside + size_of_val(&out.indicators[..]) as u64;
    memory::grow(&mut out.bytes, expected, beside, name)?;
    memory::grow(&mut out.indicators, array.len(), 0, name)?;
    for i in 0..array.len() {
        let start = out.bytes.len();
        if cell::is_null(&array, i) {
            // The fixed-width slot of a NULL row may hold anything; this value would be noticed if it were read.
            out.bytes.resize(start + slot.unwrap_or(0), 0xA5);
            out.indicators.push(SQL_NULL_DATA);
            continue;
        }
        let place = || format!("column {name}, row {}", before + i + 1);
        append_value(&array, i, kind, &mut out.bytes).with_context(place)?;
        let length = i32::try_from(out.bytes.len() - start).context("a value of more than 2 GB");
        out.indicators.push(length.with_context(place)?);
    }
    Ok(())
}

/// Bytes of a vector of that type; 0 if they vary.
fn width(data_type: &DataType) -> usize {
    match (data_type, vector_element(data_type)) {
        (DataType::FixedSizeList(_, n), Some(element)) => *n as usize * element.size(),
        _ => 0,
    }
}

fn append_value(array: &ArrayRef, i: usize, kind: Option<Kind>, out: &mut Vec<u8>) -> Result<()> {
    macro_rules! number {
        ($of:ty, $wide:ty) => {
            out.extend(<$wide>::from(array.as_primitive::<$of>().value(i)).to_le_bytes())
        };
    }
    match array.data_type() {
        DataType::Boolean => out.push(u8::from(array.as_boolean().value(i))),
        DataType::UInt8 => number!(UInt8Type, u8),
        // Types that SQL Server lacks are sent as the next larger one.
        DataType::Int8 => number!(Int8Type, i16),
        DataType::Int16 => number!(Int16Type, i16),
        DataType::UInt16 => number!(UInt16Type, i32),
        DataType::Int32 => number!(Int32Type, i32),
        DataType::UInt32 => number!(UInt32Type, i64),
        DataType::Int64 => number!(Int64Type, i64),
        DataType::Float16 => number!(Float16Type, f32),
        DataType::Float32 => number!(Float32Type, f32),
        DataType::Float64 => number!(Float64Type, f64),
        DataType::Decimal128(precision, scale) => {
            let value = array.as_primitive::<Decimal128Type>().value(i);
            out.extend([*precision, *scale as u8, u8::from(value >= 0)]);
            out.extend(value.unsigned_abs().to_le_bytes());
        }
        DataType::Date32 => {
            let date = array.as_primitive::<Date32Type>().value_as_date(i).context("a date out of range")?;
            append_date(date, out)?;
        }
        DataType::Timestamp(unit, _) => {
            use chrono::Timelike;
            let time = time(array, *unit, i).context("a time out of range")?;
            append_date(time.date_naive(), out)?;
            for part in [time.hour(), time.minute(), time.second()] {
                out.extend((part as u16).to_le_bytes());
            }
            out.extend(time.nanosecond().to_le_bytes());
        }
        text if types::is_text(text) => {
            let text = cell::text(array, i)?;
            let json = kind == Some(Kind::Vector);
            out.extend(if json { json_of(&text) } else { Cow::Borrowed(&text[..]) }.as_bytes());
        }
        _ => match (cell::bytes(array, i), cell::list(array, i)) {
            (Some(bytes), _) => out.extend_from_slice(bytes),
            (_, Some(items)) if kind.is_some_and(is_bytes) => {
                ensure!(items.null_count() == 0, "the list has a NULL");
                let bytes = items.as_primitive_opt::<UInt8Type>().context("a list that is not of uint8")?;
                out.extend_from_slice(bytes.values());
            }
            (_, Some(items)) => append_elements(&items, out)?,
            _ => bail!("type {}", array.data_type()),
        },
    }
    Ok(())
}

/// The time in row `i`, in UTC.
fn time(array: &ArrayRef, unit: TimeUnit, i: usize) -> Option<chrono::DateTime<chrono::Utc>> {
    type Time = chrono::DateTime<chrono::Utc>;
    match unit {
        TimeUnit::Second => Time::from_timestamp(array.as_primitive::<TimestampSecondType>().value(i), 0),
        TimeUnit::Millisecond => {
            Time::from_timestamp_millis(array.as_primitive::<TimestampMillisecondType>().value(i))
        }
        TimeUnit::Microsecond => {
            Time::from_timestamp_micros(array.as_primitive::<TimestampMicrosecondType>().value(i))
        }
        TimeUnit::Nanosecond => {
            Some(Time::from_timestamp_nanos(array.as_primitive::<TimestampNanosecondType>().value(i)))
        }
    }
}

/// A vector's text as JSON: NumPy omits commas and zeros after points, PostgreSQL writes braces. Other text is left as
/// it is, so that the kernel reports what is wrong with it.
pub fn json_of(text: &str) -> Cow<'_, str> {
    let trimmed = text.trim();
    let inside = |open, close| trimmed.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let numpy = |inside: &&str| {
        !inside.contains(',') && (inside.contains(char::is_whitespace) || inside.ends_with('.'))
    };
    if let Some(inside) = inside('{', '}').filter(|inside| !inside.contains([':', '"'])) {
        return Cow::Owned(format!("[{inside}]"));
    }
    let Some(inside) = inside('[', ']').filter(numpy) else { return Cow::Borrowed(text) };
    let number = |number: &str| if number.ends_with('.') { format!("{number}0") } else { number.to_owned() };
    let numbers: Vec<String> = inside.split_whitespace().map(number).collect();
    Cow::Owned(format!("[{}]", numbers.join(",")))
}

fn append_date(date: chrono::NaiveDate, out: &mut Vec<u8>) -> Result<()> {
    use chrono::Datelike;
    out.extend(i16::try_from(date.year()).context("a year out of range")?.to_le_bytes());
    out.extend((date.month() as u16).to_le_bytes());
    out.extend((date.day() as u16).to_le_bytes());
    Ok(())
}

fn append_elements(values: &ArrayRef, out: &mut Vec<u8>) -> Result<()> {
    if values.null_count() > 0 {
        bail!("the vector has a NULL component");
    }
    macro_rules! plain {
        ($of:ty) => {
            out.extend_from_slice(bytemuck::cast_slice(values.as_primitive::<$of>().values()))
        };
    }
    macro_rules! wide {
        ($of:ty, $float:ty) => {
            out.extend(
                values.as_primitive::<$of>().values().iter().flat_map(|v| <$float>::from(*v).to_le_bytes()),
            )
        };
    }
    macro_rules! checked {
        ($of:ty) => {
            for value in values.as_primitive::<$of>().values() {
                let float = *value as f64;
                ensure!(
                    float as i128 == i128::from(*value),
                    "the component {value} is no double-precision number"
                );
                out.extend(float.to_le_bytes());
            }
        };
    }
    match values.data_type() {
        DataType::Float32 => plain!(Float32Type),
        DataType::Float64 => plain!(Float64Type),
        DataType::Int8 => plain!(Int8Type),
        DataType::Float16 => {
            out.extend(values.as_primitive::<Float16Type>().values().iter().flat_map(|v| v.to_le_bytes()));
        }
        DataType::UInt8 => wide!(UInt8Type, f32),
        DataType::Int16 => wide!(Int16Type, f32),
        DataType::UInt16 => wide!(UInt16Type, f32),
        DataType::Int32 => wide!(Int32Type, f64),
        DataType::UInt32 => wide!(UInt32Type, f64),
        DataType::Int64 => checked!(Int64Type),
        DataType::UInt64 => checked!(UInt64Type),
        other => bail!("components of type {other}"),
    }
    Ok(())
}

/// The form of a result's vectors.
#[derive(Clone, Copy)]
pub struct VectorShape {
    /// Their element type.
    pub element: Element,
    /// Their dimensions, if the input's type fixes them.
    pub dimensions: Option<i32>,
}

/// A result column as an Arrow column; a binary one with vectors becomes a list of their elements.
pub fn arrow_column(
    field: &ResultField,
    column: &ResultColumn,
    vectors: Option<VectorShape>,
) -> Result<ArrayRef> {
    let bytes = column.data.bytes();
    let present: Vec<bool> = column.indicators.iter().map(|l| *l != SQL_NULL_DATA).collect();
    let nulls = Some(NullBuffer::from(present)).filter(|n| n.null_count() > 0);
    let slots = |size: usize| bytes.chunks_exact(size);
    macro_rules! primitive {
        ($arrow:ty, $native:ty) => {{
            let read = |b: &[u8]| <$native>::from_le_bytes(b.try_into().unwrap_or_default());
            let values: Vec<$native> = slots(size_of::<$native>()).map(read).collect();
            Arc::new(PrimitiveArray::<$arrow>::new(values.into(), nulls)) as ArrayRef
        }};
    }
    let part = |b: &[u8], i: usize| u16::from_le_bytes([b[i], b[i + 1]]);
    let date = |b: &[u8]| {
        chrono::NaiveDate::from_ymd_opt(i32::from(part(b, 0) as i16), part(b, 2).into(), part(b, 4).into())
    };
    Ok(match field.ctype {
        CType::Bit => {
            let values: Vec<bool> = bytes.iter().map(|b| *b != 0).collect();
            Arc::new(BooleanArray::new(values.into(), nulls))
        }
        CType::TinyInt => primitive!(UInt8Type, u8),
        CType::SmallInt => primitive!(Int16Type, i16),
        CType::Int => primitive!(Int32Type, i32),
        CType::BigInt => primitive!(Int64Type, i64),
        CType::Real => primitive!(Float32Type, f32),
        CType::Double => primitive!(Float64Type, f64),
        CType::Numeric => {
            let read = |b: &[u8]| {
                let magnitude = i128::from_le_bytes(b[3..19].try_into().unwrap_or_default());
                if b[2] == 0 { -magnitude } else { magnitude }
            };
            let values: Vec<i128> = slots(19).map(read).collect();
            let array = Decimal128Array::new(values.into(), nulls);
            Arc::new(array.with_precision_and_scale(field.size as u8, field.digits as i8)?)
        }
        CType::Date => {
            let epoch = chrono::NaiveDate::default();
            let days = |b: &[u8]| date(b).map_or(0, |d| (d - epoch).num_days() as i32);
            Arc::new(Date32Array::new(slots(6).map(days).collect::<Vec<_>>().into(), nulls))
        }
        CType::Timestamp => {
            let read = |b: &[u8]| {
                let nanoseconds = u32::from_le_bytes([b[12], b[13], b[14], b[15]]);
                let (hour, minute, second) = (part(b, 6).into(), part(b, 8).into(), part(b, 10).into());
                Some(date(b)?.and_hms_nano_opt(hour, minute, second, nanoseconds)?.and_utc())
            };
            let times: Vec<Option<chrono::DateTime<chrono::Utc>>> = slots(16)
                .zip(&column.indicators)
                .map(
                    |(b, length)| {
                        if *length == SQL_NULL_DATA { Some(chrono::DateTime::default()) } else { read(b) }
                    },
                )
                .collect();
            let row = times.iter().position(Option::is_none);
            ensure!(row.is_none(), "column {}, row {}: no time", field.name, row.unwrap_or(0) + 1);
            // Nanoseconds cover 1677 to 2262; microseconds cover all of SQL Server's datetime2, except its last digit.
            let nanoseconds: Option<Vec<i64>> =
                times.iter().flatten().map(|t| t.timestamp_nanos_opt()).collect();
            match nanoseconds {
                Some(values) => Arc::new(TimestampNanosecondArray::new(values.into(), nulls)) as ArrayRef,
                None => {
                    let fine = times.iter().flatten().position(|t| t.timestamp_subsec_nanos() % 1000 != 0);
                    ensure!(
                        fine.is_none(),
                        "column {}, row {}: its fraction of a second has more than six digits, which no type holds beside the                          other rows' times",
                        field.name,
                        fine.unwrap_or(0) + 1
                    );
                    let values: Vec<i64> = times.iter().flatten().map(|t| t.timestamp_micros()).collect();
                    Arc::new(TimestampMicrosecondArray::new(values.into(), nulls))
                }
            }
        }
        CType::Char | CType::WChar | CType::Guid => {
            let values = packed(column)?;
            let text = values.into_iter().map(|v| v.map(|v| text_of(field.ctype, v)).transpose());
            if i32::try_from(bytes.len()).is_ok() {
                Arc::new(text.collect::<Result<StringArray>>()?)
            } else {
                Arc::new(text.collect::<Result<LargeStringArray>>()?)
            }
        }
        CType::Binary => match vectors {
            None if i32::try_from(bytes.len()).is_ok() => {
                Arc::new(BinaryArray::from_opt_vec(packed(column)?))
            }
            None => Arc::new(LargeBinaryArray::from_opt_vec(packed(column)?)),
            Some(shape) => vector_column(column, shape, nulls)?,
        },
    })
}

fn packed(column: &ResultColumn) -> Result<Vec<Option<&[u8]>>> {
    let mut end = 0usize;
    let values = column.indicators.iter().map(|length| {
        let Ok(length) = usize::try_from(*length) else { return Ok(None) };
        let start = end;
        end += length;
        column.data.bytes().get(start..end).map(Some).context("the result is shorter than its lengths say")
    });
    values.collect()
}

fn text_of(ctype: CType, bytes: &[u8]) -> Result<String> {
    match ctype {
        CType::WChar => Ok(hart_sqlhost::convert::utf16("result", 0, bytes)?),
        _ => Ok(hart_sqlhost::convert::utf8("result", 0, bytes)?.to_string()),
    }
}

/// Vectors as a list column.
fn vector_column(column: &ResultColumn, shape: VectorShape, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let VectorShape { element, dimensions } = shape;
    let size = element.size();
    let odd = column.indicators.iter().position(|l| *l > 0 && !(*l as usize).is_multiple_of(size));
    if let Some(row) = odd {
        bail!("result row {}: {} bytes are no vector of {}", row + 1, column.indicators[row], element.name());
    }
    let bytes = column.data.bytes();
    // Some kernels give vectors of other dimensions than those of the input.
    let same = |n: &i32| column.indicators.iter().all(|l| *l < 0 || *l as usize == *n as usize * size);
    let dimensions = dimensions.filter(same);
    let padded;
    let bytes = match dimensions {
        // A list of fixed size takes space for NULL too.
        Some(n) if nulls.is_some() => {
            padded = pad(column, n as usize * size)?;
            &padded
        }
        _ => bytes,
    };
    let singles = || match element {
        Element::F32 => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect::<Vec<f32>>(),
        _ => decode(element, bytes).into_iter().map(|v| v as f32).collect(),
    };
    let (item_type, values): (DataType, ArrayRef) = match element {
        Element::F64 => (DataType::Float64, Arc::new(Float64Array::from(decode(element, bytes)))),
        Element::F16 => {
            let halves = bytes.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b));
            (DataType::Float16, Arc::new(Float16Array::from_iter_values(halves)))
        }
        Element::F32 | Element::Bf16 | Element::I8 => {
            (DataType::Float32, Arc::new(Float32Array::from(singles())))
        }
    };
    let item = Arc::new(Field::new("item", item_type, true));
    if let Some(n) = dimensions {
        return Ok(Arc::new(FixedSizeListArray::try_new(item, n, values, nulls)?));
    }
    let lengths = column.indicators.iter().map(|l| (*l).max(0) as usize / size);
    if i32::try_from(values.len()).is_ok() {
        return Ok(Arc::new(ListArray::try_new(item, OffsetBuffer::from_lengths(lengths), values, nulls)?));
    }
    Ok(Arc::new(LargeListArray::try_new(item, OffsetBuffer::from_lengths(lengths), values, nulls)?))
}

/// The values with zeros in place of NULLs.
fn pad(column: &ResultColumn, size: usize) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(column.indicators.len() * size);
    for value in packed(column)? {
        match value {
            Some(value) => out.extend_from_slice(value),
            None => out.resize(out.len() + size, 0),
        }
    }
    Ok(out)
}

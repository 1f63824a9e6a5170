//! Arrow columns as a host of SQL Server's kind holds them, and results back as Arrow columns.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::*;
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, TimeUnit};
use hart_kernels::{Element, decode};
use hart_sqlhost::columns::{CType, Field as HostField, LARGE_OBJECT, ResultColumn, ResultField};
use hart_sqlhost::local::{Chunk, HostColumn};
use hart_sqlhost::sys::SQL_NULL_DATA;

/// Element type of a column of vectors, where it is one.
pub fn vector_element(data_type: &DataType) -> Option<Element> {
    let (DataType::FixedSizeList(item, _) | DataType::List(item) | DataType::LargeList(item)) = data_type
    else {
        return None;
    };
    match item.data_type() {
        DataType::Float32 => Some(Element::F32),
        DataType::Float64 => Some(Element::F64),
        DataType::Float16 => Some(Element::F16),
        DataType::Int8 => Some(Element::I8),
        _ => None,
    }
}

/// How a column of that type is declared to the kernel.
pub fn host_field(name: &str, data_type: &DataType, partition: bool) -> Result<HostField> {
    let fixed = |ctype: CType| (ctype, ctype.fixed_size().unwrap_or(1) as u64, 0);
    let (ctype, size, digits) = match data_type {
        DataType::Boolean => fixed(CType::Bit),
        DataType::UInt8 => fixed(CType::TinyInt),
        DataType::Int8 | DataType::Int16 => fixed(CType::SmallInt),
        DataType::UInt16 | DataType::Int32 => fixed(CType::Int),
        DataType::UInt32 | DataType::Int64 => fixed(CType::BigInt),
        DataType::Float16 | DataType::Float32 => fixed(CType::Real),
        DataType::Float64 => fixed(CType::Double),
        DataType::Decimal128(precision, scale) => (CType::Numeric, u64::from(*precision), i16::from(*scale)),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => (CType::Char, LARGE_OBJECT, 0),
        DataType::Dictionary(_, value) if matches!(**value, DataType::Utf8) => (CType::Char, LARGE_OBJECT, 0),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => (CType::Binary, LARGE_OBJECT, 0),
        DataType::FixedSizeBinary(n) => (CType::Binary, *n as u64, 0),
        DataType::Date32 => fixed(CType::Date),
        DataType::Timestamp(_, None) => (CType::Timestamp, 16, 6),
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

/// A column's values in the host's layout. `before` rows came before these, for messages.
pub fn host_column(name: &str, array: &ArrayRef, before: usize) -> Result<HostColumn> {
    let ctype = host_field(name, array.data_type(), false)?.ctype;
    // Types that SQL Server has no word for travel in the next larger one.
    let wider = match array.data_type() {
        DataType::Int8 => Some(DataType::Int16),
        DataType::UInt16 => Some(DataType::Int32),
        DataType::UInt32 => Some(DataType::Int64),
        DataType::Float16 => Some(DataType::Float32),
        DataType::Utf8View | DataType::Dictionary(..) => Some(DataType::Utf8),
        DataType::BinaryView | DataType::FixedSizeBinary(_) => Some(DataType::Binary),
        DataType::Timestamp(..) => Some(DataType::Timestamp(TimeUnit::Nanosecond, None)),
        _ => None,
    };
    let array = match wider {
        Some(wider) => &cast(array, &wider).with_context(|| format!("column {name}"))?,
        None => array,
    };
    let mut out = HostColumn { ctype, bytes: Vec::new(), indicators: Vec::with_capacity(array.len()) };
    for i in 0..array.len() {
        let start = out.bytes.len();
        if array.is_null(i) {
            // A fixed-width slot of a NULL row holds anything: something that would be noticed if it were read.
            out.bytes.resize(start + ctype.fixed_size().unwrap_or(0), 0xA5);
            out.indicators.push(SQL_NULL_DATA);
            continue;
        }
        append(array, i, &mut out.bytes).with_context(|| format!("column {name}, row {}", before + i + 1))?;
        out.indicators.push(i32::try_from(out.bytes.len() - start).context("a value of more than 2 GB")?);
    }
    Ok(out)
}

/// The type in which a carried column comes back.
pub fn carried_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Int8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => DataType::Utf8,
        DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Nanosecond, None),
        other if host_field("", other, false).is_ok_and(|field| field.ctype == CType::Binary) => {
            DataType::Binary
        }
        other => other.clone(),
    }
}

fn append(array: &ArrayRef, i: usize, out: &mut Vec<u8>) -> Result<()> {
    match array.data_type() {
        DataType::Boolean => out.push(u8::from(array.as_boolean().value(i))),
        DataType::UInt8 => out.push(array.as_primitive::<UInt8Type>().value(i)),
        DataType::Int16 => out.extend(array.as_primitive::<Int16Type>().value(i).to_le_bytes()),
        DataType::Int32 => out.extend(array.as_primitive::<Int32Type>().value(i).to_le_bytes()),
        DataType::Int64 => out.extend(array.as_primitive::<Int64Type>().value(i).to_le_bytes()),
        DataType::Float32 => out.extend(array.as_primitive::<Float32Type>().value(i).to_le_bytes()),
        DataType::Float64 => out.extend(array.as_primitive::<Float64Type>().value(i).to_le_bytes()),
        DataType::Utf8 => out.extend(array.as_string::<i32>().value(i).as_bytes()),
        DataType::LargeUtf8 => out.extend(array.as_string::<i64>().value(i).as_bytes()),
        DataType::Binary => out.extend(array.as_binary::<i32>().value(i)),
        DataType::LargeBinary => out.extend(array.as_binary::<i64>().value(i)),
        DataType::Decimal128(precision, scale) => {
            let value = array.as_primitive::<Decimal128Type>().value(i);
            out.extend([*precision, *scale as u8, u8::from(value >= 0)]);
            out.extend(value.unsigned_abs().to_le_bytes());
        }
        DataType::Date32 => {
            let date = array.as_primitive::<Date32Type>().value_as_date(i).context("a date out of range")?;
            append_date(date, out)?;
        }
        DataType::Timestamp(..) => {
            use chrono::{Datelike, Timelike};
            let time = array.as_primitive::<TimestampNanosecondType>().value_as_datetime(i);
            let time = time.context("a time out of range")?;
            append_date(time.date(), out)?;
            debug_assert!(time.year() != 0);
            for part in [time.hour(), time.minute(), time.second()] {
                out.extend((part as u16).to_le_bytes());
            }
            out.extend(time.nanosecond().to_le_bytes());
        }
        DataType::FixedSizeList(..) => append_elements(&array.as_fixed_size_list().value(i), out)?,
        DataType::List(_) => append_elements(&array.as_list::<i32>().value(i), out)?,
        DataType::LargeList(_) => append_elements(&array.as_list::<i64>().value(i), out)?,
        other => bail!("type {other}"),
    }
    Ok(())
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
    match values.data_type() {
        DataType::Float32 => {
            out.extend_from_slice(bytemuck::cast_slice(values.as_primitive::<Float32Type>().values()))
        }
        DataType::Float64 => {
            out.extend_from_slice(bytemuck::cast_slice(values.as_primitive::<Float64Type>().values()))
        }
        DataType::Int8 => {
            out.extend_from_slice(bytemuck::cast_slice(values.as_primitive::<Int8Type>().values()))
        }
        DataType::Float16 => {
            out.extend(values.as_primitive::<Float16Type>().values().iter().flat_map(|v| v.to_le_bytes()));
        }
        other => bail!("components of type {other}"),
    }
    Ok(())
}

/// The rows in pieces of which no column has more bytes than `most`, unless a single value has: what an Arrow column of text or
/// bytes holds is bounded.
pub fn pieces(chunk: &Chunk, most: usize) -> Vec<Range<usize>> {
    let lengths: Vec<&[i32]> = chunk
        .fields
        .iter()
        .zip(&chunk.columns)
        .filter(|(field, _)| field.ctype.fixed_size().is_none())
        .map(|(_, column)| column.indicators.as_slice())
        .collect();
    let mut out = Vec::new();
    let mut bytes = vec![0usize; lengths.len()];
    let mut start = 0;
    for row in 0..chunk.rows {
        let length = |column: &&[i32]| column.get(row).map_or(0, |l| (*l).max(0) as usize);
        if row > start && bytes.iter().zip(&lengths).any(|(sum, column)| sum + length(column) > most) {
            out.push(start..row);
            start = row;
            bytes.fill(0);
        }
        bytes.iter_mut().zip(&lengths).for_each(|(sum, column)| *sum += length(column));
    }
    out.push(start..chunk.rows);
    out
}

/// Bytes of the values before `row`.
fn offset(field: &ResultField, column: &ResultColumn, row: usize) -> usize {
    match field.ctype.fixed_size() {
        Some(size) => size * row,
        None => column.indicators[..row].iter().map(|l| (*l).max(0) as usize).sum(),
    }
}

/// Rows of a result column as an Arrow column; a binary one that holds vectors becomes a list of their elements.
pub fn arrow_column(
    field: &ResultField,
    column: &ResultColumn,
    rows: Range<usize>,
    vectors: Option<Element>,
) -> Result<ArrayRef> {
    let indicators = column.indicators.get(rows.clone()).context("the result has fewer rows than it says")?;
    let range = offset(field, column, rows.start)..offset(field, column, rows.end);
    let bytes = column.data.bytes().get(range).context("the result is shorter than its lengths say")?;
    let present: Vec<bool> = indicators.iter().map(|l| *l != SQL_NULL_DATA).collect();
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
                let time = date(b)?.and_hms_nano_opt(hour, minute, second, nanoseconds)?;
                time.and_utc().timestamp_nanos_opt()
            };
            let values: Vec<i64> = slots(16).map(|b| read(b).unwrap_or(0)).collect();
            Arc::new(TimestampNanosecondArray::new(values.into(), nulls))
        }
        CType::Char | CType::WChar | CType::Guid => {
            let values = packed(bytes, indicators)?;
            let text = values.into_iter().map(|v| v.map(|v| text_of(field.ctype, v)).transpose());
            Arc::new(text.collect::<Result<StringArray>>()?)
        }
        CType::Binary => match vectors {
            None => Arc::new(BinaryArray::from_opt_vec(packed(bytes, indicators)?)),
            Some(element) => vector_column(bytes, indicators, element, nulls)?,
        },
    })
}

fn packed<'a>(bytes: &'a [u8], indicators: &[i32]) -> Result<Vec<Option<&'a [u8]>>> {
    let mut end = 0usize;
    let values = indicators.iter().map(|length| {
        let Ok(length) = usize::try_from(*length) else { return Ok(None) };
        let start = end;
        end += length;
        bytes.get(start..end).map(Some).context("the result is shorter than its lengths say")
    });
    values.collect()
}

fn text_of(ctype: CType, bytes: &[u8]) -> Result<String> {
    match ctype {
        CType::WChar => Ok(hart_sqlhost::convert::utf16("result", 0, bytes)?),
        _ => Ok(hart_sqlhost::convert::utf8("result", 0, bytes)?.to_string()),
    }
}

/// Vectors as a list column: of fixed size where all have the same dimension.
fn vector_column(
    bytes: &[u8],
    indicators: &[i32],
    element: Element,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let doubles = decode(element, bytes);
    let (item_type, values): (DataType, ArrayRef) = match element {
        Element::F64 => (DataType::Float64, Arc::new(Float64Array::from(doubles))),
        Element::F16 => (
            DataType::Float16,
            Arc::new(Float16Array::from_iter_values(doubles.into_iter().map(half::f16::from_f64))),
        ),
        Element::F32 | Element::Bf16 | Element::I8 => (
            DataType::Float32,
            Arc::new(Float32Array::from_iter_values(doubles.into_iter().map(|v| v as f32))),
        ),
    };
    let item = Arc::new(Field::new("item", item_type, true));
    let lengths: Vec<usize> = indicators.iter().map(|l| (*l).max(0) as usize / element.size()).collect();
    if let Some(first) = lengths.first().filter(|first| **first > 0 && lengths.iter().all(|l| l == *first)) {
        return Ok(Arc::new(FixedSizeListArray::try_new(item, i32::try_from(*first)?, values, nulls)?));
    }
    Ok(Arc::new(ListArray::try_new(item, OffsetBuffer::from_lengths(lengths), values, nulls)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hart_sqlhost::columns::Buffer;

    /// Arrow's columns of text and bytes end at two gibibytes: a longer result comes in several.
    #[test]
    fn a_long_result_comes_in_pieces() {
        let field = |ctype: CType| ResultField { name: String::new(), ctype, size: 8, digits: 0 };
        let ids = (1..=5i64).flat_map(i64::to_le_bytes).collect();
        let fixed = ResultColumn { data: Buffer::Bytes(ids), indicators: vec![8; 5] };
        let texts = ResultColumn {
            data: Buffer::Bytes(b"aabbbcccccccd".to_vec()),
            indicators: vec![2, 3, SQL_NULL_DATA, 7, 1],
        };
        let chunk = Chunk {
            rows: 5,
            fields: vec![field(CType::BigInt), field(CType::Char)],
            columns: vec![fixed, texts],
        };
        assert_eq!(pieces(&chunk, 100).first(), Some(&(0..5)));
        let cut = pieces(&chunk, 5);
        assert_eq!(cut, [0..3, 3..4, 4..5]);
        let values = |n: usize| {
            let parts = cut.iter().map(|rows| {
                let column = arrow_column(&chunk.fields[n], &chunk.columns[n], rows.clone(), None).unwrap();
                cast(&column, &DataType::Utf8).unwrap()
            });
            parts
                .flat_map(|p| p.as_string::<i32>().iter().map(|v| v.map(String::from)).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        };
        let some = |texts: &[&str]| texts.iter().map(|t| Some(t.to_string())).collect::<Vec<_>>();
        assert_eq!(values(0), some(&["1", "2", "3", "4", "5"]));
        let mut all = some(&["aa", "bbb", "", "ccccccc", "d"]);
        all[2] = None;
        assert_eq!(values(1), all);
        let none = Chunk { rows: 0, fields: Vec::new(), columns: Vec::new() };
        assert_eq!(pieces(&none, 5).first(), Some(&(0..0)));
    }
}

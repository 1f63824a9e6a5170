//! One value of a column as text.

use std::fmt::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef};
use arrow_cast::display::array_value_to_string;
use arrow_schema::ArrowError;
use arrow_schema::DataType;

/// Whether the value is NULL, also in a column of the type null, which has no bits to say so.
pub(super) fn is_null(column: &ArrayRef, row: usize) -> bool {
    *column.data_type() == DataType::Null || column.is_null(row)
}

/// The value as plain text: a list as a JSON array, bytes in hexadecimal after 0x, NULL as nothing.
pub(super) fn text(column: &ArrayRef, row: usize) -> Result<String, ArrowError> {
    if is_null(column, row) {
        return Ok(String::new());
    }
    match column.data_type() {
        DataType::Utf8 => return Ok(column.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => return Ok(column.as_string::<i64>().value(row).to_owned()),
        _ => {}
    }
    let mut text = String::new();
    if let Some(bytes) = bytes(column, row) {
        hex(&mut text, bytes);
    } else if list(column, row).is_some() {
        json(&mut text, column, row)?;
    } else {
        text = array_value_to_string(column, row)?;
    }
    Ok(text)
}

/// Appends the value as JSON. Numbers keep all their digits; NULL and what JSON has no number for (NaN, infinities) are
/// `null`.
pub(super) fn json(out: &mut String, column: &ArrayRef, row: usize) -> Result<(), ArrowError> {
    if is_null(column, row) {
        out.push_str("null");
        return Ok(());
    }
    match column.data_type() {
        DataType::Boolean => serialize(out, &column.as_boolean().value(row)),
        DataType::Float16 => serialize(out, &column.as_primitive::<Float16Type>().value(row).to_f32()),
        DataType::Float32 => serialize(out, &column.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => serialize(out, &column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => serialize(out, column.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => serialize(out, column.as_string::<i64>().value(row)),
        DataType::Decimal128(..) => {
            out.push_str(&column.as_primitive::<Decimal128Type>().value_as_string(row));
            Ok(())
        }
        integer if integer.is_integer() => {
            out.push_str(&array_value_to_string(column, row)?);
            Ok(())
        }
        _ => match list(column, row) {
            Some(items) => json_array(out, &items),
            None => serialize(out, &text(column, row)?),
        },
    }
}

fn json_array(out: &mut String, items: &ArrayRef) -> Result<(), ArrowError> {
    out.push('[');
    for item in 0..items.len() {
        if item > 0 {
            out.push(',');
        }
        json(out, items, item)?;
    }
    out.push(']');
    Ok(())
}

/// Appends a string, a number or a truth value as JSON.
pub(super) fn serialize<T: serde::Serialize + ?Sized>(out: &mut String, value: &T) -> Result<(), ArrowError> {
    out.push_str(&serde_json::to_string(value).map_err(|error| ArrowError::ExternalError(Box::new(error)))?);
    Ok(())
}

/// The items of the list in that row, if the column is one of lists.
pub(super) fn list(column: &ArrayRef, row: usize) -> Option<ArrayRef> {
    match column.data_type() {
        DataType::FixedSizeList(..) => Some(column.as_fixed_size_list().value(row)),
        DataType::List(_) => Some(column.as_list::<i32>().value(row)),
        DataType::LargeList(_) => Some(column.as_list::<i64>().value(row)),
        _ => None,
    }
}

/// The bytes in that row, if the column is one of bytes.
pub(super) fn bytes(column: &ArrayRef, row: usize) -> Option<&[u8]> {
    match column.data_type() {
        DataType::Binary => Some(column.as_binary::<i32>().value(row)),
        DataType::LargeBinary => Some(column.as_binary::<i64>().value(row)),
        DataType::BinaryView => Some(column.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => Some(column.as_fixed_size_binary().value(row)),
        _ => None,
    }
}

/// Appends bytes as T-SQL writes them.
pub(super) fn hex(out: &mut String, bytes: &[u8]) {
    out.push_str("0x");
    for byte in bytes {
        let _ = write!(out, "{byte:02X}");
    }
}

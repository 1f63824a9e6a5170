//! One value of a column as text.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type, Float64Type,
};
use arrow_array::{Array, ArrayRef, UnionArray};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::ArrowError;
use arrow_schema::DataType;
use hart_sqlhost::hex;

use super::types;

/// Whether the value is NULL, also in a column of the type null, which has no validity bits.
pub(crate) fn is_null(column: &ArrayRef, row: usize) -> bool {
    match column.data_type() {
        DataType::Null => true,
        DataType::Union(..) => match chosen(column, row) {
            Some((child, place)) => is_null(&child, place),
            None => true,
        },
        _ => column.is_null(row),
    }
}

/// The value as plain text: a list, structure or map as JSON, bytes in hexadecimal after 0x, NULL as an empty text. The
/// column must be plain, see [`types::plain`].
pub(crate) fn text(column: &ArrayRef, row: usize) -> Result<String, ArrowError> {
    if is_null(column, row) {
        return Ok(String::new());
    }
    match column.data_type() {
        DataType::Utf8 => return Ok(column.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => return Ok(column.as_string::<i64>().value(row).to_owned()),
        DataType::Utf8View => return Ok(column.as_string_view().value(row).to_owned()),
        _ => {}
    }
    let mut text = String::new();
    if let Some(bytes) = bytes(column, row) {
        text.push_str("0x");
        hex::push(&mut text, bytes);
    } else if let Some((child, place)) = chosen(column, row) {
        return self::text(&types::plain(&child)?, place);
    } else if column.data_type().is_nested() {
        json(&mut text, column, row)?;
    } else {
        text = shown(column, row)?;
    }
    Ok(text)
}

/// The value as Arrow formats it. A value that it cannot format is an error, never a text that says so.
fn shown(column: &ArrayRef, row: usize) -> Result<String, ArrowError> {
    // A time with a named zone is written in UTC, because this command has no table of zones.
    if let DataType::Timestamp(unit, Some(zone)) = column.data_type()
        && !zone.starts_with(['+', '-'])
    {
        let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
        return shown(&types::exact(&column.slice(row, 1), &utc)?, 0);
    }
    let options = FormatOptions::new().with_display_error(false);
    ArrayFormatter::try_new(column, &options)?.value(row).try_to_string()
}

/// Appends the value as JSON. Numbers keep all their digits; NULL, and numbers that JSON lacks (NaN, infinities), are
/// `null`.
pub(crate) fn json(out: &mut String, column: &ArrayRef, row: usize) -> Result<(), ArrowError> {
    if is_null(column, row) {
        out.push_str("null");
        return Ok(());
    }
    macro_rules! decimal {
        ($of:ty) => {{
            out.push_str(&column.as_primitive::<$of>().value_as_string(row));
            Ok(())
        }};
    }
    match column.data_type() {
        DataType::Boolean => serialize(out, &column.as_boolean().value(row)),
        DataType::Float16 => serialize(out, &column.as_primitive::<Float16Type>().value(row).to_f32()),
        DataType::Float32 => serialize(out, &column.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => serialize(out, &column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => serialize(out, column.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => serialize(out, column.as_string::<i64>().value(row)),
        DataType::Utf8View => serialize(out, column.as_string_view().value(row)),
        DataType::Decimal32(..) => decimal!(Decimal32Type),
        DataType::Decimal64(..) => decimal!(Decimal64Type),
        DataType::Decimal128(..) => decimal!(Decimal128Type),
        DataType::Decimal256(..) => decimal!(Decimal256Type),
        DataType::Dictionary(..) | DataType::RunEndEncoded(..) => {
            json(out, &types::plain(&column.slice(row, 1))?, 0)
        }
        DataType::Union(..) => match chosen(column, row) {
            Some((child, place)) => json(out, &types::plain(&child)?, place),
            None => serialize(out, &()),
        },
        DataType::Struct(fields) => {
            let columns = column.as_struct().columns();
            let named = fields.iter().map(|field| field.name().clone());
            json_object(out, named.zip(columns.iter().map(|child| (child, row))))
        }
        DataType::Map(..) => {
            let entries = column.as_map().value(row);
            let (keys, values) = (types::plain(entries.column(0))?, entries.column(1));
            let names = (0..entries.len()).map(|entry| text(&keys, entry)).collect::<Result<Vec<_>, _>>()?;
            json_object(out, names.into_iter().zip((0..entries.len()).map(|entry| (values, entry))))
        }
        integer if integer.is_integer() => {
            out.push_str(&shown(column, row)?);
            Ok(())
        }
        _ => match list(column, row) {
            Some(items) => json_array(out, &items),
            None => serialize(out, &text(column, row)?),
        },
    }
}

fn json_object<'a>(
    out: &mut String,
    members: impl Iterator<Item = (String, (&'a ArrayRef, usize))>,
) -> Result<(), ArrowError> {
    out.push('{');
    for (number, (name, (column, row))) in members.enumerate() {
        if number > 0 {
            out.push(',');
        }
        serialize(out, &name)?;
        out.push(':');
        json(out, column, row)?;
    }
    out.push('}');
    Ok(())
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

/// Appends a string, number or boolean as JSON.
pub(super) fn serialize<T: serde::Serialize + ?Sized>(out: &mut String, value: &T) -> Result<(), ArrowError> {
    out.push_str(&serde_json::to_string(value).map_err(|error| ArrowError::ExternalError(Box::new(error)))?);
    Ok(())
}

/// For a union, the array that holds the value of that row, and its index there.
fn chosen(column: &ArrayRef, row: usize) -> Option<(ArrayRef, usize)> {
    let union: &UnionArray = column.as_any().downcast_ref()?;
    Some((union.child(union.type_id(row)).clone(), union.value_offset(row)))
}

/// The items of the list in that row, if it is a column of lists.
pub(crate) fn list(column: &ArrayRef, row: usize) -> Option<ArrayRef> {
    match column.data_type() {
        DataType::FixedSizeList(..) => Some(column.as_fixed_size_list().value(row)),
        DataType::List(_) => Some(column.as_list::<i32>().value(row)),
        DataType::LargeList(_) => Some(column.as_list::<i64>().value(row)),
        DataType::ListView(_) => Some(column.as_list_view::<i32>().value(row)),
        DataType::LargeListView(_) => Some(column.as_list_view::<i64>().value(row)),
        _ => None,
    }
}

/// The bytes in that row, if it is a column of bytes.
pub(crate) fn bytes(column: &ArrayRef, row: usize) -> Option<&[u8]> {
    match column.data_type() {
        DataType::Binary => Some(column.as_binary::<i32>().value(row)),
        DataType::LargeBinary => Some(column.as_binary::<i64>().value(row)),
        DataType::BinaryView => Some(column.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => Some(column.as_fixed_size_binary().value(row)),
        _ => None,
    }
}

/// The bytes that such a text stands for; `None` for other text.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8)).collect()
}

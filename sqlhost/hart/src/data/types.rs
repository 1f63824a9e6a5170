//! The values of columns, independent of their storage.

use arrow_array::{Array, ArrayRef};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType};

/// The type of the values in dictionaries and runs, which are storage forms.
pub(crate) fn plain_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, value) => plain_type(value),
        DataType::RunEndEncoded(_, values) => plain_type(values.data_type()),
        other => other,
    }
}

/// The column without dictionaries and runs.
pub(crate) fn plain(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match plain_type(column.data_type()) {
        own if own == column.data_type() => Ok(column.clone()),
        plain => exact(column, plain),
    }
}

/// The column converted to another type. A value that does not fit is an error and never becomes NULL.
pub(crate) fn exact(column: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    cast_with_options(column, to, &CastOptions { safe: false, ..CastOptions::default() })
}

/// Whether it holds texts.
pub(crate) fn is_text(data_type: &DataType) -> bool {
    matches!(plain_type(data_type), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Whether it holds bytes.
pub(crate) fn is_binary(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, FixedSizeBinary, LargeBinary};
    matches!(plain_type(data_type), Binary | LargeBinary | BinaryView | FixedSizeBinary(1..))
}

/// Whether it holds whole numbers of a type that SQL has.
pub(crate) fn is_integer(data_type: &DataType) -> bool {
    use DataType::{Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32};
    matches!(plain_type(data_type), Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32)
}

/// The type of the items of lists.
pub(crate) fn item_type(data_type: &DataType) -> Option<&DataType> {
    use DataType::{FixedSizeList, LargeList, LargeListView, List, ListView};
    match data_type {
        FixedSizeList(item, _) | List(item) | LargeList(item) | ListView(item) | LargeListView(item) => {
            Some(item.data_type())
        }
        _ => None,
    }
}

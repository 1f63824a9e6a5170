//! Columns in the host's layout: the one place that knows the ODBC C types.
//!
//! A fixed-width column is a dense array with a slot for every row. A text or binary column is one packed buffer: the
//! non-NULL values back to back, without terminators; lengths are bytes. Nothing is assumed to be aligned.

use hart_kernels::Error;

use crate::hex;
use crate::sys::SQL_NULL_DATA;

/// The C types that SQL Server sends and accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum CType {
    Bit,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Real,
    Double,
    Numeric,
    Char,
    WChar,
    Binary,
    Guid,
    Date,
    Timestamp,
}

/// `ColumnSize` of a value without a stated limit: a large object.
pub const LARGE_OBJECT: u64 = i32::MAX as u64;
/// Maximum bytes of a value that is not a large object.
pub const LONGEST_IN_ROW: u64 = 8000;

impl CType {
    /// Every type.
    pub const ALL: [CType; 14] = [
        CType::Bit,
        CType::TinyInt,
        CType::SmallInt,
        CType::Int,
        CType::BigInt,
        CType::Real,
        CType::Double,
        CType::Numeric,
        CType::Char,
        CType::WChar,
        CType::Binary,
        CType::Guid,
        CType::Date,
        CType::Timestamp,
    ];

    /// ODBC code, name of the SQL type it carries, and size of one element where it is fixed.
    const fn facts(self) -> (i16, &'static str, Option<usize>) {
        match self {
            CType::Bit => (-7, "bit", Some(1)),
            CType::TinyInt => (-28, "tinyint", Some(1)),
            CType::SmallInt => (-15, "smallint", Some(2)),
            CType::Int => (-16, "int", Some(4)),
            CType::BigInt => (-25, "bigint", Some(8)),
            CType::Real => (7, "real", Some(4)),
            CType::Double => (8, "float", Some(8)),
            CType::Numeric => (2, "numeric", Some(19)),
            CType::Char => (1, "varchar", None),
            CType::WChar => (-8, "nvarchar", None),
            CType::Binary => (-2, "varbinary", None),
            CType::Guid => (-11, "uniqueidentifier", Some(16)),
            CType::Date => (91, "date", Some(6)),
            CType::Timestamp => (93, "datetime", Some(16)),
        }
    }

    /// The ODBC C type code.
    pub const fn code(self) -> i16 {
        self.facts().0
    }

    /// Name of the SQL type that it carries.
    pub const fn name(self) -> &'static str {
        self.facts().1
    }

    /// Bytes of one element; `None` for text and binary.
    pub const fn fixed_size(self) -> Option<usize> {
        self.facts().2
    }

    /// The type with that code.
    pub fn from_code(code: i16) -> Option<CType> {
        CType::ALL.into_iter().find(|t| t.code() == code)
    }
}

/// An input column as `InitColumn` describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Name, possibly empty.
    pub name: String,
    /// Type.
    pub ctype: CType,
    /// `ColumnSize` as the host gave it.
    pub size: u64,
    /// Scale, or fractional digits of a second.
    pub digits: i16,
    /// Whether the input is partitioned by this column.
    pub partition: bool,
}

impl Field {
    /// The name, or the position if there is none.
    pub fn label(&self, position: usize) -> String {
        hart_kernels::registry::label(&self.name, position)
    }
}

/// One input column of a chunk, borrowed from the host for the duration of the call.
#[derive(Clone, Debug)]
pub struct ColumnData<'a> {
    /// The values.
    pub bytes: &'a [u8],
    /// One per row; `None` if the host sent no array.
    pub indicators: Option<Vec<i32>>,
}

impl ColumnData<'_> {
    /// Whether row `i` is NULL. Without indicators fixed-width rows are present, and text and binary ones NULL.
    pub fn is_null(&self, ctype: CType, i: usize) -> bool {
        match &self.indicators {
            Some(indicators) => indicators[i] == SQL_NULL_DATA,
            None => ctype.fixed_size().is_none(),
        }
    }

    /// Byte lengths of a text or binary column's rows, −1 for NULL.
    pub fn lengths(&self, rows: usize) -> std::borrow::Cow<'_, [i32]> {
        match &self.indicators {
            Some(indicators) => indicators.into(),
            None => vec![SQL_NULL_DATA; rows].into(),
        }
    }

    /// Checks that the buffer is as large as the indicators say.
    ///
    /// # Errors
    ///
    /// [`Error::ColumnType`] that names the column and the row.
    pub fn check(&self, field: &Field, position: usize, rows: usize) -> Result<(), Error> {
        let wrong = |found: String, expected: String| Error::ColumnType {
            place: field.label(position).into(),
            found: format!("{} with {found}", field.ctype.name()),
            expected,
        };
        if let Some(indicators) = &self.indicators {
            if indicators.len() != rows {
                return Err(wrong(format!("{} indicators", indicators.len()), format!("{rows} indicators")));
            }
            if field.ctype.fixed_size().is_none()
                && let Some(i) = indicators.iter().position(|l| *l < SQL_NULL_DATA)
            {
                let found = format!("indicator {} in row {}", indicators[i], i + 1);
                return Err(wrong(found, "−1 (NULL) or a length".into()));
            }
        }
        let needed = match field.ctype.fixed_size() {
            Some(size) => rows * size,
            None => self.indicators.iter().flatten().map(|l| (*l).max(0) as usize).sum(),
        };
        if self.bytes.len() < needed {
            return Err(Error::Buffer {
                place: field.label(position).into(),
                found: self.bytes.len(),
                expected: needed,
            });
        }
        Ok(())
    }
}

/// A result column as `GetResultColumn` describes it. Results may always be NULL.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultField {
    /// Name: not sent to the host (WITH RESULT SETS names the columns), but used locally.
    pub name: String,
    /// Type.
    pub ctype: CType,
    /// Bytes of one element, precision of a numeric, or maximum bytes of a value.
    pub size: u64,
    /// Scale, or fractional digits of a second.
    pub digits: i16,
}

/// Values that the host reads at their natural alignment, or bytes that it copies.
#[derive(Clone, Debug)]
pub enum Buffer {
    /// Packed text or binary.
    Bytes(Vec<u8>),
    /// Fixed-width elements in memory aligned for all of them, and the number of bytes in use.
    Words(Vec<u64>, usize),
}

impl Buffer {
    /// Copies fixed-width elements into aligned memory.
    pub fn aligned(bytes: &[u8]) -> Buffer {
        Buffer::aligned_with(bytes.len(), |place| place.copy_from_slice(bytes))
    }

    /// Aligned memory of that many bytes, zeroed before `fill` writes it.
    pub fn aligned_with(length: usize, fill: impl FnOnce(&mut [u8])) -> Buffer {
        let mut words = vec![0u64; length.div_ceil(8)];
        fill(&mut bytemuck::cast_slice_mut(&mut words)[..length]);
        Buffer::Words(words, length)
    }

    /// The bytes, for writing.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Buffer::Bytes(bytes) => bytes,
            Buffer::Words(words, length) => &mut bytemuck::cast_slice_mut(words)[..*length],
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Buffer::Bytes(bytes) => bytes,
            Buffer::Words(words, length) => &bytemuck::cast_slice(words)[..*length],
        }
    }
}

/// A result column, owned by the session until the next call of Execute or CleanupSession.
#[derive(Clone, Debug)]
pub struct ResultColumn {
    /// The values, in the same layout as input.
    pub data: Buffer,
    /// Byte length of every row's value, −1 for NULL.
    pub indicators: Vec<i32>,
}

/// Bytes that [`take`] needs for the rows `picked`.
pub fn taken(field: &Field, data: &ColumnData<'_>, picked: &[usize]) -> u64 {
    let indicator = size_of::<i32>() as u64;
    match (field.ctype, field.ctype.fixed_size(), &data.indicators) {
        (CType::Guid, ..) => picked.len() as u64 * (GUID_TEXT as u64 + indicator),
        (_, Some(size), _) => picked.len() as u64 * (size as u64 + indicator),
        (_, None, Some(lengths)) => {
            picked.iter().map(|row| u64::from(lengths[*row].max(0).unsigned_abs()) + indicator).sum()
        }
        (_, None, None) => picked.len() as u64 * indicator,
    }
}

/// Copies the rows `picked` (all in order if `None`) of an input column, unchanged.
///
/// Bits become 0 or 1, and a uniqueidentifier becomes its 36 characters, because no host is known to accept that type
/// as a result.
pub fn take(field: &Field, data: &ColumnData<'_>, rows: usize, picked: Option<&[usize]>) -> ResultColumn {
    let count = picked.map_or(rows, <[usize]>::len);
    let source = |i: usize| picked.map_or(i, |p| p[i]);
    let mut indicators = Vec::with_capacity(count);
    let Some(size) = field.ctype.fixed_size() else {
        let lengths = data.lengths(rows);
        let mut bytes = Vec::new();
        match picked {
            None => {
                let total: usize = lengths.iter().map(|l| (*l).max(0) as usize).sum();
                bytes.extend_from_slice(&data.bytes[..total]);
                indicators.extend_from_slice(&lengths);
            }
            Some(picked) => {
                let mut starts = Vec::with_capacity(rows);
                let mut end = 0usize;
                for length in lengths.iter() {
                    starts.push(end);
                    end += (*length).max(0) as usize;
                }
                for &row in picked {
                    let length = lengths[row].max(0) as usize;
                    bytes.extend_from_slice(&data.bytes[starts[row]..starts[row] + length]);
                    indicators.push(lengths[row]);
                }
            }
        }
        return ResultColumn { data: Buffer::Bytes(bytes), indicators };
    };
    let plain = !matches!(field.ctype, CType::Bit | CType::Guid);
    if picked.is_none() && plain && data.indicators.as_ref().is_none_or(|l| !l.contains(&SQL_NULL_DATA)) {
        return ResultColumn {
            data: Buffer::aligned(&data.bytes[..rows * size]),
            indicators: vec![size as i32; rows],
        };
    }
    let mut bytes = Vec::with_capacity(count * size);
    for i in 0..count {
        let row = source(i);
        let null = data.is_null(field.ctype, row);
        let value = &data.bytes[row * size..(row + 1) * size];
        match (null, field.ctype) {
            (true, CType::Guid) => {}
            (true, _) => bytes.resize(bytes.len() + size, 0),
            (false, CType::Guid) => bytes.extend_from_slice(guid_text(value).as_bytes()),
            (false, CType::Bit) => bytes.push(u8::from(is_true(value[0]))),
            (false, _) => bytes.extend_from_slice(value),
        }
        let length = if field.ctype == CType::Guid { GUID_TEXT } else { size };
        indicators.push(if null { SQL_NULL_DATA } else { length as i32 });
    }
    let data = if field.ctype == CType::Guid { Buffer::Bytes(bytes) } else { Buffer::aligned(&bytes) };
    ResultColumn { data, indicators }
}

/// Declares a passed-through column as a result.
pub fn carried(field: &Field, position: usize) -> ResultField {
    let (ctype, size) = match field.ctype {
        CType::Guid => (CType::Char, GUID_TEXT as u64),
        CType::Numeric => (CType::Numeric, field.size.clamp(1, 38)),
        // Hosts are said to pass characters or bytes here; results are in bytes, so take the larger.
        CType::WChar => (CType::WChar, text_size(field.size.saturating_mul(2)).max(2)),
        // A host that converts from another code page may send more bytes than the characters it declared.
        CType::Char => (CType::Char, text_size(field.size.saturating_mul(3))),
        CType::Binary => (CType::Binary, text_size(field.size)),
        fixed => (fixed, fixed.fixed_size().unwrap_or(1) as u64),
    };
    let digits = if matches!(ctype, CType::Numeric | CType::Timestamp) { field.digits } else { 0 };
    ResultField { name: field.label(position), ctype, size, digits }
}

/// A limit for text or binary values; above 8000 bytes they are large objects, and an unknown limit means no limit.
pub fn text_size(size: u64) -> u64 {
    if (1..=LONGEST_IN_ROW).contains(&size) { size } else { LARGE_OBJECT }
}

/// Characters of a uniqueidentifier as text.
pub const GUID_TEXT: usize = 36;

/// Hosts send bits as the numbers or as the digits 0 and 1.
pub fn is_true(byte: u8) -> bool {
    byte != 0 && byte != b'0'
}

/// `6F9619FF-8B86-D011-B42D-00C04FC964FF`, as SQL Server writes it.
pub fn guid_text(bytes: &[u8]) -> String {
    // The first three groups are little-endian numbers.
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut out = String::with_capacity(GUID_TEXT);
    for (n, i) in order.into_iter().enumerate() {
        if matches!(n, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        hex::push(&mut out, &bytes[i..=i]);
    }
    out
}

//! Converts values between the host's C types and the kernels' parameters and keys.

use hart_kernels::registry::Value;
use hart_kernels::{Error, Place};

use crate::columns::{CType, ColumnData, Field, guid_text, is_true};

/// A parameter as `InitParam` describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamField {
    /// Name without `@`.
    pub name: String,
    /// Type.
    pub ctype: CType,
    /// `ParamSize` as the host gave it.
    pub size: u64,
    /// Scale of a numeric.
    pub digits: i16,
    /// The value; `None` for NULL.
    pub value: Option<Vec<u8>>,
    /// Whether it is an OUTPUT parameter.
    pub output: bool,
}

/// Reads a fixed-size array from the start of a value whose length has been checked.
fn start<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[..N]);
    out
}

fn text_error(place: impl Into<Place>, row: usize, encoding: &'static str, offset: usize) -> Error {
    Error::Text { place: place.into(), row: row as u64 + 1, encoding, offset }
}

/// Text of a `Char` value.
pub fn utf8(place: impl Into<Place>, row: usize, bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|e| text_error(place, row, "UTF-8", e.valid_up_to()))
}

/// Text of a `WChar` value.
pub fn utf16(place: impl Into<Place>, row: usize, bytes: &[u8]) -> Result<String, Error> {
    decode_utf16(bytes).map_err(|offset| text_error(place, row, "UTF-16", offset))
}

/// The text, or the offset of the first byte that is none.
fn decode_utf16(bytes: &[u8]) -> Result<String, usize> {
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(bytes.len() - 1);
    }
    let mut out = String::with_capacity(units.len());
    let mut offset = 0;
    for unit in char::decode_utf16(units.iter().map(|u| u16::from_le_bytes(*u))) {
        let c = unit.map_err(|_| offset)?;
        offset += c.len_utf16() * 2;
        out.push(c);
    }
    Ok(out)
}

/// The parameter's value for a kernel.
///
/// # Errors
///
/// [`Error::Text`] for invalid text and [`Error::ParameterValue`] for an impossible numeric.
pub fn param_value(param: &ParamField) -> Result<Value, Error> {
    let Some(bytes) = &param.value else { return Ok(Value::Null) };
    if let Some(size) = param.ctype.fixed_size()
        && bytes.len() < size
    {
        return Err(Error::ParameterValue {
            name: param.name.clone(),
            value: format!("{} bytes", bytes.len()),
            expected: format!("{size} bytes of {}", param.ctype.name()),
        });
    }
    let place = || Place::parameter(&param.name);
    Ok(match param.ctype {
        CType::Bit => Value::Int(i64::from(is_true(bytes[0]))),
        CType::TinyInt | CType::SmallInt | CType::Int | CType::BigInt => {
            Value::Int(integer(param.ctype, bytes))
        }
        CType::Real => Value::Float(f64::from(f32::from_le_bytes(start(bytes)))),
        CType::Double => Value::Float(f64::from_le_bytes(start(bytes))),
        // An OUTPUT decimal without a value may arrive with precision 0.
        CType::Numeric if bytes[0] == 0 => Value::Null,
        CType::Numeric => numeric(&start(bytes)),
        CType::Char => Value::Text(utf8(place(), 0, bytes)?.to_string()),
        CType::WChar => Value::Text(utf16(place(), 0, bytes)?),
        CType::Binary => Value::Bytes(bytes.clone()),
        CType::Guid => Value::Text(guid_text(bytes)),
        CType::Date => Value::Text(date_text(bytes)),
        CType::Timestamp => {
            let part = |i: usize| u16::from_le_bytes(start(&bytes[i..]));
            let nanoseconds = u32::from_le_bytes(start(&bytes[12..]));
            let (hour, minute, second) = (part(6), part(8), part(10));
            Value::Text(format!("{} {hour:02}:{minute:02}:{second:02}.{nanoseconds:09}", date_text(bytes)))
        }
    })
}

fn date_text(bytes: &[u8]) -> String {
    let year = i16::from_le_bytes(start(bytes));
    let part = |i: usize| u16::from_le_bytes(start(&bytes[i..]));
    format!("{year:04}-{:02}-{:02}", part(2), part(4))
}

fn integer(ctype: CType, bytes: &[u8]) -> i64 {
    match ctype {
        CType::TinyInt => i64::from(bytes[0]),
        CType::SmallInt => i64::from(i16::from_le_bytes(start(bytes))),
        CType::Int => i64::from(i32::from_le_bytes(start(bytes))),
        _ => i64::from_le_bytes(start(bytes)),
    }
}

/// `SQL_NUMERIC_STRUCT`: precision, scale, sign (1 is positive), 16 bytes of little-endian magnitude.
fn numeric(bytes: &[u8; 19]) -> Value {
    let scale = i32::from(bytes[1] as i8);
    let magnitude = u128::from_le_bytes(start(&bytes[3..]));
    let negative = bytes[2] == 0;
    if scale == 0
        && let Ok(v) = i64::try_from(magnitude)
    {
        return Value::Int(if negative { -v } else { v });
    }
    let sign = if negative { "-" } else { "" };
    // Converted through text, which rounds only once.
    Value::Float(format!("{sign}{magnitude}e{}", -scale).parse().unwrap_or(f64::NAN))
}

/// Whether a type holds whole numbers.
pub fn is_integer(ctype: CType) -> bool {
    matches!(ctype, CType::TinyInt | CType::SmallInt | CType::Int | CType::BigInt)
}

/// The keys of an id column, if its type is an integer type.
pub fn integer_keys(field: &Field, data: &ColumnData<'_>, rows: usize) -> Option<Vec<Option<i64>>> {
    let size = field.ctype.fixed_size().filter(|_| is_integer(field.ctype))?;
    let key = |i: usize| integer(field.ctype, &data.bytes[i * size..(i + 1) * size]);
    Some((0..rows).map(|i| (!data.is_null(field.ctype, i)).then(|| key(i))).collect())
}

/// Whether a type holds numbers.
pub fn is_number(ctype: CType) -> bool {
    is_integer(ctype) || matches!(ctype, CType::Bit | CType::Real | CType::Double | CType::Numeric)
}

/// A numeric column as doubles. The binding has checked its type.
pub fn numbers(field: &Field, data: &ColumnData<'_>, rows: usize) -> Vec<Option<f64>> {
    let size = field.ctype.fixed_size().unwrap_or(0);
    let number = |i: usize| {
        if data.is_null(field.ctype, i) {
            return None;
        }
        let bytes = &data.bytes[i * size..(i + 1) * size];
        match field.ctype {
            CType::Double => Some(f64::from_le_bytes(start(bytes))),
            CType::Real => Some(f64::from(f32::from_le_bytes(start(bytes)))),
            CType::Bit => Some(f64::from(u8::from(is_true(bytes[0])))),
            CType::Numeric => match numeric(&start(bytes)) {
                Value::Int(v) => Some(v as f64),
                Value::Float(v) => Some(v),
                _ => None,
            },
            ctype => Some(integer(ctype, bytes) as f64),
        }
    };
    (0..rows).map(number).collect()
}

/// A text column. The binding has checked its type.
///
/// # Errors
///
/// [`Error::Text`] for invalid text.
pub fn texts(
    name: &str,
    field: &Field,
    data: &ColumnData<'_>,
    rows: usize,
) -> Result<Vec<Option<String>>, Error> {
    let mut end = 0;
    let lengths = data.lengths(rows);
    let text = |i: usize| {
        if data.is_null(field.ctype, i) {
            return Ok(None);
        }
        let (from, length) = match field.ctype.fixed_size() {
            Some(size) => (i * size, size),
            None => (end, lengths[i] as usize),
        };
        end = from + length;
        let bytes = &data.bytes[from..end];
        Ok(Some(match field.ctype {
            CType::WChar => utf16(name, i, bytes)?,
            CType::Guid => guid_text(bytes),
            _ => utf8(name, i, bytes)?.to_string(),
        }))
    };
    (0..rows).map(text).collect()
}

/// A count in the type of an OUTPUT parameter; `None` if the type cannot hold it.
pub fn count_as(ctype: CType, count: u64) -> Option<Vec<u8>> {
    match ctype {
        CType::Int => i32::try_from(count).ok().map(|v| v.to_le_bytes().to_vec()),
        CType::BigInt => i64::try_from(count).ok().map(|v| v.to_le_bytes().to_vec()),
        CType::Double => Some((count as f64).to_le_bytes().to_vec()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(ctype: CType, value: &[u8]) -> Result<Value, Error> {
        let value = Some(value.to_vec());
        param_value(&ParamField { name: "p".into(), ctype, size: 0, digits: 0, value, output: false })
    }

    #[test]
    fn every_type_becomes_a_value() {
        let numeric = |scale: u8, sign: u8, low: u8| {
            let mut n = [0u8; 19];
            (n[0], n[1], n[2], n[3]) = (18, scale, sign, low);
            n
        };
        assert_eq!(param(CType::Bit, b"0").unwrap(), Value::Int(0));
        assert_eq!(param(CType::Bit, &[1]).unwrap(), Value::Int(1));
        assert_eq!(param(CType::TinyInt, &[255]).unwrap(), Value::Int(255));
        assert_eq!(param(CType::SmallInt, &(-5i16).to_le_bytes()).unwrap(), Value::Int(-5));
        assert_eq!(param(CType::Int, &i32::MIN.to_le_bytes()).unwrap(), Value::Int(i32::MIN.into()));
        assert_eq!(param(CType::BigInt, &i64::MIN.to_le_bytes()).unwrap(), Value::Int(i64::MIN));
        assert_eq!(param(CType::Real, &0.5f32.to_le_bytes()).unwrap(), Value::Float(0.5));
        assert_eq!(param(CType::Double, &0.1f64.to_le_bytes()).unwrap(), Value::Float(0.1));
        assert_eq!(param(CType::Numeric, &numeric(0, 0, 42)).unwrap(), Value::Int(-42));
        assert_eq!(param(CType::Numeric, &numeric(2, 1, 42)).unwrap(), Value::Float(0.42));
        assert_eq!(param(CType::Numeric, &[0; 19]).unwrap(), Value::Null);
        assert_eq!(param(CType::Char, "é".as_bytes()).unwrap(), Value::Text("é".into()));
        assert_eq!(param(CType::WChar, &[0x3d, 0xd8, 0x00, 0xde]).unwrap(), Value::Text("😀".into()));
        assert_eq!(param(CType::Binary, &[1, 2]).unwrap(), Value::Bytes(vec![1, 2]));
        let guid =
            [0xff, 0x19, 0x96, 0x6f, 0x86, 0x8b, 0x11, 0xd0, 0xb4, 0x2d, 0, 0xc0, 0x4f, 0xc9, 0x64, 0xff];
        assert_eq!(
            param(CType::Guid, &guid).unwrap(),
            Value::Text("6F9619FF-8B86-D011-B42D-00C04FC964FF".into())
        );
        let mut time = [0u8; 16];
        time[..6].copy_from_slice(&[0xea, 0x07, 11, 0, 23, 0]);
        time[6] = 20;
        time[12..].copy_from_slice(&500_000_000u32.to_le_bytes());
        assert_eq!(param(CType::Date, &time[..6]).unwrap(), Value::Text("2026-11-23".into()));
        assert_eq!(
            param(CType::Timestamp, &time).unwrap(),
            Value::Text("2026-11-23 20:00:00.500000000".into())
        );
    }

    #[test]
    fn invalid_text_names_the_offset() {
        let message = |r: Result<Value, Error>| r.unwrap_err().marked("@").to_string();
        assert_eq!(message(param(CType::Char, b"ab\xff")), "parameter @p: invalid UTF-8 at byte 2");
        assert_eq!(
            message(param(CType::WChar, &[b'a', 0, 0, 0xdc])),
            "parameter @p: invalid UTF-16 at byte 2"
        );
        assert_eq!(message(param(CType::WChar, b"a")), "parameter @p: invalid UTF-16 at byte 0");
        assert!(message(param(CType::BigInt, &[1, 2])).contains("8 bytes of bigint"));
    }
}

//! Result rows as JSON, for the OUTPUT parameter that replaces a result set.

use std::fmt::Write;

use hart_kernels::Error;

use crate::columns::{CType, ResultColumn, ResultField};
use crate::convert;
use crate::hex;
use crate::sys::SQL_NULL_DATA;

/// OUTPUT parameter that every kernel offers, a text: if declared, it receives the rows as a JSON array of objects, and
/// there is no result set. A procedure can thus read the rows without INSERT … EXEC, which SQL Server cannot nest.
pub const ROWS_JSON: &str = "rows_json";

/// The rows of all chunks so far, as objects separated by commas.
#[derive(Debug, Default)]
pub struct Rows {
    objects: String,
}

impl Rows {
    /// The array. ASCII only, so that no encoding of the host's can damage it.
    pub fn text(&self) -> String {
        format!("[{}]", self.objects)
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.objects.len() as u64
    }

    /// Appends the rows of a chunk: numbers with as many digits as distinguish them, bytes as hexadecimal text (`0x…`,
    /// which CONVERT with style 1 reads), NULL as null.
    ///
    /// # Errors
    ///
    /// [`Error::ColumnType`] for a column whose type has no JSON form, such as a date or a numeric; text errors as they
    /// are.
    pub fn append(
        &mut self,
        fields: &[ResultField],
        columns: &[ResultColumn],
        rows: usize,
    ) -> Result<(), Error> {
        let mut starts = vec![0; columns.len()];
        for row in 0..rows {
            self.objects.push_str(if self.objects.is_empty() { "{" } else { ",{" });
            for (n, (field, column)) in fields.iter().zip(columns).enumerate() {
                if n > 0 {
                    self.objects.push(',');
                }
                quote(&field.name, &mut self.objects);
                self.objects.push(':');
                let indicator = column.indicators[row];
                let length = match field.ctype.fixed_size() {
                    Some(size) => size,
                    None => indicator.max(0) as usize,
                };
                let bytes = &column.data.bytes()[starts[n]..starts[n] + length];
                starts[n] += length;
                if indicator == SQL_NULL_DATA {
                    self.objects.push_str("null");
                } else {
                    value(field, row, bytes, &mut self.objects)?;
                }
            }
            self.objects.push('}');
        }
        Ok(())
    }
}

fn value(field: &ResultField, row: usize, bytes: &[u8], out: &mut String) -> Result<(), Error> {
    /// The first `N` bytes of a value that has at least `N`.
    fn start<const N: usize>(bytes: &[u8]) -> [u8; N] {
        let mut out = [0; N];
        out.copy_from_slice(bytes);
        out
    }
    // Writing to a string cannot fail.
    let _ = match field.ctype {
        CType::Bit => write!(out, "{}", bytes[0] != 0),
        CType::TinyInt => write!(out, "{}", bytes[0]),
        CType::SmallInt => write!(out, "{}", i16::from_le_bytes(start(bytes))),
        CType::Int => write!(out, "{}", i32::from_le_bytes(start(bytes))),
        CType::BigInt => write!(out, "{}", i64::from_le_bytes(start(bytes))),
        CType::Real => write!(out, "{:e}", f32::from_le_bytes(start(bytes))),
        CType::Double => write!(out, "{:e}", f64::from_le_bytes(start(bytes))),
        CType::Char => {
            quote(convert::utf8(&*field.name, row, bytes)?, out);
            Ok(())
        }
        CType::WChar => {
            quote(&convert::utf16(&*field.name, row, bytes)?, out);
            Ok(())
        }
        CType::Binary => {
            out.push_str("\"0x");
            hex::push(out, bytes);
            out.write_char('"')
        }
        CType::Numeric | CType::Guid | CType::Date | CType::Timestamp => {
            return Err(Error::ColumnType {
                place: field.name.as_str().into(),
                found: field.ctype.name().into(),
                expected: format!("a number, a text or bytes, because @{ROWS_JSON} takes the rows: CAST it"),
            });
        }
    };
    Ok(())
}

/// Appends a text in quotation marks.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte @ (b'"' | b'\\')) => out.extend(['\\', char::from(byte)]),
            Ok(byte @ 0x20..=0x7e) => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::Buffer;

    fn column(name: &str, ctype: CType, values: &[Option<&[u8]>]) -> (ResultField, ResultColumn) {
        let size = ctype.fixed_size();
        let mut bytes = Vec::new();
        for value in values {
            bytes.extend_from_slice(value.unwrap_or(&vec![0; size.unwrap_or(0)]));
        }
        let indicators = values.iter().map(|v| v.map_or(SQL_NULL_DATA, |v| v.len() as i32)).collect();
        let field = ResultField { name: name.into(), ctype, size: size.unwrap_or(9) as u64, digits: 0 };
        (field, ResultColumn { data: Buffer::aligned(&bytes), indicators })
    }

    #[test]
    fn rows_of_chunks_are_one_array() {
        let one = 1.5e-300f64.to_le_bytes();
        let (fields, columns): (Vec<_>, Vec<_>) = [
            column("id", CType::BigInt, &[Some(&i64::MIN.to_le_bytes()), None]),
            column("d", CType::Double, &[None, Some(&one)]),
            column("t", CType::Char, &[Some("\"\\ä\n😀".as_bytes()), Some(b"")]),
            column("b", CType::Binary, &[Some(b""), Some(&[0xAB, 1])]),
        ]
        .into_iter()
        .unzip();
        let mut rows = Rows::default();
        assert_eq!(rows.text(), "[]");
        rows.append(&fields, &columns, 2).unwrap();
        rows.append(&fields, &columns, 1).unwrap();
        let first = r#"{"id":-9223372036854775808,"d":null,"t":"\"\\\u00e4\u000a\ud83d\ude00","b":"0x"}"#;
        let second = r#"{"id":null,"d":1.5e-300,"t":"","b":"0xAB01"}"#;
        assert_eq!(rows.text(), format!("[{first},{second},{first}]"));
        assert!(rows.bytes() > 100);
    }

    #[test]
    fn what_json_has_no_form_for_is_refused() {
        let (field, data) = column("when", CType::Date, &[Some(&[0; 6])]);
        let error = Rows::default().append(&[field], &[data], 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "column when has type date; expected a number, a text or bytes, because @rows_json takes the rows: CAST it"
        );
    }
}

//! Bulk loads and calls with parameters, read as strictly as a server reads them: every byte has its place, and each value is one
//! of its declared column.

use super::Cell;

/// Bytes of a message that are yet to be read.
pub struct Bytes<'a>(pub &'a [u8]);

type Result<T> = std::result::Result<T, String>;

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        if count > self.0.len() {
            return Err(format!("premature end of message: {count} bytes wanted, {} there", self.0.len()));
        }
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.take(2)?.try_into().unwrap()))
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().unwrap()))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.take(8)?.try_into().unwrap()))
    }

    fn text(&mut self, units: usize) -> Result<String> {
        utf16(self.take(units * 2)?)
    }
}

fn utf16(bytes: &[u8]) -> Result<String> {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
    String::from_utf16(&units).map_err(|_| "no UTF-16".to_string())
}

/// A type on the wire: its token, and its length where it has one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Wire {
    token: u8,
    length: u16,
}

/// A value longer than a packet counts.
const MAX: u16 = 0xFFFF;

impl Wire {
    fn read(bytes: &mut Bytes) -> Result<Wire> {
        let token = bytes.u8()?;
        let length = match token {
            // Of fixed length: null, tinyint, bit, smallint, int, real, float, bigint.
            0x1F => 0,
            0x30 | 0x32 => 1,
            0x34 => 2,
            0x38 | 0x3B => 4,
            0x3E | 0x7F => 8,
            // With a length of one byte: uniqueidentifier, integers, bit, floats.
            0x24 | 0x26 | 0x68 | 0x6D => bytes.u8()?.into(),
            // With a length of two: varbinary, varchar, nvarchar; the last two have a collation.
            0xA5 => bytes.u16()?,
            0xA7 | 0xE7 => {
                let length = bytes.u16()?;
                bytes.take(5)?;
                length
            }
            other => return Err(format!("invalid column type {other:#x} from the client")),
        };
        Ok(Wire { token, length })
    }

    fn value(self, bytes: &mut Bytes) -> Result<Cell> {
        let value: Option<Vec<u8>> = match self.token {
            0x1F => None,
            0x30..=0x3E | 0x7F => Some(bytes.take(self.length.into())?.to_vec()),
            0x24 | 0x26 | 0x68 | 0x6D => match bytes.u8()? {
                0 => None,
                length if u16::from(length) == self.length => Some(bytes.take(length.into())?.to_vec()),
                length => return Err(format!("invalid column length {length}, declared {}", self.length)),
            },
            _ if self.length == MAX => match bytes.u64()? {
                u64::MAX => None,
                // In pieces, of a total that may be unknown.
                total => {
                    let mut all = Vec::new();
                    loop {
                        match bytes.u32()? as usize {
                            0 => break,
                            piece => all.extend_from_slice(bytes.take(piece)?),
                        }
                    }
                    if total != u64::MAX - 1 && total != all.len() as u64 {
                        return Err(format!("a value of {} bytes, announced as {total}", all.len()));
                    }
                    Some(all)
                }
            },
            _ => match bytes.u16()? {
                MAX => None,
                length if length <= self.length => Some(bytes.take(length.into())?.to_vec()),
                length => return Err(format!("invalid column length {length}, declared {}", self.length)),
            },
        };
        let Some(value) = value else { return Ok(Cell::Null) };
        let integer = || {
            let sign = if self.length > 1 && value.last().is_some_and(|b| *b >= 0x80) { 0xFF } else { 0 };
            let mut all = [sign; 8];
            all[..value.len()].copy_from_slice(&value);
            i64::from_le_bytes(all)
        };
        Ok(match (self.token, self.length) {
            (0x6D | 0x3B | 0x3E, 4) => {
                let single = f32::from_le_bytes(value.as_slice().try_into().unwrap());
                if !single.is_finite() {
                    return Err(format!("invalid real {single}"));
                }
                Cell::Float(single.into())
            }
            (0x6D | 0x3B | 0x3E, _) => {
                let double = f64::from_le_bytes(value.as_slice().try_into().unwrap());
                if !double.is_finite() {
                    return Err(format!("invalid float {double}"));
                }
                Cell::Float(double)
            }
            (0x68 | 0x32, _) if value[0] > 1 => return Err(format!("invalid bit {}", value[0])),
            (0x26 | 0x68 | 0x30..=0x38 | 0x7F, _) => Cell::Int(integer()),
            (0x24, _) => {
                let part = |range: std::ops::Range<usize>, reverse: bool| {
                    let mut bytes = value[range].to_vec();
                    if reverse {
                        bytes.reverse();
                    }
                    bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()
                };
                let parts = [
                    part(0..4, true),
                    part(4..6, true),
                    part(6..8, true),
                    part(8..10, false),
                    part(10..16, false),
                ];
                Cell::Text(parts.join("-"))
            }
            (0xE7, _) => Cell::Text(utf16(&value)?),
            // The collation of the responder is Latin.
            (0xA7, _) => Cell::Text(value.iter().map(|b| char::from(*b)).collect()),
            _ => Cell::Bytes(value),
        })
    }

    /// Whether a column that was declared so may come so.
    fn is(self, declared: &str) -> bool {
        let (name, length) = declared.split_once('(').unwrap_or((declared, ""));
        let length = length.trim_end_matches(')');
        let number = if length == "max" { Some(MAX) } else { length.parse::<u16>().ok() };
        match name {
            "tinyint" => [(0x26, 1), (0x30, 1)].contains(&(self.token, self.length)),
            "smallint" => [(0x26, 2), (0x34, 2)].contains(&(self.token, self.length)),
            "int" => [(0x26, 4), (0x38, 4)].contains(&(self.token, self.length)),
            "bigint" => [(0x26, 8), (0x7F, 8)].contains(&(self.token, self.length)),
            "bit" => [(0x68, 1), (0x32, 1)].contains(&(self.token, self.length)),
            "real" => [(0x6D, 4), (0x3B, 4)].contains(&(self.token, self.length)),
            "float" => [(0x6D, 8), (0x3E, 8)].contains(&(self.token, self.length)),
            "uniqueidentifier" => (self.token, self.length) == (0x24, 16),
            "varbinary" => self.token == 0xA5 && number == Some(self.length),
            "varchar" => self.token == 0xA7 && number == Some(self.length),
            // The client says bytes where characters belong, and a server lets it.
            "nvarchar" => self.token == 0xE7 && number == Some(self.length),
            _ => false,
        }
    }
}

/// The columns of INSERT BULK: name and type.
pub fn declared(statement: &str) -> Vec<(String, String)> {
    let mut rest = statement.strip_prefix("INSERT BULK ").unwrap();
    let name = |rest: &mut &str| {
        let mut name = String::new();
        let mut inside = rest.strip_prefix('[').unwrap();
        loop {
            let end = inside.find(']').unwrap();
            name.push_str(&inside[..end]);
            inside = &inside[end + 1..];
            match inside.strip_prefix(']') {
                Some(more) => {
                    name.push(']');
                    inside = more;
                }
                None => break,
            }
        }
        *rest = inside;
        name
    };
    name(&mut rest);
    while let Some(more) = rest.strip_prefix('.') {
        rest = more;
        name(&mut rest);
    }
    rest = rest.strip_prefix(" (").unwrap();
    let mut columns = Vec::new();
    loop {
        let column = name(&mut rest);
        let mut depth = 0;
        let end = rest
            .find(|c| {
                depth += i32::from(c == '(') - i32::from(c == ')');
                depth < 0 || depth == 0 && c == ','
            })
            .unwrap();
        columns.push((column, rest[..end].trim().to_string()));
        match rest[end..].strip_prefix(", ") {
            Some(more) => rest = more,
            None => return columns,
        }
    }
}

/// The rows of a bulk load for the columns that were declared, or why a server refuses them.
pub fn bulk_rows(declared: &[(String, String)], body: &[u8]) -> Result<Vec<Vec<Cell>>> {
    let mut bytes = Bytes(body);
    if bytes.u8()? != 0x81 || usize::from(bytes.u16()?) != declared.len() {
        return Err("the columns of the load are not those of INSERT BULK".into());
    }
    let mut columns = Vec::new();
    for (name, sql) in declared {
        bytes.take(4)?;
        let nullable = bytes.u16()? & 1 == 1;
        let wire = Wire::read(&mut bytes)?;
        let units = bytes.u8()?.into();
        let found = bytes.text(units)?;
        if found != *name || !wire.is(sql) {
            return Err(format!(
                "invalid column type from the client: {name} {sql} comes as {found} {wire:x?}"
            ));
        }
        columns.push((wire, nullable));
    }
    let mut rows = Vec::new();
    loop {
        match bytes.u8()? {
            0xD1 => {
                let row = columns.iter().map(|(wire, nullable)| match wire.value(&mut bytes)? {
                    Cell::Null if !nullable => Err("NULL for a column that takes none".to_string()),
                    value => Ok(value),
                });
                rows.push(row.collect::<Result<Vec<_>>>()?);
            }
            0xFD => {
                bytes.take(12)?;
                return if bytes.0.is_empty() {
                    Ok(rows)
                } else {
                    Err("bytes after the end of the load".into())
                };
            }
            other => return Err(format!("a token {other:#x} where a row begins")),
        }
    }
}

/// A call of sp_executesql: the statement and its parameters.
pub fn call(body: &[u8]) -> Result<(String, Vec<Cell>)> {
    let mut bytes = Bytes(body);
    let headers = bytes.u32()? as usize;
    bytes.take(headers - 4)?;
    if (bytes.u16()?, bytes.u16()?) != (0xFFFF, 10) {
        return Err("a call of another procedure than sp_executesql".into());
    }
    bytes.u16()?;
    let mut values = Vec::new();
    while !bytes.0.is_empty() {
        let units = bytes.u8()?.into();
        bytes.text(units)?;
        bytes.u8()?;
        let wire = Wire::read(&mut bytes)?;
        values.push(wire.value(&mut bytes)?);
    }
    let mut values = values.into_iter();
    match (values.next(), values.next()) {
        (Some(Cell::Text(statement)), Some(Cell::Text(declared))) => {
            let values: Vec<Cell> = values.collect();
            if declared.matches("@P").count() != values.len() || values.len() > 2098 {
                return Err(format!("{} parameters for {declared}", values.len()));
            }
            Ok((statement, values))
        }
        other => Err(format!("no statement in a call: {other:?}")),
    }
}

impl std::fmt::Display for Cell {
    /// Short, whatever the value's length.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sum =
            |bytes: &[u8]| bytes.iter().fold(7u64, |sum, b| sum.wrapping_mul(31).wrapping_add((*b).into()));
        match self {
            Cell::Null => f.write_str("NULL"),
            Cell::Int(v) => v.fmt(f),
            Cell::Float(v) => write!(f, "{v:?}"),
            Cell::Text(text) if text.len() > 200 => {
                write!(f, "text of {}: {:x}", text.len(), sum(text.as_bytes()))
            }
            Cell::Text(text) => f.write_str(text),
            Cell::Bytes(bytes) if bytes.len() > 100 => {
                write!(f, "bytes of {}: {:x}", bytes.len(), sum(bytes))
            }
            Cell::Bytes(bytes) => bytes.iter().try_for_each(|b| write!(f, "{b:02X}")),
        }
    }
}

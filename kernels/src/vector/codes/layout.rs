//! A code as it travels, one row at a time.

use super::{MOST_DIMENSIONS, Numbers};
use crate::error::{Error, Place};
use crate::number::element::Element;

const MAGIC: [u8; 2] = *b"HC";
const VERSION: u8 = 1;
/// Bytes before those of the components.
pub(super) const HEADER: usize = 40;
/// Where the code's own checksum lies, in the last bytes of the header.
const OWN: usize = 36;

/// A row's code, checked.
pub(super) struct Row<'a> {
    pub(super) element: Element,
    pub(super) numbers: Numbers,
    pub(super) bytes: &'a [u8],
}

impl Row<'_> {
    /// Checks that another row's code is of vectors of the same type and dimensions.
    pub(super) fn check(&self, name: &str, own: usize, row: usize, other: &Row<'_>) -> Result<(), Error> {
        if other.element != self.element {
            return Err(wrong(
                name,
                row,
                format!("a code of {} elements", other.element.name()),
                format!("{}, as in row {}", self.element.name(), own + 1),
            ));
        }
        if other.bytes.len() != self.bytes.len() {
            return Err(Error::Dimensions {
                place: name.into(),
                row: row as u64 + 1,
                found: other.bytes.len(),
                other: Place::Whole(format!("row {}", own + 1)),
                expected: self.bytes.len(),
            });
        }
        Ok(())
    }
}

fn wrong(name: &str, row: usize, found: String, expected: String) -> Error {
    Error::Value { place: name.into(), row: row as u64 + 1, found, expected }
}

/// CRC-32 of a code without the field that holds it.
fn own_checksum(code: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&code[..OWN]);
    hasher.update(&code[HEADER..]);
    hasher.finalize()
}

/// The code of a row that is not NULL.
pub(super) fn write(element: Element, numbers: &Numbers, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + bytes.len());
    out.extend(MAGIC);
    out.push(VERSION);
    out.push(Element::ALL.iter().position(|e| *e == element).unwrap_or_default() as u8);
    // At most `MOST_DIMENSIONS`.
    out.extend((bytes.len() as u32).to_le_bytes());
    for number in [numbers.scale, numbers.residual, numbers.norm, numbers.alignment] {
        out.extend(number.to_le_bytes());
    }
    out.extend(u64::from(numbers.square).to_le_bytes());
    out.extend(numbers.checksum.to_le_bytes());
    out.extend([0; 4]);
    out.extend_from_slice(bytes);
    let own = own_checksum(&out);
    out[OWN..HEADER].copy_from_slice(&own.to_le_bytes());
    out
}

/// Reads the code of row `row`, counted from 0, of the column `name`.
pub(super) fn read<'a>(name: &str, row: usize, code: &'a [u8]) -> Result<Row<'a>, Error> {
    let error = |found: String| wrong(name, row, found, "a code as vector_quantize makes it".into());
    let Some((header, bytes)) = code.split_first_chunk::<HEADER>() else {
        return Err(error(format!("{} bytes, fewer than a code has", code.len())));
    };
    if !header.starts_with(&MAGIC) {
        return Err(error("bytes that are no code".into()));
    }
    if header[2] != VERSION {
        let expected = format!("version {VERSION}: make it again with vector_quantize");
        return Err(wrong(name, row, format!("a code of version {}", header[2]), expected));
    }
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let dimensions = word(4) as usize;
    if dimensions != bytes.len() {
        let found = format!("a code of {dimensions} dimensions in {} bytes", code.len());
        return Err(wrong(name, row, found, format!("{} bytes", HEADER + dimensions)));
    }
    if word(OWN) != own_checksum(code) {
        return Err(error("a damaged code: its checksum differs".into()));
    }
    let number = |at| f32::from_bits(word(at));
    let numbers = Numbers {
        scale: number(8),
        residual: number(12),
        norm: number(16),
        alignment: number(20),
        square: word(24),
        checksum: word(32),
    };
    let parts = [numbers.scale, numbers.residual, numbers.norm, numbers.alignment];
    let element = Element::ALL.get(usize::from(header[3])).copied();
    let sound = dimensions <= MOST_DIMENSIONS
        && parts.iter().all(|part| *part >= 0.0)
        && numbers.scale.is_finite()
        && word(28) == 0;
    match element {
        Some(element) if sound => Ok(Row { element, numbers, bytes }),
        _ => Err(error("a code with numbers that no code has".into())),
    }
}
